"""What samples are measured by. Definitions: docs/metrics.md."""
