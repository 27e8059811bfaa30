from datetime import UTC, datetime
from pathlib import Path

import pytest

from costmodel.errors import Fault, ScenarioError
from costmodel.scenario.load import load, loads

SHOP = """
name: Shop
region: us-east-1
start: 2026-11
traffic:
  monthly_visitors:
    europe: 1000
"""


def faults(text: str) -> tuple[Fault, ...]:
    with pytest.raises(ScenarioError) as caught:
        loads(text, "shop.yaml")
    assert str(caught.value).startswith("shop.yaml: ")
    assert "costmodel scenario check" in str(caught.value)
    return caught.value.faults


def only_fault(text: str) -> str:
    found = faults(text)
    assert len(found) == 1, found
    return str(found[0])


def test_the_smallest_scenario_is_complete() -> None:
    scenario = loads(SHOP)
    assert scenario.months == 1
    assert scenario.seed == 1
    assert scenario.traffic.monthly_visitors == {"europe": 1000.0}
    assert scenario.content.model_texture_mb == 6.0


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        # numbers
        (
            'months: "5"',
            'months (line 8): must be a whole number from 1 to 36; write it without quotes (found "5")',
        ),
        ("months: true", "months (line 8): must be a whole number from 1 to 36 (found true)"),
        ("months: 1.5", "months (line 8): must be a whole number from 1 to 36 (found 1.5)"),
        ("months: 0", "months (line 8): must be a whole number from 1 to 36 (found 0)"),
        ("months: ", "months (line 8): must be a whole number from 1 to 36 (found null)"),
        ("seed: -1", "seed (line 8): must be a whole number from 0 to 9223372036854775807 (found -1)"),
        ("seed: 99999999999999999999999999999999999999", "seed (line 8): must be a whole number from 0 to"),
        ("seed: 0x10", 'seed (line 8): must be a whole number from 0 to 9223372036854775807 (found "0x10")'),
        (
            'api: {cpu_ms_per_call: "5"}',
            "api.cpu_ms_per_call (line 8): must be a number from 0.001 to 60000, or a range {low, mid, high}; "
            'write it without quotes (found "5")',
        ),
        ("api: {cpu_ms_per_call: no}", '{low, mid, high} (found "no")'),
        ("api: {cpu_ms_per_call: true}", "{low, mid, high} (found true)"),
        ("api: {cpu_ms_per_call: .nan}", "{low, mid, high}; it must be finite (found NaN)"),
        ("api: {cpu_ms_per_call: .inf}", "{low, mid, high}; it must be finite (found Infinity)"),
        ("api: {cpu_ms_per_call: 1e999}", "{low, mid, high}; it must be finite (found Infinity)"),
        (
            "api: {cpu_ms_per_call: -3}",
            "must be a number from 0.001 to 60000, or a range {low, mid, high} (found -3)",
        ),
        ("api: {cpu_ms_per_call: 12ms}", "write digits only, without separators or units"),
        ('api: {response_kb: "1,000"}', "write digits only, without separators or units"),
        (
            "api: {post_ratio: 25}",
            "must be a number from 0 to 1, or a range {low, mid, high}; write 25 % as 0.25",
        ),
        ("api: {post_ratio: 25%}", "write 25 % as 0.25"),
        # ranges
        (
            "api: {response_kb: {low: 1, high: 3}}",
            "api.response_kb (line 8): a range needs exactly the keys low, mid",
        ),
        ("api: {response_kb: {low: 3, mid: 2, high: 4}}", "a range needs low <= mid <= high"),
        ("api: {response_kb: {low: 3, mid: 2x, high: 4}}", "api.response_kb (line 8): must be a number"),
        ("api: {response_kb: [1, 2, 3]}", "or a range {low, mid, high} (found [1, 2, 3])"),
        (
            "objectives: {api_p95_ms: {low: 1, mid: 2, high: 3}}",
            "objectives.api_p95_ms (line 8): must be a number from 1 to 900000; this key takes no range",
        ),
        # kinds of values
        ("security: {waf: yes}", 'security.waf (line 8): must be true or false (found "yes")'),
        ("security: {waf: 1}", "security.waf (line 8): must be true or false (found 1)"),
        ("story: 5", "story (line 8): must be text; put it in quotes (found 5)"),
        ("api: 5", "api (line 8): must be a group of keys: calls_per_page_view, cpu_ms_per_call"),
        (
            "constraints: {compute: ec2}",
            'constraints.compute (line 8): must be a list, such as [a, b] (found "ec2")',
        ),
        # names
        (
            "databse: {}",
            "databse (line 8): unknown key (did you mean database?); valid keys of a scenario: name, story, region",
        ),
        (
            "api: {cpu_ms: 5}",
            "api.cpu_ms (line 8): unknown key (did you mean cpu_ms_per_call?); valid keys of api: calls_per_page_view",
        ),
        (
            "database: {engine: PostgreSQL}",
            "(did you mean postgresql?); valid: postgresql, mysql",
        ),
        ("network: {second_region: mars-1}", "valid: us-east-1, us-west-2, eu-west-1"),
        # lists
        (
            "constraints: {compute: []}",
            "constraints.compute (line 8): must name at least one; leave the key out",
        ),
        ("constraints: {compute: [ec2, ec2]}", "constraints.compute (line 8): ec2 is named twice; keep one"),
        (
            "constraints: {commitments: [forever]}",
            "constraints.commitments.0 (line 8): must be one of the names below",
        ),
        (
            "constraints: {instance_families: [M7G]}",
            "constraints.instance_families.0 (line 8): must be an instance family in lower case, such as m7g",
        ),
        ("constraints: {monthly_budget_usd: 0}", "must be a number from 0.01 to 1000000000 (found 0)"),
        # rules between keys
        (
            "objectives: {api_p95_ms: 900, api_p99_ms: 800}",
            "objectives.api_p95_ms (line 8): must not exceed api_p99_ms, which is 800 (found 900.0)",
        ),
        (
            "api: {timeout_s: 0.5}",
            "objectives.api_p99_ms: must not exceed api.timeout_s, after which calls fail: 500 ms (found 800.0)",
        ),
        ("network: {second_region: us-east-1}", "network.second_region (line 8): must differ from region"),
        (
            "objectives: {region_rto_minutes: 15}",
            "objectives.region_rto_minutes (line 8): needs network.second_region, the region to recover in",
        ),
        (
            "objectives: {region_rpo_minutes: 0}",
            "objectives.region_rpo_minutes (line 8): needs network.second_region, the region to recover in",
        ),
        (
            "constraints: {compute: [lambda], load_balancer: [nlb]}",
            "constraints.load_balancer (line 8): must include alb when compute is lambda only",
        ),
    ],
)
def test_a_fault_says_where_what_would_be_valid_and_what_stands_there(line: str, fault: str) -> None:
    assert fault in only_fault(f"{SHOP}{line}\n")


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("hour_weights: [1, 2]", "traffic.hour_weights (line 8): needs 24 values, midnight first"),
        (f"hour_weights: {[0] * 24}", "traffic.hour_weights (line 8): needs at least one value above 0"),
        (
            f"hour_weights: {[1] * 23 + [-1]}",
            "traffic.hour_weights.23 (line 8): must be a number from 0 to 1000000",
        ),
        ("weekday_weights: [1]", "traffic.weekday_weights (line 8): needs 7 values, Monday first"),
        ("month_weights: [1]", "traffic.month_weights (line 8): needs 12 values, January first"),
        ("sessions_per_visitor: 0.0001", "leads to 0.5 page views in a month; there must be at least 1"),
        ("sessions_per_visitor: 1e6\n  page_views_per_session: 1e6", "must stay within 1,000,000,000,000"),
        (
            "trace: {file: none.csv, timezone: Europe/Berln}",
            "(line 8): must be an IANA time zone such as UTC or ",
        ),
        ("trace: {file: none.csv, timezone: Europe/Berln}", "; did you mean Europe/Berlin?"),
        ("trace: {file: none.csv, timezone: America}", "must be an IANA time zone"),
        ('trace: {file: ""}', "traffic.trace.file (line 8): must be the name of a CSV or Parquet file"),
        (
            f"hour_weights: {[1] * 24}\n  trace: {{file: x.csv}}",
            "traffic.hour_weights (line 8): is taken from the trace; leave out this key or the trace",
        ),
        (
            "events: [{kind: sale, start: 2026-11-05}]",
            "traffic.events.0.kind (line 8): must be one of the names below",
        ),
        (
            "events: [{kind: launch, start: 2026-11-31}]",
            'traffic.events.0.start (line 8): must be a date and time such as 2026-11-27T08:00:00Z (found "2026-11-31")',
        ),
        (
            "events: [{kind: launch, start: 1234567890}]",
            "must be a date and time such as 2026-11-27T08:00:00Z",
        ),
        (
            "events: [{kind: launch, start: 2026-12-01}]",
            "traffic.events.0.start (line 8): must lie in the simulated months, 2026-11 to 2026-11 (UTC)",
        ),
        (
            "events: [{kind: launch, start: 2026-11-05, geographies: [japan]}]",
            "traffic.events.0.geographies.0 (line 8): must be a geography with visitors in monthly_visitors",
        ),
        (
            "events: [{kind: launch}]",
            "traffic.events.0.start (line 8): is required: When the load begins to rise",
        ),
        (
            "events: [{start: 2026-11-05}]",
            "traffic.events.0.kind (line 8): is required: one of flash_sale, launch, viral_spike, campaign, "
            "bot_scrape, regional_outage, price_list_change",
        ),
        (
            "events: [{kind: regional_outrage, start: 2026-11-05}]",
            "must be one of the names below (did you mean regional_outage?)",
        ),
        ("events: [7]", "traffic.events.0 (line 8): must be a group of keys: kind, start, peak_multiplier"),
        (
            "events: [{kind: regional_outage, start: 2026-11-05, hold_minute: 5}]",
            "traffic.events.0.hold_minute (line 8): unknown key (did you mean hold_minutes?); valid keys of "
            "traffic.events.0: kind, start, hold_minutes, ramp_minutes, returning_ratio, half_life_minutes",
        ),
        (
            "events: [{kind: regional_outage, start: 2026-11-05, hold_minutes: 0}]",
            "traffic.events.0.hold_minutes (line 8): must be a number from 1 to 43200",
        ),
        (
            "events: [{kind: price_list_change, start: 2026-11-05, service: AmazonEC2, change_ratio: 0.1}]",
            "traffic.events.0.start (line 8): must be the first moment of a month (UTC), such as 2026-11-01",
        ),
        (
            "events: [{kind: price_list_change, start: 2026-11-01, service: AmazonEC2, change_ratio: 0.0000001}]",
            "traffic.events.0.change_ratio (line 8): must have at most 6 decimals",
        ),
        (
            "events: [{kind: price_list_change, start: 2026-11-01, service: AmazonEC2, change_ratio: -2}]",
            "traffic.events.0.change_ratio (line 8): must be a number from -1 to 10",
        ),
        (
            "events: [{kind: price_list_change, start: 2026-11-01, service: X, change_ratio: 1, family: m7g, usage_type: x}]",
            "traffic.events.0.usage_type (line 8): is given together with family",
        ),
        (
            f"events: {[{'kind': 'price_list_change', 'start': '2026-11-01', 'service': 'X', 'change_ratio': 1}] * 2}",
            "traffic.events.1 (line 8): changes the same prices from the same day as events.0",
        ),
        (
            f"events: {[{'kind': 'launch', 'start': '2026-11-05'}] * 201}",
            "traffic.events (line 8): must hold at most",
        ),
    ],
)
def test_traffic_faults(line: str, fault: str) -> None:
    assert fault in only_fault(f"{SHOP}  {line}\n")


