"""Eigenvalues of the game in the report: of one seed of each method, and no row of any table."""

import re

import numpy as np
import pytest
from handmade import RING, STUDY

from bench.report.analysis.findings import find
from bench.report.drawing.style import Style
from bench.report.topics.dataset.eigenvalues import Radius, eigenvalues, marginal

ASKED = STUDY.replace("evaluations: 2", "evaluations: 3") + "metrics: [eigenvalues]\n"
VALUES = {
    "early": [-300, 20j],
    "middle": [-4 + 30j, 1 + 0j, -0.1],
    "last": [-2000, 50, -0.5 + 5j, 1e-9],
}


def numbers(values: dict) -> dict:
    found: dict = {f"eigenvalues_{moment}": len(own) for moment, own in values.items()}
    for moment, own in values.items():
        for number in range(1, 13):
            value = own[number - 1] if number <= len(own) else None
            for part, told in (("real", np.real), ("imaginary", np.imag)):
                name = f"eigenvalue_{moment}_{number}_{part}"
                found[name] = None if value is None else float(told(value))
    return found


@pytest.fixture
def measured(make_study, train, modes):
    """wgan_gp's eigenvalues are those above; non_saturating kept no networks."""
    study, planned = make_study(ASKED, "turning"), []
    for cell in study.cells:
        values = modes(0, 5, 5, 5)
        last, why = values[max(values)], {}
        if cell.seed == 0:
            nothing = cell.method.name == "non_saturating"
            last |= numbers({moment: [] for moment in VALUES} if nothing else VALUES)
            why = {"eigenvalue_last_1_real": "networks were not kept"} if nothing else {}
        planned.append(train(cell, values, not_computed=why))
    return study, planned


def test_a_panel_shows_what_is_known_of_the_first_seed(measured, tmp_path):
    found = find(*measured, [])
    problem, ranked = found.fixed[0]
    (drawing,) = eigenvalues(found, problem, ranked)
    folder = tmp_path / "drawn"
    (folder / "figures").mkdir(parents=True)
    with (style := Style(["non_saturating", "wgan_gp"])).drawing(("svg",)):
        figure = drawing.draw(style, folder)
    drawn = (folder / f"{figure.file}.svg").read_text()
    assert "wgan_gp" in drawn
    assert "non_saturating" not in drawn
    # three markers in the legend, then those of the panel
    assert drawn.count("<use ") - 3 == sum(map(len, VALUES.values()))
    assert "wgan_gp: −300, −4 ± 30i, −2,000; 2 of 4 repel at the last." in figure.alt
    assert "(0)" in figure.caption
    assert "Not known of non_saturating." in figure.caption


def test_a_run_that_ended_early_states_its_own_updates(make_study, train, tmp_path):
    planned = []
    for cell in (cells := make_study(ASKED.replace("evaluations: 3", "evaluations: 6")).cells):
        ends = 6 if cell.method.name == "non_saturating" else 3
        at = {10 * place: dict(RING) for place in range(ends + 1)}
        at[10 * ends] |= numbers(VALUES) if cell.seed == 0 else {}
        planned.append(train(cell, at, "ok" if ends == 6 else "diverged"))
    found = find(make_study(ASKED), planned, [])
    (drawing,) = eigenvalues(found, *found.fixed[0])
    (tmp_path / "figures").mkdir()
    with (style := Style(sorted({cell.method.label for cell in cells}))).drawing(("svg",)):
        figure = drawing.draw(style, tmp_path)
    told = re.findall("update [0-9]+", (tmp_path / f"{figure.file}.svg").read_text())
    assert told == ["update 10", "update 30", "update 60"]
    assert "contracts. wgan_gp at updates 10, 20 and 30." in figure.caption


@pytest.mark.parametrize(("radius", "rate"), [(Radius(-3, 2), 2e-4), (Radius(-1, 4), 1e-3)])
def test_the_line_of_marginal_steps_goes_from_the_innermost_ring_outwards(radius, rate):
    line = marginal(radius, rate)
    np.testing.assert_allclose(np.abs(1 + rate * line), 1)
    reach = np.abs(line)
    assert reach[0] == pytest.approx(10**radius.first)
    assert reach[-1] == pytest.approx(min(2 / rate, 10**radius.last), rel=0.02)


def test_no_table_shows_them_and_no_seed_lacks_them(measured):
    found = find(*measured, [])
    problem, _ = found.fixed[0]
    assert not [q.name for q in problem.quantities if q.name.startswith("eigenvalue")]
    for planned in problem.by_method["wgan_gp"]:
        asked = [m.asked.metric.name for m in planned.measures]
        assert ("eigenvalues" in asked) == (planned.cell.seed == 0)
        assert "eigenvalue_last_1_real" not in planned.record.not_computed
    # the seeds of each method agree in all that is compared
    assert problem.copies


def test_without_a_measurement_there_is_no_figure_and_without_numbers_a_reason(
    measured, two_methods, tmp_path
):
    found = find(*two_methods, [])
    assert eigenvalues(found, *found.fixed[0]) == []
    study, planned = measured
    alone = [each for each in planned if each.cell.method.name == "non_saturating"]
    found = find(study, alone, [])
    (drawing,) = eigenvalues(found, *found.fixed[0])
    told = drawing.draw(Style(["non_saturating"]), tmp_path)
    assert told == "The game's eigenvalues could not be measured: networks were not kept."


def test_distances_are_logarithmic_and_angles_are_kept():
    values = np.array([-1000, 10j, 1 + 1j, 1e-9, 0])
    radius = Radius.of(np.abs(values))
    assert (radius.first, radius.last) == (-2, 3)
    places = radius.places(values)
    assert places[0] == pytest.approx(-1)
    np.testing.assert_allclose(np.angle(places[:3]), np.angle(values[:3]))
    assert abs(places[0]) - abs(places[1]) == pytest.approx(2 / 5.5)
    assert list(places[3:]) == [0, 0]
