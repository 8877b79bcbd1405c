"""How runs ended: diagnoses by method, and each run's over time (docs/diagnosis.md)."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path
from statistics import median

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from bench.diagnosis import KINDS, Diagnosis, Extent, Run, diagnose
from bench.errors import BenchError
from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing
from bench.report.drawing.sheets import Sheet, sheeted
from bench.report.drawing.style import QUIET, Style, named, put, save
from bench.report.page.document import Block, Details, Entry, Figure, Items, Paragraph, Table
from bench.words import program

HEALTHY = "healthy"
COLOURS = {
    "diverged": "#222222", HEALTHY: "#009E73", "stuck": "#999999", "exploding": "#D55E00",
    "saturated discriminator": "#0072B2", "vanishing": "#56B4E9", "overfitted": "#332288",
    "circling": "#CC79A7", "forgetting": "#882255", "collapsed": "#E69F00",
    "not yet trained": "#F0E442",
}  # fmt: skip
"""Of spans; before the first one a run is white."""
BEFORE = "#DDDDDD"
"""Of what came before a run became healthy."""
ROW, MOST_SEEDS = 0.085, 10
"""Inches: a run's row on a page, and seeds of a method that are drawn."""

Found = dict[str, dict[int, Diagnosis]]
"""By method and seed."""


def diagnosis(found: Findings, problem: Problem, ranked: list[Standing]) -> list[Block]:
    """Return how often each method fails in which way, and when that begins.

    Nothing where the measures of the family were taken of no run.
    """
    if not _is_measured(problem):
        return []
    order = [standing.method for standing in ranked]
    by_method = _diagnosed(problem, order, found.notes)
    kinds = [
        k for k in KINDS if any(d.kind == k for own in by_method.values() for d in own.values())
    ]
    lines = [(method, _line(own)) for method, own in by_method.items() if own]
    table = Table(
        f"diagnosis-{problem.anchor}",
        f"Diagnoses on {problem.label}: seeds by the first rule that fires (docs/diagnosis.md).",
        ["method", *kinds],
        [
            [Entry(method, method=method), *_counts(own, kinds)]
            for method, own in by_method.items()
            if own
        ],
    )
    spans = sheeted(found, problem, ranked, "diagnosis", partial(_draw, by_method))
    return [
        Paragraph("How runs ended", is_bold=True),
        Items(lines),
        *_unknown(by_method),
        table,
        Details(f"{problem.label}: runs over time, by diagnosis", spans),
    ]


def _is_measured(problem: Problem) -> bool:
    return any(
        each.component["name"] in ("discriminator", "forgetting")
        for record in problem.records()
        for each in record.known.values()
    )


def _diagnosed(problem: Problem, methods: list[str], notes: list[str]) -> Found:
    known = problem.quantities, problem.dataset
    found: Found = {}
    for method in methods:
        found[method] = {}
        for planned in problem.by_method[method]:
            if planned.record is None:
                continue
            try:
                run = Run.of(planned.record, known)
                found[method][planned.cell.seed] = diagnose(planned.record, run)
            except BenchError as error:
                if str(error) not in notes:
                    notes.append(str(error))
    return found


def _counts(own: dict[int, Diagnosis], kinds: list[str]) -> list[Entry]:
    counted = Counter(each.kind for each in own.values())
    return [Entry(str(counted[k]) if counted[k] else "–", value=counted[k]) for k in kinds]


def _line(own: dict[int, Diagnosis]) -> str:
    """State in how many seeds a method works, how the others fail, since when and how far."""
    total = len(own)
    parts: list[str] = []
    for kind in sorted(KINDS, key=lambda k: -sum(d.kind == k for d in own.values())):
        those = [d for d in own.values() if d.kind == kind]
        if not those:
            continue
        since = [d.since for d in those if d.since is not None and kind != HEALTHY]
        extents = [d.extent for d in those if d.extent is not None]
        told = [f" from update {median(since):,.0f} on"] if since else []
        if extents:
            held, of = (median(each) for each in list(zip(*extents, strict=True))[:2])
            told.append(f" with {Extent(held, of, extents[0].unit)}")
        varying = (len(set(since)) > 1) + (len(set(extents)) > 1)
        typical = ("", " (median)", " (medians)")[varying]
        of_all = "" if parts else f" of {total} seeds"
        parts.append(f"{kind} in {len(those)}{of_all}{','.join(told)}{typical}")
    return "; ".join(parts) + "."