@pytest.mark.parametrize(
    ("visitors", "fault"),
    [
        ("{}", "traffic.monthly_visitors (line 1): must name at least one"),
        (
            "{europe: 0}",
            "traffic.monthly_visitors (line 1): needs at least one geography with more than 0 visitors",
        ),
        (
            "{mars: 5}",
            "traffic.monthly_visitors.mars (line 1): unknown name; valid: united_states, canada, europe",
        ),
        ("{United States: 5}", '"United States" (line 1): unknown name (did you mean united_states?)'),
        ("600", "traffic.monthly_visitors (line 1): must be a group of keys: united_states, canada"),
        ("{europe: 600k}", "write digits only, without separators or units"),
    ],
)
def test_visitor_faults(visitors: str, fault: str) -> None:
    text = f"traffic: {{monthly_visitors: {visitors}}}\nname: Shop\nregion: us-east-1\nstart: 2026-11\n"
    assert fault in only_fault(text)


def test_an_unknown_region_lists_the_valid_ones() -> None:
    assert only_fault(SHOP.replace("us-east-1", "us-east-9")) == (
        "region (line 3): must be one of the names below (did you mean us-east-1?); valid: us-east-1, us-west-2, "
        'eu-west-1, eu-central-1, ap-southeast-1, ap-northeast-1, ap-south-1, sa-east-1 (found "us-east-9")'
    )


