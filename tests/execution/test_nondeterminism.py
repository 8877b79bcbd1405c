"""Warnings of non-deterministic operations are collected, and others are left alone."""

import warnings

import pytest

from bench.execution.nondeterminism import collected

TEXT = (
    "{} does not have a deterministic implementation, but you set "
    "'torch.use_deterministic_algorithms(True, warn_only=True)'. You can file an issue at "
    "https://github.com/pytorch/pytorch/issues to help us prioritize adding deterministic support "
    "for this operation. (Triggered internally at /pytorch/aten/src/ATen/Context.cpp:91.)"
)


def test_each_operation_is_collected_once():
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("ignore")
        with collected() as operations:
            for name in ("cumsum_cuda_kernel", "put_", "put_", "cumsum_cuda_kernel"):
                warnings.warn(TEXT.format(name), UserWarning, stacklevel=1)
    assert operations == [
        f"{name} does not have a deterministic implementation, but you set "
        "'torch.use_deterministic_algorithms(True, warn_only=True)'."
        for name in ("cumsum_cuda_kernel", "put_")
    ]
    assert shown == []


def test_other_warnings_go_where_they_went_before():
    with pytest.warns(UserWarning, match="something else"), collected() as operations:
        warnings.warn("something else", UserWarning, stacklevel=1)
    assert operations == []
    assert warnings.showwarning.__module__ != "bench.execution.nondeterminism"
