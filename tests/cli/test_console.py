"""Files are written whole or not at all, and no number of a table is ever cut short."""

from __future__ import annotations

import contextlib
import io
import os
from contextlib import redirect_stdout
from pathlib import Path
from unittest.mock import patch

import pytest
from rich.padding import Padding
from rich.panel import Panel

from costmodel.cli.console import check_writable, print_result, table_of, write_file, write_files
from costmodel.errors import OutputError


def test_files_are_written_with_their_folder(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    write_files(folder, {"one": b"1", "two": b"2"})
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"one": b"1", "two": b"2"}


def test_a_file_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "run.json"
    write_file(target, b"old and longer")
    write_file(target, b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
    assert target.read_bytes() == b"new"


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX systems")
def test_a_file_gets_the_permissions_the_user_asked_for(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_file(tmp_path / "run.json", b"{}")
    finally:
        os.umask(before)
    assert (tmp_path / "run.json").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("failing", ["write_bytes", "replace"])
def test_a_failed_write_changes_nothing_and_leaves_nothing(tmp_path: Path, failing: str) -> None:
    target = tmp_path / "run.json"
    target.write_bytes(b"old")
    refuse = patch.object(Path, failing, side_effect=OSError(28, "No space left on device"))
    with (
        refuse,
        pytest.raises(OutputError, match=r"cannot write .*run\.json: No space left on device\. Choose"),
    ):
        write_file(target, b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
    assert target.read_bytes() == b"old"


def test_an_interrupted_write_leaves_nothing(tmp_path: Path) -> None:
    with patch.object(Path, "replace", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        write_file(tmp_path / "run.json", b"new")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [OSError(13, "Permission denied"), KeyboardInterrupt()])
@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("failing", ["one", "two", "three"])
def test_when_one_of_several_files_cannot_be_moved_all_are_as_they_were(
    tmp_path: Path, failing: str, links: bool, error: BaseException
) -> None:
    (tmp_path / "one").write_bytes(b"old")
    (tmp_path / "three").write_bytes(b"old too")
    move = Path.replace

    def moved(file: Path, target: Path) -> Path:
        if target.name == failing and not file.name.endswith(".old"):
            raise error
        return move(file, target)

    refused = contextlib.nullcontext() if links else patch("os.link", side_effect=OSError(95, "no links"))
    expected = OutputError if isinstance(error, OSError) else KeyboardInterrupt
    with patch.object(Path, "replace", moved), refused, pytest.raises(expected):
        write_files(tmp_path, {"one": b"1", "two": b"2", "three": b"3"})
    left = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert left == {"one": b"old", "three": b"old too"}


def test_several_files_are_replaced_and_nothing_stays_beside_them(tmp_path: Path) -> None:
    for content in (b"old and longer", b"new"):
        write_files(tmp_path, {"one": content, "two": content})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"one": b"new", "two": b"new"}


def test_what_cannot_be_put_back_stays_beside_its_place(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"old")
    move = Path.replace

    def moved(file: Path, target: Path) -> Path:
        if target.name == "two" or file.name.endswith(".old"):
            raise OSError(5, "Input/output error")
        return move(file, target)

    with patch.object(Path, "replace", moved), pytest.raises(OutputError, match="one: Input/output error"):
        write_files(tmp_path, {"one": b"1", "two": b"2"})
    assert [path.read_bytes() for path in tmp_path.glob(".one.*.old")] == [b"old"]


def test_one_impossible_target_stops_all(tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    with pytest.raises(OutputError, match="two: it is a folder, not a file"):
        write_files(tmp_path, {"one": b"1", "two": b"2"})
    assert [path.name for path in tmp_path.iterdir()] == ["two"]


def test_what_cannot_be_written_is_known_beforehand(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    reasons = {
        tmp_path: "it is a folder, not a file",
        tmp_path / "file" / "run.json": "file is not a folder",
        tmp_path / "file" / "sub" / "run.json": "file is not a folder",
        tmp_path / ("x" * 300): "File name too long",
        Path("/dev/null"): "it is not a plain file",
    }
    for path, reason in reasons.items():
        with pytest.raises(OutputError, match=reason):
            check_writable(path)
    with (
        patch("os.access", return_value=False),
        pytest.raises(OutputError, match="no permission to write in"),
    ):
        check_writable(tmp_path / "new" / "run.json")


def test_looking_whether_a_file_can_be_written_creates_nothing(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "run.json")
    check_writable(Path("run.json"))
    assert list(tmp_path.iterdir()) == []


def printed(part: object, columns: int) -> str:
    out = io.StringIO()
    with redirect_stdout(out), patch.dict(os.environ, {"COLUMNS": str(columns)}):
        print_result(part)  # type: ignore[arg-type]
    return out.getvalue()


def test_numbers_and_names_survive_a_narrow_terminal() -> None:
    table = table_of("Name", "What", "USD", right=("USD",), whole=("Name",))
    table.add_row("BoxUsage:m7g.large", "many words that may wrap", "1,234,567,890.12")
    text = printed(Padding(table, (1, 0, 0, 0)), columns=20)
    assert "BoxUsage:m7g.large" in text
    assert "1,234,567,890.12" in text
    assert "…" not in text
    assert max(map(len, printed(table, columns=60).splitlines())) <= 60


def test_a_panel_keeps_to_the_terminal() -> None:
    assert {len(line) for line in printed(Panel("many words " * 30), columns=50).splitlines()} == {50}


def test_names_are_printed_as_they_are() -> None:
    table = table_of("Name", title="[b]title[/b]")
    table.add_row("[/x] :smile: [link=x]")
    assert "[/x] :smile: [link=x]" in printed(table, columns=80)
    assert "[b]title[/b]" in printed(table, columns=80)


def test_a_heading_is_broken_between_words_alone() -> None:
    table = table_of("Commitment", "What it is", "Number", right=("Number",))
    table.add_row("a plan", "word " * 30, "1")
    table.add_row("word " * 30, "b", "2")
    with patch.dict("os.environ", {"COLUMNS": "30"}), redirect_stdout(io.StringIO()) as out:
        print_result(table)
    assert "Commitment" in out.getvalue()
