"""A clock that stands still, so that tests say the same on any day."""

from __future__ import annotations

from datetime import UTC, date, datetime, tzinfo
from typing import Self

import pytest

TODAY = date(2026, 11, 24)


class Noon(datetime):
    """It is always noon of `TODAY`, in UTC."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return cls(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=UTC)


def stop_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the command line it is noon of `TODAY`."""
    monkeypatch.setattr("costmodel.cli.books.today", lambda: TODAY)
    monkeypatch.setattr("costmodel.cli.prices_refresh.datetime", Noon)
