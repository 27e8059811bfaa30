"""What AWS answers, read from what botocore makes of it: an answer of another shape has a name, never a crash."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import msgspec

from costmodel.errors import ApiFailed, MalformedListing
from costmodel.pricing.aws_errors import AGAIN

T = TypeVar("T")

STUMBLES = (AttributeError, KeyError, RecursionError, RuntimeError, TypeError, ValueError)
"""What botocore 1.44.5 raises over an answer that it can decode and that has another shape, such as `null`."""


def readable(operation: str, pages: Iterable[T]) -> Iterator[T]:
    """Pages as botocore makes them. Raises ApiFailed for one that it cannot read."""
    from botocore.parsers import ResponseParserError

    waiting = iter(pages)
    while True:
        try:
            page = next(waiting)
        except StopIteration:
            return
        except (ResponseParserError, *STUMBLES) as error:
            raise ApiFailed(operation, f"the answer cannot be read ({error})", AGAIN) from error
        yield page


def entry(operation: str, answer: Any, kind: type[T]) -> T:
    """One entry of an answer. Raises MalformedListing for one of another kind, or without a field."""
    try:
        return msgspec.convert(answer, kind)
    except msgspec.ValidationError as error:
        raise MalformedListing(operation, f"an entry without a usable field ({error})") from error
