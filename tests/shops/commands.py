"""Commands as a document shows them, and running one as a reader would."""

from __future__ import annotations

import io
import os
import re
import shlex
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from costmodel.cli.app import run


@dataclass(frozen=True, slots=True)
class Done:
    """What a command left behind."""

    code: object
    out: str
    err: str


def blocks(text: str) -> list[tuple[str, str]]:
    """Language and content of every block of code."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def shell_lines(text: str) -> list[str]:
    """Every line that is meant to be typed, without its prompt and comment."""
    return [
        line.removeprefix("$ ").partition("  #")[0].strip()
        for language, block in blocks(text)
        if language in ("sh", "console")
        for line in block.splitlines()
        if line.strip()
    ]


def run_line(line: str, folder: Path) -> Done:
    """Run `costmodel ...` in this process, in a folder."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    code: object = 0
    with (
        chdir(folder),
        patch.object(sys, "argv", shlex.split(line)),
        patch.dict(os.environ, {"COLUMNS": "100"}),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            run()
        except SystemExit as leaving:
            code = leaving.code or 0
    texts = []
    for stream in (out, err):
        stream.seek(0)
        texts.append(stream.read())
    return Done(code, *texts)
