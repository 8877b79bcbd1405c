"""Odd surroundings of a command: encodings, outputs that are closed or full, other people's git."""

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bench.doctor import examine
from bench.execution.commit import commit_of

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
COMMAND = [sys.executable, "-m", "bench"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "environment"),
    [("list", ASCII), ("doctor", {"PYTHONIOENCODING": "ascii"})],
)
def test_letters_that_a_terminal_lacks_are_replaced(command, environment, tmp_path):
    done = subprocess.run(
        [*COMMAND, command], env={**os.environ, **environment}, cwd=tmp_path, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    assert b"?" in done.stdout
    assert done.stdout.isascii()


def shell(folder: Path, redirected: str) -> subprocess.CompletedProcess[str]:
    command = f"{sys.executable} -m bench status --results {folder} {redirected}"
    return subprocess.run(command, shell=True, capture_output=True, text=True, cwd=folder)


def test_a_closed_output_is_nothing_to_fail_of(tmp_path):
    assert shell(tmp_path, ">&- 2>&-").returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is full")
def test_an_output_that_is_full_is_told_in_one_line(tmp_path):
    done = shell(tmp_path, ">/dev/full")
    assert (done.returncode, done.stderr) == (2, "bench: [Errno 28] No space left on device\n")


def test_on_windows_one_line_says_what_to_do():
    code = (
        "import sys; sys.platform = 'win32'; sys.modules['fcntl'] = None\n"
        "from bench.__main__ import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("bench: Windows lacks what this package rests on")
    assert done.stderr.count("\n") == 1


def finding(what: str, results: Path):
    (found,) = (each for each in examine(results) if each.what == what)
    return found


def test_the_doctor_says_whether_a_server_of_mlflow_answers(tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://user:secret@127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        assert finding("MLflow", tmp_path).problem == ""
    told = finding("MLflow", tmp_path).problem
    assert told.startswith("nobody answers at http://")
    assert "secret" not in told


def test_the_doctor_tries_locks_and_the_temporary_folder(tmp_path, monkeypatch):
    assert finding("locks", tmp_path / "not" / "yet").found == "work"
    assert "GiB free" in finding("temporary", tmp_path).found

    def unknown(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", unknown)
    assert "cannot lock files (No locks available)" in finding("locks", tmp_path).problem


def test_a_commit_is_that_of_the_code_and_not_of_a_project_around_it(tmp_path):
    def git(*command: str) -> None:
        told = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.org")
        subprocess.run(["git", "-C", tmp_path, *told, *command], check=True, capture_output=True)

    own, other = tmp_path / "own.py", tmp_path / ".venv" / "other.py"
    other.parent.mkdir()
    for file in (own, other):
        file.write_text("x = 1\n")
    git("init")
    git("add", "own.py")
    git("commit", "-m", "own")
    commit = commit_of(tmp_path, "own.py")
    assert commit is not None
    assert len(commit.name) == 12
    assert commit.told(["seed", "source own.py"]) == {"commit": commit.name}
    assert commit_of(tmp_path, ".venv/other.py") is None
    assert commit_of(tmp_path, "nowhere.py") is None
    # a new method, which git was not told of yet
    own_and_new = ["source new.py", "source own.py"]
    changed = f"{commit.name}+changes"
    assert commit.told(own_and_new) == {"commit": changed, "uncommitted": ["new.py"]}
    own.write_text("x = 2\n")
    commit = commit_of(tmp_path, "own.py")
    assert commit.told(["seed"]) == {"commit": changed}
    assert commit.told(own_and_new)["uncommitted"] == ["new.py", "own.py"]
