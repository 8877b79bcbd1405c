"""Runs a command and leaves nothing of it behind: ``warden.py COMMAND …``, run by its path.

It is the parent of a worker process, and takes in whatever the worker starts, however far that
moves away: when the worker ends, or standard input is closed at its other end because the command
that began all this is gone, every process below is killed. It ends as the worker ended. SIGTERM is
passed on to the worker. The worker is given this process's number as its last argument.

It imports nothing of the package: it is there at once, and small.
"""

from __future__ import annotations

import ctypes
import os
import resource
import select
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

POLL_MILLISECONDS = 50
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


def main(command: list[str]) -> NoReturn:
    """Run the command as a guarded process."""
    guard(lambda own: os.execv(command[0], [*command, str(own)]))


def guard(begin: Callable[[int], NoReturn]) -> NoReturn:
    """Fork what begins, and wait for its end, or for that of who holds standard input.

    ``begin`` is given the number of this process, which ends as its child ended.
    """
    take_in()
    own = os.getpid()
    worker = os.fork()
    if worker == 0:
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        begin(own)
    signal.signal(signal.SIGTERM, lambda *_: _kill(worker, signal.SIGTERM))
    os.closerange(3, 64)  # the worker's answers: their pipe is to end with it
    status = _wait(worker)
    _kill(worker, signal.SIGKILL)
    end_all()
    _leave_as(status)


def _wait(worker: int) -> int:
    """Return how the worker ended; as by SIGKILL if the coordinator no longer waits for it."""
    leash = select.poll()
    leash.register(0, 0)  # without events, poll reports only the end of its writers
    while not leash.poll(POLL_MILLISECONDS):
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == worker:
                    return ended[1]
    return signal.SIGKILL


def take_in() -> None:
    """Become the parent of every process below whose own parent ends, however far it moves."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def end_all() -> None:
    """Kill every process below, and those that become ours by that."""
    while children := _children():
        for child in children:
            _kill(child, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(-1, 0)


def _children() -> list[int]:
    """Return the children by number; none where the system does not name them."""
    with suppress(OSError):
        file = Path(f"/proc/self/task/{os.getpid()}/children")
        return [int(n) for n in file.read_text(encoding="ascii").split()]
    return []


def _kill(process: int, number: int) -> None:
    with suppress(OSError):
        os.kill(process, number)


def _leave_as(status: int) -> NoReturn:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the worker has left one, if any
        with suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 1)


def _prctl(option: int, value: int) -> None:
    """Set an option of this process; without effect on systems but Linux."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    main(sys.argv[1:])
