"""Writes files whole or not at all: no reader sees half of one, however the writer ends."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def whole(file: Path, *, durable: bool = False) -> Iterator[Path]:
    """Yield a path beside ``file`` to write to, with its suffix; it then takes the file's place.

    If the block raises an exception, nothing of it is left and ``file`` stays as it was.

    Args:
        durable: whether the content is on the disk before ``file`` names it, so that it survives a
            power cut.
    """
    # training/engines.py looks for what killed compilers left by this ending
    scratch = file.with_name(f".{file.stem}.{uuid.uuid4().hex[:8]}.tmp{file.suffix}")
    try:
        yield scratch
        if durable:
            sync(scratch)
        os.replace(scratch, file)
    finally:
        with suppress(OSError):
            scratch.unlink()


def write_whole(file: Path, text: str, *, durable: bool = False) -> None:
    """Write a text in UTF-8, with the line ends that it has, as :func:`whole` does."""
    with whole(file, durable=durable) as scratch:
        scratch.write_bytes(text.encode())


def sync(file: Path) -> None:
    """Return once a file's content is on the disk."""
    with open(file, "rb") as content:
        os.fsync(content.fileno())
