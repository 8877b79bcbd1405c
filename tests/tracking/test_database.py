"""MLflow's SQLite database is there whole or not at all, also after a kill."""

import contextlib
import os
import shutil
import sqlite3
import threading
from unittest.mock import MagicMock

import pytest
from mlflow import MlflowClient

from bench.tracking.address import default_uri
from bench.tracking.database import open_client
from bench.tracking.ledger import Ledger, identity
from bench.tracking.process import Process
from tests.tracking.sweeps import STUDY, InProcess, children, send, until


def changed(file, *statements):
    with contextlib.closing(sqlite3.connect(file)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


def believed(results, records):
    """Write a ledger by which records have been sent."""
    ledger = Ledger(results / "tracked.json", default_uri(results), STUDY)
    for record in records:
        ledger.add(record.key, identity(record))
    ledger.save()


CUT_OFF = ("DELETE FROM alembic_version", "DROP TABLE trace_info")
"""Leaves a database as a kill does: some tables are there, and the version is not."""


@pytest.mark.usefixtures("in_process")
def test_a_half_made_database_is_set_aside_and_gets_everything_again(results, put):
    records = [put(0), put(1)]
    changed(results / "mlflow.db", *CUT_OFF)
    believed(results, records)
    tracker = send(results, *records, put(2))
    (note,) = tracker.problems
    (aside,) = (results / "damaged").iterdir()
    assert str(aside) in note
    assert tracker.sent == len(children(MlflowClient(default_uri(results)))) == 3


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("held", ["runs (run_uuid)", "registered_models (name, workspace)"])
def test_a_database_that_holds_something_is_never_set_aside(results, put, held):
    values = ", ".join("'x'" for _ in held.split(","))
    changed(results / "mlflow.db", f"INSERT INTO {held} VALUES ({values})", *CUT_OFF)
    tracker = send(results, put(1))
    assert tracker.sent == 0
    (problem,) = tracker.problems
    assert "duplicate column name" in problem
    assert problem.isprintable()
    assert not (results / "damaged").exists()


def test_what_lay_beside_a_database_that_is_gone_is_not_played_into_the_new_one(
    tmp_path, empty_database, monkeypatch
):
    def make(uri):
        shutil.copy(empty_database, uri.removeprefix("sqlite:///"))
        return MagicMock()

    monkeypatch.setattr("bench.tracking.database._client", make)
    file = tmp_path / "mlflow.db"
    for name in ("mlflow.db", "mlflow.db-journal", f".mlflow.db.{2**22 + 1}.making-journal"):
        (tmp_path / name).touch()
    (tmp_path / f".mlflow.db.{os.getppid()}.making").touch()
    open_client(f"sqlite:///{file}", file, contextlib.nullcontext)
    found = sorted(path.name for path in tmp_path.iterdir() if path.is_file())
    assert found == [f".mlflow.db.{os.getppid()}.making", "mlflow.db"]
    assert file.read_bytes() == empty_database.read_bytes()


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("part", [0.0, 0.1, 0.9])
def test_a_database_that_ends_too_early_is_put_aside_and_filled_again(results, put, part):
    records = [put(0), put(1)]
    believed(results, records)
    file = results / "mlflow.db"
    os.truncate(file, int(part * file.stat().st_size))
    tracker = send(results, *records)
    assert tracker.sent == 2
    assert len(list((results / "damaged").glob("mlflow-*.db"))) == len(tracker.problems)
    assert all("ends too early" in problem for problem in tracker.problems)
    assert bool(tracker.problems) == (part > 0)  # an empty file is as none


@pytest.mark.slow
def test_a_kill_while_a_database_is_made_leaves_none(put, results, monkeypatch):
    (results / "mlflow.db").unlink()
    process = Process(uri=default_uri(results), study=STUDY, artifacts=None)

    def ask():
        with contextlib.suppress(RuntimeError):
            list(process.ask({"end": "FINISHED"}))

    asking = threading.Thread(target=ask)
    asking.start()
    until(lambda: any(f.stat().st_size > 2**15 for f in results.glob(".mlflow.db.*.making")))
    process.kill()
    asking.join()
    assert not (results / "mlflow.db").exists()
    monkeypatch.setattr("bench.tracking.tracker.Process", InProcess)
    tracker = send(results, put())
    assert (tracker.sent, tracker.problems) == (1, [])
    assert not list(results.glob(".mlflow.db*"))
