"""Spot prices: the history that AWS publishes per instance type and zone, or an inference from the Spot Advisor."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from costmodel.errors import ApiFailed, MalformedListing, NothingOffered, PlaceholderPrice, PriceNotFound
from costmodel.pricing.aws_answers import entry, readable
from costmodel.pricing.aws_errors import AGAIN, aws_errors
from costmodel.pricing.discounts import SpotSaving, spot_saving
from costmodel.pricing.price import SPOT as TERM
from costmodel.pricing.price import Price, PriceQuery, PriceTier
from costmodel.pricing.snapshot import PRICE_COLUMNS, SPOT, Part, decimal, partition_path, price_rows

if TYPE_CHECKING:
    from botocore.client import BaseClient

    from costmodel.pricing.book import PriceBook

SERVICE_CODE = "AmazonEC2"
LINUX = "Linux/UNIX"
USAGE = "SpotUsage:"
OPERATION = "DescribeSpotPriceHistory"
LONGEST_HISTORY = timedelta(days=90)
"""How far back AWS tells. Source: `ec2` API model of botocore 1.44.5, DescribeSpotPriceHistory."""
PRICE_STEP = Decimal("0.000001")
"""Spot prices have six decimals; means are rounded to as many. Source: botocore 1.44.5, its example."""
TYPES_PER_QUESTION = 100
"""Engineering choice, below the 200 values that a filter of the `ec2` API takes."""
MEAN, LOWEST, HIGHEST = "mean", "lowest", "highest"
"""Values of the attribute `statistic`."""

Change = tuple[datetime, Decimal]
"""From when on, and the price per hour."""


class _Told(msgspec.Struct, rename="pascal"):
    """One entry of the history."""

    instance_type: str
    product_description: str
    spot_price: str
    timestamp: Annotated[datetime, msgspec.Meta(tz=True)]
    availability_zone: str = ""
    availability_zone_id: str = ""

    def __post_init__(self) -> None:
        if not self.zone:
            raise ValueError("Object missing required field `AvailabilityZone`")

    @property
    def zone(self) -> str:
        """Its id (`use1-az1`) means the same zone in every account; its name (`us-east-1a`) does not."""
        return self.availability_zone_id or self.availability_zone


@dataclass(frozen=True, slots=True)
class SpotPrice:
    """What an hour of a spot instance costs, and how sure that is. Billed per second, no commitment."""

    on_demand: Price
    unit_price: Decimal
    """Mean over the zones and the time observed, or inferred."""
    lowest_unit_price: Decimal | None
    highest_unit_price: Decimal | None
    """Of any zone at any time observed; None where the mean is inferred."""
    published: bool
    """True when it comes from AWS's price history; False when `basis` infers it."""
    basis: str
    source: str
    as_of: str
    interruption_band: str
    """Share of instances reclaimed in a month, such as `5-10%`; empty where the Spot Advisor says nothing."""

    @property
    def saving_ratio(self) -> Decimal:
        """Share of the on-demand price that is saved; negative where spot is dearer."""
        return 1 - self.unit_price / self.on_demand.tiers[0].list_unit_price


def spot_price(book: PriceBook, instance_type: str, region_id: str) -> SpotPrice:
    """What a Linux spot instance costs: the book's price history, else on demand less the Spot Advisor's saving.

    Source of the inference: the Spot Advisor states the mean saving over on demand of the month before.
    Raises PriceNotFound where the type has no on-demand price or neither is known; PriceCacheCorrupt.
    """
    on_demand = book.price(PriceQuery(SERVICE_CODE, region_id, f"BoxUsage:{instance_type}"))
    advice = spot_saving(book, instance_type, region_id)
    history = book.committed(PriceQuery(SERVICE_CODE, region_id, f"{USAGE}{instance_type}"))
    if history:
        return _observed(on_demand, history, advice)
    if advice is None:
        raise PriceNotFound(
            f"no spot price for {instance_type} in {region_id}: neither a price history nor the Spot Advisor has "
            f"it. With an AWS account, try: costmodel prices refresh --service AmazonEC2 --region {region_id}"
        )
    return SpotPrice(
        on_demand=on_demand,
        unit_price=on_demand.tiers[0].list_unit_price * (1 - advice.saving_ratio),
        lowest_unit_price=None,
        highest_unit_price=None,
        published=False,
        basis=f"on demand less {100 * advice.saving_ratio:.0f} %, the Spot Advisor's mean saving",
        source=advice.source,
        as_of=advice.as_of,
        interruption_band=advice.interruption_band,
    )


def spot_hours(book: PriceBook, query: PriceQuery) -> Price:
    """What `query` costs, which names a spot usage type but no zone: all zones alike.

    Raises PriceNotFound, PriceCacheCorrupt.
    """
    found = spot_price(book, query.usage_type.removeprefix(USAGE), query.region_id)
    return Price(
        query=query,
        description=f"{query.usage_type.removeprefix(USAGE)} Linux spot, {found.basis}",
        pricing_unit="Hrs",
        tiers=(PriceTier(Decimal(0), None, found.unit_price),),
        source=found.source,
        as_of=found.as_of,
    )


