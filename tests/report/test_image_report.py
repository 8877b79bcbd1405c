"""Pictures of images: what is in which place, in gray and in colour."""

import numpy as np
import pytest
from image_records import IMAGES, shades
from pages import Page
from PIL import Image

from bench.execution.plan import Planned
from bench.report import write_report
from bench.report.analysis.problems import problems
from bench.report.drawing.sheets import Sheet
from bench.report.drawing.style import Style
from bench.report.drawing.tiles import WHITE, in_colour, tiled
from bench.report.topics.dataset import latents
from bench.report.topics.dataset.latents import draw_evolution, draw_interpolations

GRAY, RGB = (28, 28), (28, 28, 3)


@pytest.fixture
def drawn(monkeypatch) -> list[np.ndarray]:
    """Every sheet of images that is put together."""
    sheets: list[np.ndarray] = []

    def recorded(*arguments):
        sheets.append(tiled(*arguments))
        return sheets[-1]

    monkeypatch.setattr(latents, "tiled", recorded)
    return sheets


@pytest.fixture
def image_cells(make_study, train):
    """Two methods, two seeds, on mnist5k or stacked_mnist; one diverged where it is asked for."""

    def make(dataset="mnist5k", shape=GRAY, diverged=False, **pictures):
        study = make_study(IMAGES.format(dataset=dataset))
        planned = []
        for cell in study.cells:
            failed = diverged and cell.method.name == "wgan_gp"
            values = {"lenet_fd": 9.0 + cell.seed, "modes_1": 1.0 + cell.seed, "reverse_kl": 1.0}
            points = (0, 50) if failed else (0, 50, 100)
            planned.append(
                train(
                    cell,
                    dict.fromkeys(points, values),
                    status="diverged" if failed else "ok",
                    reason="a weight is not finite" if failed else "",
                    samples=shades(shape, len(points)),
                    pictures={} if failed else {f"last {n}": made for n, made in pictures.items()},
                )
            )
        return study, planned

    return make


def sheet_of(problem, methods, folder):
    """What a drawing function is given to draw these methods."""
    return problem, Sheet(methods), [], Style(methods), folder


@pytest.mark.parametrize(("dataset", "shape"), [("mnist5k", GRAY), ("stacked_mnist", RGB)])
def test_every_picture_of_images_is_drawn(image_cells, store, dataset, shape):
    real = shades(shape, 1)[0]
    paths = shades(shape, 4)[:, :10]
    study, planned = image_cells(dataset, shape, real=real, interpolations=paths)
    page = write_report(study, planned, store.results)
    kinds = {f.stem.rsplit("-", 1)[-1] for f in (page.parent / "figures").iterdir()}
    assert {"curves", "evolution", "interpolations", "norms", "overview", "samples"} <= kinds
    metric = "LeNet FD" if dataset == "mnist5k" else "modes (≥1) of 1000"
    words = Page(page).words
    assert f"best, median and worst seed by {metric}, after real data." in words
    assert f"each method's median seed by {metric}." in words
    # 256 colours keep the page small
    few = {f.stem.split("-")[-1] for f in (page.parent / "figures").glob("*.png")
           if Image.open(f).mode in ("P", "L")}  # fmt: skip
    assert few == {"strip"}


def test_real_samples_come_from_the_records_and_are_left_out_where_there_are_none(
    image_cells, store
):
    study, planned = image_cells()
    words = Page(write_report(study, planned, store.results)).words
    assert "Final images of each method's best, median and worst seed" in words
    assert "after real data" not in words