def test_every_fault_is_told_at_once_in_the_order_of_the_file() -> None:
    text = (
        SHOP.replace("2026-11", "November") + "months: 99\nfoo: 1\napi: {post_ratio: 7}\nregion: eu-west-1\n"
    )
    found = faults(text)
    assert [(fault.path, fault.line) for fault in found] == [
        ("region", 11),
        ("start", 4),
        ("months", 8),
        ("foo", 9),
        ("api.post_ratio", 10),
    ]
    assert found[0].problem == "given twice, first on line 3; keep one"


def test_a_duplicate_alone_is_refused() -> None:
    assert only_fault(SHOP + "name: Again\n") == "name (line 8): given twice, first on line 2; keep one"


def test_required_keys_say_what_they_are() -> None:
    assert [str(fault) for fault in faults("story: x\n")] == [
        "name: is required: What the shop is called in results",
        "region: is required: AWS region that serves the shop",
        "start: is required: First month simulated, `YYYY-MM`",
        "traffic: is required: Who comes, from where, when",
    ]


def test_whole_floats_are_whole_numbers_and_ints_are_floats() -> None:
    scenario = loads(SHOP + "months: 2.0\napi: {cpu_ms_per_call: 5}\ncontent: {catalogue_products: 2e3}\n")
    assert scenario.months == 2
    assert type(scenario.months) is int
    assert type(scenario.api.cpu_ms_per_call) is float
    assert scenario.content.catalogue_products == 2000


