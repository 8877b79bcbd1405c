"""pytorch-fid's Inception network, on images in memory and on any device.

Only the published weights give what is called FID: they are checked by their hash.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate

from bench.errors import BenchError

WEIGHTS_NAME = "pt_inception-2015-12-05-6726825d.pth"
PUBLISHED = "6726825d"
"""The SHA-256 of the published weights begins like this, as torch hub's file names promise."""
WEIGHTS_VARIABLE, SHA256_VARIABLE = "BENCH_INCEPTION_WEIGHTS", "BENCH_INCEPTION_SHA256"
UNAVAILABLE = (
    "no Inception weights: let this machine reach the network once, or name the file with "
    "--inception-weights (environment: BENCH_INCEPTION_WEIGHTS), and measure again"
)
SIZE = 299
RESIZE = "bilinear to 299 without antialiasing, align_corners False"
RESIZE_CLEAN = "bicubic to 299 with antialiasing"
TIMEOUT = 15
"""Seconds without a byte after which the download gives up."""


def find_weights() -> Path | None:
    """Return the weights' file: BENCH_INCEPTION_WEIGHTS, or in torch hub's cache; or None.

    Raises BenchError if the variable names something that is no readable file.
    """
    named = os.environ.get(WEIGHTS_VARIABLE)
    if named:
        file = Path(os.path.expanduser(named))
        if not (file.is_file() and os.access(file, os.R_OK)):
            raise BenchError(
                f"the Inception weights '{named}' are not a file that can be read; name an "
                f"existing one with --inception-weights, or unset {WEIGHTS_VARIABLE}"
            )
        return file
    cached = _hub_file()
    return cached if cached.is_file() else None


def download_weights() -> Path | None:
    """Download the published weights into torch hub's cache; return None if that fails.

    torch hub writes beside the file, compares the hash and moves it into place: a download that
    breaks off leaves nothing.
    """
    file, before = _hub_file(), socket.getdefaulttimeout()
    try:
        from pytorch_fid.inception import FID_WEIGHTS_URL

        socket.setdefaulttimeout(TIMEOUT)
        file.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(FID_WEIGHTS_URL, str(file), PUBLISHED, progress=False)
    except (OSError, RuntimeError, http.client.HTTPException, ImportError):
        return None
    finally:
        socket.setdefaulttimeout(before)
    return file


def provide_weights() -> Path | None:
    """Return the weights, downloaded if there are none yet; None where that fails."""
    return find_weights() or download_weights()


def _hub_file() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints" / WEIGHTS_NAME


@dataclass(frozen=True, eq=False)
class Inception:
    """The network up to one of its pooling layers, ready to extract features."""

    network: nn.Module
    device: torch.device
    dims: int
    dtype: torch.dtype
    sha256: str
    classes: Tensor
    """(1008, 2048), the weights that turn its last features into class scores, on the CPU."""
    antialias: bool = False
    """Whether images are resized as PIL does, bicubic and with antialiasing."""

    @torch.no_grad()
    def features(self, images: Tensor, batch: int | None = None) -> Tensor:
        """Return features (N, dims) in float32 on the CPU, of byte images (N, 1 or 3, H, W).

        Gray is repeated over three channels, as PIL's ``convert('RGB')`` does; the network
        resizes and scales by itself. Raises ValueError for images that are no bytes.
        """
        if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
            raise ValueError(
                "Inception takes bytes of shape (N, 1 or 3, height, width), not "
                f"{images.dtype} of shape {tuple(images.shape)}"
            )
        if not len(images):
            return torch.empty(0, self.dims)
        # as many as keep a GPU busy, or fit into the caches of a CPU
        batch = batch or (500 if self.device.type == "cuda" else 50)
        with _reproducible():
            return torch.cat([self._features(part) for part in images.split(batch)]).cpu()

    def _features(self, images: Tensor) -> Tensor:
        pixels = images.to(self.device).expand(-1, 3, -1, -1).float().div(255)
        if self.antialias:
            # the network's own resizing then has nothing left to do
            pixels = interpolate(pixels, (SIZE, SIZE), mode="bicubic", antialias=True)
        pixels = pixels.contiguous(memory_format=_layout(self.device, self.dtype))
        half = self.dtype == torch.bfloat16
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half):
            maps = self.network(pixels)[0]
        return adaptive_avg_pool2d(maps.float(), 1).flatten(1)

    def describe(self) -> dict[str, Any]:
        published = self.sha256.startswith(PUBLISHED)
        return {
            "extractor": f"Inception-v3 of pytorch-fid, {self.dims}-dimensional features",
            "weights_sha256": self.sha256,
            "weights": "published" if published else f"vouched for by {SHA256_VARIABLE}",
            "resize": RESIZE_CLEAN if self.antialias else RESIZE,
            "dims": self.dims,
            "precision": str(self.dtype).removeprefix("torch."),
        }


