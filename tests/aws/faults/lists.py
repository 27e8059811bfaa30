"""Faults of what AWS lists: products, tiers, prices, units, currencies, editions and reserved terms."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from aws.cloud import REGION
from aws.faults.scene import (
    API,
    ASKING,
    GONE,
    OLDER,
    Scene,
    Unfit,
    begins_free,
    is_charged,
    is_question,
    kind,
    rates_of,
)
from aws.fixtures import PUBLICATION_DATE, Document
from aws.server import Fault, Seen
from costmodel import errors as of
from costmodel.pricing.offer import ORDINARY_TERM
from costmodel.pricing.price import ON_DEMAND, RESERVED

FUTURE = ("20310101000000", "2031-01-01T00:00:00Z")


@kind("older edition", of.OlderPrices, refreshed=True)
def _(scene: Scene) -> None:
    """The one of a year ago, at the prices of then."""
    for product in scene.listing:
        product["version"], product["publicationDate"] = OLDER
        for rate in rates_of(product):
            rate["pricePerUnit"]["USD"] = f"{Decimal(rate['pricePerUnit']['USD']) * 2:.10f}"
    scene.relist()
    scene.cloud.reissue(f"/aws/{scene.service_code}/", *OLDER)


@kind("one product of an older edition", of.OlderPrices, sources=(API,), refreshed=True)
def _(scene: Scene) -> None:
    product = scene.product(is_charged)
    product["version"], product["publicationDate"] = OLDER
    for rate in rates_of(product):
        rate["pricePerUnit"]["USD"] = f"{Decimal(rate['pricePerUnit']['USD']) * 2:.10f}"
    scene.relist()


@kind("edition of the future", of.ClockSkewed)
def _(scene: Scene) -> None:
    _reissued(scene, *FUTURE)


@kind("edition of two days", of.MalformedListing, of.PriceFileCorrupt)
def _(scene: Scene) -> None:
    """Its version is of another day than its publication, in the future or in the past."""
    _reissued(scene, scene.random.choice(("20991231000000", OLDER[0])), PUBLICATION_DATE)


def _reissued(scene: Scene, version: str, published: str) -> None:
    """All of the service is of this edition."""
    for product in scene.listing:
        product["version"], product["publicationDate"] = version, published
    scene.relist()
    scene.cloud.reissue(f"/aws/{scene.service_code}/", version, published)


@kind("rate code that cannot be printed", of.MalformedListing)
def _(scene: Scene) -> None:
    rate = scene.random.choice(scene.rates())
    rate["rateCode"] += scene.random.choice(("\x1b[2J", "\n", "\x07"))
    scene.relist()


@kind("price of more digits than are kept", of.BrokenTiers)
def _(scene: Scene) -> None:
    rate = scene.random.choice(scene.rates())
    rate["pricePerUnit"]["USD"] += "1" * 20
    scene.relist()


@kind("this machine's clock is years behind", of.ClockSkewed, of.OlderPrices, of.NothingOffered)
def _(scene: Scene) -> None:
    scene.now = datetime(scene.random.randint(2019, 2025), 3, 1, tzinfo=UTC)


@kind("this machine's clock is ahead", exact=True)
def _(scene: Scene) -> None:
    scene.now = datetime(2026, 12, scene.random.randint(1, 31), tzinfo=UTC)


@kind("shuffled", exact=True)
def _(scene: Scene) -> None:
    """Products, attributes, terms and tiers in another order."""

    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            pairs = [(name, shuffled(of_name)) for name, of_name in value.items()]
            scene.random.shuffle(pairs)
            return dict(pairs)
        return value

    scene.listing[:] = [shuffled(product) for product in scene.listing]
    scene.random.shuffle(scene.listing)
    scene.relist()


@kind("tiers overlap", of.BrokenTiers, of.AllowanceChanged)
def _(scene: Scene) -> None:
    rates = scene.rates(least=2)
    place = scene.random.randrange(1, len(rates))
    begin = Decimal(rates[place]["beginRange"])
    if scene.random.random() < 0.5:
        rates[place]["beginRange"] = f"{begin - scene.random.randint(1, int(begin))}"
    else:
        rates[place - 1]["endRange"] = f"{begin + scene.random.randint(1, 1000)}"
    scene.relist()


@kind("tiers leave a gap", of.BrokenTiers, of.AllowanceChanged)
def _(scene: Scene) -> None:
    rates = scene.rates(least=2)
    place = scene.random.randrange(1, len(rates))
    rates[place]["beginRange"] = f"{Decimal(rates[place]['beginRange']) + scene.random.randint(1, 9)}"
    scene.relist()


@kind("tiers end", of.BrokenTiers)
def _(scene: Scene) -> None:
    last = scene.rates()[-1]
    last["endRange"] = f"{Decimal(last['beginRange']) + scene.random.randint(1, 10**9)}"
    scene.relist()


@kind("tiers begin above zero", of.BrokenTiers)
def _(scene: Scene) -> None:
    first = scene.rates()[0]
    end = first["endRange"]
    first["beginRange"] = f"{scene.random.randint(1, 5 if end == 'Inf' else min(5, int(end) - 1))}"
    scene.relist()


@kind("a free step begins above zero", of.BrokenTiers, services=("AmazonRoute53",))
def _(scene: Scene) -> None:
    first = rates_of(scene.product(begins_free))[0]
    first["beginRange"] = f"{scene.random.randint(1, 49)}"
    scene.relist()


@kind("a tier missing", of.BrokenTiers, of.NoOnDemandTerm)
def _(scene: Scene) -> None:
    rate = scene.random.choice(scene.rates())
    for product in scene.listing:
        for term in product["terms"].get(ON_DEMAND, {}).values():
            term["priceDimensions"].pop(rate["rateCode"], None)
    scene.relist()


@kind("conflicting tiers", of.BrokenTiers, of.AllowanceChanged)
def _(scene: Scene) -> None:
    rate = scene.random.choice(scene.rates())
    for product in scene.listing:
        for term in product["terms"].get(ON_DEMAND, {}).values():
            if rate["rateCode"] in term["priceDimensions"]:
                price = scene.random.choice((rate["pricePerUnit"]["USD"], "0.0000000000", "7.0000000000"))
                code = f"{rate['rateCode'].rpartition('.')[0]}.ANOTHER"
                term["priceDimensions"][code] = rate | {"rateCode": code, "pricePerUnit": {"USD": price}}
    scene.relist()


LADDERS = ("AWSLambda", "AmazonS3", "AmazonRoute53")
"""Services of which something is sold in tiers."""


@kind("bounds in another unit", of.ImplausiblePrice, services=LADDERS)
def _(scene: Scene) -> None:
    """Tiers touch one another and every unit price is what it was."""
    factor = scene.random.choice([Decimal(text) for text in ("0.001", "0.0009765625", "1000", "1024", "8")])
    for rate in scene.rates(least=2):
        for name in ("beginRange", "endRange"):
            if rate[name] != "Inf":
                rate[name] = f"{Decimal(rate[name]) * factor:f}"
    scene.relist()


@kind("one bound elsewhere", of.ImplausiblePrice, services=LADDERS)
def _(scene: Scene) -> None:
    rates = scene.rates(least=2)
    place = scene.random.randrange(1, len(rates))
    low = Decimal(rates[place - 1]["beginRange"])
    high = Decimal(rates[place]["endRange"].replace("Inf", "1e12"))
    bound = scene.random.randrange(int(low) + 1, int(high))
    bound += bound == Decimal(rates[place]["beginRange"])
    rates[place - 1]["endRange"] = rates[place]["beginRange"] = f"{bound}"
    scene.relist()


@kind("a tier dropped without a gap", of.ImplausiblePrice, services=LADDERS)
def _(scene: Scene) -> None:
    """What it covered is another tier's now; often the tiers above are all gone."""
    product = scene.product(lambda one: len(rates_of(one)) > 1 and is_charged(one))
    rates = rates_of(product)
    place = scene.random.randrange(1, len(rates))
    lost = rates[place:] if scene.random.random() < 0.5 else [rates[place]]
    rates[place - 1]["endRange"] = lost[-1]["endRange"]
    for term in product["terms"][ON_DEMAND].values():
        for rate in lost:
            term["priceDimensions"].pop(rate["rateCode"], None)
    scene.relist()


