"""Topics of a report: what is said of one dataset, and of the whole study."""
