"""One dataset: its ranking, its figures, and further numbers folded."""

from __future__ import annotations

import math

from bench.errors import BenchError
from bench.metric import Quantity
from bench.registry import make_method
from bench.report.analysis.contrast import Contrast
from bench.report.analysis.findings import Findings
from bench.report.analysis.gaps import reasons
from bench.report.analysis.problems import Problem, describe
from bench.report.analysis.ranking import Standing
from bench.report.analysis.tables import FLOOR
from bench.report.page import numbers
from bench.report.page.document import EMPTY, Block, Entry, Items, Mark, Table
from bench.report.statistics import Interval
from bench.report.topics.dataset.gaps import explained
from bench.report.topics.study.provenance import listed
from bench.taken import REDRAWN
from bench.words import count, listing

MARKS = (
    "★ best, ≈ not distinguishable from it. Mean difference, Holm-corrected p and P(beats best): "
    "against the best method."
)


def ranking(found: Findings, problem: Problem, ranked: list[Standing]) -> list[Block]:
    """Return who is best, the differences from a baseline, and what was not computed."""
    blocks: list[Block] = [_ranking(problem, ranked)]
    if found.baseline in problem.by_method:
        blocks.append(_against(problem, ranked, found.baseline))
    if lines := explained(problem, problem.quantities):
        blocks.append(Items(lines))
    return blocks


def scores(problem: Problem, ranked: list[Standing]) -> tuple[tuple[Entry, Entry], ...]:
    """Return every method with its interquartile mean, best first, and real data."""
    rows = [(Entry(s.method, method=s.method), centre(problem, s, mark(s))) for s in ranked]
    return (*rows, (Entry(FLOOR, "quiet"), floor(problem, problem.primary)))


def metrics(_: Findings, problem: Problem, ranked: list[Standing]) -> list[Block]:
    """Return the tables of all metrics that do not rank, group by group."""
    groups = dict.fromkeys(m.group for m in problem.quantities if not _is_spread(m))
    return [table for group in groups if (table := _group(problem, group, ranked))]


def conditions(_: Findings, problem: Problem, __: list[Standing]) -> list[Block]:
    """Return the architecture, training and budget that all runs of a problem share."""
    return [Items([*describe(problem.cell).items(), *_published(problem)])]


def _is_spread(metric: Quantity) -> bool:
    """Return whether a quantity is the spread over drawn samples, which has a table of its own."""
    return metric.name.endswith(f"_{REDRAWN}")


def _published(problem: Problem) -> list[tuple[str, str]]:
    """Return the methods with hyperparameters published for such data instead of the defaults."""
    told = []
    for method, cells in problem.by_method.items():
        part = cells[0].cell.method
        try:
            default = make_method(part.name).hyperparameters()
        except BenchError:  # recorded once, with a method that is gone
            continue
        changed = {k: v for k, v in part.hyperparameters.items() if v != default.get(k)}
        # what a study or a user has set is in the label
        if changed and "(" not in method:
            told.append(f"{method} ({listed(changed)})")
    return [("Hyperparameters published for such data", listing(told))] if told else []


def headed(metric: Quantity) -> str:
    """Return a column's name, with an arrow; the arrow stays on the line of its word."""
    if metric.descriptive:
        return metric.label
    return f"{metric.label}\u00a0{metric.arrow}"


def mark(standing: Standing) -> Mark:
    """Return the mark of the best method, and of those not distinguishable from it."""
    found = standing.against_best
    return "best" if found == "best" else "tied" if found == "tied" else ""


def floor(problem: Problem, metric: Quantity) -> Entry:
    """Return what real samples score against real samples."""
    value = problem.floor.get(metric.name)
    if value is None and any(metric.name in reasons(record) for record in problem.records()):
        return Entry(numbers.NOT_COMPUTED, "quiet")
    return Entry(numbers.of(metric, value), "quiet", value=value)


def centre(problem: Problem, standing: Standing, marked: Mark = "") -> Entry:
    """Return the interquartile mean over all seeds, or why there is none."""
    if standing.not_computed(problem.primary):
        return _lacking()
    if standing.centre is not None and not standing.holds:
        told = f"{standing.failed} of {count(len(standing.scores), 'seed')} failed"
        return Entry(told, "failed")
    if standing.centre is None:
        return Entry(numbers.NOTHING, "quiet")
    return Entry(
        numbers.of(problem.primary, standing.centre.value), marked, value=standing.centre.value
    )


def difference(problem: Problem, found: Contrast | None) -> Entry:
    """Return a difference with its interval."""
    if found is None or found.difference is None:
        return Entry(numbers.NOTHING, "quiet")
    return Entry(
        numbers.difference(problem.primary, found.difference), value=found.difference.value
    )


def seeds(standing: Standing) -> Entry:
    """Return seeds that finished, of those planned."""
    mark: Mark = "failed" if standing.failed else ""
    return Entry(f"{standing.finished} of {standing.planned}", mark, value=standing.finished)


