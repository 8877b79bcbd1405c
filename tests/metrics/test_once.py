"""Cached files: computed once however many ask, made anew when damaged."""

import multiprocessing
import os
import time
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.once import once


def read(file: Path) -> str | None:
    text = file.read_text()
    return text if text.startswith("sound") else None


def write(file: Path) -> None:
    file.write_text("sound")


def fail(_: Path) -> None:
    pytest.fail("made again")


def test_the_second_call_loads_what_the_first_has_made(tmp_path):
    file = tmp_path / "cache" / "value.txt"
    assert once(file, read, write) == "sound"
    assert once(file, read, fail) == "sound"


@pytest.mark.parametrize("content", ["", "broken", b"\xff\xfe\x00"])
def test_a_damaged_file_is_made_anew(tmp_path, content):
    file = tmp_path / "value.txt"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert once(file, read, write) == "sound"
    assert file.read_text() == "sound"


def test_a_value_that_is_false_is_a_value(tmp_path):
    assert once(tmp_path / "a", lambda _: 0, write) == 0
    assert once(tmp_path / "a", lambda _: 0, fail) == 0


def test_what_make_raises_is_passed_on_and_leaves_nothing_half_written(tmp_path):
    def half(file: Path) -> None:
        file.write_text("sou")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        once(tmp_path / "value.txt", read, half)
    assert [file.name for file in tmp_path.iterdir()] == ["value.txt.lock"]
    assert once(tmp_path / "value.txt", read, write) == "sound"


def test_a_make_that_writes_what_cannot_be_loaded_is_told(tmp_path):
    with pytest.raises(RuntimeError, match="just been written"):
        once(tmp_path / "value.txt", lambda _: None, write)


def _ask(file: Path, together, answers) -> None:
    def slowly(scratch: Path) -> None:
        time.sleep(0.5)
        scratch.write_text(f"sound {os.getpid()}")

    together.wait(30)
    answers.put(once(file, read, slowly))


def test_processes_that_ask_together_compute_once(tmp_path):
    context = multiprocessing.get_context("fork")
    together, answers = context.Barrier(4), context.Queue()
    file = tmp_path / "value.txt"
    asking = [context.Process(target=_ask, args=(file, together, answers)) for _ in range(4)]
    for process in asking:
        process.start()
    assert len({answers.get(timeout=60) for _ in asking}) == 1
    for process in asking:
        process.join(60)
    assert {f.name for f in tmp_path.iterdir()} == {"value.txt", "value.txt.lock"}


def _begin(file: Path) -> None:
    def killed(scratch: Path) -> None:
        scratch.write_text("sou")
        os._exit(9)

    once(file, read, killed)


def test_a_process_that_dies_holds_nobody_up(tmp_path):
    process = multiprocessing.get_context("fork").Process(target=_begin, args=(tmp_path / "v",))
    process.start()
    process.join(60)
    assert process.exitcode == 9
    assert once(tmp_path / "v", read, write) == "sound"


@pytest.fixture
def locked_folder(tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    yield folder
    folder.chmod(0o700)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_told_with_a_way_out(locked_folder):
    with pytest.raises(BenchError, match=r"locked.*--results"):
        once(locked_folder / "value.txt", read, write)


def test_a_folder_that_cannot_be_is_told_with_a_way_out(tmp_path):
    (tmp_path / "results").write_text("a file, where the folder should be")
    with pytest.raises(BenchError, match=r"results/cache' .*another results folder with --results"):
        once(tmp_path / "results" / "cache" / "value.txt", read, write)


def test_a_disk_that_runs_full_is_told_with_a_way_out(tmp_path):
    def full(_: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(BenchError, match=r"No space left on device.*--results"):
        once(tmp_path / "value.txt", read, full)


def test_a_source_that_cannot_be_read_is_not_blamed_on_the_cache(tmp_path):
    with pytest.raises(FileNotFoundError):
        once(tmp_path / "value.txt", read, lambda _: (tmp_path / "absent").open().close())
