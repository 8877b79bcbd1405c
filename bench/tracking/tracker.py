"""Hands records to the process that sends them, and keeps the command from waiting for long."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import BenchError
from bench.tracking.address import default_uri, sqlite_file, tracking_uri
from bench.tracking.database import is_whole
from bench.tracking.entry import describe
from bench.tracking.ledger import Ledger, identity
from bench.tracking.process import Process
from bench.tracking.telling import cause, shown

if TYPE_CHECKING:
    from bench.records.record import Record

PROMPT_SECONDS = 1.0
"""Seconds that a call to MLflow may take before it counts as waiting."""
WAITING_SECONDS = 6.0
"""Seconds that a command waits at its end; with a call's first second and the start, ten."""
START_SECONDS = 120.0
"""Seconds that the process may take between calls, to import MLflow and make a database."""
POLL_SECONDS = 0.05


class Tracker:
    """Sends the cells of one study to one MLflow, each once, while the command runs.

    Use it as a context manager around a sweep. The parent run is made with the first cell that is
    sent. Leaving waits for queued records as long as calls return: seconds beyond the first of
    each call are counted, and after six in all the sending is given up. MLflow's errors are never
    raised. After the first failure no further attempt is made; ``problems`` holds the messages
    for the user.

    Args:
        results: the results folder, whose lock the caller holds.
        study: name of the experiment.
        uri: where MLflow is; default: ``tracking_uri``.
        on: False sends nothing, and starts and imports nothing.
        patient: counts the seconds of each call by itself, so that a slow server gets everything.
    """

    def __init__(
        self,
        results: Path,
        study: str,
        uri: str | None = None,
        *,
        on: bool = True,
        patient: bool = False,
    ):
        self.results, self.study, self.on, self.patient = results, study, on, patient
        self.uri = uri or tracking_uri(results)
        self.problems: list[str] = []
        """One line each."""
        self.sent = 0
        """Cells that were sent now."""
        self._ledger = Ledger(results / "tracked.json", shown(self.uri), study)
        file = sqlite_file(self.uri)
        if file is not None and not is_whole(file):
            self._ledger.forget()
        self._down = False
        self._offered: dict[str, Record] = {}
        self._queue: dict[str, Record] = {}
        self._status: str | None = None
        self._changed = threading.Condition()
        self._process: Process | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Tracker:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._thread is None:
            return
        with self._changed:
            self._status = "KILLED" if kind else "FINISHED"
            self._changed.notify()
        try:
            self._wait(self._thread)
        finally:
            self._down = True
            if self._process is not None:
                self._process.kill()
            self._ledger.save()

    def missing(self, records: Iterable[Record]) -> list[Record]:
        """Return the records without an entry in the ledger; MLflow itself is not asked."""
        return [record for record in records if not self._ledger.holds(record)]

    def send(self, records: Iterable[Record]) -> None:
        """Have those records sent that MLflow does not have yet, and return at once."""
        if not self.on or self._down:
            return
        offered = {record.key: record for record in records}
        with self._changed:
            self._offered |= offered
            for record in self.missing(offered.values()):
                waiting = self._queue.get(record.key)
                if waiting is None or identity(waiting) != identity(record):
                    self._queue[record.key] = record
            if self._queue and self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()
            self._changed.notify()

    def _work(self) -> None:
        """Send queued records until the sweep ends. Any error ends it and is reported."""
        try:
            if self.uri == default_uri(self.results) and set("%?") & set(self.uri):
                raise BenchError(
                    "its URIs cannot name a folder with % or ?; choose other --results"
                )
            self._process = Process(
                uri=self.uri,
                study=self.study,
                artifacts=(self.results.absolute() / "mlartifacts").as_uri(),
            )
            while (record := self._next()) is not None:
                self._send(self._process, record)
            for _ in self._process.ask({"end": self._status}):
                pass
        except Exception as error:
            self._give_up(cause(error))
        finally:
            if self._process is not None:
                self._process.kill()

    def _next(self) -> Record | None:
        """Wait for a record, which stays in the queue; None at the sweep's end."""
        with self._changed:
            while not self._queue and self._status is None:
                self._changed.wait()
            if self._status == "KILLED":
                return None
            return next(iter(self._queue.values()), None)

    def _send(self, process: Process, record: Record) -> None:
        """Send one record. One that cannot be read, or is refused, does not hold up the others."""
        own = identity(record)
        try:
            entry = describe(record).to_json()
        except (BenchError, OSError, KeyError, TypeError, ValueError) as error:
            self._refused(record, cause(error))
            entry = None
        for part in process.ask({"entry": entry, "identity": own}) if entry else ():
            if "note" in part:
                self._tell(part["note"])
            elif "new" in part:
                # the ledger speaks of an experiment that is gone
                with self._changed:
                    self._ledger.forget()
                    self._queue = self._offered | self._queue
            elif "refused" in part:
                self._refused(record, part["refused"])
            elif "pictures" in part:
                self._tell(
                    f"MLflow takes the numbers but not the pictures ({part['pictures']}): the "
                    "report has them"
                )
            elif part["done"] is not None:
                self._ledger.add(record.key, own)
                self.sent += part["done"]
        with self._changed:
            if identity(self._queue[record.key]) == own:
                del self._queue[record.key]

    def _wait(self, thread: threading.Thread) -> None:
        """Wait until everything is sent, or the process made us wait for too long."""
        waited, now = 0.0, time.monotonic()
        begun = now
        while thread.is_alive():
            thread.join(POLL_SECONDS)
            before, now = now, time.monotonic()
            process = self._process
            if process is None:
                continue
            if self._status == "KILLED" and not process.ready:
                return
            call = now - process.heard if process.calling else 0.0
            if call > PROMPT_SECONDS:
                waited = call - PROMPT_SECONDS if self.patient else waited + now - before
            if waited > WAITING_SECONDS:
                self._give_up("it keeps the command waiting")
                return
            if not process.calling and now - max(process.heard, begun) > START_SECONDS:
                self._give_up(f"MLflow did not start within {START_SECONDS:.0f} s")
                return

    def _give_up(self, why: str) -> None:
        if not self._down:
            self._down = True
            self._tell(
                f"MLflow at {shown(self.uri)} cannot be used ({why}): the records are safe; "
                "`bench sync` sends what is missing"
            )

    def _refused(self, record: Record, why: str) -> None:
        self._tell(f"cell {record.key} was not sent to MLflow ({why})")

    def _tell(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)
