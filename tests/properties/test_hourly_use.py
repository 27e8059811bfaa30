"""What commitments by the hour cover is metered by the hour, by every design, and adds up to what is billed."""

from __future__ import annotations

import numpy as np
import pytest

from costmodel.pricing.commitment import CommitmentKind, commitments
from costmodel.pricing.price import ON_DEMAND

NOT_COVERED = {"Management fee"}
"""Priced as a share of instance hours, but no use of an instance."""


def test_hours_add_up_to_days(shop) -> None:
    for tier in shop.all_tiers:
        for usage in tier.usages:
            if usage.hourly_quantity is not None:
                assert usage.hourly_quantity.shape == (usage.billing_period.hours,)
                assert not usage.hourly_quantity.flags.writeable
                by_day = usage.hourly_quantity.reshape(-1, 24).sum(axis=1)
                assert by_day == pytest.approx(usage.daily_quantity)
                assert np.all(usage.hourly_quantity >= 0)


def test_everything_that_a_commitment_covers_is_metered_by_the_hour(shop, book) -> None:
    for tier in shop.priced_tiers:
        for usage in tier.usages:
            if usage.meter.query.term != ON_DEMAND or usage.meter.name in NOT_COVERED:
                continue
            known = commitments(book, book.price(usage.meter.query))
            kinds = {one.commitment.kind for one in (*known.offers, *known.absent)}
            if kinds - {CommitmentKind.SECURITY_BUNDLE}:
                assert usage.hourly_quantity is not None, (tier.design.label, usage.meter.name)
