"""Real worker processes, and what comes back from those that go wrong."""

import io
import json
import os
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from bench.execution.devices import Slot
from bench.execution.jobs import Job
from bench.execution.progress import Progress
from bench.execution.scheduler import make_jobs, run_jobs
from bench.execution.supervisor import Place, Workers
from bench.records.store import Store
from bench.registry import find, make_architecture, make_dataset, make_method
from bench.training.loop import Training, train

pytestmark = pytest.mark.slow

BODIES = {
    "healthy": "import sys; sys.stderr.write('something\\n')",
    "raises": "raise ValueError('the idea\\nis wrong')",
    "leaves": "import os; os._exit(3)",
    "is_killed": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "by_signal_40": "import os; os.kill(os.getpid(), 40)",
    "reads_input": "input()",
    "hangs": "import time; time.sleep(1000)",
    "no_memory": "raise MemoryError('64 GiB wanted')",
    "wrong_shape": "return real_logits.mean() + fake_logits.mean()",
    "not_finite": "return real_logits.mean(1) / 0 * 0",
}

FAILURES = {
    "raises": ("crashed", "ValueError: the idea"),
    "leaves": ("crashed", "the worker ended with exit code 3"),
    "is_killed": ("killed", "ended by SIGKILL; the system may have run out of memory"),
    "by_signal_40": ("crashed", "the worker was ended by signal 40"),
    "reads_input": ("crashed", "EOFError"),
    "hangs": ("timed_out", "stopped after the time limit of 12 s"),
    "no_memory": ("out_of_memory", "64 GiB wanted"),
    "wrong_shape": ("crashed", "discriminator_loss returned () where one loss per member"),
    "not_finite": ("diverged", "discriminator's loss is not finite after 1 discriminator updates"),
}


@pytest.fixture(scope="module")
def methods_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("methods")
    for name, body in BODIES.items():
        (folder / f"{name}.py").write_text(
            textwrap.dedent(f"""
            from dataclasses import dataclass
            from bench.method import Method

            @dataclass(frozen=True)
            class Mine(Method):
                def discriminator_loss(self, real_logits, fake_logits):
                    {body}
                    return super().discriminator_loss(real_logits, fake_logits)
            """)
        )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_METHODS_DIR", str(folder))
        find.cache_clear()
        yield folder
    find.cache_clear()


@pytest.fixture(scope="module")
def cells(methods_folder, make_cell):
    names = [file.stem for file in methods_folder.glob("*.py")]
    return {name: [make_cell(name, seed) for seed in (0, 1)] for name in names}


@pytest.fixture(scope="module")
def rows(cells, tmp_path_factory):
    """Every method's rows, by method and seed, from one run over three slots."""
    every = [cell for both in cells.values() for cell in both]
    jobs = make_jobs(every, tmp_path_factory.mktemp("cache"), 120, workers=3)
    # on a busy machine the import of torch alone may take seconds
    jobs = [
        Job(job.cells, job.cache, 12) if job.cells[0].method.name == "hangs" else job
        for job in jobs
    ]
    progress = Progress(jobs, 3, Console(file=io.StringIO()))

    def taking(rows):
        # files of networks are gone with their job's folder: the store has them
        for row in rows:
            moved = {n: f for n, f in row.files.items() if isinstance(f, Path)}
            row.files.update({n: f.read_bytes() for n, f in moved.items()})
        return []

    back = [row for part in run_jobs([Slot("cpu")] * 3, jobs, progress, taking) for row in part]
    assert len(back) == len(every)
    return {(row.data["cell"]["method"]["name"], row.data["cell"]["seed"]): row for row in back}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_is_a_row_with_its_status_and_reason(rows, cells, name):
    status, reason = FAILURES[name]
    for cell in cells[name]:
        data = rows[name, cell.seed].data
        assert data["status"] == status
        assert reason in data["reason"]
        assert "\n" not in data["reason"]
        assert data["key"] == cell.key


@pytest.mark.parametrize("name", BODIES)
def test_every_row_can_be_stored_and_read_back(rows, cells, name, tmp_path):
    store = Store(tmp_path)
    with store.writing():
        for seed in (0, 1):
            store.put(rows[name, seed].data, rows[name, seed].files)
    for cell in cells[name]:
        assert store.get(cell.key).status == rows[name, cell.seed].data["status"]
    assert store.set_aside == []


def test_a_healthy_job_beside_them_gives_what_training_in_this_process_gives(rows, cells, tmp_path):
    first = cells["healthy"][0]
    training = Training(
        make_method("healthy"),
        make_dataset("ring8", first.dataset.hyperparameters),
        make_architecture("mlp", first.architecture.hyperparameters),
        first.training,
        first.updates,
        first.evaluations,
    )
    store = Store(tmp_path)
    store.cells.mkdir()
    for outcome in train(training, [0, 1], torch.device("cpu")):
        row = rows["healthy", outcome.seed]
        record = store.put(row.data, row.files)
        assert (record.status, record.reason) == ("ok", "")
        assert record.checkpoints == outcome.checkpoints
        assert set(record.networks) == {point["update"] for point in outcome.checkpoints}
        assert record.data["result"]["cost"] == outcome.cost
        for series, values in outcome.series.items():
            np.testing.assert_array_equal(record.series()[series], values)
        np.testing.assert_array_equal(record.samples()["samples"], np.stack(outcome.samples))
        assert record.data["run"]["device"] == "cpu"


def test_a_crash_keeps_the_last_words_of_the_worker(rows):
    assert 'raises.py", line' in rows["raises", 0].data["output"]
    assert "the idea" in rows["raises", 0].data["output"]


def test_stopping_kills_what_runs_and_lets_nothing_start(cells, tmp_path):
    workers, back = Workers(), []
    job = Job(cells["hangs"], tmp_path, 600)
    thread = threading.Thread(
        target=lambda: Place(Slot("cpu"), workers).work(job, lambda _: None, back.extend)
    )
    thread.start()
    deadline = time.monotonic() + 20
    while not workers._live and time.monotonic() < deadline:
        time.sleep(0.05)
    (worker,) = workers._live
    workers.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert worker.process.returncode is not None
    Place(Slot("cpu"), workers).work(job, lambda _: None, back.extend)
    assert back == []


ORPHAN = """
import json, os, sys
from pathlib import Path
from bench.execution.devices import Slot
from bench.execution.jobs import Job
from bench.execution.supervisor import Workers, _describe
from bench.records.cell import Cell

folder = Path(sys.argv[1])
cell = Cell.from_json(json.loads(sys.argv[2]))
_describe(folder, Job([cell], folder, 600))
worker = Workers().start(Slot("cpu"), folder / "output.txt")
assert worker.begin(folder)
print(worker.process.pid, flush=True)
os._exit(1)
"""


def test_a_worker_ends_with_the_process_that_started_it(cells, tmp_path):
    text = json.dumps(cells["hangs"][0].to_json())
    starter = subprocess.run(
        [sys.executable, "-c", ORPHAN, str(tmp_path), text], capture_output=True, text=True
    )
    worker = int(starter.stdout)
    deadline = time.monotonic() + 30
    while _alive(worker) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not _alive(worker)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/stat")
    # one that ended and that nobody has waited for yet is a zombie
    return not status.exists() or status.read_text().rsplit(")", 1)[1].split()[0] != "Z"
