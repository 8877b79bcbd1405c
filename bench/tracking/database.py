"""Makes MLflow's SQLite database so that a kill leaves none that cannot be used.

MLflow makes one in dozens of steps and cannot resume: killed between two of them, it refuses the
file for ever.
"""

from __future__ import annotations

import os
import sqlite3
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, suppress
from pathlib import Path
from typing import Any

HELD = (
    "SELECT 1 FROM runs LIMIT 1",
    "SELECT 1 FROM registered_models LIMIT 1",
    "SELECT 1 FROM experiments WHERE experiment_id <> 0 LIMIT 1",
)
"""Query that returns rows if a database holds any content; MLflow makes experiment 0."""
BESIDE = ("-journal", "-wal", "-shm")
"""Suffixes of SQLite's files beside a database, which it would replay into a new one."""


def open_client(
    uri: str, file: Path | None, calling: Callable[[], AbstractContextManager[None]]
) -> tuple[Any, str]:
    """Connect a client; a SQLite ``file`` that is not there, or was cut off, is made first.

    ``calling`` is entered while the client connects, and not while a file is made.

    Returns:
        The client, and a line about what was set aside, empty where nothing was.
    """
    note = ""
    if file is not None:
        _clear(file)
        if why := _why_unusable(file):
            aside = file.parent / "damaged" / f"{file.stem}-{uuid.uuid4().hex[:4]}{file.suffix}"
            aside.parent.mkdir(exist_ok=True)
            os.rename(file, aside)
            note = f"MLflow's database {why}; moved to {aside}"
        if not _is_there(file):
            _make(file)
    with calling():
        return _client(uri), note


def is_whole(file: Path) -> bool:
    """Tell whether a database is there, and has the pages that its header counts."""
    return _is_there(file) and not _ends_early(file)


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


def _why_unusable(file: Path) -> str:
    """Say what is wrong with a database that MLflow could not use, or not trust."""
    if not _is_there(file):
        return ""
    if _ends_early(file):
        return "ends too early, so that everything is sent again"
    return "was half made and held no runs" if _is_half_made(file) else ""


def _ends_early(file: Path) -> bool:
    """Tell whether SQLite finds fewer pages than a database's header counts."""
    try:
        with closing(sqlite3.connect(_uri(file, "ro"), timeout=1, uri=True)) as database:
            database.execute("PRAGMA schema_version")
    except sqlite3.DatabaseError as error:  # locked, or no database: MLflow will say so
        return error.sqlite_errorcode == sqlite3.SQLITE_CORRUPT
    return False


def _uri(file: Path, mode: str) -> str:
    return f"{file.absolute().as_uri()}?mode={mode}"


def _is_half_made(file: Path) -> bool:
    """Tell whether nothing would be lost with a database that MLflow did not finish."""
    from mlflow.store.db.utils import _get_latest_schema_revision

    try:
        # not read-only, which could not roll back an interrupted transaction
        with closing(sqlite3.connect(_uri(file, "rw"), timeout=1, uri=True)) as database:
            if any(_rows(database, query) for query in HELD):
                return False
            version = _rows(database, "SELECT version_num FROM alembic_version")
    except sqlite3.DatabaseError:  # it is locked, or no database: MLflow will say so
        return False
    return version != [(_get_latest_schema_revision(),)]


def _rows(database: sqlite3.Connection, query: str) -> list[tuple[Any, ...]]:
    try:
        return database.execute(query).fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return []
        raise
