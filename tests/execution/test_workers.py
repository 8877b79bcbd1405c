"""Worker processes that train several jobs: what one job may cost or change of the next ones."""

import io
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from rich.console import Console

import bench
from bench.execution.devices import Slot
from bench.execution.jobs import Job, MeasureJob, Row
from bench.execution.progress import Progress
from bench.execution.scheduler import make_jobs, run_jobs
from bench.execution.supervisor import Place, SlotFailed, Workers
from bench.measuring.keys import Keys
from bench.records.cell import Cell, Component
from bench.records.sources import sources_of
from bench.records.store import Store
from bench.registry import find, make_architecture, make_dataset, make_method, make_metric
from bench.training.configuration import TrainingConfiguration

pytestmark = pytest.mark.slow

ROOT = Path(bench.__file__).parent.parent
BODIES = {
    "plain": "pass",
    "draws": "fake_logits = fake_logits + 0.01 * torch.randn(()) + 0.01 * np.random.randn()",
    "meddles": """
        _seen.append(1)
        if len(_seen) == 21:  # the last update, after a trial round: earlier, it would harm itself
            import torch._dynamo  # as compiling does; it wraps torch.manual_seed
            torch.set_default_dtype(torch.float64)
            torch.manual_seed(5), np.random.seed(5), random.seed(5)
            torch.set_num_threads(2)
            torch.use_deterministic_algorithms(True)
            torch.set_flush_denormal(False)
            torch.set_float32_matmul_precision("medium")
            torch.backends.fp32_precision = "tf32"
            np.seterr(all="ignore")
            os.environ["PYTHONHASHSEED"] = "1"
            os.chdir("/")
            sys.path.insert(0, "/")
            sys.stdout = sys.stderr = None
            os.closerange(0, 1)
            open(os.environ["MEDDLED"], "a").write("x")
    """,
    "counts": "_seen.append(1); fake_logits = fake_logits * len(_seen)",
    "says": "os.system('echo from a child of says'); print('says'); raise ValueError('says')",
    "whispers": "os.write(1, b'from whispers'); raise ValueError('whispers')",
    "leaves_a_thread": "threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()",
    "leaves_a_child": "subprocess.Popen(['sleep', '1000'])",
    "leaves_a_handler": "signal.signal(signal.SIGUSR1, lambda *_: None)",
    "leaves_memory": "_seen.append(torch.ones(int(2e7))); sys._kept = _seen",
    "replaces": "torch.nn.functional.relu = lambda x, inplace=False: 2 * x",
}
METRICS = tuple(
    Component(m.name, m.hyperparameters(), m.name) for m in map(make_metric, ("modes", "gradients"))
)
LEAVES = [name for name in BODIES if name.startswith("leaves_")] + ["replaces"]


def write_method(folder: Path, name: str, body: str) -> None:
    lines = textwrap.indent(textwrap.dedent(body).strip(), " " * 8)
    (folder / f"{name}.py").write_text(
        "import os, random, signal, subprocess, sys, threading, time\n"
        "from dataclasses import dataclass\n"
        "import numpy as np\nimport torch\nfrom bench.method import Method\n\n_seen = []\n\n"
        "@dataclass(frozen=True)\nclass Mine(Method):\n"
        "    def discriminator_loss(self, real_logits, fake_logits):\n"
        f"{lines}\n        return super().discriminator_loss(real_logits, fake_logits)\n"
    )


@pytest.fixture
def own_methods(methods_folder):
    for name, body in BODIES.items():
        write_method(methods_folder, name, body)
    return methods_folder


@pytest.fixture
def workers():
    workers = Workers()
    yield workers
    workers.stop()


def with_content(rows: list[Row]) -> list[Row]:
    """Rows with the content of files that are gone with their job's folder."""
    for row in rows:
        moved = {n: f for n, f in row.files.items() if isinstance(f, Path)}
        row.files.update({n: f.read_bytes() for n, f in moved.items()})
    return rows


def done(place: Place, job: Job) -> list[Row]:
    """The rows of a job."""
    rows: list[Row] = []
    place.work(job, lambda _: None, lambda found: rows.extend(with_content(found)))
    return rows


@pytest.fixture
def train(make_cell, tmp_path):
    """Trains a method's two cells on a place, and checks that they are as they should be."""

    def train(place: Place, method: str, status: str = "ok", cells: list[Cell] | None = None):
        cells = cells or [make_cell(method, seed) for seed in (0, 1)]
        rows = done(place, Job(cells, tmp_path / "cache", 120))
        assert [row.data["status"] for row in rows] == [status] * len(cells), rows[0].data["reason"]
        return rows

    return train


def kept(rows):
    """The parts of rows that have to be equal whatever worker trained them."""
    return [(row.data["result"], row.data["reason"], row.files) for row in rows]


def process_of(place: Place) -> int | None:
    return place._worker.process.pid if place._worker else None


