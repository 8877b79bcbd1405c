"""Overview, ranks, profiles and costs: they show what the records hold."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure as Canvas
from matplotlib.text import Text

from bench.execution.plan import Planned
from bench.report.analysis.problems import Problem, problems
from bench.report.analysis.ranking import Standing, standings
from bench.report.drawing import words
from bench.report.drawing.style import Style
from bench.report.page.document import Figure
from bench.report.statistics import CriticalDifference
from bench.report.topics.dataset import profiles
from bench.report.topics.study import cost_figure as cost
from bench.report.topics.study import overview, ranks

ONE = """
methods: [non_saturating, vanilla, wgan_gp]
seeds: 5
evaluations: 2
experiments:
  - dataset: ring8
    architecture: &small {mlp: {generator_widths: [8], discriminator_widths: [8]}}
    updates: 100
"""
TWO = (
    ONE
    + """
  - dataset: grid25
    architecture: *small
    updates: 100
"""
)
NAMES = ("non_saturating", "vanilla", "wgan_gp")
GOOD, MIDDLING, BAD = (8, 8, 7, 8, 8), (6, 5, 6, 7, 6), (1, 2, 1, 1, 2)
X = math.inf
"""A seed that failed."""

Scores = Sequence[Sequence[float]]
Ready = tuple[list[Problem], list[list[Standing]], Style, Path]


@pytest.fixture
def ready(
    make_study: Callable[..., Any], train: Callable[..., Planned], modes: Any, tmp_path: Path
) -> Callable[..., Ready]:
    """Scores by problem, method and seed, as figures take them."""

    def make(*by_problem: Scores, run: Callable[[str, int], dict[str, Any]] | None = None) -> Ready:
        study = make_study(TWO if len(by_problem) > 1 else ONE)
        datasets = list(dict.fromkeys(cell.dataset.name for cell in study.cells))
        planned = []
        for cell in study.cells:
            scores = by_problem[datasets.index(cell.dataset.name)][NAMES.index(cell.method.name)]
            if cell.seed >= len(scores):
                continue
            score = scores[cell.seed]
            status = "ok" if math.isfinite(score) else "diverged"
            last = 3.0 if status == "diverged" else score
            more = run(cell.method.name, cell.seed) if run else {}
            planned.append(train(cell, modes(0, 3, last), status=status, **more))
        found = problems(planned)
        (tmp_path / "figures").mkdir(exist_ok=True)
        return found, [standings(p) for p in found], Style(list(NAMES)), tmp_path

    return make


@pytest.fixture
def canvases(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Canvas]]:
    """What is drawn, kept instead of being written."""
    kept: list[Canvas] = []

    def keep(canvas: Canvas, _folder: Path, name: str) -> str:
        kept.append(canvas)
        return f"figures/{name}"

    for module in (overview, ranks, profiles, cost):
        monkeypatch.setattr(module, "save", keep)
    yield kept
    plt.close("all")


def texts(canvas: Canvas) -> list[str]:
    return [text.get_text() for text in canvas.findobj(Text) if text.get_text()]


def methods_of(canvas: Canvas) -> set[int]:
    """Numbers of the methods that artists are tagged with."""
    tagged = (artist.get_gid() or "" for artist in canvas.findobj())
    return {int(found[1]) for gid in tagged if (found := re.match(r"method-(\d+)-\d+$", gid))}


def test_the_overview_shows_the_interquartile_mean_and_what_failed(ready, canvases) -> None:
    found, ranked, style, folder = ready((GOOD, (6, 5, 6, 7, X), (1, X, X, 2, X)))
    with style.drawing():
        figure = overview.draw_overview(found, ranked, style, folder)
    shown = texts(canvases[0])
    # the middle half of 8 8 7 8 8, and of 6 5 6 7 and a failed seed
    assert "8.00 ★" in shown
    assert any(text.startswith(("5.67", "6.33")) for text in shown)
    assert "✗ 1 of 5 failed" in shown
    assert "✗ 3 of 5 failed" in shown
    assert "real data" in shown
    assert isinstance(figure, Figure)
    assert "wgan_gp (3 of 5 failed)" in figure.alt
    assert "counts as the worst" in figure.caption
    assert methods_of(canvases[0]) == {0, 1, 2}


def test_the_overview_says_which_method_has_fewer_seeds(ready, canvases) -> None:
    found, ranked, style, folder = ready((GOOD, MIDDLING, BAD[:3]))
    with style.drawing():
        figure = overview.draw_overview(found, ranked, style, folder)
    assert [text for text in texts(canvases[0]) if text.endswith("n = 3")]
    assert not [text for text in texts(canvases[0]) if "n = 5" in text]
    assert "n: the seeds of a method that has fewer" in figure.caption


def test_pictures_are_written_with_an_element_for_every_method(ready) -> None:
    found, ranked, style, folder = ready((GOOD, MIDDLING, BAD))
    with style.drawing():
        figure = overview.draw_overview(found, ranked, style, folder)
    assert figure is not None
    drawn = (folder / f"{figure.file}.svg").read_text(encoding="utf-8")
    assert (folder / f"{figure.file}.png").is_file()
    for number in range(3):
        assert f'id="method-{number}-' in drawn
    told = set(re.findall("<title>(.*?)</title>", drawn))
    assert "non_saturating: 8.00 (7.33 to 8.00) on ring8" in told
    assert len(told) == 3


def test_rows_are_ordered_by_how_often_a_method_is_among_the_best(ready, canvases) -> None:
    found, ranked, style, folder = ready((BAD, GOOD, MIDDLING), (BAD, MIDDLING, GOOD))
    with style.drawing():
        overview.draw_overview(found, ranked, style, folder)
    order = ["vanilla", "wgan_gp", "non_saturating"]
    shown = [label.get_text() for label in canvases[0].axes[0].get_yticklabels()]
    assert shown == [*order, "real data"]
    assert ranks.mean_places(found, ranked) == {"vanilla": 1.5, "wgan_gp": 1.5,
                                                "non_saturating": 3.0}  # fmt: skip


def test_colours_say_how_far_and_not_who_is_first(ready) -> None:
    found, _, _, _ = ready((GOOD, GOOD, BAD))
    scale = overview.scale_of(found[0])
    assert scale is not None
    assert scale.share(0) == 0
    assert scale.share(8) == 1
    assert scale.share(4) == scale.share(4.0)
    assert abs(scale.share(4.04) - scale.share(4)) < 0.01
    distances = overview.Scale(400.0, 4.0, by_ratios=True, is_measured=True)
    # ten times the floor is a tenth of the way, however bad the start was
    assert distances.share(40) == pytest.approx(0.1, abs=0.01)
    assert distances.share(144) < 0.03
    assert distances.share(1000) == 0
    assert distances.share(0) == 1


def test_equal_values_have_equal_colours_and_failures_a_grey_of_their_own(ready, canvases) -> None:
    found, ranked, style, folder = ready((GOOD, GOOD, (1, X, X, X, X)))
    with style.drawing():
        overview.draw_overview(found, ranked, style, folder)
    # the first patch that is tagged with a method is its cell
    cells = {int(patch.get_gid().split("-")[1]): patch.get_facecolor()
             for patch in canvases[0].axes[0].patches if patch.get_gid()}  # fmt: skip
    assert cells[0] == cells[1]
    assert to_hex(cells[2]) == overview.NO_NUMBER.lower()


def test_text_can_be_read_on_every_colour_of_the_map() -> None:
    for share in np.linspace(0, 1, 101):
        colour = overview.COLOURS(share)
        assert words.contrast(words.readable(colour), colour) >= 4.5
    lightness = [words.contrast(overview.COLOURS(share), "black") for share in (0.0, 0.5, 1.0)]
    assert lightness == sorted(lightness, reverse=True)


def test_ranks_take_two_problems(ready) -> None:
    found, ranked, style, folder = ready((GOOD, MIDDLING, BAD))
    with style.drawing():
        told = ranks.draw_critical_difference(found, ranked, style, folder)
    assert isinstance(told, str)
    assert "two problems" in told


def test_the_rank_diagram_says_why_there_is_none(ready, canvases) -> None:
    found, ranked, style, folder = ready((GOOD, MIDDLING, BAD), (GOOD, MIDDLING, BAD))
    with style.drawing():
        told = ranks.draw_critical_difference(found, ranked, style, folder)
    assert isinstance(told, str)
    assert told.startswith("No critical-difference diagram: for 3 methods it needs")
    assert not canvases


def test_the_rank_diagram_joins_those_that_are_alike() -> None:
    # the outer two differ, and neither does from the one between them
    ps = ((1.0, 0.4, 0.01), (0.4, 1.0, 0.4), (0.01, 0.4, 1.0))
    found = CriticalDifference((1.2, 2.0, 2.8), ((0, 1), (1, 2)), 0.01, ps, 1.1, 10, 0.05)
    style = Style(list(NAMES))
    with style.drawing():
        canvas = ranks.diagram(found, list(NAMES), style)
    assert "CD = 1.10" in texts(canvas)
    bars = [line for line in canvas.axes[0].lines if line.get_linewidth() == 3.0]
    assert [sorted(set(bar.get_xdata())) for bar in bars] == [[1.2, 2.0], [2.0, 2.8]]
    tagged = {text.get_text().strip(): text.get_gid() for text in canvas.axes[0].texts}
    for number, told in enumerate(("non_saturating  1.20", "vanilla  2.00", "2.80  wgan_gp")):
        assert tagged[told].startswith(f"method-{number}-")
    plt.close(canvas)


def test_failed_seeds_reach_nothing(ready, canvases) -> None:
    found, ranked, style, folder = ready((GOOD, (6, X, 6, 7, X), BAD))
    standing = next(s for s in ranked[0] if s.method == "vanilla")
    at = np.array([-1e9, 6, 7, 8])
    shares = profiles.profile(list(standing.scores.values()), found[0].primary, at)
    assert shares.tolist() == pytest.approx([0.6, 0.6, 0.2, 0])
    with style.drawing():
        figure = profiles.draw_profiles(found[0], ranked[0], style, folder)
    assert figure is not None
    assert "vanilla (2 of 5 failed)" in figure.caption
    assert methods_of(canvases[0]) == {0, 1, 2}
    highest = {line.get_gid().split("-")[1]: max(line.get_ydata())
               for line in canvases[0].axes[0].lines if line.get_gid()}  # fmt: skip
    assert highest == {"0": 1.0, "1": 0.6, "2": 1.0}
    assert "more is better" in canvases[0].axes[0].get_xlabel()


def test_costs_are_those_of_the_records(ready, canvases) -> None:
    seconds = {"non_saturating": 10.0, "vanilla": 5.0, "wgan_gp": 20.0}
    found, ranked, style, folder = ready(
        (GOOD, MIDDLING, (1, X, X, 2, X)),
        run=lambda method, _: {"training_seconds": seconds[method]},
    )
    measure, drawn = cost.points(found[0], ranked[0])
    assert measure == cost.SECONDS
    assert {point.method: point.cost.median for point in drawn} == seconds
    assert [p.method for p in cost.front(drawn, found[0].primary)] == ["vanilla", "non_saturating"]
    with style.drawing():
        figure = cost.draw_costs(list(zip(found, ranked, strict=True)), style, folder)
    assert figure is not None
    assert set(NAMES) <= set(texts(canvases[0]))
    (cross,) = [line for line in canvases[0].axes[0].lines if line.get_marker() == "X"]
    assert list(cross.get_ydata()) == [canvases[0].axes[0].get_ylim()[0]]
    assert "wgan_gp 20, no mean (3 of 5 failed)" in figure.alt
    assert methods_of(canvases[0]) == {0, 1, 2}


@pytest.mark.usefixtures("canvases")
def test_seconds_of_different_devices_are_not_compared(ready) -> None:
    found, ranked, style, folder = ready(
        (GOOD, MIDDLING, BAD), run=lambda _, seed: {"device_name": f"device {seed % 2}"}
    )
    with style.drawing():
        figure = cost.draw_costs(list(zip(found, ranked, strict=True)), style, folder)
    assert cost.points(found[0], ranked[0])[0] == cost.EVALUATIONS
    assert figure is not None
    assert "different devices" in figure.caption


@pytest.mark.parametrize("scores", [((X,) * 5,) * 3, ((8.0,),) * 3, ((7.0,) * 5,) * 3])
def test_all_failed_one_seed_and_equal_values_are_drawn(ready, canvases, scores: Scores) -> None:
    whole = ready(scores, scores)
    found, ranked, style, folder = whole
    with style.drawing():
        assert overview.draw_overview(*whole) is not None
        ranks.draw_critical_difference(*whole)
        cost.draw_costs(list(zip(found, ranked, strict=True)), style, folder)
        profiles.draw_profiles(found[0], ranked[0], style, folder)
    for canvas in canvases:
        canvas.draw_without_rendering()


@pytest.mark.parametrize("text", ["$x^2$", "</svg>", "x" * 200, r"\$a$ $\frac{", "\n", "日本 語"])
def test_words_fit_and_are_never_mathematics(text: str) -> None:
    cut = words.fitted(text, 8, 1.0)
    assert words.text_width(cut, 8) <= 1.0
    assert not re.search(r"(?<!\\)\$", cut)
    for line in words.wrapped(f"{text} {text}", 8, 1.0, 3):
        assert words.text_width(line, 8) <= 1.0
        assert not re.search(r"(?<!\\)\$", line)
