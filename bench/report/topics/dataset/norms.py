"""Gradient norms of both players, with the flagged updates marked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from bench.metrics.gradients import HEADLINE, PLAYERS, detect, watched
from bench.records.record import Arrays, Record
from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing
from bench.report.analysis.series import in_discriminator_updates, series_of, thresholds
from bench.report.drawing.sheets import Sheet, sheeted
from bench.report.drawing.style import FLAG, INK, Style, named, powers, put, save
from bench.report.drawing.words import abreast
from bench.report.page.document import Block, Figure

BINS = 250
"""Points of a drawn series; each stands for the updates of its bin."""
COLUMNS = 3
MOST_MARKS = 300
"""Marks in a panel beyond which they are drawn as a picture, which stays small."""

MARKED = (f"spikes_{HEADLINE}", "vanishing")

Points = NDArray[np.float64]


def norms(found: Findings, problem: Problem, ranked: list[Standing]) -> list[Block]:
    """Return the gradient norms of both players."""
    return sheeted(found, problem, ranked, "norms", draw_norms, in_variants=True)


def draw_norms(
    problem: Problem, sheet: Sheet, notes: list[str], style: Style, folder: Path
) -> Figure | None:
    """Two panels a method: the discriminator's norms above the generator's."""
    series = {method: _series(problem, method, notes) for method in sheet.methods}
    shown = [method for method in sheet.methods if series[method]]
    if not shown:
        return None
    columns = min(style.across(COLUMNS), len(shown))
    blocks = -(-len(shown) // columns)
    canvas, panels, legend = _laid_out(columns, blocks, style)
    marked: set[str] = set()
    for place, panel in enumerate(panels):
        block, column = place // (2 * columns), place % columns
        player = PLAYERS[place // columns % 2]
        index = block * columns + column
        if index >= len(shown):
            panel.axis("off")
            continue
        method = shown[index]
        marked |= _panel(panel, [s[player] for s in series[method]], style, method)
        style.tag(panel, method)
        if player == "discriminator":
            room = panel.get_position().width * panel.figure.get_figwidth()
            title = named(method, min(int(room / style.em / 0.7), 30))
            panel.set_title(title, loc="left", fontweight="bold")
        if column == 0:
            panel.set_ylabel(f"{player}\n‖gradient‖")
        if index + columns >= len(shown) and player == "generator":
            panel.set_xlabel("discriminator updates")
            panel.tick_params(labelbottom=True)
    panels[0].set_yscale("log")
    panels[0].set_xlim(0, problem.updates)
    room = panels[0].get_position().width * canvas.get_figwidth()
    panels[0].xaxis.set_major_locator(MaxNLocator(style.ticks(room)))
    powers(panels[0].yaxis)
    handles = [
        Line2D([], [], color=INK, lw=0.75 * style.line),
        Line2D([], [], color=INK, lw=6, alpha=0.2),
    ]
    labels = ["median", "min–max"]
    for name, (marker, colour) in FLAG.items():
        if name in marked:
            handles.append(Line2D([], [], ls="", marker=marker, color=colour, ms=5))
            labels.append(name)
    canvas.legend(handles, labels, loc="lower center", bbox_to_anchor=(0.5, legend),
                  ncols=abreast(labels, style, 5), frameon=False, borderpad=0,
                  borderaxespad=0)  # fmt: skip
    found = f"Marked: {', '.join(sorted(marked))}." if marked else "No update is flagged."
    return Figure(
        save(canvas, folder, f"{problem.anchor}-norms{sheet.suffix}"),
        f"Gradient norms on {problem.label}, logarithmic, for both players of "
        f"{', '.join(shown)}. {found}",
        f"Unclipped gradient norm of each player over all seeds, in {BINS} bins. {found} "
        f"{sheet.told('norms')}".strip(),
    )


def _laid_out(columns: int, blocks: int, style: Style) -> tuple[Any, list[Any], float]:
    """The figure, its panels row by row, and where its legend stands.

    By hand: matplotlib's search for a layout takes longer than all the drawing.
    """
    em = style.em
    left, right, between, tall = 7.2 * em, 0.22, 0.34 * style.scale, 1.1 * style.scale
    most = style.across(COLUMNS)
    wide = (style.width - left - right - (most - 1) * between) / most
    title, pair, below = 1.9 * em, 0.1 * style.scale, 1.2 * em
    block = title + 2 * tall + pair + below
    across = left + columns * (wide + between) - between + right
    height = blocks * block + 5.0 * em
    canvas, axes = plt.subplots(
        2 * blocks, columns, squeeze=False, sharex=True, sharey=True, layout="none",
        figsize=(max(across, style.column), height),
    )  # fmt: skip
    for place, panel in enumerate(axes.flat):
        row, column = divmod(place, columns)
        top = row // 2 * block + title + row % 2 * (tall + pair)
        put(panel, left + column * (wide + between), top, wide, tall)
    return canvas, list(axes.flat), 0.4 * em / height


def _series(problem: Problem, method: str, notes: list[str]) -> list[dict[str, dict[str, Points]]]:
    """For each seed and player: ``updates``, ``norms``, and the flagged places of each kind.

    Seeds without a norm above 0 are left out: a logarithmic axis has no place for them.
    """
    return [
        {player: _player(record, arrays, player) for player in PLAYERS}
        for record, arrays in series_of(problem, method, notes)
        if (arrays.get("discriminator_norm", np.empty(0)) > 0).any()
    ]


def _player(record: Record, arrays: Arrays, player: str) -> dict[str, Points]:
    norms = watched(arrays, player).astype(float)
    found = {
        "updates": in_discriminator_updates(record, player, np.arange(1, norms.size + 1)),
        "norms": norms,
        "not finite": np.flatnonzero(~np.isfinite(norms)),
    }
    # without a measurement of the gradients nothing is flagged
    if any(record.whole.get(f"{player}_{name}") for name in MARKED):
        flags = detect(norms, player == "generator", thresholds(record))
        found["spike"] = np.flatnonzero(flags.spike())
        found["vanishing"] = np.flatnonzero(flags.vanishing)
    return found


def _panel(axis: Any, seeds: list[dict[str, Points]], style: Style, method: str) -> set[str]:
    colour = style.colour[method]
    last = max((s["updates"][-1] for s in seeds if s["updates"].size), default=1.0)
    edges = np.linspace(0, last, min(BINS, int(last)) + 1)
    updates = np.concatenate([s["updates"] for s in seeds])
    norms = np.concatenate([s["norms"] for s in seeds])
    middle, low, median, high = binned(updates, norms, edges)
    axis.fill_between(middle, low, high, color=colour, alpha=0.25, lw=0)
    axis.plot(middle, median, color=colour, lw=0.75 * style.line)
    marked = set()
    for name, (marker, flag) in FLAG.items():
        at = [(s["updates"][s[name]], s["norms"][s[name]]) for s in seeds if name in s]
        x = np.concatenate([x for x, _ in at]) if at else np.empty(0)
        y = np.concatenate([y for _, y in at]) if at else np.empty(0)
        if not x.size:
            continue
        marked.add(name)
        # what is not finite has no height; it is put on the upper edge
        high_up = ~np.isfinite(y)
        axis.scatter(
            x[~high_up],
            y[~high_up],
            s=9 * style.scale,
            marker=marker,
            color=flag,
            lw=0,
            zorder=3,
            rasterized=x.size > MOST_MARKS,
        )
        axis.scatter(
            x[high_up], np.full(high_up.sum(), 0.95), s=26 * style.scale, marker=marker,
            color=flag, lw=0, zorder=3, transform=axis.get_xaxis_transform(), clip_on=False,
        )  # fmt: skip
    sns.despine(ax=axis)
    return marked


def binned(updates: Points, norms: Points, edges: Points) -> tuple[Points, ...]:
    """Middle of every bin that holds a finite norm, and the least, median and greatest in it.

    (N,), (N,), (B + 1,) → four of (≤ B,). Bins are open below and closed above. Zeros, which a
    logarithmic axis cannot show, are left out.
    """
    kept = np.isfinite(norms) & (norms > 0)
    place = np.searchsorted(edges, updates[kept], side="left")
    order = np.argsort(place, kind="stable")
    place, values = place[order], norms[kept][order]
    bins, starts = np.unique(place, return_index=True)
    parts = np.split(values, starts[1:]) if bins.size else []
    low, median, high = (
        np.array([rule(part) for part in parts]) for rule in (np.min, np.median, np.max)
    )
    return (edges[bins - 1] + edges[bins]) / 2, low, median, high
