"""Topics of the whole study."""