def spot_history(
    client: BaseClient, region_id: str, instance_types: Sequence[str], start: datetime, end: datetime
) -> tuple[Price, ...]:
    """Time-weighted mean, lowest and highest Linux spot price of each type and zone between two times.

    Asks `ec2` DescribeSpotPriceHistory, page by page; `client` comes from `open_client("ec2", region_id)`.
    Both times carry a time zone. A type without a price in that time is left out. Raises ValueError for
    a time span that is empty or longer than 90 days; PriceApiError; MalformedListing for an answer
    that is no price history; PlaceholderPrice for a price of 0; NothingOffered if no type has a price.
    """
    if not timedelta(0) < end - start <= LONGEST_HISTORY:
        raise ValueError(f"from {start} to {end}: AWS keeps {LONGEST_HISTORY.days} days of spot prices")
    changes: dict[tuple[str, str], list[Change]] = defaultdict(list)
    with aws_errors(OPERATION, "ec2"):
        for answer in _answers(client, instance_types, start, end):
            told = entry(OPERATION, answer, _Told)
            if told.product_description == LINUX:
                changes[told.instance_type, told.zone].append(_change(told))
    if not changes:
        raise NothingOffered(f"spot prices in {region_id}", f"AWS tells none of {len(instance_types)} types")
    source = f"ec2 {OPERATION}, {(end - start).days} days"
    as_of = end.astimezone(UTC).date().isoformat()
    return tuple(
        Price(
            query=_query(region_id, instance_type, zone, statistic),
            description=f"{instance_type} Linux spot, {statistic} of {(end - start).days} days",
            pricing_unit="Hrs",
            tiers=(PriceTier(Decimal(0), None, price),),
            source=source,
            as_of=as_of,
        )
        for (instance_type, zone), of_zone in sorted(changes.items())
        for statistic, price in _statistics(of_zone, start, end).items()
    )


def spot_part(prices: Sequence[Price], region_id: str, *, origin: str, retrieved_at: str) -> Part:
    """The spot prices of one region as a file of a price folder."""
    return Part(
        path=partition_path(SERVICE_CODE, region_id, SPOT),
        kind=SPOT,
        columns=PRICE_COLUMNS,
        rows=[row for price in sorted(prices, key=lambda price: price.query) for row in price_rows(price)],
        service_code=SERVICE_CODE,
        region_id=region_id,
        origin=origin,
        retrieved_at=retrieved_at,
    )


def _observed(on_demand: Price, history: Sequence[Price], advice: SpotSaving | None) -> SpotPrice:
    """All zones alike: a group spreads its instances over them."""
    by_statistic: dict[str, list[Decimal]] = defaultdict(list)
    for price in history:
        by_statistic[dict(price.query.attributes)["statistic"]].append(price.tiers[0].list_unit_price)
    means = by_statistic[MEAN]
    return SpotPrice(
        on_demand=on_demand,
        unit_price=(sum(means, Decimal(0)) / len(means)).quantize(PRICE_STEP, ROUND_HALF_UP),
        lowest_unit_price=min(by_statistic[LOWEST]),
        highest_unit_price=max(by_statistic[HIGHEST]),
        published=True,
        basis=f"price history, mean of {len(means)} zones",
        source=history[0].source,
        as_of=min(price.as_of for price in history),
        interruption_band=advice.interruption_band if advice else "",
    )


def _statistics(changes: Iterable[Change], start: datetime, end: datetime) -> Mapping[str, Decimal]:
    """Mean weighted by how long each price held, lowest and highest; empty if none held between the times.

    AWS tells the last change before the start too: it is the price at the start.
    """
    ordered = sorted(changes)
    until = [later for (_, _), (later, _) in pairwise(ordered)] + [end]
    held = [
        (price, min(to, end) - max(since, start)) for (since, price), to in zip(ordered, until, strict=True)
    ]
    held = [(price, time) for price, time in held if time > timedelta(0)]
    if not held:
        return {}
    weights = [Decimal(time // timedelta(microseconds=1)) for _, time in held]
    total = sum((price * weight for (price, _), weight in zip(held, weights, strict=True)), Decimal(0))
    prices = [price for price, _ in held]
    mean = (total / sum(weights)).quantize(PRICE_STEP, ROUND_HALF_UP)
    return {MEAN: mean, LOWEST: min(prices), HIGHEST: max(prices)}


def _query(region_id: str, instance_type: str, zone: str, statistic: str) -> PriceQuery:
    attributes = (("statistic", statistic), ("zone", zone))
    return PriceQuery(SERVICE_CODE, region_id, f"{USAGE}{instance_type}", attributes, TERM)


def _answers(
    client: BaseClient, instance_types: Sequence[str], start: datetime, end: datetime
) -> Iterator[Mapping[str, Any]]:
    paginator = client.get_paginator("describe_spot_price_history")
    for first in range(0, len(instance_types), TYPES_PER_QUESTION):
        types = list(instance_types[first : first + TYPES_PER_QUESTION])
        asked = {"InstanceTypes": types, "ProductDescriptions": [LINUX], "StartTime": start, "EndTime": end}
        for page in readable(OPERATION, paginator.paginate(**asked)):
            if "SpotPriceHistory" not in page:
                raise ApiFailed(OPERATION, "the answer is cut short", AGAIN)
            yield from page["SpotPriceHistory"]


def _change(told: _Told) -> Change:
    """Raises MalformedListing, PlaceholderPrice."""
    try:
        price = decimal(told.spot_price)
    except ValueError as error:
        raise MalformedListing(OPERATION, f"a price without a usable figure ({error})") from error
    if not price:
        raise PlaceholderPrice(f"spot price of {told.instance_type} in {told.zone}", "the price listed is 0")
    return told.timestamp, price
