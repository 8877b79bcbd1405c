"""Jobs over the workers of a dask cluster: the coordinator's side; ``remote.py`` is the other.

Every thread of a dask worker is a slot. The coordinator decides itself which slot gets which job,
and submits a job only once a slot is free. It therefore knows what a worker that died has cost,
can refuse workers, and uses those that join later.
"""

from __future__ import annotations

import math
import pickle
import queue
import socket
import time
import uuid
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from distributed import Client, Future, KilledWorker, wait
from rich.console import Console

from bench.errors import BenchError
from bench.execution import remote
from bench.execution.devices import Slot
from bench.execution.jobs import Job, Row, failed_rows
from bench.execution.members import Member, Package, order
from bench.execution.progress import Progress
from bench.execution.scheduler import Take
from bench.execution.supervisor import SlotFailed
from bench.records.record import TRANSIENT

WORKER_SECONDS = 60.0
"""Time to wait for a worker at the start, and for another one once all are gone."""
LOOK_SECONDS = 1.0
"""Time between two looks at which workers there are."""
ANSWER_SECONDS = 20.0
"""Time for the scheduler to say so, and for finished rows to come."""
LOSSES = 3
"""Dask workers that may die under a job until it counts as crashed."""
CLOSE_SECONDS = 5.0


@dataclass(eq=False)
class Turn:
    """A job that was submitted, followed by those that measure the runs it trained."""

    number: int
    todo: list[Job]
    member: Member | None = None
    """Where it runs, or ran last."""
    slot: Slot | None = None
    future: Future | None = None
    losses: int = 0
    rows: list[Row] = field(default_factory=list)


