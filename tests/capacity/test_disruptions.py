import math

import pytest

from costmodel.capacity.disruptions import (
    ADVISOR_BANDS,
    InstanceFailure,
    SpotReclaim,
    ZoneLoss,
    reclaim_hazard_per_minute,
    spot_reclaims,
)


def test_hazard_of_the_lowest_band():
    """2.5 % a month is 5.8e-7 a minute: one reclaim in 1.7 million instance-minutes."""
    assert reclaim_hazard_per_minute(ADVISOR_BANDS["<5%"]) == pytest.approx(5.78e-7, rel=1e-3)
    assert 1 - math.exp(-43_800 * reclaim_hazard_per_minute(0.25)) == pytest.approx(0.25)
    assert reclaim_hazard_per_minute(0.0) == 0.0


def test_the_same_seed_gives_the_same_reclaims_and_more_pools_do_not_move_them():
    three = spot_reclaims(525_600, 3, 0.25, 7)
    assert three == spot_reclaims(525_600, 3, 0.25, 7)
    assert three != spot_reclaims(525_600, 3, 0.25, 8)
    assert [one for one in spot_reclaims(525_600, 6, 0.25, 7) if one.pool < 3] == list(three)
    assert list(three) == sorted(three, key=lambda one: (one.minute, one.pool))
    assert all(0 <= one.minute < 525_600 for one in three)
    assert spot_reclaims(525_600, 3, 0.0, 7) == ()


@pytest.mark.parametrize("ratio", [-0.1, 0.96, math.nan])
def test_refuses_a_share_that_cannot_be(ratio):
    with pytest.raises(ValueError, match="Spot Advisor"):
        reclaim_hazard_per_minute(ratio)


@pytest.mark.parametrize(
    "make",
    [
        lambda: SpotReclaim(-1, 0),
        lambda: SpotReclaim(1, -1),
        lambda: ZoneLoss(1, -1, 3),
        lambda: ZoneLoss(1, 0, 0),
        lambda: InstanceFailure(1, 0, 0),
    ],
)
def test_refuses_what_cannot_happen(make):
    with pytest.raises(ValueError, match="not"):
        make()
