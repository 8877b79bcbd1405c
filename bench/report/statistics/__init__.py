"""Statistics over seeds and datasets: short pure functions (docs/statistics.md)."""

from __future__ import annotations

from bench.report.statistics.best_of import best_after, expected_best
from bench.report.statistics.intervals import (
    LEVEL,
    RESAMPLES,
    Comparison,
    Interval,
    Spread,
    bootstrap_interval,
    differences,
    interquartile_mean,
    mean,
    mean_interval,
    median,
    paired_difference,
    performance_profile,
    probability_of_improvement,
    spread,
    welch_difference,
)
from bench.report.statistics.ranks import (
    CriticalDifference,
    critical_difference,
)
from bench.report.statistics.robustness import share_of_variants
from bench.report.statistics.significance import (
    EXACT,
    Test,
    comparison_p,
    holm,
    mean_difference,
    paired_p,
    rank_p,
    seeds_needed,
    seeds_to_settle,
    smallest_rank_p,
    welch_p,
    welch_seeds_to_settle,
)
from bench.report.statistics.spreads import Parts, pooled, variance_parts

__all__ = [
    "EXACT",
    "LEVEL",
    "RESAMPLES",
    "Comparison",
    "CriticalDifference",
    "Interval",
    "Parts",
    "Spread",
    "Test",
    "best_after",
    "bootstrap_interval",
    "comparison_p",
    "critical_difference",
    "differences",
    "expected_best",
    "holm",
    "interquartile_mean",
    "mean",
    "mean_difference",
    "mean_interval",
    "median",
    "paired_difference",
    "paired_p",
    "performance_profile",
    "pooled",
    "probability_of_improvement",
    "rank_p",
    "seeds_needed",
    "seeds_to_settle",
    "share_of_variants",
    "smallest_rank_p",
    "spread",
    "variance_parts",
    "welch_difference",
    "welch_p",
    "welch_seeds_to_settle",
]
