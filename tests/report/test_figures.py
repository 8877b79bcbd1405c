"""Figures as readers meet them: tags, colours, names, files, and one figure alone."""

import dataclasses
import re
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from handmade import recorder, store_in, studies_in

from bench.errors import BenchError
from bench.execution.plan import Planned, plan
from bench.report.analysis.findings import find
from bench.report.content import drawings
from bench.report.drawing.points import Window
from bench.report.drawing.seeds import trios
from bench.report.drawing.sheets import MOST, sheets
from bench.report.drawing.style import Style
from bench.report.paper import names, write_figure
from bench.report.topics.dataset import latents, norms, samples
from bench.report.topics.study import overview
from bench.words import program

RING = """
methods: [non_saturating]
seeds: {seeds}
evaluations: 4
experiments:
  - dataset: ring8
    architecture: {{mlp: {{generator_widths: [8], discriminator_widths: [8]}}}}
    updates: 100
"""
HOSTILE = ["$x^2$", "</svg><script>alert(1)</script>", "long_" * 40, "🦊 émoji 漢", "a & b"]
POINTS = ("curves", "samples", "evolution", "norms")
SVG = "{http://www.w3.org/2000/svg}"


def crowd(folder: Path, labels: list[str], seeds: int = 3, failing: tuple[str, ...] = ()):
    """Methods on ring8, the first the best; all seeds but the first of ``failing`` ones diverge."""
    study = studies_in(folder)(RING.format(seeds=seeds), "crowd")
    store, cells = store_in(folder), []
    put = recorder(store)
    random = np.random.default_rng(0)
    for number, label in enumerate(labels):
        for plain in study.cells:
            method = dataclasses.replace(plain.method, name=f"method_{number}", label=label)
            cell = dataclasses.replace(plain, method=method)
            failed = label in failing and (cell.seed > 0 or seeds == 1)
            points = (0, 25, 50) if failed else (0, 25, 50, 75, 100)
            values = {
                at: {"modes_20": max(8 - number / 5 - cell.seed / 10, 0) * at / 100, "modes_1": 8.0,
                     "high_quality": at / 200, "reverse_kl": 1 / (1 + at), "jsd": 0.5,
                     "data_fd": 10.0 / (1 + at)}
                for at in points
            }  # fmt: skip
            norms = np.exp(random.normal(size=60 if failed else 100)).astype(np.float32)
            samples = random.normal(size=(len(points), 200, 2)).astype(np.float16)
            status = "diverged" if failed else "ok"
            reason = "a weight is not finite" if failed else ""
            cells.append(cell)
            put(cell, values, status, reason, norms=norms, samples=samples,
                pictures={"real": samples[0] / 4})  # fmt: skip
    return dataclasses.replace(study, cells=cells), plan(cells, store)


def drawn(study, planned, folder: Path, notes: list[str] | None = None, formats=("svg", "png")):
    """What the report shows of ring8 alone."""
    found = find(study, planned, [] if notes is None else notes)
    style = Style(found.methods)
    (folder / "figures").mkdir(parents=True)
    made = {}
    for each in drawings(found):
        problem, _, kind = each.name.partition("/")
        if problem == "ring8" and kind in POINTS:
            with style.drawing(formats):
                made[kind] = each.draw(style, folder)
    return found, made


def numbers_tagged(file: Path) -> set[int]:
    ids = [e.get("id", "") for e in ElementTree.parse(file).iter()]
    assert len(ids) - ids.count("") == len(set(ids) - {""}), "ids are unique"
    found = [re.fullmatch(r"method-(\d+)-\d+", name) for name in ids]
    return {int(each[1]) for each in found if each}


