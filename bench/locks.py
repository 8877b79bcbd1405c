"""Locks on files, which the kernel releases however their holder ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from typing import IO

from bench.errors import BenchError

UNLOCKED = "BENCH_UNLOCKED"
"""Variable by which a user vouches that no other run uses a folder that cannot be locked."""


def hold(lock: IO[str], remedy: str) -> str:
    """Take the lock on an open file without waiting.

    Args:
        lock: the file.
        remedy: how to have it on a file system that knows locks, which some of networks do not.

    Returns:
        Who holds it, in words; nothing where the caller does now, until the file is closed.

    Raises:
        BenchError: its file system cannot lock files, and the user does not vouch for it.
    """
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # NFS gives either where another holds it
        lock.seek(0)
        return lock.read().strip() or "another process"
    except OSError as error:
        if not os.environ.get(UNLOCKED):
            raise BenchError(
                f"the file system of '{os.path.dirname(lock.name)}' cannot lock files "
                f"({error.strerror}), so that two runs could get in each other's way: {remedy}, "
                f"or set {UNLOCKED}=1 if you are sure that no other run uses it"
            ) from error
    with contextlib.suppress(OSError):  # a full disk has no room even for the holder's name
        os.truncate(lock.fileno(), 0)
        os.write(lock.fileno(), f"process {os.getpid()} on {socket.gethostname()}".encode())
    return ""


def release(lock: IO[str]) -> None:
    """Give a lock back, and leave no name in its file."""
    with contextlib.suppress(OSError):
        os.truncate(lock.fileno(), 0)
    lock.close()