@kind("a tier more", of.ImplausiblePrice)
def _(scene: Scene) -> None:
    """The last one is split, at the same price or at less; every service has one."""
    product = scene.product(is_charged)
    last = rates_of(product)[-1]
    bound = f"{Decimal(last['beginRange']) + scene.random.randint(1, 10**6)}"
    usd = Decimal(last["pricePerUnit"]["USD"]) * scene.random.choice((1, Decimal("0.9")))
    code = f"{last['rateCode'].rpartition('.')[0]}.ANOTHER"
    more = last | {"rateCode": code, "beginRange": bound, "pricePerUnit": {"USD": f"{usd:.12f}"}}
    last["endRange"] = bound
    for term in product["terms"][ON_DEMAND].values():
        if last["rateCode"] in term["priceDimensions"]:
            term["priceDimensions"][code] = more
    scene.relist()


@kind("a ladder turned round", of.ImplausiblePrice, services=LADDERS)
def _(scene: Scene) -> None:
    """It rises where it fell."""
    rates = scene.rates(least=2)
    for rate, usd in zip(rates, [rate["pricePerUnit"] for rate in reversed(rates)], strict=True):
        rate["pricePerUnit"] = usd
    scene.relist()


@kind("a new type a digit off", of.ImplausiblePrice, services=("AmazonEC2",))
def _(scene: Scene) -> None:
    """The first of its family, like no price at hand but those of other families."""
    product = scene.product(lambda one: "BoxUsage:" in one["product"]["attributes"]["usagetype"])
    usage_type = product["product"]["attributes"]["usagetype"]
    name = scene.random.choice(("m99g", "x99", "t99", "u99-6tb"))
    text = json.dumps(product).replace(product["product"]["sku"], "ANOTHERSKU000000")
    new = json.loads(text.replace(usage_type, f"EU-BoxUsage:{name}.large"))
    factor = scene.random.choice((Decimal("0.01"), Decimal(100), Decimal(1000)))
    for rate in rates_of(new):
        rate["pricePerUnit"]["USD"] = f"{Decimal(rate['pricePerUnit']['USD']) * factor:.12f}"
    new["terms"] = {ON_DEMAND: new["terms"][ON_DEMAND]}
    scene.listing.append(new)
    scene.relist()


