"""Where viewers are, how they reach an edge location, and how far it is from there to the bucket.

Nearly all of it is assumed: AWS publishes neither how requests spread over edge locations nor how long
an object stays. Each figure says what it rests on.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

DETOUR_RTT_MS: dict[tuple[str, str], float] = {
    ("japan", "united_states"): 110.0,
    ("asia_pacific", "united_states"): 180.0,
    ("australia", "united_states"): 150.0,
    ("south_america", "united_states"): 120.0,
    ("india", "europe"): 120.0,
    ("middle_east", "europe"): 90.0,
    ("south_africa", "europe"): 160.0,
    ("australia", "asia_pacific"): 95.0,
}
"""Round trip added for a viewer who is served from another geography. Source: engineering guess from
cable lengths."""


class Viewers(NamedTuple):
    """How viewers of a geography reach CloudFront."""

    mean_mbps: float
    """Mean speed of a connection."""
    rtt_ms: float
    """Round trip to the nearest edge location."""
    edge_locations: int
    """Edge locations among which the requests of the geography concentrate."""
    regional_caches: int


VIEWERS: dict[str, Viewers] = {
    "united_states": Viewers(18.7, 25.0, 20, 4),
    "canada": Viewers(16.2, 30.0, 4, 1),
    "europe": Viewers(13.5, 25.0, 20, 3),
    "japan": Viewers(20.2, 20.0, 4, 1),
    "australia": Viewers(11.1, 35.0, 4, 1),
    "asia_pacific": Viewers(7.2, 45.0, 10, 2),
    "india": Viewers(6.5, 50.0, 8, 1),
    "south_america": Viewers(6.8, 50.0, 6, 1),
    "middle_east": Viewers(8.6, 50.0, 4, 1),
    "south_africa": Viewers(6.7, 50.0, 3, 1),
}
"""An assumption, kept slow on purpose.

Source: speeds from Akamai, State of the Internet Q1 2017, average connection speed (2017-05), the last
of its kind: the country itself, or Germany, Spain, France, Italy and the United Kingdom together for
Europe, Indonesia for Asia Pacific, Brazil, the United Arab Emirates. Round trips, edge locations and
regional caches are engineering guesses; over 600 locations exist, but requests concentrate (Amazon
CloudFront Developer Guide, "How CloudFront delivers content", 2023-06).
"""

SPEED_SIGMA = 0.8
"""Log standard deviation of viewers' speeds: nine in ten are within a factor of 3.7 of the median.
Source: engineering guess."""
COLD_CONNECTION_RATIO = 0.1
"""Share of first views on a new connection; the others take that of the page.

Source: engineering guess, one new connection in ten requests as at the load balancer.
"""
CONNECTION_ROUND_TRIPS = 2
"""One for TCP and one for TLS 1.3; HTTP/3 needs one, a name that must be looked up some more.

Source: RFC 9293 (2022-08) and RFC 8446 (2018-08).
"""
REGIONAL_FETCH_MS = 40.0
"""From an edge location to its regional cache and back. Source: engineering guess."""
STORE_FIRST_BYTE_MS = 150.0
"""First byte of a small object from S3: 100 to 200 ms.

Source: Amazon S3 User Guide, "Performance design patterns for Amazon S3" (2023-06).
"""
HOME_RTT_MS = 30.0
AWAY_RTT_MS = 180.0
"""From a regional cache to the bucket, in its own geography or in another. Source: engineering guess."""
REGION_GEOGRAPHY = {
    "us-east-1": "united_states",
    "us-west-2": "united_states",
    "eu-west-1": "europe",
    "eu-central-1": "europe",
    "ap-southeast-1": "asia_pacific",
    "ap-northeast-1": "japan",
    "ap-south-1": "india",
    "sa-east-1": "south_america",
}
"""Geography of each region. Source: AWS Regions and Availability Zones (2023-06)."""

EDGE_RESIDENCE_S = 3 * 86_400.0
"""Time without a request after which an edge location drops an object.

The same for small objects and large ones: what is dropped is what waited longest, whatever its size,
and the room it waits for is shared with all other customers, whose bytes and not this shop's decide
how long that takes. So models and static files differ in how often they are asked for, not in this.
Source: Amazon CloudFront Developer Guide, "Managing how long content stays in the cache" (2023-06) says
that unpopular objects go early; three days, within 1 to 7, is an engineering guess. One time for all
sizes: Che, Tung and Wang (2002), held against a simulation in tests/oracle/test_cache_oracle.py.
"""


def all_caches(geographies: Iterable[str]) -> Viewers:
    """The caches of several geographies as one: so many edge locations and regional caches together."""
    present = [VIEWERS[geography] for geography in geographies]
    return Viewers(
        0.0,
        0.0,
        sum(viewers.edge_locations for viewers in present),
        sum(viewers.regional_caches for viewers in present),
    )