def _unknown(by_method: Found) -> list[Block]:
    """Return a line on runs whose diagnosis measures that were not taken might change."""
    runs = [each for own in by_method.values() for each in own.values()]
    kinds = [
        {k for k in each.lacking or () if KINDS.index(k) < KINDS.index(each.kind)} for each in runs
    ]
    if not any(kinds):
        return []
    names = ", ".join(sorted(set().union(*kinds), key=KINDS.index))
    told = (
        f"Not measured in {sum(map(bool, kinds))} of {len(runs)} runs, and not looked for: {names}"
    )
    return [Paragraph(f"{told} (“{program()} measure STUDY --metrics anatomy”).")]


def _draw(
    judged: Found, problem: Problem, sheet: Sheet, _notes: list[str], style: Style, folder: Path
) -> Figure | None:
    """Draw a row per run, in the colour of what had begun last; None without any record."""
    by_method = {method: judged[method] for method in sheet.methods if judged[method]}
    rows = [(method, each) for method, own in by_method.items() for each in _chosen(own)]
    if not rows:
        return None
    across = 4
    em, row = style.em, max(ROW, 1.15 * style.em / 2) * style.scale
    kinds = {kind for _, each in rows for kind, *_ in _spans(each, problem.updates)} - {""}
    left, foot = 11 * em, (4.5 + 1.6 * -(-len(kinds) // across)) * em
    high = len(rows) * row + 0.6 * em * len(by_method)
    canvas, axis = plt.subplots(figsize=(style.width, high + foot), layout="none")
    put(axis, left, 0.4 * em, style.width - left - 2 * em, high)
    place, places = 0.0, []
    for at, (method, each) in enumerate(rows):
        if at and method != rows[at - 1][0]:
            place += 0.6 * em / row
        if not at or method != rows[at - 1][0]:
            count = min(len(by_method[method]), MOST_SEEDS)
            places.append((place + (count - 1) / 2, method))
        ends = each.since if each.kind == "diverged" and each.since else problem.updates
        for kind, begin, end in _spans(each, ends):
            colour = COLOURS.get(kind, BEFORE)
            axis.barh(place, end - begin, left=begin, height=0.85, color=colour, lw=0)
        axis.barh(place, ends, height=0.85, facecolor="none", edgecolor=QUIET, lw=0.4 * style.thin)
        place += 1
    axis.set(ylim=(place - 0.4, -0.6), xlim=(0, problem.updates), xlabel="discriminator updates")
    axis.set_yticks([p for p, _ in places], [named(m, 18) for _, m in places])
    axis.tick_params(axis="y", length=0)
    axis.xaxis.set_major_locator(MaxNLocator(5))
    axis.xaxis.set_major_formatter("{x:,.0f}")
    sns.despine(ax=axis, left=True)
    shown = sorted(kinds, key=KINDS.index)
    if shown:
        patches = [Patch(color=COLOURS[kind]) for kind in shown]
        canvas.legend(
            patches, shown, loc="lower center", ncols=min(across, len(shown)), frameon=False
        )
    is_cut = any(len(own) > MOST_SEEDS for own in by_method.values())
    most = f" {MOST_SEEDS} seeds of a method, every diagnosis among them." if is_cut else ""
    return Figure(
        save(canvas, folder, f"{problem.anchor}-diagnosis{sheet.suffix}"),
        f"Runs on {problem.label} over discriminator updates, coloured by diagnosis, of "
        f"{', '.join(by_method)}.",
        "A row per run. Colour: of the findings that have begun and hold to the end, the first in "
        f"the order of the rules; white: none yet; grey: before a run is healthy; "
        f"what has no beginning: the whole row.{most} "
        f"{sheet.told('diagnosis')}".strip(),
    )


def _chosen(own: dict[int, Diagnosis]) -> list[Diagnosis]:
    """Choose the runs that are drawn: of each diagnosis its first seed, then the first seeds."""
    firsts = {each.kind: seed for seed, each in sorted(own.items(), reverse=True)}.values()
    chosen = sorted(own, key=lambda seed: (seed not in firsts, seed))[:MOST_SEEDS]
    return sorted((own[seed] for seed in sorted(chosen)), key=lambda each: KINDS.index(each.kind))


def _spans(each: Diagnosis, end: int) -> list[tuple[str, int, int]]:
    """Kind, begin and end of each span: of what has begun, the rule that is tried first.

    A diagnosis without a beginning is there from the start; before a run is healthy the kind is
    empty.
    """
    if each.kind == HEALTHY and each.since is not None:
        return [("", 0, each.since), (HEALTHY, each.since, end)]
    findings = [(one.kind, one.since) for one in each.also if one.since is not None]
    if each.kind in COLOURS:
        findings.append((each.kind, each.since or 0))
    spans = []
    places = sorted({since for _, since in findings})
    for number, begin in enumerate(places):
        begun = [kind for kind, since in findings if since <= begin]
        spans.append((min(begun, key=KINDS.index), begin, min(places[number + 1 :], default=end)))
    return spans
