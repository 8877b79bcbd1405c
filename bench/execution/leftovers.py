"""Restores what a job changed in its worker process, and finds what cannot be restored.

A worker trains job after job. What a job may leave behind falls into three parts: numeric settings
and seeds, which :func:`bench.execution.worker.settle` sets before every job; the environment, paths
and imported parts, which :meth:`Baseline.restore` puts back; and all that :meth:`Baseline.left`
names, after which the process has to be replaced.
"""

from __future__ import annotations

import builtins
import math
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import torch

from bench.execution.memory import held_mb
from bench.registry import find, holds_part

KEPT_MEMORY_MB = 512.0
"""Memory that a worker may keep after a job beyond that at its start; see ``held_mb``."""

_WATCHED: tuple[Any, ...] = (
    torch, torch.Tensor, torch.nn.Module, torch.nn.functional, torch.autograd, torch.func,
    torch.linalg, torch.optim, torch.random, np, np.random, np.linalg, builtins, math, random, time,
)  # fmt: skip


class Baseline:
    """Records the state of a worker process before its first job, to compare and to restore."""

    def __init__(self, device: torch.device):
        self._device = device
        self._environment = dict(os.environ)
        self._folder = os.getcwd()
        self._path = list(sys.path)
        self._threads = _threads()
        self._handlers = _handlers()
        self._functions = _functions()
        self._files = _source_files()
        self._memory = held_mb(device)

    def restore(self) -> None:
        """Put back the environment, folder and import path, and import all parts anew.

        What the module of a method, a dataset or an architecture keeps in its variables is gone
        by that.
        """
        if dict(os.environ) != self._environment:
            os.environ.clear()
            os.environ.update(self._environment)
        os.chdir(self._folder)
        sys.path[:] = self._path
        for name in [name for name in sys.modules if holds_part(name)]:
            del sys.modules[name]
            package, _, own = name.rpartition(".")
            if package in sys.modules:
                vars(sys.modules[package]).pop(own, None)  # `from methods import …` looks there
        self._files = {**_source_files(), **self._files}
        find.cache_clear()

    def changed_files(self) -> list[str]:
        """Name the source files of this package that were changed since they were imported."""
        now = _source_files()
        return [file for file, known in self._files.items() if now.get(file, known) != known]

    def left(self, free: Callable[[], None]) -> str:
        """Name what the last job left behind that cannot be restored; empty if nothing.

        Args:
            free: drops what the worker keeps on purpose; called if the memory seems too large.
        """
        if self._threads != _threads():
            return "a thread"
        if _children():
            return "a child process"
        if _handlers() != self._handlers:
            return "a signal handler"
        functions = _functions()
        for place, known in self._functions.items():
            if functions.get(place) is not known:
                return f"another {place[0]}.{place[1]}"
        if self._grown() > KEPT_MEMORY_MB:
            free()
            if (grown := self._grown()) > KEPT_MEMORY_MB:
                return f"{grown:.0f} MiB of memory"
        return ""

    def _grown(self) -> float:
        return held_mb(self._device) - self._memory


def _threads() -> set[threading.Thread]:
    """Return the threads, but for the one that wakes the compiler's progress bars."""
    return {thread for thread in threading.enumerate() if thread.name != "tqdm_monitor"}


def _source_files() -> dict[str, tuple[int, int]]:
    """Return time and size of the file of every imported module of ``bench`` that stays."""
    found: dict[str, tuple[int, int]] = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and name.startswith("bench.") and not holds_part(name):
            try:
                known = os.stat(file)
            except OSError:
                found[file] = (-1, -1)
                continue
            found[file] = (known.st_mtime_ns, known.st_size)
    return found


def _functions() -> dict[tuple[str, str], Any]:
    """Return the functions of the libraries that train, by place: a job may replace one."""
    return {
        (owner.__name__, name): _bare(value)
        for owner in _WATCHED
        for name, value in list(vars(owner).items())
        if callable(value) and not isinstance(value, ModuleType)
    }


_COMPILERS_WRAPPER = torch._disable_dynamo(len).__code__


def _bare(value: Any) -> Any:
    """Return a function without the wrapper that importing the compiler puts around it.

    To import the compiler beforehand would cost every worker as much as importing torch.
    """
    wrapped = isinstance(value, FunctionType) and value.__code__ is _COMPILERS_WRAPPER
    return value.__wrapped__ if wrapped else value


def _handlers() -> dict[int, Any]:
    return {number: signal.getsignal(number) for number in signal.valid_signals()}


def _children() -> list[str]:
    """Return the children of this process by number, where the system names them."""
    found: list[str] = []
    for file in Path("/proc/self/task").glob("*/children"):
        try:
            found += file.read_text(encoding="ascii").split()
        except OSError:  # the thread has ended
            continue
    return found