@kind("bounds that are no numbers", of.BrokenTiers, of.AllowanceChanged)
def _(scene: Scene) -> None:
    rate = scene.random.choice(scene.rates())
    name = scene.random.choice(("beginRange", "endRange"))
    rate[name] = scene.random.choice(("", "-1", "1e3", "ten", "NaN", "0x10"))
    scene.relist()


@kind("zero price", of.PlaceholderPrice)
def _(scene: Scene) -> None:
    for rate in scene.rates():
        rate["pricePerUnit"]["USD"] = "0.0000000000"
    scene.relist()


@kind(
    "one tier at zero",
    of.PlaceholderPrice,
    of.AllowanceChanged,
    services=("AWSLambda", "AmazonS3", "AmazonRoute53"),
)
def _(scene: Scene) -> None:
    scene.random.choice(scene.rates(least=2))["pricePerUnit"]["USD"] = "0.0000000000"
    scene.relist()


@kind("negative price", of.BrokenTiers)
def _(scene: Scene) -> None:
    price = scene.random.choice(scene.rates())["pricePerUnit"]
    price["USD"] = f"-{price['USD']}"
    scene.relist()


@kind("price that is no number", of.BrokenTiers)
def _(scene: Scene) -> None:
    wrong = ("", "free", "NaN", "Infinity", "1e-7", "0,09", "0x1", "\u0663", "1_000", "+1", ".5", "1 ")
    scene.random.choice(scene.rates())["pricePerUnit"]["USD"] = scene.random.choice(wrong)
    scene.relist()


@kind("absurd price", of.ImplausiblePrice)
def _(scene: Scene) -> None:
    price = scene.random.choice(scene.rates())["pricePerUnit"]
    factor = scene.random.choice([Decimal(text) for text in ("1000000", "1000", "100", "0.01", "0.001")])
    price["USD"] = f"{Decimal(price['USD']) * factor:.12f}"
    scene.relist()


@kind("another unit", of.UnusableUnit)
def _(scene: Scene) -> None:
    rates = scene.rates()
    other = scene.random.choice([unit for unit in ("Hrs", "GB-Mo", "GB", "Keys") if unit != rates[0]["unit"]])
    for rate in rates:
        rate["unit"] = other
    scene.relist()


