"""The Makefile passes on the variables that it knows, and refuses others."""

import os
import subprocess
from pathlib import Path

import pytest

import bench

ROOT = Path(bench.__file__).parent.parent


def make(*typed: str) -> subprocess.CompletedProcess:
    """Print what a target would run, from a shell that is not under make itself."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MF"))}
    command = ["make", "--dry-run", *typed]
    return subprocess.run(command, cwd=ROOT, env=own, capture_output=True, text=True)


def test_variables_become_options():
    done = make("bench", "STUDY=smoke", "METHODS=hinge,r1", "SHELL=/bin/sh")
    assert done.returncode == 0, done.stderr
    assert "bench run 'smoke' --results 'results' --methods 'hinge,r1'" in done.stdout


@pytest.mark.parametrize("target", ["bench", "help"])
def test_a_misspelt_variable_is_refused_before_anything_runs(target):
    done = make(target, "STDY=smoke")
    assert done.returncode == 2
    assert not done.stdout
    (told,) = done.stderr.splitlines()
    assert "there is no variable STDY; there are: STUDY METHODS" in told
