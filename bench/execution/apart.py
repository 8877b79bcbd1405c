"""Runs code of a user's in a process apart, which cannot hang, end or outlive the command."""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

import torch

from bench.errors import BenchError
from bench.execution.stopping import signal_name
from bench.execution.warden import guard

LIMIT = "BENCH_REHEARSAL_SECONDS"
"""Environment variable: how long importing a folder's files, or checking a part, may take."""
SECONDS = 120.0


class Lost(BenchError):
    """Says that the process apart gave no answer; the text continues "importing it …"."""


def apart(task: Callable[[], Any]) -> Any:
    """Return what a function returns, as JSON gives it back, from a forked process.

    What it prints is thrown away, and whatever it starts ends with it.

    Raises:
        Lost: the process took too long, or ended before the function did.
        BenchError: raised by the function; its other exceptions are named in one as well.
    """
    seconds = _limit()
    deadline = time.monotonic() + seconds
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
            guard(lambda _: _answer(task, theirs))
        finally:
            os._exit(1)
    os.close(theirs)
    os.close(held)
    code = None
    try:
        answer = _read(answers, deadline)
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
    if code is None:
        raise Lost(f"takes longer than {seconds:g} s ({LIMIT} sets another limit)")
    how = f"with exit code {code}" if code >= 0 else f"by {signal_name(-code)}"
    raise Lost(f"ends the process {how}")


def _limit() -> float:
    given = os.environ.get(LIMIT, "").strip()
    with suppress(ValueError):
        if (seconds := float(given or SECONDS)) > 0:
            return seconds
    raise BenchError(f"{LIMIT} is '{given}'; it must be a number of seconds above 0")


def _answer(task: Callable[[], Any], answers: int) -> NoReturn:
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)
    os.closerange(3, answers)  # locks among them
    os.closerange(answers + 1, 1024)
    tempfile.tempdir = None  # the run's own is asked for again
    torch.set_num_threads(1)  # threads of the parent's are not here
    try:
        said = ["", task()]
    except BenchError as error:
        said = [str(error), None]
    except BaseException as error:  # a user's code may raise anything
        told = (str(error).splitlines() or [""])[0]
        said = [f"it raises {type(error).__name__}: {told}", None]
    os.write(answers, json.dumps(said).encode())
    os._exit(0)


def _read(answers: int, deadline: float) -> bytes:
    """Return what is written until the end of the pipe; nothing at the deadline."""
    found = b""
    while (left := deadline - time.monotonic()) > 0:
        if select.select([answers], [], [], left)[0]:
            part = os.read(answers, 2**16)
            if not part:
                return found
            found += part
    return b""
