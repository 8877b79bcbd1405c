"""The page of a tuning, in words and tables."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from pathlib import Path

from bench.report.analysis.problems import describe
from bench.report.page import numbers
from bench.report.page.document import (
    EMPTY,
    Block,
    Details,
    Document,
    Entry,
    Figure,
    Items,
    Listing,
    Notice,
    Paragraph,
    Section,
    Table,
    Verdict,
    Verdicts,
)
from bench.report.statistics import Interval
from bench.report.topics.dataset.ranking import centre, ends, floor, headed, mark, seeds
from bench.report.topics.study.provenance import mixed
from bench.report.topics.study.verdict import failed, headline
from bench.tuning.findings import Result
from bench.tuning.search import Trial
from bench.tuning.space import BETA1, BETA2, LEARNING_RATE, Value
from bench.tuning.tune import Tuning
from bench.words import count, listing, ranges

NAMES = {LEARNING_RATE: "learning rate", BETA1: "β₁", BETA2: "β₂"}
"""Of the parameters of training; a method's own are shown by their hyperparameters' names."""


def compose(
    tuning: Tuning,
    results: list[Result],
    figures: Sequence[Figure | Paragraph],
    colours: dict[str, str],
    folder: Path,
    notes: Sequence[str] = (),
) -> Document:
    """Return the page as blocks; ``figures`` holds one for each of ``results``."""
    trials = count(tuning.count, "trial")
    methods = count(len({each.search.method for each in tuning.tuned}), "method")
    summary = (
        f"{methods}, each with {trials} per dataset. Every trial has the same number of "
        "discriminator updates; a method with more parameters searches a larger space. Trial 0 "
        "uses the study's own values, the others are drawn at random. A trial is scored by the "
        f"mean over {_seeds(tuning.seeds)} of the metric that ranks methods, at the last "
        "evaluation; if a seed fails, the trial fails. The best trial and the study's own values "
        "are then compared on the study's seeds, which no trial has used."
    )
    lead: list[Block] = [Paragraph(summary), Verdicts([_verdict(each) for each in results])]
    warnings = list(notes)
    if unfinished := sum(t.state == "open" for each in tuning.tuned for t in each.trials):
        warnings.insert(
            0,
            f"{count(unfinished, 'trial')} ended by a fault of the machine or the code: counted "
            "as failed here, and tried again by the next “bench tune”.",
        )
    if warnings:
        lead.append(Notice("Please note", warnings))
    sections = [_problem(tuning, *each) for each in zip(results, figures, strict=True)]
    sections.append(Section("Where it comes from", "origin", _origin(tuning, folder)))
    title = f"{tuning.study.name}: every method tuned with {trials}"
    return Document(title, lead, sections, colours)


def _seeds(values: Sequence[int]) -> str:
    return f"seed{'' if len(values) == 1 else 's'} {ranges(values)}"


def _verdict(result: Result) -> Verdict:
    gains = [
        f"{s.method} by {numbers.difference(result.problem.primary, gain)}"
        for s in result.ranked
        if (gain := result.gain(s)) is not None and _is_better(result, gain)
    ]
    improved = "; ".join(gains) or f"no method's {numbers.INTERVAL} excludes 0"
    before = headline(result.problem, list(result.default.values()))
    after = headline(result.after, result.ranked) if result.ranked else "Every trial failed."
    return Verdict(
        result.problem.label, f"tuning-{result.problem.anchor}", f"Tuned: {after}",
        failed(result.ranked), (("Before tuning", before), ("Improved", improved)),
    )  # fmt: skip


def _is_better(result: Result, gain: Interval) -> bool:
    """Return whether the interval excludes 0; where nothing is random, whether there is a gain."""
    low, high = gain.low, gain.high
    if low is None and result.problem.copies:
        low = high = gain.value
    if low is None or high is None:
        return False
    return low > 0 if result.problem.primary.higher_is_better else high < 0


def _problem(tuning: Tuning, result: Result, figure: Figure | Paragraph) -> Section:
    blocks: list[Block] = []
    if warnings := mixed(result.after):
        blocks.append(Notice("Not all cells were run under the same conditions", warnings))
    study = Items(list(describe(result.problem.cell).items()))
    blocks += [
        _ranking(tuning, result), figure, _values(result),
        Details("Every trial, and the study's own settings", [_trials(tuning, result), study]),
    ]  # fmt: skip
    return Section(result.problem.label, f"tuning-{result.problem.anchor}", blocks)


def _ranking(tuning: Tuning, result: Result) -> Table:
    problem, metric = result.problem, result.problem.primary
    ranked = {s.method: s for s in result.ranked}
    rows = []
    for method, tuned in result.tuned.items():
        name = Entry(method, "", method)
        after = [Entry("every trial failed", "failed"), EMPTY, EMPTY, EMPTY]
        gain = seen = EMPTY
        if (s := ranked.get(method)) is not None:
            name, found = Entry(method, mark(s), method), result.gain(s)
            after = [centre(result.after, s, mark(s)), *ends(metric, s.centre), seeds(s)]
            gain = Entry(numbers.difference(metric, found), value=found.value if found else None)
        if (best := tuned.best) is not None:
            seen = Entry(numbers.of(metric, best.score), "quiet", value=best.score)
            if best.number == 0:
                gain = Entry("the same values", "quiet")
        scored = sum(trial.score is not None for trial in tuned.trials)
        total, seconds = len(tuned.trials), math.fsum(trial.seconds for trial in tuned.trials)
        rows.append([
            name, *after, centre(problem, result.default[method]), gain, seen,
            Entry(f"{scored} of {total}", "failed" if scored < total else "", value=scored),
            Entry(numbers.plain(seconds, 0), value=seconds),
        ])  # fmt: skip
    rows += [
        [Entry(m, "quiet", m), Entry("not applicable", "quiet"), *[EMPTY] * 8]
        for m in result.default
        if m not in result.tuned
    ]
    real = floor(problem, metric)
    rows.append([Entry("real data", "quiet"), real, *[EMPTY] * 3, real, *[EMPTY] * 4])
    own_seeds = _seeds(sorted({p.cell.seed for p in problem.planned}))
    return Table(
        f"tuning-{problem.anchor}",
        f"Methods on {problem.label} after tuning: interquartile mean of {metric.label} at the "
        f"last evaluation over {own_seeds}; failed seeds count as the worst. ★: the best; ≈: no "
        "significant difference from it. Gain: tuned minus own values, paired by seed, with its "
        f"{numbers.INTERVAL}. In tuning: the best trial's score on {_seeds(tuning.seeds)}, which "
        "is too good, as these seeds selected it. Training: seconds of all trials together.",
        ["method", f"tuned, {headed(metric)}", "from", "to", "seeds finished",
         f"own values, {headed(metric)}", "gain", f"in tuning, {headed(metric)}",
         "trials with a score", "training, seconds"],
        rows,
        hidden=(2, 3),
    )  # fmt: skip


def _values(result: Result) -> Table:
    """Return the values of each method's best trial beside what was searched."""
    rows = [
        [Entry(method, method=method), Entry(NAMES.get(name, name)), Entry(str(searched)),
         Entry(_shown(tuned.search.start[name])),
         Entry(_shown(tuned.best.values[name]) if tuned.best else numbers.NOTHING)]
        for method, tuned in result.tuned.items()
        for name, searched in tuned.search.space.items()
    ]  # fmt: skip
    return Table(
        f"tuning-values-{result.problem.anchor}",
        f"Values of each method's best trial on {result.problem.label}. All choices are equally "
        "likely.",
        ["method", "parameter", "searched", "study's own", "best trial"],
        rows,
        texts=(1, 2),
    )


