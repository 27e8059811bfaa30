"""Where text goes: results to stdout, messages and progress to stderr; and writing files whole or not at all."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costmodel.errors import OutputError, StdoutFailed

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

    from costmodel.decision.search import Progress


WIDEST = 1000
"""Characters in the longest line of a result."""


class Format(StrEnum):
    """How a result is printed."""

    TABLE = "table"
    JSON = "json"


def results() -> Console:
    """The console for results. Text is printed as it is: brackets and colons in a name mean nothing."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False)


def messages() -> Console:
    """The console for messages and progress."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False, emoji=False)


def table_of(
    *columns: str, right: tuple[str, ...] = (), whole: tuple[str, ...] = (), title: str | None = None
) -> Table:
    """An empty table without lines.

    Columns named in `right` hold numbers: flush right, never wrapped. Those in `whole` hold names, which
    are not wrapped either. The others share what width is left.
    """
    from rich.table import Table

    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        min_width=len(title or ""),  # a title is not wrapped
        header_style="dim",
        box=None,
        pad_edge=False,
    )
    for column in columns:
        number = column in right
        table.add_column(
            column,
            justify="right" if number else "left",
            no_wrap=number or column in whole,
            # Nor is a heading, or a word of one.
            min_width=len(column)
            if number or column in whole
            else max(map(len, column.split()), default=None),
            overflow="fold",
        )
    return table


def kept_whole(table: Table) -> Table:
    """A table of texts whose unwrapped columns keep their widest line.

    Rich counts no indentation as needed: where the terminal is narrow it takes it from the words of other columns.
    """
    from rich.cells import cell_len

    for column in table.columns:
        if column.no_wrap:
            lines = [line for cell in (column.header, *column.cells) for line in str(cell).splitlines()]
            column.min_width = max([column.min_width or 0, *map(cell_len, lines)])
    return table


def print_result(*parts: RenderableType) -> None:
    """Print parts of a result on stdout, one below the other.

    Where the terminal is too narrow for a part's numbers and names, its lines are longer than the
    terminal: broken over two lines they can be read, and a number cut short is a wrong number.
    """
    from rich.measure import Measurement

    console = results()
    width = console.width
    for part in parts:
        content = getattr(part, "renderable", part)  # of a panel or a padded table
        needed = Measurement.get(console, console.options.update(width=WIDEST), content).minimum
        console.width = max(width, needed)
        with printing():
            console.print(part)


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A progress bar on stderr with the time left; it disappears when done, and is silent off a terminal."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = messages()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        tasks: dict[str, Any] = {}

        def report(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bar.add_task(step, total=total)
            bar.update(tasks[step], completed=done, total=total)

        yield report


@contextmanager
def compilation_noted() -> Iterator[None]:
    """Say on stderr, once, when a run has to wait for code to be compiled: the first one after installing.

    Compiled code is kept beside the package, or in the user's cache folder, so that later runs load it.
    Source: numba documentation, `numba.core.event`, events of the kind numba:compile (0.61).
    """
    from numba.core.event import Event, Listener, install_listener

    class Note(Listener):
        said = False

        def on_start(self, event: Event) -> None:
            if not self.said:
                self.said = True
                messages().print("Compiling a part of the simulator, once after installing.")

        def on_end(self, event: Event) -> None:
            """Nothing to say."""

    with install_listener("numba:compile", Note()):
        yield


@contextmanager
def placed_by(option: str) -> Iterator[None]:
    """An OutputError, with the option of the command that names another place."""
    try:
        yield
    except OutputError as error:
        raise OutputError(error.path, error.reason, option) from None


def check_writable(path: Path) -> None:
    """Raise OutputError if a file at `path` could not be written. Creates nothing.

    For use before long work: what it cannot foresee, such as a full disk, `write_files` reports.
    """
    try:
        if path.is_dir():
            raise OutputError(path, "it is a folder, not a file")
        if path.exists() and not path.is_file():
            raise OutputError(path, "it is not a plain file")
        folder = next(parent for parent in path.absolute().parents if parent.exists())
    except OSError as error:
        raise OutputError(path, error.strerror or str(error)) from None
    if not folder.is_dir():
        raise OutputError(path, f"{folder} is not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(path, f"no permission to write in {folder}")


def write_files(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write files by name into a folder: all of them beside their targets first, then moved into place.

    Raises OutputError when the folder cannot be made or written, or a file cannot be moved; then every
    target is as it was, and no folder that was made for them stays behind empty.
    """
    targets = {folder / name: content for name, content in contents.items()}
    for target in targets:
        check_writable(target)
    beside = {target: target.with_name(f".{target.name}.{os.getpid()}") for target in targets}
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        with _about(folder):
            folder.mkdir(parents=True, exist_ok=True)
        for target, content in targets.items():
            with _about(target):
                beside[target].write_bytes(content)
        _move_into_place(beside)
    finally:
        _remove(beside.values())
        _remove_empty(made)


@contextmanager
def _about(target: Path) -> Iterator[None]:
    """An error of the system, as an OutputError about a path."""
    try:
        yield
    except OSError as error:
        raise OutputError(target, error.strerror or str(error)) from None


def _move_into_place(beside: Mapping[Path, Path]) -> None:
    """Move each file to its target. When one cannot be moved, the targets of the others get back what they held."""
    earlier = list(beside)[:-1]  # once the last is in place nothing can fail
    old = {target: target.with_name(f"{beside[target].name}.old") for target in earlier if target.exists()}
    try:
        for target, kept in old.items():
            with _about(target):
                _keep(target, kept)
        for target, temporary in beside.items():
            with _about(target):
                temporary.replace(target)
    except BaseException:
        for target in (target for target in earlier if not beside[target].exists()):
            with _about(target):
                old[target].replace(target) if target in old else target.unlink()
        _remove(old.values())
        raise
    _remove(old.values())


def _keep(file: Path, other: Path) -> None:
    """Give a file a second name, or where the file system has no such thing a copy."""
    try:
        os.link(file, other, follow_symlinks=False)
    except (OSError, NotImplementedError):
        shutil.copy2(file, other, follow_symlinks=False)


def _remove(files: Iterable[Path]) -> None:
    """Remove those of the files that are there."""
    for file in files:
        with suppress(OSError):
            file.unlink(missing_ok=True)


def _remove_empty(folders: Iterable[Path]) -> None:
    """Remove those of the folders, innermost first, that hold nothing."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def write_file(path: Path, content: bytes) -> None:
    """Write one file whole or not at all. Raises OutputError."""
    write_files(path.parent, {path.name: content})


def write_json(content: bytes) -> None:
    """Print JSON bytes to stdout as they are."""
    with printing():
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()


@contextmanager
def printing() -> Iterator[None]:
    """An error of the system, as one about standard output. A reader that has gone away is no error to tell."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StdoutFailed(error.strerror or str(error)) from None
