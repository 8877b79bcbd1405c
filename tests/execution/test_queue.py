"""docs/cluster/start.py: a dask cluster through SLURM or PBS, followed as a new user would."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import bench

ROOT = Path(bench.__file__).parent.parent
START = ROOT / "docs" / "cluster" / "start.py"
SBATCH = """
    #!/bin/sh
    # stands in for SLURM's: keeps a copy of the script and runs it in the background
    cp "$1" "$QUEUE/script"
    sh "$QUEUE/script" > "$QUEUE/out" 2>&1 &
    echo $! > "$QUEUE/job"
    echo "Submitted batch job $!"
"""
SCANCEL = """
    #!/bin/sh
    echo "$@" >> "$QUEUE/cancelled"
    pkill -TERM -P "$1"
"""


def start(*arguments: str, **environment: str) -> subprocess.Popen:
    own = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment}
    command = [sys.executable, str(START), *arguments]
    return subprocess.Popen(command, env=own, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_the_scripts_ask_the_queue_for_what_was_given():
    given = ("--cores", "8", "--memory", "32GB", "--walltime", "12:00:00", "--queue", "gpu",
             "--line", "module load cuda", "--local-directory", "$TMPDIR", "--print")  # fmt: skip
    both = {system: start(system, *given) for system in ("slurm", "pbs")}
    told = {system: process.communicate(timeout=60)[0] for system, process in both.items()}
    for line in ("-p gpu", "-n 1", "--cpus-per-task=8", "--mem=30G", "-t 12:00:00"):
        assert f"#SBATCH {line}\n" in told["slurm"]
    for line in ("-q gpu", "-l select=1:ncpus=8:mem=30GB", "-l walltime=12:00:00"):
        assert f"#PBS {line}\n" in told["pbs"]
    for script in told.values():
        assert "\nmodule load cuda\n" in script
        assert "-m distributed.cli.dask_worker tcp://" in script
        assert "--nthreads 8 " in script
        assert "--no-nanny" in script
        assert "--local-directory $TMPDIR" in script


@pytest.mark.slow
def test_a_queue_runs_a_worker_and_that_a_cell(tmp_path):
    for name, script in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (tmp_path / name).write_text(textwrap.dedent(script).lstrip())
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    queue = start("slurm", "--local-directory", str(tmp_path / "node"), PATH=path,
                  QUEUE=str(tmp_path))  # fmt: skip
    try:
        assert queue.stdout is not None
        address = queue.stdout.readline().strip()
        assert address.startswith("tcp://")
        run = subprocess.run(
            [sys.executable, "-m", "bench", "run", "smoke", "--methods", "vanilla", "--datasets",
             "ring8", "--seeds", "1", "--backend", "dask", "--scheduler", address, "--device",
             "cpu", "--no-tracking", "--results", str(tmp_path / "results")],
            cwd=ROOT, capture_output=True, text=True,
        )  # fmt: skip
        assert run.returncode == 0, run.stderr + run.stdout
        assert "1 cell trained, 1 cell measured" in run.stdout
        assert run.stderr == ""
        assert any((tmp_path / "node").glob("*/worker-*"))
    finally:
        queue.send_signal(signal.SIGTERM)
        assert queue.wait(60) == 0
    job = (tmp_path / "job").read_text().strip()
    assert (tmp_path / "cancelled").read_text().split() == [job]
    deadline = time.monotonic() + 30
    while any((tmp_path / "node").glob("*/worker-*")):  # a worker removes its folder as it ends
        assert time.monotonic() < deadline
        time.sleep(0.1)
