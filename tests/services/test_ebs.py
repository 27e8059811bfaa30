"""IOPS and throughput of EBS volumes, as they are billed."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.services._ebs import IO2_METERS, gp3_extra, io2_iops


class TestIo2:
    @given(st.integers(0, 256_000))
    def test_every_provisioned_iops_is_billed_once(self, provisioned):
        billed = io2_iops(provisioned)
        assert sum(billed.values()) == provisioned
        assert all(iops > 0 for iops in billed.values())
        assert list(billed) == [usage_type for _, usage_type in IO2_METERS][: len(billed)]

    @given(st.integers(0, 128_000), st.integers(0, 128_000))
    def test_one_volume_never_costs_more_than_two_with_the_same_iops(self, one, other):
        prices = dict(zip((meter for _, meter in IO2_METERS), (0.065, 0.0455, 0.03185), strict=True))

        def cost(iops):
            return sum(prices[meter] * count for meter, count in io2_iops(iops).items())

        assert cost(max(one, other)) <= cost(one + other) <= cost(one) + cost(other) + 1e-9

    @pytest.mark.parametrize("impossible", [-1, 256_001])
    def test_a_volume_has_its_limits(self, impossible):
        with pytest.raises(ValueError, match="from 0 to 256,000 IOPS"):
            io2_iops(impossible)


class TestGp3:
    @pytest.mark.parametrize(
        ("iops", "mibps", "extra"),
        [
            (3_000, 125, (0, 0)),
            (3_001, 125, (1, 0)),
            (3_000, 1_149, (0, 1)),
            (16_000, 637, (13_000, Decimal("0.5"))),
        ],
    )
    def test_only_what_exceeds_the_included_is_billed(self, iops, mibps, extra):
        assert tuple(gp3_extra(iops, mibps).values()) == extra

    @pytest.mark.parametrize("impossible", [(2_999, 125), (3_000, 124)])
    def test_no_volume_has_less(self, impossible):
        with pytest.raises(ValueError, match="3,000 IOPS and 125 MiB/s at least"):
            gp3_extra(*impossible)