def _ranking(problem: Problem, ranked: list[Standing]) -> Table:
    primary, beside = problem.primary, _beside(problem, ranked)
    rows = []
    for s in ranked:
        mean = s.last[primary.name]
        told = numbers.mean_and_half_width(primary, mean, s.finished)
        rows.append([
            Entry(numbers.NOTHING) if s.rank is None else Entry(str(s.rank), value=s.rank),
            Entry(s.method, mark(s), s.method),
            centre(problem, s, mark(s)),
            *ends(primary, s.centre),
            _lacking() if s.not_computed(primary) else Entry(told, value=_value(mean)),
            *_contrast(problem, s.to_best),
            *(_entry(s, m, s.last, is_short=True) for m in beside),
            Entry(s.told_statuses, "quiet") if s.trained == 0 else seeds(s),
        ])  # fmt: skip
    real = floor(problem, primary)
    unknown = [EMPTY] * len(_CONTRAST)
    rows.append([EMPTY, Entry(FLOOR, "quiet"), real, EMPTY, EMPTY, real, *unknown,
                 *(floor(problem, m) for m in beside), EMPTY])  # fmt: skip
    order = f", {'highest' if primary.higher_is_better else 'lowest'} first"
    return Table(
        f"ranking-{problem.anchor}",
        f"{primary.label} on {problem.label} at the last evaluation"
        f"{order if any(s.rank for s in ranked) else ''}. {MARKS}",
        ["rank", "method", f"{headed(primary)}, interquartile mean", "from", "to", "mean",
         *_CONTRAST, *(f"{headed(m)}, mean" for m in beside), "seeds finished"],
        rows,
        names=1,
        hidden=(3, 4, 5, 9),
        reference=next((i for i, s in enumerate(ranked) if mark(s) == "best"), None),
    )  # fmt: skip


def _beside(problem: Problem, ranked: list[Standing]) -> list[Quantity]:
    """Return the first share of good samples, if any: many modes may be held by few of them."""
    shares = [m for m in problem.quantities if m.percent and m.higher_is_better and not m.group
              and not (m.descriptive or _is_spread(m) or m == problem.primary)]  # fmt: skip
    return [m for m in shares[:1] if any(s.last[m.name] for s in ranked)]


def ends(metric: Quantity, found: Interval | None) -> list[Entry]:
    """Return the two ends of an interval."""
    known = (None, None) if found is None else (found.low, found.high)
    return [
        Entry(numbers.of(metric, e), value=None if e is None or math.isinf(e) else e) for e in known
    ]


_CONTRAST = ("mean difference", "p", "P(beats best)", "seeds to settle it")
_AGAINST = ("mean difference", "p", "P(beats it)", "seeds to settle it")


def _contrast(problem: Problem, found: Contrast | None) -> list[Entry]:
    if found is None:
        return [EMPTY] * len(_CONTRAST)
    return [
        difference(problem, found),
        Entry(numbers.p_value(found.adjusted), value=found.adjusted),
        Entry(numbers.chance(found.improvement), value=_value(found.improvement)),
        Entry(numbers.plain(found.seeds_needed, 0), value=found.seeds_needed),
    ]


def _against(problem: Problem, ranked: list[Standing], baseline: str) -> Table:
    words = {"ahead": "better", "behind": "worse", "tied": "not distinguishable",
             "unsure": "too few seeds"}  # fmt: skip
    rows = []
    for s in ranked:
        outcome = words.get(s.to_baseline.outcome, "") if s.to_baseline else ""
        rows.append([
            Entry(s.method, method=s.method),
            *_contrast(problem, s.to_baseline),
            Entry("the baseline" if s.method == baseline else outcome, "quiet"),
        ])  # fmt: skip
    return Table(
        f"baseline-{problem.anchor}",
        f"{problem.primary.label} on {problem.label}: differences from {baseline}, with their "
        f"{numbers.INTERVAL}.",
        ["method", *_AGAINST, "outcome"],
        rows,
        texts=(5,),
        hidden=(4,),
        reference=[s.method for s in ranked].index(baseline),
    )


def _group(problem: Problem, group: str, ranked: list[Standing]) -> Table | None:
    """Return the metrics of one group at the last evaluation and at the best checkpoint.

    None where no method has a value of any of them.
    """
    metrics = [m for m in problem.quantities if m.group == group and m != problem.primary]
    values = (values[m.name] for s in ranked for values in (s.last, s.checkpoint) for m in metrics)
    if not any(values):
        return None
    rows, earlier = [], False
    for s in ranked:
        named = Entry(s.method, mark(s), s.method)
        rows.append([named, Entry("last"), *(_entry(s, m, s.last) for m in metrics)])
        if not s.checkpoint_is_last and any(s.checkpoint[m.name] for m in metrics):
            earlier = True
            again = Entry(s.method, "quiet", s.method)
            rows.append([again, Entry("best"), *(_entry(s, m, s.checkpoint) for m in metrics)])
    if any(problem.floor.get(m.name) is not None for m in metrics):
        rows.append([Entry(FLOOR, "quiet"), EMPTY, *(floor(problem, m) for m in metrics)])
    best = ""
    if earlier:
        best = f" Best: at each seed's best checkpoint by {problem.throughout[0].label}."
    slug = "".join(c if c.isascii() and c.isalnum() else "-" for c in (group or "metrics").lower())
    return Table(
        f"{slug}-{problem.anchor}",
        f"{group or 'Other metrics'} on {problem.label}: mean over finished seeds ± half of the "
        f"{numbers.INTERVAL}.{best}",
        ["method", "evaluation", *map(headed, metrics)],
        rows,
        texts=(1,),
    )  # fmt: skip


def _entry(
    standing: Standing, metric: Quantity, values: dict[str, Interval | None], is_short: bool = False
) -> Entry:
    """Return a mean over finished seeds, with half its interval unless ``is_short``."""
    if values[metric.name] is None and metric.name in standing.reasons:
        return _lacking()
    found = values[metric.name]
    told = numbers.mean_and_half_width(metric, found, standing.finished)
    return Entry(numbers.of(metric, _value(found)) if is_short else told, value=_value(found))


def _value(found: Interval | None) -> float | None:
    return None if found is None else found.value


def _lacking() -> Entry:
    return Entry(numbers.NOT_COMPUTED, "quiet")
