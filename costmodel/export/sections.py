"""What a page of the report is made of: sections of text, charts and tables, in words."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from costmodel.export.charts import Chart

NOTHING = "\N{EN DASH}"
"""Stands where there is no figure."""
_SLUG_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    number: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under their columns."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    total: tuple[str, ...] = ()
    title: str = ""
    folded: bool = False
    """Hidden behind its title until asked for."""


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the report, in the order shown."""

    title: str
    text: tuple[str, ...] = ()
    warning: str = ""
    chart: Chart | None = None
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()

    @property
    def anchor(self) -> str:
        return slug(self.title)


def number(name: str) -> Column:
    """A column of figures."""
    return Column(name, number=True)


def slug(text: str) -> str:
    """Lower-case letters, digits and single dashes."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_SLUG_LENGTH].rstrip("-") or "scenario"


def words(name: str) -> str:
    """A name of the program as a reader writes it."""
    return name.replace("_", " ")
