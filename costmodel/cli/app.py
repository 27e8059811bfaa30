"""Where the command line begins and ends, and how an error or Ctrl-C reaches the user.

What it needs itself is loaded at once; the commands and their libraries come in `run`, where Ctrl-C is expected.
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it: 128 and the number of the signal."""

COLLECT_EVERY = 20_000
"""Objects made until Python looks for cycles among them: its own 700 cost a command a twentieth of its time, for little."""


class Flags:
    """What was asked for before the command."""

    debug = False


class CtrlC:
    """Handler of Ctrl-C that remembers it: what it raises while a class is made or imported comes out as any error."""

    struck = False

    def __call__(self, number: int, frame: object) -> None:
        """Raises KeyboardInterrupt."""
        self.struck = True
        raise KeyboardInterrupt


_ctrl_c = CtrlC()


def main() -> None:
    """Run the command line and leave. After Ctrl-C at once: Python would wait for what still runs in threads, and
    another Ctrl-C then would end it with a traceback or by the signal.
    """
    gc.set_threshold(COLLECT_EVERY)
    atexit.register(gc.freeze)  # Python would take long to look for what the system frees at once
    try:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is to be ignored
            signal.signal(signal.SIGINT, _ctrl_c)
        run()
    except (SystemExit, KeyboardInterrupt) as leaving:
        if isinstance(leaving, SystemExit) and leaving.code != INTERRUPTED:
            raise
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                continue
        os._exit(INTERRUPTED)


def run() -> None:
    """Run the command line. Every error becomes one clear message and the design's exit codes.

    Raises SystemExit.
    """
    flags = Flags()
    try:
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        from costmodel.cli.commands import app

        app(prog_name="costmodel", obj=flags)
    except SystemExit as leaving:
        if leaving.code == INTERRUPTED:
            sys.stderr.write("Interrupted.\n")
        raise
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        sys.exit(INTERRUPTED)
    except Exception as error:
        if _ctrl_c.struck:
            sys.stderr.write("Interrupted.\n")
            sys.exit(INTERRUPTED)
        if flags.debug:
            import traceback

            traceback.print_exc()
        message, exit_code = _told(error)
        sys.stderr.write(f"Error: {message}\n")
        sys.exit(exit_code)


def _told(error: Exception) -> tuple[str, int]:
    """What an error tells the user, and its exit code."""
    from costmodel.errors import CostModelError

    if isinstance(error, CostModelError):
        return str(error), error.exit_code
    where = "See where it happened with: costmodel --debug COMMAND ..."
    if isinstance(error, OSError):
        return f"the operating system refused: {error}. {where}", 1
    kind = f"{type(error).__name__}: {error}".partition("\n")[0].rstrip(": .")
    return f"{kind}. This is a fault in costmodel, not in your input. {where}", 1
