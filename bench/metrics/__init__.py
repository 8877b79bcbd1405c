"""One file per metric: what a trained run is measured by (``bench/metric.py``)."""