def _shown(value: Value) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _trials(tuning: Tuning, result: Result) -> Table:
    metric = result.problem.primary

    def score(value: float | None, is_best: bool = False) -> Entry:
        shown = numbers.of(metric, value)
        return Entry(shown, "best" if is_best else "quiet" if value is None else "", value=value)

    def row(method: str, trial: Trial, is_best: bool) -> list[Entry]:
        values = (f"{NAMES.get(name, name)} {_shown(v)}" for name, v in trial.values.items())
        failed = trial.score is None
        return [
            Entry(method, method=method),
            Entry(str(trial.number), value=trial.number),
            Entry("failed", "failed") if failed else score(trial.score, is_best),
            *(score(trial.scores.get(seed)) for seed in tuning.seeds),
            Entry(", ".join(values)),
            Entry(trial.reason),
        ]

    last = 3 + len(tuning.seeds)
    return Table(
        f"tuning-trials-{result.problem.anchor}",
        f"Every trial on {result.problem.label}, by {metric.label}. ★: each method's best.",
        ["method", "trial", headed(metric), *(f"seed {seed}" for seed in tuning.seeds), "values",
         "why it failed"],
        [row(method, trial, trial == tuned.best)
         for method, tuned in result.tuned.items() for trial in tuned.trials],
        texts=(last, last + 1),
    )  # fmt: skip


def _origin(tuning: Tuning, folder: Path) -> list[Block]:
    study = tuning.study
    planned = [p for each in tuning.tuned for p in (*each.default, *each.tuned)]
    runs = [p.record.data["run"] for p in planned if p.record]
    items = [
        (term, listing(sorted({str(run.get(key) or "unknown") for run in runs})))
        for term, key in (("Commit", "commit"), ("Device", "device_name"))
    ]
    command = [
        *("bench", "tune", study.source or study.name, "--trials", str(tuning.count)),
        *("--tuning-seeds", str(len(tuning.seeds)), "--results", str(folder.parent)),
    ]
    return [
        Items(items),
        Paragraph(
            "Every trial is in tuning.csv. docs/tuning.md describes the search and its estimates. "
            "The ranking holds for this budget and these ranges; a curve that is not flat at its "
            "right end shows that more trials would help. To continue and rewrite this page:"
        ),
        Listing(shlex.join(command), is_command=True),
    ]