def words(file: Path) -> str:
    return " ".join("".join(e.itertext()) for e in ElementTree.parse(file).iter(f"{SVG}text"))


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Hostile names and others, nine methods, one of which fails."""
    folder = tmp_path_factory.mktemp("few")
    labels = [*HOSTILE, *(f"plain_{i}" for i in range(4))]
    study, planned = crowd(folder, labels, failing=("plain_3",))
    out = folder / "out"
    return study, planned, *drawn(study, planned, out), out


@pytest.fixture(scope="module")
def forty(tmp_path_factory):
    folder = tmp_path_factory.mktemp("forty")
    labels = [f"method_{i:02}" for i in range(40)]
    study, planned = crowd(folder, labels, 2, ("method_30", "method_35"))
    out = folder / "out"
    return study, planned, *drawn(study, planned, out, formats=("svg",)), out


def test_every_method_is_tagged_in_every_figure_by_its_number(few):
    *_, found, made, out = few
    for kind in POINTS:
        tagged = numbers_tagged(out / f"{made[kind].file}.svg")
        assert tagged == set(range(len(found.methods))), kind


def test_a_tag_holds_what_belongs_to_its_method(few):
    *_, found, made, out = few
    number = found.methods.index("plain_2")
    for kind in ("curves", "samples", "norms", "evolution"):
        groups = [
            e
            for e in ElementTree.parse(out / f"{made[kind].file}.svg").iter()
            if e.get("id", "").startswith(f"method-{number}-")
        ]
        told = "".join("".join(group.itertext()) for group in groups)
        assert "plain_2" in told, kind
        assert not re.search(r"plain_[0-13-9]", told), kind


def titles(file: Path) -> list[str]:
    return [e.text or "" for e in ElementTree.parse(file).iter(f"{SVG}title")]


def test_panels_state_the_values_at_the_end(few):
    *_, found, made, out = few
    told = titles(out / f"{made['norms'].file}.svg")
    assert len(set(told)) == 2 * len(found.methods)
    assert sum("'s last norm: median " in text for text in told) == len(told)
    told = titles(out / f"{made['curves'].file}.svg")
    assert {text.rsplit(": ", 1)[0] for text in told} == set(found.methods)
    assert "a & b: interquartile mean 7.10 (seeds from 7.00 to 7.20)" in told
    assert "plain_3: interquartile mean 6.40 (one seed)" in told


def test_hostile_names_are_only_text(few):
    *_, made, out = few
    for kind in POINTS:
        file = out / f"{made[kind].file}.svg"
        assert "<script" not in file.read_text(encoding="utf-8")
        told = words(file)
        # as given, not as mathematics, and not longer than there is room for
        assert "$x^2$" in told
        assert "</svg>" in told
        assert "🦊" in told
        assert "long_" * 8 not in told


def test_drawing_is_repeatable_and_each_figure_stands_alone(few, tmp_path):
    *_, found, made, out = few
    (tmp_path / "figures").mkdir()
    style = Style(found.methods)
    known = {d.name: d for d in drawings(found)}
    for kind in ("samples", "curves"):
        with style.drawing():
            figure = known[f"ring8/{kind}"].draw(style, tmp_path)
        for suffix in ("svg", "png"):
            again = (tmp_path / f"{figure.file}.{suffix}").read_bytes()
            assert again == (out / f"{made[kind].file}.{suffix}").read_bytes()


def test_drawing_leaves_matplotlib_as_it_was(few, tmp_path):
    study, planned, *_ = few
    before = dict(matplotlib.rcParams)
    write_figure(study, planned, "ring8/curves", tmp_path, paper=True)
    assert dict(matplotlib.rcParams) == before
    assert not matplotlib.pyplot.get_fignums()


def test_forty_methods_are_limited_to_what_can_be_read(forty):
    *_, found, made, out = forty
    for kind in POINTS:
        tagged = {found.methods[i] for i in numbers_tagged(out / f"{made[kind].file}.svg")}
        assert len(tagged) == MOST
        # the best, and those that failed though they are ranked low
        assert {"method_00", "method_09", "method_30", "method_35"} <= tagged
        assert f"12 of 40 methods, the best ranked and those with most failures; the others: " \
               f"{program()} figure ring8/{kind}-2, ring8/{kind}-3, ring8/{kind}-4." in (
            made[kind].caption
        )  # fmt: skip
    # the page embeds them all
    assert sum(f.stat().st_size for f in (out / "figures").glob("*.svg")) < 3_000_000


def test_sheets_hold_every_method_once(forty):
    found = forty[2]
    parts = sheets(found.standings[0], "ring8")
    assert sorted(m for part in parts for m in part.methods) == found.methods
    assert max(len(part.methods) for part in parts) <= MOST
    order = [standing.method for standing in found.standings[0]]
    for part in parts:
        assert part.methods == sorted(part.methods, key=order.index)


def test_the_others_are_drawn_by_the_name_that_the_caption_tells(forty, tmp_path):
    study, planned, found, *_ = forty
    known = names(study, planned)
    assert {"ring8/curves", "ring8/samples", "ring8/samples-2", "ring8/norms-4"} <= set(known)
    assert "ring8/samples-5" not in known
    files = write_figure(study, planned, "ring8/evolution-4", tmp_path, paper=False)
    told = {found.methods[i] for i in numbers_tagged(files[1])}
    assert told == set(sheets(found.standings[0], "ring8")[3].methods)


def test_best_median_and_worst_seeds_are_chosen_and_a_failed_one_is_the_worst(few):
    _, _, found, made, out = few
    chosen = trios(found.problems[0], ["plain_1", "plain_3"], [])
    assert {one.places: one.record.cell.seed for one in chosen["plain_1"]} == {
        ("best",): 0, ("median",): 1, ("worst",): 2,
    }  # fmt: skip
    # one seed finished: it is the best, and the median of those that finished
    assert {one.places: one.record.cell.seed for one in chosen["plain_3"]} == {
        ("best", "median"): 0, ("worst",): 2,
    }  # fmt: skip
    assert "diverged at 60" in words(out / f"{made['samples'].file}.svg")
    assert "A failed seed is the worst" in made["samples"].caption


@pytest.mark.parametrize("all_failed", [True, False])
def test_a_single_seed_and_nothing_but_failures(tmp_path, all_failed):
    study, planned = crowd(tmp_path, ["one", "two"], 1, ("one", "two") if all_failed else ())
    _, made = drawn(study, planned, tmp_path / "out")
    assert set(POINTS) <= set(made)
    told = words(tmp_path / "out" / f"{made['samples'].file}.svg")
    assert "only: seed 0" in told
    assert ("diverged at 60" in told) == all_failed
    empty = "Empty: that seed had failed before" in made["evolution"].caption
    assert empty == all_failed


def test_records_that_cannot_be_read_are_noted_once(tmp_path):
    study, planned = crowd(tmp_path, ["one", "two"], 2)
    file = planned[0].record.folder / "samples.npz"
    file.write_bytes(bytes(file.stat().st_size))
    notes: list[str] = []
    drawn(study, planned, tmp_path / "out", notes=notes)
    assert sum("samples.npz is damaged" in note for note in notes) == 1


def inches_wide(file: Path) -> float:
    (width,) = re.findall(rb"/MediaBox \[ 0 0 ([\d.]+) ", file.read_bytes())
    return float(width) / 72


def letters(file: Path) -> set[float]:
    found = re.findall(r"font(?:-size)?: ?[a-z0-9 ]*?([\d.]+)px", file.read_text(encoding="utf-8"))
    return {float(size) for size in found}


def test_paper_figures_embed_their_fonts(few, tmp_path):
    study, planned, *_ = few
    files = write_figure(study, planned, "ring8/curves", tmp_path / "new" / "folder", paper=True)
    assert [f.name for f in files] == ["ring8-curves.pdf", "ring8-curves.svg", "ring8-curves.png"]
    content = files[0].read_bytes()
    assert b"/FontFile2" in content
    assert b"/Type3" not in content
    assert b"/CreationDate" not in content


@pytest.mark.parametrize("width", ["column", "page"])
def test_paper_figures_fit_their_width_with_letters_that_can_be_read(few, tmp_path, width):
    study, planned, *_ = few
    kinds = ("overview", "costs", "ring8/curves", "ring8/profiles", "ring8/samples", "ring8/norms")
    for name in kinds if width == "column" else kinds[2:5]:
        pdf, svg, _ = write_figure(study, planned, name, tmp_path, width=width)
        assert inches_wide(pdf) <= (3.25 if width == "column" else 6.75) + 0.001, name
        assert 7 <= min(letters(svg)) <= max(letters(svg)) <= 8.5, name


def test_figures_of_the_report_know_no_column(few, tmp_path):
    study, planned, *_ = few
    files = write_figure(study, planned, "ring8/curves", tmp_path, paper=False, width="column")
    assert inches_wide(files[0]) == pytest.approx(9.6)


def test_one_figure_is_drawn_without_the_others(few, tmp_path, monkeypatch):
    study, planned, *_ = few

    def never(*_):
        raise AssertionError("drawn")

    for module, name in (
        (samples, "draw_samples"),
        (latents, "draw_evolution"),
        (norms, "draw_norms"),
        (overview, "draw_overview"),
    ):
        monkeypatch.setattr(module, name, never)
    write_figure(study, planned, "ring8/curves", tmp_path)
    assert len(list(tmp_path.iterdir())) == 3


def test_what_cannot_be_drawn_is_one_line(few, tmp_path):
    study, planned, *_ = few
    with pytest.raises(BenchError, match=r"did you mean ring8/curves.*ring8/samples"):
        write_figure(study, planned, "ring8/curve", tmp_path)
    missing = [Planned(each.cell, "missing", "never trained") for each in planned]
    with pytest.raises(BenchError, match=r"nothing of study .* is stored"):
        write_figure(study, missing, "ring8/samples", tmp_path)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BenchError, match="cannot write the figure"):
        write_figure(study, planned, "ring8/curves", tmp_path / "file")
    assert [f.name for f in tmp_path.iterdir()] == ["file"]


def test_phase_portraits_tell_which_seeds_leave_them(make_study, train, tmp_path):
    study = make_study("""
