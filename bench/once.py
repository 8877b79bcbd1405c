"""Files that are computed once and then shared by every process that asks for them."""

from __future__ import annotations

import errno
import fcntl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from bench.errors import BenchError
from bench.whole import whole

T = TypeVar("T")

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


def once(file: Path, load: Callable[[Path], T | None], make: Callable[[Path], None]) -> T:
    """Return the content of ``file``, which is made now if it is missing or damaged.

    Processes that ask at the same time wait for the one that makes it, under an exclusive lock
    on a sibling ``.lock`` file that the kernel releases however its holder ends. On a file system
    that cannot lock files each makes it.

    Args:
        file: where the value is cached.
        load: reads the value; None or any exception means that the file is damaged.
        make: writes the value to the path it is given, which then replaces ``file``.

    Raises:
        BenchError: the folder cannot be written to. What ``make`` itself raises is passed on.
    """
    value = _load(file, load)
    if value is not None:
        return value
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = open(file.with_name(file.name + ".lock"), "wb")  # noqa: SIM115
    except OSError as error:
        raise _unwritable(file.parent, error) from error
    with lock:
        with suppress(OSError):  # without locks several make it, and the last one's stays
            fcntl.flock(lock, fcntl.LOCK_EX)
        value = _load(file, load)
        if value is None:
            _replace(file, make)
            value = load(file)
    if value is None:
        raise RuntimeError(f"'{file.name}' cannot be read although it has just been written")
    return value


def _load(file: Path, load: Callable[[Path], T | None]) -> T | None:
    if not file.exists():
        return None
    try:
        return load(file)
    except Exception:  # whatever a damaged file raises, it is made anew
        return None


def _replace(file: Path, make: Callable[[Path], None]) -> None:
    scratch = file
    try:
        with whole(file) as scratch:
            make(scratch)
    except OSError as error:
        if error.errno in FULL or error.filename in (scratch, str(scratch)):
            raise _unwritable(file.parent, error) from error
        raise  # make itself could not read something: not the cache's fault


def _unwritable(folder: Path, error: OSError) -> BenchError:
    return BenchError(
        f"cannot write to the cache folder '{folder}' ({error.strerror or error}); "
        "name another results folder with --results"
    )
