"""Jobs on a dask cluster: real scheduler and worker processes, and what becomes of both."""

import io
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import distributed
import pytest
from rich.console import Console

import bench
from bench.errors import BenchError
from bench.execution import backend, cluster
from bench.execution.backend import Backend
from bench.execution.jobs import Job
from bench.execution.members import Member, Package
from bench.execution.progress import Progress
from bench.execution.remote import Answer, hashes, versions
from bench.execution.scheduler import make_jobs, make_measure_jobs
from bench.measuring.keys import Keys
from bench.records.cell import Component
from bench.records.store import Store
from bench.registry import make_dataset, make_metric

ROOT = Path(bench.__file__).parent.parent
METRICS = tuple(
    Component(m.name, m.hyperparameters(), m.name) for m in map(make_metric, ("modes", "gradients"))
)
SLOW = """
import os, time
from dataclasses import dataclass
from pathlib import Path
from bench.method import Method

@dataclass(frozen=True)
class Slow(Method):
    def discriminator_loss(self, real_logits, fake_logits):
        Path({file!r}).write_text(f"{{os.getpid()}} {{os.getppid()}}")
        time.sleep(1000)
"""


OWN = """
from dataclasses import dataclass
from bench.method import Method
from methods.vanilla import Vanilla
from methods._helper_of_own import SCALE

@dataclass(frozen=True)
class Own(Vanilla):
    pass
"""


