"""Calls the command line in a process apart, and says what a user should not have seen."""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.inputs import SOUND, Call

SECONDS = 120.0
"""Time for one command."""
LONGEST = 40_000
"""Characters that a command may print."""
MOST_UPDATES = 100
"""Updates of all cells together beyond which a sound study is not trained here."""
CODES = {0, 1, 2}
IMPORTED = ("bench.cli", "bench.execution.coordinator", "bench.report", "bench.tuning.tune",
            "bench.check", "bench.tracking", "pandas", "matplotlib.pyplot", "seaborn", "sklearn",
            "bench.deciding", "jinja2", "mlflow")  # fmt: skip


def prepare(folder: Path) -> None:
    """Train the sound study into ``folder / results``, and import here what commands import."""
    (folder / "study.yaml").write_bytes(SOUND)
    command = (sys.executable, "-m", "bench", "run", "study.yaml", "--no-tracking")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    for module in IMPORTED:
        importlib.import_module(module)


def complaints(call: Call, prepared: Path, folder: Path) -> tuple[int, list[str]]:
    """Run one command in a folder with a study file and a copy of the prepared results.

    Returns:
        Its exit code, and what is wrong: a traceback, no end, too much output, files elsewhere.
    """
    inside = folder / "here"
    inside.mkdir()
    shutil.copytree(prepared / "results", inside / "results")
    (inside / "study.yaml").write_bytes(call.study)
    output = folder / "output.txt"
    process = os.fork()
    if process == 0:
        _child(call, inside, output)
    code = _ended(process)
    told = output.read_text(encoding="utf-8", errors="replace")
    wrong = []
    if code is None:
        wrong.append(f"no end within {SECONDS:g} s")
    elif code not in CODES:
        wrong.append(f"exit code {code}")
    if "Traceback" in told or "\n  File " in told:
        wrong.append(told[-1500:])
    if len(told) > LONGEST:
        wrong.append(f"{len(told)} characters of output")
    if others := sorted(p.name for p in folder.iterdir() if p not in (inside, output)):
        wrong.append(f"files beside the folder: {others}")
    return -1 if code is None else code, wrong


def _child(call: Call, inside: Path, output: Path) -> None:
    try:
        os.setsid()
        target = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, descriptor in enumerate((nothing, target, target)):
            os.dup2(descriptor, number)
        sys.stdout, sys.stderr = (
            open(number, "w", encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
            for number in (1, 2)
        )
        os.chdir(inside)
        os.environ |= {"PYTHONPATH": str(Path(__file__).parents[2]), **call.environment}
        tempfile.tempdir = None
        sys.argv = ["bench", *call.arguments]
        _train_little()
        from bench.cli import main

        try:
            main()
            code = 0
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else 0 if left.code is None else 1
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 99
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _train_little() -> None:
    """Refuse to train a sound study that is not small."""
    from bench.errors import BenchError
    from bench.execution.coordinator import _Work

    do = _Work.do

    def little(work: _Work, *given: object) -> None:
        updates = sum(cell.updates for cell in work.to_train.values())
        if updates > MOST_UPDATES:
            raise BenchError(f"{updates} updates are too many here")
        do(work, *given)  # type: ignore[arg-type]

    _Work.do = little  # type: ignore[method-assign,assignment]


def _ended(process: int) -> int | None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return None
