"""Topics of one dataset; section.py puts them in order."""
