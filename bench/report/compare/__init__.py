"""Compares two results folders: of two commits, two machines, or two versions of torch."""

from bench.report.compare.comparing import Comparison, FailOn, compare
from bench.report.compare.page import compose
from bench.report.compare.writing import compare_folders, write_comparison

__all__ = ["Comparison", "FailOn", "compare", "compare_folders", "compose", "write_comparison"]
