"""Every check at the boundary of its criterion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace

import pytest

from costmodel.decision.run import Run
from costmodel.review.advisor_checks import CHECKS, Prediction, Verdict, predict
from costmodel.review.findings import RETIRED

OK, WARNING, ERROR = Verdict.OK, Verdict.WARNING, Verdict.ERROR
ABSENT, UNKNOWN = Verdict.NOT_APPLICABLE, Verdict.NOT_DECIDABLE

Build = Callable[[SimpleNamespace], Run]

QUIET = {"requests": 914.0}
"""914 calls x 14 KB over 2.5 instances are 4.998 MB an instance and day; 915 calls are 5.004 MB."""


def fleet(**daily: object) -> Build:
    return lambda shop: shop.run_of(shop.with_daily(shop.fleet, **daily))


def fleet_with(**settings: object) -> Build:
    return lambda shop: shop.run_of(shop.with_settings(shop.fleet, **settings))


def of(name: str, **settings: object) -> Build:
    """The run with one design's settings changed."""
    return lambda shop: shop.run_of(shop.with_settings(getattr(shop, name), **settings))


def days_of(name: str, **daily: object) -> Build:
    return lambda shop: shop.run_of(shop.with_daily(getattr(shop, name), **daily))


def functions(failed: object = 0.0, **changes: object) -> Build:
    """Functions in front of a relational database that fails so many calls a day."""
    return lambda shop: shop.run_of(
        shop.function, shop.with_daily(shop.database, failed_requests=failed), **changes
    )


def functions_and_table(failed: object = 0.0) -> Build:
    return lambda shop: shop.run_of(shop.function, shop.with_daily(shop.table, failed_requests=failed))


def function_with(**settings: object) -> Build:
    return lambda shop: shop.run_of(shop.with_settings(shop.function, **settings))


def table_with(**settings: object) -> Build:
    return lambda shop: shop.run_of(shop.with_settings(shop.table, **settings))


def exporting(variable: str, **attributes: object) -> Build:
    """The run with one Terraform variable changed."""

    def build(shop: SimpleNamespace) -> Run:
        others = tuple(note for note in shop.terraform if note.name != variable)
        return shop.run_of(terraform=(*others, shop.variable(variable, **attributes)))

    return build


def nlb(**attributes: object) -> Build:
    def build(shop: SimpleNamespace) -> Run:
        balancer = replace(shop.balancer, kind="nlb")
        return shop.run_of(balancer, terraform=(*shop.terraform, shop.variable("alb", **attributes)))

    return build


def plain(shop: SimpleNamespace) -> Run:
    return shop.run_of()


def on_demand_table(shop: SimpleNamespace) -> Run:
    table = replace(shop.table, kind="dynamodb_on_demand", settings={"billing_mode": "PAY_PER_REQUEST"})
    return shop.run_of(table)


def with_nat_bytes(gb: str) -> Build:
    return lambda shop: shop.run_of(
        charges=(
            shop.charge("network", "NAT gateway hours", "33.48"),
            shop.charge("network", "NAT gateway data", "0.00", gb),
        )
    )


def all_zones(size: int, zones: int) -> Build:
    """A group that stays at one size."""
    return lambda shop: shop.run_of(
        shop.with_daily(
            shop.with_settings(shop.fleet, min_size_instances=size, availability_zones=zones),
            servers_max=float(size),
        )
    )


def account(quota: object) -> Build:
    return lambda shop: shop.run_of(scenario={**shop.scenario, "account": {"ec2_vcpus": quota}})


def run_from(first_day: str, runtime: str = "nodejs22.x") -> Build:
    return lambda shop: shop.run_of(shop.with_settings(shop.function, runtime=runtime), first_day=first_day)


def cluster_with(**settings: object) -> Build:
    return lambda shop: shop.run_of(shop.with_settings(shop.cluster, **settings))


def thirteen_days(shop: SimpleNamespace) -> Run:
    return shop.run_of(
        replace(shop.fleet, daily={name: days[:13] for name, days in shop.fleet.daily.items()})
    )


HIGH, LOW = (0.11,), (0.10,)
IN_14_DAYS = LOW * 3 + HIGH * 10 + LOW + HIGH
IN_15_DAYS = LOW * 3 + HIGH * 11 + LOW + HIGH
"""Four low days, of which any 14 days in a row hold three."""

