"""docs/methods.md is what the methods' files say."""

import os
import subprocess
import sys
from pathlib import Path

import bench
from bench.registry import find_methods

ROOT = Path(bench.__file__).parent.parent


def test_the_page_is_what_the_command_prints():
    environment = {k: v for k, v in os.environ.items() if k != "BENCH_METHODS_DIR"}
    printed = subprocess.run(
        [sys.executable, "-m", "tests.baselines.methods"],
        cwd=ROOT,
        env=environment | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        timeout=60,
    )
    assert printed.returncode == 0, printed.stderr.decode()
    assert printed.stdout.decode() == (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")


def test_every_shipped_file_has_a_row():
    page = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
    files = {file.stem for file in (ROOT / "methods").glob("*.py")} - {"__init__"}
    assert files <= set(find_methods().methods)
    for name in files:
        assert f"\n| `{name}` | " in page or f"\n| **`{name}`** | " in page
