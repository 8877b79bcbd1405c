"""A tuning in words and tables."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from pathlib import Path

from bench.report.analysis.problems import describe
from bench.report.analysis.ranking import Standing
from bench.report.page import numbers
from bench.report.page.document import (
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
from bench.report.topics.dataset.ranking import centre, floor, headed, mark, seeds
from bench.report.topics.study.provenance import mixed
from bench.report.topics.study.verdict import failed, headline
from bench.tuning.findings import Result
from bench.tuning.search import Trial
from bench.tuning.space import BETA1, BETA2, LEARNING_RATE, Value, Values
from bench.tuning.tune import Tuned, Tuning

TRAINING = {LEARNING_RATE: "learning rate", BETA1: "β₁", BETA2: "β₂"}
"""Parameters of training, which most methods have; the others are a method's own."""
EMPTY = Entry("", "quiet")


def compose(
    tuning: Tuning,
    results: list[Result],
    figures: Sequence[Figure | Paragraph],
    colours: dict[str, str],
    folder: Path,
    notes: Sequence[str] = (),
) -> Document:
    """The page of a tuning, as blocks; ``figures`` holds one for each of ``results``."""
    lead: list[Block] = [Paragraph(_what(tuning)), Verdicts([_verdict(r) for r in results])]
    if lines := [*_cautions(tuning), *notes]:
        lead.append(Notice("Please note", lines))
    sections = [
        _problem(tuning, result, figure) for result, figure in zip(results, figures, strict=True)
    ]
    sections += [
        Section("How to read this", "reading", [Items(_reading(tuning))]),
        Section("Where it comes from", "origin", _origin(tuning, folder)),
    ]
    title = f"{tuning.study.name}: every method tuned with {numbers.count(tuning.count, 'trial')}"
    return Document(title, lead, sections, colours)


def _what(tuning: Tuning) -> str:
    methods = len({each.search.method for each in tuning.tuned})
    return (
        f"{numbers.count(methods, 'method')}, each with {numbers.count(tuning.count, 'trial')} on "
        "every dataset: the study's own values first, the others drawn at random. A trial is "
        f"judged on {_seeds(tuning.seeds)}. The best one and the study's own values then "
        "ran on the study's seeds, which no trial has seen; scores are from these, unless said."
    )


def _seeds(values: Sequence[int]) -> str:
    return f"seed{'' if len(values) == 1 else 's'} {numbers.ranges(list(values))}"


def _cautions(tuning: Tuning) -> list[str]:
    lines = []
    open_ones = sum(trial.state == "open" for each in tuning.tuned for trial in each.trials)
    if open_ones:
        lines.append(
            f"{numbers.count(open_ones, 'trial')} ended by the machine's fault or the code's and "
            "counted as failed here; the next `bench tune` tries them again."
        )
    return lines


def _verdict(result: Result) -> Verdict:
    before = list(result.default.values())
    told: list[tuple[str, str]] = [("Before tuning", headline(result.problem, before))]
    gains = [
        f"{s.method} by {numbers.difference(result.problem.primary, gain)}"
        for s in result.ranked
        if (gain := result.gain(s)) is not None and _is_better(result, gain)
    ]
    better = f"Better than before: {'; '.join(gains)}." if gains else ""
    told.append(("Gain", better or "No method is better than before by more than chance."))
    sentence = headline(result.after, result.ranked) if result.ranked else "Every trial failed."
    return Verdict(
        result.problem.label, _anchor(result), f"Tuned: {sentence}", failed(result.ranked),
        tuple(told),
    )  # fmt: skip


def _is_better(result: Result, gain: Interval) -> bool:
    """Whether a gain is more than chance; where nothing is random, whether there is one."""
    low, high = gain.low, gain.high
    if low is None and result.problem.copies:
        low = high = gain.value
    if low is None or high is None:
        return False
    return low > 0 if result.problem.primary.higher_is_better else high < 0


def _anchor(result: Result) -> str:
    return f"tuning-{result.problem.anchor}"


def _problem(tuning: Tuning, result: Result, figure: Figure | Paragraph) -> Section:
    blocks: list[Block] = []
    if warnings := mixed(result.after):
        blocks.append(Notice("Not all cells were run under the same conditions", warnings))
    blocks += [_ranking(tuning, result), figure, _best(result)]
    searched: list[Block] = [_space(result), Items(list(describe(result.problem.cell).items()))]
    blocks.append(Details("What was searched, and the study's own values", searched))
    blocks.append(Details("Every trial", [_trials(tuning, result)]))
    return Section(result.problem.label, _anchor(result), blocks)


