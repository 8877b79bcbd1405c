"""Inception on images in memory: pytorch-fid's numbers, and only from weights one may trust."""

import hashlib
import os
import re
import socket
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from random_inception import random_images, save_images, save_random_weights

from bench.errors import BenchError
from bench.measuring import inception
from bench.measuring.frechet import frechet_distance
from bench.measuring.inception import (
    PUBLISHED,
    SHA256_VARIABLE,
    UNAVAILABLE,
    WEIGHTS_NAME,
    WEIGHTS_VARIABLE,
    Inception,
    download_weights,
    find_weights,
    load_inception,
    provide_weights,
)

CPU = torch.device("cpu")


def _published_file() -> Path | None:
    """Found before the tests hide it from themselves."""
    try:
        return find_weights()
    except BenchError:
        return None


PUBLISHED_FILE = _published_file()


@pytest.fixture(scope="module")
def torch_home(tmp_path_factory) -> Path:
    """A TORCH_HOME whose cache holds a random network under the name of the published one."""
    home = tmp_path_factory.mktemp("torch")
    checkpoints = home / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    save_random_weights(checkpoints / WEIGHTS_NAME)
    return home


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    monkeypatch.delenv(SHA256_VARIABLE, raising=False)


@pytest.fixture
def weights(torch_home, monkeypatch) -> Path:
    """The random network's file, found in the cache and vouched for."""
    monkeypatch.setenv("TORCH_HOME", str(torch_home))
    file = torch_home / "hub" / "checkpoints" / WEIGHTS_NAME
    vouch(monkeypatch, file)
    return file


def vouch(monkeypatch, file: Path) -> None:
    monkeypatch.setenv(SHA256_VARIABLE, hash_of(file)[:8])


def hash_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def one_line(error: pytest.ExceptionInfo) -> str:
    message = str(error.value)
    assert "\n" not in message
    return message


# the same numbers as pytorch-fid


@pytest.mark.slow
def test_the_command_pytorch_fid_prints_our_number(weights, torch_home, tmp_path):
    dims, counts = 64, ((40, 32), (30, 40))
    extractor = load_inception(weights, CPU, dims)
    features = []
    for name, seed, (colours, grays) in (("a", 1, counts[0]), ("b", 2, counts[1])):
        colour = random_images(colours, 3, seed=seed)
        gray = random_images(grays, 1, seed=seed + 10)
        save_images(tmp_path / name, colour)
        save_images(tmp_path / name, gray, begin=colours)
        features.append(torch.cat([extractor.features(colour), extractor.features(gray)]))
    command = [sys.executable, "-W", "ignore", "-m", "pytorch_fid", "a", "b"]
    run = subprocess.run(
        [*command, "--dims", str(dims), "--device", "cpu", "--num-workers", "0"],
        cwd=tmp_path,
        env={**os.environ, "TORCH_HOME": str(torch_home), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    if run.returncode and "'disp'" in run.stderr:
        pytest.skip("this SciPy's sqrtm has lost the argument disp, which pytorch-fid gives")
    assert run.returncode == 0, run.stderr
    printed = float(re.search(r"FID:\s+(\S+)", run.stdout).group(1))
    assert printed > 0
    assert frechet_distance(*features) == pytest.approx(printed, rel=1e-4)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [32, 299, 320])
def test_the_features_are_pytorch_fids(weights, tmp_path, channels, size):
    from pytorch_fid.fid_score import get_activations
    from pytorch_fid.inception import InceptionV3

    images = random_images(3, channels, size)
    files = save_images(tmp_path, images)
    network = InceptionV3([InceptionV3.BLOCK_INDEX_BY_DIM[2048]])
    theirs = get_activations(files, network, batch_size=3, num_workers=0)
    ours = load_inception(weights, CPU).features(images)
    assert ours.shape == (3, 2048)
    assert ours.dtype == torch.float32
    np.testing.assert_allclose(ours.numpy(), theirs, atol=2e-5 * np.abs(theirs).max())


@pytest.mark.skipif(PUBLISHED_FILE is None, reason=UNAVAILABLE)
def test_the_published_weights_are_taken_without_vouching():
    assert PUBLISHED_FILE is not None
    extractor = load_inception(PUBLISHED_FILE, CPU)
    assert extractor.sha256.startswith(PUBLISHED)
    assert extractor.describe()["weights"] == "published"
    features = extractor.features(random_images(4))
    assert torch.isfinite(features).all()
    assert 0 < features.mean() < 2


# images in memory


def test_features_are_the_same_every_time_and_whatever_the_batch(weights):
    extractor = load_inception(weights, CPU, 192)
    images = random_images(7)
    once = extractor.features(images)
    assert torch.equal(extractor.features(images), once)
    torch.testing.assert_close(extractor.features(images, batch=3), once, rtol=1e-4, atol=1e-5)
    assert not once.requires_grad


def test_gray_is_three_equal_channels(weights):
    extractor = load_inception(weights, CPU, 64)
    gray = random_images(3, 1)
    assert torch.equal(extractor.features(gray), extractor.features(gray.repeat(1, 3, 1, 1)))


def test_no_images_have_no_features(weights):
    extractor = load_inception(weights, CPU, 64)
    assert extractor.features(random_images(3)[:0]).shape == (0, 64)


def test_bfloat16_is_near_float32(weights):
    images = random_images(4)
    exact = load_inception(weights, CPU, 64).features(images)
    rounded = load_inception(weights, CPU, 64, torch.bfloat16).features(images)
    assert rounded.dtype == torch.float32
    assert not torch.equal(rounded, exact)
    torch.testing.assert_close(rounded, exact, rtol=0.02, atol=0.02)


def test_loading_draws_nothing_from_the_global_generator_and_restores_the_download(weights):
    from pytorch_fid import inception as theirs

    download, state = theirs.load_state_dict_from_url, torch.random.get_rng_state()
    load_inception(weights, CPU, 64)
    assert theirs.load_state_dict_from_url is download
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize(
    "images",
    [
        torch.zeros(2, 3, 8, 8),
        torch.zeros(2, 2, 8, 8, dtype=torch.uint8),
        torch.zeros(3, 8, 8, dtype=torch.uint8),
    ],
)
def test_what_is_no_stack_of_byte_images_is_refused(images):
    network = Inception(torch.nn.Identity(), CPU, 64, torch.float32, "", torch.zeros(0))
    with pytest.raises(ValueError, match="takes bytes of shape"):
        network.features(images)


def test_it_says_what_it_is(weights):
    told = load_inception(weights, CPU, 64).describe()
    assert told["weights_sha256"] == hash_of(weights)
    assert told["weights"] == f"vouched for by {SHA256_VARIABLE}"
    assert told["resize"] == "bilinear to 299 without antialiasing, align_corners False"
    assert told["dims"] == 64
    assert "Inception" in told["extractor"]


# which weights


def test_the_cache_of_torch_hub_is_found(torch_home, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(torch_home))
    assert find_weights() == torch_home / "hub" / "checkpoints" / WEIGHTS_NAME
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert find_weights() is None


@pytest.mark.usefixtures("weights")
def test_the_variable_comes_first(monkeypatch, tmp_path):
    named = tmp_path / "named.pth"
    named.touch()
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(named))
    assert find_weights() == provide_weights() == named


