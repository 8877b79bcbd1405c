"""What changed between two results folders: two commits, two machines, two versions of torch."""

from bench.report.compare.comparing import compare
from bench.report.compare.found import Comparison, FailOn
from bench.report.compare.page import compose
from bench.report.compare.writing import compare_folders, write_comparison

__all__ = ["Comparison", "FailOn", "compare", "compare_folders", "compose", "write_comparison"]
