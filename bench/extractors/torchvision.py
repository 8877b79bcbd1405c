"""Any classifier of torchvision by its name, without its last layer."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from bench.errors import BenchError, nearest
from bench.metric import Extractor, Facts, Features, Unavailable
from bench.values import Count

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's channels, by which torchvision's classifiers were trained."""
BATCH = 100


@dataclass(frozen=True)
class Torchvision(Extractor):
    """The input of a classifier's last linear layer, and its class scores.

    Images are resized to ``size`` pixels, bilinearly and with antialiasing.
    """

    has_classes: ClassVar[bool] = True
    kernel_digits: ClassVar[int] = 4

    network: str = "resnet18"
    """A name of torchvision.models, such as resnet50, vgg16 or vit_b_16."""
    weights: str | None = None
    """A file with the network's state_dict; None: torchvision's default weights, downloaded."""
    size: Count = 224

    @property
    def label(self) -> str:  # type: ignore[override]
        return self.network

    @property
    def prefix(self) -> str:
        return f"{self.network}_"

    def not_applicable(self, dataset: Facts) -> str | None:
        if len(dataset.sample_shape) != 3 or dataset.sample_shape[0] not in (1, 3):
            return f"{self.network} looks at images of 1 or 3 channels"
        return None

    def fetch(self) -> None:
        if self.weights is None and not _hub_file(self.network).is_file():
            try:
                _model(self.network, "DEFAULT")
            except (OSError, RuntimeError) as error:
                raise Unavailable(
                    f"the weights of {self.network} cannot be downloaded ({error}); name a file "
                    "with a state_dict as weights"
                ) from error
        self.identity()

    def identity(self) -> str:
        file = self._file()
        return _sha256(str(file), file.stat().st_mtime_ns)[:16]

    def load(self, dataset: Any, cache: Path, device: torch.device | str) -> _Ready:
        file = self._file()
        model = _model(self.network, None)
        try:
            model.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
        except Exception as error:  # torch raises many types for a file that is none of its own
            told = (str(error).splitlines() or [""])[0]
            raise BenchError(f"'{file}' holds no weights of {self.network}: {told}") from error
        layers = [part for part in model.modules() if isinstance(part, nn.Linear)]
        if not layers:
            raise BenchError(f"{self.network} ends in no linear layer, whose input would be taken")
        return _Ready(model.eval().to(device), layers[-1], self.network, self.size, self.identity())

    def _file(self) -> Path:
        file = Path(os.path.expanduser(self.weights or _hub_file(self.network)))
        if not file.is_file():
            raise Unavailable(
                f"there is no file '{file}' with the weights of {self.network}; let this machine "
                "reach the network once, or name a file with a state_dict as weights"
            )
        return file


@dataclass(frozen=True, eq=False)
class _Ready:
    model: nn.Module
    last: nn.Linear
    network: str
    size: int
    sha256: str

    @torch.no_grad()
    def __call__(self, samples: Tensor) -> Features:
        caught: list[Tensor] = []
        hook = self.last.register_forward_pre_hook(lambda _, given: caught.append(given[0].cpu()))
        try:
            logits = [self.model(self._pixels(part)).cpu() for part in samples.split(BATCH)]
        finally:
            hook.remove()
        return Features(torch.cat(caught), torch.cat(logits))

    def _pixels(self, images: Tensor) -> Tensor:
        device = self.last.weight.device
        pixels = images.to(device).expand(-1, 3, -1, -1).float() / 255
        pixels = interpolate(pixels, (self.size, self.size), mode="bilinear", antialias=True)
        mean, deviation = (torch.tensor(c, device=device).view(3, 1, 1) for c in (MEAN, DEVIATION))
        return (pixels - mean) / deviation

    def describe(self) -> dict[str, Any]:
        return {
            f"{self.network} extractor": f"torchvision, {self.last.in_features} features",
            f"{self.network} weights_sha256": self.sha256,
            f"{self.network} resize": f"bilinear to {self.size} with antialiasing",
        }


def _model(name: str, weights: str | None) -> nn.Module:
    from torchvision import models

    if name not in models.list_models(models):
        raise BenchError(
            f"torchvision has no classifier '{name}'{nearest(name, models.list_models(models))}"
        )
    with torch.random.fork_rng(devices=[]):
        model: nn.Module = models.get_model(name, weights=weights)
    return model


def _hub_file(name: str) -> Path:
    from torchvision import models

    if name not in models.list_models(models):
        _model(name, None)
    url = models.get_model_weights(name)["DEFAULT"].url
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(url).name


@lru_cache(maxsize=16)
def _sha256(file: str, changed: int) -> str:  # noqa: ARG001
    """Hash a file; ``changed``, its time, tells it from what it was before."""
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