@kind("unknown unit", of.UnusableUnit)
def _(scene: Scene) -> None:
    for rate in scene.rates():
        rate["unit"] = "Parsecs"
    scene.relist()


@kind("one tier in another unit", of.UnusableUnit, services=("AWSLambda", "AmazonS3", "AmazonRoute53"))
def _(scene: Scene) -> None:
    scene.random.choice(scene.rates(least=2))["unit"] = "GB-Days"
    scene.relist()


@kind("another currency", of.OtherCurrency)
def _(scene: Scene) -> None:
    rate = scene.random.choice(scene.rates())
    usd = rate["pricePerUnit"].pop("USD")
    rate["pricePerUnit"] |= scene.random.choice(({}, {"CNY": usd}, {"EUR": usd, "GBP": usd}, {"usd": usd}))
    scene.relist()


@kind("a second currency", exact=True)
def _(scene: Scene) -> None:
    for rate in scene.rates():
        rate["pricePerUnit"]["CNY"] = f"{Decimal(rate['pricePerUnit']['USD']) * 7:.10f}"
    scene.relist()


@kind("no product family", exact=True)
def _(scene: Scene) -> None:
    before = json.dumps(scene.listing)
    for product in scene.listing:
        product["product"].pop("productFamily", None)
    assert json.dumps(scene.listing) != before
    scene.relist()


@kind("unheard-of attributes", exact=True)
def _(scene: Scene) -> None:
    for product in scene.listing:
        product["product"]["attributes"]["colour"] = scene.random.choice(("red", "blue", ""))
    scene.relist()


@kind("no terms", of.NoOnDemandTerm)
def _(scene: Scene) -> None:
    product = scene.product(is_charged)
    if scene.random.random() < 0.5:
        product["terms"] = {}
    else:
        product["terms"].pop(ON_DEMAND)
    scene.relist()


@kind("two terms in force", of.ConflictingPrices)
def _(scene: Scene) -> None:
    """Of one product, since the same day, at different prices."""
    terms = scene.product(is_charged)["terms"][ON_DEMAND]
    (key, term), *_ = terms.items()
    other = json.loads(json.dumps(term).replace(key, f"{term['sku']}.AN0THERC0D")) | {
        "offerTermCode": "AN0THERC0D"
    }
    for rate in other["priceDimensions"].values():
        rate["pricePerUnit"]["USD"] = f"{Decimal(rate['pricePerUnit']['USD']) * 2:.10f}"
    terms[f"{term['sku']}.AN0THERC0D"] = other
    scene.relist()


@kind("a price for some since yesterday", of.ConflictingPrices)
def _(scene: Scene) -> None:
    """A special term that began after the ordinary one, at less."""
    terms = scene.product(is_charged)["terms"][ON_DEMAND]
    term = next(term for term in terms.values() if term["offerTermCode"] == ORDINARY_TERM)
    special = json.loads(json.dumps(term).replace(ORDINARY_TERM, "SPEC1ALTRM")) | {
        "effectiveDate": "2026-11-23T00:00:00Z",
        "termAttributes": {"Restriction": "Limited SKU Usage"},
    }
    for rate in special["priceDimensions"].values():
        rate["pricePerUnit"]["USD"] = f"{Decimal(rate['pricePerUnit']['USD']) * Decimal('0.6'):.10f}"
    terms[f"{term['sku']}.SPEC1ALTRM"] = special
    scene.relist()


@kind("a term that charges for another product", of.ConflictingPrices)
def _(scene: Scene) -> None:
    named, other = scene.product(is_charged), scene.product(is_charged)
    if named is other:
        raise Unfit
    for rate in rates_of(other):
        rate["appliesTo"] = [named["product"]["sku"]]
    scene.relist()


@kind("not in force before tomorrow", of.NotInForce)
def _(scene: Scene) -> None:
    product = scene.product(is_charged)
    term, *_ = product["terms"][ON_DEMAND].values()
    term["effectiveDate"] = "2026-11-25T12:00:00Z"
    product["terms"][ON_DEMAND] = {f"{term['sku']}.{term['offerTermCode']}": term}
    scene.relist()