CASES: dict[str, list[tuple[str, Build, Verdict]]] = {
    "Qch7DwouX1": [
        ("4 days of 14 at 10 %", fleet(utilisation_mean_ratio=IN_14_DAYS, **QUIET), WARNING),
        ("3 days of 14 at 10 %", fleet(utilisation_mean_ratio=LOW * 3 + HIGH, **QUIET), OK),
        ("4 days of 15 at 10 %", fleet(utilisation_mean_ratio=IN_15_DAYS, **QUIET), OK),
        ("every day just above 10 %", fleet(utilisation_mean_ratio=0.1001, **QUIET), OK),
        ("idle CPU, busy network", fleet(utilisation_mean_ratio=0.05, requests=915.0), OK),
        ("13 days known", thirteen_days, UNKNOWN),
        ("days without an instance", fleet(servers_mean=(0.0, 2.5)), UNKNOWN),
        ("traffic of a call unknown", lambda shop: shop.run_of(scenario={}), UNKNOWN),
        ("functions", functions(), ABSENT),
    ],
    "ZRxQlPsb6c": [
        ("4 days of 14 above 90 %", fleet(utilisation_mean_ratio=(0.91,) * 4 + (0.5,)), WARNING),
        ("3 days of 14 above 90 %", fleet(utilisation_mean_ratio=(0.91,) * 3 + (0.5,)), OK),
        ("every day at 90 %", fleet(utilisation_mean_ratio=0.9), OK),
        ("13 days known", thirteen_days, UNKNOWN),
    ],
    "hjLMh88uM8": [
        ("7 days with 99 requests", days_of("balancer", requests=(99.0,) * 7 + (100.0,)), WARNING),
        ("6 days with 99 requests", days_of("balancer", requests=(99.0,) * 6 + (100.0,)), OK),
        ("every day 100 requests", days_of("balancer", requests=100.0), OK),
        ("days not known", lambda shop: shop.run_of(replace(shop.balancer, daily={})), UNKNOWN),
    ],
    "Ti39halfu8": [
        ("7 days without a call", days_of("database", requests=(5.0,) + (0.0,) * 7 + (5.0,)), WARNING),
        ("6 days without a call", days_of("database", requests=(5.0,) + (0.0,) * 6 + (5.0,)), OK),
        ("a table", lambda shop: shop.run_of(shop.table), ABSENT),
    ],
    "c2vlfg022t": [
        ("no byte in a month", with_nat_bytes("0"), WARNING),
        ("a byte in the month", with_nat_bytes("0.000000001"), OK),
        ("no gateway", of("network", nat_gateways=0), ABSENT),
        ("gateways not known", of("network", nat_gateways=None), UNKNOWN),
        ("no month known", lambda shop: shop.run_of(months=()), UNKNOWN),
    ],
    "L4dfs2Q3C2": [
        ("a day with 10 % errors", functions((100_000.0, 0.0)), OK),
        ("a day with more", functions((100_001.0, 0.0)), WARNING),
        ("a throttling table", functions_and_table((100_001.0, 0.0)), WARNING),
        ("instances", plain, ABSENT),
    ],
    "L4dfs2Q3C3": [
        ("a day with 10 % timeouts", functions((100_000.0, 0.0)), OK),
        ("a day with more", functions((100_001.0, 0.0)), WARNING),
        ("a throttling table answers at once", functions_and_table((100_001.0, 0.0)), OK),
        ("timeout not known", functions(terraform=()), UNKNOWN),
    ],
    "51fC20e7I2": [
        ("simple routing", plain, ABSENT),
        ("latency routing", of("dns", routing_policy="latency"), UNKNOWN),
    ],
    "c18d2gz100": [
        ("old versions expire", plain, OK),
        ("no rule", of("storage", noncurrent_days=0), WARNING),
        ("not known", of("storage", noncurrent_days=None), UNKNOWN),
    ],
    "c18d2gz171": [
        ("old versions expire", plain, OK),
        ("no rule", of("storage", noncurrent_days=0), WARNING),
        ("no versions", of("storage", versioning=False), ABSENT),
    ],
    "c1cj39rr6v": [
        ("7 days", plain, OK),
        ("8 days", of("storage", abort_incomplete_multipart_days=8), WARNING),
        ("never", of("storage", abort_incomplete_multipart_days=0), WARNING),
        ("not known", of("storage", abort_incomplete_multipart_days=None), UNKNOWN),
    ],
    "Bh2xRR2FGH": [
        # One gp3 volume moves 125 MiB/s = 1 048.6 Mbit/s; m5.2xlarge takes 2 300, m7g.large 630.
        ("a large instance", fleet_with(instance_type="m5.2xlarge"), OK),
        ("a small instance", plain, UNKNOWN),
        ("a type we do not know", fleet_with(instance_type="z9.huge"), UNKNOWN),
    ],
    "796d6f3D83": [("behind CloudFront", plain, OK)],
    "B913Ef6fb4": [
        ("alias", plain, OK),
        ("CNAME", exporting("route53", alias_to_cloudfront=False), WARNING),
        ("not known", exporting("route53"), UNKNOWN),
    ],
    "c18d2gz136": [
        ("scaled", lambda shop: shop.run_of(shop.table), OK),
        ("on demand", on_demand_table, OK),
        (
            "fixed",
            lambda shop: shop.run_of(
                shop.table, terraform=(shop.variable("dynamodb_table", autoscaling_enabled=False),)
            ),
            WARNING,
        ),
        ("relational", plain, ABSENT),
    ],
    "c18d2gz181": [
        ("reserved", function_with(reserved_concurrency=1), OK),
        ("not reserved", functions(), WARNING),
        ("not known", function_with(reserved_concurrency=None), UNKNOWN),
    ],
    "wuy7G1zxql": [
        # 5 + 5 differ by 0; 5 + 4 by 20 % of the larger; 4 + 3 by 25 %.
        ("10 over 2 zones", all_zones(10, 2), OK),
        ("9 over 2 zones", all_zones(9, 2), OK),
        ("7 over 2 zones", all_zones(7, 2), WARNING),
        ("2 over 3 zones, the third not in use", all_zones(2, 3), OK),
        ("1 over 2 zones", all_zones(1, 2), ERROR),
        ("2 to 4 over 2 zones", plain, UNKNOWN),
    ],
    "b92b83d667": [
        # 2 + 1 puts two thirds into one zone; 2 + 1 + 1 half, and AWS's stricter limit is not known.
        ("4 over 2 zones", all_zones(4, 2), OK),
        ("3 over 2 zones", all_zones(3, 2), WARNING),
        ("4 over 3 zones", all_zones(4, 3), UNKNOWN),
        ("functions", functions(), ABSENT),
    ],
    "CLOG40CDO8": [
        ("ELB", plain, OK),
        ("EC2", exporting("autoscaling", health_check_type="EC2"), WARNING),
        ("not known", exporting("autoscaling"), UNKNOWN),
    ],
    "c18d2gz101": [("2 zones", plain, OK), ("1 zone", fleet_with(availability_zones=1), ERROR)],
    "c18d2gz144": [
        ("on", plain, OK),
        ("off", exporting("autoscaling", enable_monitoring=False), WARNING),
    ],
    "c1dfprch08": [
        ("2 zones", plain, OK),
        ("1 zone", of("balancer", availability_zones=1), WARNING),
        ("an NLB", nlb(), ABSENT),
    ],
    "c18d2gz169": [("2 zones", plain, OK), ("1 zone", of("balancer", availability_zones=1), WARNING)],
    "c18d2gz105": [
        ("on", nlb(enable_cross_zone_load_balancing=True), OK),
        ("off", nlb(enable_cross_zone_load_balancing=False), WARNING),
        ("an ALB", plain, ABSENT),
    ],
    "L4dfs2Q4C6": [
        ("2 zones", functions(), OK),
        ("1 zone", function_with(availability_zones=1), WARNING),
        ("outside the VPC", functions_and_table(), ABSENT),
    ],
    "f2iK5R6Dep": [
        ("Multi-AZ", plain, OK),
        ("Single-AZ", of("database", multi_az=False), WARNING),
        ("a Single-AZ replica", of("database", read_replicas=1), WARNING),
        ("a cluster", cluster_with(), ABSENT),
    ],
    "c18d2gz156": [
        ("Multi-AZ with a replica", of("database", read_replicas=1), OK),
        ("Single-AZ", of("database", multi_az=False), WARNING),
    ],
    "c18d2gz161": [
        ("a reader", cluster_with(), OK),
        ("a writer only", cluster_with(readers=0), WARNING),
        ("an instance", plain, ABSENT),
    ],
    "opQPADkZvH": [
        ("1 day", of("database", backup_retention_days=1), OK),
        ("0 days", of("database", backup_retention_days=0), ERROR),
    ],
    "c18d2gz138": [
        ("on", lambda shop: shop.run_of(shop.table), OK),
        ("off", table_with(point_in_time_recovery=False), WARNING),
    ],
    "c18d2gz107": [("a table", on_demand_table, WARNING), ("an instance", plain, ABSENT)],
    "R365s2Qddf": [("on", plain, OK), ("off", of("storage", versioning=False), WARNING)],
    "c18d2gz119": [
        ("one region", plain, WARNING),
        ("two regions", of("storage", replica_region="us-west-2"), OK),
    ],
    "c18d2gz112": [
        ("no group", plain, WARNING),
        ("a group", of("delivery", origin_failover=True), OK),
        ("not known", of("delivery", origin_failover=None), UNKNOWN),
    ],
    "c1dfptbg10": [
        ("one for two zones", plain, ERROR),
        ("one a zone", of("network", nat_gateways=2), OK),
        ("none", of("network", nat_gateways=0), ABSENT),
    ],
    "C056F80cR3": [
        ("alias", plain, OK),
        ("failover records", of("dns", routing_policy="failover"), UNKNOWN),
        ("CNAME", exporting("route53", alias_to_cloudfront=False), UNKNOWN),
    ],
    "b73EEdD790": [
        ("simple routing", plain, ABSENT),
        ("failover routing", of("dns", routing_policy="failover"), UNKNOWN),
    ],
    "L4dfs2Q4C5": [
        # nodejs22.x ends on 2027-04-30; a run of 31 days from 2026-10-01 ends on 10-31, 181 days before.
        ("181 days before", run_from("2026-10-01"), OK),
        ("180 days before", run_from("2026-10-02"), WARNING),
        ("1 day before", run_from("2027-03-30"), WARNING),
        ("the day", run_from("2027-03-31"), ERROR),
        ("a runtime whose end we do not know", run_from("2026-10-01", "cobol74"), UNKNOWN),
        ("a day that is none", run_from("soon"), UNKNOWN),
    ],
    "0Xc6LMYG8P": [
        # At most 4 instances x 2 vCPUs.
        ("8 of 11 vCPUs", account(11), OK),
        ("8 of 10 vCPUs", account(10), WARNING),
        ("8 of 8 vCPUs", account(8), ERROR),
        ("a quota of nothing", account(0), UNKNOWN),
        ("no quota", account("many"), UNKNOWN),
    ],
    "fW7HH0l7J9": [("1 of 500", plain, OK), ("functions", functions(), ABSENT)],
    "EM8b3yLRTr": [("1 of 50", plain, OK), ("an NLB", nlb(), ABSENT)],
    "8wIqYSt25K": [("1 of 50", nlb(), OK), ("an ALB", plain, ABSENT)],
    "XG0aXHpIEt": [
        ("32 of 40", of("database", read_replicas=31), WARNING),
        ("31 of 40", of("database", read_replicas=30), OK),
        ("40 of 40", cluster_with(readers=39), ERROR),
        (
            "16 of 20 in Mumbai",
            lambda shop: shop.run_of(
                shop.with_settings(shop.database, read_replicas=15), region_id="ap-south-1"
            ),
            WARNING,
        ),
    ],
    "gjqMBn6pjz": [("1 of 40", cluster_with(), OK), ("an instance", plain, ABSENT)],
    "6gtQddfEw6": [
        # Table and two indexes at one unit each; 80 % of 80 000 are 64 000.
        ("63 999 at most", table_with(read_maximum_units=63_997), OK),
        ("64 000 at most", table_with(read_maximum_units=63_998), UNKNOWN),
        ("64 000 always", table_with(read_minimum_units=63_998, read_maximum_units=63_998), WARNING),
        ("80 000 always", table_with(read_minimum_units=79_998, read_maximum_units=79_998), ERROR),
        ("on demand", on_demand_table, ABSENT),
    ],
    "c5ftjdfkMr": [
        # 11 for the table and 2 indexes x 31 994 are 63 999.
        ("63 999 at most", table_with(index_maximum_units=31_994), OK),
        ("64 001 at most", table_with(index_maximum_units=31_995), UNKNOWN),
        ("64 001 always", table_with(index_minimum_units=32_000, index_maximum_units=32_000), WARNING),
        ("relational", plain, ABSENT),
    ],
    "lN7RR0l7J9": [
        ("3 of 5", of("network", nat_gateways=3), OK),
        ("4 of 5", of("network", nat_gateways=4), WARNING),
        ("5 of 5", of("network", nat_gateways=5), ERROR),
        ("none", of("network", nat_gateways=0), ABSENT),
    ],
    "ru4xfcdfMr": [
        ("159 of 200", of("dns", health_checks=159), OK),
        ("160 of 200", of("dns", health_checks=160), WARNING),
        ("200 of 200", of("dns", health_checks=200), ERROR),
    ],
}


