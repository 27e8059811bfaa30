"""Every kind of fault that can be drawn.

Each kind plants one fault in the small AWS and says which errors may come of it, and whether AWS's true
prices may still get through.
"""

from aws.faults import files, lists, plans, wire
from aws.faults.scene import KINDS

REGISTERED = (wire, files, lists, plans)
"""Modules that put their kinds into `KINDS` as they are imported."""

__all__ = ["KINDS", "REGISTERED"]