@kind("begins at no time", of.MalformedListing)
def _(scene: Scene) -> None:
    term, *_ = scene.product(is_charged)["terms"][ON_DEMAND].values()
    term["effectiveDate"] = scene.random.choice(("soon", "2026-10-01 00:00", "1759276800"))
    scene.relist()


@kind("term of another SKU", of.MalformedListing, of.PriceFileCorrupt)
def _(scene: Scene) -> None:
    for term in scene.product(is_charged)["terms"][ON_DEMAND].values():
        term["sku"] = "ANOTHERSKU000000"
    scene.relist()


@kind("product lost", *GONE, withdrawn=True)
def _(scene: Scene) -> None:
    lost = scene.product(is_charged)
    scene.listing.remove(lost)
    scene.relist()


@kind("many products lost", *GONE)
def _(scene: Scene) -> None:
    needed = sum(price.query.term == ON_DEMAND for price in scene.truth.of(scene.service_code).stated)
    for _ in range(needed // 2):
        lost = scene.product()
        scene.listing.remove(lost)
    scene.relist()


@kind("product moved to another region", *GONE, withdrawn=True)
def _(scene: Scene) -> None:
    product = scene.product(
        lambda one: is_charged(one) and REGION in json.dumps(one["product"]["attributes"])
    )
    attributes = product["product"]["attributes"]
    for name, value in attributes.items():
        if value == REGION:
            attributes[name] = "eu-west-2"
    attributes["usagetype"] = attributes["usagetype"].replace("EU-", "EUW2-").replace(REGION, "eu-west-2")
    scene.relist()


@kind("usage type renamed", *GONE, withdrawn=True)
def _(scene: Scene) -> None:
    scene.product(is_charged)["product"]["attributes"]["usagetype"] += "-Renamed"
    scene.relist()


@kind("another product at another price", of.ConflictingPrices)
def _(scene: Scene) -> None:
    product = scene.product(is_charged)
    sku = product["product"]["sku"]
    text = json.dumps(product).replace(sku, "ANOTHERSKU000000").replace('"USD": "', '"USD": "3')
    scene.listing.append(json.loads(text))
    scene.relist()


@kind("another product at the same price", exact=True)
def _(scene: Scene) -> None:
    product = scene.product(is_charged)
    text = json.dumps(product).replace(product["product"]["sku"], "ZZZZZZZZZZZZZZZZ")
    scene.listing.append(json.loads(text))
    scene.relist()


@kind("SKU listed twice", of.ConflictingPrices, exact=True, sources=(API,))
def _(scene: Scene) -> None:
    product = scene.product(is_charged)
    text = json.dumps(product)
    if scene.random.random() < 0.7:
        text = text.replace('"USD": "', '"USD": "3')
    scene.listing.append(json.loads(text))
    scene.relist()


@kind("rate listed twice", of.MalformedListing, **ASKING)
def _(scene: Scene) -> None:
    """Within one product, under one code, at two prices."""
    rate_code = scene.random.choice(scene.rates())["rateCode"]

    def twice(seen: Seen) -> Fault | None:
        if not is_question(seen):
            return None
        answer = scene.cloud.price_lists.answer(seen.operation, seen.arguments)
        texts = []
        for text in answer["PriceList"]:
            start = text.find(f'"{rate_code}": {{')
            if start >= 0:
                rate, end = json.JSONDecoder().raw_decode(text, start + len(rate_code) + 4)
                rate["pricePerUnit"] = {"USD": "0.0700000000"}
                first = scene.random.random() < 0.5
                again = f'"{rate_code}": {json.dumps(rate)}'
                if first:
                    text = f"{text[:start]}{again}, {text[start:]}"
                else:
                    text = f"{text[:end]}, {again}{text[end:]}"
            texts.append(text)
        if texts == answer["PriceList"]:
            return None
        return Fault(body=json.dumps(answer | {"PriceList": texts}).encode())

    scene.on_wire(scene.asked, twice)


@kind("free allowance changed", of.AllowanceChanged, services=("AmazonRoute53",))
def _(scene: Scene) -> None:
    """Of the ones stated as a first step; the others stand in no regional list."""
    free = rates_of(scene.product(begins_free))[0]
    free["endRange"] = f"{int(free['endRange']) * 2}"
    scene.relist()


@kind("free allowance gone", of.AllowanceChanged, services=("AmazonRoute53",), refreshed=True)
def _(scene: Scene) -> None:
    """The first step at 0 is no longer listed, and what is charged begins at 0."""
    product = scene.product(begins_free)
    free, charged, *_ = rates_of(product)
    term, *_ = product["terms"][ON_DEMAND].values()
    del term["priceDimensions"][free["rateCode"]]
    charged["beginRange"] = "0"
    scene.relist()


@kind("malformed product", of.MalformedListing, of.PriceFileCorrupt)
def _(scene: Scene) -> None:
    product = scene.product(is_charged)
    sku, usage_type = product["product"]["sku"], product["product"]["attributes"]["usagetype"]
    rate_code = scene.random.choice(rates_of(product))["rateCode"]
    pattern, instead = scene.random.choice(
        [
            (rf'"usagetype": "{re.escape(usage_type)}"', '"usagetype": 7'),
            (rf'"rateCode": "{rate_code}"', '"rateCode": null'),
            (rf'"sku": "{sku}",(\s*)"attributes"', r'"stock": "",\1"attributes"'),
            (rf'("rateCode": "{rate_code}",\s*"description": "[^"]*",\s*"unit"): "[^"]*"', r"\1: []"),
        ]
    )
    if scene.source is not API:
        scene.serve(scene.file, re.sub(pattern, instead, scene.content(scene.file).decode()).encode())
        return

    def malformed(seen: Seen) -> Fault | None:
        if not is_question(seen):
            return None
        answer = scene.cloud.price_lists.answer(seen.operation, seen.arguments)
        texts = [re.sub(pattern, instead, text) for text in answer["PriceList"]]
        return Fault(body=json.dumps(answer | {"PriceList": texts}).encode())

    scene.on_wire(scene.asked, malformed)


# Reserved terms.

EC2 = {"services": ("AmazonEC2",)}


def _reserved(scene: Scene) -> Document:
    product = scene.product(lambda one: RESERVED in one["terms"])
    return dict(product["terms"][RESERVED])


@kind("reserved term lost", of.PricesWithdrawn, withdrawn=True, **EC2)
def _(scene: Scene) -> None:
    """Of a product, and of the placeholder at 0 beside it."""
    product = scene.product(lambda one: RESERVED in one["terms"])
    code = scene.random.choice(sorted(product["terms"][RESERVED])).partition(".")[2]
    for one in scene.listing:
        if one["product"]["attributes"] == product["product"]["attributes"]:
            one["terms"].get(RESERVED, {}).pop(f"{one['product']['sku']}.{code}", None)
    scene.relist()


@kind("reserved term at zero", of.PlaceholderPrice, **EC2)
def _(scene: Scene) -> None:
    term = scene.random.choice(list(_reserved(scene).values()))
    for rate in term["priceDimensions"].values():
        rate["pricePerUnit"]["USD"] = "0.0000000000"
    scene.relist()


@kind("reserved term at an absurd price", of.ImplausiblePrice, **EC2)
def _(scene: Scene) -> None:
    term = scene.random.choice(list(_reserved(scene).values()))
    for rate in term["priceDimensions"].values():
        rate["pricePerUnit"]["USD"] = f"{Decimal(rate['pricePerUnit']['USD']) * 1000:.10f}"
    scene.relist()


@kind("reserved hours as a fee", of.UnusableUnit, of.PlaceholderPrice, **EC2)
def _(scene: Scene) -> None:
    term = scene.random.choice(list(_reserved(scene).values()))
    for rate in term["priceDimensions"].values():
        rate["unit"] = "Quantity"
    scene.relist()


@kind("reservations of other lengths or classes than they say", of.ImplausiblePrice, **EC2)
def _(scene: Scene) -> None:
    """Of every product: one year for three, or standard for convertible; or all dearer than on demand."""
    name, one, other = scene.random.choice(
        (("LeaseContractLength", "1yr", "3yr"), ("OfferingClass", "standard", "convertible"), ("", "", ""))
    )
    for product in scene.listing:
        for term in product["terms"].get(RESERVED, {}).values():
            if name:
                stated = term["termAttributes"]
                stated[name] = {one: other, other: one}[stated[name]]
                continue
            for rate in term["priceDimensions"].values():
                rate["pricePerUnit"]["USD"] = f"{Decimal(rate['pricePerUnit']['USD']) * Decimal('1.9'):.10f}"
    scene.relist()