def predicted(run: Run, check_id: str) -> Prediction:
    return next(prediction for prediction in predict(run) if prediction.check_id == check_id)


@pytest.mark.parametrize(
    ("check_id", "build", "verdict"),
    [
        pytest.param(check_id, build, verdict, id=f"{check_id}: {name}")
        for check_id, cases in CASES.items()
        for name, build, verdict in cases
    ],
)
def test_boundary(shop: SimpleNamespace, check_id: str, build: Build, verdict: Verdict) -> None:
    prediction = predicted(build(shop), check_id)
    assert prediction.verdict is verdict, prediction.reason
    assert prediction.reason
    assert prediction.saving_usd is None or prediction.verdict.flagged


def test_every_check_has_cases_once() -> None:
    assert sorted(CASES) == sorted(check.check_id for check in CHECKS)
    assert len(CHECKS) >= 22


def test_no_check_is_applied_that_aws_withdrew() -> None:
    """Checks that AWS still answers beside their successor may be applied: their criterion is published."""
    assert [check.check_id for check in CHECKS if (gone := RETIRED.get(check.check_id)) and gone.since] == []


def test_a_run_without_designs_is_undecided_everywhere(shop: SimpleNamespace) -> None:
    verdicts = {prediction.verdict for prediction in predict(shop.run_of(designs=()))}
    assert verdicts == {UNKNOWN}


