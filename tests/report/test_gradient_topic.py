"""What a report says of gradients: spikes, growth and what is not judged, apart."""

import numpy as np
import pytest

from bench.report.analysis.problems import problems
from bench.report.analysis.ranking import standings
from bench.report.drawing.sheets import Sheet
from bench.report.drawing.style import Style
from bench.report.page.document import Paragraph
from bench.report.topics.dataset.gradients import gradients, thresholds
from bench.report.topics.dataset.growth import draw_growth
from bench.report.topics.dataset.norms import draw_norms

STILL = np.ones(4000, np.float32)


def spiked(height: float, count: int) -> np.ndarray:
    norms = STILL.copy()
    norms[500 : 500 + 100 * count : 100] = height
    return norms


def risen() -> np.ndarray:
    norms = STILL.copy()
    norms[3000:] = 50
    norms[80:480] = 0.5
    return norms


@pytest.fixture
def topic(make_study, train, modes):
    """Tables of a study whose seeds have these norms, by method."""

    def told(norms):
        planned = [train(cell, modes(0, 5), norms=norms[cell.method.name][cell.seed])
                   for cell in make_study().cells]  # fmt: skip
        (problem,) = problems(planned)
        return [each(None, problem, standings(problem)) for each in (gradients, thresholds)]

    return told


def rows(table) -> dict[tuple[str, str], list[str]]:
    return {(row[0].text, row[1].text): [entry.text for entry in row[2:]] for row in table.rows}


def test_spikes_growth_and_series_that_are_too_short_stand_apart(topic):
    (table,), (profile,) = topic({
        "non_saturating": [spiked(20, 1), STILL, risen()],
        "wgan_gp": [STILL[:140], STILL[:140], spiked(7, 4)],
    })  # fmt: skip
    told = rows(table)
    spikes, early, whole, trough = told["non_saturating", "generator"][:4]
    assert spikes == "2.5 (0.0 – 2.5)"
    assert (early, whole, trough) == ("1.0 (1.0 – 100.0)", "1.0 (1.0 – 50.0)", "1.0 (1.0 – 100.0)")
    assert told["wgan_gp", "generator"][0] == "depends on the threshold or not judged"
    assert told["wgan_gp", "generator"][1] == "1.0; 1 of 3 seeds"
    assert rows(profile) == {
        (method, player): counts
        for method, counts in {"non_saturating": ["2", "2", "2", "1", "0", "0", "0"],
                               "wgan_gp": ["4", "4", "0", "0", "0", "0", "0"]}.items()
        for player in ("discriminator", "generator")
    }  # fmt: skip


def test_where_all_series_are_too_short_one_line_says_so(topic):
    (block,), none = topic(dict.fromkeys(("non_saturating", "wgan_gp"), [STILL[:140]] * 3))
    assert isinstance(block, Paragraph)
    assert "not judged" in block.text
    assert none == []


def test_norms_that_are_all_zero_are_not_drawn(make_study, train, modes, tmp_path):
    zeros = np.zeros(400, np.float32)
    (problem,) = problems([train(c, modes(0, 5), norms=zeros) for c in make_study().cells])
    methods, style = list(problem.by_method), Style(list(problem.by_method))
    with style.drawing():
        assert draw_norms(problem, Sheet(methods), [], style, tmp_path) is None
        assert draw_growth(problem, methods, [], style, tmp_path) is None