def python(*arguments: object, **environment: str) -> subprocess.Popen:
    """A Python process that imports this package and nothing of the user's."""
    own = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1", **environment}
    own.pop("BENCH_METHODS_DIR", None)
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        env=own,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def until(condition, seconds: float = 60.0):
    """The first true value that a function returns."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it has not come to be"
        time.sleep(0.05)
    return found


@contextmanager
def started(*arguments: object, **environment: str):
    process = python("-m", *arguments, **environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    """A scheduler, and its address."""
    file = tmp_path_factory.mktemp("scheduler") / "scheduler.json"
    arguments = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", file)
    with started("distributed.cli.dask_scheduler", *arguments) as process:
        until(file.is_file)
        yield process, until(lambda: address_in(file))


def address_in(file: Path) -> str:
    text = file.read_text()
    return text.partition('"address": "')[2].partition('"')[0]


@pytest.fixture
def worker(scheduler, tmp_path):
    """Starts a dask worker of one thread, without a nanny."""
    running = []

    def start(**environment: str) -> subprocess.Popen:
        arguments = ("--no-nanny", "--nthreads", "1", "--no-dashboard", "--local-directory")
        running.append(
            python("-m", "distributed.cli.dask_worker", scheduler[1], *arguments, tmp_path,
                   **environment)
        )  # fmt: skip
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.wait()


def wait_for_both(scheduler) -> None:
    with distributed.Client(scheduler[1], set_as_default=False) as client:
        client.wait_for_workers(2, 60)


class Run:
    """Has cells trained and measured on a cluster, as the coordinator does."""

    def __init__(self, tmp_path: Path, scheduler: str = ""):
        self.store, self.cache = Store(tmp_path / "results"), tmp_path / "results" / "cache"
        self.said = io.StringIO()
        self.console = Console(file=self.said, width=1000)
        self.where = Backend.of("dask", scheduler, "cpu", None if scheduler else 1, 1)

    @contextmanager
    def begun(self, jobs: list[Job]):
        progress = None
        with self.where.opened(self.cache, self.console) as crew:
            progress = Progress(jobs, crew.size, self.console)
            with closing(crew.run(jobs, progress, self.take)) as finished:
                yield finished

    def __call__(self, jobs: list[Job]):
        with self.store.writing(), self.begun(jobs) as finished:
            return [row for rows in finished for row in rows]

    def take(self, rows):
        trained = [self.store.put(r.data, r.files) for r in rows if r.measurements is None]
        for row in rows:
            if row.measurements:
                self.store.measured(row.data["key"], row.measurements)
        asked = []
        for record in trained:
            cell = replace(record.cell, metrics=METRICS)
            dataset = make_dataset("ring8", cell.dataset.hyperparameters)
            asked.append((record, cell, [w.key for w in Keys().wanted(cell, dataset)]))
        ok = [each for each in asked if each[0].status == "ok"]
        return make_measure_jobs(ok, self.cache, 120, 1)


@pytest.fixture
def slow(methods_folder):
    """The name of a method that never ends, and says which processes it runs in."""
    (methods_folder / "slow.py").write_text(SLOW.format(file=str(methods_folder / "running")))
    return "slow"


def running(folder: Path) -> tuple[int, int]:
    """Processes of the slow method: its own, and the one that started its warden."""
    file = folder / "running"
    found = until(lambda: file.is_file() and file.read_text().split())
    file.unlink()
    return int(found[0]), parent_of(int(found[1]))


def parent_of(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def answer(**changes) -> Answer:
    """A worker like this machine, with four processors and no GPU."""
    own = Answer("w", "host", {}, {}, frozenset(range(4)), 4, None, "cache", False, ())
    return replace(own, **{"versions": versions(), "hashes": hashes(), **changes})


def test_a_worker_with_other_versions_or_code_is_told_by_its_difference(tmp_path):
    package = Package(tmp_path, tmp_path, "auto")
    assert package.objection(answer()) == ""
    other = answer(versions={**versions(), "torch": "1.0"})
    assert package.objection(other).startswith("it has torch 1.0, and this machine ")
    edited = answer(hashes={**hashes(), "bench/training/loop.py": "0", "bench/once.py": ""})
    told = package.objection(edited)
    assert told.startswith("its bench/once.py and 1 more files differ from this machine's")
    # a method that it lacks is sent; a shared module that it lacks is not
    assert package.objection(answer(hashes=without("methods/hinge.py"))) == ""
    assert package.objection(answer(hashes=without("bench/datasets/base.py")))
    assert "has no GPU" in Package(tmp_path, tmp_path, "cuda").objection(answer())
    assert Package(tmp_path, tmp_path, "cuda").objection(answer(gpu="GPU-1")) == ""


def without(name: str) -> dict[str, str]:
    return {file: value for file, value in hashes().items() if file != name}


def test_slots_share_the_processors_and_gpus_of_their_host(tmp_path):
    package = Package(tmp_path, tmp_path, "auto")
    one, two = (Member(f"tcp://{n}", 4, answer()) for n in (1, 2))
    apart = Member("tcp://3", 4, answer(processors=frozenset(range(4, 8))))
    elsewhere = Member("tcp://4", 4, answer(host="another"))
    few = Member("tcp://5", 4, answer(cores=1))
    assert package.slot(one, [one, elsewhere]).share == 1
    assert package.slot(one, [one, two]).share == 2
    assert package.slot(one, [one, apart]).share == 1
    assert package.slot(few, [few]).share == 4
    gpus = [Member(f"tcp://{gpu}", 2, answer(gpu=gpu)) for gpu in ("GPU-1", "GPU-2", "GPU-2")]
    slots = [package.slot(each, gpus) for each in gpus]
    assert [(s.device, s.visible, s.share) for s in slots] == [
        ("cuda", "GPU-1", 2), ("cuda", "GPU-2", 4), ("cuda", "GPU-2", 4),
    ]  # fmt: skip
    assert Package(tmp_path, tmp_path, "cpu").slot(gpus[0], gpus).device == "cpu"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("threads", "tcp://x:1", "auto", None, 1), "add --backend dask"),
        (("dask", "tcp://x:1", "cuda:1", None, 1), "give auto, cpu or cuda"),
        (("dask", "tcp://x:1", "auto", None, 2), "start it with `dask worker --nthreads N`"),
        (("dask", "tcp://x:1", "auto", 0, 1), "--jobs is 0"),
    ],
)
def test_options_that_do_not_go_together_are_refused(given, told):
    with pytest.raises(BenchError, match=told):
        Backend.of(*given)


@pytest.mark.slow
def test_a_scheduler_or_a_worker_that_is_not_there_is_told(
    scheduler, make_cell, tmp_path, monkeypatch
):
    monkeypatch.setattr(backend, "CONNECT_SECONDS", 0.5)
    monkeypatch.setattr(cluster, "WORKER_SECONDS", 1.0)
    jobs = [Job([make_cell()], tmp_path / "cache", 60)]
    with pytest.raises(BenchError, match="no dask scheduler answers at 'tcp://127"):
        Run(tmp_path, "tcp://127.0.0.1:1")(jobs)
    with pytest.raises(BenchError, match=r"has answered within 1 s; start one with `dask worker"):
        Run(tmp_path, scheduler[1])(jobs)


@pytest.mark.slow
def test_workers_need_no_shared_folders_and_refused_ones_get_nothing(
    scheduler, worker, make_cell, methods_folder, tmp_path, monkeypatch
):
    other = tmp_path / "other"
    for package in ("bench", "methods"):
        shutil.copytree(ROOT / package, other / package)
    text = (ROOT / "bench" / "errors.py").read_text()
    (other / "bench" / "errors.py").write_text(text + "\nMORE = 1\n")
    # no worker finds the folder by which the results folder is recognised
    monkeypatch.setattr(backend, "_visible", lambda _: nullcontext(Path("nowhere")))
    (methods_folder / "_helper_of_own.py").write_text("SCALE = 2\n")
    (methods_folder / "own.py").write_text(OWN)
    worker()
    worker(PYTHONPATH=str(other))
    wait_for_both(scheduler)
    run = Run(tmp_path, scheduler[1])
    cells = [make_cell("own", seed) for seed in (0, 1)]
    rows = run(make_jobs(cells, run.cache, 60, 1))
    assert len(rows) == 4
    assert "is not used: its bench/errors.py differ" in run.said.getvalue()
    for cell in cells:
        record = run.store.records[cell.key]
        assert record.status == "ok", record.reason
        assert {each.metric for each in record.known.values()} == {"modes", "gradients"}
        assert len(record.networks) == 3
        assert record.checkpoint(20)
    assert not (run.cache / "jobs").exists()  # all of it was done elsewhere


@pytest.mark.slow
def test_a_job_outlives_its_workers_until_it_has_cost_too_many(
    scheduler, worker, slow, make_cell, tmp_path, monkeypatch
):
    monkeypatch.setattr(cluster, "LOSSES", 2)
    workers = [worker(), worker()]
    wait_for_both(scheduler)
    run = Run(tmp_path, scheduler[1])
    with run.store.writing(), run.begun([Job([make_cell(slow)], run.cache, 600)]) as finished:
        rows: list = []
        thread = threading.Thread(target=lambda: rows.extend(finished))
        thread.start()
        killed = []
        for _ in workers:
            process, parent = running(tmp_path)
            os.kill(parent, signal.SIGKILL)
            until(lambda at=process: not alive(at), 10)
            killed.append(parent)
        thread.join(60)
        assert not thread.is_alive()
    assert sorted(killed) == sorted(each.pid for each in workers)
    ((row,),) = rows
    assert row.data["status"] == "crashed"
    assert row.data["reason"] == "2 dask workers died while they had this job"


@pytest.mark.slow
def test_an_interruption_and_a_lost_scheduler_end_what_runs(
    scheduler, worker, slow, make_cell, tmp_path
):
    dask_worker = worker()
    run = Run(tmp_path, scheduler[1])
    jobs = [Job([make_cell(slow)], run.cache, 600)]
    # as the command line has it: an exception out of a signal's handler
    signal.signal(signal.SIGUSR1, interrupt)
    ended = once_running(tmp_path, lambda: os.kill(os.getpid(), signal.SIGUSR1))
    with pytest.raises(Interrupted):
        run(jobs)
    until(lambda: not alive(ended[0]), 10)
    assert dask_worker.poll() is None
    ended = once_running(tmp_path, scheduler[0].kill)
    with pytest.raises(BenchError, match="is gone; what finished is stored, run again to go on"):
        run(jobs)
    until(lambda: not alive(ended[0]), 10)
    until(lambda: dask_worker.poll() is not None)


@pytest.mark.slow
def test_without_a_scheduler_a_cluster_is_started_here(make_cell, tmp_path):
    run = Run(tmp_path)
    with run.store.writing(), run.begun([Job([make_cell()], run.cache, 60)]) as finished:
        (rows,) = finished
    assert [row.measurements is None for row in rows] == [True, False]
    (record,) = run.store.records.values()
    assert (record.status, record.data["run"]["device_shared"]) == ("ok", 1)
    assert record.known
    # it saw the results folder, used its cache, and left nothing there
    assert list((run.cache / "jobs").iterdir()) == []
    assert list(run.cache.glob("floor-ring8-*.json"))


class Interrupted(BaseException):
    pass


def interrupt(*_):
    raise Interrupted


def once_running(folder: Path, act) -> list[int]:
    """Act as soon as the slow method runs; the list gets its process."""
    found: list[int] = []

    def wait():
        found.extend(running(folder))
        act()

    threading.Thread(target=wait, daemon=True).start()
    return found
