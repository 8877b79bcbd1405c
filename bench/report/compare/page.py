"""A comparison in words and tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from bench.report.compare.comparing import Comparison, Difference, Unmatched
from bench.report.compare.matching import Side, shown
from bench.report.compare.pairs import FLIPPED, LEVEL, Pair, Ratio, Verdict, measured_by
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
from bench.report.statistics import Interval, smallest_rank_p
from bench.words import count, listing, ranges

WORDS: dict[Verdict, str] = {
    "worse": "worse, beyond noise",
    "better": "better, beyond noise",
    "noise": "differs, not beyond noise",
    "identical": "identical",
    "not compared": "not compared",
}
_MARKS: dict[Verdict, Mark] = {"worse": "failed", "better": "best", "identical": "quiet"}
_LONG = 12
"""Rows beyond which a table of differences is folded."""
_ORIGIN = {
    "commit": "commit", "device_name": "device", "torch": "torch", "numpy": "numpy",
    "python": "Python", "finished_at": "finished",
}  # fmt: skip


def headline(comparison: Comparison) -> str:
    """Return one sentence: how many pairs were compared, and how many have each verdict."""
    told = [
        f"{len(found)} {words.replace('differs', 'different')}"
        for verdict, words in WORDS.items()
        if (found := comparison.of(verdict))
    ]
    pairs = count(len(comparison.pairs), "pair")
    return f"{pairs} of method and problem compared; in B {'; '.join(told)}."


def compose(comparison: Comparison) -> Document:
    """Return the page of a comparison, as blocks."""
    lead: list[Block] = [
        Paragraph(headline(comparison)),
        Items([("A", _side(comparison.a)), ("B", _side(comparison.b))]),
    ]
    if lines := _cautions(comparison):
        lead.append(Notice("Read this first", lines))
    return Document(
        "Changes from A to B",
        lead,
        [
            Section("Changes", "changed", _changed(comparison)),
            Section("Seeds with another status", "statuses", [_statuses(comparison)]),
            Section("Stability and cost", "cost", [_stability(comparison)]),
            Section("Only on one side", "unmatched", _unmatched(comparison)),
            Section("Ingredients and protocols", "ingredients", _ingredients(comparison)),
            Section("Origin", "origin", [_origin(comparison)]),
            Section("When a change is beyond noise", "rule", _rule(comparison)),
        ],
    )


def _row(*parts: Entry | str) -> list[Entry]:
    return [part if isinstance(part, Entry) else Entry(part) for part in parts]


def _side(side: Side) -> str:
    told = f"{side.name}, {count(len(side.records), 'cell')}"
    if side.older:
        told += f" ({count(side.older, 'older record')} of the same cells passed over)"
    return f"{told}, commit {listing(_values(side, 'commit'))}"


def _cautions(comparison: Comparison) -> list[str]:
    lines = list(comparison.notes)
    if protocols := sorted({found.problem for found in comparison.protocols}):
        lines.append(
            f"The protocol is not the same on {listing(protocols)} (see “Ingredients and "
            "protocols”): a score may differ because it was measured differently."
        )
    for side, name in enumerate("AB"):
        more = {
            metric
            for pair in comparison.pairs
            for both in pair.records.values()
            for metric in measured_by(both[side]) - measured_by(both[1 - side])
        }
        if more:
            lines.append(f"Only {name} was measured by {listing(sorted(more))}: not compared.")
    for name, found in (("A", comparison.only_a), ("B", comparison.only_b)):
        if found:
            cells = sum(len(each.seeds) for each in found)
            lines.append(
                f"{count(cells, 'cell')} only in {name}: not compared (see “Only on one side”)."
            )
    return lines


def _changed(comparison: Comparison) -> list[Block]:
    by_problem: dict[str, list[Pair]] = defaultdict(list)
    for pair in comparison.pairs:
        by_problem[pair.problem].append(pair)
    return [_changes(n, label, pairs) for n, (label, pairs) in enumerate(by_problem.items(), 1)]


def _changes(number: int, label: str, pairs: list[Pair]) -> Table:
    metric = pairs[0].metric

    def value(interval: Interval | None, text: str) -> Entry:
        return Entry(text, value=None if interval is None else interval.value)

    return Table(
        f"changed-{number}",
        f"{label}: {metric.label} at the last evaluation ({metric.better}), mean over the seeds "
        f"that finished on both sides, and B − A at equal seeds with its {numbers.INTERVAL}.",
        ["method", "B against A", "seeds", "A", "B", "B − A", "adjusted p", "why"],
        [
            _row(
                pair.method,
                Entry(WORDS[pair.verdict], _MARKS.get(pair.verdict, "")),
                ranges(list(pair.records)),
                *(value(m, numbers.mean(metric, m, len(pair.records))) for m in pair.means),
                value(
                    pair.contrast.difference, numbers.difference(metric, pair.contrast.difference)
                ),
                Entry(numbers.p_value(pair.contrast.adjusted), value=pair.contrast.adjusted),
                _why(pair),
            )
            for pair in pairs
        ],
        texts=(1, 2, 7),
    )


def _why(pair: Pair) -> str:
    told = list(pair.reasons)
    if pair.verdict not in ("identical", "not compared"):
        if pair.identical:
            told.append(f"identical at {count(len(pair.identical), 'seed')}")
        if pair.parts:
            told.append(f"not the same: {listing(pair.parts)}")
    return "; ".join(told)


def _statuses(comparison: Comparison) -> Block:
    rows = [
        _row(
            pair.problem,
            pair.method,
            str(seed),
            *(Entry(s.replace("_", " "), "" if s == "ok" else "failed") for s in statuses),
            "; ".join(
                f"{side}: {' '.join(record.reason.split())}"
                for side, record in zip("AB", pair.records[seed], strict=True)
                if record.reason
            ),
        )
        for pair in comparison.pairs
        for seed, statuses in pair.changes.items()
    ]
    if not rows:
        return Paragraph("Every seed that both have ended with the same status.")
    caption = (
        "Seeds whose status is not the same on both sides. A failed seed counts as worse than any "
        "other; means leave it out."
    )
    header = ["problem", "method", "seed", "A", "B", "reason"]
    return Table("statuses", caption, header, rows, names=1, texts=(0, 3, 4, 5))


def _stability(comparison: Comparison) -> Table:
    def rates(pair: Pair) -> list[Entry]:
        return [
            Entry(
                " → ".join(map(numbers.median_and_range, sides)) if any(sides) else numbers.NOTHING,
                "quiet" if sides[0] == sides[1] else "",
            )
            for sides in pair.spikes.values()
        ]

    def ratio(found: Ratio) -> Entry:
        if found.value is None:
            return Entry(found.why, "quiet")
        return Entry(f"× {found.value:.2f}", value=found.value)

    return Table(
        "cost",
        "Spikes of gradients per 10,000 updates: median over the compared seeds (min–max); failed "
        "seeds count up to their failure. Costs: B divided by A, over the seeds that finished on "
        "both sides, if device, engine and population are the same. None of these enters the "
        "verdict.",
        ["problem", "method", "spikes, discriminator", "spikes, generator",
         "training seconds, B / A", "peak memory, B / A"],
        [
            _row(pair.problem, pair.method, *rates(pair), ratio(pair.seconds), ratio(pair.memory))
            for pair in comparison.pairs
        ],
        names=1,
        texts=(0,),
    )  # fmt: skip


def _unmatched(comparison: Comparison) -> list[Block]:
    def row(each: Unmatched) -> list[Entry]:
        statuses = ", ".join(f"{n} {s.replace('_', ' ')}" for s, n in each.statuses.items())
        near = "; ".join(each.nearest) or "none with this method and dataset"
        return _row(each.problem, each.method, ranges(each.seeds), statuses, near)

    return [
        Table(
            f"only-{side.lower()}",
            f"Cells that only {side} has, and how the nearest cells of {other} differ.",
            ["problem", "method", "seeds", "statuses", f"nearest of {other}, A → B"],
            [row(each) for each in found],
            names=1,
            texts=(0, 2, 3, 4),
        )
        for side, other, found in (("A", "B", comparison.only_a), ("B", "A", comparison.only_b))
        if found
    ] or [Paragraph("Both sides have the same cells.")]


def _ingredients(comparison: Comparison) -> list[Block]:
    same = (
        "The compared cells have the same hyperparameters and the same sources, by their hashes. "
        "Where results differ, the machine, its libraries or chance is the cause."
    )
    told = (
        "Ingredients of the compared cells that are not the same: hyperparameters by their values, "
        "source files by a hash of their meaning. Identical: cells whose results are the same, "
        "bit for bit, all the same."
    )
    return [
        *(_differences("ingredients", told, comparison.ingredients) or [Paragraph(same)]),
        *_differences("protocols", "Entries of the protocol that differ.", comparison.protocols),
    ]


def _differences(name: str, caption: str, found: Sequence[Difference]) -> list[Block]:
    rows = [
        _row(
            *(each.problem or "all", each.name, shown(each.a), shown(each.b)),
            *(Entry(str(n), value=n) for n in (each.cells, each.identical)),
        )
        for each in found
    ]
    header = ["problem", "entry", "A", "B", "cells", "identical"]
    table = Table(name, caption, header, rows, names=1, texts=(0, 2, 3))
    many = len(rows) > _LONG
    return [Details(f"{len(rows)} differences", [table]) if many else table] if rows else []


def _origin(comparison: Comparison) -> Table:
    sides = (comparison.a, comparison.b)
    rows = [
        _row("folder", *(side.name for side in sides)),
        _row("cells", *(str(len(side.records)) for side in sides)),
    ]
    for name, told in _ORIGIN.items():
        values = [_values(side, name) for side in sides]
        if name == "finished_at":
            values = [[" to ".join(dict.fromkeys((v[0], v[-1])))] for v in values]
        rows.append(_row(told, *map(", ".join, values)))
    caption = "All cells of both sides, compared or not."
    return Table("origin", caption, ["", "A", "B"], rows, texts=(1, 2))


def _values(side: Side, name: str) -> list[str]:
    runs = [record.data["run"] for record in side.records.values()]
    return sorted({str((run | (run.get("versions") or {})).get(name) or "unknown") for run in runs})


def _rule(comparison: Comparison) -> list[Block]:
    """Return the meaning of each verdict, and what so few seeds cannot show."""
    items = {
        "Identical": "status and outcome of every common seed are equal bit for bit: evaluations, "
        "whole-run numbers, cost in updates and gradients, floor, protocol. Nothing is tested.",
        "By test": f"p, adjusted for the {count(comparison.tested, 'pair')} tested (Holm), "
        f"is at most {LEVEL:g}, and the mean difference shows in the metric's digits. p is that of "
        "a paired t test of the primary metric at equal seeds (sign test where all differences are "
        "the same), or of a Mann–Whitney test where any seed failed, with failures as the worst.",
        "By crashes": "a seed crashed, timed out, ran out of memory or was killed on one side "
        "only, which is a matter of code or machine, not of chance.",
        "By failures": f"all common seeds, at least {FLIPPED}, finished on one side and none on "
        "the other. By chance this happens with a probability of at most 2 / 4ⁿ with n seeds "
        f"({200 / 4**FLIPPED:.0f} % with {FLIPPED}); it is not adjusted.",
        "Not beyond noise": "every other difference, such as one more seed that diverged, or last "
        "digits. It does not prove that nothing changed: the interval of B − A shows how much may "
        "have.",
    }
    told = (
        "If something speaks for B and something against it, the pair counts as worse. If only "
        f"chance differs, a test finds something with a probability of at most {LEVEL:g} over all "
        "pairs together."
    )
    sizes = sorted({len(pair.records) for pair in comparison.pairs} - {1})
    if few := [f"{n} seeds {numbers.p_value(smallest_rank_p(n, n))}" for n in sizes]:
        told += f" The smallest p of the Mann–Whitney test, unadjusted: {listing(few)}."
    return [Items(list(items.items())), Paragraph(told)]
