"""A folder of images: what is found, what is left out and said, and what stays the same."""

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from bench.cli import main
from bench.datasets.folder import EXTENSIONS, Folder
from bench.datasets.images import ImageDataset
from bench.errors import BenchError
from bench.registry import label_of, make_dataset
from bench.study import load_study
from tests.measured import floor, scores, subject_of

CPU = torch.device("cpu")


def paint(file: Path, colour, size=(8, 8), mode: str = "RGB", **how) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(file, **how)
    return file


def noise(file: Path, seed: int, size=(12, 10)) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    array = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(array).save(file)
    return file


@pytest.fixture
def images(tmp_path):
    """A folder of ten images, some below others, each of one gray: 10, 20 … 100."""
    folder = tmp_path / "images"
    for number in range(1, 11):
        below = "" if number < 6 else "b/" if number < 9 else "b/deep/er"
        paint(folder / below / f"{number:02}.png", (10 * number,) * 3)
    return folder


def dataset(folder: Path | str, **hyperparameters) -> Folder:
    return Folder(path=str(folder), **{"size": 8, "evaluation_samples": 10, **hyperparameters})


def levels(tensor: torch.Tensor) -> list[int]:
    """The gray of each image, all of whose pixels are alike."""
    assert (tensor == tensor[:, :1, :1, :1]).all()
    return tensor[:, 0, 0, 0].tolist()


def kept(folder: Path, cache: Path, **hyperparameters) -> list[int]:
    parts = dataset(folder, **hyperparameters).parts(cache)
    return sorted([*levels(parts.train), *levels(parts.test)])


def one_line(call, *arguments) -> str:
    with pytest.raises(BenchError) as told:
        call(*arguments)
    message = str(told.value)
    assert "\n" not in message
    assert len(message) < 500
    return message


def test_images_are_found_in_subfolders_or_not(images, tmp_path):
    assert kept(images, tmp_path / "cache") == list(range(10, 101, 10))
    flat = tmp_path / "flat"
    flat.mkdir()
    for file in images.rglob("*.png"):
        shutil.copy(file, flat)
    assert kept(flat, tmp_path / "cache") == list(range(10, 101, 10))


@pytest.mark.parametrize("name", ["A.PNG", "b.Jpg", "c.JPEG", "d.bmp", "e.TIF", "f.webp", "g.ppm"])
def test_extensions_are_read_in_any_case(images, tmp_path, name):
    form = "PPM" if name.endswith("ppm") else None
    paint(images / name, (200, 200, 200), format=form)
    assert max(kept(images, tmp_path / "cache")) == pytest.approx(200, abs=1)


def test_what_has_no_image_extension_is_no_image(images, tmp_path):
    (images / "README.md").write_text("what these are")
    (images / "list.png.txt").write_text("a list")
    (images / "empty.png").mkdir()
    os.mkfifo(images / "pipe.png")
    assert len(kept(images, tmp_path / "cache")) == 10
    assert "broken images" not in dataset(images).parts(tmp_path / "cache").remarks


def test_what_is_an_image_is_what_torchvision_says():
    from torchvision.datasets.folder import IMG_EXTENSIONS

    assert EXTENSIONS == IMG_EXTENSIONS


GRAY, RED = (128,) * 3, (255, 0, 0)


@pytest.mark.parametrize(
    ("mode", "colour", "name", "rgb", "gray"),
    [
        ("RGB", RED, "x.png", RED, 76),
        ("L", 128, "x.png", GRAY, 128),
        ("L", 128, "x.jpg", GRAY, 128),
        ("1", 1, "x.png", (255,) * 3, 255),
        ("RGBA", (255, 0, 0, 0), "x.png", RED, 76),
        ("LA", (128, 9), "x.png", GRAY, 128),
        ("CMYK", (0, 255, 255, 0), "x.tif", RED, 76),
        ("I;16", 128 * 256 + 77, "x.png", GRAY, 128),
        ("I;16", 128 * 256 + 77, "x.tif", GRAY, 128),
        ("I;16", 128 * 256 + 77, "x.pgm", GRAY, 128),
        ("I;16", 77, "x.pgm", (0, 0, 0), 0),
        ("I", 128, "x.tif", GRAY, 128),
        ("F", 128.0, "x.tif", GRAY, 128),
    ],
)
def test_every_colour_mode_becomes_what_is_asked_for(
    images, tmp_path, mode, colour, name, rgb, gray
):
    paint(images / name, colour, mode=mode)
    for channels, expected in (("rgb", rgb), ("gray", (gray,))):
        parts = dataset(images, channels=channels, held_out=0.2).parts(tmp_path / "cache")
        assert parts.train.shape[1:] == (len(expected), 8, 8)
        every = torch.cat([parts.train, parts.test])[:, :, 4, 4].tolist()
        assert any(np.abs(np.subtract(found, expected)).max() <= 1 for found in every)
        assert len(every) == 11
        assert "broken images" not in parts.remarks
        assert f"converted to {channels}" in parts.remarks["colour modes"]


