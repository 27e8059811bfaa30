"""`--vary`: which values a key takes in turn, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.errors import OptionFault
from costmodel.scenario.vary import MOST_VALUES, Axis, check_place, parse_axis
from shops.quick import quick_shop


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("api.cpu_ms_per_call=5:40:8", (5, 10, 15, 20, 25, 30, 35, 40)),
        ("content.viewer_open_ratio=0.1:0.5:5", (0.1, 0.2, 0.3, 0.4, 0.5)),
        ("content.viewer_open_ratio=0.5:0.1:3", (0.5, 0.3, 0.1)),
        ("traffic.monthly_visitors.europe=1_000:1_000_000:4:log", (1_000, 10_000, 100_000, 1_000_000)),
        ("traffic.monthly_visitors.europe=1000:100000:4:log", (1_000, 4_642, 21_540, 100_000)),
        ("content.catalogue_products=1:10:4:log", (1, 2, 5, 10)),
        ("months=1:4:7", (1, 2, 3, 4)),
        ("months = 1, 2 ,12", (1, 2, 12)),
        ("region=eu-west-1,us-east-1", ("eu-west-1", "us-east-1")),
        ("account.free_tier=true,false", (True, False)),
        ("traffic.events.0.peak_multiplier=2:4:2", (2, 4)),
        ("constraints.max_instances=4:8:2", (4, 8)),
        ("api.cpu_ms_per_call.mid=5,10", (5, 10)),
        ("start=2026-02,2026-11", ("2026-02", "2026-11")),
        ("seed=7", (7,)),
    ],
)
def test_values_of_an_axis(text: str, values: tuple[object, ...]) -> None:
    axis = parse_axis(text)
    assert axis.values == values
    assert axis.key == text.partition("=")[0].strip()
    assert axis.log == text.endswith(":log")


def test_a_key_of_whole_numbers_gets_whole_numbers() -> None:
    for value in parse_axis("constraints.max_instances=2:11:6").values:
        assert isinstance(value, int)
    assert all(isinstance(value, float) for value in parse_axis("api.cpu_ms_per_call=2:12:6").values)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "write key=from:to:count"),
        ("months", "write key=from:to:count"),
        ("=1:2:3", "write key=from:to:count"),
        ("months=", "write key=from:to:count"),
        (
            "trafic.monthly_visitors.europe=1:2:3",
            r"did you mean traffic\?\); valid keys of a scenario: name, ",
        ),
        ("api.cpu=1:2:3", r"did you mean cpu_ms_per_call\?\); valid keys of api: calls_per_page_view, "),
        ("traffic.monthly_visitors.mars=1:2:3", "valid keys of traffic.monthly_visitors: united_states, "),
        ("traffic.monthly_visitors=1:2:3", "is a group; add one of united_states, "),
        ("api=1,2", "is a group; add one of calls_per_page_view"),
        ("traffic.events=1,2", "is a group; add one of 0"),
        ("traffic.events.x.peak_multiplier=1,2", "valid keys of traffic.events: 0"),
        ("constraints.compute=ec2,lambda", "takes a list, which cannot be varied"),
        ("months.x=1:2:3", "months has no keys below it"),
        ("region=1:2:3", "region takes no number"),
        ("months=1:2", "write key=from:to:count"),
        ("months=1:2:3:4", "write key=from:to:count"),
        ("months=1:2:3:lin", "write key=from:to:count"),
        ("months=1:x:3", '"x" is no number'),
        ("months=1:nan:3", "is no number"),
        ("months=1:1e999:3", "is no number"),
        ("months=true:2:3", "is no number"),
        ("months=1:2:1", "count must be a whole number from 2 to 1,000"),
        ("months=1:2:2.5", "count must be a whole number"),
        ("months=1:9:1001", "count must be a whole number"),
        ("months=2:2:3", "from and to are the same"),
        ("api.cpu_ms_per_call=0:5:3:log", "both ends must be above 0"),
        ("api.cpu_ms_per_call=-1:-5:3:log", "both ends must be above 0"),
        ("months=1,,2", "a value is empty"),
        ("months=1,null", "a value is empty"),
        ("months=1,2,1", "1 is named twice"),
    ],
)
def test_anything_else_is_refused_with_what_would_be_valid(text: str, told: str) -> None:
    with pytest.raises(OptionFault, match=told) as refused:
        parse_axis(text)
    assert "\n" not in str(refused.value)
    assert refused.value.exit_code == 2


@given(
    st.one_of(
        st.text(max_size=50),
        st.from_regex(r"(months|region|api\.cpu_ms_per_call)=[0-9a-z:,._-]{0,20}", fullmatch=True),
    )
)
def test_any_text_is_an_axis_or_refused(text: str) -> None:
    try:
        axis = parse_axis(text)
    except OptionFault:
        return
    assert 1 <= len(axis.values) <= MOST_VALUES
    assert len(set(axis.values)) == len(axis.values)
    assert None not in axis.values


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(2, 50), st.booleans())
def test_a_range_runs_from_end_to_end_without_turning_back(
    start: int, end: int, count: int, log: bool
) -> None:
    if start == end:
        return
    values = parse_axis(
        f"traffic.monthly_visitors.europe={start}:{end}:{count}{':log' if log else ''}"
    ).values
    assert (values[0], values[-1]) == (start, end)
    assert len(values) == count or (log and len(values) < count)
    assert list(values) == sorted(values, reverse=start > end)  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("key", "there"),
    [
        ("traffic.monthly_visitors.japan", True),
        ("traffic.monthly_visitors.europe.mid", True),
        ("traffic.monthly_visitors.canada.mid", False),
        ("api.cpu_ms_per_call.mid", False),
        ("traffic.events.0.peak_multiplier", True),
        ("traffic.events.1.peak_multiplier", False),
        ("traffic.trace.timezone", True),
        ("network.second_region", True),
    ],
)
def test_a_scenario_has_a_place_for_the_key_or_not(key: str, there: bool) -> None:
    shop = quick_shop(
        {
            "traffic.monthly_visitors": {
                "europe": {"low": 1_000, "mid": 2_000, "high": 3_000},
                "canada": 500,
            },
            "traffic.events": [{"kind": "flash_sale", "start": "2026-02-14"}],
        }
    )
    if there:
        check_place(Axis(key, (1,)), shop)
        return
    with pytest.raises(OptionFault, match="'a quick shop' has no such place"):
        check_place(Axis(key, (1,)), shop)
