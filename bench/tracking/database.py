"""Makes MLflow's SQLite database so that a kill leaves none that cannot be used.

MLflow makes one in dozens of steps and cannot resume: killed between two of them, it refuses the
file for ever.
"""

from __future__ import annotations

import os
import re
import sqlite3
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, suppress
from pathlib import Path
from typing import Any

HALF_MADE = re.compile(r"already exists|duplicate column|no such (table|column)|out-of-date")
"""What MLflow says of a database whose making was cut off."""
BESIDE = ("-journal", "-wal", "-shm")
"""What SQLite keeps beside a database; it would play an older file's back into a new one."""


def open_client(
    uri: str, file: Path | None, calling: Callable[[], AbstractContextManager[None]]
) -> tuple[Any, str]:
    """Connect a client; a SQLite ``file`` that is not there, or was cut off, is made first.

    ``calling`` is entered while the client connects, and not while a file is made.

    Returns:
        The client, and a line about what was set aside, empty where nothing was.
    """
    if file is not None:
        _clear(file)
        if not _is_there(file):
            _make(file)
    try:
        with calling():
            return _client(uri), ""
    except Exception as error:
        if file is None or not HALF_MADE.search(str(error)) or _holds_runs(file):
            raise
    aside = file.parent / "damaged" / f"{file.stem}-{uuid.uuid4().hex[:4]}{file.suffix}"
    aside.parent.mkdir(exist_ok=True)
    os.rename(file, aside)
    _make(file)
    return _client(uri), f"MLflow's database was half made and held no runs; moved to {aside}"


def _client(uri: str) -> Any:
    import mlflow.store.db.utils

    # MLflow would try for 100 s to open a database that is not there
    mlflow.store.db.utils.MAX_RETRY_COUNT = 2
    return mlflow.MlflowClient(tracking_uri=uri)


def _make(file: Path) -> None:
    """Make a database under another name in the same folder, and give it its own when whole."""
    scratch = file.with_name(f".{file.name}.{os.getpid()}.making")
    _remove(scratch)
    try:
        # its connections end with the engine, so that nothing is written after the renaming
        _client(f"sqlite:///{scratch}")._tracking_client.store.engine.dispose()
        if not _is_there(file):  # another results folder may share it
            _remove(file)
            os.rename(scratch, file)
    finally:
        _remove(scratch)


def _is_there(file: Path) -> bool:
    return file.exists() and file.stat().st_size > 0


def _remove(file: Path) -> None:
    for name in ("", *BESIDE):
        Path(f"{file}{name}").unlink(missing_ok=True)


def _clear(file: Path) -> None:
    """Remove what processes that were killed while they made this database have left."""
    for scratch in file.parent.glob(f".{file.name}.*.making*"):
        maker = scratch.name.removeprefix(f".{file.name}.").partition(".")[0]
        if not maker.isdecimal() or not _runs(int(maker)):
            scratch.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    with suppress(PermissionError):  # it is another user's
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
    return True


def _holds_runs(file: Path) -> bool:
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
        try:
            return database.execute("SELECT 1 FROM runs LIMIT 1").fetchone() is not None
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return False
            raise
