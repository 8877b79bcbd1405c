"""Files are there whole or not at all."""

import pytest

from bench.whole import whole, write_whole


@pytest.mark.parametrize("durable", [False, True])
def test_a_file_is_replaced_whole(tmp_path, durable):
    file = tmp_path / "a.json"
    write_whole(file, "old\r\n", durable=durable)
    with whole(file, durable=durable) as scratch:
        scratch.write_text("new")
        assert file.read_bytes() == b"old\r\n"
        assert scratch.suffix == ".json"
    assert file.read_text() == "new"
    assert list(tmp_path.iterdir()) == [file]


def test_what_fails_changes_nothing(tmp_path):
    file = tmp_path / "a.json"
    write_whole(file, "old")

    def stopped() -> None:
        with whole(file) as scratch:
            scratch.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]
    with pytest.raises(NotADirectoryError):
        write_whole(file / "below", "text")