class TestSavings:
    def test_low_cpu_saves_the_share_of_idle_days(self, shop: SimpleNamespace) -> None:
        """151.78 dollars of instance hours a month x 4 of 14 days."""
        build = fleet(utilisation_mean_ratio=IN_14_DAYS, **QUIET)
        saving = predicted(build(shop), "Qch7DwouX1").saving_usd
        assert saving is not None
        assert round(saving, 2) == Decimal("43.37")

    def test_low_cpu_has_no_saving_where_only_reserved_hours_are_paid(self, shop: SimpleNamespace) -> None:
        build = fleet(utilisation_mean_ratio=0.05, **QUIET)
        run = replace(build(shop), charges=(shop.charge("web", "Reserved instance hours", "90"),))
        prediction = predicted(run, "Qch7DwouX1")
        assert (prediction.verdict, prediction.saving_usd) == (WARNING, None)

    @pytest.mark.parametrize(
        ("check_id", "build", "saving"),
        [
            ("hjLMh88uM8", days_of("balancer", requests=0.0), "16.74"),
            ("Ti39halfu8", days_of("database", requests=0.0), "355.63"),
            ("c2vlfg022t", with_nat_bytes("0"), "33.48"),
        ],
    )
    def test_idle_things_save_their_hours(
        self, shop: SimpleNamespace, check_id: str, build: Build, saving: str
    ) -> None:
        assert predicted(build(shop), check_id).saving_usd == Decimal(saving)

    def test_savings_are_means_over_months(self, shop: SimpleNamespace) -> None:
        charges = (
            shop.charge("network", "NAT gateway hours", "33.48"),
            shop.charge("network", "NAT gateway hours", "32.40", period="2026-04"),
        )
        run = shop.run_of(charges=charges, months=("2026-03", "2026-04"))
        assert predicted(run, "c2vlfg022t").saving_usd == Decimal("32.94")

    def test_one_month_without_a_byte_is_enough(self, shop: SimpleNamespace) -> None:
        charges = (shop.charge("network", "NAT gateway data", "0.54", "12"),)
        run = shop.run_of(charges=charges, months=("2026-03", "2026-04"))
        assert predicted(run, "c2vlfg022t").verdict is WARNING


def test_figures_say_what_was_used(shop: SimpleNamespace) -> None:
    prediction = predicted(fleet(utilisation_mean_ratio=IN_14_DAYS, **QUIET)(shop), "Qch7DwouX1")
    traffic_mb = prediction.figures.pop("least_network_mb_per_instance_day")
    assert traffic_mb == pytest.approx(914 * 14 / 1024 / 2.5)
    assert prediction.figures == {"low_days": 4, "lowest_daily_cpu_ratio": 0.1}


def test_slow_calls_leave_timeouts_undecided(shop: SimpleNamespace) -> None:
    run = functions()(shop)
    slow = replace(run, chosen=replace(run.chosen, api_p99_ms=10_001.0))
    assert predicted(slow, "L4dfs2Q3C3").verdict is UNKNOWN
    assert (
        predicted(replace(run, chosen=replace(run.chosen, api_p99_ms=10_000.0)), "L4dfs2Q3C3").verdict is OK
    )
