"""A folder of images: which files are found, and which are left out."""

import json
import os
import shutil

import pytest

from bench.datasets.files import EXTENSIONS
from bench.registry import label_of
from tests.datasets.folders import ODD, dataset, kept, one_line, paint


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


def test_a_link_to_nothing_is_a_broken_image(images, tmp_path):
    (images / "gone.png").symlink_to(tmp_path / "nowhere.png")
    parts = dataset(images).parts(tmp_path / "cache")
    assert parts.remarks["broken images"] == "1 (gone.png)"


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
    monkeypatch.setattr("bench.datasets.files.OPENED", 3)
    opened = []
    monkeypatch.setattr("bench.datasets.files._ends", lambda file: opened.append(file) or b"")
    dataset(images).content()
    assert 1 < len(opened) <= 3


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
