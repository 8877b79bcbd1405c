"""What every number means, and under which protocol it was taken."""

from __future__ import annotations

import re
from typing import Any

from bench.metric import Quantity
from bench.metrics.gradients import BASELINES, FULL_LENGTH, HEADLINE, NEIGHBOURS, Gradients
from bench.report.analysis.contrast import LEVEL_TO_BASELINE, LEVEL_TO_BEST
from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import Problem
from bench.report.page import numbers
from bench.report.page.document import Block, Details, Items, Paragraph, Section
from bench.report.statistics import Comparison

_HASH = re.compile(r"[0-9a-f]{32,}")
_SHOWN = 16
"""Digits of a hash that are shown; the records hold all of it."""
SELDOM = ", at the best and the last evaluation only"


def definitions(found: Findings) -> list[Section]:
    """Return the meaning of every number, folded by subject."""
    statistics = Items([*_STATISTICS, *_TEST[found.study.comparison]])
    blocks = [
        *_metrics(found.problems),
        Details("Gradients and stability", [Items([*_gradients(Gradients()), *_STABILITY])]),
        Details("Statistics", [statistics]),
    ]
    return [Section("How each number is defined", "definitions", blocks)]


_STATISTICS = [
    ("Interquartile mean", "over all trained seeds of a method at the last evaluation, without "
     "the ⌊n / 4⌋ best and worst. A failed seed counts as infinitely bad: up to "
     "⌊n / 4⌋ of them are left out with the worst, and with more the method has no interquartile "
     "mean and ranks behind those that have. Of such methods fewer failures come first, then the "
     "mean of the finished seeds. Its interval is a bootstrap over seeds, which is too narrow with "
     "so few."),
    ("Mean", "over the finished seeds of a method, at the last evaluation; where a metric is not "
     "defined for some finished seeds, their number is given behind the mean."),
    (f"{numbers.INTERVAL} of a mean", "Student's t over seeds, mean ± t·s/√n. It may reach past "
     "the bounds of a metric. With one seed, or where all are the same, there is none."),
    ("P(beats it)", "the share of all pairs of seeds in which this method beats the other; "
     "failed seeds lose, equal ones count half."),
    ("Not distinguishable", f"the corrected p is above {LEVEL_TO_BEST:g} against the best method, "
     f"which the same data chose, and above {LEVEL_TO_BASELINE:g} against a baseline: so a study "
     "of up to a dozen methods finds one wrongly worse about one time in twenty. With so "
     "few seeds, finding no difference does not show that there is none."),
    ("Seeds to settle it", "seeds per method with which the same t test would distinguish the two "
     "in four of five studies at the corrected level, if the difference and the spread seen here "
     "were the true ones. From so few seeds this is an order of magnitude."),
    ("Rank", "by the interquartile mean. Of methods that read the same, the one with fewer failed "
     "seeds comes first; those with as many share a rank. A method without a finished seed has no "
     "rank, nor has any where the metric that ranks them was not computed."),
    ("Best checkpoint", "a seed's best evaluation by the first metric that every evaluation "
     "measures. Slow metrics are measured only there and at the last evaluation."),
]  # fmt: skip

_RANK = (
    "by a rank test (Mann and Whitney), failed seeds last, where one of the two has failed seeds. "
    "Corrected for the number of methods compared (Holm)."
)
_TEST: dict[Comparison, list[tuple[str, str]]] = {
    "welch": [
        ("Mean difference", "to the best method, or to a baseline: the mean over finished seeds of "
         "one less that of the other, with Welch's interval, in which each has its own spread."),
        ("p", "that both do the same: by Welch's t test, which the study states, over all seeds; "
         f"by a sign test where neither method varies; {_RANK}"),
    ],
    "paired": [
        ("Mean difference", "to the best method, or to a baseline, at equal seeds: methods see the "
         "same data, latents and initial weights at equal seed. Over the seeds that both finished, "
         "with Student's interval."),
        ("p", "that both do the same: by a paired t test, which the study states; by a sign test "
         f"where every difference is the same; {_RANK}"),
    ],
}  # fmt: skip