def _ranking(tuning: Tuning, result: Result) -> Table:
    problem, metric = result.problem, result.problem.primary
    ranked = {s.method: s for s in result.ranked}
    rows = []
    for method, tuned in result.tuned.items():
        scored = sum(trial.score is not None for trial in tuned.trials)
        name = Entry(method, "", method)
        after = [Entry("every trial failed", "failed"), EMPTY, EMPTY, EMPTY]
        gain = seen = EMPTY
        if (s := ranked.get(method)) is not None:
            name = Entry(method, mark(s), method)
            after = [centre(result.after, s, mark(s)), *_ends(result, s), seeds(s)]
            found = result.gain(s)
            gain = Entry(
                numbers.difference(metric, found), value=None if found is None else found.value
            )
        if (best := tuned.best) is not None:
            seen = Entry(numbers.of(metric, best.score), "quiet", value=best.score)
            if best.number == 0:
                gain = Entry("the same values", "quiet")
        rows.append([
            name, *after, centre(problem, result.default[method]), gain, seen,
            Entry(f"{scored} of {len(tuned.trials)}",
                  "failed" if scored < len(tuned.trials) else "", value=scored),
            _seconds(tuned),
        ])  # fmt: skip
    for standing in result.default.values():
        if standing.method not in result.tuned:
            told = Entry("not applicable", "quiet")
            rows.append([Entry(standing.method, "quiet", standing.method), told, *[EMPTY] * 8])
    real = floor(problem, metric)
    rows.append([Entry("real data", "quiet"), real, EMPTY, EMPTY, EMPTY, real, *[EMPTY] * 4])
    return Table(
        f"tuning-{problem.anchor}",
        f"Methods on {problem.label} after tuning, by {metric.label} at the last evaluation: "
        f"interquartile mean over {_seeds(sorted({p.cell.seed for p in problem.planned}))}, failed "
        "ones the worst, with each method's best trial and with the study's own values. ★ marks "
        "the best, ≈ what cannot be told apart from it. Gain: tuned less own, paired at equal "
        f"seeds, with its {numbers.INTERVAL}. In tuning: the best trial's score on "
        f"{_seeds(tuning.seeds)}, which is too good, as these seeds chose it. Training: of all "
        "its trials together; every trial of every method makes as many discriminator updates.",
        ["method", f"tuned, {headed(metric)}", "from", "to", "seeds finished",
         f"own values, {headed(metric)}", "gain", f"in tuning, {headed(metric)}",
         "trials with a score", "training, seconds"],
        rows,
        hidden=(2, 3),
    )  # fmt: skip


def _ends(result: Result, standing: Standing) -> list[Entry]:
    found = standing.centre
    ends = (None, None) if found is None else (found.low, found.high)
    return [
        Entry(
            numbers.of(result.problem.primary, end),
            value=end if end is not None and math.isfinite(end) else None,
        )
        for end in ends
    ]


def _seconds(tuned: Tuned) -> Entry:
    seconds = math.fsum(trial.seconds for trial in tuned.trials)
    return Entry(numbers.plain(seconds, 0), value=seconds)


def _best(result: Result) -> Table:
    rows = []
    for method, tuned in result.tuned.items():
        best = tuned.best
        if best is None:
            continue
        rows.append([
            Entry(method, method=method),
            Entry(str(best.number), value=best.number),
            *_values(best.values, tuned.search.start),
        ])  # fmt: skip
    return Table(
        f"tuning-best-{result.problem.anchor}",
        f"The values of each method's best trial on {result.problem.label}, the study's own in "
        "brackets where these differ. Trial 0 is the study's own values.",
        ["method", "trial", *TRAINING.values(), "the method's own"],
        rows,
        texts=(5,),
    )


def _values(values: Values, start: Values | None = None) -> list[Entry]:
    """Entries of training's parameters and, as words, of the method's own."""
    entries = []
    for name in TRAINING:
        if name not in values:
            entries.append(Entry("not read", "quiet"))
            continue
        told = _told(values[name], start[name] if start else None)
        entries.append(Entry(told, value=float(values[name])))
    own = [
        f"{name} {_told(value, start[name] if start else None)}"
        for name, value in values.items()
        if name not in TRAINING
    ]
    return [*entries, Entry(", ".join(own))]


