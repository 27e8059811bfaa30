"""Answers of the Price List as AWS published them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import botocore

CLOUDFRONT_EUROPE: dict[str, Any] = {
    "product": {
        "productFamily": "Data Transfer",
        "sku": "VU3485RNDU6HBQF6",
        "attributes": {
            "servicecode": "AmazonCloudFront",
            "servicename": "Amazon CloudFront",
            "transferType": "CloudFront Outbound",
            "fromLocation": "Europe",
            "fromLocationType": "AWS Edge Location",
            "toLocation": "External",
            "toLocationType": "Other",
            "usagetype": "EU-DataTransfer-Out-Bytes",
            "operation": "",
            "fromRegionCode": "",
            "toRegionCode": "",
        },
    },
    "serviceCode": "AmazonCloudFront",
    "terms": {
        "OnDemand": {
            "VU3485RNDU6HBQF6.JRTCKXETXF": {
                "sku": "VU3485RNDU6HBQF6",
                "offerTermCode": "JRTCKXETXF",
                "effectiveDate": "2025-04-01T00:00:00Z",
                "priceDimensions": {
                    f"VU3485RNDU6HBQF6.JRTCKXETXF.{suffix}": {
                        "rateCode": f"VU3485RNDU6HBQF6.JRTCKXETXF.{suffix}",
                        "description": f"${usd} per GB",
                        "beginRange": begin,
                        "endRange": end,
                        "unit": "GB",
                        "pricePerUnit": {"USD": usd},
                        "appliesTo": [],
                    }
                    for suffix, begin, end, usd in (
                        ("SW9U2ZKBYX", "5242880", "Inf", "0.0200000000"),
                        ("Q3Z75P77EN", "0", "10240", "0.0850000000"),
                        ("AZ7GJS7NVF", "153600", "512000", "0.0400000000"),
                        ("VF6T3GAUKQ", "10240", "51200", "0.0800000000"),
                        ("RBMR72YW69", "1048576", "5242880", "0.0250000000"),
                        ("N9EW5UVVPA", "51200", "153600", "0.0600000000"),
                        ("3B9CK5AZ6J", "512000", "1048576", "0.0300000000"),
                    )
                },
                "termAttributes": {},
            }
        }
    },
    "version": "20250701211647",
    "publicationDate": "2025-07-01T21:16:47Z",
}
"""The product of the real AmazonCloudFront offer of 2025-07-01, its tiers in another order than by quantity."""


def published_example(operation: str) -> dict[str, Any]:
    """The example that botocore ships with the API's model: what is asked and what is answered."""
    folder = Path(botocore.__file__).parent / "data" / "pricing" / "2017-10-15"
    plain, packed = folder / "examples-1.json", folder / "examples-1.json.gz"
    content = plain.read_bytes() if plain.exists() else gzip.decompress(packed.read_bytes())
    return dict(json.loads(content)["examples"][operation][0])
