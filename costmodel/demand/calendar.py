"""The simulated span: whole calendar months, in UTC, at one-minute steps."""

from __future__ import annotations

import calendar as month_lengths
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property

import numpy as np
import numpy.typing as npt

from costmodel.units import HOURS_PER_DAY, MINUTES_PER_DAY, MINUTES_PER_HOUR, to_nine_decimals

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, order=True)
class BillingPeriod:
    """One calendar month: the span over which AWS accumulates tiers and allowances."""

    year: int
    month: int

    @property
    def days(self) -> int:
        return month_lengths.monthrange(self.year, self.month)[1]

    @property
    def hours(self) -> int:
        return self.days * HOURS_PER_DAY

    @property
    def start(self) -> datetime:
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """First instant after the month."""
        return self.start + timedelta(days=self.days)

    def next(self) -> BillingPeriod:
        return BillingPeriod(self.year + self.month // 12, self.month % 12 + 1)

    @classmethod
    def parse(cls, text: str) -> BillingPeriod:
        """Read `YYYY-MM`. Raises ValueError when the text is not a month."""
        moment = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC)
        return cls(moment.year, moment.month)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"


def prorated(quantity: Decimal, days: Decimal, days_of_month: int) -> Decimal:
    """What is paid by the month and stands for some days of it: 200 GB for 10 of 31 days are 64.516129032.

    Days of a shorter month are a larger share of it. Rounded half up to nine decimals.
    Source: Amazon RDS FAQ, "How will I be charged" (2023); Amazon EBS pricing (2024-07).
    """
    return to_nine_decimals(quantity * days / days_of_month)


@dataclass(frozen=True)
class Calendar:
    """Consecutive billing periods and how minutes, hours and days fall into them."""

    periods: tuple[BillingPeriod, ...]

    @classmethod
    def of(cls, first: BillingPeriod, months: int) -> Calendar:
        periods = [first]
        while len(periods) < months:
            periods.append(periods[-1].next())
        return cls(tuple(periods))

    @property
    def start(self) -> datetime:
        return self.periods[0].start

    @cached_property
    def days(self) -> int:
        return sum(period.days for period in self.periods)

    @property
    def hours(self) -> int:
        return self.days * HOURS_PER_DAY

    @property
    def minutes(self) -> int:
        return self.days * MINUTES_PER_DAY

    @cached_property
    def day_slices(self) -> tuple[tuple[BillingPeriod, slice], ...]:
        """Each period with the slice of its days in any array of shape (days,)."""
        slices = []
        first = 0
        for period in self.periods:
            slices.append((period, slice(first, first + period.days)))
            first += period.days
        return tuple(slices)

    @cached_property
    def month_share_per_day(self) -> FloatArray:
        """Share of its calendar month that each day is, shape (days,): 1/30 in November."""
        return np.concatenate([np.full(period.days, 1.0 / period.days) for period in self.periods])

    def per_day(self, per_minute: FloatArray) -> FloatArray:
        """Sum an array of shape (minutes,) within each day, giving shape (days,)."""
        return np.asarray(per_minute.reshape(-1, MINUTES_PER_DAY).sum(axis=1))

    def per_hour(self, per_minute: FloatArray) -> FloatArray:
        """Sum an array of shape (minutes,) within each hour, giving shape (hours,)."""
        return np.asarray(per_minute.reshape(-1, MINUTES_PER_HOUR).sum(axis=1))

    def mean_per_day(self, per_minute: FloatArray) -> FloatArray:
        """Mean of an array of shape (minutes,) within each day, giving shape (days,)."""
        return self.per_day(per_minute) / MINUTES_PER_DAY

    def max_per_day(self, per_minute: FloatArray) -> FloatArray:
        """Largest value of an array of shape (minutes,) within each day, giving shape (days,)."""
        return np.asarray(per_minute.reshape(-1, MINUTES_PER_DAY).max(axis=1))

    def mean_per_hour(self, per_minute: FloatArray) -> FloatArray:
        """Mean of an array of shape (minutes,) within each hour, giving shape (hours,)."""
        return np.asarray(per_minute.reshape(-1, MINUTES_PER_HOUR).mean(axis=1))

    def hours_to_days(self, per_hour: FloatArray) -> FloatArray:
        """Sum an array of shape (hours,) within each day, giving shape (days,)."""
        return np.asarray(per_hour.reshape(-1, HOURS_PER_DAY).sum(axis=1))
