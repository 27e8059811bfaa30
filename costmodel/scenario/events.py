"""Events of a scenario: what happens at a stated time, one model for each kind."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from costmodel.scenario.estimate import Estimate, Exact, assumed
from costmodel.scenario.fields import (
    Family,
    Geography,
    Model,
    Moment,
    PriceName,
    Ratio,
    Rule,
    distinct,
    obeying,
)

RATIO_DECIMALS = 6
"""Decimals of a change of prices, so that a price times its change stays exact."""


def _month_begin(moment: datetime) -> datetime:
    begin = moment.replace(day=1, hour=0, minute=0, second=0)
    if moment != begin:
        raise PydanticCustomError(
            "month_begin",
            "must be the first moment of a month (UTC), such as {begin}: AWS counts price tiers over whole months",
            {"begin": begin.date().isoformat()},
        )
    return moment


def _few_decimals(ratio: float) -> float:
    if Decimal(repr(ratio)) != round(Decimal(repr(ratio)), RATIO_DECIMALS):
        raise PydanticCustomError(
            "decimals", "must have at most {decimals} decimals", {"decimals": RATIO_DECIMALS}
        )
    return ratio


class LoadEvent(Model):
    """An extra load on top of the usual one."""

    kind: Literal["flash_sale", "launch", "viral_spike", "campaign", "bot_scrape"]
    """What happens; sets the shape where the fields below are left out (`costmodel scenario events`). Bots open no 3D models."""
    start: Moment
    """When the load begins to rise; UTC unless the time says otherwise."""
    peak_multiplier: Annotated[float, Estimate(ge=1, le=1000)] | None = None
    """Load at the peak as a multiple of the usual load at that time."""
    ramp_minutes: Annotated[float, Estimate(ge=0, le=10_080)] | None = None
    """Minutes from the start to the peak."""
    hold_minutes: Annotated[float, Estimate(ge=0, le=43_200)] | None = None
    """Minutes the peak lasts."""
    half_life_minutes: Annotated[float, Estimate(ge=1, le=43_200)] | None = None
    """Minutes in which the extra load halves after the peak."""
    geographies: Annotated[tuple[Geography, ...], AfterValidator(distinct)] | None = None
    """Where it happens; everywhere when left out."""


class RegionalOutage(Model):
    """The region does not serve. Calls of that time are lost and reach no tier, and nobody pays for them;
    some of the shoppers who were turned away come back afterwards. What is lost is reported apart from the
    errors of the tiers; `objectives.count_outages` lets it count.
    """

    kind: Literal["regional_outage"]
    """What happens."""
    start: Moment
    """When the region stops serving; UTC unless the time says otherwise."""
    hold_minutes: Annotated[float, Estimate(ge=1, le=43_200)] = assumed(
        240.0,
        "minutes",
        "design figure, as no rate is published: median of region-wide impairments. Amazon S3 in N. Virginia: "
        "about 4 h (AWS post-event summary, 2017)",
    )
    """Minutes in which nothing is served."""
    ramp_minutes: Annotated[float, Estimate(ge=0, le=10_080)] = assumed(
        60.0,
        "minutes",
        "engineering guess; N. Virginia recovered over hours after 3 h of errors (AWS post-event summary, 2025)",
    )
    """Minutes after that in which the share of calls served rises to all, along a straight line."""
    returning_ratio: Ratio = assumed(
        0.5, "share of the shoppers turned away while nothing is served", "engineering guess"
    )
    """Shoppers who try again once the region serves. Bots do not."""
    half_life_minutes: Annotated[float, Estimate(ge=1, le=43_200)] = assumed(
        50.0,
        "minutes",
        "as after a flash sale: flash crowds fade with a time constant of 30 to 120 min (Ari et al. 2003)",
        "2003-10",
    )
    """Minutes in which half of those who return are back."""


class PriceListChange(Model):
    """A what-if on AWS's price list: from a month on, some prices differ from the price book by a ratio.

    Free quantities stay free, an own price stays as agreed, and a reservation keeps the price it was bought at;
    an own percentage comes off the changed price. Of several changes that cover a price in a month the most
    exact one applies, alone; of equally exact ones the latest.
    """

    kind: Literal["price_list_change"]
    """What happens."""
    start: Annotated[Moment, AfterValidator(_month_begin)]
    """First day of the month from which the prices differ."""
    service: PriceName
    """Price-list service code, such as `AmazonEC2`."""
    change_ratio: Annotated[float, Exact(ge=-1, le=10), AfterValidator(_few_decimals)]
    """Difference as a share of the price in the book: 0.05 is five percent dearer, -1 is free."""
    family: Family | None = None
    """Only instances of this family of EC2 or RDS, such as m7g."""
    usage_type: PriceName | None = None
    """Only this AWS usage type, without its region prefix, such as `BoxUsage:m7g.large`."""
    region: PriceName | None = None
    """Only this region: an AWS region code, `global`, or `edge:<geography>` for CloudFront."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.family is None or self.usage_type is None:
            return self
        problem = "is given together with family; keep one, the most exact"
        return obeying(self, [Rule(("usage_type",), problem, self.usage_type)])

    @property
    def scope(self) -> tuple[str, str, str, str]:
        """Service, family, usage type and region; empty where any will do."""
        return (self.service, self.family or "", self.usage_type or "", self.region or "")

    @property
    def specificity(self) -> tuple[int, bool]:
        """Usage type over family over service; within these, a region over none."""
        return (2 * (self.usage_type is not None) + (self.family is not None), self.region is not None)

    @property
    def label(self) -> str:
        """Scope, change and first day in words: `AmazonEC2 family m7g +5 % from 2026-07-01`."""
        words = [self.service]
        words += [f"family {self.family}"] if self.family else []
        words += [f"usage type {self.usage_type}"] if self.usage_type else []
        words += [self.region] if self.region else []
        percent = (Decimal(repr(self.change_ratio)) * 100).normalize()
        return f"{' '.join(words)} {percent:+f} % from {self.start.date().isoformat()}"


Event = Annotated[LoadEvent | RegionalOutage | PriceListChange, Field(discriminator="kind")]
"""Something that happens at a stated time, told apart by its `kind`."""
