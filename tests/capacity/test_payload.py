import math

import pytest

from costmodel.capacity.payload import Way, body_limit, streamed_billed_mb, streaming_s


@pytest.mark.parametrize(
    ("way", "largest_mb"), [(Way.LOAD_BALANCER, 1), (Way.INVOKE, 6), (Way.STREAM, 200), (Way.EVENT, 1)]
)
def test_the_largest_body_passes_and_no_larger_one(way, largest_mb):
    assert not body_limit(way, largest_mb).broken
    limit = body_limit(way, largest_mb + 0.001)
    assert limit.broken
    assert (limit.limit, limit.unit) == (largest_mb, "MB")


def test_ways_are_told_apart():
    assert len(Way) == 4
    assert len({way.body for way in Way}) == 4


def test_a_3d_model_fits_no_ordinary_response():
    """A mean model of 6.6 MB as authored breaks both; that is why functions never serve models."""
    assert body_limit(Way.LOAD_BALANCER, 6.6).broken
    assert body_limit(Way.INVOKE, 6.6).broken


def test_streaming_is_slow_and_billed_beyond_six_mb():
    """26 MB: 6 MB at once, then 20 MB at 2 MB/s."""
    assert streaming_s(26) == 10
    assert streamed_billed_mb(26) == 20
    assert streaming_s(6) == streamed_billed_mb(1) == 0


@pytest.mark.parametrize("size_mb", [-1, math.nan, math.inf])
def test_a_size_that_cannot_be(size_mb):
    for asked in (streaming_s, streamed_billed_mb, lambda mb: body_limit(Way.INVOKE, mb)):
        with pytest.raises(ValueError, match="from 0 MB up"):
            asked(size_mb)
