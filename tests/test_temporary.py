"""What a command's processes leave in the temporary folder is gone after it, or after the next."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.temporary import own_folder, shared_folder


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The system's temporary folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_children_write_to_a_folder_that_is_removed(temporary):
    with own_folder():
        code = "import tempfile; print(tempfile.mkdtemp())"
        made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
        assert Path(made.strip()).is_dir()
        assert Path(made.strip()).parent == Path(os.environ["TMPDIR"])
        assert tempfile.gettempdir() == str(temporary)
    assert list(shared_folder().iterdir()) == []
    assert os.environ["TMPDIR"] == str(temporary)


def test_the_next_command_removes_what_a_killed_one_left_but_not_what_is_in_use(temporary):
    code = (
        "import os\nfrom bench.temporary import own_folder\n"
        "with own_folder():\n    open(os.environ['TMPDIR'] + '/left', 'w').close()\n"
        "    os.kill(os.getpid(), 9)"
    )
    with own_folder():
        ours = Path(os.environ["TMPDIR"])
        subprocess.run([sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(temporary)})
        assert len(list(shared_folder().glob("run-*/left"))) == 1
        with own_folder():
            assert ours.is_dir()
            assert not list(shared_folder().glob("run-*/left"))
    assert list(shared_folder().iterdir()) == []


def test_where_none_can_be_made_nothing_changes(temporary):
    (temporary / f"gan-stability-bench-{os.getuid()}").symlink_to(temporary)
    with own_folder():
        assert os.environ["TMPDIR"] == str(temporary)
    with pytest.raises(BenchError, match="is not yours; set TMPDIR to a folder of your own"):
        shared_folder()
