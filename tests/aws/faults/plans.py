"""Faults of Savings Plans and of spot prices."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from aws.cloud import REGION, SKU_OF_PLAN, PlanRate, plan_rates
from aws.faults.scene import API, FILES, HTML, LIST, OLDER, Scene, kind
from aws.fixtures import VERSION
from aws.server import Fault
from costmodel import errors as of
from costmodel.errors import PriceError

PLANS = "/savingsPlan/v1.0/aws/AWSComputeSavingsPlan"
PLAN_INDEX = f"{PLANS}/current/region_index.json"
PLAN_FILE = f"{PLANS}/{VERSION}/{REGION}/index.json"
EC2 = {"services": ("AmazonEC2",)}
PLANNED = {"services": ("AmazonEC2", "AWSLambda")}
PLAN_API = {"sources": (API,), **PLANNED}
PLAN_FILES = {"sources": FILES, **PLANNED}

# Savings Plans: through the API, and in files.


def _one_rate(change: Callable[[Scene, PlanRate], list[PlanRate]]) -> Callable[[Scene], None]:
    """Plans are sold with one rate of the service changed."""

    def plant(scene: Scene) -> None:
        rates = list(plan_rates(scene.truth.stated))
        chosen = scene.random.choice([rate for rate in rates if rate[0] == scene.service_code])
        place = rates.index(chosen)
        scene.cloud.sell([*rates[:place], *change(scene, chosen), *rates[place + 1 :]])

    return plant


def _at(scene: Scene, rate: PlanRate, price: Any) -> PlanRate:
    return (*rate[:3], price, rate[4])


kind("plan rate at zero", of.PlaceholderPrice, **PLANNED)(
    _one_rate(lambda scene, rate: [_at(scene, rate, Decimal(0))])
)
kind("plan rate below zero", of.MalformedListing, **PLANNED)(
    _one_rate(lambda scene, rate: [_at(scene, rate, -rate[3])])
)
kind("plan rate that is no number", of.MalformedListing, **PLANNED)(
    _one_rate(lambda scene, rate: [_at(scene, rate, Decimal(scene.random.choice(("NaN", "Infinity"))))])
)
kind("plan rate absurd", of.ImplausiblePrice, **PLANNED)(
    _one_rate(lambda scene, rate: [_at(scene, rate, rate[3] * scene.random.choice((Decimal("0.001"), 1000)))])
)
for word, factor in (("ten times as much", Decimal(10)), ("a tenth", Decimal("0.1"))):
    kind(f"plan rate {word}", of.ImplausiblePrice, **PLANNED)(
        _one_rate(lambda scene, rate, factor=factor: [_at(scene, rate, rate[3] * factor)])
    )
kind("plan rate in another unit", of.UnusableUnit, **PLANNED)(
    _one_rate(lambda scene, rate: [(*rate[:4], scene.random.choice(("GB-Mo", "Parsecs")))])
)
kind("plan rate listed at two prices", of.ConflictingPrices, **PLANNED)(
    _one_rate(lambda scene, rate: [rate, _at(scene, rate, rate[3] * Decimal("1.1"))])
)
kind("plan rate listed twice", exact=True, **PLANNED)(_one_rate(lambda scene, rate: [rate, rate]))
kind("plan rate lost", of.PricesWithdrawn, of.NothingOffered, refreshed=True, **PLANNED)(
    _one_rate(lambda scene, rate: [])
)


@kind("all plan rates of a service lost", of.PricesWithdrawn, of.NothingOffered, refreshed=True, **PLANNED)
def _(scene: Scene) -> None:
    rates = plan_rates(scene.truth.stated)
    scene.cloud.sell(rate for rate in rates if rate[0] != scene.service_code)


@kind("no plan rate is needed", of.NothingOffered, **PLANNED)
def _(scene: Scene) -> None:
    scene.cloud.sell([("AmazonECS", "EU-Fargate", "", Decimal("0.02"), "Hrs")])


@kind("plan rate in another currency", of.OtherCurrency, **PLANNED)
def _(scene: Scene) -> None:
    scene.serve(PLAN_FILE, scene.content(PLAN_FILE).replace(b'"USD"', b'"CNY"'))
    text = json.dumps(scene.cloud.commitments.rates).replace('"USD"', '"CNY"')
    scene.cloud.commitments.rates = json.loads(text)


@kind("plan rate without a field", of.MalformedListing, of.PriceFileCorrupt, **PLANNED)
def _(scene: Scene) -> None:
    if scene.source is API:
        rates = json.loads(json.dumps(scene.cloud.commitments.rates))
        name = scene.random.choice(("rate", "unit", "usageType", "durationSeconds"))
        for rate in rates:
            del (rate if name in rate else rate["savingsPlanOffering"])[name]
        scene.cloud.commitments.rates = rates
    else:
        name = scene.random.choice((b"discountedRate", b"unit", b"discountedUsageType", b"rateCode", b"sku"))
        scene.serve(PLAN_FILE, scene.content(PLAN_FILE).replace(b'"%b"' % name, b'"colour"'))


@kind("plan file says one thing twice", of.PriceFileCorrupt, **PLAN_FILES)
def _(scene: Scene) -> None:
    """A member of a rate, of a term, of a product or of the file; or a product for another length."""
    text = scene.content(PLAN_FILE).decode()
    product = json.dumps(scene.document(PLAN_FILE)["products"][0])
    planted = {
        '"price": "': '"price": "0.01", "price": "',
        '"discountedRate": ': '"discountedRate": {"price": "0.01", "currency": "USD"}, "discountedRate": ',
        '"leaseContractLength": ': f'"sku": "{SKU_OF_PLAN}", "leaseContractLength": ',
        '"purchaseTerm": ': '"purchaseTerm": "3yr", "purchaseTerm": ',
        '"version": ': '"version": "20261007120001", "version": ',
        '"terms": ': '"terms": {"savingsPlan": []}, "terms": ',
        f'"products": [{product}': f'"products": [{product.replace("1yr", "3yr")}, {product}',
    }
    once = scene.random.choice(sorted(planted))
    assert once in text
    scene.serve(PLAN_FILE, text.replace(once, planted[once], 1).encode())


@kind("plan rates bind for another length", of.PriceFileCorrupt, **PLAN_FILES)
def _(scene: Scene) -> None:
    length = scene.random.choice((b'"duration": 3', b'"duration": 0', b'"duration": "1"'))
    scene.serve(PLAN_FILE, scene.content(PLAN_FILE).replace(b'"duration": 1', length))


@kind("plan file cut", of.PriceFileCorrupt, **PLAN_FILES)
def _(scene: Scene) -> None:
    content = scene.content(PLAN_FILE)
    scene.serve(PLAN_FILE, content[: scene.random.randrange(len(content))])


@kind("plan file is a page for humans", of.PriceFileCorrupt, **PLAN_FILES)
def _(scene: Scene) -> None:
    scene.serve(PLAN_FILE, scene.random.choice((HTML, b"", b"{}", b"[]", b'{"products": [], "terms": {}}')))


@kind("plan file missing", of.PriceFileNotFound, **PLAN_FILES)
def _(scene: Scene) -> None:
    scene.without(scene.random.choice((PLAN_FILE, PLAN_INDEX)))


@kind("plan index leads nowhere", of.PriceFileNotFound, **PLAN_FILES)
def _(scene: Scene) -> None:
    regions = [{"regionCode": REGION, "versionUrl": "/savingsPlan/v1.0/aws/nowhere.json"}]
    other = [{"regionCode": "eu-west-2", "versionUrl": PLAN_FILE}]
    scene.serve(PLAN_INDEX, json.dumps({"regions": scene.random.choice((regions, other))}).encode())


@kind("plan file of an older edition", of.OlderPrices, refreshed=True, **PLAN_FILES)
def _(scene: Scene) -> None:
    scene.cloud.reissue(f"{PLANS}/", *OLDER)


@kind("plan file of another edition than the index names", of.PriceFileCorrupt, **PLAN_FILES)
def _(scene: Scene) -> None:
    document = scene.document(PLAN_FILE) | {"version": OLDER[0], "publicationDate": OLDER[1]}
    scene.serve(PLAN_FILE, json.dumps(document).encode())


@kind("plan download cut", of.FileUnavailable, of.DownloadFailed, exact=True, **PLAN_FILES)
def _(scene: Scene) -> None:
    scene.on_wire(
        lambda seen: seen.path == PLAN_FILE,
        lambda _: Fault(cut_after_bytes=scene.random.choice((-1, 0, 10, 100))),
        scene.now_and_then,
    )


# The APIs of Savings Plans and of spot prices.

SPOT = {"sources": (API, LIST), **EC2}


def _refused(name: str, status: int, codes: tuple[str, ...], error: type[PriceError], *, exact: bool) -> None:
    for what, where in (("plans", PLAN_API), ("spot", {"sources": (LIST,), **EC2})):

        @kind(f"{what}: {name}", error, exact=exact, **where)
        def _(scene: Scene) -> None:
            times = min(scene.now_and_then, 50) if exact else 50
            scene.cloud.commitments.faults = [(status, scene.random.choice(codes))] * times


_refused("throttled", 503, ("RequestLimitExceeded", "Throttling"), of.ApiThrottled, exact=True)
_refused("5xx", 500, ("InternalError", "InternalServerException"), of.ApiFailed, exact=True)
_refused("denied", 403, ("UnauthorizedOperation", "AccessDeniedException"), of.AccessDenied, exact=False)
_refused("expired token", 403, ("ExpiredToken", "RequestExpired"), of.CredentialsExpired, exact=False)
_refused("clock skew", 403, ("RequestTimeTooSkewed",), of.ClockSkewed, exact=False)


@kind("plans and spot cut short", of.ApiFailed, **SPOT)
def _(scene: Scene) -> None:
    scene.cloud.commitments.bare = True


PLAN_BODIES = (
    b"null",
    b"[]",
    b"[" * 100_000,
    b'{"searchResults": [null]}',
    b'{"searchResults": [{}]}',
    b'{"searchResults": [{"savingsPlanOffering": {"durationSeconds": "a year"}}]}',
    b'{"searchResults": [], "nextToken": 7}',
)
SPOT_CHANGE = (
    "<DescribeSpotPriceHistoryResponse><spotPriceHistorySet><item><instanceType>m7g.large</instanceType>"
    "<productDescription>Linux/UNIX</productDescription><spotPrice>0.03</spotPrice>"
    "<timestamp>{}</timestamp><availabilityZone>eu-west-1a</availabilityZone></item></spotPriceHistorySet>"
    "</DescribeSpotPriceHistoryResponse>"
)
SPOT_TIMES = ("yesterday", "", "2026-13-01T00:00:00Z", "2026-11-01", "99999999999999999")
SPOT_BODIES = (b"", b"<x", b"<html/>", *(SPOT_CHANGE.format(time).encode() for time in SPOT_TIMES))


@kind("plans answered in another form", of.ApiFailed, of.MalformedListing, **PLAN_API)
def _(scene: Scene) -> None:
    scene.cloud.commitments.bodies = {"savingsplans": scene.random.choice(PLAN_BODIES)}


@kind("spot answered in another form", of.ApiFailed, of.MalformedListing, **SPOT)
def _(scene: Scene) -> None:
    scene.cloud.commitments.bodies = {"ec2": scene.random.choice(SPOT_BODIES)}


@kind("plans and spot in a circle", of.ApiFailed, **SPOT)
def _(scene: Scene) -> None:
    scene.cloud.commitments.loop = True


def _spot(name: str, usd: str, error: type[PriceError]) -> None:
    @kind(f"spot {name}", error, **SPOT)
    def _(scene: Scene) -> None:
        changes = [dict(change) for change in scene.cloud.commitments.spot]
        scene.random.choice(changes)["spotPrice"] = usd
        scene.cloud.commitments.spot = changes


_spot("price below zero", "-0.1", of.MalformedListing)
_spot("price that is no number", "cheap", of.MalformedListing)
_spot("price at zero", "0.000000", of.PlaceholderPrice)
_spot("price absurd", "900.000000", of.ImplausiblePrice)


def _spot_times(name: str, factor: Decimal) -> None:
    @kind(f"spot price {name}", of.ImplausiblePrice, **SPOT)
    def _(scene: Scene) -> None:
        changes = [dict(change) for change in scene.cloud.commitments.spot]
        chosen = scene.random.choice(changes)
        chosen["spotPrice"] = f"{Decimal(chosen['spotPrice']) * factor:.6f}"
        scene.cloud.commitments.spot = changes


_spot_times("ten times as much", Decimal(10))
_spot_times("a tenth", Decimal("0.1"))


@kind("spot prices lost", of.PricesWithdrawn, refreshed=True, **SPOT)
def _(scene: Scene) -> None:
    """Of one type in three."""
    changes = list(scene.cloud.commitments.spot)
    changes.remove(scene.random.choice(changes))
    scene.cloud.commitments.spot = changes


@kind("no spot prices", of.NothingOffered, **SPOT)
def _(scene: Scene) -> None:
    scene.cloud.commitments.spot = []


@kind("spot price without a field", of.MalformedListing, **SPOT)
def _(scene: Scene) -> None:
    changes = [dict(change) for change in scene.cloud.commitments.spot]
    del scene.random.choice(changes)[scene.random.choice(("spotPrice", "availabilityZone"))]
    scene.cloud.commitments.spot = changes