def test_a_palette_with_transparency_is_read_by_its_colours(images, tmp_path):
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    palette.save(images / "x.png", transparency=0)
    parts = dataset(images).parts(tmp_path / "cache")
    every = torch.cat([parts.train, parts.test])[:, :, 4, 4].tolist()
    assert [255, 0, 0] in every
    assert "P (1)" in parts.remarks["colour modes"]


def test_the_shorter_side_is_resized_and_the_middle_cut_out(tmp_path):
    folder = tmp_path / "wide"
    for number in range(4):
        wide = np.zeros((20, 60, 3), np.uint8)
        wide[:, 20:40] = 200  # the middle square
        wide[:, 20:30, 0] = 100  # its left half has less red
        Image.fromarray(wide).save(paint(folder / f"{number}.png", 0))
    parts = dataset(folder, size=10).parts(tmp_path / "cache")
    assert parts.train.shape == (2, 3, 10, 10)
    # both edges are blended, as in an image that is resized before it is cut
    assert (parts.train[:, 1:, :, 1:-1] == 200).all()
    assert (parts.train[:, 0, :, 1:4] == 100).all()
    assert (parts.train[:, 0, :, 6:-1] == 200).all()
    assert parts.remarks["sizes"].startswith("60 × 20 (4); shorter side to 10 pixels, bilinear")


def test_mixed_sizes_are_resized_as_torchvision_does(tmp_path):
    from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Resize

    folder = tmp_path / "mixed"
    for number, size in enumerate([(40, 30), (30, 40), (64, 64), (5, 5), (100, 8), (16, 17)]):
        noise(folder / f"{number}.png", number, size)
    parts = dataset(folder, size=16, held_out=0.4).parts(tmp_path / "cache")
    published = Compose([Resize(16, InterpolationMode.BILINEAR), CenterCrop(16)])
    found = torch.cat([parts.train, parts.test]).float()
    for file in folder.iterdir():
        with Image.open(file) as image:
            wanted = torch.from_numpy(np.array(published(image))).permute(2, 0, 1).float()
        assert (found - wanted).abs().amax((1, 2, 3)).min() <= 1
    told = "17 × 16 (1), 30 × 40 (1), 40 × 30 (1), 5 × 5 (1), 64 × 64 (1), others (1); shorter side"
    assert parts.remarks["sizes"].startswith(told)


