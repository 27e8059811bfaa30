"""The planted account, item by item, and each way a finding can relate to the recommended design."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from costmodel.decision.run import PlanNote, PurchaseNote, Run
from costmodel.review.advisor import AdvisorComparison, Item, Outcome, compare
from costmodel.review.findings import Finding, Findings, Resource, Status, parse_findings, read_findings

CONTRADICT, AGREE, ONLY_AWS, ONLY_US, NOTHING = Outcome

EXPECTED = [
    # AWS would shrink the database; the search rejected that class: 950 ms against 800 ms.
    (CONTRADICT, "c1z7kmr03n", "90.25", None, "RDS PostgreSQL db.t4g.medium Multi-AZ breaks API latency"),
    # 12 GB a month pass the NAT gateway that AWS calls idle.
    (CONTRADICT, "c1z7kmr18n", "32.85", None, "12.0 GB pass the gateways"),
    # c7g.medium is 1 x 1.45 of an m5 vCPU, m7g.large 2 x 1.45: half of 100 calls a second, the peak is 60.
    (CONTRADICT, "c1z7kmr00n", "29.784", None, "c7g.medium keeps up with 50 calls a second, the busiest minute brings 60"),
    (CONTRADICT, "hjLMh88uM8", "16.43", None, "1,000,000 requests"),
    # The account replicates its bucket; the run names no second region.
    (CONTRADICT, "c18d2gz119", None, None, "AWS is content today"),
    # 8 m5 vCPUs against 2.9: both shrink. Resources of another region and excluded ones do not count.
    (AGREE, "Qch7DwouX1", "123.50", None, "m5.2xlarge is larger than the m7g.large"),
    (AGREE, "Ti39halfu8", "123.12000000000002", None, "db.r6i.4xlarge is larger than the db.r7g.large"),
    # 680.00 - 600.00 dollars.
    (AGREE, "COr6dfpM05", "12.4", "80.00", "so no function is left"),
    (AGREE, "CLOG40CDO8", None, None, "puts it right"),
    (AGREE, "c1dfptbg10", None, None, "flagged as well: 1 NAT gateway for 2 zones"),
    (AGREE, "f2iK5R6Dep", None, None, "a standby waits in another zone"),
    (ONLY_AWS, "vZ2c2W1srf", "210", None, "the scenario allows no commitment"),
    (ONLY_AWS, "DAvU99Dc4C", "8.0", None, "does not model"),
    # 636 + 4 instances x 2 vCPUs are 644 of 640.
    (ONLY_AWS, "0Xc6LMYG8P", None, None, "636 of 640; the recommended design alone uses 8, and both together do not fit"),
    (ONLY_AWS, "7DAFEmoDos", None, None, "does not model"),
    (ONLY_AWS, "EM8b3yLRTr", None, None, "uses 41 of 50; the recommended design alone uses 1"),
    (ONLY_AWS, "ZRxQlPsb6c", None, None, "would pass: 0 days above 90 %"),
    (ONLY_AWS, "c18d2gz138", None, None, "uses RDS PostgreSQL db.r7g.large Multi-AZ instead"),
    (ONLY_AWS, "c18d2gz144", None, None, "the resources are in eu-west-1, the run is about us-east-1"),
    (ONLY_AWS, "zXCkfM1nI3", None, None, "does not model"),
    # 716.25 - 600.00 and 640.10 - 600.00; Lambda stands beside COr6dfpM05 already, Aurora is not feasible.
    (ONLY_US, "", None, "116.25", "no check compares kinds of delivery"),
    (ONLY_US, "", None, "40.10", "no check compares kinds of database"),
    (ONLY_US, "c18d2gz112", None, None, "without an origin group"),
    (NOTHING, "L4dfs2Q3C2", None, None, "AWS has no data"),
    (NOTHING, "R365s2Qddf", None, None, "AWS finds nothing"),
    (NOTHING, "opQPADkZvH", None, None, "excluded by its owner"),
]  # fmt: skip


@pytest.mark.parametrize("api", ["support", "trustedadvisor"])
class TestPlantedAccount:
    def test_item_by_item(self, planted_run: Run, planted_account: Path, api: str) -> None:
        comparison = compare(planted_run, read_findings(planted_account / f"{api}.json"))
        assert comparison.api == api
        got = [
            (item.outcome, item.check_id, amount(item.aws_saving_usd), amount(item.our_saving_usd))
            for item in comparison.items
        ]
        assert got == [(outcome, check_id, aws, ours) for outcome, check_id, aws, ours, _ in EXPECTED]
        for item, (*_, reason) in zip(comparison.items, EXPECTED, strict=True):
            assert reason in item.reason

    def test_every_finding_is_one_item(self, planted_run: Run, planted_account: Path, api: str) -> None:
        findings = read_findings(planted_account / f"{api}.json")
        reported = [item.check_id for item in compare(planted_run, findings).items if item.aws]
        assert sorted(reported) == sorted(finding.reported_id for finding in findings.findings)

    def test_what_the_design_would_trip(self, planted_run: Run, planted_account: Path, api: str) -> None:
        comparison = compare(planted_run, read_findings(planted_account / f"{api}.json"))
        assert {prediction.check_id for prediction in comparison.tripped} == {
            "c18d2gz119",
            "c18d2gz112",
            "c1dfptbg10",
        }

    def test_notes(self, planted_run: Run, planted_account: Path, api: str) -> None:
        """Four checks are being replaced, one was replaced, one withdrawn; two pairs of savings overlap."""
        notes = compare(planted_run, read_findings(planted_account / f"{api}.json")).notes
        assert sum("is replacing check" in note for note in notes) == 4
        assert "AWS withdrew check vZ2c2W1srf on 2026-01-09; read as its successor c1z7kmr09n." in notes
        assert "AWS withdrew check zXCkfM1nI3 on 2024-05-15 without a successor." in notes
        assert "AWS's savings of Qch7DwouX1 and c1z7kmr00n overlap: count one of them." in notes
        assert "AWS's savings of Ti39halfu8 and c1z7kmr03n overlap: count one of them." in notes
        assert len(notes) == 8


def test_both_apis_give_the_same_comparison(planted_run: Run, planted_account: Path) -> None:
    old, new = (
        compare(planted_run, read_findings(planted_account / f"{api}.json"))
        for api in ("support", "trustedadvisor")
    )
    assert old.items == new.items
    assert old.notes == new.notes


def test_json_is_exact_and_plain(planted_run: Run, planted_account: Path) -> None:
    comparison = compare(planted_run, read_findings(planted_account / "support.json"))
    plain = json.loads(json.dumps(comparison.to_dict()))
    assert plain["items"][0]["aws_saving_usd"] == "90.25"
    assert plain["items"][0]["outcome"] == "contradict"
    assert [len(plain["items"]), len(plain["predictions"])] == [26, len(comparison.predictions)]


def amount(saving: Decimal | None) -> str | None:
    return None if saving is None else str(saving)


# One finding at a time


def finding(
    check_id: str,
    *resources: Resource,
    status: Status = Status.WARNING,
    pillars: tuple[str, ...] = ("cost_optimizing",),
    **changes: Any,
) -> Finding:
    plain = Finding(check_id, check_id, pillars, status, resources, None)
    return replace(plain, **changes)


def resource(region: str = "us-east-1", *, excluded: bool = False, **metadata: str) -> Resource:
    """A flagged resource; `Instance_Type` stands for the heading `Instance Type`."""
    named = {heading.replace("_", " "): value for heading, value in metadata.items()}
    return Resource("it", region, Status.WARNING, excluded, named)


def item_of(run: Run, found: Finding) -> Item:
    return next(item for item in comparison_of(run, found).items if item.check_id == found.reported_id)


def comparison_of(run: Run, *found: Finding) -> AdvisorComparison:
    return compare(run, Findings("support", found, ()))


class TestSizes:
    @pytest.mark.parametrize(
        ("check_id", "metadata", "outcome", "reason"),
        [
            ("Qch7DwouX1", {"Instance_Type": "m5.2xlarge"}, AGREE, "is larger than"),
            ("Qch7DwouX1", {"Instance_Type": "m7g.large"}, CONTRADICT, "we recommend m7g.large and need it"),
            ("Qch7DwouX1", {"Instance_Type": "c7g.medium"}, ONLY_AWS, "not part of what we recommend"),
            ("Qch7DwouX1", {}, ONLY_AWS, "its type is not stated"),
            ("Qch7DwouX1", {"Instance_Type": "zz9.large"}, ONLY_AWS, "not part of what we recommend"),
            ("c1z7kmr01n", {"Recommended_Resource_Summary": "2 x m7g.large"}, AGREE, "m7g.large too"),
            # t4g.medium: 2.3 of 2.9 m5 vCPUs, 79 calls a second against 60.
            ("c1z7kmr00n", {"Recommended_Resource_Summary": "t4g.medium"}, ONLY_AWS, "does not rule t4g.medium out"),
            (
                "c1z7kmr00n",
                {"Current_Resource_Summary": "m5.2xlarge", "Recommended_Resource_Summary": "t4g.medium"},
                AGREE,
                "is larger than",
            ),
            (
                "c1z7kmr00n",
                {"Current_Resource_Summary": "m5.2xlarge", "Recommended_Resource_Summary": "c7g.medium"},
                CONTRADICT,
                "keeps up with 50",
            ),
            ("Ti39halfu8", {"Instance_Type": "db.r7g.large"}, CONTRADICT, "1,000,000 API calls reach it"),
            ("c1z7kmr03n", {"Recommended_Resource_Summary": "db.t4g.medium"}, CONTRADICT, "950, allowed 800 ms"),
            ("c1z7kmr03n", {"Recommended_Resource_Summary": "db.m6i.large"}, ONLY_AWS, "does not rule"),
        ],
    )  # fmt: skip
    def test_instances(
        self, planted_run: Run, check_id: str, metadata: Mapping[str, str], outcome: Outcome, reason: str
    ) -> None:
        item = item_of(planted_run, finding(check_id, resource(**metadata)))
        assert (item.outcome, reason in item.reason) == (outcome, True), item.reason

    def test_exactly_enough_is_no_objection(self, planted_run: Run, shop: SimpleNamespace) -> None:
        half = resource(Recommended_Resource_Summary="c7g.medium")
        busy = replace(shop.fleet, figures={**shop.fleet.figures, "peak_requests_per_s": 50.0})
        assert item_of(shop.run_of(busy), finding("c1z7kmr00n", half)).outcome is ONLY_AWS
        over = replace(shop.fleet, figures={**shop.fleet.figures, "peak_requests_per_s": 50.1})
        assert item_of(shop.run_of(over), finding("c1z7kmr00n", half)).outcome is CONTRADICT

    def test_the_strongest_objection_comes_first(self, planted_run: Run) -> None:
        both = (resource(Instance_Type="m5.2xlarge"), resource(Instance_Type="m7g.large"))
        item = item_of(planted_run, finding("Qch7DwouX1", *both))
        assert item.outcome is CONTRADICT
        assert item.reason.index("need it") < item.reason.index("is larger than")

    def test_instances_go_when_functions_are_recommended(self, shop: SimpleNamespace) -> None:
        """700.00 - 600.00 dollars, and the choice is not told twice."""
        comparisons = (
            replace(shop.comparisons[0], effective_monthly_usd=Decimal("700.00")),
            *shop.comparisons[1:],
        )
        run = shop.run_of(shop.function, comparisons=comparisons)
        comparison = comparison_of(run, finding("Qch7DwouX1", resource(Instance_Type="m5.large")))
        item = next(item for item in comparison.items if item.check_id == "Qch7DwouX1")
        assert (item.outcome, item.our_saving_usd) == (AGREE, Decimal("100.00"))
        assert not any("instead of 2 to 4 m7g.large" in other.name for other in comparison.items)
        without = comparison_of(run, finding("7DAFEmoDos"))
        assert any("instead of 2 to 4 m7g.large" in other.name for other in without.items)

    def test_databases_go_when_a_table_is_recommended(self, shop: SimpleNamespace) -> None:
        item = item_of(shop.run_of(shop.table), finding("Ti39halfu8", resource(Instance_Type="db.r7g.large")))
        assert item.outcome is AGREE
        assert "no instance is left" in item.reason

    def test_an_idle_fleet_agrees_with_the_saving_of_the_check(self, shop: SimpleNamespace) -> None:
        """914 calls a day are under 5 MB an instance: every day of 14 is idle, all hours are saved."""
        idle = shop.with_daily(shop.fleet, utilisation_mean_ratio=0.05, requests=914.0)
        item = item_of(shop.run_of(idle), finding("Qch7DwouX1", resource(Instance_Type="m7g.large")))
        assert (item.outcome, item.our_saving_usd) == (AGREE, Decimal("151.78"))

    @pytest.mark.parametrize(
        ("summary", "outcome", "reason"),
        [
            ("Lambda, 512 MB", AGREE, "512 MB too"),
            ("256", CONTRADICT, "error ratio: 0.2, allowed 0.001"),
            ("1024 MB", ONLY_AWS, "not 1024 MB"),
            ("smaller", ONLY_AWS, "does not state the size"),
        ],
    )
    def test_functions(self, shop: SimpleNamespace, summary: str, outcome: Outcome, reason: str) -> None:
        rejected = replace(
            shop.run_of().rejections[0],
            subject="Lambda 256 MB arm64",
            constraint="error ratio",
            observed=0.2,
            limit=0.001,
            unit="",
        )
        run = shop.run_of(shop.function, rejections=(rejected,))
        item = item_of(run, finding("c1z7kmr05n", resource(Recommended_Resource_Summary=summary)))
        assert (item.outcome, reason in item.reason) == (outcome, True), item.reason


class TestIdleThings:
    @pytest.mark.parametrize(
        ("gateways", "gb", "outcome", "saving"),
        [(1, "12", CONTRADICT, None), (1, "0", AGREE, "33.48"), (0, "0", AGREE, None)],
    )
    def test_nat_gateways(
        self, shop: SimpleNamespace, gateways: int, gb: str, outcome: Outcome, saving: str | None
    ) -> None:
        charges = (
            shop.charge("network", "NAT gateway hours", "33.48"),
            shop.charge("network", "NAT gateway data", "0", gb),
        )
        run = shop.run_of(shop.with_settings(shop.network, nat_gateways=gateways), charges=charges)
        for check_id in ("c2vlfg022t", "c1z7kmr18n"):
            item = item_of(run, finding(check_id, resource()))
            assert (item.outcome, amount(item.our_saving_usd)) == (outcome, saving)

    def test_one_of_several_may_go(self, shop: SimpleNamespace) -> None:
        """The design needs a gateway, and the account has two that the check found nothing wrong with."""
        charges = (
            shop.charge("network", "NAT gateway hours", "33.48"),
            shop.charge("network", "NAT gateway data", "0", "12"),
        )
        run = shop.run_of(shop.with_settings(shop.network, nat_gateways=1), charges=charges)
        idle = replace(finding("c2vlfg022t", resource()), sound_resources=2)
        item = item_of(run, idle)
        assert (item.outcome, "2 more in use" in item.reason) == (ONLY_AWS, True)

    def test_without_the_facts_only_aws_speaks(self, shop: SimpleNamespace) -> None:
        run = shop.run_of(shop.with_settings(shop.network, nat_gateways=None))
        assert item_of(run, finding("c2vlfg022t", resource())).outcome is ONLY_AWS


class TestCommitments:
    def test_reserved_designs_agree(self, shop: SimpleNamespace) -> None:
        reserved = shop.with_settings(shop.fleet, purchase="reserved_1yr_no_upfront")
        assert item_of(shop.run_of(reserved), finding("cX3c2R1chu", resource())).outcome is AGREE
        assert item_of(shop.run_of(reserved), finding("c1z7kmr11n", resource())).outcome is ONLY_AWS

    @pytest.mark.parametrize(
        ("check_id", "design", "told", "saving_usd"),
        [
            ("cX3c2R1chu", "function", "we recommend Lambda 512 MB arm64, so no instance is left", "0.00"),
            (
                "c1z7kmr11n",
                "table",
                "we recommend DynamoDB provisioned at 70%, so no instance is left",
                "0.00",
            ),
            ("c1z7kmr15n", "cluster", "with 1 reader, so no provisioned capacity is left", None),
        ],
    )
    def test_what_is_not_recommended_is_not_committed_to(
        self, shop: SimpleNamespace, check_id: str, design: str, told: str, saving_usd: str | None
    ) -> None:
        """A plan for what takes its place is no agreement. 600.00 - 600.00 dollars over the rejected kind."""
        run = shop.run_of(
            getattr(shop, design), plan=self.plan("Compute Savings Plan", "Database Savings Plan")
        )
        item = item_of(run, finding(check_id, resource()))
        assert (item.outcome, told in item.reason) == (CONTRADICT, True), item.reason
        assert amount(item.our_saving_usd) == saving_usd

    def test_an_agreed_plan_says_what_both_save(self, shop: SimpleNamespace) -> None:
        """A month's 151.78 of instance hours for 120.00; the database's plan is another one."""
        instance, database = (
            replace(
                shop.charge(*named),
                sku_price_id=f"{code} us-east-1 {usage} from 0",
                effective_cost=Decimal(effective),
            )
            for named, code, usage, effective in (
                (("web", "Instance hours", "151.78"), "AmazonEC2", "BoxUsage:m7g.large", "120.00"),
                (
                    ("database", "Instance hours", "355.63"),
                    "AmazonRDS",
                    "InstanceUsage:db.r7g.large",
                    "300.00",
                ),
            )
        )
        plan = self.plan("EC2 Instance Savings Plan", "Database Savings Plan")
        run = shop.run_of(charges=(instance, database), plan=plan)
        for check_id, kind, saving_usd in (
            ("c1z7kmr09n", "EC2 Instance Savings Plan", "31.78"),
            ("c1z7kmr11n", "Database Savings Plan", "55.63"),
        ):
            item = item_of(run, finding(check_id, resource()))
            assert (item.outcome, item.reason) == (AGREE, f"we recommend a commitment too: {kind}")
            assert amount(item.our_saving_usd) == saving_usd

    @staticmethod
    def plan(*kinds: str) -> PlanNote:
        bought = (PurchaseNote(kind, 1, "No Upfront", "all", 0, "hour", 0.1, 0.0) for kind in kinds)
        return PlanNote(tuple(bought), Decimal(0), 0.0)

    @pytest.mark.parametrize(
        ("commitments", "reason"),
        [
            (["on_demand"], "allows no commitment"),
            (["on_demand", "reserved_1yr_no_upfront"], "is cheapest without"),
            (["on_demand", "database_savings_plan_1yr_no_upfront"], "is cheapest without"),
            (
                ["on_demand", "compute_savings_plan_3yr_all_upfront"],
                "the price book has no rate of Compute Savings Plan, 3yr All Upfront",
            ),
        ],
    )
    def test_on_demand_designs_say_why(
        self, shop: SimpleNamespace, commitments: list[str], reason: str
    ) -> None:
        run = shop.run_of(scenario={**shop.scenario, "constraints": {"commitments": commitments}})
        item = item_of(run, finding("c1z7kmr09n", resource()))
        assert (item.outcome, reason in item.reason) == (ONLY_AWS, True)


class TestQuotas:
    @pytest.mark.parametrize(("usage", "fits"), [("632", True), ("633", False), ("many", True)])
    def test_what_the_design_adds_must_fit(self, planted_run: Run, usage: str, fits: bool) -> None:
        """4 instances x 2 vCPUs on top of what the account uses, of 640."""
        used = resource(Current_Usage=usage, Limit_Amount="640")
        item = item_of(planted_run, finding("0Xc6LMYG8P", used, pillars=("service_limits",)))
        assert item.outcome is ONLY_AWS
        assert ("do not fit" in item.reason) is not fits

    def test_a_design_that_fills_the_quota_itself_agrees(self, shop: SimpleNamespace) -> None:
        run = shop.run_of(scenario={**shop.scenario, "account": {"ec2_vcpus": 8}})
        assert item_of(run, finding("0Xc6LMYG8P", resource())).outcome is AGREE

    def test_quotas_we_do_not_count(self, planted_run: Run) -> None:
        item = item_of(planted_run, finding("jL7PP0l7J9", resource(), pillars=("service_limits",)))
        assert (item.outcome, "does not count" in item.reason) == (ONLY_AWS, True)


class TestQuietFindings:
    @pytest.mark.parametrize(
        ("status", "outcome"),
        [(Status.OK, CONTRADICT), (Status.NOT_AVAILABLE, ONLY_US), (Status.WARNING, AGREE)],
    )
    def test_a_flag_we_foresee(self, planted_run: Run, status: Status, outcome: Outcome) -> None:
        """The planted run has no origin group."""
        assert item_of(planted_run, finding("c18d2gz112", status=status)).outcome is outcome

    @pytest.mark.parametrize("status", [Status.OK, Status.NOT_AVAILABLE])
    def test_nothing_on_either_side(self, planted_run: Run, status: Status) -> None:
        assert item_of(planted_run, finding("R365s2Qddf", status=status)).outcome is NOTHING

    def test_what_its_owner_put_aside(self, planted_run: Run) -> None:
        assert item_of(planted_run, finding("hjLMh88uM8", resource(), dismissed=True)).outcome is NOTHING
        assert item_of(planted_run, finding("hjLMh88uM8", resource(excluded=True))).outcome is NOTHING
        mixed = finding("hjLMh88uM8", resource(), resource(excluded=True))
        assert item_of(planted_run, mixed).outcome is CONTRADICT

    def test_regions(self, planted_run: Run) -> None:
        assert item_of(planted_run, finding("hjLMh88uM8", resource("eu-west-1"))).outcome is ONLY_AWS
        assert item_of(planted_run, finding("hjLMh88uM8", resource(""))).outcome is CONTRADICT
        both = item_of(planted_run, finding("hjLMh88uM8", resource("eu-west-1"), resource()))
        assert (both.outcome, both.resources) == (CONTRADICT, ("it",))

    def test_a_load_balancer_with_nothing_behind_it_serves_no_design(self, planted_run: Run) -> None:
        empty = resource(Reason="No active back-end instances")
        item = item_of(planted_run, finding("hjLMh88uM8", empty))
        assert (item.outcome, "it may go" in item.reason) == (ONLY_AWS, True)
        quiet = resource(Reason="Low request count")
        assert item_of(planted_run, finding("hjLMh88uM8", quiet)).outcome is CONTRADICT
        assert item_of(planted_run, finding("hjLMh88uM8", empty, quiet)).outcome is CONTRADICT

    def test_an_account_elsewhere_is_pointed_out(self, planted_run: Run) -> None:
        elsewhere = finding("hjLMh88uM8", resource("eu-west-1"), resource("", excluded=True))
        (note,) = comparison_of(planted_run, elsewhere).notes
        assert note.startswith("Every flagged resource is in eu-west-1, and the run is about us-east-1.")
        assert comparison_of(planted_run, elsewhere, finding("f2iK5R6Dep", resource())).notes == ()
        assert comparison_of(planted_run, finding("f2iK5R6Dep", resource(""))).notes == ()

    def test_without_a_list_of_resources_the_check_still_counts(self, planted_run: Run) -> None:
        assert item_of(planted_run, finding("hjLMh88uM8")).outcome is CONTRADICT
        assert "does not list" in item_of(planted_run, finding("c1z7kmr00n")).reason


def test_what_only_we_foresee_is_left_out_once_aws_reports_it(planted_run: Run) -> None:
    alone = comparison_of(planted_run, finding("7DAFEmoDos"))
    foreseen = {item.check_id for item in alone.items if item.outcome is ONLY_US and item.check_id}
    assert foreseen == {"c18d2gz112", "c18d2gz119", "c1dfptbg10"}
    beside = comparison_of(planted_run, finding("c18d2gz119", status=Status.OK))
    assert {
        item.check_id for item in beside.items if item.outcome is ONLY_US and item.check_id
    } == foreseen - {"c18d2gz119"}


def test_long_hostile_text_is_read_quickly(planted_run: Run) -> None:
    """Words without end must not make looking for an instance type slow."""
    text = "a-" * 200_000
    item = item_of(planted_run, finding("Qch7DwouX1", resource(Instance_Type=text)))
    assert item.outcome is ONLY_AWS


def test_check_names_come_from_us_where_the_file_has_none(planted_run: Run) -> None:
    content = b'{"result": {"checkId": "f2iK5R6Dep", "status": "warning"}}'
    comparison = compare(planted_run, parse_findings(content, ""))
    assert comparison.items[0].name == "Amazon RDS Multi-AZ"
