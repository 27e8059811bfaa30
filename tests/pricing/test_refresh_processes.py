"""Several processes that refresh at once, and processes that are killed: books stay whole and true.

`test_shelf.py` does the same to the shelf alone, more often.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from aws.cloud import Cloud
from shops.refresh_drill import TRUTHS

TESTS = Path(__file__).parent.parent


def drill(exercise: str, folder: Path) -> dict[str, Any]:
    """Run one exercise of `refresh_drill.py` in a process of its own, beside two clouds at different prices."""
    with Cloud.open() as one, Cloud.open() as other:
        clouds = (one, other)
        for cloud, truth in zip(clouds, TRUTHS, strict=True):
            cloud.charge(truth)
        done = subprocess.run(
            [sys.executable, "-m", "shops.refresh_drill", exercise, str(folder)],
            cwd=TESTS,
            env=os.environ | {"PYTHONPATH": str(TESTS)},
            input=json.dumps([cloud.environment for cloud in clouds]),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert isinstance(result, dict)
    return result


def test_two_processes_that_refresh_at_once_never_mix(tmp_path: Path) -> None:
    assert drill("together", tmp_path) == {"rounds": 9}


def test_kill_9_in_a_refresh_leaves_the_shelf_whole(tmp_path: Path) -> None:
    result = drill("killed", tmp_path)
    assert result["kills"] == 30
    assert result["midway"] >= 25  # hardly any fell between two refreshes
    assert result["books"] > 5  # some came after a whole refresh or several
