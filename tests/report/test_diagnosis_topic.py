"""Diagnoses in the report: counted by method, drawn over time, none where nothing is measured."""

import pytest
from handmade import STUDY

from bench.report.analysis.findings import find
from bench.report.content import compose, drawings
from bench.report.drawing.style import Style
from bench.report.page.document import Details, Items, Table, blocks_of
from bench.report.topics.dataset.diagnosis import BEFORE, COLOURS, diagnosis

MEASURED = STUDY + "metrics: [discriminator]\n"
SURE = {"d_separation": 0.99, "d_saturation": 0.6, "d_overfitting": 0.0, "high_quality": 0.9}


@pytest.fixture
def saturated(make_study, train, modes):
    """non_saturating saturates but for seed 2, which works;
    wgan_gp does nothing that any rule knows."""
    study = make_study(MEASURED.replace("evaluations: 2", "evaluations: 4"), "sure")
    planned = []
    for cell in study.cells:
        is_sure = cell.method.name == "non_saturating"
        last = (8, 8, 8) if is_sure and cell.seed == 2 else (5, 5, 5)
        numbers = (
            SURE
            if is_sure and cell.seed != 2
            else {**SURE, "d_separation": 0.6, "high_quality": 0.1}
        )
        values = modes(0, 5, *last)
        planned.append(
            train(cell, {at: {**own, **(numbers if at else {})} for at, own in values.items()})
        )
    return study, planned


def test_a_line_and_a_row_per_method_and_the_runs_over_time(saturated, tmp_path):
    found = find(*saturated, [])
    problem, ranked = found.fixed[0]
    _, lines, unknown, table, folded = diagnosis(found, problem, ranked)
    assert isinstance(lines, Items)
    told = dict(lines.items)
    assert told["non_saturating"] == (
        "saturated discriminator in 2 of 3 seeds from update 50 on; healthy in 1."
    )
    # what saturates or works would not be judged otherwise by a later rule
    assert unknown.text.startswith("Not measured in 3 of 6 runs, and not looked for: forgetting (")
    assert "measure STUDY --metrics anatomy" in unknown.text
    assert told["wgan_gp"] == "unclear in 3 of 3 seeds."
    assert isinstance(table, Table)
    assert table.header == ["method", "healthy", "saturated discriminator", "unclear"]
    cells = {row[0].text: [each.text for each in row[1:]] for row in table.rows}
    assert cells == {"non_saturating": ["1", "2", "–"], "wgan_gp": ["–", "–", "3"]}
    assert isinstance(folded, Details)
    style, folder = Style(["non_saturating", "wgan_gp"]), tmp_path / "drawn"
    (folder / "figures").mkdir(parents=True)
    with style.drawing():
        figure = folded.blocks[0].draw(style, folder)
    drawn = (folder / f"{figure.file}.svg").read_text()
    assert "saturated discriminator" in drawn
    assert "unclear" not in drawn
    assert "ring8/diagnosis" in [each.name for each in drawings(found)]


def test_every_diagnosis_is_drawn_though_not_every_seed(make_study, train, modes, tmp_path):
    study = make_study(
        MEASURED.replace("evaluations: 2", "evaluations: 4")
        .replace("wgan_gp", "")
        .replace("seeds: 3", "seeds: 12"),
        "many",
    )
    planned = []
    for cell in study.cells:
        numbers = modes(0, 5, *(5, 5, 5) if cell.seed > 9 else (8, 8, 8))
        quality = {**SURE, "d_separation": 0.6}
        planned.append(train(cell, {at: {**own, **quality} for at, own in numbers.items()}))
    found = find(study, planned, [])
    problem, ranked = found.fixed[0]
    _, lines, *_, folded = diagnosis(found, problem, ranked)
    assert dict(lines.items)["non_saturating"] == (
        "healthy in 10 of 12 seeds; collapsed in 2 from update 50 on, with 5 of 8 modes."
    )
    style, folder = Style(["non_saturating"]), tmp_path / "drawn"
    (folder / "figures").mkdir(parents=True)
    with style.drawing():
        figure = folded.blocks[0].draw(style, folder)
    drawn = (folder / f"{figure.file}.svg").read_text().lower()
    assert drawn.count(BEFORE.lower()) == 9
    assert COLOURS["collapsed"].lower() in drawn
    assert "10 seeds of a method, every diagnosis among them" in figure.caption


def test_nothing_is_said_where_nothing_was_measured(two_methods):
    blocks = list(blocks_of(compose(find(*two_methods, []), {})))
    assert not [b for b in blocks if isinstance(b, Table) and b.name.startswith("diagnosis")]
