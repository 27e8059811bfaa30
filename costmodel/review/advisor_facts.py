"""What a run says about its recommended design, asked for by name.

A fact that the run does not hold raises `Unknown`, so that a check is called undecidable, not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate
from typing import Any

from costmodel.decision.run import DesignNote, Run
from costmodel.scenario.estimate import Estimate  # noqa: F401