@pytest.mark.parametrize("name", ["absent.pth", "."])
def test_a_variable_that_names_no_file_is_told(monkeypatch, tmp_path, name):
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path / name))
    with pytest.raises(BenchError, match=r"not a file that can be read.*--inception-weights") as e:
        find_weights()
    assert str(tmp_path) in one_line(e)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(BenchError, match=r"cannot read .*absent\.pth.*No such file") as error:
        load_inception(tmp_path / "absent.pth", CPU)
    one_line(error)


def test_other_weights_are_refused_unless_vouched_for(weights, monkeypatch):
    monkeypatch.delenv(SHA256_VARIABLE)
    with pytest.raises(BenchError) as error:
        load_inception(weights, CPU, 64)
    message = one_line(error)
    for part in (str(weights), hash_of(weights)[:16], PUBLISHED, "download", SHA256_VARIABLE):
        assert part in message
    monkeypatch.setenv(SHA256_VARIABLE, "00000000")
    with pytest.raises(BenchError, match="truncated"):
        load_inception(weights, CPU, 64)
    monkeypatch.setenv(SHA256_VARIABLE, hash_of(weights).upper())
    assert load_inception(weights, CPU, 64).sha256 == hash_of(weights)


@pytest.mark.parametrize("prefix", ["1234567", "no hash at all", "g" * 8, "a" * 65])
def test_a_prefix_that_vouches_for_too_much_is_refused(weights, monkeypatch, prefix):
    monkeypatch.setenv(SHA256_VARIABLE, prefix)
    with pytest.raises(BenchError, match="8 or more hexadecimal digits") as error:
        load_inception(weights, CPU, 64)
    one_line(error)


@pytest.mark.parametrize("left", [0, 1000, 50_000_000])
def test_a_truncated_file_is_told_even_if_vouched_for(weights, monkeypatch, tmp_path, left):
    file = tmp_path / "truncated.pth"
    file.write_bytes(weights.read_bytes()[:left])
    vouch(monkeypatch, file)
    with pytest.raises(BenchError, match="cannot be read as a torch file: delete") as error:
        load_inception(file, CPU, 64)
    assert str(file) in one_line(error)


