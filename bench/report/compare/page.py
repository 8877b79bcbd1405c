"""A comparison in words and tables."""

from __future__ import annotations

from collections import defaultdict

from bench.report.compare.found import Alone, Comparison, Difference, Pair, Ratio, Side, Verdict
from bench.report.compare.matching import shown
from bench.report.compare.rule import rule
from bench.report.page import numbers
from bench.report.page.document import (
    Block,
    Details,
    Document,
    Entry,
    Items,
    Mark,
    Notice,
    Paragraph,
    Section,
    Table,
)
from bench.report.statistics import Interval

WORDS: dict[Verdict, str] = {
    "worse": "worse, beyond noise",
    "better": "better, beyond noise",
    "noise": "differs, not beyond noise",
    "identical": "identical",
    "not compared": "not compared",
}
_MARKS: dict[Verdict, Mark] = {"worse": "failed", "better": "best", "identical": "quiet"}
_ARROW = " → "


def headline(comparison: Comparison) -> str:
    """One sentence: how many pairs, and how many of each verdict."""
    told = [
        f"{len(found)} {words.replace('differs', 'different')}"
        for verdict, words in WORDS.items()
        if (found := comparison.of(verdict))
    ]
    pairs = numbers.count(len(comparison.pairs), "pair")
    return f"{pairs} of method and problem compared; in B {'; '.join(told)}."


def compose(comparison: Comparison) -> Document:
    """The page of a comparison, as blocks."""
    lead: list[Block] = [
        Paragraph(headline(comparison)),
        Items([("A", _side(comparison.a)), ("B", _side(comparison.b))]),
    ]
    if lines := _cautions(comparison):
        lead.append(Notice("Read this first", lines))
    sections = [
        Section("What changed", "changed", _changed(comparison)),
        Section("Seeds that ended differently", "statuses", [_statuses(comparison)]),
        Section("Stability and cost", "cost", _stability(comparison)),
        Section("On one side alone", "alone", _alone(comparison)),
        Section("What the results depend on", "ingredients", _ingredients(comparison)),
        Section("Where they come from", "origin", [_origin(comparison)]),
        Section("What counts as beyond noise", "rule", rule(comparison)),
    ]
    return Document("What changed from A to B", lead, sections)


def _side(side: Side) -> str:
    told = f"{side.name}, {numbers.count(len(side.records), 'cell')}"
    if side.older:
        told += f" ({numbers.count(side.older, 'older record')} of the same cells passed over)"
    return f"{told}, commit {numbers.listing(_values(side, 'commit'))}"


def _cautions(comparison: Comparison) -> list[str]:
    lines = list(comparison.notes)
    protocols = sorted({found.problem for found in comparison.protocols})
    if protocols:
        lines.append(
            f"The protocol is not the same on {numbers.listing(protocols)} (see “What the results "
            "depend on”): a score may differ because it was taken differently."
        )
    devices = [_values(side, "device_name") for side in (comparison.a, comparison.b)]
    if devices[0] != devices[1]:
        lines.append(
            f"A ran on {numbers.listing(devices[0])}, B on {numbers.listing(devices[1])}. The last "
            "digits of floating-point numbers differ between machines, and training carries them "
            "on to everything: that alone is noise."
        )
    for name, alone in (("A", comparison.only_a), ("B", comparison.only_b)):
        if alone:
            cells = sum(len(each.seeds) for each in alone)
            lines.append(
                f"{numbers.count(cells, 'cell')} that {name} alone has "
                f"{'was' if cells == 1 else 'were'} not compared; see “On one side alone”."
            )
    return lines


def _changed(comparison: Comparison) -> list[Block]:
    by_problem: dict[str, list[Pair]] = defaultdict(list)
    for pair in comparison.pairs:
        by_problem[pair.problem].append(pair)
    return [_table(n, label, pairs) for n, (label, pairs) in enumerate(by_problem.items(), 1)]


def _table(number: int, label: str, pairs: list[Pair]) -> Table:
    metric = pairs[0].metric
    better = "greater" if metric.higher_is_better else "smaller"
    rows = [
        [
            Entry(pair.method),
            Entry(WORDS[pair.verdict], _MARKS.get(pair.verdict, "")),
            Entry(numbers.ranges(pair.seeds)),
            *(
                Entry(numbers.mean(metric, mean, len(pair.seeds)), value=_value(mean))
                for mean in pair.means
            ),
            Entry(
                numbers.difference(metric, pair.difference),
                value=_value(pair.difference),
            ),
            Entry(numbers.p_value(pair.adjusted), value=pair.adjusted),
            Entry(_why(pair)),
        ]
        for pair in pairs
    ]
    return Table(
        f"changed-{number}",
        f"{label}: {metric.label} at the last evaluation ({better} is better), mean over the seeds "
        f"that finished on both sides, and B − A at equal seeds with its {numbers.INTERVAL}.",
        ["method", "B against A", "seeds", "A", "B", "B − A", "adjusted p", "why"],
        rows,
        texts=(1, 2, 7),
    )


def _value(interval: Interval | None) -> float | None:
    return None if interval is None else interval.value


def _why(pair: Pair) -> str:
    if pair.verdict in ("identical", "not compared"):
        return "; ".join(pair.reasons)
    told = list(pair.reasons)
    if pair.identical:
        told.append(f"identical at {numbers.count(len(pair.identical), 'seed')}")
    told.append(f"not the same: {numbers.listing(pair.parts)}" if pair.parts else "")
    return "; ".join(filter(None, told))