methods: [vanilla, non_saturating]
seeds: 2
experiments: [{dataset: dirac, architecture: dirac, updates: 100, evaluations: 2}]
""")
    planned = []
    for cell in study.cells:
        ends = 50.0 if (cell.method.name, cell.seed) == ("vanilla", 1) else 0.5
        values = {
            at: {"radius": 1.0, "distance": 1.0, "theta": theta, "psi": 0.0, "data_fd": 1.0}
            for at, theta in ((0, 1.0), (50, 0.8), (100, ends))
        }
        planned.append(train(cell, values))
    files = write_figure(study, planned, "dirac/phase", tmp_path, width="page")
    assert numbers_tagged(files[1]) == {0, 1}
    assert words(files[1]).count("1 of 2 seeds end outside") == 1
    # samples of one number each are neither points of the plane nor images
    assert not {"dirac/samples", "dirac/evolution"} & set(names(study, planned))


def test_points_outside_the_window_are_left_out():
    window = Window([np.array([[-1.0, 0.0], [1.0, 0.0]])])
    inside = window.unit(np.array([[0, 0], [9, 0], [np.nan, 0], [np.inf, 0]]))
    assert inside.tolist() == [[0.5, 0.5]]
    assert Window([np.full((3, 2), np.inf)]).unit(np.zeros((1, 2))).tolist() == [[0.5, 0.5]]