@pytest.mark.parametrize(
    ("start", "moment"),
    [
        ("2026-11-27T08:00:00-05:00", datetime(2026, 11, 27, 13, tzinfo=UTC)),
        ("2026-11-27 08:00", datetime(2026, 11, 27, 8, tzinfo=UTC)),
        ("2026-11-27", datetime(2026, 11, 27, tzinfo=UTC)),
        ("2026-10-31T20:00:00-05:00", datetime(2026, 11, 1, 1, tzinfo=UTC)),
    ],
)
def test_event_times_are_utc(start: str, moment: datetime) -> None:
    (event,) = loads(f"{SHOP}  events: [{{kind: launch, start: {start}}}]\n").traffic.events
    assert event.start == moment
    assert event.start.tzinfo is UTC


def test_the_bound_on_page_views_counts_growth_and_season() -> None:
    # 2.5e8 visitors x 1.3 x 5 = 1.6e9 pages; doubling for 9 months is 512 x that: 8.3e11, and 10 months 1.7e12.
    text = SHOP.replace("1000", "250_000_000") + "  growth_per_month_ratio: 1\nmonths: {}\n"
    assert loads(text.replace("{}", "10")).months == 10
    assert "leads to 1,664,000,000,000 page views" in only_fault(text.replace("{}", "11"))


