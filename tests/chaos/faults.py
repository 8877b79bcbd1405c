"""Faults that really happen to one run: by methods, by the surroundings, by damaged files."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.campaign import MARK, marked

METHOD = """
import ctypes, os, subprocess, sys, time
from dataclasses import dataclass
import torch
from bench.method import Method

_seen = []

@dataclass(frozen=True)
class Mine(Method):
    def discriminator_loss(self, real_logits, fake_logits):
        _seen.append(1)
        if len(_seen) > 60:  # after it has been tried out
            {fault}
        return super().discriminator_loss(real_logits, fake_logits)
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
        (methods / f"{name}.py").write_text(METHOD.format(fault=FAULTS[name]))
    study = folder / "study.yaml"
    study.write_text(STUDY.format(methods=", ".join(names)))
    run = _bench(folder, str(study), results, methods)
    seen = _records(results)
    met = []
    for name in names:
        status, reason = seen.get(name, ("no record", run.stderr[-300:]))
        lost = [] if status == STATUS[name] else [f"{name} is {status}, not {STATUS[name]}"]
        met.append(Met(f"a method that {name.replace('_', ' ')}", f"{status}: {reason}", lost))
    if seen.get("vanilla", ("", ""))[0] != "ok":
        met[0].lost.append("the sound method beside it was lost")
    if left := list(marked(folder.name)):
        met[0].lost.append(f"{len(left)} processes are left")
    return met


def of_surroundings(folder: Path) -> list[Met]:
    """Run a sound method where something is missing, full or odd."""
    study = folder / "study.yaml"
    folder.mkdir(parents=True)
    study.write_text(STUDY.replace(", {methods}", "").format())
    met = []
    for fault, change in {
        "TMPDIR that is absent": {"TMPDIR": str(folder / "none")},
        "no HOME": {"HOME": None},
        "a HOME that is absent": {"HOME": str(folder / "nowhere")},
    }.items():
        results = folder / f"results-{len(met)}"
        run = _bench(folder, str(study), results, None, change)
        met.append(_sound(fault, run))
    with _full(folder / "full") as room:
        if room is None:
            met.append(Met("a full disk", "not tried: a file system cannot be mounted here"))
        else:
            run = _bench(folder, str(study), room / "results", None)
            told = (run.stderr.strip() or run.stdout.strip()).splitlines()[-1:]
            lost = [] if run.returncode and "Traceback" not in run.stderr else ["a traceback"]
            (room / "ballast").unlink()
            again = _bench(folder, str(study), room / "results", None)
            met.append(Met("a full disk", " ".join(told), lost + _sound("", again).lost))
    return met


def of_files(results: Path) -> list[Met]:
    """Cut every sort of a record's files at every 64th byte: it is noticed, and nothing raises."""
    from bench.records.store import Store

    met = []
    folder = next(results.glob("cells/[!.]*"))
    for name in ("record.json", "series.npz", "samples.npz", "measurements.json"):
        whole, lost, seen = (folder / name).read_bytes(), [], ""
        for length in range(0, len(whole), 64):
            copy = results.parent / "cut"
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(folder, copy / "cells" / folder.name)
            (copy / "cells" / folder.name / name).write_bytes(whole[:length])
            store = Store(copy)
            try:
                record = store.get(folder.name)
                if name in ("series.npz", "samples.npz") and record is not None:
                    record.series() if name == "series.npz" else record.samples()
            except Exception as error:
                told = f"{type(error).__name__}: {error}"
                if not str(error).count("damaged"):
                    lost.append(f"{name} cut at {length}: {told}")
                seen = told
                continue
            if not store.set_aside:
                lost.append(f"{name} cut at {length} was not noticed")
            seen = store.set_aside[0] if store.set_aside else seen
        count = len(range(0, len(whole), 64))
        met.append(Met(f"{name} cut at every 64th byte ({count} places)", seen, lost[:3]))
    return met


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
    environment = {
        **os.environ, "OMP_NUM_THREADS": "1", MARK: folder.name,
        "BENCH_METHODS_DIR": str(methods or ""), **(change or {}),
    }  # fmt: skip
    command = ("run", study, "--results", str(results), "--no-tracking", "--jobs", "2")
    return subprocess.run(
        [sys.executable, "-m", "bench", *command],
        env={name: value for name, value in environment.items() if value is not None},
        preexec_fn=_limit_memory,
        capture_output=True,
        text=True,
        timeout=600,
    )


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
