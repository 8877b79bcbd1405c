"""Runs job after job in a process of its own: ``worker_process.py DEVICE ANSWERS PARENT``.

Standard input names one job folder per line, as JSON. The answers are single bytes on the file
descriptor ``ANSWERS``: ``BEGUN`` when a job is taken, then ``DONE``, or ``LAST`` if this process is
not to be given another one. Whatever is printed while a job runs, also by C code, goes to the
job's ``output.txt``. A job that fails in any manner is its worker's last.

The file is run by its path in Python's safe-path mode, so that no module of the folder where the
command was called is imported in place of another.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

if __name__ == "__main__":
    # the package that this file belongs to: after the standard library, before other packages
    _library = os.path.dirname(os.__file__)
    _standard = (_library, os.path.join(_library, "lib-dynload"))
    _places = [place for place, entry in enumerate(sys.path) if entry in _standard]
    sys.path.insert(max(_places, default=-1) + 1, str(Path(__file__).resolve().parents[2]))

import torch

from bench.combination import SIGN
from bench.execution.leftovers import Baseline
from bench.execution.memory import limit_memory
from bench.execution.prepared import KEPT
from bench.execution.stopping import STOPPING
from bench.execution.worker import run_job, settle
from bench.registry import find

BEGUN, DONE, LAST = b"b", b"d", b"l"


def main(device: torch.device, answers: int, parent: int) -> None:
    """Train the jobs that standard input names, until it ends or a job was the last."""
    _end_with(parent)
    STOPPING.listen()
    os.set_inheritable(answers, False)
    jobs = _private_input()
    limit_memory(device)
    settle(device)
    _try_out(device)
    gc.collect()
    gc.freeze()  # imported objects stay: collections between jobs need not traverse them
    baseline = Baseline(device)
    for line in jobs:
        folder = Path(json.loads(line))
        _print_to(str(folder / "output.txt"))
        if changed := baseline.changed_files():
            print(f"{changed[0]} was changed since this worker started", file=sys.stderr)
            return
        _read_nothing()
        baseline.restore()
        settle(device)
        os.write(answers, BEGUN)
        last = not run_job(folder, device) or _of_a_package(folder)
        settle(device)
        last = last or bool(baseline.left(KEPT.clear))
        _print_to(os.devnull)
        os.write(answers, LAST if last else DONE)
        if last:
            return


def _private_input() -> BinaryIO:
    """Take standard input away from all other code: it would read the next jobs."""
    jobs = open(os.dup(0), "rb", buffering=0)  # noqa: SIM115 - open as long as the process lives
    _read_nothing()
    return jobs


def _read_nothing() -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    if nothing != 0:  # it is if a job has closed its input
        os.dup2(nothing, 0)
        os.close(nothing)


def _print_to(file: str) -> None:
    """Direct standard output and error to the end of a file, for Python and for C code."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # a job may have closed it
            stream.flush()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).fflush(None)
    target = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number in (1, 2):
        os.dup2(target, number)
    os.close(target)
    # a job may have replaced them, too; these do not close the descriptors when they go
    sys.stdout, sys.stderr = (
        open(number, "w", 1, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
        for number in (1, 2)
    )


def _try_out(device: torch.device) -> None:
    """Compute something, so that a GPU that cannot be used costs no job.

    It loads cuBLAS and cuDNN, too, whose memory is then not taken for what a job left behind.
    """
    if device.type != "cpu":
        image = torch.ones((1, 1, 8, 8), device=device, requires_grad=True)
        product = image @ image
        torch.nn.functional.conv2d(
            product, torch.ones((1, 1, 3, 3), device=device)
        ).sum().backward()
        torch.cuda.synchronize(device)


def _of_a_package(folder: Path) -> bool:
    """Tell whether a part is an installed package's, whose modules are not imported anew."""
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    cell = job["cells"][0]
    parts = [(kind, cell[kind]) for kind in ("method", "dataset", "architecture")]
    parts += [("metric", metric) for metric in cell["metrics"] if "records" in job]
    return any(
        name in find(kind).packages for kind, part in parts for name in part["name"].split(SIGN)
    )


def _end_with(parent: int) -> None:
    """Leave when the process that started us is gone, however it went."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    main(torch.device(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
