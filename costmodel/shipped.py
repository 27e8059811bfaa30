"""Where the files that ship with the package are: price snapshot and example scenarios."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parent


def shipped(name: str) -> Path:
    """Folder `name` (`pricing_cache` or `scenarios`): inside an installed wheel, or in the checkout."""
    installed = PACKAGE / "_shipped" / name
    return installed if installed.is_dir() else PACKAGE.parent / name
