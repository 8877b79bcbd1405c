"""Large studies: the report stays one page that opens, and nothing of it is lost."""

from __future__ import annotations

import csv
import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from handmade import recorder, store_in, studies_in

from bench.execution.plan import Planned, plan
from bench.report import write_report
from bench.report.analysis.tables import FLOOR
from bench.report.drawing.sheets import MOST
from bench.study import Study
from bench.words import program

LARGEST = 20_000_000
"""Bytes of a page that mail and browsers take without complaint."""
EXPERIMENTS = """
methods: [non_saturating]
seeds: {seeds}
evaluations: {evaluations}
experiments:
"""
POINTS = "architecture: {mlp: {generator_widths: [8], discriminator_widths: [8]}}"
DATASETS = {
    "ring8": f"{{dataset: ring8, updates: 5000, {POINTS}}}",
    "grid25": f"{{dataset: grid25, updates: 5000, {POINTS}}}",
    "wide": f"{{dataset: {{ring8: {{sigma: 0.05}}}}, updates: 5000, {POINTS}}}",
    "mnist5k": "{dataset: mnist5k, updates: 5000, architecture: dcgan}",
    "fashion_mnist": "{dataset: fashion_mnist, updates: 5000, architecture: dcgan}",
}


def crowd(
    folder: Path, methods: int, seeds: int, datasets: list[str], evaluations: int, updates: int
) -> tuple[Study, list[Planned], Path]:
    """Every ninth method fails at some seeds; ``updates`` are those that series hold."""
    text = EXPERIMENTS.format(seeds=seeds, evaluations=evaluations)
    study = studies_in(folder)(text + "".join(f"  - {DATASETS[name]}\n" for name in datasets))
    store = store_in(folder)
    put, cells, random = recorder(store), [], np.random.default_rng(0)
    # strokes on black, as packed sizes of noise would say nothing of real pictures'
    digits = np.zeros((evaluations + 1, 64, 28, 28), np.uint8)
    for image in digits.reshape(-1, 28, 28):
        row, column = random.integers(4, 20, 2)
        image[row : row + 3, 4:24] = random.integers(120, 256, (3, 20))
        image[4:24, column : column + 3] = random.integers(120, 256, (20, 3))
    for plain in study.cells:
        images = plain.architecture.name == "dcgan"
        for number in range(methods):
            name = f"method_{number:02}"
            method = dataclasses.replace(plain.method, name=name, label=name)
            cell = dataclasses.replace(plain, method=method)
            failed = number % 9 == 8 and cell.seed % 2 == 0
            points = [round(5000 * i / evaluations) for i in range(evaluations + 1)]
            points = points[: len(points) // 2 + 1] if failed else points
            noise = np.exp(random.normal(size=updates) / 2).astype(np.float32)
            samples = digits[: len(points)]
            real = digits[0]
            if not images:
                samples = random.normal(size=(len(points), 1000, 2)).astype(np.float16)
                real = samples[0]
            cells.append(cell)
            put(
                cell,
                {at: _values(images, number, cell.seed, at) for at in points},
                "diverged" if failed else "ok",
                "a weight is not finite" if failed else "",
                norms=noise[: updates // 2] if failed else noise,
                samples=samples,
                pictures={"real": real},
                floor=_values(images, 0, 0, 5000),
                training_seconds=20.0 + number,
            )
    return dataclasses.replace(study, cells=cells), plan(cells, store), store.results


def _values(images: bool, number: int, seed: int, at: int) -> dict[str, float | None]:
    done = at / 5000 / (1 + number / 20)
    shared: dict[str, float | None] = {"reverse_kl": 2.01 - 2 * done, "jsd": 0.5}
    if images:
        distance = 2000 - 1990 * done + 3 * seed
        return {**shared, "lenet_fd": distance, "classes_20": round(10 * done), "classes_1": 10.0}
    modes = float(round(8 * done + 0.1 * seed))
    return {**shared, "modes_20": modes, "modes_1": 8.0, "high_quality": done,
            "data_fd": 10.0 - 9 * done}  # fmt: skip


class _Page(HTMLParser):
    """Which elements are open, whether all are closed, and what is named."""

    EMPTY = frozenset({"meta", "img", "br", "input", "link", "hr", "wbr", "col"})

    def __init__(self, text: str):
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.cells: list[str] = []
        self.drawings = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.ids += [value for name, value in attributes if name == "id" and value]
        self.drawings += tag == "svg"
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.ids += [value for name, value in attributes if name == "id" and value]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self.open[-4:]):
            self.cells.append(data.strip())


def rows(file: Path) -> list[dict[str, Any]]:
    with open(file, encoding="utf-8", newline="") as content:
        return list(csv.DictReader(content))


@pytest.fixture(scope="module")
def forty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty methods on points and on images, one seed each: the folder of their report."""
    folder = tmp_path_factory.mktemp("forty")
    study, planned, results = crowd(folder, 40, 1, ["ring8", "mnist5k"], 10, 500)
    return write_report(study, planned, results).parent


def test_forty_methods_make_a_page_that_opens(forty: Path) -> None:
    file = forty / "report.html"
    assert file.stat().st_size < LARGEST / 2
    page = _Page(file.read_text(encoding="utf-8"))
    assert not page.open
    assert len(page.ids) == len(set(page.ids))
    assert page.drawings > 10


def test_every_one_of_forty_methods_is_in_tables_and_can_be_picked(forty: Path) -> None:
    text = (forty / "report.html").read_text(encoding="utf-8")
    page = _Page(text)
    names = [f"method_{number:02}" for number in range(40)]
    assert set(names) <= set(page.cells)
    assert {row["method"] for row in rows(forty / "runs.csv")} == set(names)
    assert {row["method"] for row in rows(forty / "summary.csv")} == {*names, FLOOR}
    # the legend of the page, by which a method is picked in every figure
    picked = set(re.findall(r'data-pick="(\d+)"', text))
    assert picked == {str(number) for number in range(40)}


def test_sheets_of_forty_methods_show_some_and_name_the_others(forty: Path) -> None:
    samples = next((forty / "figures").glob("mnist5k-*-samples.svg")).read_text(encoding="utf-8")
    assert len({int(n) for n in re.findall(r'id="method-(\d+)-', samples)}) == MOST
    assert f"{program()} figure mnist5k/samples-2" in (forty / "report.html").read_text(
        encoding="utf-8"
    )


@pytest.mark.slow
def test_a_thousand_cells_make_a_page_that_opens(tmp_path: Path) -> None:
    study, planned, results = crowd(tmp_path, 40, 5, list(DATASETS), 10, 500)
    assert len(planned) == 1000
    folder = write_report(study, planned, results).parent
    assert (folder / "report.html").stat().st_size < LARGEST
    page = _Page((folder / "report.html").read_text(encoding="utf-8"))
    assert not page.open
    assert len(page.ids) == len(set(page.ids))
    told = rows(folder / "runs.csv")
    shown = {(row["problem"], row["method"], row["seed"]) for row in told}
    assert len(told) == len(shown) == 1000
    assert {key for _, key, _ in shown} == {f"method_{number:02}" for number in range(40)}
