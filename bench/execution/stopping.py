"""A worker's answer to SIGTERM: a savepoint where training can write one, and the end."""

from __future__ import annotations

import os
import signal
from typing import NoReturn


class Stopping:
    """Whether this process was asked to end, and whether the running job will react to it."""

    def __init__(self) -> None:
        self._asked = self._heard = False

    def listen(self) -> None:
        """Take SIGTERM as the request from now on."""
        signal.signal(signal.SIGTERM, lambda *_: self._ask())

    def __call__(self) -> bool:
        """Tell whether to stop; who has asked once is expected to ask again before long."""
        self._heard = True
        return self._asked

    def over(self) -> None:
        """End the job's handling of requests: from now on one ends the process at once."""
        self._heard = False
        if self._asked:
            die()

    def _ask(self) -> None:
        self._asked = True
        if not self._heard:
            die()


def die() -> NoReturn:
    """End this process as SIGTERM does."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)
    os._exit(128 + signal.SIGTERM)  # where the signal is blocked


def signal_name(number: int) -> str:
    """Return a signal's name, or its number where it has none."""
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal: only the first and the last of them have names
        return f"signal {number}"


STOPPING = Stopping()
