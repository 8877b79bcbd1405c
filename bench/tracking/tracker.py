"""Sends records to MLflow: one experiment a study, one parent run a sweep, one child run a cell."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import BenchError
from bench.tracking.entry import Entry, describe
from bench.tracking.ledger import Ledger, identity

if TYPE_CHECKING:
    from bench.records.record import Record

PARAMS_PER_BATCH, METRICS_PER_BATCH = 100, 900
"""MLflow takes 100 params in a request, and 1,000 entries of all kinds."""

ENVIRONMENT = {
    # a dead server costs seconds, once, instead of MLflow's minutes
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
"""How MLflow behaves in this process; a variable that the user has set keeps its value."""


@dataclass(frozen=True)
class Sent:
    """What became of some records: how many were sent now, and how many are still missing."""

    sent: int
    missing: int


def tracking_uri(results: Path) -> str:
    """``MLFLOW_TRACKING_URI`` where it is set, or else a SQLite file in the results folder."""
    chosen = os.environ.get("MLFLOW_TRACKING_URI", "").strip()
    return chosen or _default_uri(results)


def ui_command(results: Path, port: int = 5000) -> list[str]:
    """The command that opens MLflow's pages on loopback.

    Raises:
        BenchError: the runs are on a server, which has pages of its own, or there are none yet.
    """
    uri = tracking_uri(results)
    if uri.startswith(("http://", "https://")):
        raise BenchError(f"the runs are on a server: open {_shown(uri)} in a browser")
    file = _sqlite_file(uri)
    if file is not None and not file.exists():
        raise BenchError(f"nothing has been sent to MLflow yet: there is no {file}; run first")
    # without its queue for background jobs, which nothing here uses, and with one worker, it
    # starts in a third of the time
    lean = ["/usr/bin/env", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false"]
    command = [*lean, sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", uri]
    return [*command, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]


class Tracker:
    """Sends the cells of one study to one MLflow, each once.

    Use it as a context manager around a sweep: the parent run is made with the first cell that
    is sent and ended on leaving. Nothing here raises because of MLflow. After the first failure
    of the connection no further attempt is made; ``problems`` says what the user should know.
    """

    def __init__(self, results: Path, study: str, uri: str | None = None):
        self.results, self.study = results, study
        self.uri = uri or tracking_uri(results)
        self.problems: list[str] = []
        """One line each."""
        self._ledger = Ledger(results / "tracked.json", _shown(self.uri), study)
        file = _sqlite_file(self.uri)
        if file is not None and not file.exists():
            self._ledger.forget()
        self._down = False
        self._pictures = True
        self._parent: str | None = None

    def __enter__(self) -> Tracker:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._parent is not None and not self._down:
            with self._guarded():
                self._client.set_terminated(self._parent, "KILLED" if kind else "FINISHED")
            self._parent = None

    def missing(self, records: Iterable[Record]) -> list[Record]:
        """The records that are not known to have been sent; MLflow itself is not asked."""
        return [record for record in records if not self._ledger.holds(record)]

    def send(self, records: Iterable[Record]) -> Sent:
        """Send those records that MLflow does not have yet."""
        records = list(records)
        sent = 0
        if self.missing(records) and not self._down:
            with self._guarded():
                # connecting may show that the ledger speaks of an experiment that is gone
                experiment = self._experiment
                for record in self.missing(records):
                    sent += self._send(experiment, record)
        return Sent(sent, len(self.missing(records)))

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """Whatever goes wrong in MLflow is told once and ends the sending, never the sweep."""
        try:
            yield
        except Exception as error:
            self._down = True
            self._tell(
                f"MLflow at {_shown(self.uri)} cannot be used ({_cause(error)}): the "
                "records are safe; `bench sync` sends what is missing"
            )

    @cached_property
    def _client(self) -> Any:
        if self.uri == _default_uri(self.results) and set("%?") & set(self.uri):
            raise BenchError("its URIs cannot name a folder with % or ?; choose other --results")
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        import mlflow
        import mlflow.store.db.utils

        # MLflow would try for 100 s to open a database that is not there
        mlflow.store.db.utils.MAX_RETRY_COUNT = 2
        return mlflow.MlflowClient(tracking_uri=self.uri)

    @cached_property
    def _experiment(self) -> str:
        found = self._client.get_experiment_by_name(self.study)
        if found is None:
            self._ledger.forget()
            # a server knows where to keep pictures; beside a database MLflow would take ./mlruns
            database = re.match(r"(sqlite|postgresql|mysql|mssql)\b", self.uri)
            place = (self.results.absolute() / "mlartifacts").as_uri() if database else None
            return self._client.create_experiment(self.study, artifact_location=place)
        if found.lifecycle_stage == "deleted":
            raise BenchError(
                f"the experiment '{self.study}' was deleted there; bring it back with `mlflow "
                f"experiments restore --experiment-id {found.experiment_id}`"
            )
        return found.experiment_id

    def _send(self, experiment: str, record: Record) -> bool:
        """Send one record; False where MLflow has it already, or where it cannot be sent.

        One that cannot be read, or that MLflow refuses, does not hold up the others.
        """
        from mlflow.exceptions import MlflowException

        earlier = self._client.search_runs([experiment], f"tags.key = '{record.key}'")
        there = any(run.data.tags.get("identity") == identity(record) for run in earlier)
        if not there:
            try:
                entry = describe(record)
            except (BenchError, OSError, KeyError, TypeError, ValueError) as error:
                return self._refused(record, error)
            try:
                self._log(experiment, entry, identity(record), earlier)
            except MlflowException as error:
                if error.error_code != "INVALID_PARAMETER_VALUE":
                    raise
                return self._refused(record, error)
        self._ledger.add(record)
        return not there

    def _refused(self, record: Record, error: Exception) -> bool:
        self._tell(f"cell {record.key} was not sent to MLflow ({_cause(error)})")
        return False

    def _log(self, experiment: str, entry: Entry, identity: str, earlier: list[Any]) -> None:
        """Make one child run in place of the earlier ones of the same cell.

        The tag ``identity`` is set last of all: a run without it was cut off, and is deleted.
        """
        client = self._client
        for run in earlier:
            if "identity" not in run.data.tags:
                client.delete_run(run.info.run_id)
        tags = entry.tags | {"mlflow.parentRunId": self._sweep(experiment, entry)}
        run_id = client.create_run(experiment, entry.start, tags, entry.name).info.run_id
        self._log_values(run_id, entry)
        self._log_pictures(run_id, entry)
        client.set_terminated(run_id, entry.status, entry.end)
        for run in earlier:
            if "identity" in run.data.tags:
                client.set_tag(run.info.run_id, "superseded", "true")
        client.set_tag(run_id, "identity", identity)

    def _sweep(self, experiment: str, first: Entry) -> str:
        """The parent run, made when the first cell needs it."""
        if self._parent is None:
            tags = {"study": self.study}
            if "commit" in first.tags:
                tags["commit"] = first.tags["commit"]
            name = f"{self.study}, {time.strftime('%Y-%m-%d %H:%M')}"
            run = self._client.create_run(experiment, tags=tags, run_name=name)
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
        except Exception as error:
            # numbers without pictures are better than neither; pictures may have a place of
            # their own, such as a bucket, that fails by itself
            self._pictures = False
            self._tell(
                f"MLflow takes the numbers but not the pictures ({_cause(error)}): the "
                "report has them"
            )

    def _tell(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)


def _cause(error: BaseException) -> str:
    """Why, in one line: the system's own word for it where there is one."""
    told, inner = str(error), error.__cause__ or error.__context__
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            told = inner.strerror
        inner = inner.__cause__ or inner.__context__
    # a database's further lines are its statement and its manual
    told = (told.strip() or type(error).__name__).splitlines()[0]
    return textwrap.shorten(_shown(told), 300, placeholder=" …")


def _chunks(items: list[Any], size: int) -> list[list[Any]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _shown(text: str) -> str:
    """A URI, or a text with URIs, without the user and password that one may carry."""
    return re.sub(r"//[^/\s]*@", "//", text)


def _default_uri(results: Path) -> str:
    return f"sqlite:///{results.absolute() / 'mlflow.db'}"


def _sqlite_file(uri: str) -> Path | None:
    if not uri.startswith("sqlite:///"):
        return None
    return Path(uri.removeprefix("sqlite:///").partition("?")[0])
