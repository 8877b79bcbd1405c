"""A folder of images as a dataset: its parts, what is cached, its keys, a run to its report."""

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image

from bench.cli import main
from bench.datasets.images import ImageDataset
from bench.registry import make_dataset
from bench.stored import load_run, write_samples
from bench.study import load_study
from tests.datasets.folders import CPU, ODD, dataset, levels, noise, one_line, paint
from tests.measured import floor, scores, subject_of


@pytest.mark.parametrize(
    ("hyperparameters", "message"),
    [
        ({"size": 3}, "size is 3; give a whole number from 4 to 1,024 or 2 of"),
        ({"size": 2000}, "size is 2000; give a whole number from 4 to 1,024 or 2 of"),
        ({"size": [64, 3]}, "size is [64, 3]; give a whole number from 4 to 1,024 or 2 of"),
        ({"size": [64, 64, 64]}, "size is [64, 64, 64]"),
        ({"range": [1, 1]}, "range must be auto or [low, high] with low below high"),
        ({"range": "full"}, "range is 'full'"),
        ({"held_out": 0}, "held_out is 0; give a number above 0, below 1"),
        ({"held_out": 1.0}, "held_out is 1.0; give a number above 0, below 1"),
        ({"held_out": float("nan")}, "held_out is nan"),
        ({"path": "/not\udcffutf8"}, "surrogate"),
        ({"channels": "cmyk"}, "channels is 'cmyk'"),
        ({"evaluation_samples": 0}, "evaluation_samples is 0; give a whole number from 2"),
        ({"pth": "x"}, "no hyperparameter 'pth'; did you mean 'path'?"),
    ],
)
def test_settings_that_make_no_sense_are_told(hyperparameters, message):
    assert message in one_line(make_dataset, "folder", hyperparameters)