_STABILITY = [
    ("Best, last, gap", "mean over finished seeds of the best and of the last evaluation, and of "
     "the loss between them. The best of several evaluations exceeds a typical one, so a gap by "
     "itself is no collapse."),
    ("Oscillation", "standard deviation of the last iterates over a seed's checkpoints in the "
     "final tenth of the budget (two where there are ten), pooled over finished seeds."),
    ("All modes first held", "median update over the seeds that ever held all modes."),
]  # fmt: skip


def _metrics(problems: list[Problem]) -> list[Block]:
    parts: list[Block] = []
    # two problems may share a dataset and differ in the metrics that its hyperparameters ask for
    seen: set[tuple[str, Quantity]] = set()
    varied: set[str] = set()
    for problem in problems:
        variation = problem.cell.variation
        if variation is not None and variation.group in varied:
            continue
        varied |= set() if variation is None else {variation.group}
        name, dataset = problem.cell.dataset.name, problem.dataset
        told = {**dataset.hyperparameters(), **problem.protocol}
        # they stand at the top of the page
        told.pop("cautions", None)
        lines = [(key.replace("_", " "), _told(value)) for key, value in told.items()]
        blocks: list[Block] = [Items(lines)]
        new = [metric for metric in problem.quantities if (name, metric) not in seen]
        if not new:
            blocks.append(Paragraph("Its metrics are defined above."))
        for group in dict.fromkeys(metric.group for metric in new):
            blocks.append(Paragraph(_heading(problem, group)))
            blocks.append(Items([_defined(problem, m) for m in new if m.group == group]))
        seen |= {(name, metric) for metric in new}
        title = problem.label if variation is None else f"{variation.dataset}, in every variant"
        parts.append(Details(f"Metrics and protocol of {title}", blocks))
    return parts


def _heading(problem: Problem, group: str) -> str:
    """Return what a group of metrics is called, and when they are measured."""
    own = [metric for metric in problem.quantities if metric.group == group]
    told = {_when(problem, metric) for metric in own}
    when = told.pop() if group and len(told) == 1 else ""
    return f"{group or 'Metrics'}{when}:"


def _defined(problem: Problem, metric: Quantity) -> tuple[str, str]:
    way = f"; {metric.better}" if metric.better else ""
    ranks = "; ranks the methods" if metric == problem.primary else ""
    when = "" if metric.group else _when(problem, metric)
    return metric.label, f"{metric.meaning}{when}{way}{ranks} ({metric.name})"


def _when(problem: Problem, metric: Quantity) -> str:
    """Return when a metric is measured, where that is not at every evaluation."""
    records = list(problem.records())
    if metric in problem.throughout or not any(
        metric.name in e for r in records for e in r.evaluations
    ):
        return ""
    earlier = any(metric.name in e for r in records for e in r.evaluations[:-1])
    return SELDOM if earlier else ", at the last evaluation only"


def _told(value: Any) -> str:
    """Return a hyperparameter or an entry of the protocol in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_told, value))
    return _HASH.sub(lambda found: f"{found[0][:_SHOWN]}…", str(value))


def _gradients(at: Gradients) -> list[tuple[str, str]]:
    return [
        ("n", "the unclipped L2 norm of the whole gradient of a player's loss at one of its "
         "updates. The whole series is kept, so that other definitions need no training."),
        ("Spike", f"n exceeds {HEADLINE} times the median of the {at.window:,} updates before it "
         f"and of the last {at.sudden}, and ln n is more than {at.spike_z:g} · 1.4826 · MAD above "
         f"the former; after {at.warm_up} updates. Flagged updates closer than {at.episode_gap} "
         f"are one spike. The count is a result where those at {NEIGHBOURS[0]} and {NEIGHBOURS[1]} "
         "times differ from it by at most half, or by one."),
        ("Growth", f"the largest median of {at.smoothing} updates in a row as a multiple of a "
         "baseline: " + "; ".join(f"{name}: {told}" for name, told in BASELINES.items())
         + f" (early: {at.baseline:,} updates)."),
        ("Vanishing", f"the generator's n stays below {at.vanishing_factor:g} times the early "
         f"baseline for at least {at.vanishing_run} updates in a row."),
        ("Not finite", "a loss or a gradient norm is not finite; the seed ends there as diverged."),
        ("Lengths", f"these are for series of {FULL_LENGTH:,} updates or more; they shrink with "
         f"shorter ones, to a tenth. Below {at.least} updates of its own a player is not judged."),
    ]  # fmt: skip
