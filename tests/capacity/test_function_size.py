import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.capacity.function_size import check_memory, usable_vcpus, vcpus


@pytest.mark.parametrize(
    ("memory_mb", "expected"), [(1_769, 1.0), (3_538, 2.0), (128, 0.07236), (10_240, 5.78858)]
)
def test_1769_mb_bring_one_vcpu(memory_mb, expected):
    assert vcpus(memory_mb) == pytest.approx(expected, abs=1e-5)


@given(memory_mb=st.integers(128, 10_240), threads=st.integers(1, 8))
def test_code_uses_what_it_has_threads_for(memory_mb, threads):
    used = usable_vcpus(memory_mb, threads)
    assert used == min(memory_mb / 1_769, threads)
    assert usable_vcpus(memory_mb, threads + 1) >= used


@pytest.mark.parametrize("memory_mb", [127, 10_241, 0, -1, math.nan, math.inf, 512.5])
def test_memory_no_function_can_have(memory_mb):
    with pytest.raises(ValueError, match=r"from 128 to 10240 MB.*Developer Guide"):
        check_memory(memory_mb)


@pytest.mark.parametrize("threads", [0, 0.5, math.nan])
def test_no_thread_at_all(threads):
    with pytest.raises(ValueError, match="at least one thread"):
        usable_vcpus(1_769, threads)
