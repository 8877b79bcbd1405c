"""Figures of what generators made."""
