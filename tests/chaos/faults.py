"""Faults that really happen to one run: by its methods, its surroundings, a killed compiler."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.execution.apart import LIMIT
from tests.chaos.campaign import MARK, marked

ROOT = Path(__file__).parents[2]
METHOD = """
import ctypes, os, subprocess, sys, time
from dataclasses import dataclass
import torch
from bench.method import Method

_seen = []
{imported}

@dataclass(frozen=True)
class Mine(Method):
    def discriminator_loss(self, real_logits, fake_logits):
        _seen.append(1)
        if len(_seen) > 60:  # after it has been tried out
            {fault}
        return super().discriminator_loss(real_logits, fake_logits)

    def optimizers(self, *given):
        {optimizers}
        return super().optimizers(*given)
"""
FAULTS = {
    "raises": "raise ValueError('the idea')",
    "hangs": "time.sleep(1000)",
    "exits": "os._exit(0)",
    "segfaults": "ctypes.string_at(0)",
    "allocates": "_seen.append(bytearray(2**28))",
    "prints": "sys.stdout.write('x' * 2**24)",
    "not_a_number": "return super().discriminator_loss(real_logits, fake_logits) * float('nan')",
    "forks": "subprocess.Popen(['sleep', '1000'], start_new_session=True)",
    "stops_itself": "os.kill(os.getpid(), 19)",
}
"""What a method does, in its training, by its name."""
BEFORE = {
    "hangs": "time.sleep(1000)",
    "exits": "os._exit(0)",
    "forks_and_hangs": "os.fork() or os.setsid(); time.sleep(1000)",
}
"""What a method does before it trains: where it is imported, or asked for its optimisers."""
SAID = {"not_a_number": "gives a loss that is no number", "stops_itself": "stops itself"}
STATUS = {
    "raises": "crashed", "hangs": "timed_out", "exits": "crashed", "segfaults": "crashed",
    "allocates": "out_of_memory", "prints": "ok", "not_a_number": "diverged", "forks": "ok",
    "stops_itself": "timed_out",
}  # fmt: skip
STUDY = """
methods: [vanilla, {methods}]
seeds: 1
evaluations: 2
time_limit: 25
experiments:
  - dataset: {{ring8: {{evaluation_samples: 200}}}}
    architecture: {{mlp: {{generator_widths: [8], discriminator_widths: [8]}}}}
    training: {{learning_rate: 0.001, betas: [0.5, 0.9], batch_size: 16}}
    updates: 100
