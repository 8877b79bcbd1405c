"""Which files below a folder are images, and which are left out."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.datasets.paths import printable

EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
"""Those that torchvision's ImageFolder knows, whose import takes longer than a plan."""
UNREAD = (
    *(".avif", ".dcm", ".dng", ".exr", ".gif", ".heic", ".heif", ".jfif", ".jp2", ".jxl", ".npy"),
    *(".npz", ".psd", ".svg", ".tga"),
)
"""Other formats that pictures come in."""
BESIDE = (
    *("__macosx", "@eadir", "@recycle", "#recycle", "$recycle.bin", "lost+found"),
    "system volume information",
)
"""Files that systems and devices leave beside a user's own, in lower case."""
OPENED, ENDS = 1000, 32_768
"""Files whose content distinguishes one folder from another, and bytes of either end of each."""
LONGEST = 16
"""Letters of an extension that are shown."""
NAMED = 5
"""Entries of a list that are named; more are counted."""


@dataclass
class Files:
    """Files below a folder: images by name, relative to it, with their sizes; the rest counted."""

    images: list[tuple[str, int]] = field(default_factory=list)
    beside: Counter[str] = field(default_factory=Counter)
    """Image files left out, by why their names are not looked at."""
    others: Counter[str] = field(default_factory=Counter)
    """Files that are no images, by extension."""

    def told(self) -> dict[str, str]:
        """Return what a protocol says of files that were left out."""
        told = {}
        if self.beside:
            told["left out"] = f"{self.beside.total()} image files by name: {most(self.beside)}"
        if self.others:
            told["other files"] = f"{self.others.total()} that are no images: {most(self.others)}"
        return told

    @property
    def cautions(self) -> list[str]:
        """Pictures in formats that are not read."""
        unread = Counter({name: n for name, n in self.others.items() if name in UNREAD})
        if not unread:
            return []
        return [
            f"{unread.total()} files beside the images are of formats that are not read: "
            f"{most(unread)}; convert them, if they belong to the set"
        ]


def below(root: Path) -> Files:
    """Look through a folder and its subfolders.

    Links are followed, each folder only once; a link to nothing has size −1. Below names that
    begin with a dot, or that systems and devices make (``BESIDE``), image files are counted only.

    Raises:
        OSError: a folder cannot be read.
    """

    def fail(error: OSError) -> None:
        raise error

    found = Files()
    seen: set[tuple[int, int]] = set()
    for folder, inner, names in os.walk(root, onerror=fail, followlinks=True):
        here = os.stat(folder)
        if (here.st_dev, here.st_ino) in seen:
            inner.clear()
            continue
        seen.add((here.st_dev, here.st_ino))
        for name in inner:
            if why := _beside(name):
                found.beside[why] += sum(1 for _ in _images_in(os.path.join(folder, name)))
        inner[:] = sorted(name for name in inner if not _beside(name))
        for name in names:
            image = name.lower().endswith(EXTENSIONS)
            if why := _beside(name):
                found.beside[why] += image
            elif image:
                file = os.path.join(folder, name)
                size = _size(file)
                if size is not None:
                    found.images.append((os.path.relpath(file, root), size))
            else:
                ending = printable(os.path.splitext(name)[1].lower()[:LONGEST])
                found.others[ending or "no extension"] += 1
    found.images.sort()
    found.beside = +found.beside
    return found


def content_of(root: Path, files: list[tuple[str, int]]) -> str:
    """Return a hash of names, sizes, and the ends of up to ``OPENED`` files."""
    digest = hashlib.sha256(json.dumps(files).encode())
    for name, _ in files[:: -(-len(files) // OPENED) or 1]:
        digest.update(_ends(root / name))
    return digest.hexdigest()[:16]


def most(counted: Counter[str], named: int = NAMED) -> str:
    """Return ``28 × 28 (12), 32 × 32 (3)``, the most frequent first."""
    # of equals the first by name: the order of the files says nothing
    ranked = sorted(counted.items(), key=lambda each: (-each[1], each[0]))
    told = ", ".join(f"{name} ({n})" for name, n in ranked[:named])
    others = sum(n for _, n in ranked[named:])
    return told + (f", others ({others})" if others else "")


def _beside(name: str) -> str:
    """Return why a file or folder of that name is left out; empty if it is not."""
    if name.startswith("."):
        return "names that begin with a dot"
    return name if name.casefold() in BESIDE else ""


def _images_in(folder: str) -> Iterator[str]:
    """Yield the image files below a folder that is left out, as far as it can be read."""
    for _, _, names in os.walk(folder):
        yield from (name for name in names if name.lower().endswith(EXTENSIONS))


def _size(file: str) -> int | None:
    """Return the bytes of a file, −1 of a link to nothing, None of what is no file."""
    try:
        known = os.stat(file)
    except OSError:
        return -1
    return known.st_size if stat.S_ISREG(known.st_mode) else None


def _ends(file: Path) -> bytes:
    """Return the first and the last bytes of a file; none of one that cannot be read."""
    try:
        with open(file, "rb") as content:
            first = content.read(ENDS)
            content.seek(max(content.seek(0, os.SEEK_END) - ENDS, len(first)))
            return first + content.read(ENDS)
    except OSError:
        return b""
