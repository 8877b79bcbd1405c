"""Runs code of a user's in a process apart, which cannot hang, end or outlive the command."""

from __future__ import annotations

import json
import mmap
import os
import select
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NoReturn

import torch

from bench.errors import BenchError
from bench.execution.stopping import signal_name
from bench.execution.warden import guard

LIMIT = "BENCH_REHEARSAL_SECONDS"
"""Environment variable: how long importing a file, or checking a part, may take."""
SECONDS = 120.0
LOOK_SECONDS = 0.2
"""Time between two looks at how far it is."""
PLACE_BYTES = 8


class Lost(BenchError):
    """Says that the process apart gave no answer; the text continues "importing it …"."""

    def __init__(self, told: str, place: int):
        super().__init__(told)
        self.place = place
        """Which of the functions it had reached."""


def apart(*tasks: Callable[[], Any]) -> Any:
    """Call functions, one after the other, in one forked process.

    What they print is thrown away, and whatever they start ends with it.

    Returns:
        What the last one returns, as JSON gives it back.

    Raises:
        Lost: one took too long, or the process ended before it did.
        BenchError: raised by a function; its other exceptions are named in one as well.
    """
    seconds = _limit()
    reached = mmap.mmap(-1, PLACE_BYTES)
    answers, theirs = os.pipe()
    held, leash = os.pipe()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    process = os.fork()
    if process == 0:
        try:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            os.close(leash)
            os.setsid()
            os.dup2(held, 0)
            guard(lambda _: _answer(tasks, reached, theirs))
        finally:
            os._exit(1)
    os.close(theirs)
    os.close(held)
    code = None
    try:
        answer, deadline = _read(answers, reached, seconds)
        while not answer and code is None and time.monotonic() < deadline:
            ended, status = os.waitpid(process, os.WNOHANG)
            code = os.waitstatus_to_exitcode(status) if ended else None
            time.sleep(0.01)
    finally:
        os.close(leash)  # the guard ends whatever still runs
        os.close(answers)
        if code is None:
            os.waitpid(process, 0)
    if answer:
        wrong, value = json.loads(answer)
        if wrong:
            raise BenchError(wrong)
        return value
    place = int.from_bytes(reached[:])
    if code is None:
        raise Lost(f"takes longer than {seconds:g} s ({LIMIT} sets another limit)", place)
    how = f"with exit code {code}" if code >= 0 else f"by {signal_name(-code)}"
    raise Lost(f"ends the process {how}", place)


def _limit() -> float:
    given = os.environ.get(LIMIT, "").strip()
    with suppress(ValueError):
        if (seconds := float(given or SECONDS)) > 0:
            return seconds
    raise BenchError(f"{LIMIT} is '{given}'; it must be a number of seconds above 0")


def _answer(tasks: Sequence[Callable[[], Any]], reached: mmap.mmap, answers: int) -> NoReturn:
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)
    os.closerange(3, answers)  # locks among them
    os.closerange(answers + 1, 1024)
    tempfile.tempdir = None  # the run's own is asked for again
    torch.set_num_threads(1)  # threads of the parent's are not here
    said: list[Any] = ["", None]
    try:
        for place, task in enumerate(tasks):
            reached[:] = place.to_bytes(PLACE_BYTES)
            said[1] = task()
    except BenchError as error:
        said = [str(error), None]
    except BaseException as error:  # a user's code may raise anything
        told = (str(error).splitlines() or [""])[0]
        said = [f"it raises {type(error).__name__}: {told}", None]
    os.write(answers, json.dumps(said).encode())
    os._exit(0)


def _read(answers: int, reached: mmap.mmap, seconds: float) -> tuple[bytes, float]:
    """Return what is written until the end of the pipe, and the deadline; nothing if that passes.

    Every function that is reached has so many seconds.
    """
    found, last, deadline = b"", b"", 0.0
    while True:
        if (place := reached[:]) != last:
            last, deadline = place, time.monotonic() + seconds
        left = deadline - time.monotonic()
        if left <= 0:
            return b"", deadline
        if select.select([answers], [], [], min(left, LOOK_SECONDS))[0]:
            part = os.read(answers, 2**16)
            if not part:
                return found, deadline
            found += part