@pytest.mark.parametrize("held_out", [0.001, 0.1, 0.3, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("count", [4, 5, 10])
def test_the_parts_are_disjoint_never_empty_and_always_the_same(images, tmp_path, held_out, count):
    for file in sorted(images.rglob("*.png"))[count:]:
        file.unlink()
    hyperparameters = {"held_out": held_out}
    first, second = (
        dataset(images, **hyperparameters).parts(tmp_path / name) for name in ("one", "two")
    )
    train, test = levels(first.train), levels(first.test)
    assert min(len(train), len(test)) >= 2
    assert set(train).isdisjoint(test)
    assert len(train) + len(test) == len({*train, *test}) == count
    assert len(train) == dataset(images, **hyperparameters).training_size()
    assert torch.equal(first.train, second.train)
    assert torch.equal(first.test, second.test)
    assert first.content == second.content
    if count == 10 and held_out == 0.3:
        assert len(test) == 3
        assert train != sorted(train)


@pytest.fixture
def study(tmp_path, images):
    def cells(**hyperparameters):
        file = tmp_path / "mine.yaml"
        part = {f"folder:{images}": {"size": 16, **hyperparameters}}
        experiment = {"dataset": part, "architecture": "mlp", "epochs": 4,
                      "training": {"batch_size": 3}}  # fmt: skip
        file.write_text(yaml.safe_dump({"methods": ["vanilla"], "experiments": [experiment]}))
        return load_study(str(file)).cells

    return cells


def test_a_changed_folder_changes_the_keys_of_its_cells(study, images):
    keys = [cell.key for cell in study()]
    assert [cell.key for cell in study()] == keys
    assert "the data themselves" in study()[0].sources
    paint(images / "new.png", 3)
    assert not {cell.key for cell in study()} & set(keys)
    (images / "new.png").unlink()
    assert [cell.key for cell in study()] == keys
    assert not {cell.key for cell in study(channels="gray")} & set(keys)


def test_epochs_count_the_files_whatever_is_cached(study, images, tmp_path):
    assert {cell.updates for cell in study()} == {11}  # 4 epochs of 8 images by 3
    (images / "bad.png").write_bytes(b"")
    before = study()[0].updates
    dataset(images, size=16).fetch(tmp_path / "cache")
    assert study()[0].updates == before


def test_images_are_packed_once_and_mapped_into_memory(images, tmp_path, monkeypatch):
    first = dataset(images).parts(tmp_path / "cache")
    monkeypatch.setattr(Image, "open", lambda *_: pytest.fail("read again"))
    second = dataset(images).parts(tmp_path / "cache")
    assert torch.equal(first.train, second.train)
    assert second.remarks == first.remarks
    (file,) = (tmp_path / "cache" / "data").glob("folder-*.npy")
    assert in_mapped_file(second.train, file)
    assert in_mapped_file(second.test, file)
    ready = dataset(images)
    ready.prepare(tmp_path / "cache", CPU)
    assert in_mapped_file(ready._resident(CPU), file)


def in_mapped_file(tensor: torch.Tensor, file: Path) -> bool:
    """Whether a tensor's first byte lies where the kernel has mapped this file."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        if line.endswith(str(file)):
            start, end = (int(part, 16) for part in line.split()[0].split("-"))
            if start <= tensor.data_ptr() < end:
                return True
    return False


def test_a_broken_image_costs_no_copy(images, tmp_path):
    (images / "bad.png").write_bytes(b"")
    parts = dataset(images).parts(tmp_path / "cache")
    (file,) = (tmp_path / "cache" / "data").glob("folder-*.npy")
    assert in_mapped_file(parts.train, file)
    assert len(parts.train) + len(parts.test) == 10
    assert {path.suffix for path in file.parent.iterdir()} == {".npy", ".json", ".lock"}


@pytest.mark.parametrize("damaged", [".npy", ".json"])
@pytest.mark.parametrize("left", [0, 30])
def test_a_damaged_pack_is_made_anew(images, tmp_path, damaged, left):
    whole = dataset(images).parts(tmp_path / "cache")
    images_before = whole.train.clone()
    (file,) = (tmp_path / "cache" / "data").glob(f"folder-*{damaged}")
    content = file.read_bytes()
    file.unlink()  # another file, as the old one is still mapped
    file.write_bytes(content[:left])
    again = dataset(images).parts(tmp_path / "cache")
    assert torch.equal(again.train, images_before)
    assert again.remarks == whole.remarks


def test_sizes_and_channels_are_packed_apart_and_shares_together(images, tmp_path):
    for hyperparameters in ({}, {"held_out": 0.5}, {"size": 16}, {"channels": "gray"}):
        dataset(images, **hyperparameters).parts(tmp_path / "cache")
    assert len(list((tmp_path / "cache" / "data").glob("folder-*.npy"))) == 3


def _ask(folder: Path, cache: Path, together, answers) -> None:
    read = Image.open
    opened = []
    Image.open = lambda file: opened.append(file) or read(file)
    together.wait(30)
    parts = dataset(folder).parts(cache)
    answers.put((len(opened), parts.content, levels(parts.train)))


def test_processes_that_start_together_pack_once(images, tmp_path):
    context = multiprocessing.get_context("fork")
    together, answers = context.Barrier(3), context.Queue()
    arguments = (images, tmp_path / "cache", together, answers)
    asking = [context.Process(target=_ask, args=arguments) for _ in range(3)]
    for process in asking:
        process.start()
    found = [answers.get(timeout=60) for _ in asking]
    for process in asking:
        process.join(60)
    assert sorted(opened for opened, *_ in found) == [0, 0, 10]
    assert len({(content, tuple(train)) for _, content, train in found}) == 1


def test_a_folder_that_changes_while_it_is_packed_is_told(images, tmp_path):
    ready = dataset(images)
    ready.content()
    (images / "05.png").unlink()
    message = one_line(ready.fetch, tmp_path / "cache")
    assert "it was changed while it was read; run again" in message
    dataset(images).fetch(tmp_path / "cache")


def test_it_is_measured_like_any_set(images, tmp_path):
    ready = dataset(images)
    ready.fetch(tmp_path / "cache")
    subject = subject_of(ready, tmp_path / "cache")
    parts = ready.parts(tmp_path / "cache")
    assert isinstance(ready, ImageDataset)
    assert scores(subject, parts.test)["pixel_fd"] == pytest.approx(0, abs=1e-9)
    assert floor(subject)["pixel_fd"] > 0
    other = replace(ready, reference="train")
    subject = subject_of(other, tmp_path / "cache")
    assert other.protocol()["reference"] == "8 images of the train part"
    assert other.protocol()["floor"] == "2 images of the test part"
    assert scores(subject, parts.train)["pixel_fd"] == pytest.approx(0, abs=1e-9)


def bench(*arguments: str, folder: Path) -> subprocess.CompletedProcess:
    rest = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=folder,
        env={**rest, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.slow
def test_a_run_on_a_folder_with_odd_names_ends_in_a_report(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "[red]<b>odd|\n&amp; naïve"
    for number in range(24):
        noise(folder / "in" / f"{number}.jpg", number)
    for name in ODD:
        (folder / name).write_bytes(b"broken")
    paint(folder / "deep.png", 4095, (12, 10), mode="I;16")
    study = tmp_path / "mine.yaml"
    experiment = {
        "dataset": {
            "folder": {
                "path": f"./{folder.name}",
                "size": [8, 12],
                "channels": "rgba",
                "evaluation_samples": 20,
            }
        },
        "architecture": {"mlp": {"generator_widths": [8], "discriminator_widths": [8]}},
        "training": {"batch_size": 4},
        "epochs": 2,
    }
    described = {"methods": ["vanilla"], "seeds": 1, "evaluations": 1, "experiments": [experiment]}
    study.write_text(json.dumps(described))
    done = bench("run", "mine.yaml", "--device", "cpu", "--no-tracking", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    page = (tmp_path / "results" / "mine" / "report.html").read_text(encoding="utf-8")
    assert "8 (" in page
    assert "<b>bold" not in page
    assert "<b>odd" not in page
    assert "images of 16 bits are nearly black: their largest pixel is 16 of 255" in page
    assert "fewer than the 2,048 features that FID is fitted to" in page
    (cell,) = (tmp_path / "results" / "cells").iterdir()
    samples = load_run(tmp_path / "results", cell.name).samples(3)
    assert samples.shape == (3, 4, 8, 12)
    write_samples(samples, tmp_path / "png")
    with Image.open(tmp_path / "png" / "000000.png") as image:
        assert (image.mode, image.size) == ("RGBA", (12, 8))
    two = one_line(write_samples, samples[:, :2], tmp_path / "two")
    assert "images of 2 channels cannot be written as pictures" in two

    monkeypatch.chdir(tmp_path)

    def told(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["bench", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        assert ended.value.code == (2 if captured.err else 0), captured.err
        return captured.out + captured.err

    assert "folder:[red]<b>odd|\\n&amp; naïve" in told("status")
    assert "0 of 1 cell would train" in told("plan", "mine.yaml")
    noise(folder / "one more.png", 99)
    assert "1 of 1 cell would train" in told("plan", "mine.yaml")
    shutil.rmtree(folder)
    gone = told("plan", "mine.yaml")
    assert gone.startswith("bench: dataset folder:./[red]<b>odd|\\n")
    assert gone.count("\n") == 1