"""
CLOCK = """
import itertools, time
real, calls = time.time, itertools.count()
time.time = lambda: real() - 3600 * (next(calls) // 50)
"""
"""A clock that goes back by an hour every fifty times that it is looked at."""
MEMORY = 4 * 2**30
"""Bytes that each process may allocate: the fault is to meet a limit, not the machine's end."""


@dataclass
class Met:
    """A fault, what the user saw of it, and what was lost."""

    fault: str
    seen: str
    lost: list[str] = field(default_factory=list)


def of_methods(folder: Path, names: list[str]) -> list[Met]:
    """Run methods with faults beside a sound one, which must not suffer."""
    methods, results = folder / "methods", folder / "results"
    methods.mkdir(parents=True)
    for name in names:
        _write(methods / f"{name}.py", fault=FAULTS[name])
    study = folder / "study.yaml"
    study.write_text(STUDY.format(methods=", ".join(names)))
    run = _bench(folder, str(study), results, methods)
    seen = _records(results)
    met = []
    for name in names:
        status, reason = seen.get(name, ("no record", run.stderr[-300:]))
        lost = [] if status == STATUS[name] else [f"{name} is {status}, not {STATUS[name]}"]
        met.append(
            Met(
                f"a method that {SAID.get(name, name)}",
                f"{status}: {reason}".removesuffix(": "),
                lost,
            )
        )
    if seen.get("vanilla", ("", ""))[0] != "ok":
        met[0].lost.append("the sound method beside it was lost")
    if left := list(marked(folder.name)):
        met[0].lost.append(f"{len(left)} processes are left")
    return met


def of_methods_before_training(folder: Path) -> list[Met]:
    """Run methods that never come to train: nothing does, and one line says which and why."""
    met = []
    for place, where in (("imported", "at import"), ("optimizers", "in its optimisers")):
        for name, fault in BEFORE.items():
            own = folder / f"{name}_{place}"
            methods = own / "methods"
            methods.mkdir(parents=True)
            _write(methods / f"{name}.py", **{place: fault})
            (own / "study.yaml").write_text(STUDY.format(methods=name))
            run = _bench(own, str(own / "study.yaml"), own / "results", methods)
            lost = [] if run.returncode == 2 else [f"{name} {where} ends with {run.returncode}"]
            lost += [] if run.stderr.count("\n") == 1 else [f"{name} {where}: more than a line"]
            lost += [f"{name} {where} leaves a process" for _ in marked(own.name)]
            met.append(Met(f"a method that {name.replace('_', ' ')} {where}", run.stderr, lost))
    return met


def of_surroundings(folder: Path) -> list[Met]:
    """Run a sound method where something is missing, full or odd."""
    study = folder / "study.yaml"
    folder.mkdir(parents=True)
    study.write_text(STUDY.replace(", {methods}", "").format())
    clock = folder / "clock"
    clock.mkdir()
    (clock / "sitecustomize.py").write_text(CLOCK)
    changes: dict[str, dict[str, str | None]] = {
        "TMPDIR that is absent": {"TMPDIR": str(folder / "none")},
        "no HOME": {"HOME": None},
        "a HOME that is absent": {"HOME": str(folder / "nowhere")},
        "a clock that is set back again and again": {"PYTHONPATH": f"{clock}:{ROOT}"},
    }
    met = []
    for fault, change in changes.items():
        run = _bench(folder, str(study), folder / f"results-{len(met)}", None, change)
        met.append(_sound(fault, run))
    with _full(folder / "full") as room:
        if room is None:
            met.append(Met("a full disk", "not tried: a file system cannot be mounted here"))
            return met
        inside = {"TMPDIR": str(room)}
        run = _bench(folder, str(study), folder / "results-full", None, inside)
        met.append(_sound("TMPDIR that is full", run))
        run = _bench(folder, str(study), room / "results", None)
        met.append(_refused("a full disk", run))
        (room / "ballast").unlink()
        again = _bench(folder, str(study), room / "results", None)
        met[-1].lost += _sound("", again).lost
    return met


def of_compiling(folder: Path) -> Met:
    """Kill a run whose worker compiles: the next command removes what the compiler left."""
    folder.mkdir(parents=True)
    (folder / "study.yaml").write_text(
        STUDY.replace(", {methods}", "").format().replace("updates: 100", "updates: 2500")
    )
    temporary = folder / "tmp"
    temporary.mkdir()
    change: dict[str, str | None] = {"TMPDIR": str(temporary)}
    command = _command(str(folder / "study.yaml"), folder / "results")
    run = subprocess.Popen(
        command, env=environment_of(folder, None, change), stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 200
    while not list(temporary.glob("*/*/*.s")) and time.monotonic() < deadline:
        time.sleep(0.01)
    met = Met("SIGKILL while a round is compiled", "")
    if run.poll() is not None or time.monotonic() > deadline:
        met.lost.append("no compiler was met")
    run.kill()
    run.wait()
    left = len(list(temporary.glob("*/run-*/*")))
    status = (sys.executable, "-m", "bench", "status", "--results", str(folder / "results"))
    subprocess.run(status, env=environment_of(folder, None, change), capture_output=True)
    met.seen = f"{left} files of a compiler's are there until the next command"
    met.lost += [f"left behind: {file}" for file in temporary.glob("*/run-*")]
    return met


def _write(file: Path, fault: str = "pass", imported: str = "", optimizers: str = "pass") -> None:
    file.write_text(METHOD.format(fault=fault, imported=imported, optimizers=optimizers))


def _refused(fault: str, run: subprocess.CompletedProcess[str]) -> Met:
    """A run that is to end with one line, and without a traceback."""
    told = (run.stderr.strip() or run.stdout.strip()).splitlines()[-1:]
    if run.returncode and "Traceback" not in run.stderr:
        return Met(fault, " ".join(told))
    return Met(fault, " ".join(told), [f"{fault}: {run.returncode}, {run.stderr[-300:]}"])


def _sound(fault: str, run: subprocess.CompletedProcess[str]) -> Met:
    told = (run.stdout.strip() or run.stderr.strip()).splitlines()[-1:]
    lost = [] if run.returncode == 0 else [f"it ended with {run.returncode}: {run.stderr[-200:]}"]
    return Met(fault, " ".join(told), lost)


def _records(results: Path) -> dict[str, tuple[str, str]]:
    from bench.records.record import load

    records = [load(folder) for folder in results.glob("cells/[!.]*")]
    return {each.cell.method.name: (each.status, each.reason) for each in records}


def _bench(
    folder: Path,
    study: str,
    results: Path,
    methods: Path | None,
    change: dict[str, str | None] | None = None,
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _command(study, results),
        env=environment_of(folder, methods, change or {}),
        preexec_fn=_limit_memory,
        capture_output=True,
        text=True,
        timeout=600,
    )


def _command(study: str, results: Path) -> list[str]:
    where = ("--results", str(results), "--no-tracking", "--jobs", "2")
    return [sys.executable, "-m", "bench", "run", study, *where]


def environment_of(
    folder: Path, methods: Path | None, change: dict[str, str | None]
) -> dict[str, str]:
    own = {
        **os.environ, "OMP_NUM_THREADS": "1", MARK: folder.name, "PYTHONPATH": str(ROOT),
        "BENCH_METHODS_DIR": str(methods or ""), LIMIT: "10", **change,
    }  # fmt: skip
    return {name: value for name, value in own.items() if value is not None}


def _limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))


@contextmanager
def _full(folder: Path) -> Iterator[Path | None]:
    """Yield a full file system, whose ``ballast`` can be thrown off; None without rights."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        yield None
        return
    try:
        with open(folder / "ballast", "wb") as ballast:
            ballast.write(bytes(32 * 2**20 - 64 * 2**10))
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], capture_output=True)