@pytest.mark.usefixtures("own_methods")
def test_a_record_does_not_depend_on_what_its_worker_trained_before(
    workers, train, tmp_path, monkeypatch
):
    meddled = tmp_path / "meddled"
    monkeypatch.setenv("MEDDLED", str(meddled))
    fresh = {
        name: kept(train(Place(Slot("cpu"), workers), name))
        for name in ("plain", "draws", "counts")
    }
    place = Place(Slot("cpu"), workers)
    first = train(place, "meddles")
    process = process_of(place)
    for name in ("draws", "counts", "counts", "meddles", "plain", "draws"):
        rows = train(place, name)
        assert process_of(place) == process, name
        if name in fresh:
            assert kept(rows) == fresh[name], name
        else:
            assert kept(rows) == kept(first)
    assert meddled.read_text() == "xx"


def image_cell(seed: int) -> Cell:
    parts = (
        make_method("vanilla"),
        make_dataset("mnist5k", {"evaluation_samples": 100}),
        make_architecture(
            "dcgan", {"generator_widths": [8, 8, 8], "discriminator_widths": [8, 8, 8]}
        ),
    )
    components = [Component(part.name, part.hyperparameters()) for part in parts]
    return Cell(*components, TrainingConfiguration(batch_size=16), seed, 3, 1, sources_of(*parts))


def test_images_prepared_for_an_earlier_job_give_the_same_record(workers, train):
    fresh = [kept(train(Place(Slot("cpu"), workers), "", cells=[image_cell(s)])) for s in (0, 1)]
    place = Place(Slot("cpu"), workers)
    for seed in (1, 0, 1):
        assert kept(train(place, "", cells=[image_cell(seed)])) == fresh[seed]


@pytest.mark.usefixtures("own_methods")
@pytest.mark.parametrize("name", LEAVES)
def test_a_job_that_leaves_something_behind_is_its_workers_last(workers, train, name):
    place = Place(Slot("cpu"), workers)
    train(place, "plain")
    assert process_of(place) is not None
    train(place, name)
    assert process_of(place) is None
    train(place, "plain")


@pytest.mark.usefixtures("own_methods")
def test_a_failure_costs_its_own_job_and_its_output_is_its_own(workers, train):
    place = Place(Slot("cpu"), workers)
    train(place, "plain")
    said = train(place, "says", "crashed")
    assert process_of(place) is None
    whispered = train(place, "whispers", "crashed")
    train(place, "plain")
    assert "from a child of says" in said[0].data["output"]
    assert "from whispers" in whispered[0].data["output"]
    assert "says" not in whispered[0].data["output"]


@pytest.mark.usefixtures("own_methods")
def test_a_worker_that_is_killed_between_two_jobs_costs_nothing(workers, train):
    place = Place(Slot("cpu"), workers)
    train(place, "plain")
    first = process_of(place)
    os.kill(first, signal.SIGKILL)
    train(place, "plain")
    assert process_of(place) not in (None, first)


def test_a_method_that_was_changed_between_two_jobs_is_imported_anew(own_methods, workers, train):
    place = Place(Slot("cpu"), workers)
    before = train(place, "plain")
    write_method(own_methods, "plain", "fake_logits = 2 * fake_logits")
    find.cache_clear()
    del sys.modules["methods.plain"]
    after = train(place, "plain")
    assert after[0].data["key"] != before[0].data["key"]
    assert after[0].files != before[0].files


@dataclass(frozen=True)
class BadSlot(Slot):
    """A slot whose workers end before they take a job."""

    def environment(self):
        return {**super().environment(), "PYTHONHOME": "/no/such/folder"}


def nothing_follows(_: list[Row]) -> list[Job]:
    return []


def trained_on(slots, make_cell, tmp_path):
    """Six cells in three jobs on these slots: cells, rows, and what the console was told."""
    cells = [make_cell(name, seed) for name in ("plain", "draws", "counts") for seed in (0, 1)]
    jobs = make_jobs(cells, tmp_path / "cache", 120, workers=2)
    told = io.StringIO()
    progress = Progress(jobs, 2, Console(file=told, width=300))
    rows = [row for part in run_jobs(slots, jobs, progress, nothing_follows) for row in part]
    return cells, rows, told.getvalue()


@pytest.mark.usefixtures("own_methods")
def test_a_slot_whose_workers_end_at_their_start_gives_its_jobs_to_the_others(make_cell, tmp_path):
    cells, rows, told = trained_on([BadSlot("cpu"), Slot("cpu")], make_cell, tmp_path)
    assert {row.data["key"] for row in rows} == {cell.key for cell in cells}
    assert {row.data["status"] for row in rows} == {"ok"}
    (line,) = told.splitlines()
    assert "a slot (cpu) is set aside" in line
    assert "1 left" in line


@pytest.mark.usefixtures("own_methods")
def test_without_any_usable_slot_every_cell_is_a_row_with_the_reason(make_cell, tmp_path):
    cells, rows, told = trained_on([BadSlot("cpu")] * 2, make_cell, tmp_path)
    assert sorted(row.data["key"] for row in rows) == sorted(cell.key for cell in cells)
    assert {row.data["status"] for row in rows} == {"crashed"}
    assert all("no worker could be started: " in row.data["reason"] for row in rows)
    assert len(told.splitlines()) == 2
    assert "none is left" in told.splitlines()[1]