def _told(value: Value, start: Value | None) -> str:
    """A value, with the study's own in brackets where that is known and another."""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if start is None or start == value else f"{text} ({_told(start, None)})"


def _space(result: Result) -> Table:
    rows = [
        [Entry(method, method=method), Entry(TRAINING.get(name, name)), Entry(str(known)),
         Entry(_told(tuned.search.start[name], None))]
        for method, tuned in result.tuned.items()
        for name, known in tuned.search.space.items()
    ]  # fmt: skip
    return Table(
        f"tuning-space-{result.problem.anchor}",
        "What was searched: ranges from which values were drawn, choices that were equally likely.",
        ["method", "parameter", "from", "study's own"],
        rows,
        texts=(1, 2),
    )


def _trials(tuning: Tuning, result: Result) -> Table:
    metric = result.problem.primary
    rows = []
    for method, tuned in result.tuned.items():
        for trial in tuned.trials:
            is_best = tuned.best is not None and trial.number == tuned.best.number
            rows.append([
                Entry(method, method=method),
                Entry(str(trial.number), value=trial.number),
                Entry("failed", "failed") if trial.score is None
                else Entry(numbers.of(metric, trial.score), "best" if is_best else "",
                           value=trial.score),
                *(_seed(result, trial, seed) for seed in tuning.seeds),
                *_values(trial.values),
                Entry(trial.reason),
            ])  # fmt: skip
    first = 3 + len(tuning.seeds) + len(TRAINING)
    return Table(
        f"tuning-trials-{result.problem.anchor}",
        f"Every trial on {result.problem.label}: {metric.label} at the last evaluation, mean over "
        f"{_seeds(tuning.seeds)} and seed by seed. ★ marks each method's best.",
        ["method", "trial", headed(metric), *(f"seed {seed}" for seed in tuning.seeds),
         *TRAINING.values(), "the method's own", "why it failed"],
        rows,
        texts=(first, first + 1),
    )  # fmt: skip


def _seed(result: Result, trial: Trial, seed: int) -> Entry:
    score = trial.scores.get(seed)
    return Entry(numbers.of(result.problem.primary, score), "" if score else "quiet", value=score)


def _reading(tuning: Tuning) -> list[tuple[str, str]]:
    n = tuning.count
    return [
        ("Equal budgets", f"Every method has {numbers.count(n, 'trial')} on every dataset, failed "
         "ones included, and every trial as many discriminator updates. A method with more "
         "parameters searches a larger space with the same trials."),
        ("Which values", "Figure at random and independently, uniform in the logarithm for rates "
         "and weights. Trials of equal number try the same learning rate and betas for every "
         "method, wherever these search them over the same range."),
        ("Which is best", f"The best mean over {_seeds(tuning.seeds)} of the metric that ranks "
         "methods, at the last evaluation. A trial one of whose seeds failed has no score."),
        ("Too good", "The best of many noisy scores is partly luck: what it scored in tuning is "
         "better than what it is worth. Only the scores on fresh seeds compare methods."),
        ("Quality against trials", "The first trial is the study's own values. Of the others "
         "any k are as likely to have come first, so that the figure shows the mean of the best "
         "over all choices of k, exactly (by order statistics; after Lucic et al. 2018). Its right "
         "end rests on the one best trial alone."),
        ("What it does not say", "A line that still falls, or rises, at its right end says that "
         "more trials would help. The ranking holds for this budget and these ranges."),
    ]  # fmt: skip


def _origin(tuning: Tuning, folder: Path) -> list[Block]:
    study = tuning.study
    records = [p.record for each in tuning.tuned for p in (*each.default, *each.tuned) if p.record]
    runs = [record.data["run"] for record in records]
    told = {
        "commit": sorted({str(run.get("commit") or "unknown") for run in runs}),
        "device": sorted({str(run.get("device_name") or "unknown") for run in runs}),
    }
    command = [
        *("bench", "tune", study.source or study.name, "--trials", str(tuning.count)),
        *("--tuning-seeds", str(len(tuning.seeds)), "--results", str(folder.parent)),
    ]
    return [
        Items([(name, numbers.listing(values)) for name, values in told.items()]),
        Paragraph(
            "Every trial is in tuning.csv; its cells lie with all others in the results folder. "
            "This goes on with what is missing, and writes the page anew:"
        ),
        Listing(shlex.join(command), is_command=True),
    ]
