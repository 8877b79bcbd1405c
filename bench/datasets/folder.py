"""Any folder of images as a dataset: ``folder:PATH``."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import warnings
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from PIL import Image

from bench.datasets.images import ImageDataset, Parts
from bench.datasets.paths import check_path, printable
from bench.errors import BenchError
from bench.once import once

SPLIT_SEED = 1
PACKING = 1
"""Raise it when the same files would be packed otherwise."""
EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
"""Those that torchvision's ImageFolder knows, whose import takes longer than a plan."""
FEWEST = 4
NAMED = 5
"""Broken files whose names are told; more are counted."""
OPENED, ENDS = 1000, 32_768
"""Files whose content tells one folder from another, and bytes of either end of each."""


@dataclass(frozen=True)
class Folder(ImageDataset):
    """Every image below a folder, as torchvision's ImageFolder, Resize and CenterCrop read them.

    Whatever ImageFolder would find is found, in subfolders or not, through links too. Colours are
    converted to ``channels`` (transparency is dropped; of 16-bit gray, which ImageFolder would cut
    off at 255, the upper 8 bits count), the shorter side is resized to ``size`` pixels (bilinear,
    antialiased), the middle is cut out, and the images are packed once. A share ``held_out``,
    chosen with a fixed seed, is the test part. Files that cannot be read whole are left out,
    counted and named in the protocol.

    An instance looks into the folder once; a relative path begins where the command was called.
    """

    name: ClassVar[str] = "folder"
    ranked_by: ClassVar[tuple[str, ...]] = ("fid", "pixel_fd")
    told_by_label: ClassVar[tuple[str, ...]] = ("path",)

    path: str = ""
    size: int = 64
    channels: Literal["rgb", "gray"] = "rgb"
    held_out: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 4 <= self.size <= 1024:
            raise ValueError("size must lie between 4 and 1024 pixels")
        check_path(self.path)
        if not 0 < self.held_out < 1:
            raise ValueError("held_out must lie between 0 and 1")

    @property
    def label(self) -> str:
        return f"folder:{printable(Path(self.path).name or self.path)}"

    @property
    def sample_shape(self) -> tuple[int, ...]:
        return (3 if self.channels == "rgb" else 1, self.size, self.size)

    def content(self) -> str:
        """A hash of the files' names and sizes, and of what begins and ends them.

        Of very many files, only some are opened: an edit that keeps the size of a file may go
        unnoticed there.
        """
        return self._content

    def training_size(self) -> int:
        """Image files of the training part, broken ones included.

        A study is planned without decoding its images, and its plan must not change with what
        the cache knows: where files are broken, ``epochs`` makes slightly more passes over those
        that are left. The protocol counts what was trained on.
        """
        count = len(self._files)
        return count - self._held(count)

    def parts(self, cache: Path) -> Parts:
        key = f"{self.content()}-{self.size}-{self.channels}-{PACKING}"
        where = cache / "data" / f"folder-{key}.npy"
        told = where.with_suffix(".json")

        def make(scratch: Path) -> None:
            kept, remarks = self._pack(scratch)
            told.write_text(json.dumps([kept, remarks]), encoding="utf-8")

        def load(file: Path) -> tuple[torch.Tensor, dict[str, Any]]:
            kept, remarks = json.loads(told.read_text(encoding="utf-8"))
            return torch.from_numpy(np.load(file, mmap_mode="c")[:kept]), remarks

        images, remarks = once(where, load, make)
        held = self._held(len(images))
        return Parts(images[held:], images[:held], f"{key}-{self.held_out}", remarks=remarks)

    @property
    def _root(self) -> Path:
        # of an unknown user it leaves the path as it is, and Path.expanduser raises
        return Path(os.path.expanduser(self.path))

    @property
    def _called(self) -> str:
        return f"dataset folder:{printable(self.path)}"

    def _held(self, count: int) -> int:
        """Images of the test part; both parts have at least two."""
        return min(max(2, round(count * self.held_out)), count - 2)

    @cached_property
    def _files(self) -> list[tuple[str, int]]:
        """Image files below the folder, sorted, and their sizes."""
        if not self.path:
            raise BenchError("dataset folder: which one? write it as folder:PATH")
        if not os.path.isdir(self._root):
            raise BenchError(f"{self._called}: there is no such folder of images")
        try:
            found = sorted(below(self._root, EXTENSIONS))
        except OSError as error:
            place = printable(str(error.filename))
            raise BenchError(
                f"{self._called}: '{place}' cannot be read ({error.strerror})"
            ) from error
        if len(found) < FEWEST:
            count = f"{len(found) or 'no'} image{'' if len(found) == 1 else 's'}"
            raise BenchError(
                f"{self._called}: there {'is' if len(found) == 1 else 'are'} {count} below it, at "
                f"least {FEWEST} are needed; known are {', '.join(EXTENSIONS)}"
            )
        return found

    @cached_property
    def _content(self) -> str:
        digest = hashlib.sha256(json.dumps(self._files).encode())
        for name, _ in self._files[:: -(-len(self._files) // OPENED)]:
            digest.update(_ends(self._root / name))
        return digest.hexdigest()[:16]

    def _pack(self, scratch: Path) -> tuple[int, dict[str, Any]]:
        """Write all images, shuffled; returns how many, and what the protocol says of them."""
        files = [name for name, _ in self._files]
        order = torch.randperm(len(files), generator=torch.Generator().manual_seed(SPLIT_SEED))
        broken: list[str] = []
        sizes, modes = Counter[str](), Counter[str]()
        with open(scratch, "wb") as out, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on files that it reads nevertheless
            # not by a memory map, which ends the process where the disk is full
            shape = (len(files), *self.sample_shape)
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(out, header)
            end = out.tell() + int(np.prod(shape))
            for index in order.tolist():
                try:
                    with Image.open(self._root / files[index]) as image:
                        image.load()
                        pixels = self._fitted(image)
                        size, mode = f"{image.width} × {image.height}", image.mode
                except Exception:  # what a damaged file raises depends on its format
                    broken.append(files[index])
                    continue
                out.write(pixels.tobytes())
                sizes[size] += 1
                modes[mode] += 1
            # the header counts the broken ones, too: what is missing takes no room on the disk
            out.truncate(end)
        if broken and replace(self).content() != self.content():
            raise BenchError(f"{self._called}: it was changed while it was read; run again")
        kept = len(files) - len(broken)
        if kept < FEWEST:
            raise BenchError(
                f"{self._called}: of {len(files)} image files {kept} can be read, "
                f"{_some(sorted(broken))} cannot; at least {FEWEST} are needed"
            )
        return kept, {
            "images": f"{kept} of {len(files)} files",
            "sizes": f"{_most(sizes)}; shorter side to {self.size} pixels, bilinear with "
            "antialiasing, middle cut out",
            "colour modes": f"{_most(modes)}; converted to {self.channels}, without transparency",
            **({"broken images": _some(sorted(broken))} if broken else {}),
        }

    def _fitted(self, image: Image.Image) -> np.ndarray:
        """(C, size, size) bytes."""
        mode = "RGB" if self.channels == "rgb" else "L"
        converted, size = _eight_bits(image).convert(mode), self.size
        shorter = min(image.size)
        # torchvision's Resize and CenterCrop, without computing what is cut off
        left, right = _middle(image.width, int(size * image.width / shorter), size)
        top, bottom = _middle(image.height, int(size * image.height / shorter), size)
        box = (left, top, right, bottom)
        cut_out = converted.resize((size, size), Image.Resampling.BILINEAR, box)
        array = np.asarray(cut_out, np.uint8)
        return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


def _middle(whole: int, resized: int, size: int) -> tuple[float, float]:
    """Where the middle ``size`` of ``resized`` pixels lie among the ``whole`` ones."""
    start = round((resized - size) / 2)
    return start * whole / resized, (start + size) * whole / resized


def below(root: Path, extensions: tuple[str, ...]) -> list[tuple[str, int]]:
    """Names, relative to ``root``, and sizes of files with one of these extensions.

    Links are followed, each folder only once; a link to nothing has size −1.
    """

    def fail(error: OSError) -> None:
        raise error

    found: list[tuple[str, int]] = []
    seen: set[tuple[int, int]] = set()
    for folder, below, names in os.walk(root, onerror=fail, followlinks=True):
        here = os.stat(folder)
        if (here.st_dev, here.st_ino) in seen:
            below.clear()
            continue
        seen.add((here.st_dev, here.st_ino))
        below.sort()
        for name in names:
            if not name.lower().endswith(extensions):
                continue
            file = os.path.join(folder, name)
            try:
                known = os.stat(file)
            except OSError:
                found.append((os.path.relpath(file, root), -1))
                continue
            if stat.S_ISREG(known.st_mode):
                found.append((os.path.relpath(file, root), known.st_size))
    return found


def _ends(file: Path) -> bytes:
    """The first and the last bytes of a file; none of one that cannot be read."""
    try:
        with open(file, "rb") as content:
            first = content.read(ENDS)
            content.seek(max(content.seek(0, os.SEEK_END) - ENDS, len(first)))
            return first + content.read(ENDS)
    except OSError:
        return b""


def _eight_bits(image: Image.Image) -> Image.Image:
    """An image whose gray has at most 8 bits; Pillow itself would cut off at 255."""
    if image.mode != "I" and not image.mode.startswith("I;16"):
        return image
    values = np.asarray(image)
    # whole numbers of 32 bits may hold any range; those of Pillow's PGM reader always have 16
    if image.mode == "I" and image.format != "PPM" and values.max() <= 255:
        return image
    return Image.fromarray((values >> 8).clip(0, 255).astype(np.uint8))


def _some(names: list[str]) -> str:
    """``3 (a.png, b.png, c.png)``; of many, the first few."""
    more = ", …" if len(names) > NAMED else ""
    return f"{len(names)} ({', '.join(map(printable, names[:NAMED]))}{more})"


def _most(counted: Counter[str]) -> str:
    """``28 × 28 (12), 32 × 32 (3)``, the most frequent first."""
    # of equals the first by name: the order of the files says nothing
    ranked = sorted(counted.items(), key=lambda each: (-each[1], each[0]))
    told = ", ".join(f"{name} ({n})" for name, n in ranked[:NAMED])
    others = sum(n for _, n in ranked[NAMED:])
    return told + (f", others ({others})" if others else "")
