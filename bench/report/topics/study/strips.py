"""Samples of every method side by side, a strip per dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import final
from bench.report.analysis.tables import FLOOR
from bench.report.drawing.points import ground, scatter
from bench.report.drawing.seeds import can_be_seen, chosen, guide
from bench.report.drawing.sheets import Sheet, sheeted
from bench.report.drawing.style import INK, QUIET, Style, save
from bench.report.drawing.tiles import in_colour, tiled
from bench.report.drawing.words import blank, fitted
from bench.report.page import numbers
from bench.report.page.document import Block, Figure, Paragraph, Section

ACROSS = 7
"""Panels side by side: six methods after real data."""
GAP = 0.08
"""Inches between panels."""
IMAGES = 4
"""Images side by side in a panel."""


def strips(found: Findings) -> list[Section]:
    """Return what each method's median seed made of every dataset of points or images."""
    blocks: list[Block] = []
    for problem, ranked in found.fixed:
        if can_be_seen(problem) and any(record.evaluations for record in problem.records()):
            blocks += sheeted(found, problem, ranked, "strip", draw_strip)
    if not blocks:
        return []
    told = "Each method's median seed at its last evaluation, in order of rank, with its score."
    return [Section("Samples", "samples", [Paragraph(told), *blocks])]


def draw_strip(
    problem: Problem, sheet: Sheet, notes: list[str], style: Style, folder: Path
) -> Figure | None:
    """Draw real samples and one seed's of every method; None where no record has any."""
    shown = chosen(problem, sheet.methods, notes)
    if not shown:
        return None
    real, window = ground(problem, list(shown.values()))
    images = window is None
    by, own = guide(problem), {planned.cell.key: planned for planned in problem.planned}
    panels: list[tuple[str, str, Any]] = [] if real is None else [("", FLOOR, real)]
    panels += [(method, method, one.samples[-1]) for method, one in shown.items()]

    across = style.across(min(len(panels), ACROSS), 0.8)
    rows = -(-len(panels) // across)
    side = (style.width - GAP * (across - 1)) / max(across, 4)
    head = 2.9 * style.em
    canvas = blank(style.width, rows * (head + side + GAP))
    high = canvas.get_figheight()
    for place, (method, title, samples) in enumerate(panels):
        row, column = divmod(place, across)
        left, top = column * (side + GAP), row * (head + side + GAP)
        box = (left / style.width, 1 - (top + head + side) / high, side / style.width, side / high)
        axis = canvas.add_axes(box)
        if window is None:
            images_shown = in_colour(samples[: IMAGES**2])
            gap = max(1, images_shown.shape[2] // 28)
            axis.imshow(tiled(images_shown, IMAGES, gap))
            axis.set_axis_off()
        else:
            colour = style.colour[method] if method else INK
            scatter(axis, problem, [samples], window, colour, style)
        told, colour = "", QUIET
        if method:
            one = shown[method]
            told = one.failure or numbers.of(by, final(own[one.record.key], by))
            colour = "#B00020" if one.failure else QUIET
            style.tag(axis, method)
        lines = ((title, style.small, "bold", INK, 1.2), (told, style.small, "normal", colour, 2.5))
        for words, size, weight, ink, down in lines:
            text = canvas.text(left / style.width, 1 - (top + down * style.em) / high,
                               fitted(words, size, side, weight), ha="left", va="baseline",
                               fontsize=size, fontweight=weight, color=ink)  # fmt: skip
            if method:
                style.tag(text, method)
    what = "images" if images else "points"
    return Figure(
        save(canvas, folder, f"{problem.anchor}-strip{sheet.suffix}", pictures=True,
             colours=256 if images else 32),
        f"Generated {what} on {problem.label}: "
        + ("" if real is None else "real data, then ")
        + f"the median seed of {', '.join(shown)}.",
        f"{problem.label}: {by.label} ({by.better}). {sheet.told('strip')}".strip(),
    )  # fmt: skip
