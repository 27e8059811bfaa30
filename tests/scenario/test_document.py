import math
from pathlib import Path

import pytest

from costmodel.errors import ScenarioError
from costmodel.scenario.document import (
    SCENARIO,
    as_json,
    as_text,
    dotted,
    parse_document,
    read_document,
    short,
)


def parse(text: str | bytes):
    content = text if isinstance(text, bytes) else text.encode()
    return parse_document(content, "shop.yaml", SCENARIO)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("600_000", 600_000),
        ("-0.5", -0.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        (".inf", math.inf),
        ("-.inf", -math.inf),
        ("1" * 400, math.inf),
        # YAML 1.1 would make a boolean, a time of 90 minutes, eight, a date and 255 of these.
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("1:30", "1:30"),
        ("010", "010"),
        ("2026-11-27", "2026-11-27"),
        ("0xff", "0xff"),
        ("6_0", "6_0"),
    ],
)
def test_unquoted_words_mean_what_they_mean_in_json(text: str, value: object) -> None:
    found = as_json(text)
    assert found == value
    assert type(found) is type(value)


def test_not_a_number_is_a_float() -> None:
    assert math.isnan(as_json(".nan"))  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["0.1", "1_000", "5", "1e3", ".nan", "2026-11-01", "yes", "0x10"])
def test_where_money_is_exact_a_number_stays_its_text(text: str) -> None:
    assert as_text(text) == text
    assert (as_text("true"), as_text("null"), as_text("")) == (True, None, None)


def test_quoted_numbers_stay_text_and_lines_are_remembered() -> None:
    document = parse('a: "5"\nb:\n  - 1\n  - c: x\n')
    assert document.tree == {"a": "5", "b": [1, {"c": "x"}]}
    assert document.lines[("a",)] == 1
    assert document.lines[("b", 1, "c")] == 4


def test_a_byte_order_mark_and_windows_lines_are_read() -> None:
    assert parse(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n").tree == {"a": 1, "b": 2}


def test_duplicate_keys_keep_the_first_and_name_both_lines() -> None:
    document = parse("a: 1\nb: {c: 1}\na: 2\n")
    assert document.tree == {"a": 1, "b": {"c": 1}}
    assert [str(fault) for fault in document.duplicates] == [
        "a (line 3): given twice, first on line 1; keep one"
    ]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "file: is empty"),
        (b"# only a comment\n", "file: is empty"),
        (b"---\n", "file: is empty"),
        (b"- a\n- b\n", "line 1, column 1: the file must begin with keys, such as `name: My shop`"),
        (b"just text\n", "line 1, column 1: the file must begin with keys, such as `name: My shop`"),
        (b"a: 1\n---\nb: 2\n", "line 2, column 1: a second document begins here; keep one document a file"),
        (b"a: 1\nb: \xff\n", "line 2, column 4: is not UTF-8 text; save the file as UTF-8"),
        (
            b"a: 1\nb: x\x00y\n",
            r"line 2, column 5: a control character that text may not hold; delete it (found \x00)",
        ),
        (
            b'a: "\\0"\n',
            r"line 1, column 4: a control character that text may not hold; delete it (found \x00)",
        ),
        (b'a: "\\ud800"\n', "line 1, column 4: a control character that text may not hold"),
        (b"a:\n\tb: 1\n", "line 2, column 1: a tab stands here; indent with spaces"),
        (b"a: 1\nb: c: d\n", "line 2, column 5: is not YAML: a colon where none can stand"),
        (b"a: &x 1\n", "line 1, column 4: anchors (&) and aliases (*) are not read; write the value out"),
        (b"a: *x\n", "line 1, column 4: anchors (&) and aliases (*) are not read; write the value out"),
        (b"a: !!python/object/apply:os.getcwd []\n", "line 1, column 4: tags (!) are not read"),
        (b"a: !!int 5\n", "line 1, column 4: tags (!) are not read"),
        (b"? [a]\n: 1\n", "line 1, column 3: a key must be a plain word followed by a colon"),
        (b"a: " + b"[" * 60_000, "line 1, column 16: more than 12 levels deep"),
        (b"a: [" + b"1," * SCENARIO.max_nodes + b"]", f"more than {SCENARIO.max_nodes} values"),
        (b"#" * (SCENARIO.max_bytes + 1), "file: is larger than 1 MiB"),
        (b'a: "\\UFFFFFFFF"\n', "file: is not YAML: "),
        (b"a: [1\n", "is not YAML: "),
        (b"%YAML 9.9\n---\na: 1\n", "is not YAML: "),
        (b"a: @x\n", "line 1, column 4: is not YAML: "),
    ],
)
def test_a_file_that_is_no_plain_mapping_is_one_fault_with_place_and_next_step(
    content: bytes, fault: str
) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse(content)
    assert len(caught.value.faults) == 1
    assert fault in str(caught.value.faults[0])
    assert str(caught.value).endswith("costmodel scenario list")


def test_an_alias_bomb_stops_at_its_first_anchor() -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 60))
    with pytest.raises(ScenarioError, match="line 1, column 5: anchors"):
        parse(bomb)


def test_files_that_cannot_be_read_are_faults(tmp_path: Path) -> None:
    for path, problem in [
        (tmp_path / "none.yaml", "no such file"),
        (tmp_path, "is a folder, not a file"),
        (tmp_path / ("x" * 5_000), "cannot be read: "),
        (Path("a\0b"), "no such file"),
    ]:
        with pytest.raises(ScenarioError, match=problem):
            read_document(path, SCENARIO)


def test_a_read_file_is_parsed(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a: 1\n")
    assert read_document(file, SCENARIO).tree == {"a": 1}


def test_values_and_paths_are_short_enough_for_a_message() -> None:
    assert short("x" * 500) == '"' + "x" * 56 + "..."
    assert short([1, 2]) == "[1, 2]"
    assert short(["x" * 30, "y" * 30]) == "a list of 2 values"
    assert short({"a": 1}) == "a group of 1 keys"
    assert short("a\nb") == '"a\\nb"'
    assert dotted(("traffic", "events", 0, "start")) == "traffic.events.0.start"
    assert dotted(("a b\n",)) == '"a b\\n"'
