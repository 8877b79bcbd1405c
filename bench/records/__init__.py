"""Cells, what their results depend on, and the records kept of them."""