def test_a_file_of_another_kind_is_told(monkeypatch, tmp_path):
    file = tmp_path / "picture.png"
    save_images(tmp_path, random_images(1))[0].rename(file)
    vouch(monkeypatch, file)
    with pytest.raises(BenchError, match="cannot be read as a torch file") as error:
        load_inception(file, CPU)
    one_line(error)


class Evil:
    def __reduce__(self):
        return (print, ("code of the file has run",))


def test_code_in_a_file_is_not_run(monkeypatch, tmp_path, capsys):
    file = tmp_path / "evil.pth"
    torch.save({"weight": Evil()}, file)
    vouch(monkeypatch, file)
    with pytest.raises(BenchError, match="cannot be read as a torch file"):
        load_inception(file, CPU)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ([1, 2], "hold no table of weights"),
        ({"epoch": 3}, "hold no table of weights"),
        ({}, "are not those of pytorch-fid's Inception"),
        ({"conv.weight": torch.zeros(3)}, "are not those of pytorch-fid's Inception"),
    ],
)
def test_other_contents_are_told(monkeypatch, tmp_path, content, what):
    file = tmp_path / "other.pth"
    torch.save(content, file)
    vouch(monkeypatch, file)
    with pytest.raises(BenchError, match=what) as error:
        load_inception(file, CPU)
    assert str(file) in one_line(error)


def test_weights_of_a_wrong_shape_are_told(weights, monkeypatch, tmp_path):
    state = torch.load(weights, weights_only=True)
    state["fc.weight"] = state["fc.weight"][:1000]
    file = tmp_path / "shape.pth"
    torch.save(state, file)
    vouch(monkeypatch, file)
    with pytest.raises(BenchError, match="are not those of pytorch-fid's Inception") as error:
        load_inception(file, CPU)
    one_line(error)


def test_an_unknown_number_of_features_or_precision_is_refused(weights):
    with pytest.raises(BenchError, match="no layer of 100 features; there are: 64, 192, 768"):
        load_inception(weights, CPU, 100)
    with pytest.raises(ValueError, match="float32 or bfloat16"):
        load_inception(weights, CPU, 64, torch.float16)


# the download


class Response(BytesIO):
    """What torch hub reads from a server."""

    def __init__(self, content: bytes, length: int, fails: bool = False) -> None:
        super().__init__(content)
        self.length, self.fails = length, fails

    def read(self, size: int | None = -1) -> bytes:
        part = super().read(size)
        if not part and self.fails:
            raise TimeoutError("timed out")
        return part

    def info(self) -> dict[str, str]:
        return Header({"Content-Length": str(self.length)})


class Header(dict):
    def get_all(self, name: str) -> list[str]:
        return [self[name]]


@pytest.fixture
def empty_home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "torch" / "hub" / "checkpoints"


CONTENT = b"weights" * 1000


def serve(monkeypatch, answer) -> None:
    def opened(request):
        assert request.full_url.endswith(WEIGHTS_NAME)
        assert socket.getdefaulttimeout() == 15
        found = answer()
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(torch.hub, "urlopen", opened)


@pytest.mark.parametrize(
    "answer",
    [
        lambda: URLError("no network"),
        lambda: TimeoutError("timed out"),
        lambda: Response(CONTENT[:3000], len(CONTENT)),
        lambda: Response(CONTENT[:3000], len(CONTENT), fails=True),
        lambda: Response(b"<html>log in first</html>", 25),
    ],
    ids=["refused", "slow", "cut short", "breaks off", "another page"],
)
def test_a_download_that_fails_leaves_nothing(empty_home, monkeypatch, answer):
    serve(monkeypatch, answer)
    assert download_weights() is None
    assert provide_weights() is None
    assert list(empty_home.iterdir()) == []
    assert socket.getdefaulttimeout() is None


def test_a_download_lies_where_pytorch_fid_looks_for_it(empty_home, monkeypatch):
    monkeypatch.setattr(inception, "PUBLISHED", hashlib.sha256(CONTENT).hexdigest()[:8])
    serve(monkeypatch, lambda: Response(CONTENT, len(CONTENT)))
    assert provide_weights() == find_weights() == empty_home / WEIGHTS_NAME
    assert (empty_home / WEIGHTS_NAME).read_bytes() == CONTENT


def test_a_cache_that_cannot_be_written_is_no_download(tmp_path, monkeypatch):
    (tmp_path / "torch").write_text("a file, where the folder should be")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    serve(monkeypatch, lambda: Response(CONTENT, len(CONTENT)))
    assert download_weights() is None
