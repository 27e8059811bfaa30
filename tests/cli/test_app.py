"""The command line as a whole: help, exit codes, and that no error reaches the user as a traceback."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from costmodel.cli.commands import app
from costmodel.errors import Infeasible, PriceNotFound

ONE_MODULE = [sys.executable, "-c", "from costmodel.cli.app import main; main()"]
ROOT = Path(__file__).parents[2]


def commands(command: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and group with the words that call it."""
    command = command or typer.main.get_command(app)
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*path, name))


ALL = list(commands())
GROUPS = [path for path, command in ALL if hasattr(command, "commands")]


def process(*arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.Popen([*ONE_MODULE, *arguments], cwd=ROOT, **pipe)


def fails_with(error: BaseException) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> Any:
        raise error

    return fail


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) or "costmodel" for path, _ in ALL])
def test_every_command_has_help_under_both_names(cli: Any, path: tuple[str, ...], command: Any) -> None:
    short, long = cli(*path, "-h"), cli(*path, "--help")
    assert short == long
    assert (short.code, short.err) == (0, "")
    assert short.out.startswith(f"Usage: {' '.join(['costmodel', *path])} ")
    assert (command.help or "").strip()
    for option in command.params:
        assert option.help, f"{path} {option.name} has no help"


@pytest.mark.parametrize("path", GROUPS, ids=[" ".join(path) or "costmodel" for path in GROUPS])
def test_a_group_alone_shows_its_commands(cli: Any, path: tuple[str, ...]) -> None:
    alone = cli(*path)
    assert alone.code == 2
    assert alone.err == cli(*path, "--help").out
    assert "Commands:" in alone.err


def test_help_in_a_group_is_not_cut_short(cli: Any) -> None:
    for path in GROUPS:
        listing = cli(*path, "--help").out.partition("Commands:")[2]
        assert listing.strip()
        assert "..." not in listing