def break_it(file: Path, how: str) -> None:
    content = file.read_bytes()
    file.write_bytes(
        {"empty": b"", "text": b"I am no image", "cut": content[: len(content) * 2 // 3]}[how]
    )


@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.bmp", "x.ppm", "x.tif", "x.webp", "x.tiff"])
@pytest.mark.parametrize("how", ["empty", "text", "cut"])
def test_a_broken_image_is_left_out_and_named(images, tmp_path, name, how):
    whole = kept(images, tmp_path / "cache")
    break_it(noise(images / "sub" / name, 0, (50, 50)), how)
    parts = dataset(images).parts(tmp_path / "cache")
    assert sorted([*levels(parts.train), *levels(parts.test)]) == whole
    assert parts.remarks["broken images"] == f"1 (sub/{name})"
    assert parts.remarks["images"] == "10 of 11 files"


def test_many_broken_images_are_counted_and_some_named(images, tmp_path):
    for number in range(8):
        (images / f"bad{number}.jpg").write_bytes(b"")
    ready = dataset(images)
    ready.prepare(tmp_path / "cache", CPU)
    protocol = ready.protocol()
    assert protocol["broken images"] == ("8 (bad0.jpg, bad1.jpg, bad2.jpg, bad3.jpg, bad4.jpg, …)")
    assert protocol["images"] == "10 of 18 files"
    assert protocol["training"] == "8 images"
    assert protocol["reference"] == "2 images of the test part"
    # what a study is planned with: the files, for a plan must not depend on what is cached
    assert ready.training_size() == dataset(images).training_size() == 16
    assert (
        dataset(images).parts(tmp_path / "cache").remarks == ready.parts(tmp_path / "cache").remarks
    )


def test_a_link_to_nothing_is_a_broken_image(images, tmp_path):
    (images / "gone.png").symlink_to(tmp_path / "nowhere.png")
    parts = dataset(images).parts(tmp_path / "cache")
    assert parts.remarks["broken images"] == "1 (gone.png)"


def test_a_file_that_may_not_be_read_is_a_broken_image(images, open_to_all, as_nobody):
    folder, cache = open_to_all / "images", open_to_all / "cache"
    shutil.copytree(images, folder)
    (folder / "03.png").chmod(0)
    cache.mkdir()
    cache.chmod(0o777)
    found, remarks = as_nobody(lambda: dataset(folder).parts(cache).remarks)
    assert found == "value", remarks
    assert remarks["broken images"] == "1 (03.png)"


def test_a_subfolder_that_may_not_be_read_is_told(images, open_to_all, as_nobody):
    folder = open_to_all / "images"
    shutil.copytree(images, folder)
    (folder / "b").chmod(0)
    kind, message = as_nobody(lambda: dataset(folder).content())
    assert kind == "BenchError"
    assert f"'{folder / 'b'}' cannot be read (Permission denied)" in message


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "there are no images below it, at least 4 are needed; known are .jpg, .jpeg, .png"),
        (["a.png"], "there is 1 image below it"),
        (["a.png", "b.png", "c.gif", "d.txt"], "there are 2 images below it"),
        (["a.png", "b.png", "c/c.png"], "there are 3 images below it"),
    ],
)
def test_too_few_images_are_told(tmp_path, files, message):
    folder = tmp_path / "few"
    folder.mkdir()
    for name in files:
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"whatever")
    told = one_line(dataset(folder).training_size)
    assert f"dataset folder:{folder}: {message}" in told
    assert told == one_line(dataset(folder).content)


@pytest.mark.parametrize("sound", [0, 3])
def test_too_few_sound_images_are_told_and_nothing_is_left(tmp_path, sound):
    folder = tmp_path / "broken"
    for number in range(sound):
        paint(folder / f"{number}.png", 5)
    for number in range(6):
        paint(folder / f"bad{number}.png", 5).write_bytes(b"broken")
    message = one_line(dataset(folder).fetch, tmp_path / "cache")
    assert f"of {6 + sound} image files {sound} can be read, 6 (bad0.png, " in message
    left = [file.name for file in (tmp_path / "cache" / "data").iterdir()]
    assert all(name.endswith(".lock") for name in left)


