"""What the Query API answers: one product with its terms, as a JSON text within JSON."""

from __future__ import annotations

import msgspec

from costmodel.errors import MalformedListing
from costmodel.pricing.offer import (
    FLAT_RATE,
    Edition,
    OfferedProduct,
    Plans,
    Product,
    Term,
    refuse_no_edition,
    refuse_repeats,
)

FORMAT_VERSION = "aws_v1"


class _Listing(msgspec.Struct, frozen=True, rename="camel"):
    product: Product
    service_code: str
    version: str
    publication_date: str
    terms: dict[str, msgspec.Raw] = {}


_LISTING = msgspec.json.Decoder(_Listing)
_TERMS = msgspec.json.Decoder(dict[str, Term])
_PLANS = msgspec.json.Decoder(Plans)


def read_listing(text: str) -> OfferedProduct:
    """Decode one element of a GetProducts `PriceList`. Raises MalformedListing.

    Source: AWS Price List API Reference, GetProducts; the example in botocore 1.44.5.
    """
    try:
        listing = _LISTING.decode(text)
        terms = {kind: _terms(kind, raw) for kind, raw in listing.terms.items()}
        refuse_repeats(text)
        refuse_no_edition(listing.version, listing.publication_date)
    except (ValueError, RecursionError) as error:
        begin = text[:60].replace("\n", " ")
        raise MalformedListing(
            f"price list product {begin!r}...", f"not a product with its terms ({error})"
        ) from error
    for kind, of_kind in terms.items():
        for term in of_kind:
            if term.sku != listing.product.sku:
                raise MalformedListing(
                    f"price list product {listing.product.sku}",
                    f"one of its {kind} terms is of SKU {term.sku}",
                )
    edition = Edition(listing.service_code, listing.version, listing.publication_date)
    return OfferedProduct(listing.product, terms, edition)


def _terms(kind: str, raw: msgspec.Raw) -> tuple[Term, ...]:
    if kind == FLAT_RATE:
        return tuple(plan.as_term() for plan in _PLANS.decode(raw).plans)
    return tuple(_TERMS.decode(raw).values())
