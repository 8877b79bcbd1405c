"""Sends entries to MLflow, in a process that can be given up at any moment.

Standard input brings requests and standard output takes answers, a line of JSON each. The first
line is what a `Sender` is made with. While a call to MLflow is open, the other side knows it:
``{"calling": true}``, then ``{"calling": false}``.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.tracking.address import sqlite_file
from bench.tracking.database import open_client
from bench.tracking.entry import Entry, short
from bench.tracking.telling import cause

PARAMS_PER_BATCH, METRICS_PER_BATCH = 100, 900
"""MLflow takes 100 params in a request, and 1,000 entries of all kinds."""

ENVIRONMENT = {
    # a dead server costs seconds, once, instead of MLflow's minutes
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
"""Environment variables for MLflow; those that the user has set keep their values."""

ANSWER_BYTES = 512 * 2**20
"""Memory that this process may take once it has begun, so that an answer without end ends it."""

Tell = Callable[[dict[str, Any]], None]
"""Takes a part of an answer."""


class Sender:
    """Sends entries to one experiment: a parent run for the sweep, a child run for each cell.

    Args:
        uri: where MLflow is.
        study: name of the experiment.
        artifacts: where a new experiment keeps pictures; None leaves it to the server.
        tell: takes what the other side is to know: ``calling``, ``note``, ``new`` (the experiment
            was made now, so that whatever was sent to it is gone), ``refused`` and ``pictures``
            (the reason why an entry, or all pictures, were not taken).
    """

    def __init__(self, uri: str, study: str, artifacts: str | None, tell: Tell):
        self._uri, self._study, self._artifacts, self._tell = uri, study, artifacts, tell
        self._pictures = True
        self._parent: str | None = None
        client, note = open_client(uri, sqlite_file(uri), self._calling)
        self._client = _Watched(client, self._calling)
        if note:
            tell({"note": note})

    @contextlib.contextmanager
    def _calling(self) -> Iterator[None]:
        self._tell({"calling": True})
        try:
            yield
        finally:
            self._tell({"calling": False})

    @cached_property
    def _experiment(self) -> str:
        name = short(self._study)
        found = self._client.get_experiment_by_name(name)
        if found is None:
            self._tell({"new": True})
            # a server knows where to keep pictures; beside a database MLflow would take ./mlruns
            database = re.match(r"(sqlite|postgresql|mysql|mssql)\b", self._uri)
            place = self._artifacts if database else None
            return self._client.create_experiment(name, artifact_location=place)
        if found.lifecycle_stage == "deleted":
            raise BenchError(
                f"the experiment '{name}' was deleted there; bring it back with `mlflow "
                f"experiments restore --experiment-id {found.experiment_id}`"
            )
        return found.experiment_id

    def send(self, entry: Entry, identity: str) -> bool | None:
        """Send one entry; False where MLflow has it already, None where it is refused."""
        from mlflow.exceptions import MlflowException

        key = entry.tags["key"]
        earlier = self._client.search_runs([self._experiment], f"tags.key = '{key}'")
        if any(run.data.tags.get("identity") == identity for run in earlier):
            return False
        try:
            self._log(entry, identity, earlier)
        except MlflowException as error:
            if error.error_code != "INVALID_PARAMETER_VALUE":
                raise
            self._tell({"refused": cause(error)})
            return None
        return True

    def end(self, status: str) -> None:
        """End the parent run, if there is one."""
        if self._parent is not None:
            self._client.set_terminated(self._parent, status)

    def _log(self, entry: Entry, identity: str, earlier: list[Any]) -> None:
        """Make one child run in place of the earlier ones of the same cell.

        The tag ``identity`` is set last of all: a run without it was cut off, and is deleted.
        """
        client = self._client
        for run in earlier:
            if "identity" not in run.data.tags:
                client.delete_run(run.info.run_id)
        tags = entry.tags | {"mlflow.parentRunId": self._sweep(entry)}
        made = client.create_run(self._experiment, entry.start, tags, entry.name)
        run_id = made.info.run_id
        self._log_values(run_id, entry)
        self._log_pictures(run_id, entry)
        client.set_terminated(run_id, entry.status, entry.end)
        for run in earlier:
            if "identity" in run.data.tags:
                client.set_tag(run.info.run_id, "superseded", "true")
        client.set_tag(run_id, "identity", identity)

    def _sweep(self, first: Entry) -> str:
        """Return the parent run, which the first cell creates."""
        if self._parent is None:
            tags = {"study": self._study}
            if "commit" in first.tags:
                tags["commit"] = first.tags["commit"]
            name = short(f"{time.strftime('%Y-%m-%d %H:%M')}, {self._study}")
            run = self._client.create_run(self._experiment, tags=tags, run_name=name)
            self._parent = run.info.run_id
        assert self._parent is not None
        return self._parent

    def _log_values(self, run_id: str, entry: Entry) -> None:
        from mlflow.entities import Metric, Param

        metrics: list[Any] = [
            Metric(name, value, entry.end, step) for name, step, value in entry.metrics
        ]
        params: list[Any] = [Param(name, value) for name, value in entry.params.items()]
        batches = _chunks(metrics, METRICS_PER_BATCH), _chunks(params, PARAMS_PER_BATCH)
        for some, others in zip_longest(*batches):
            self._client.log_batch(run_id, metrics=some or [], params=others or [])

    def _log_pictures(self, run_id: str, entry: Entry) -> None:
        if not entry.pictures or not self._pictures:
            return
        try:
            with tempfile.TemporaryDirectory(prefix="bench-pictures-") as folder:
                for name, content in entry.pictures.items():
                    (Path(folder) / name).write_bytes(content)
                self._client.log_artifacts(run_id, folder)
        except MemoryError:
            raise
        except Exception as error:
            # numbers without pictures are better than neither; pictures may have a place of
            # their own, such as a bucket, that fails by itself
            self._pictures = False
            self._tell({"pictures": cause(error)})


class _Watched:
    """A client that reports when each of its calls begins and ends."""

    def __init__(self, client: Any, calling: Callable[[], Any]):
        self._client, self._calling = client, calling

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def call(*args: Any, **named: Any) -> Any:
            with self._calling():
                return method(*args, **named)

        return call


def _chunks(items: list[Any], size: int) -> list[list[Any]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def answer(sender: Sender, request: dict[str, Any]) -> dict[str, Any]:
    """Do what is asked for; return the last part of the answer.

    ``{"entry": …, "identity": …}`` is sent: ``{"done": whether it was not there yet, or null}``.
    ``{"end": STATUS}`` ends the sweep.
    """
    if "end" in request:
        sender.end(request["end"])
        return {"done": None}
    return {"done": sender.send(Entry.from_json(request["entry"]), request["identity"])}


def main() -> None:
    """Answer requests until standard input ends, as it does when the other side is gone."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):  # MLflow prints links, and statements of SQL
        os.dup2(nowhere, number)

    def tell(part: dict[str, Any]) -> None:
        answers.write(json.dumps(part) + "\n")
        answers.flush()

    try:
        requests = _requests()
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        import mlflow  # noqa: F401 - takes seconds

        _bound_memory()
        sender = Sender(**requests.get(), tell=tell)
        while True:
            tell(answer(sender, requests.get()))
    except Exception as error:
        tell({"failed": cause(error)})
    os._exit(1)  # MLflow's own work at exit could take as long


def _requests() -> queue.SimpleQueue[dict[str, Any]]:
    """Read requests in a thread, which ends this process when there can be no more."""
    waiting: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            waiting.put(json.loads(line))
        os._exit(1)

    threading.Thread(target=read, daemon=True).start()
    return waiting


def _bound_memory() -> None:
    """Let this process take so much more memory and no more, where Linux counts it."""
    with contextlib.suppress(OSError, ValueError):
        status = Path("/proc/self/status").read_text(encoding="ascii")
        now = 1024 * int(re.findall(r"VmData:\s+(\d+) kB", status)[0])
        most = resource.getrlimit(resource.RLIMIT_DATA)[1]
        resource.setrlimit(resource.RLIMIT_DATA, (now + ANSWER_BYTES, most))