@pytest.mark.parametrize("path", ["", "nowhere", "file.png"])
def test_a_folder_that_is_none_is_told(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    paint(tmp_path / "file.png", 0)
    message = one_line(dataset(path).training_size)
    assert message == (
        f"dataset folder:{path}: there is no such folder of images"
        if path
        else "dataset folder: which one? write it as folder:PATH"
    )


@pytest.mark.parametrize(
    ("hyperparameters", "message"),
    [
        ({"size": 3}, "size must lie between 4 and 1024"),
        ({"size": 2000}, "size must lie between 4 and 1024"),
        ({"held_out": 0}, "held_out must lie between 0 and 1"),
        ({"held_out": 1.0}, "held_out must lie between 0 and 1"),
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


def test_the_content_follows_the_files(images):
    seen = {dataset(images).content()}

    def changed() -> bool:
        before = len(seen)
        seen.add(dataset(images).content())
        return len(seen) > before

    assert not changed()
    os.utime(images / "01.png", (1, 1))
    assert not changed()
    added = paint(images / "new.png", 3)
    assert changed()
    added.rename(images / "renamed.png")
    assert changed()
    (images / "renamed.png").unlink()
    assert not changed()
    (images / "note.txt").write_text("not an image")
    assert not changed()
    (images / "02.png").unlink()
    assert changed()
    raw = paint(images / "raw.bmp", (1, 1, 1))
    assert changed()
    size = raw.stat().st_size
    paint(raw, (1, 1, 2))
    assert raw.stat().st_size == size
    assert changed()


def test_of_many_files_some_are_opened(images, monkeypatch):
    monkeypatch.setattr("bench.datasets.folder.OPENED", 3)
    opened = []
    monkeypatch.setattr("bench.datasets.folder._ends", lambda file: opened.append(file) or b"")
    dataset(images).content()
    assert 1 < len(opened) <= 3


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


def test_links_are_followed_and_loops_end(images, tmp_path):
    (tmp_path / "link").symlink_to(images, target_is_directory=True)
    assert kept(tmp_path / "link", tmp_path / "cache") == kept(images, tmp_path / "cache")
    assert dataset(tmp_path / "link").content() == dataset(images).content()
    other = tmp_path / "other"
    paint(other / "far.png", (222,) * 3)
    (images / "b" / "more").symlink_to(other, target_is_directory=True)
    (other / "back").symlink_to(images, target_is_directory=True)
    (images / "linked.png").symlink_to(other / "far.png")
    assert kept(images, tmp_path / "cache") == [*range(10, 101, 10), 222, 222]


def test_a_tilde_is_the_users_folder(images, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert dataset("~/images").content() == dataset(images).content()
    assert dataset("~/images").label == "folder:images"


def test_a_relative_path_begins_where_the_command_is_called(images, monkeypatch):
    monkeypatch.chdir(images.parent)
    assert dataset("images").content() == dataset(images).content()
    monkeypatch.chdir(images)
    assert dataset(".").content() == dataset(images).content()


ODD = ["new\nline.png", "<b>bold&amp;.png", "[red]rich[bold].png", "a|b`c.png", "\x1b[31mred.png",
       "naïve 漢字 😀.png", os.fsdecode(b"not\xffutf8.png"), "'\"$HOME;.png"]  # fmt: skip


def test_odd_names_are_read_and_broken_ones_told_in_one_line(images, tmp_path):
    for number, name in enumerate(ODD):
        paint(images / name, (11 + number,) * 3)
    assert len(kept(images, tmp_path / "cache")) == 10 + len(ODD)
    folder = images / "odd\nfolder"
    for name in ODD:
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"broken")
    for number in range(1, 11):
        next(images.rglob(f"{number:02}.png")).unlink()
    parts = dataset(images).parts(tmp_path / "cache")
    told = json.dumps(parts.remarks).encode()
    assert json.loads(told) == parts.remarks
    named = parts.remarks["broken images"]
    assert named.isprintable()
    assert named.encode()
    assert named.startswith(f"{len(ODD)} (odd\\nfolder/")
    message = one_line(dataset(folder).fetch, tmp_path / "cache")
    assert message.isprintable()
    assert label_of(dataset(folder)).startswith("folder:odd\\nfolder")


def test_a_path_with_a_line_break_is_told_in_one_line(tmp_path):
    assert "there is no such folder" in one_line(dataset(tmp_path / "a\nb").content)


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
    study = tmp_path / "mine.yaml"
    experiment = {
        "dataset": {"folder": {"path": f"./{folder.name}", "size": 8, "evaluation_samples": 20}},
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

    monkeypatch.chdir(tmp_path)

    def told(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["bench", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        assert ended.value.code == (2 if captured.err else 0), captured.err
        return captured.out + captured.err

    assert "folder:[red]<b>odd|\\n&amp; naïve" in told("status")
    assert "0 of 1 cells would train" in told("plan", "mine.yaml")
    noise(folder / "one more.png", 99)
    assert "1 of 1 cells would train" in told("plan", "mine.yaml")
    shutil.rmtree(folder)
    gone = told("plan", "mine.yaml")
    assert gone.startswith("bench: dataset folder:./[red]<b>odd|\\n")
    assert gone.count("\n") == 1
