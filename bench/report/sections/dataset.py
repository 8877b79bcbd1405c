"""What is said of one dataset: who is best and by how much, metric by metric."""

from __future__ import annotations

from bench.datasets.base import Metric
from bench.report.analysis.gaps import explained, reasons
from bench.report.analysis.problems import Problem, describe
from bench.report.analysis.ranking import ABSENT, Standing
from bench.report.analysis.tables import FLOOR
from bench.report.page import numbers
from bench.report.page.document import (
    Block,
    Details,
    Entry,
    Figure,
    Items,
    Mark,
    Notice,
    Paragraph,
    Section,
    Table,
)
from bench.report.sections.background import mixed
from bench.report.sections.verdict import verdict
from bench.report.statistics import Interval

EMPTY = Entry("", "quiet")


def compare(problem: Problem, ranked: list[Standing], figures: list[Figure]) -> Section:
    """A dataset's section: verdict, tables, figures, and under what conditions."""
    blocks: list[Block] = [Paragraph(verdict(problem, ranked))]
    if warnings := mixed(problem):
        blocks.append(Notice("Not all cells were run under the same conditions", warnings))
    blocks.append(_ranking(problem, ranked))
    groups = dict.fromkeys(m.group for m in problem.dataset.metrics if m.group)
    for group in groups:
        if table := _group(problem, group, ranked):
            blocks.append(table)
    if lines := explained(problem, problem.dataset.metrics):
        blocks.append(Items(lines))
    blocks += figures
    conditions = Items(list(describe(problem.cell).items()))
    blocks.append(Details("Architecture, setting and budget", [conditions]))
    return Section(problem.label, f"dataset-{problem.anchor}", blocks)


def headed(metric: Metric) -> str:
    """A column's name, with ↑ where more is better; the arrow stays on the line of its word."""
    return f"{metric.label}\u00a0{'↑' if metric.higher_is_better else '↓'}"


def mark(problem: Problem, standing: Standing) -> Mark:
    """Bold for the best method and what cannot be told apart from it."""
    good = standing.against_best(problem.primary) in ("best", "tied", "ahead")
    return "best" if good else ""


def floor(problem: Problem, metric: Metric) -> Entry:
    """What real samples score against real samples."""
    value = problem.shared_result("floor").get(metric.name)
    if value is None and any(metric.name in reasons(record) for record in problem.records()):
        return Entry(numbers.NOT_COMPUTED, "quiet")
    return Entry(numbers.of(metric, value), "quiet")


def _ranking(problem: Problem, ranked: list[Standing]) -> Table:
    primary = problem.primary
    others = [m for m in problem.dataset.metrics if not m.group and m != primary]
    rows = []
    for s in ranked:
        failed = Entry(str(s.failed), "failed") if s.failed else Entry("0")
        if all(status in ABSENT for status in s.statuses):
            failed = Entry(s.told_statuses, "quiet")
        mean = numbers.mean(primary, s.last[primary.name], s.finished)
        rows.append([
            Entry(numbers.NOTHING if s.rank is None else str(s.rank)),
            Entry(s.method, mark(problem, s), s.method),
            _lacking() if s.not_computed(primary) else Entry(mean, mark(problem, s)),
            Entry(numbers.bounds(primary, s.last[primary.name])),
            Entry(numbers.difference(primary, s.difference)),
            Entry(f"{s.finished} of {s.planned}"),
            failed,
            *(_entry(s, m, s.last) for m in others),
        ])  # fmt: skip
    rows.append([EMPTY, Entry(FLOOR, "quiet"), floor(problem, primary), *([EMPTY] * 4),
                 *(floor(problem, metric) for metric in others)])  # fmt: skip
    order = f", {'highest' if primary.higher_is_better else 'lowest'} first"
    return Table(
        f"ranking-{problem.anchor}",
        f"Methods on {problem.label} by {primary.label} at the last evaluation"
        f"{order if any(s.rank for s in ranked) else ''}. Bold: the best and what "
        "cannot be told apart from it. Difference to the best: paired at equal seeds, with its "
        f"{numbers.INTERVAL}. After ±: half of the {numbers.INTERVAL}. "
        "Real data: real samples measured against real samples.",
        ["rank", "method", primary.label, numbers.INTERVAL, "difference to the best",
         "seeds finished", "seeds failed", *map(headed, others)],
        rows,
        names=1,
    )  # fmt: skip


def _group(problem: Problem, group: str, ranked: list[Standing]) -> Table | None:
    """The metrics of one group at the last evaluation and at the best checkpoint.

    None where no method has a value of any of them.
    """
    metrics = [metric for metric in problem.dataset.metrics if metric.group == group]
    values = (values[m.name] for s in ranked for values in (s.last, s.checkpoint) for m in metrics)
    if not any(values):
        return None
    rows, earlier = [], False
    for s in ranked:
        named = Entry(s.method, mark(problem, s), s.method)
        rows.append([named, Entry("last"), *(_entry(s, m, s.last) for m in metrics)])
        if not s.checkpoint_is_last:
            earlier = True
            again = Entry(s.method, "quiet", s.method)
            rows.append([again, Entry("best"), *(_entry(s, m, s.checkpoint) for m in metrics)])
    rows.append([Entry(FLOOR, "quiet"), EMPTY, *(floor(problem, m) for m in metrics)])
    best = "For every seed the last evaluation is also the best one."
    if earlier:
        best = (
            "Best: at each seed's best checkpoint, its best evaluation by "
            f"{problem.throughout[0].label}, where that is not the last one for every seed."
        )
    slug = "".join(c if c.isascii() and c.isalnum() else "-" for c in group)
    return Table(
        f"{slug}-{problem.anchor}",
        f"{group} on {problem.label}: mean over finished seeds, methods in the order of the "
        f"ranking. {best} After ±: half of the {numbers.INTERVAL}.",
        ["method", "evaluation", *map(headed, metrics)],
        rows,
        texts=(1,),
    )  # fmt: skip


def _entry(standing: Standing, metric: Metric, values: dict[str, Interval | None]) -> Entry:
    if values[metric.name] is None and metric.name in standing.reasons:
        return _lacking()
    return Entry(numbers.mean_and_half_width(metric, values[metric.name], standing.finished))


def _lacking() -> Entry:
    return Entry(numbers.NOT_COMPUTED, "quiet")
