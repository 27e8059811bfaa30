"""The usage file's door: exact numbers in, every fault out."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.errors import UsageFileError
from costmodel.scenario.usage_file import UsageFile, load_usage_file, parse_usage_file

LINE = "{service: AmazonEC2, meter: NatGateway-Hours, region: eu-west-1, quantity: 720}"
RATE = "service: AmazonEC2, meter: NatGateway-Hours, region: eu-west-1, unit: Hrs"


def parse(text: str) -> UsageFile:
    return parse_usage_file(text, "usage.yaml")


def faults(text: str) -> list[tuple[str, str]]:
    with pytest.raises(UsageFileError) as caught:
        parse(text)
    return [(fault.path, fault.problem) for fault in caught.value.faults]


def quantity(text: str) -> Decimal:
    return parse(f"period: 2026-11\nusage: [{LINE.replace('720', text)}]").usage[0].quantity


@pytest.mark.parametrize("text", ["0.1", '"0.1"', "1e3", "007", "123456789012345.123456789", ".5", "0"])
def test_quantities_are_read_exactly_as_written(text: str) -> None:
    assert quantity(text) == Decimal(text.strip('"'))


def test_prices_are_read_exactly_as_written() -> None:
    rate = f"{{{RATE}, tiers: [{{from: 0, price: 0.0000166667}}, {{from: 0.5, price: '0.1'}}]}}"
    (own,) = parse(f"period: 2026-11\nusage: [{LINE}]\nrates: [{rate}]").rates
    assert [(tier.begin, tier.price) for tier in own.tiers] == [
        (Decimal(0), Decimal("0.0000166667")),
        (Decimal("0.5"), Decimal("0.1")),
    ]


def test_what_is_left_out_has_a_default() -> None:
    file = parse(f"period: 2026-11\nusage: [{LINE}]")
    assert (file.free_tier, file.rates, file.usage[0].unit, file.usage[0].term) == (True, (), None, None)


@pytest.mark.parametrize(
    "text",
    [".nan", ".inf", "-.inf", "NaN", "Infinity", "yes", "true", "", "~", "1_000", "1:30", "0x10", "12 GB", "'1,5'", "1e9999",
     "[1]", "{a: 1}", "9" * 50],
)  # fmt: skip
def test_what_is_not_a_number_is_refused(text: str) -> None:
    assert faults(f"period: 2026-11\nusage: [{LINE.replace('720', text)}]") == [
        ("usage.0.quantity", "must be a decimal number such as 1200 or 0.25")
    ]


@pytest.mark.parametrize("text", ["-1", "1e19", "1000000000000000001"])
def test_a_quantity_out_of_bounds_is_refused(text: str) -> None:
    ((path, problem),) = faults(f"period: 2026-11\nusage: [{LINE.replace('720', text)}]")
    assert (path, problem) == ("usage.0.quantity", "must be from 0 to 1,000,000,000,000,000,000")


@pytest.mark.parametrize("text", ["0.0000000001", "1e-300"])
def test_a_quantity_finer_than_a_billionth_is_refused(text: str) -> None:
    assert faults(f"period: 2026-11\nusage: [{LINE.replace('720', text)}]") == [
        ("usage.0.quantity", "must have at most 9 decimals")
    ]


def test_every_fault_is_listed_with_its_place() -> None:
    found = faults("""
      period: 2026-13
      free_tier: maybe
      colour: blue
      usage:
        - {service: AmazonEC2, meter: 7, quantity: many}
        - {service: "", meter: m, region: r, quantity: 1, price: 3}
        - just text
      rates:
        - {service: s, meter: m, region: r, unit: GB, tiers: [{from: 5, price: 1}]}
        - {service: s, meter: n, region: r, unit: GB, tiers: [{from: 0, price: 1}, {from: 0, price: 2}]}
        - {service: s, meter: o, region: r, unit: GB, tiers: []}
        - {service: s, meter: p, region: r, unit: GB, tiers: [{from: 0, price: -1, to: 5}]}
    """)
    assert dict(found) == {
        "period": "must be a month from 2000-01 to 2099-12, written YYYY-MM, such as 2026-11",
        "free_tier": "must be true or false",
        "colour": "unknown key; valid keys of a usage file: period, free_tier, usage, objects, volumes, databases, functions, rates",
        "usage.0.region": "is required: AWS region code, `global`, or `edge:<geography>` for CloudFront",
        "usage.0.quantity": "must be a decimal number such as 1200 or 0.25",
        "usage.1.service": "must not be empty",
        "usage.1.price": "unknown key (did you mean service?); valid keys of usage.1: service, meter, region, attributes, quantity, unit, term",
        "usage.2": "must be a group of keys: service, meter, region, attributes, quantity, unit, term",
        "rates.0.tiers": "the first tier must be from 0",
        "rates.1.tiers": "every tier must be from more than the one before",
        "rates.2.tiers": "must hold at least one entry",
        "rates.3.tiers.0.price": "must be from 0 to 1,000,000,000",
        "rates.3.tiers.0.to": "unknown key; valid keys of rates.3.tiers.0: from, price",
    }


def test_one_price_has_one_rate() -> None:
    rate = f"{{{RATE}, tiers: [{{from: 0, price: 1}}]}}"
    assert faults(f"period: 2026-11\nusage: [{LINE}]\nrates: [{rate}, {rate}]") == [
        ("rates", "rated more than once: NatGateway-Hours")
    ]


@pytest.mark.parametrize(
    ("text", "path", "problem"),
    [
        ("", "file", "is empty"),
        ("- 1", "line 1, column 1", "the file must begin with keys, such as `period: 2026-11`"),
        (
            "a: &x 1\nb: *x",
            "line 1, column 4",
            "anchors (&) and aliases (*) are not read; write the value out",
        ),
        (
            "a: !!float 1.5",
            "line 1, column 4",
            "tags (!) are not read; delete it, or quote text that begins with !",
        ),
        ("? [1]\n: 2", "line 1, column 3", "a key must be a plain word followed by a colon"),
        ("a: " + "[" * 400, "line 1, column 16", "more than 12 levels deep; no usage file is"),
    ],
)
def test_broken_yaml_is_named_by_its_place(text: str, path: str, problem: str) -> None:
    assert faults(text) == [(path, problem)]


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        (f"period: 2026-11\nusage: [{LINE}]\nperiod: 2026-12", "period", 3),
        ("period: 2026-11\nusage:\n  - " + LINE.replace("}", ", quantity: 2}"), "usage.0.quantity", 3),
    ],
)
def test_a_key_given_twice_is_a_fault_with_both_its_lines(text: str, path: str, line: int) -> None:
    with pytest.raises(UsageFileError) as caught:
        parse(text)
    (fault,) = caught.value.faults
    assert (fault.path, fault.line) == (path, line)
    assert fault.problem.startswith("given twice, first on line ")


def test_every_fault_names_its_line() -> None:
    with pytest.raises(UsageFileError) as caught:
        parse(f"period: 2026-11\nusage:\n  - {LINE}\n  - {LINE.replace('720', 'many')}\n  - {{meter: m}}")
    assert [(fault.path, fault.line) for fault in caught.value.faults][:2] == [
        ("usage.1.quantity", 4),
        ("usage.2.service", 5),
    ]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * (16 * 1024 * 1024 + 1))
    for path, problem in [
        (tmp_path / "absent.yaml", "file: no such file"),
        (tmp_path, "file: is a folder, not a file"),
        (binary, "line 1, column 1: is not UTF-8 text; save the file as UTF-8"),
        (large, "file: is larger than 16 MiB; no usage file is"),
    ]:
        with pytest.raises(UsageFileError) as caught:
            load_usage_file(path)
        first, fault, next_step = str(caught.value).splitlines()
        assert (first, fault) == (f"{path}: 1 fault", f"  - {problem}")
        assert "costmodel price --help" in next_step


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "usage.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + f"period: 2026-11\nusage: [{LINE}]".encode())
    assert load_usage_file(path).period == "2026-11"


VALID = f"period: 2026-11\nfree_tier: true\nusage:\n  - {LINE}\nrates:\n  - {{{RATE}, tiers: [{{from: 0, price: 1}}]}}\n"
snippets = st.one_of(
    st.text(max_size=5),
    st.sampled_from(
        [":", "- ", "{", "]", "\n", "*a", "&a ", "!!int ", "'", '"\\U99999999"', "\t", "%YAML 9"]
    ),
)


@settings(deadline=None)
@given(st.integers(0, len(VALID)), st.integers(0, 30), snippets)
def test_no_broken_file_raises_anything_else(at: int, dropped: int, put: str) -> None:
    text = VALID[:at] + put + VALID[at + dropped :]
    try:
        parsed = parse(text)
    except UsageFileError:
        return
    assert parsed.usage
