"""Servers and databases that do not work: told in one line, soon, and completed later."""

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from urllib.request import urlopen

import psutil
import pytest
import sqlalchemy
from mlflow import MlflowClient

from bench.errors import BenchError
from bench.tracking import Tracker, ui_command
from bench.tracking.telling import cause
from tests.tracking.sweeps import STUDY, closed_port, send, until

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99999\r\n\r\n"
ENDLESS = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
BUSY = b"HTTP/1.1 503 Busy\r\nRetry-After: 3600\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def never(connection: socket.socket) -> None:
    connection.recv(1)
    time.sleep(3600)


def drip(connection: socket.socket) -> None:
    connection.sendall(HEAD)
    while True:
        connection.sendall(b" ")
        time.sleep(1)


def pour(connection: socket.socket) -> None:
    connection.sendall(ENDLESS)
    while True:
        connection.sendall(bytes(2**20))


def refuse(connection: socket.socket) -> None:
    connection.recv(2**16)
    connection.sendall(BUSY)
    connection.close()


@contextlib.contextmanager
def served(handle):
    """A server that handles every connection in one way; gives its URI."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def one(connection):
            with contextlib.suppress(OSError):
                handle(connection)

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    threading.Thread(target=one, args=(connection,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://user:secret@127.0.0.1:{listening.getsockname()[1]}"


def bad_lines(tracker: Tracker) -> list[str]:
    return [line for line in tracker.problems if not line.isprintable() or len(line) > 500]


@pytest.mark.slow
@pytest.mark.parametrize(("handle", "patient"), [(never, False), (drip, True)])
def test_a_server_that_keeps_us_waiting_is_given_up(results, put, monkeypatch, handle, patient):
    monkeypatch.setattr("bench.tracking.tracker.WAITING_SECONDS", 1.0)
    record = put()
    with served(handle) as uri:
        with Tracker(results, STUDY, uri, patient=patient) as tracker:
            tracker.send([record])
            until(lambda: tracker._process and tracker._process.calling)
            process, begun = tracker._process._process, time.monotonic()
        assert time.monotonic() - begun < 6
    assert process.returncode == -signal.SIGKILL
    (problem,) = tracker.problems
    assert "waiting" in problem
    assert "secret" not in problem
    assert tracker.missing([record]) == [record]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("handle", "why"),
    [(refuse, "503"), (pour, "does not end"), (None, "Connection refused")],
)
def test_a_server_that_fails_is_told_in_one_line(results, put, handle, why):
    record = put()
    with served(handle) if handle else contextlib.nullcontext() as uri:
        with Tracker(results, STUDY, uri or f"http://127.0.0.1:{closed_port()}") as tracker:
            tracker.send([record])
            until(lambda: tracker._process and tracker._process.calling)
            begun, most = time.monotonic(), 0
            while tracker._thread.is_alive():
                with contextlib.suppress(psutil.Error):
                    most = max(
                        most, psutil.Process(tracker._process._process.pid).memory_info().rss
                    )
                time.sleep(0.02)
        assert time.monotonic() - begun < 10
    assert most < 1.2 * 2**30
    (problem,) = tracker.problems
    assert why in problem
    assert "bench sync" in problem
    assert bad_lines(tracker) == []
    assert tracker.missing([record]) == [record]


@pytest.mark.slow
def test_seconds_of_slow_calls_add_up_unless_somebody_waits_for_them(results, put, monkeypatch):
    monkeypatch.setattr("bench.tracking.tracker.PROMPT_SECONDS", 0.1)
    monkeypatch.setattr("bench.tracking.tracker.WAITING_SECONDS", 0.5)

    class Slow:
        ready, calling, heard = True, False, 0.0

        def __init__(self, **_):
            self.killed = threading.Event()

        def ask(self, request):
            for _ in range(4):
                self.heard, self.calling = time.monotonic(), True
                if self.killed.wait(0.35):
                    raise RuntimeError("killed")
                self.heard, self.calling = time.monotonic(), False
            yield {"done": True}

        def kill(self):
            self.killed.set()

    monkeypatch.setattr("bench.tracking.tracker.Process", Slow)
    records = [put(0), put(1)]
    for patient, sent in ((False, 0), (True, 2)):
        with Tracker(results, STUDY, "http://127.0.0.1:9", patient=patient) as tracker:
            tracker.send(records)
        assert tracker.sent == sent
        assert len(tracker.problems) == (0 if sent else 1)


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize(
    "uri", ["nonsense://x", "http://[broken", "sqlite:////proc/x.db", "sqlite:///{tmp}/damaged.db"]
)
def test_a_wrong_address_is_told_in_one_line(results, put, tmp_path, uri):
    (tmp_path / "damaged.db").write_text("not a database" * 1000)
    tracker = send(results, put(), uri=uri.format(tmp=tmp_path))
    assert tracker.sent == 0
    assert len(tracker.problems) == 1
    assert bad_lines(tracker) == []


@pytest.mark.slow
def test_a_database_that_another_process_locks_is_told_and_completed_later(
    results, put, monkeypatch
):
    records = [put(0), put(1)]
    with (
        monkeypatch.context() as patch,
        contextlib.closing(sqlite3.connect(results / "mlflow.db")) as other,
    ):
        patch.setattr("bench.tracking.tracker.WAITING_SECONDS", 1.0)
        other.execute("BEGIN EXCLUSIVE")
        tracker = send(results, *records)
    assert (tracker.sent, len(tracker.problems)) == (0, 1)
    assert bad_lines(tracker) == []
    assert send(results, *records).sent == 2


@pytest.mark.usefixtures("in_process")
def test_a_full_database_is_told_without_its_statement(results, put, monkeypatch):
    def full(*_, **__):
        engine = sqlalchemy.create_engine(f"sqlite:///{results / 'mlflow.db'}")
        with contextlib.closing(engine.raw_connection()), engine.begin() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1")
            connection.exec_driver_sql(f"CREATE TABLE more ({'x' * 5000})")

    monkeypatch.setattr(MlflowClient, "log_batch", full)
    (problem,) = send(results, put()).problems
    assert "(database or disk is full)" in problem


def test_a_cause_is_one_line_that_a_terminal_does_not_obey():
    told = cause(ValueError("\n\x1b[31mno\x07 " + "x " * 500 + "\nmore"))
    assert told.isprintable()
    assert told.startswith("[31mno x")
    assert len(told) <= 300


def test_nothing_is_started_where_nothing_is_sent(results, put, monkeypatch):
    monkeypatch.setattr("bench.tracking.tracker.Process", None)
    record = put()
    with Tracker(results, STUDY, on=False) as tracker:
        tracker.send([record])
    with Tracker(results, STUDY) as idle:
        idle.send([])
    assert (tracker.problems, idle.problems, tracker.missing([record])) == ([], [], [record])


PARENT = """
import sys
from bench.tracking.process import Process
process = Process(uri=sys.argv[1], study="s", artifacts=None)
print(process._process.pid, flush=True)
list(process.ask({"end": "FINISHED"}))
"""


@pytest.mark.slow
def test_the_process_ends_with_the_one_that_started_it():
    with served(never) as uri:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        parent = subprocess.Popen(
            [sys.executable, "-c", PARENT, uri], stdout=subprocess.PIPE, env=environment
        )
        process = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        parent.communicate()
        process.wait(10)


def test_the_pages_open_on_loopback(results, tmp_path, monkeypatch):
    command = ui_command(results)
    assert os.access(command[0], os.X_OK)
    assert command[2:6] == [sys.executable, "-m", "mlflow", "ui"]
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert command[command.index("--backend-store-uri") + 1] == f"sqlite:///{results}/mlflow.db"
    with pytest.raises(BenchError, match="nothing has been sent"):
        ui_command(tmp_path / "none")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:secret@mlflow.example")
    with pytest.raises(BenchError, match=r"open https://mlflow\.example in"):
        ui_command(results)


@contextlib.contextmanager
def mlflow_server(results, folder):
    port = closed_port()
    with open(folder / "log", "w") as log:
        server = subprocess.Popen(
            [*ui_command(results, port), "--artifacts-destination", str(folder / "kept")],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    uri = f"http://127.0.0.1:{port}"

    def up():
        assert server.poll() is None
        with contextlib.suppress(OSError):
            urlopen(f"{uri}/health", timeout=5).close()
            return True

    try:
        until(up, 120)
        yield uri, server
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait(30)


@pytest.mark.slow
def test_a_server_takes_numbers_and_pictures_and_what_it_missed_when_it_died(
    results, client, put, tmp_path
):
    records = [put(seed) for seed in range(8)]
    with mlflow_server(results, tmp_path) as (uri, server):
        with Tracker(results, "remote", uri) as tracker:
            tracker.send(records[:2])
            until(lambda: tracker.sent == 2)
        assert tracker.problems == []
        experiment = client.get_experiment_by_name("remote")
        assert experiment.artifact_location.startswith("mlflow-artifacts:")
        assert len(list((tmp_path / "kept").rglob("samples.png"))) == 2
        with Tracker(results, "remote", uri) as tracker:
            tracker.send(records)
            until(lambda: tracker.sent == 2)
            os.killpg(server.pid, signal.SIGKILL)
            begun = time.monotonic()
        assert time.monotonic() - begun < 10
        (problem,) = tracker.problems
        assert "bench sync" in problem
        assert bad_lines(tracker) == []
    missing = tracker.missing(records)
    assert 3 <= len(missing) <= 6
    # the server's database lies here
    with Tracker(results, "remote", patient=True) as tracker:
        tracker.send(records)
    assert all("pictures" in line for line in tracker.problems)  # whose place only a server knows
    assert tracker.sent >= len(missing) - 1
    runs = client.search_runs([experiment.experiment_id], "tags.identity != ''", max_results=100)
    assert sorted(int(run.data.tags["seed"]) for run in runs) == list(range(8))
