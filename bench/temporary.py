"""Temporary folders: one that all runs of a user share, and one for what a command starts.

Compilers, libraries and a user's own code leave files behind where they are killed. They write to
the folder that ``TMPDIR`` names, which a command therefore makes for the processes that it starts.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from bench.errors import BenchError
from bench.locks import hold

OWN = "run-"
"""Prefix of the names of commands' folders, and of the locks beside them."""
REMEDY = "set TMPDIR to a folder on a local disk"


def shared_folder() -> Path:
    """Return a folder in the system's temporary one that only this user's runs write to.

    Raises:
        BenchError: somebody else has made it.
        OSError: it cannot be made.
    """
    folder = Path(tempfile.gettempdir()) / f"gan-stability-bench-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise BenchError(f"'{folder}' is not yours; set TMPDIR to a folder of your own")
    return folder


@contextmanager
def own_folder() -> Iterator[None]:
    """Have processes that are started meanwhile use a temporary folder, which is then removed.

    Those of commands that were killed are removed, too. Where no folder can be made, nothing
    changes: what needs one says so itself. This process's own temporary files stay where they are.
    """
    with ExitStack() as stack:
        with suppress(OSError, BenchError):
            stack.enter_context(_locked_folder(shared_folder()))
        yield


@contextmanager
def _locked_folder(shared: Path) -> Iterator[None]:
    """Let ``TMPDIR`` name a new folder, beside a file that is locked meanwhile."""
    for lock in shared.glob(f"{OWN}*.lock"):
        with suppress(OSError, BenchError), open(lock, "a+", encoding="utf-8") as file:
            if not hold(file, REMEDY):
                _remove(lock)
    lock = shared / f"{OWN}{uuid.uuid4().hex[:12]}.lock"
    with open(lock, "a+", encoding="utf-8") as file:
        # one that looks for what is left may have been quicker, and have removed the file
        if hold(file, REMEDY) or not lock.exists():
            raise BlockingIOError
        folder, before = lock.with_suffix(""), os.environ.get("TMPDIR")
        folder.mkdir(mode=0o700)
        os.environ["TMPDIR"] = str(folder)
        try:
            yield
        finally:
            _remove(lock)
            del os.environ["TMPDIR"]
            if before is not None:
                os.environ["TMPDIR"] = before


def _remove(lock: Path) -> None:
    shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
    lock.unlink(missing_ok=True)
