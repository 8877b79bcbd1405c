"""One file per extractor: what turns samples into features (``bench/metric.py``)."""
