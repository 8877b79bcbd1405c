"""The progress of a run: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.text import Text

from bench.execution.jobs import MeasureJob
from bench.words import count

if TYPE_CHECKING:
    from bench.execution.jobs import Job

PLAIN_EVERY_SECONDS = 30.0


class Progress:
    """Cells done, running and failed, and the time that is left.

    The estimate takes each running job's own pace, and for those still to come the mean of the
    jobs seen on the same dataset, or else of all; it is never less than the longest job's.
    """

    def __init__(self, jobs: list[Job], slots: int, console: Console):
        self._jobs, self._slots, self._console = jobs, slots, console
        self._begun = time.monotonic()
        self._lock = threading.Lock()
        self._start: dict[int, float] = {}
        self._share: dict[int, float] = {}
        self._seconds: dict[int, float] = {}
        self._paced: dict[int, tuple[float, float]] = {}
        """When a job was first seen to move, and how far it was: before that it compiles."""
        self.done = self.failed = self.diverged = 0
        self._trains = [not isinstance(job, MeasureJob) for job in jobs]
        self._total = sum(len(j.cells) for j, t in zip(jobs, self._trains, strict=True) if t)
        self._to_measure = sum(len(job.cells) for job in jobs) - self._total
        self._said = self._begun

    def started(self, job: int) -> None:
        with self._lock:
            self._start[job], self._share[job] = time.monotonic(), 0.0
            self._paced.pop(job, None)

    def moved(self, job: int, share: float) -> None:
        with self._lock:
            self._share[job] = share
            if share > 0:
                self._paced.setdefault(job, (time.monotonic(), share))
        self._say_plainly()

    def finished(self, job: int) -> None:
        with self._lock:
            self._seconds[job] = time.monotonic() - self._start[job]
            self._share.pop(job, None)

    def given_back(self, job: int) -> None:
        """Count a job as waiting again: its slot could not train it."""
        with self._lock:
            self._start.pop(job, None)
            self._share.pop(job, None)

    def resized(self, slots: int) -> None:
        """Take note of how many slots there are now."""
        with self._lock:
            self._slots = max(slots, 1)

    def set_aside(self, slot: str, reason: str, left: int) -> None:
        """Report a slot that is used no more, in one line."""
        self.resized(left)
        rest = f"{left} left" if left else "none is left, so that the remaining cells crash"
        text = f"a slot ({slot}) is set aside, its workers end at their start: {reason}; {rest}"
        self._console.print(Text(text), style="yellow", soft_wrap=True)

    def stored(self, name: str, status: str, reason: str) -> None:
        """Count a cell that was stored."""
        self.done += status in ("ok", "diverged")
        self.diverged += status == "diverged"
        self.failed += status not in ("ok", "diverged")
        if status != "ok":
            self._console.print(Text(f"{name}: {status}: {reason}"), style="yellow")

    def line(self) -> str:
        with self._lock:
            running = sum(len(self._jobs[job].cells) for job in self._share)
            if self._total:
                # cells are stored one by one, while their job goes on
                running = min(running, self._total - self.done - self.failed)
            measured = sum(
                len(self._jobs[job].cells) for job in self._seconds if not self._trains[job]
            )
            left = self._seconds_left()
        parts = []
        if self._total:
            done = f"{self.done}/{count(self._total, 'cell')} done"
            parts.append(done + (f" ({self.diverged} diverged)" if self.diverged else ""))
        if self._to_measure:
            parts.append(f"{measured}/{count(self._to_measure, 'stored cell')} measured")
        parts += [f"{running} running", f"{self.failed} failed"]
        parts.append(f"{_clock(time.monotonic() - self._begun)} elapsed")
        parts.append(f"about {_clock(left)} left" if left is not None else "time left unknown")
        return " · ".join(parts)

    def _seconds_left(self) -> float | None:
        now = time.monotonic()
        estimate: dict[int, float] = dict(self._seconds)
        for running, share in self._share.items():
            since, begun = self._paced.get(running, (now, share))
            if share > begun + 0.02:
                pace = (now - since) / (share - begun)
                estimate[running] = now - self._start[running] + pace * (1 - share)
        if not estimate:
            return None
        left = longest = 0.0
        for number, job in enumerate(self._jobs):
            if number in self._seconds:
                continue
            alike = [
                seconds
                for other, seconds in estimate.items()
                if self._jobs[other].cells[0].dataset == job.cells[0].dataset
            ] or list(estimate.values())
            whole = estimate.get(number, sum(alike) / len(alike))
            spent = now - self._start[number] if number in self._share else 0.0
            left += max(whole - spent, 0.0)
            longest = max(longest, whole - spent)
        return max(left / self._slots, longest)

    def _say_plainly(self) -> None:
        if self._console.is_terminal:
            return
        with self._lock:
            due = time.monotonic() - self._said >= PLAIN_EVERY_SECONDS
            if due:
                self._said = time.monotonic()
        if due:
            self._console.print(self.line(), highlight=False, soft_wrap=True)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Keep the line up to date while the run goes on, and leave the last one standing."""
        self._console.print(
            f"{count(self._total or self._to_measure, 'cell')} "
            f"{'' if self._total else 'to measure '}in {count(len(self._jobs), 'job')} on "
            f"{count(self._slots, 'worker')}",
            highlight=False,
        )
        if self._console.is_terminal:
            with Live(
                console=self._console, get_renderable=lambda: Text(self.line()), transient=True
            ):
                yield
        else:
            yield
        self._console.print(self.line(), highlight=False, soft_wrap=True)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes}:{rest:02} min"
