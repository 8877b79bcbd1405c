"""Convolutions as products against the library's."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.training.convolutions import convolution, convolution_backward

NONE, ONE = [0, 0], [1, 1]

CASES = {
    "the last layer of a discriminator": ((5, 6, 4, 4), (3, 6, 4, 4), ONE, NONE, False),
    "the first layer of a generator": ((5, 6, 1, 1), (6, 3, 4, 4), ONE, NONE, True),
    "towards one channel, 28 pixels": ((5, 1, 28, 28), (4, 1, 4, 4), [2, 2], ONE, False),
    "towards one channel, odd size": ((5, 1, 7, 9), (4, 1, 3, 3), [2, 2], ONE, False),
    "into one channel": ((5, 6, 14, 14), (6, 1, 4, 4), [2, 2], ONE, True),
}


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_they_are_the_librarys(case, bias):
    images, weight, stride, padding, transposed = CASES[case]
    random = torch.Generator().manual_seed(0)
    x, w = (torch.randn(s, generator=random, dtype=torch.float64) for s in (images, weight))
    channels = weight[1] if transposed else weight[0]
    b = torch.randn(channels, generator=random, dtype=torch.float64) if bias else None
    rest = (stride, padding, ONE, transposed, NONE, 1)
    expected = torch.ops.aten.convolution(x, w, b, *rest)
    made = convolution(x, w, b, *rest)
    if made is not NotImplemented:
        torch.testing.assert_close(made, expected)
    grad = torch.randn(expected.shape, generator=random, dtype=torch.float64)
    arguments = (grad, x, w, [channels] if bias else None, *rest, [True, True, bias])
    found = convolution_backward(*arguments)
    if found is not NotImplemented:
        for one, other in zip(found, torch.ops.aten.convolution_backward(*arguments), strict=True):
            assert (one is None) == (other is None)
            if one is not None:
                torch.testing.assert_close(one, other)
    # each case is one in which a formula takes over
    assert made is not NotImplemented or found is not NotImplemented


@given(
    size=st.integers(3, 9), kernel=st.integers(1, 4), stride=st.integers(1, 3),
    padding=st.integers(0, 2), channels=st.integers(1, 3),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_gradients_towards_one_channel_hold_for_every_geometry(
    size, kernel, stride, padding, channels
):
    if size + 2 * padding < kernel:
        return
    x, w = torch.randn(2, 1, size, size).double(), torch.randn(channels, 1, kernel, kernel).double()
    rest = ([stride] * 2, [padding] * 2, ONE, False, NONE, 1)
    grad = torch.randn_like(torch.ops.aten.convolution(x, w, None, *rest))
    arguments = (grad, x, w, None, *rest, [True, True, False])
    found = convolution_backward(*arguments)
    expected = torch.ops.aten.convolution_backward(*arguments)
    for one, other in zip(found[:2], expected[:2], strict=True):
        torch.testing.assert_close(one, other)


def test_all_others_are_left_to_the_library():
    x, w = torch.randn(2, 3, 8, 8), torch.randn(4, 3, 3, 3)
    rest = ([1, 1], [1, 1], ONE, False, NONE, 1)
    assert convolution(x, w, None, *rest) is NotImplemented
    grad = torch.randn(2, 4, 8, 8)
    assert convolution_backward(grad, x, w, None, *rest, [True] * 3) is NotImplemented
