"""What a user's files do at import or in a check costs that file, and never the command."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.execution.apart import LIMIT, Lost, apart

METHOD = """
import os, sys, time
{imported}
from dataclasses import dataclass
from bench.method import Method

@dataclass(frozen=True)
class Mine(Method):
    def discriminator_loss(self, real_logits, fake_logits):
        {update}
        return super().discriminator_loss(real_logits, fake_logits)
"""
FILES = {
    "fine": ("", "pass"),
    "hangs": ("time.sleep(1000)", "pass"),
    "quits": ("os._exit(0)", "pass"),
    "interrupts": ("raise KeyboardInterrupt", "pass"),
    "dies": ("os.kill(os.getpid(), 40)", "pass"),
    "starts": (
        "import subprocess\n"
        "CHILD = subprocess.Popen(['sleep', '1000'], start_new_session=True).pid\n"
        "open(__file__ + '.pid', 'a').write(f'{CHILD} ')",
        "pass",
    ),
}


def bench(folder: Path, *command: str, check: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "bench", *command],
        env={**os.environ, "BENCH_METHODS_DIR": str(folder), LIMIT: "10", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == check, done.stderr
    return done


def test_it_returns_what_the_function_does_or_says_why_not():
    assert apart(lambda: [1, "two"]) == [1, "two"]

    def refuses():
        raise BenchError("it does not fit")

    with pytest.raises(BenchError, match=r"^it does not fit$"):
        apart(refuses)
    with pytest.raises(BenchError, match="it raises KeyError: 'one'"):
        apart(lambda: {}["one"])
    with pytest.raises(Lost, match="with exit code 0"):
        apart(lambda: os._exit(0))
    with pytest.raises(Lost, match="by signal 40"):
        apart(lambda: os.kill(os.getpid(), 40))


def test_of_several_it_names_the_one_that_ended_it_and_gives_each_its_time(monkeypatch):
    monkeypatch.setenv(LIMIT, "1")
    assert apart(*[lambda: time.sleep(0.6)] * 3, lambda: "last") == "last"
    with pytest.raises(Lost) as lost:
        apart(lambda: None, lambda: os._exit(3), lambda: None)
    assert (str(lost.value), lost.value.place) == ("ends the process with exit code 3", 1)


def test_it_ends_what_hangs_and_what_that_started(monkeypatch, tmp_path):
    monkeypatch.setenv(LIMIT, "1")

    def hangs():
        child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
        (tmp_path / "child").write_text(str(child.pid))
        child.wait()

    with pytest.raises(Lost, match="takes longer than 1 s"):
        apart(hangs)
    assert not Path(f"/proc/{(tmp_path / 'child').read_text()}").exists()


@pytest.mark.slow
def test_files_that_hang_or_end_at_import_are_refused_by_name(tmp_path):
    for name, (imported, update) in FILES.items():
        (tmp_path / f"{name}.py").write_text(METHOD.format(imported=imported, update=update))
    told = " ".join(bench(tmp_path, "list").stdout.split())
    assert "fine" in told
    for name, why in {
        "hangs": "takes longer than 10 s",
        "quits": "ends the process with exit code 0",
        "dies": "ends the process by signal 40",
    }.items():
        assert f"{name} cannot be used: importing it {why}" in told
    assert "interrupts cannot be used: KeyboardInterrupt" in told
    begun = (tmp_path / "starts.py.pid").read_text().split()
    assert len(begun) >= 2  # where it is tried, and where it is used
    assert [child for child in begun if Path(f"/proc/{child}").exists()] == []


@pytest.mark.slow
def test_a_method_that_ends_the_process_in_its_first_update_is_named(tmp_path):
    (tmp_path / "quits.py").write_text(METHOD.format(imported="", update="os._exit(0)"))
    results = str(tmp_path / "results")
    command = ("run", "smoke", "--methods", "quits", "--results", results, "--no-tracking")
    done = bench(tmp_path, *command, check=2)
    assert done.stderr.strip() == (
        "bench: method quits: checking it ends the process with exit code 0; nothing was trained"
    )
    told = " ".join(bench(tmp_path, "check", "quits", check=1).stdout.split())
    assert "✓ Its hyperparameters can be written down and read back." in told
    assert "✗ it ends the process with exit code 0 fails: Losses are averaged" in told
