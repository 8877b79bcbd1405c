"""Classifiers of torchvision as extractors."""

import pytest
import torch

from bench.errors import BenchError
from bench.metric import Unavailable
from bench.registry import make_extractor, make_metric
from tests.metrics.random_inception import random_images

models = pytest.importorskip("torchvision.models")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    file = tmp_path_factory.mktemp("weights") / "net.pth"
    torch.manual_seed(0)
    torch.save(models.shufflenet_v2_x0_5(weights=None).state_dict(), file)
    return str(file)


def test_features_are_the_input_of_the_last_layer(weights):
    part = {"network": "shufflenet_v2_x0_5", "weights": weights, "size": 32}
    extractor = make_extractor({"torchvision": part})
    cpu = torch.device("cpu")
    images = random_images(6)
    values, logits = extractor.load(None, None, cpu)(images)
    assert values.shape == (6, 1024)
    model = models.shufflenet_v2_x0_5(weights=None).eval()
    model.load_state_dict(torch.load(weights, weights_only=True))
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    deviation = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    with torch.no_grad():
        torch.testing.assert_close(logits, model((images / 255 - mean) / deviation))
        torch.testing.assert_close(model.fc(values), logits)
    # named after the network, and FID by nobody but Inception
    assert make_metric("fd", {"extractor": {"torchvision": part}}).called == "shufflenet_v2_x0_5_fd"


@pytest.mark.parametrize(
    ("part", "error", "told"),
    [
        ({"network": "resnet81"}, BenchError, "no classifier 'resnet81'; did you mean 'resnet18'"),
        ({"weights": "no.pth"}, Unavailable, "there is no file 'no.pth' with the weights"),
    ],
)
def test_what_is_not_there_is_told(part, error, told):
    with pytest.raises(error, match=told):
        make_extractor({"torchvision": part}).identity()


def test_weights_of_another_network_and_networks_without_a_last_layer_are_told(weights, tmp_path):
    with pytest.raises(BenchError, match=r"net\.pth' holds no weights of resnet18"):
        make_extractor({"torchvision": {"weights": weights}}).load(None, None, "cpu")
    file = tmp_path / "squeeze.pth"
    torch.save(models.squeezenet1_1(weights=None).state_dict(), file)
    part = {"network": "squeezenet1_1", "weights": str(file)}
    with pytest.raises(BenchError, match="squeezenet1_1 ends in no linear layer"):
        make_extractor({"torchvision": part}).load(None, None, "cpu")
