"""All series and evaluations of many cells as one tidy Parquet file with its data dictionary."""

from bench.report.export.dictionary import describe
from bench.report.export.rows import labelled
from bench.report.export.writing import Exported, all_of, export, of_study

__all__ = ["Exported", "all_of", "describe", "export", "labelled", "of_study"]