class Cluster:
    """Hands jobs to the slots of a cluster's workers."""

    def __init__(
        self, client: Client, scheduler: str, most: int | None, package: Package, console: Console
    ):
        self._client, self._scheduler = client, scheduler
        self._most, self._package, self._console = most, package, console
        self._members: dict[str, Member] = {}
        self._examined: dict[Any, tuple[Member, Future]] = {}
        """Members whose examination has not ended, by the key of its task."""
        self._turns: dict[Any, Turn] = {}
        """Turns that are on a worker, by the key of their task."""
        self._ended: queue.Queue[Future] = queue.Queue()
        self._run = uuid.uuid4().hex
        self._looked, self._alone_since = -math.inf, time.monotonic()
        self._last_failure, self._started = "", False

    @property
    def size(self) -> int:
        """Slots that take jobs."""
        slots = sum(member.usable for member in self._members.values())
        return slots if self._most is None else min(self._most, slots)

    def wait_for_workers(self) -> None:
        """Examine all workers that are there; wait for one if there is none.

        Raises:
            BenchError: none joins in time, or none can be used.
        """
        deadline = time.monotonic() + WORKER_SECONDS
        while time.monotonic() < deadline:
            self._look()
            if not self._examined and self.size:
                break
            refused = [member.refused for member in self._members.values() if member.refused]
            if not self._examined and refused:
                more = f" ({len(refused) - 1} more are refused, too)" if len(refused) > 1 else ""
                raise BenchError(f"{refused[0]}{more}; nothing was started")
            self._next(0.2)
        if not self.size:
            raise BenchError(
                f"no dask worker of {self._scheduler} has answered within {WORKER_SECONDS:g} s; "
                f"start one with `dask worker {self._scheduler}`, or wait until the cluster's "
                "queue has started one"
            )
        for member in self._members.values():
            self._say_refused(member)
        self._started = True

    def run(
        self, jobs: list[Job], progress: Progress, take: Take
    ) -> Generator[list[Row], None, None]:
        """Yield the rows of each job as it finishes. Closing the iterator cancels running jobs.

        Raises:
            BenchError: the scheduler is lost, or all workers are and none comes back in time.
        """
        waiting = deque(Turn(number, [job]) for number, job in enumerate(jobs))

        def report(event: tuple[float, dict[str, Any]]) -> None:
            if event[1]["run"] == self._run:
                progress.moved(event[1]["job"], event[1]["share"])

        self._client.subscribe_topic(remote.TOPIC, report)
        try:
            while waiting or self._turns:
                self._start(waiting, progress)
                for turn, found in self._endings(waiting, progress):
                    if found is None:  # it has cost nothing, and is tried elsewhere
                        waiting.appendleft(turn)
                        continue
                    turn.rows += found
                    turn.todo[:1] = take(found)
                    if turn.todo:
                        waiting.appendleft(turn)
                    else:
                        progress.finished(turn.number)
                        yield turn.rows
                progress.resized(self.size)
        finally:
            self._close()

    def _start(self, waiting: deque[Turn], progress: Progress) -> None:
        """Submit what waits to slots that are free; what follows a job goes where that ran."""
        while waiting and (self._most is None or len(self._turns) < self._most):
            free = [each for each in self._members.values() if each.running < each.usable]
            if not free:
                return
            turn = waiting.popleft()
            if turn.member not in free:
                turn.member = max(free, key=lambda each: each.usable - each.running)
            if not turn.rows:
                progress.started(turn.number)
            member, members = turn.member, list(self._members.values())
            assert member is not None
            assert member.answer is not None
            turn.slot = self._package.slot(member, members)
            handed, rest = order(self._run, turn.number, turn.todo[0], turn.slot, member.answer)
            turn.todo[:1] = [handed.job, *rest]
            turn.future = self._call(member, remote.work, handed)
            self._turns[turn.future.key] = turn
            member.running += 1

    def _endings(
        self, waiting: deque[Turn], progress: Progress
    ) -> Iterator[tuple[Turn, list[Row] | None]]:
        """Return turns whose tasks have ended, with the rows; without any to be tried again.

        Raises:
            BenchError: there is no worker any more, and none has joined for a minute.
        """
        turn = self._next(LOOK_SECONDS)
        if turn is not None:
            yield turn, self._ending(turn, progress)
        for turn in self._look():
            yield turn, self._ending(turn, progress)
        if self._turns or self._examined or self.size:
            self._alone_since = time.monotonic()
        elif any(member.failed for member in self._members.values()):
            reason = f"no worker could be started: {self._last_failure}"
            while waiting:
                turn = waiting.popleft()
                progress.started(turn.number)
                yield turn, failed_rows(turn.todo[0], turn.slot or Slot("cpu"), "crashed", reason)
        elif time.monotonic() - self._alone_since > WORKER_SECONDS:
            raise BenchError(
                f"no dask worker of {self._scheduler} is usable any more, and none has joined for "
                f"{WORKER_SECONDS:g} s; what finished is stored, run again to go on"
            )

    def _ending(self, turn: Turn, progress: Progress) -> list[Row] | None:
        """Return the rows of a turn whose task has ended or is lost; None to try it again."""
        member, future, slot, job = turn.member, turn.future, turn.slot, turn.todo[0]
        assert member is not None
        assert future is not None
        assert slot is not None
        del self._turns[future.key]
        member.running -= 1
        try:
            if self._members.get(member.address) is not member:
                raise ConnectionError
            return [_placed(row, member) for row in future.result(timeout=ANSWER_SECONDS)]
        except SlotFailed as error:
            member.failed += 1
            self._last_failure = str(error)
            progress.set_aside(f"{slot} of {member.address}", str(error), self.size)
        except remote.Restarted:
            self._members.pop(member.address, None)  # it is examined anew
        except Exception as error:
            if self._client.status != "running":
                raise self._lost() from error
            if future.status == "error" and not isinstance(error, KilledWorker):
                reason = f"the dask worker {member.address} failed: {_one_line(error)}"
                return failed_rows(job, slot, "crashed", reason)
            future.cancel()
            turn.losses += 1
            if turn.losses == LOSSES:
                reason = f"{LOSSES} dask workers died while they had this job"
                return failed_rows(job, slot, "crashed", reason)
        if not turn.rows:
            progress.given_back(turn.number)
        return None

    def _look(self) -> list[Turn]:
        """See which workers have come and which are gone; return the turns that lost theirs.

        Raises:
            BenchError: the scheduler is lost.
        """
        if self._client.status != "running":
            raise self._lost()
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return []
        self._looked = time.monotonic()
        try:
            now = self._client.nthreads(callback_timeout=ANSWER_SECONDS)
        except Exception as error:
            raise self._lost() from error
        for address in self._members.keys() - now.keys():
            del self._members[address]
        for address in now.keys() - self._members.keys():
            member = self._members[address] = Member(address, now[address])
            future = self._call(member, remote.examine, self._package.question)
            self._examined[future.key] = member, future
        here = set(self._members.values())
        self._examined = {k: each for k, each in self._examined.items() if each[0] in here}
        return [turn for turn in self._turns.values() if turn.member not in here]

    def _call(self, member: Member, function: Callable[[Any], Any], given: Any) -> Future:
        """Have a worker call a function; the future is queued when it has ended."""
        packed = pickle.dumps((function, given))

        # a function made here goes by value: a scheduler can read it without having this package
        def call(packed: bytes) -> Any:
            import pickle

            function, given = pickle.loads(packed)
            return function(given)

        key = f"bench-{function.__name__}-{uuid.uuid4().hex}"
        future = self._client.submit(call, packed, key=key, workers=[member.address], pure=False)
        future.add_done_callback(self._ended.put)
        return future

    def _next(self, seconds: float) -> Turn | None:
        """Wait for a task to end; return the turn, if it was one's."""
        try:
            future = self._ended.get(timeout=seconds)
        except queue.Empty:
            return None
        if future.key in self._examined:
            self._judge(*self._examined.pop(future.key))
        return self._turns.get(future.key)

    def _judge(self, member: Member, future: Future) -> None:
        """Accept a worker that was examined, or refuse it with one line."""
        try:
            member.answer = future.result(timeout=ANSWER_SECONDS)
        except ModuleNotFoundError as error:
            why = f"it has no module '{error.name}'; install this package there"
        except Exception as error:
            why = f"it could not be examined: {_one_line(error)}"
        else:
            why = self._package.objection(member.answer)
        if why:
            where = f" on {member.answer.host}" if member.answer else ""
            member.refused = f"the dask worker {member.address}{where} is not used: {why}"
            if self._started:  # before, it may be the line that ends the command
                self._say_refused(member)

    def _say_refused(self, member: Member) -> None:
        if member.refused:
            self._console.print(member.refused, style="yellow", markup=False)

    def _lost(self) -> BenchError:
        return BenchError(
            f"the dask scheduler {self._scheduler} is gone; what finished is stored, run again to "
            "go on"
        )

    def _close(self) -> None:
        """Cancel what runs, and have the worker processes end that wait for a job."""
        if self._client.status != "running":
            return
        with suppress(Exception):
            self._client.unsubscribe_topic(remote.TOPIC)
            running = [turn.future for turn in self._turns.values() if turn.future is not None]
            self._client.cancel([*running, *(future for _, future in self._examined.values())])
            used = [member for member in self._members.values() if member.usable]
            wait([self._call(member, remote.rest, None) for member in used], CLOSE_SECONDS)


def _placed(row: Row, member: Member) -> Row:
    """Return the row; the reason of a failed one names the machine if it was another one."""
    assert member.answer is not None
    failed = row.data.get("status") in TRANSIENT or row.measurements == []
    if not failed or member.answer.host == socket.gethostname():
        return row
    return replace(
        row, data={**row.data, "reason": f"{row.data['reason']} (on {member.answer.host})"}
    )


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