@pytest.mark.usefixtures("own_methods")
def test_a_slot_fails_after_two_starts(workers, make_cell, tmp_path):
    with pytest.raises(SlotFailed):
        done(Place(BadSlot("cpu"), workers), Job([make_cell("plain")], tmp_path / "cache", 120))


@pytest.mark.usefixtures("own_methods")
def test_closing_a_run_leaves_no_worker_and_no_row_of_a_killed_one_behind(make_cell, tmp_path):
    cells = [make_cell(name, seed) for name in ("plain", "draws", "counts") for seed in (0, 1)]
    jobs = make_jobs(cells, tmp_path / "cache", 120, workers=2)
    progress = Progress(jobs, 2, Console(file=io.StringIO()))
    rows: list[Row] = []

    def take(found: list[Row]) -> list[Job]:
        rows.extend(found)
        return []

    running = run_jobs([Slot("cpu")] * 2, jobs, progress, take)
    next(running)
    assert children()
    running.close()
    deadline = time.monotonic() + 10
    while children() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not children()
    assert {row.data["status"] for row in rows} == {"ok"}
    assert list((tmp_path / "cache" / "jobs").iterdir()) == []


def children() -> list[str]:
    found = subprocess.run(
        ["pgrep", "-P", str(os.getpid()), "-f", "worker_process.py"], capture_output=True, text=True
    )
    return found.stdout.split()


def test_job_folders_lie_below_the_cache_and_the_next_run_removes_old_ones(tmp_path):
    old = tmp_path / "cache" / "jobs" / "bench-job-killed"
    old.mkdir(parents=True)
    (old / "job.json").write_text("{}")
    beside = tmp_path / "cache" / "data"
    beside.mkdir()
    with Store(tmp_path).writing():
        assert not old.exists()
    assert beside.exists()


FROM_ANOTHER_FOLDER = """
import sys
sys.path.insert(0, sys.argv[1])
import io, json
from pathlib import Path
from rich.console import Console
from bench.execution.devices import Slot
from bench.execution.jobs import Job
from bench.execution.supervisor import Place, Workers
from bench.records.cell import Cell

workers = Workers()
cell = Cell.from_json(json.loads(sys.argv[2]))
place = Place(Slot("cpu"), workers)
rows = []
place.work(Job([cell], Path("cache"), 120), lambda _: None, rows.extend)
(row,) = rows
command = Path(f"/proc/{place._worker.process.pid}/cmdline").read_text()
workers.stop()
print(row.data["status"], row.data["reason"], command.split(chr(0))[5])
"""


def test_modules_in_the_working_folder_are_not_imported_by_workers(make_cell, tmp_path):
    cell = json.dumps(make_cell().to_json())
    for name in ("random", "bench", "methods", "torch", "numpy"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong one')")
    environment = {**os.environ, "BENCH_METHODS_DIR": ""}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [sys.executable, "-P", "-c", FROM_ANOTHER_FOLDER, str(ROOT), cell],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    status, worker = done.stdout.split()
    assert status == "ok"
    assert Path(worker) == ROOT / "bench" / "execution" / "worker_process.py"


def test_a_worker_trains_and_then_measures_what_it_has_trained(workers, make_cell, tmp_path):
    cells = [replace(make_cell(seed=seed), metrics=METRICS) for seed in (0, 1)]
    store, place = Store(tmp_path / "results"), Place(Slot("cpu", share=2), workers)
    with store.writing():
        job = Job(cells, tmp_path / "cache", 120)
        place.work(job, lambda _: None, lambda rows: [store.put(r.data, r.files) for r in rows])
        process = process_of(place)
        dataset = make_dataset("ring8", cells[0].dataset.hyperparameters)
        keys = {cell.key: [w.key for w in Keys().wanted(cell, dataset)] for cell in cells}
        folders = {key: record.folder for key, record in store.records.items()}
        rows = done(place, MeasureJob(cells, tmp_path / "cache", 120, folders, keys))
    assert process_of(place) == process
    assert [row.data["key"] for row in rows] == [cell.key for cell in cells]
    for row in rows:
        assert [each.key for each in row.measurements] == keys[row.data["key"]]
        assert [each.metric for each in row.measurements] == ["modes", "gradients"]
        assert row.measurements[0].floor["modes_1"] == 8
        assert row.measurements[0].measured["device"] == "cpu"
        assert row.measurements[0].measured["device_shared"] == 2
    assert {r.data["run"]["device_shared"] for r in store.records.values()} == {2}


def test_measurements_that_the_code_no_longer_knows_are_told(workers, make_cell, tmp_path):
    cell = replace(make_cell(), metrics=METRICS)
    job = MeasureJob([cell], tmp_path / "cache", 120, {cell.key: tmp_path}, {cell.key: ["old"]})
    (row,) = done(Place(Slot("cpu"), workers), job)
    assert row.measurements == []
    assert "the code that measures was changed after this had been planned" in row.data["reason"]