def _statuses(comparison: Comparison) -> Block:
    rows = [
        [
            Entry(pair.problem),
            Entry(pair.method),
            Entry(str(seed)),
            *(Entry(status.replace("_", " "), "" if status == "ok" else "failed")
              for status in statuses),
            Entry("; ".join(
                f"{side}: {' '.join(record.reason.split())}"
                for side, record in zip("AB", pair.records[seed], strict=True) if record.reason
            )),
        ]
        for pair in comparison.pairs
        for seed, statuses in pair.changes.items()
    ]  # fmt: skip
    if not rows:
        return Paragraph("Every seed that both have ended with the same status.")
    return Table(
        "statuses",
        "Seeds whose status is not the same on both sides. A failed seed is the worst there is, "
        "and is left out of nothing but the means.",
        ["problem", "method", "seed", "A", "B", "reason"],
        rows,
        names=1,
        texts=(0, 3, 4, 5),
    )


def _stability(comparison: Comparison) -> list[Block]:
    rows = []
    for pair in comparison.pairs:
        row = [Entry(pair.problem), Entry(pair.method)]
        for a, b in pair.spikes.values():
            told = numbers.NOTHING
            if a or b:
                told = _ARROW.join(map(numbers.median_and_range, (a, b)))
            row.append(Entry(told, "quiet" if a == b else ""))
        row += [_ratio(pair.seconds), _ratio(pair.memory)]
        rows.append(row)
    table = Table(
        "cost",
        "Spikes: per 10,000 updates, median over the compared seeds (least – "
        "greatest), failed ones as far as they came. Costs: B divided by A, over the seeds that "
        "finished on both sides; only where device and population are the same. None of these "
        "is part of the verdict.",
        ["problem", "method", "spikes, discriminator", "spikes, generator",
         "training seconds, B / A", "peak memory, B / A"],
        rows,
        names=1,
        texts=(0,),
    )  # fmt: skip
    return [table]


def _ratio(ratio: Ratio) -> Entry:
    if ratio.value is None:
        return Entry(ratio.why, "quiet")
    return Entry(f"× {ratio.value:.2f}", value=ratio.value)


def _alone(comparison: Comparison) -> list[Block]:
    blocks: list[Block] = []
    for side, alone in (("A", comparison.only_a), ("B", comparison.only_b)):
        if alone:
            other = "B" if side == "A" else "A"
            caption = f"Cells that {side} alone has, and how the nearest cells of {other} differ."
            rows = [_lonely(each) for each in alone]
            header = ["problem", "method", "seeds", "statuses", f"nearest of {other}, A → B"]
            name = f"only-{side.lower()}"
            blocks.append(Table(name, caption, header, rows, names=1, texts=(0, 2, 3, 4)))
    return blocks or [Paragraph("Both sides have the same cells.")]


def _lonely(alone: Alone) -> list[Entry]:
    told = ", ".join(f"{n} {status.replace('_', ' ')}" for status, n in alone.statuses.items())
    near = "; ".join(alone.nearest) or "none with this method and dataset"
    return [
        Entry(t) for t in (alone.problem, alone.method, numbers.ranges(alone.seeds), told, near)
    ]


def _ingredients(comparison: Comparison) -> list[Block]:
    blocks: list[Block] = []
    if comparison.ingredients:
        caption = (
            "Ingredients of the compared cells that are not the same: hyperparameters by their "
            "values, source files by a hash of their meaning. Identical: cells with the same "
            "results, bit for bit, all the same."
        )
        blocks.append(_differences("ingredients", caption, comparison.ingredients))
    else:
        blocks.append(
            Paragraph(
                "The compared cells depend on the same hyperparameters and on the same sources, "
                "by their hashes. Where results differ, the machine, its libraries or chance is "
                "the cause."
            )
        )
    if comparison.protocols:
        caption = "Entries of the protocols that are not the same."
        blocks.append(_differences("protocols", caption, comparison.protocols))
    return blocks


def _differences(name: str, caption: str, found: list[Difference]) -> Block:
    rows = [
        [
            *([Entry(each.problem)] if each.problem else []),
            Entry(each.name),
            Entry(shown(each.a)),
            Entry(shown(each.b)),
            Entry(str(each.cells), value=each.cells),
            Entry(str(each.identical), value=each.identical),
        ]
        for each in found
    ]
    problem = ["problem"] if found[0].problem else []
    header = [*problem, "what", "A", "B", "cells", "identical"]
    first = len(problem)
    texts = (*range(first), first + 1, first + 2)
    table = Table(name, caption, header, rows, names=first, texts=texts)
    many = 12
    return table if len(rows) <= many else Details(f"{len(rows)} that are not the same", [table])


_ORIGIN = {
    "commit": "commit",
    "device_name": "device",
    "torch": "torch",
    "numpy": "numpy",
    "python": "Python",
    "finished_at": "finished",
}


def _origin(comparison: Comparison) -> Table:
    sides = (comparison.a, comparison.b)
    rows = [
        [Entry("folder"), *(Entry(side.name) for side in sides)],
        [Entry("cells"), *(Entry(str(len(side.records))) for side in sides)],
    ]
    for name, told in _ORIGIN.items():
        values = [_values(side, name) for side in sides]
        if name == "finished_at":
            values = [list(dict.fromkeys((v[0], v[-1]))) for v in values]
        texts = [(" to " if name == "finished_at" else ", ").join(v) for v in values]
        rows.append([Entry(told), *map(Entry, texts)])
    caption = "All cells of both sides, compared or not."
    return Table("origin", caption, ["", "A", "B"], rows, texts=(1, 2))


def _values(side: Side, name: str) -> list[str]:
    runs = [record.data["run"] for record in side.records]
    values = {str({**run, **(run.get("versions") or {})}.get(name) or "unknown") for run in runs}
    return sorted(values)
