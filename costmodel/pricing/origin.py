"""How AWS can be asked for its prices."""

from __future__ import annotations

from enum import StrEnum


class Source(StrEnum):
    """One of the three ways AWS serves its price list."""

    API = "api"
    """GetProducts, filtered; needs credentials."""
    BULK = "bulk"
    """Price list files from the public index; needs none."""
    LIST = "list"
    """Price list files found through ListPriceLists; needs credentials."""
