"""The short form of the fuzzer: ``python -m tests.fuzz`` tries a thousand examples."""

import pytest
from hypothesis import HealthCheck, given, settings

from tests.fuzz.calling import complaints, prepare
from tests.fuzz.inputs import Call, calls


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    prepare(folder)
    return folder


@pytest.mark.slow
@settings(max_examples=15, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(call=calls())
def test_no_command_ends_in_a_traceback(call: Call, prepared, tmp_path_factory):
    _, found = complaints(call, prepared, tmp_path_factory.mktemp("call"))
    assert found == []
