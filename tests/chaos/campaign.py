"""Kills real runs at random moments, again and again, and looks at what is left.

A campaign runs ``bench run`` of a small study as a process of its own until all cells are stored.
Some of the runs use a dask cluster of processes of their own. Meanwhile it kills: single workers,
wardens, dask's workers and scheduler, the command, politely and not. After every kill what was
stored before must be there, byte for byte, and every process must be gone once the command is; at
the end results must equal those of a run that nobody disturbed.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

STUDY = """
methods: [chaos_slow, {chaos_slow: {weight: 2.0}}, non_saturating]
seeds: [0, 1, 5]
evaluations: 4
save_every: 0.5
experiments:
  - dataset: {ring8: {evaluation_samples: 200}}
    architecture: {mlp: {generator_widths: [8], discriminator_widths: [8]}}
    training: {learning_rate: 0.001, betas: [0.5, 0.9], batch_size: 16}
    updates: 300
"""
METHOD = '''
"""A method that takes its time."""

import time
from dataclasses import dataclass

from bench.method import Method


@dataclass(frozen=True)
class Slow(Method):
    """Vanilla, slowly."""

    weight: float = 1.0

    def discriminator_loss(self, real_logits, fake_logits):
        time.sleep(0.02)
        return self.weight * super().discriminator_loss(real_logits, fake_logits)
'''
MARK = "BENCH_CHAOS"
WHERE = ("--jobs", "2")
ENDING_SECONDS = 120.0
"""Time for the command to end after its last kill; a minute of it may wait for dask workers."""
GONE_SECONDS = 5.0
"""Time in which every process has to be gone, once the command is."""
REAL_TIME = 40

WORKER, WARDEN, COMMAND = "worker_process.py", "warden.py", "command"
DASK_WORKER, SCHEDULER = "distributed.cli.dask_worker", "distributed.cli.dask_scheduler"
DASK_SHARE = 0.2
"""Part of the runs that use a dask cluster."""
KILLS: list[tuple[str, str, tuple[int, ...]]] = [
    ("SIGKILL of a worker", WORKER, (signal.SIGKILL,)),
    ("SIGTERM of a worker", WORKER, (signal.SIGTERM,)),
    ("a real-time signal to a worker", WORKER, (REAL_TIME,)),
    ("SIGKILL of a warden", WARDEN, (signal.SIGKILL,)),
    ("SIGKILL of the command", COMMAND, (signal.SIGKILL,)),
    ("SIGTERM of the command", COMMAND, (signal.SIGTERM,)),
    ("SIGHUP of the command", COMMAND, (signal.SIGHUP,)),
    ("Ctrl-C", COMMAND, (signal.SIGINT,)),
    ("Ctrl-C twice", COMMAND, (signal.SIGINT, signal.SIGINT)),
]
DASK_KILLS: list[tuple[str, str, tuple[int, ...]]] = [
    ("SIGKILL of a dask worker", DASK_WORKER, (signal.SIGKILL,)),
    ("SIGKILL of the dask scheduler", SCHEDULER, (signal.SIGKILL,)),
]
"""What is done, to whom, and by which signals."""


@dataclass
class Report:
    """What a campaign has found."""

    kills: Counter[str] = field(default_factory=Counter)
    seen: dict[str, str] = field(default_factory=dict)
    """The last line a user saw after a kill of each sort."""
    wrong: list[str] = field(default_factory=list)
    """What was lost, changed or left behind, one line each."""
    resumed: int = 0
    """Cells that went on from a savepoint."""
    runs: int = 0


def campaign(folder: Path, kills: int, seed: int) -> Report:
    """Disturb runs until so many kills have met a process; then let the last one end."""
    (folder / "methods").mkdir(parents=True)
    (folder / "methods" / "chaos_slow.py").write_text(METHOD)
    (folder / "study.yaml").write_text(STUDY)
    report, draw = Report(), random.Random(seed)
    whole = folder / "undisturbed"
    _finish(folder, whole, report)
    number = 0
    while report.kills.total() < kills:
        number += 1
        results = folder / f"results-{number}"
        # a study is done after few runs: another results folder then
        while report.kills.total() < kills and _unfinished(results, whole):
            _disturbed(folder, results, report, draw)
        _finish(folder, results, report)
        _compare(results, whole, report)
    return report


def _begun(
    folder: Path, results: Path, mark: str, *where: str, backend: str = "threads"
) -> subprocess.Popen[str]:
    command = ("run", str(folder / "study.yaml"), "--results", str(results), "--no-tracking")
    return subprocess.Popen(
        [sys.executable, "-m", "bench", *command, "--backend", backend, *(where or WHERE)],
        env=_environment(folder, mark),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _environment(folder: Path, mark: str) -> dict[str, str]:
    return {
        **os.environ, MARK: mark, "BENCH_METHODS_DIR": str(folder / "methods"),
        "OMP_NUM_THREADS": "1", "TMPDIR": str(_temporary(folder)),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }  # fmt: skip


@contextmanager
def _cluster(folder: Path, mark: str) -> Iterator[str]:
    """A dask scheduler and two dask workers, a process each; yields the scheduler's address."""
    file, own = folder / f"{mark}.json", folder / "dask"
    own.mkdir(exist_ok=True)
    host = ("--host", "127.0.0.1", "--no-dashboard")
    calls = [(SCHEDULER, *host, "--port", "0", "--scheduler-file", str(file))]
    calls += [(DASK_WORKER, *host, "--no-nanny", "--nthreads", "1", "--local-directory",
               str(own), "--scheduler-file", str(file))] * 2  # fmt: skip
    running = []
    try:
        for call in calls:
            running.append(
                subprocess.Popen(
                    [sys.executable, "-m", *call],
                    env=_environment(folder, mark) | {"TMPDIR": str(own)},
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )
            while not (file.is_file() and file.read_text().rstrip().endswith("}")):
                time.sleep(0.1)
        yield json.loads(file.read_text())["address"]
    finally:
        for process in running:
            process.kill()
            process.wait()


def _temporary(folder: Path) -> Path:
    own = folder / "tmp"
    own.mkdir(exist_ok=True)
    return own


def _disturbed(folder: Path, results: Path, report: Report, draw: random.Random) -> None:
    """Run once, killing workers a few times and then perhaps the command."""
    report.runs += 1
    mark = f"{folder.name}-{report.runs}"
    before = stored(results)
    with ExitStack() as stack:
        if draw.random() < DASK_SHARE:
            address = stack.enter_context(_cluster(folder, mark))
            run = _begun(folder, results, mark, "--scheduler", address, backend="dask")
            kills = KILLS + DASK_KILLS * 3
        else:
            run, kills = _begun(folder, results, mark), KILLS
        told = _kill_some(run, mark, kills, results, before, report, draw)
        try:
            output, _ = run.communicate(timeout=ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            report.wrong.append(f"after {told}: no end within {ENDING_SECONDS:g} s")
            run.kill()
            output, _ = run.communicate()
    killed = run.returncode == -signal.SIGKILL
    if lines := output.strip().splitlines():
        report.seen[told] = "nothing more" if killed else lines[-1]
    deadline = time.monotonic() + GONE_SECONDS
    while (left := list(marked(mark))) and time.monotonic() < deadline:
        time.sleep(0.1)
    if left:
        report.wrong.append(f"after {told} {len(left)} processes are left")
        for process in left:
            _send(process, signal.SIGKILL)
    _unchanged(before, results, f"after {told}", report)


def _kill_some(
    run: subprocess.Popen[str],
    mark: str,
    kills: list[tuple[str, str, tuple[int, ...]]],
    results: Path,
    before: dict[str, str],
    report: Report,
    draw: random.Random,
) -> str:
    """Kill a few processes of a run, and end it; return what was done last.

    ``before`` is extended by what is stored just before each.
    """
    # most kills are to meet training; some come while it starts
    early, begun = draw.random() < 0.2, time.time()
    while run.poll() is None and not _trains(results, begun):
        if early and _one_of(run.pid, WORKER, mark, random.Random(0)) is not None:
            break
        time.sleep(0.1)
    for _ in range(draw.randint(1, 4)):
        time.sleep(draw.uniform(0.2, 5.0))
        what, whom, signals = draw.choice(kills)
        if whom == COMMAND and not before and draw.random() < 0.5:
            continue  # some kills of the command come early, not all of them
        target = _one_of(run.pid, whom, mark, draw)
        if target is None or run.poll() is not None:
            continue
        before |= stored(results)
        for signal_number in signals:
            _send(target, signal_number)
            time.sleep(0.1)
        report.kills[what] += 1
        if whom in (COMMAND, SCHEDULER):
            return what
    what = "SIGTERM of the command"
    before |= stored(results)
    if run.poll() is None:
        _send(run.pid, signal.SIGTERM)
        report.kills[what] += 1
    return what


def _trains(results: Path, since: float) -> bool:
    """Tell whether a job has come so far; files of an earlier run's may be there."""
    for file in results.glob("cache/jobs/**/progress.json"):
        with suppress(OSError):
            if file.stat().st_mtime > since:
                return True
    return False


def _finish(folder: Path, results: Path, report: Report) -> None:
    """Let runs go to their end; three tries, as a kill's cells are tried again."""
    before = stored(results)
    for _ in range(3):
        run = _begun(folder, results, f"{folder.name}-end")
        output, _ = run.communicate(timeout=600)
        if run.returncode == 0:
            break
    else:
        report.wrong.append(f"the study does not end: {output.strip().splitlines()[-1:]}")
    _unchanged(before, results, "after the last run", report)
    scratch = [*results.glob("cells/.*"), *results.glob("cache/jobs/*")]
    scratch += results.glob("cache/savepoints/*")
    scratch += _temporary(folder).glob("[!g]*")
    scratch += _temporary(folder).glob("gan-stability-bench-*/*")
    if scratch:
        report.wrong.append(f"left behind: {', '.join(str(each) for each in scratch)}")


def _unfinished(results: Path, whole: Path) -> bool:
    return len(stored(results)) < len(stored(whole))


def stored(results: Path) -> dict[str, str]:
    """The finished records by key, each with a hash of all that training has left."""
    from bench.records.record import TRANSIENT, load

    found = {}
    for folder in results.glob("cells/[!.]*"):
        try:
            record = load(folder)
        except (OSError, ValueError, KeyError):
            found[folder.name] = "it cannot be read"
            continue
        if record.status not in TRANSIENT:
            told = hashlib.sha256(repr(record.data["result"]).encode())
            for name, about in sorted(record.data["files"].items()):
                told.update(f"{name} {about}".encode())
                told.update((folder / name).read_bytes())
            found[folder.name] = told.hexdigest()
    return found


def _unchanged(before: dict[str, str], results: Path, when: str, report: Report) -> None:
    after = stored(results)
    for key, known in before.items():
        if after.get(key) != known:
            how = "is gone" if key not in after else "was changed"
            report.wrong.append(f"{when} record {key} {how}")


def _compare(results: Path, whole: Path, report: Report) -> None:
    from bench.records.record import load

    if stored(results) != stored(whole):
        report.wrong.append("results differ from those of an undisturbed run")
    records = [load(folder) for folder in results.glob("cells/[!.]*")]
    report.resumed += sum("resumed" in record.data["run"] for record in records)


def _one_of(command: int, whom: str, mark: str, draw: random.Random) -> int | None:
    """One of the processes whose command line begins by a script or module, or the command."""
    if whom == COMMAND:
        return command
    found = []
    for process in marked(mark):
        line = _read(process, "cmdline").split("\0")
        # a warden's command line goes on with its worker's
        if any(part.endswith(whom) for part in line[1 : 2 if whom == WORKER else 4]):
            found.append(process)
    return draw.choice(sorted(found)) if found else None


def marked(mark: str) -> Iterator[int]:
    """Live processes of a run, however far they have moved away from it."""
    for folder in Path("/proc").glob("[0-9]*"):
        if f"{MARK}={mark}" in _read(int(folder.name), "environ").split("\0"):
            state = _read(int(folder.name), "stat").rpartition(")")[2].split()
            if state and state[0] != "Z":
                yield int(folder.name)


def _read(process: int, name: str) -> str:
    try:
        return Path(f"/proc/{process}/{name}").read_text(errors="replace")
    except OSError:  # it has ended
        return ""


def _send(process: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, number)