def test_evolution_has_a_row_for_each_method_and_a_column_for_each_evaluation(
    image_cells, tmp_path, drawn
):
    (problem,) = problems(image_cells(shape=GRAY)[1])
    (tmp_path / "figures").mkdir()
    place = sheet_of(problem, ["wgan_gp", "non_saturating"], tmp_path)
    figure = draw_evolution(*place)
    assert figure.file.endswith("-evolution")
    assert "a row for each of wgan_gp, non_saturating" in figure.alt
    rows = [drawn[:4], drawn[4:]]
    assert [cell.shape for *cells, _ in rows for cell in cells] == [(3 * 28, 3 * 28, 3)] * 6
    # the i-th image of an evaluation lies in the i-th place of its cell, row by row
    for *cells, strip in rows:
        for column, cell in enumerate(cells):
            middles = cell[14::28, 14::28, 0].ravel()
            assert middles.tolist() == [5 * (12 * column + latent) for latent in range(9)]
        gap = (strip.shape[1] - 3 * 84) // 2
        assert strip.shape[0] == 84
        assert (strip[:, 84 : 84 + gap] == WHITE).all()


def test_a_seed_that_failed_leaves_its_later_cells_empty(image_cells, tmp_path, drawn):
    paths = shades(GRAY, 4)[:, :10]
    (problem,) = problems(image_cells(diverged=True, interpolations=paths)[1])
    (tmp_path / "figures").mkdir()
    place = sheet_of(problem, ["non_saturating", "wgan_gp"], tmp_path)
    figure = draw_evolution(*place)
    assert "had failed before" in figure.caption
    # three cells of a row, and the row
    assert [bool((cell == WHITE).all()) for cell in drawn] == [False] * 6 + [True, False]
    figure = draw_interpolations(*place)
    assert "No seed finished: wgan_gp." in figure.caption
    assert "wgan_gp" not in figure.alt


@pytest.mark.parametrize(
    ("evaluations", "columns"),
    [
        (3, [0, 33, 66, 100]),
        (10, [0, 20, 40, 60, 80, 100]),
        (50, [0, 20, 40, 60, 80, 100]),
        (13, [0, 15, 30, 46, 53, 69, 84, 100]),
    ],
)
def test_of_many_evaluations_some_are_shown_with_the_first_and_the_last(
    make_study, evaluations, columns
):
    text = IMAGES.format(dataset="mnist5k").replace("evaluations: 2", f"evaluations: {evaluations}")
    (problem,) = problems([Planned(c, "missing", "never trained") for c in make_study(text).cells])
    assert latents._columns(problem, 5, 8) == columns


def test_interpolations_are_shown_path_by_path(image_cells, tmp_path, drawn):
    paths = np.arange(80).reshape(8, 10, 1, 1, 1) + np.zeros((1, 1, *RGB))
    (problem,) = problems(image_cells("stacked_mnist", RGB, interpolations=paths.astype("u1"))[1])
    (tmp_path / "figures").mkdir()
    draw_interpolations(*sheet_of(problem, ["wgan_gp"], tmp_path))
    (sheet,) = drawn
    assert sheet[14::29, 14::29, 0].tolist() == np.arange(30).reshape(3, 10).tolist()


def test_tiles_keep_order_gap_and_colour():
    gray = np.arange(3, dtype=np.uint8).reshape(3, 1, 1) + np.zeros((3, 2, 2), np.uint8)
    sheet = tiled(in_colour(gray), 2, 1)
    assert sheet.shape == (5, 5, 3)
    assert sheet[:, :, 0].tolist() == [
        [0, 0, 255, 1, 1],
        [0, 0, 255, 1, 1],
        [255] * 5,
        [2, 2, 255, 255, 255],
        [2, 2, 255, 255, 255],
    ]
    red = np.zeros((1, 2, 2, 3), np.uint8)
    red[..., 0] = 200
    assert (tiled(in_colour(red), 1) == [200, 0, 0]).all()


def test_an_array_that_cannot_be_read_is_told_once(image_cells, store):
    study, planned = image_cells(interpolations=shades(GRAY, 4)[:, :10])
    record = planned[0].record
    file = record.folder / "samples.npz"
    file.write_bytes(bytes(file.stat().st_size))
    words = Page(write_report(study, planned, store.results)).words
    assert words.count("samples.npz is damaged") == 1