def load_inception(
    file: Path,
    device: torch.device | str,
    dims: int = 2048,
    dtype: torch.dtype = torch.float32,
    antialias: bool = False,
) -> Inception:
    """Return the network with the weights of ``file``, whose hash must be the published one.

    A file with another hash, such as a copy that was saved again, is taken only if
    BENCH_INCEPTION_SHA256 holds the beginning of its hash.

    Args:
        dims: 64, 192, 768 or 2048 features, as in pytorch-fid.
        dtype: float32, or bfloat16 for autocast.
        antialias: resize as PIL does, which gives no published FID.

    Raises BenchError for a file that cannot be read, is not vouched for, or holds other weights,
    and where pytorch-fid is not installed.
    """
    if dtype not in (torch.float32, torch.bfloat16):
        raise ValueError(f"Inception runs in float32 or bfloat16, not {dtype}")
    sha256 = vouched(file)
    state = _weights(file, sha256)
    network = _build(state, file, sha256, dims)
    device = torch.device(device)
    network = network.to(memory_format=_layout(device, dtype)).to(device).eval()
    return Inception(network, device, dims, dtype, sha256, state["fc.weight"], antialias)


def _layout(device: torch.device, dtype: torch.dtype) -> torch.memory_format:
    """Return the order of pixels in memory.

    With channels last a CPU is faster (docs/performance.md), and a GPU can use its tensor cores.
    """
    last = device.type == "cpu" or dtype == torch.bfloat16
    return torch.channels_last if last else torch.contiguous_format


def vouched(file: Path) -> str:
    """Return the file's SHA-256 after checking that it is published or vouched for."""
    try:
        found = _sha256(str(file), file.stat().st_mtime_ns, file.stat().st_size)
    except OSError as error:
        raise BenchError(
            f"cannot read the Inception weights '{file}' ({error.strerror}); name an existing "
            "file with --inception-weights"
        ) from error
    prefix = os.environ.get(SHA256_VARIABLE, "").lower()
    if prefix and not re.fullmatch("[0-9a-f]{8,64}", prefix):
        raise BenchError(
            f"{SHA256_VARIABLE} must be the first 8 or more hexadecimal digits of a SHA-256, "
            f"not '{prefix}'"
        )
    if found.startswith(PUBLISHED) or (prefix and found.startswith(prefix)):
        return found
    raise BenchError(
        f"the Inception weights '{file}' have SHA-256 {found[:16]}… and not {PUBLISHED}…, as the "
        f"published ones: the file may be truncated, so delete it and download {WEIGHTS_NAME} "
        f"again; only for a copy you trust, set {SHA256_VARIABLE}={found[:8]}"
    )


@lru_cache(maxsize=8)
def _sha256(file: str, *known: int) -> str:  # noqa: ARG001
    """Hash a file; its time and size tell it from what it was before."""
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _weights(file: Path, sha256: str) -> dict[str, Tensor]:
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many types for a file that it did not write
        raise _other(file, sha256, "cannot be read as a torch file") from error
    if not isinstance(state, dict) or not all(isinstance(w, Tensor) for w in state.values()):
        raise _other(file, sha256, "hold no table of weights")
    return state


def _build(state: dict[str, Tensor], file: Path, sha256: str, dims: int) -> nn.Module:
    try:
        from pytorch_fid import inception
    except ImportError as error:
        raise BenchError(
            f"the Inception network needs pytorch-fid and torchvision ({error}); install them "
            "with: pip install pytorch-fid"
        ) from error
    if dims not in inception.InceptionV3.BLOCK_INDEX_BY_DIM:
        known = ", ".join(map(str, inception.InceptionV3.BLOCK_INDEX_BY_DIM))
        raise BenchError(f"Inception has no layer of {dims} features; there are: {known}")
    block = inception.InceptionV3.BLOCK_INDEX_BY_DIM[dims]
    with _weights_at_hand(inception, state), torch.random.fork_rng(devices=[]):
        try:
            network: nn.Module = inception.InceptionV3([block])
        except RuntimeError as error:
            raise _other(file, sha256, "are not those of pytorch-fid's Inception") from error
    return network


@contextmanager
def _weights_at_hand(inception: Any, state: dict[str, Tensor]) -> Iterator[None]:
    """Let the network that pytorch-fid builds inside load ``state`` instead of downloading.

    InceptionV3 has no argument for weights: it asks ``load_state_dict_from_url`` for them as it is
    built, and that one name is replaced.
    """
    download = inception.load_state_dict_from_url
    inception.load_state_dict_from_url = lambda *_, **__: state
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        inception.load_state_dict_from_url = download


@contextmanager
def _reproducible() -> Iterator[None]:
    """Compute convolutions in full float32 and by a fixed algorithm, on a GPU too.

    Torch's deterministic mode is off inside: nothing here needs it, and it replaces the bilinear
    resizing by a slower one, whose features are not pytorch-fid's.
    """
    strict = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    with torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    ):
        if strict:
            torch.use_deterministic_algorithms(False)
        try:
            yield
        finally:
            if strict:
                torch.use_deterministic_algorithms(True, warn_only=warn_only)


def _other(file: Path, sha256: str, what: str) -> BenchError:
    return BenchError(
        f"the Inception weights '{file}' (SHA-256 {sha256[:16]}…) {what}: delete the file and "
        f"download {WEIGHTS_NAME} again"
    )