def test_the_bound_on_page_views_holds_at_the_high_end_of_ranges() -> None:
    # 1e11 pages a month are fine; 1e11 x 12 at the high end of the range are not.
    text = SHOP.replace("1000", "1e9") + "  sessions_per_visitor: 1\n  page_views_per_session: {}\n"
    assert loads(text.replace("{}", "100")).traffic.page_views_per_session == 100
    assert "leads to 1,200,000,000,000 page" in only_fault(
        text.replace("{}", "{low: 10, mid: 100, high: 1200}")
    )


def test_overrides_are_validated_like_the_file(tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(SHOP)
    scenario = load(file, {"region": "sa-east-1", "months": 3, "seed": None})
    assert (scenario.region, scenario.months, scenario.seed) == ("sa-east-1", 3, 1)
    with pytest.raises(ScenarioError) as caught:
        load(file, {"region": "moon", "months": 0, "sead": 1})
    assert [fault.path for fault in caught.value.faults] == ["region", "months", "sead"]
    assert all(fault.line is None for fault in caught.value.faults), "they do not stand in the file"
    assert caught.value.source == f'{file} with region "moon", months 0, sead 1'


def test_an_override_reaches_into_a_group(tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    for group in ("", "account: {}\n", "account: {free_tier: true, lambda_concurrency: 50}\n"):
        file.write_text(SHOP + group)
        plain, changed = load(file), load(file, {"account.free_tier": False})
        assert (plain.account.free_tier, changed.account.free_tier) == (True, False)
        assert changed.account.lambda_concurrency == plain.account.lambda_concurrency
    file.write_text(SHOP + "account: [1]\n")
    with pytest.raises(ScenarioError, match="account"):
        load(file, {"account.free_tier": False})


def test_trace_paths_are_read_beside_the_scenario(tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(SHOP + "  trace: {file: traces/t.csv}\n")
    with pytest.raises(
        ScenarioError, match=r"traffic\.trace\.file \(line 8\): no such file beside the scenario: .*t\.csv"
    ):
        load(file)
    (tmp_path / "traces").mkdir()
    (tmp_path / "traces" / "t.csv").write_text("timestamp,value\n")
    trace = load(file).traffic.trace
    assert trace is not None
    assert trace.file == tmp_path / "traces" / "t.csv"


IN_TWO = SHOP + "network: {second_region: eu-west-1}\n"


@pytest.mark.parametrize(
    ("given", "found", "sentences"),
    [
        ({"region": "eu-west-1"}, ("eu-west-1", "us-east-1"), 1),
        ({"region": "us-east-1"}, ("us-east-1", "eu-west-1"), 0),
        ({"region": "sa-east-1"}, ("sa-east-1", "eu-west-1"), 0),
        ({"region": "eu-west-1", "network.second_region": "sa-east-1"}, ("eu-west-1", "sa-east-1"), 0),
        ({}, ("us-east-1", "eu-west-1"), 0),
    ],
)
def test_a_shop_moved_to_its_second_region_keeps_both(
    tmp_path: Path, given: dict[str, object], found: tuple[str, str], sentences: int
) -> None:
    told: list[str] = []
    (tmp_path / "shop.yaml").write_text(IN_TWO)
    scenario = load(tmp_path / "shop.yaml", given, tell=told.append)
    assert (scenario.region, scenario.network.second_region) == found
    assert len(told) == sentences


def test_no_place_is_exchanged_for_one_that_is_not_there(tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(IN_TWO.replace("us-east-1", "mars"))
    with pytest.raises(ScenarioError, match=r"network.second_region .*must differ from region"):
        load(file, {"region": "eu-west-1"})