def test_version(cli: Any) -> None:
    from costmodel import __version__

    assert cli("--version").out == f"costmodel {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["simulat"], "Did you mean 'simulate'?"),
        (["simulate"], "Missing argument 'SCENARIO'"),
        (["simulate", "small-shop", "--nonsense"], "No such option: --nonsense"),
        (["simulate", "small-shop", "--months", "two"], "'--months': must be a whole number from 1 to 36"),
        (["simulate", "small-shop", "--format", "yaml"], "'yaml' is not one of 'table', 'json'"),
        (
            ["simulate", "small-shop", "--preset", "cheap"],
            "'cheap' is not one of 'cost', 'balanced', 'performance'",
        ),
        (["simulate", "small-shop", "--draws", "1"], "'--draws': must be a whole number from 2 to 100000"),
        (["simulate", "small-shop", "extra"], "unexpected extra argument"),
        (["prices", "show"], "Missing argument 'TEXT'"),
        (["export", "terraform"], "Missing argument 'RUN'"),
    ],
)
def test_wrong_usage_is_exit_code_2_with_the_usage(cli: Any, arguments: list[str], told: str) -> None:
    outcome = cli(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("Usage: costmodel")
    assert told in outcome.err


@pytest.mark.parametrize(
    ("path", "option"),
    [
        (path, name)
        for path, command in ALL
        for param in command.params
        for name in param.opts
        if name in ("--format", "--source", "--region", "--service", "--months", "--seed", "--max-price-age")
    ],
)
def test_a_wrong_value_is_told_in_words_of_our_own(cli: Any, path: tuple[str, ...], option: str) -> None:
    count = sum(param.required for param in dict(ALL)[path].params if param.param_type_name == "argument")
    outcome = cli(*path, *["snapshot"] * count, option, "_", *_required_options(path))
    assert (outcome.code, outcome.out) == (2, "")
    error = outcome.err.splitlines()[-1]
    assert re.search(rf"Invalid value for '{option}': ('_' is not one of |must be a whole number )", error)
    assert "Value error" not in error
    assert "Input should" not in error


def _required_options(path: tuple[str, ...]) -> list[str]:
    required = [param for param in dict(ALL)[path].params if param.required]
    return [word for param in required if param.opts[0].startswith("--") for word in (param.opts[0], "x")]


@pytest.mark.parametrize(
    ("error", "code"), [(PriceNotFound("no price for that."), 1), (Infeasible("nothing meets it."), 3)]
)
def test_expected_errors_are_one_message_and_their_exit_code(
    cli: Any, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int
) -> None:
    monkeypatch.setattr("costmodel.decision.simulate.simulate", fails_with(error))
    outcome = cli("simulate", "small-shop")
    assert (outcome.code, outcome.out, outcome.err) == (code, "", f"Error: {error}\n")


def test_a_fault_of_ours_is_named_as_one_in_one_line(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "costmodel.decision.simulate.simulate", fails_with(ZeroDivisionError("a / b\nand more"))
    )
    outcome = cli("simulate", "small-shop")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == (
        "Error: ZeroDivisionError: a / b. This is a fault in costmodel, not in your input. "
        "See where it happened with: costmodel --debug COMMAND ...\n"
    )


def test_debug_shows_the_traceback_and_keeps_the_exit_code(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("costmodel.decision.simulate.simulate", fails_with(Infeasible("nothing meets it.")))
    outcome = cli("--debug", "simulate", "small-shop")
    assert outcome.code == 3
    assert outcome.err.startswith("Traceback (most recent call last):")
    assert outcome.err.endswith("Error: nothing meets it.\n")


def test_a_full_disk_is_the_systems_fault(
    cli: Any, no_simulation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr("costmodel.cli.simulate.show", fails_with(full))
    outcome = cli("simulate", "small-shop")
    assert outcome.code == 1
    assert "the operating system refused: [Errno 28] No space left on device" in outcome.err
    assert "fault in costmodel" not in outcome.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("arguments", [("scenario", "schema"), ("scenario", "list"), ("--version",)])
def test_a_full_stdout_is_one_message(arguments: tuple[str, ...]) -> None:
    """Bytes, tables and a line of text."""
    with Path("/dev/full").open("w") as full:
        failed = process(*arguments, stdout=full)
        _, err = failed.communicate()
    assert failed.returncode == 1
    first = err.decode().splitlines()[0]
    assert first.startswith("Error: cannot write to standard output: No space left on device. ")
    assert b"--debug" not in err
    assert b"Traceback" not in err


def test_an_interrupt_is_one_line_and_writes_nothing(
    cli: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("costmodel.decision.simulate.simulate", fails_with(KeyboardInterrupt()))
    outcome = cli("simulate", "small-shop", "--save", tmp_path / "run.json")
    assert (outcome.code, outcome.out, outcome.err) == (130, "", "Interrupted.\n")
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_in_a_terminal(tmp_path: Path) -> None:
    program = (  # a background job is born with Ctrl-C ignored; a terminal's is not
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import sys, time, costmodel.decision.simulate as line\n"
        "line.simulate = lambda *_, **__: (print('begun', flush=True), time.sleep(60))\n"
        "from costmodel.cli.app import main; main()"
    )
    arguments = ["simulate", "small-shop", "--save", str(tmp_path / "run.json")]
    with subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout
        assert running.stdout.readline() == b"begun\n"
        running.send_signal(signal.SIGINT)
        out, err = running.communicate()
    assert (running.returncode, out, err) == (130, b"", b"Interrupted.\n")
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_again_and_again_while_threads_work_ends_at_once_and_quietly() -> None:
    """Threads of a pool stand for compiled code that runs on: Python joins them before it ends."""
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import time, costmodel.decision.simulate as line\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "def simulate(*_, **__):\n"
        "    with ThreadPoolExecutor(2) as pool:\n"
        "        print('begun', flush=True)\n"
        "        list(pool.map(time.sleep, [30, 30]))\n"
        "line.simulate = simulate\n"
        "from costmodel.cli.app import main; main()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, "simulate", "small-shop"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout
        assert running.stderr
        assert running.stdout.readline() == b"begun\n"
        for _ in range(2):  # the first leaves the pool, which waits; the second leaves that
            running.send_signal(signal.SIGINT)
            time.sleep(0.5)
        said = running.stderr.readline()
        running.send_signal(signal.SIGINT)
        out, err = running.communicate()
    assert (running.returncode, out, said + err) == (130, b"", b"Interrupted.\n")


@pytest.mark.parametrize(
    "module", ["costmodel.cli.commands", "typer", "inspect", "costmodel.errors", "costmodel.cli.simulate"]
)
def test_ctrl_c_while_a_module_is_imported(module: str) -> None:
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import sys\n"
        "from costmodel.cli.app import main\n"
        f"sys.addaudithook(lambda event, about: event == 'import' and about[0] == {module!r} and "
        "signal.raise_signal(signal.SIGINT))\n"
        "main()"
    )
    assert interrupted(program) == (130, b"", b"Interrupted.\n")


@pytest.mark.parametrize("delay_s", [0, 0.03, 0.06, 0.1, 0.2, 0.3, 0.6])
def test_ctrl_c_soon_after_the_start(delay_s: float) -> None:
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import sys\n"
        "from costmodel.cli.app import main\n"
        "sys.addaudithook(lambda event, about: event == 'import' and about[0] == 'costmodel.cli.commands' and "
        "print('begun', flush=True))\n"
        "main()"
    )
    assert interrupted(program, delay_s) == (130, b"", b"Interrupted.\n")


def test_ctrl_c_that_a_library_wraps_is_no_fault_of_ours() -> None:
    """As Python 3.11 does while a class is made, and pydantic while it builds a model."""
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import costmodel.decision.simulate as line\n"
        "def simulate(*_, **__):\n"
        "    try:\n"
        "        signal.raise_signal(signal.SIGINT)\n"
        "    except KeyboardInterrupt:\n"
        "        raise RuntimeError('error building a model') from None\n"
        "line.simulate = simulate\n"
        "from costmodel.cli.app import main; main()"
    )
    assert interrupted(program) == (130, b"", b"Interrupted.\n")


def interrupted(program: str, after_s: float | None = None) -> tuple[int, bytes, bytes]:
    """How a simulation ends that interrupts itself, or is interrupted so long after it says that it has begun."""
    with subprocess.Popen(
        [sys.executable, "-c", program, "simulate", "small-shop"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        if after_s is not None:
            assert running.stdout
            assert running.stdout.readline() == b"begun\n"
            time.sleep(after_s)
            running.send_signal(signal.SIGINT)
        out, err = running.communicate()
    return running.returncode, out, err


@pytest.mark.parametrize("arguments", [["scenario", "schema"], ["prices", "status"]])
def test_a_closed_pipe_is_quiet(arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    running = process(*arguments, stdout=writer)
    os.close(writer)
    assert running.communicate() == (None, b"")
    assert running.returncode == 1


def test_text_that_stdout_cannot_encode_is_escaped() -> None:
    listing = process("scenario", "check", "small-shop", env=os.environ | {"PYTHONIOENCODING": "ascii"})
    out, err = listing.communicate()
    assert (listing.returncode, err) == (0, b"")
    assert out.startswith(b"Small shop: fine.")


def test_completion_knows_the_commands() -> None:
    asked = {"_COSTMODEL_COMPLETE": "complete_bash", "COMP_WORDS": "costmodel s", "COMP_CWORD": "1"}
    completing = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; sys.argv = ['costmodel']; from costmodel.cli.app import main; main()",
        ],
        env=os.environ | asked,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (completing.stdout.split(), completing.stderr) == (["simulate", "sweep", "stress", "scenario"], "")


def test_completion_can_be_installed(cli: Any) -> None:
    assert "--install-completion" in cli("--help").out


def loaded_by(*words: str, **environment: str) -> set[str]:
    """Packages that are loaded when a command has ended."""
    heavy = "import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    program = (
        f"import atexit; atexit.register(lambda: exec({heavy!r})); from costmodel.cli.app import main; main()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, env=os.environ | environment
    )
    return set(ended.stdout.splitlines()[-1].split())


def test_a_refresh_loads_nothing_that_simulates(tmp_path: Path) -> None:
    """So that a price list of 450 MB is read within 110 MB; numba alone takes 60. Its cache folder is a file."""
    file = tmp_path / "file"
    file.touch()
    loaded = loaded_by("prices", "refresh", "--service", "awskms", COSTMODEL_CACHE_DIR=str(file))
    assert "msgspec" in loaded
    assert not loaded & {"numpy", "numba", "pandas", "matplotlib"}


def test_help_imports_nothing_heavy() -> None:
    loaded = loaded_by("--help")
    assert "typer" in loaded
    assert not loaded & {
        "numpy",
        "numba",
        "pandas",
        "matplotlib",
        "pydantic",
        "yaml",
        "msgspec",
        "rich",
        "jinja2",
    }
