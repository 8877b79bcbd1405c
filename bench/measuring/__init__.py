"""Measuring apart from training: stored networks and series in, measurements out."""
