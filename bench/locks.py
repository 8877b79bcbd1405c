"""Locks on files, which the kernel releases however their holder ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from typing import IO


def hold(lock: IO[str]) -> str:
    """Take the lock on an open file without waiting.

    Returns:
        Who holds it, in words; nothing where the caller does now, until the file is closed.
    """
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        return lock.read().strip() or "another process"
    with contextlib.suppress(OSError):  # a full disk has no room even for the holder's name
        os.truncate(lock.fileno(), 0)
        os.write(lock.fileno(), f"process {os.getpid()} on {socket.gethostname()}".encode())
    return ""


def release(lock: IO[str]) -> None:
    """Give a lock back, and leave no name in its file."""
    with contextlib.suppress(OSError):
        os.truncate(lock.fileno(), 0)
    lock.close()
