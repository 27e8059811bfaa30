"""Saved Trusted Advisor output: both shapes, every fault named, and nothing but FindingsError on bad files."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.errors import FindingsError
from costmodel.review.findings import Findings, Status, current_id, parse_findings, read_findings

PLANTED = Path(__file__).with_name("planted_account")

RESULT: dict[str, Any] = {
    "checkId": "hjLMh88uM8",
    "timestamp": "2026-04-01T06:00:00Z",
    "status": "warning",
    "resourcesSummary": {
        "resourcesProcessed": 2,
        "resourcesFlagged": 1,
        "resourcesIgnored": 0,
        "resourcesSuppressed": 0,
    },
    "categorySpecificSummary": {
        "costOptimizing": {"estimatedMonthlySavings": 16.43, "estimatedPercentMonthlySavings": 0.1}
    },
    "flaggedResources": [
        {
            "status": "warning",
            "region": "us-east-1",
            "resourceId": "k2j",
            "isSuppressed": False,
            "metadata": ["us-east-1", "shop-alb", None],
        }
    ],
}
CHECK: dict[str, Any] = {
    "id": "hjLMh88uM8",
    "name": "Idle Load Balancers",
    "description": "...",
    "category": "cost_optimizing",
    "metadata": ["Region", "Load Balancer Name", "Reason", "Estimated Monthly Savings"],
}
ARN = "arn:aws:trustedadvisor::111122223333:recommendation/55fa4d2e"
RECOMMENDATION: dict[str, Any] = {
    "id": "55fa4d2e",
    "arn": ARN,
    "name": "Idle Load Balancers",
    "type": "standard",
    "status": "warning",
    "pillars": ["cost_optimizing"],
    "source": "ta_check",
    "checkArn": "arn:aws:trustedadvisor:::check/hjLMh88uM8",
    "resourcesAggregates": {"okCount": 0, "warningCount": 1, "errorCount": 0},
    "pillarSpecificAggregates": {
        "costOptimizing": {"estimatedMonthlySavings": 16.43, "estimatedPercentMonthlySavings": 0.1}
    },
}
RESOURCE: dict[str, Any] = {
    "id": "18959a1f",
    "arn": f"{ARN.replace('recommendation/', 'recommendation-resource/')}/18959a1f",
    "awsResourceId": "shop-alb",
    "regionCode": "us-east-1",
    "status": "warning",
    "metadata": {"1": "us-east-1", "0": "shop-alb"},
    "lastUpdatedAt": "2026-04-01T06:00:00.000Z",
    "exclusionStatus": "included",
    "recommendationArn": ARN,
}
CHECK_SUMMARY: dict[str, Any] = {
    "id": "hjLMh88uM8",
    "arn": "arn:aws:trustedadvisor:::check/hjLMh88uM8",
    "name": "Idle Load Balancers",
    "description": "...",
    "pillars": ["cost_optimizing"],
    "awsServices": ["ELB"],
    "source": "ta_check",
    "metadata": {"0": "Load Balancer Name", "1": "Region", "2": "Reason"},
}
SUPPORT = {"checks": [CHECK], "results": [RESULT]}
NEW = {
    "checkSummaries": [CHECK_SUMMARY],
    "recommendationSummaries": [RECOMMENDATION],
    "recommendationResourceSummaries": [RESOURCE],
}


def parse(document: Any) -> Findings:
    return parse_findings(json.dumps(document).encode(), "findings.json")


def with_result(**changes: Any) -> dict[str, Any]:
    return {"checks": [CHECK], "results": [{**RESULT, **changes}]}


def with_resource(**changes: Any) -> dict[str, Any]:
    return with_result(flaggedResources=[{**RESULT["flaggedResources"][0], **changes}])


def with_recommendation(**changes: Any) -> dict[str, Any]:
    return {**NEW, "recommendationSummaries": [{**RECOMMENDATION, **changes}]}


def faults_of(content: Any) -> list[tuple[str, str]]:
    """Path and problem of each fault."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    with pytest.raises(FindingsError) as caught:
        parse_findings(data, "findings.json")
    assert "docs/advisor.md" in str(caught.value)
    return [(fault.path, fault.problem) for fault in caught.value.faults]


class TestSupport:
    def test_metadata_by_heading_shorter_lists_and_nulls(self) -> None:
        (finding,) = parse(SUPPORT).findings
        assert (finding.reported_id, finding.name, finding.pillars) == (
            "hjLMh88uM8",
            "Idle Load Balancers",
            ("cost_optimizing",),
        )
        (resource,) = finding.resources
        assert resource.metadata == {"Region": "us-east-1", "Load Balancer Name": "shop-alb"}
        assert (resource.resource_id, resource.region_id) == ("k2j", "us-east-1")
        assert (resource.status, resource.excluded) == (Status.WARNING, False)

    def test_what_was_found_sound_is_counted(self) -> None:
        """6 looked at, 1 flagged, 1 ignored, none suppressed: 4 are in use."""
        summary = {**RESULT["resourcesSummary"], "resourcesProcessed": 6, "resourcesIgnored": 1}
        (finding,) = parse(with_result(resourcesSummary=summary)).findings
        assert finding.sound_resources == 4
        for odd in (None, "6", -6, True):
            (finding,) = parse(with_result(resourcesSummary={**summary, "resourcesProcessed": odd})).findings
            assert finding.sound_resources == 0

    def test_a_longer_list_than_headings_is_kept(self) -> None:
        (finding,) = parse(with_resource(metadata=["a", "b", "c", "d", "e"])).findings
        assert finding.resources[0].metadata["column 5"] == "e"

    def test_savings_never_pass_through_a_float(self) -> None:
        content = json.dumps(SUPPORT).replace("16.43", "16.430000000000000000000001").encode()
        (finding,) = parse_findings(content, "").findings
        assert finding.estimated_monthly_saving_usd == Decimal("16.430000000000000000000001")

    def test_no_saving_without_a_cost_summary(self) -> None:
        (finding,) = parse(with_result(categorySpecificSummary={})).findings
        assert finding.estimated_monthly_saving_usd is None

    @pytest.mark.parametrize(
        "document",
        [
            {"checks": [CHECK], "result": RESULT},
            {"checks": [CHECK], "results": [{"result": RESULT}]},
            [{"checks": [CHECK]}, {"result": RESULT}],
            [{"checks": [CHECK]}, RESULT],
        ],
        ids=["single", "wrapped", "list of documents", "bare result"],
    )
    def test_every_accepted_shape_reads_the_same(self, document: Any) -> None:
        assert parse(document) == parse(SUPPORT)

    def test_documents_one_after_another(self) -> None:
        parts = [{"checks": [CHECK]}, {"result": RESULT}]
        content = "\n".join(json.dumps(part, indent=4) for part in parts).encode()
        assert parse_findings(content, "") == parse(SUPPORT)

    def test_without_checks_there_are_no_headings_and_a_note(self) -> None:
        found = parse({"results": [RESULT]})
        assert found.findings[0].resources[0].metadata == {"column 1": "us-east-1", "column 2": "shop-alb"}
        assert found.findings[0].name == "hjLMh88uM8"
        assert "describe-trusted-advisor-checks" in found.notes[0]

    def test_summaries_give_way_to_results(self) -> None:
        summary = {key: value for key, value in RESULT.items() if key != "flaggedResources"}
        alone = parse({"checks": [CHECK], "summaries": [summary]}).findings[0]
        assert (alone.status, alone.resources) == (Status.WARNING, ())
        assert parse({**SUPPORT, "summaries": [{**summary, "status": "ok"}]}) == parse(SUPPORT)

    @pytest.mark.parametrize("status", ["ok", "warning", "error", "not_available"])
    def test_every_status(self, status: str) -> None:
        assert parse(with_result(status=status)).findings[0].status == status

    @pytest.mark.parametrize(
        ("region", "metadata", "expected"),
        [
            ("eu-west-1", [], "eu-west-1"),
            (None, ["eu-west-1b"], "eu-west-1"),
            (None, ["ap-southeast-2"], "ap-southeast-2"),
            ("-", [None], ""),
            ("global", [], ""),
        ],
    )
    def test_region(self, region: str | None, metadata: list[str | None], expected: str) -> None:
        (finding,) = parse(with_resource(region=region, metadata=metadata)).findings
        assert finding.resources[0].region_id == expected

    def test_suppressed_resources_do_not_count_as_flagged(self) -> None:
        (finding,) = parse(with_resource(isSuppressed=True)).findings
        assert finding.resources[0].excluded
        assert finding.flagged_resources == ()


class TestTrustedAdvisor:
    def test_values_are_joined_by_index_not_by_position(self) -> None:
        (finding,) = parse(NEW).findings
        assert finding.reported_id == "hjLMh88uM8"
        assert finding.resources[0].metadata == {"Region": "us-east-1", "Load Balancer Name": "shop-alb"}
        assert finding.estimated_monthly_saving_usd == Decimal("16.43")

    def test_documents_one_after_another(self) -> None:
        content = "".join(json.dumps({key: value}) for key, value in NEW.items()).encode()
        assert parse_findings(content, "") == parse(NEW)

    def test_one_recommendation(self) -> None:
        assert parse({"recommendation": RECOMMENDATION}).findings[0].status is Status.WARNING

    def test_what_was_found_sound_is_counted(self) -> None:
        aggregates = {"okCount": 5, "warningCount": 1, "errorCount": 0}
        (finding,) = parse(with_recommendation(resourcesAggregates=aggregates)).findings
        assert finding.sound_resources == 5

    def test_no_saving_where_the_pillar_is_not_cost(self) -> None:
        zero = {"costOptimizing": {"estimatedMonthlySavings": 0.0, "estimatedPercentMonthlySavings": 0.0}}
        found = parse(with_recommendation(pillars=["security"], pillarSpecificAggregates=zero))
        assert found.findings[0].estimated_monthly_saving_usd is None

    def test_no_data_is_not_ok(self) -> None:
        found = parse(with_recommendation(status="ok", statusReason="no_data_ok"))
        assert found.findings[0].status is Status.NOT_AVAILABLE

    @pytest.mark.parametrize(("stage", "dismissed"), [("dismissed", True), ("in_progress", False)])
    def test_life_cycle(self, stage: str, dismissed: bool) -> None:
        assert parse(with_recommendation(lifecycleStage=stage)).findings[0].dismissed is dismissed

    def test_excluded_resources(self) -> None:
        found = parse(
            {**NEW, "recommendationResourceSummaries": [{**RESOURCE, "exclusionStatus": "excluded"}]}
        )
        assert found.findings[0].resources[0].excluded

    def test_a_recommendation_without_a_check_keeps_its_own_id(self) -> None:
        loose = {key: value for key, value in RECOMMENDATION.items() if key != "checkArn"}
        assert parse({"recommendationSummaries": [loose]}).findings[0].reported_id == "55fa4d2e"

    def test_a_page_of_several_is_said_so(self) -> None:
        assert any("nextToken" in note for note in parse({**NEW, "nextToken": "REDACTED"}).notes)
        assert not any("nextToken" in note for note in parse({**NEW, "nextToken": None}).notes)


def test_old_ids_are_read_as_their_successors_and_said_so() -> None:
    assert current_id("Qch7DwouX1") == "c1z7kmr00n"
    assert current_id("7DAFEmoDos") == "7DAFEmoDos"
    assert current_id("zXCkfM1nI3") == "zXCkfM1nI3"
    found = parse({"results": [{**RESULT, "checkId": "vZ2c2W1srf", "flaggedResources": []}]})
    assert found.findings[0].check_id == "c1z7kmr09n"
    assert found.notes == ("AWS withdrew check vZ2c2W1srf on 2026-01-09; read as its successor c1z7kmr09n.",)


class TestFaults:
    @pytest.mark.parametrize(
        ("document", "path", "problem"),
        [
            ({}, "file", "holds no result"),
            ([], "file", "holds no result"),
            ({"checks": [CHECK], "results": []}, "file", "holds no result"),
            ({"recommendationSummaries": []}, "file", "holds no result"),
            (3, "file", "must be an object"),
            ([3], "[0]", "must be an object"),
            ({"Error": {"Code": "AccessDenied"}}, "Error", "unknown key"),
            ({"results": RESULT}, "results", "must be a list"),
            ({"results": [1]}, "results[0]", "must be an object"),
            ({"result": None}, "result", "must be an object"),
            (
                {"checks": [{**CHECK, "metadata": "Region"}], "results": [RESULT]},
                "checks[0].metadata",
                "list of col",
            ),
            ({"checks": [{**CHECK, "id": None}], "results": [RESULT]}, "checks[0].id", "must be a text"),
            (with_result(checkId=""), "results[0].checkId", "not empty"),
            (with_result(status="red"), "results[0].status", "one of ok, warning, error, not_available"),
            (with_result(status=None), "results[0].status", "one of ok"),
            (with_result(status=["ok"]), "results[0].status", "one of ok"),
            (with_result(flaggedResources={}), "results[0].flaggedResources", "must be a list"),
            (with_result(flaggedResources=["x"]), "results[0].flaggedResources[0]", "must be an object"),
            (with_result(categorySpecificSummary=[]), "results[0].categorySpecificSummary", "costOptimizing"),
            (
                with_result(categorySpecificSummary={"costOptimizing": {"estimatedMonthlySavings": "16.43"}}),
                "results[0].categorySpecificSummary.costOptimizing.estimatedMonthlySavings",
                "must be a number",
            ),
            (with_resource(metadata={"0": "x"}), "results[0].flaggedResources[0].metadata", "list of texts"),
            (with_resource(metadata=[1]), "results[0].flaggedResources[0].metadata", "list of texts"),
            (
                with_resource(isSuppressed="no"),
                "results[0].flaggedResources[0].isSuppressed",
                "true or false",
            ),
            (with_resource(region=1), "results[0].flaggedResources[0].region", "must be a text"),
            ({"recommendation": {**RECOMMENDATION, "arn": None}}, "recommendation.arn", "must be a text"),
            (with_recommendation(checkArn="x"), "recommendationSummaries[0].checkArn", "ARN of a check"),
            (with_recommendation(status="not_here"), "recommendationSummaries[0].status", "one of ok"),
            (with_recommendation(pillars="cost"), "recommendationSummaries[0].pillars", "list of texts"),
            (
                {**NEW, "recommendationResourceSummaries": [{**RESOURCE, "metadata": ["x"]}]},
                "recommendationResourceSummaries[0].metadata",
                "by index",
            ),
            (
                {**NEW, "recommendationSummaries": []},
                "recommendationResourceSummaries[0].recommendationArn",
                "not in the file",
            ),
            ({"recommendationSummaries": [RECOMMENDATION], "results": [RESULT]}, "file", "both APIs"),
            ({"results": [RESULT, RESULT]}, "results[1].checkId", "twice"),
            ([{"result": RESULT}, {"result": RESULT}], "[1].result.checkId", "twice"),
            (
                {**NEW, "recommendationSummaries": [RECOMMENDATION, RECOMMENDATION]},
                "recommendationSummaries[1]",
                "twice",
            ),
            (
                {**NEW, "recommendationSummaries": [RECOMMENDATION, {**RECOMMENDATION, "arn": f"{ARN}2"}]},
                "recommendationSummaries[1]",
                "twice",
            ),
            (
                {**NEW, "recommendationResourceSummaries": [RESOURCE, RESOURCE]},
                "recommendationResourceSummaries[1]",
                "twice",
            ),
        ],
    )
    def test_each_fault_names_its_place(self, document: Any, path: str, problem: str) -> None:
        found = faults_of(document)
        assert len(found) == 1
        assert found[0][0] == path
        assert problem in found[0][1]

    def test_all_faults_at_once(self) -> None:
        broken = with_result(status="red", flaggedResources=[{"status": "warning", "metadata": 7}])
        assert [path for path, _ in faults_of(broken)] == [
            "results[0].status",
            "results[0].flaggedResources[0].metadata",
        ]

    def test_many_faults_are_cut_short(self) -> None:
        found = faults_of({"results": [{**RESULT, "checkId": f"c{n}", "status": "?"} for n in range(50)]})
        assert len(found) == 21
        assert found[-1] == ("", "and 30 more")

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            (b"", "holds no result"),
            (b"   \n", "holds no result"),
            (b"not json", "line 1, column 1"),
            (b'{"results": [', "is not JSON"),
            (b'{"results": []} trailing', "line 1, column 17"),
            (b"\xff\xfe{}", "UTF-8"),
            (b'{"results": [NaN]}', "NaN is no number"),
            (b'{"results": [1e99999999999999999999]}', "is no number"),
            (b'{"results": [], "results": []}', "stands twice"),
            (b"[" * 200_000, "is not JSON"),
            (b"CHECKS: - id: x", "--output json"),
        ],
    )
    def test_not_json(self, content: bytes, problem: str) -> None:
        ((path, found),) = faults_of(content)
        assert path == "file"
        assert problem in found

    def test_a_duplicate_in_a_later_document_says_which(self) -> None:
        content = json.dumps({"result": RESULT}) * 2
        assert faults_of(content.encode())[0][0] == "document 2.result.checkId"

    def test_unreadable_files(self, tmp_path: Path) -> None:
        for path in (tmp_path, tmp_path / "none.json"):
            with pytest.raises(FindingsError, match="cannot be read"):
                read_findings(path)

    def test_huge_files_are_not_read(self, tmp_path: Path) -> None:
        path = tmp_path / "huge.json"
        with path.open("wb") as file:
            file.truncate(201 * 1024**2)
        with pytest.raises(FindingsError, match="larger than 200 MB"):
            read_findings(path)

    def test_text_cannot_move_the_cursor(self) -> None:
        (finding,) = parse(with_resource(resourceId="a\x1b[2Jb\ud800")).findings
        assert finding.resources[0].resource_id == "a?[2Jb?"


class TestShapesOfAws:
    """The planted account has the shapes of botocore's service models."""

    @pytest.fixture
    def stubbed(self) -> Any:
        session_module = pytest.importorskip("botocore.session", reason="botocore is not installed")
        stub_module = pytest.importorskip("botocore.stub")

        def check(service: str, operation: str, response: dict[str, Any]) -> None:
            client = session_module.get_session().create_client(
                service,
                region_name="us-east-1",
                aws_access_key_id="none",
                aws_secret_access_key="none",
            )
            stub_module.Stubber(client).add_response(operation, response)

        return check

    def test_support(self, stubbed: Any, planted_account: Path) -> None:
        saved = json.loads((planted_account / "support.json").read_bytes())
        assert set(saved) == {"checks", "results"}
        stubbed("support", "describe_trusted_advisor_checks", {"checks": saved["checks"]})
        for result in saved["results"]:
            stubbed("support", "describe_trusted_advisor_check_result", {"result": result})

    def test_trustedadvisor(self, stubbed: Any, planted_account: Path) -> None:
        saved = json.loads((planted_account / "trustedadvisor.json").read_bytes())
        operations = {
            "checkSummaries": "list_checks",
            "recommendationSummaries": "list_recommendations",
            "recommendationResourceSummaries": "list_recommendation_resources",
        }
        assert set(saved) == set(operations)
        for key, operation in operations.items():
            stubbed("trustedadvisor", operation, {key: saved[key]})


# Broken files, thousands of ways


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield place
    for key, member in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        yield from places(member, (*place, key))


DOCUMENTS = (SUPPORT, NEW)
PLACES = [(document, place) for document in DOCUMENTS for place in places(document) if place]
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(PLACES), JSON_VALUES | st.just("remove"))
def test_one_broken_value(where: tuple[dict[str, Any], tuple[Any, ...]], value: Any) -> None:
    document, place = copy.deepcopy(where[0]), where[1]
    parent: Any = document
    for key in place[:-1]:
        parent = parent[key]
    if value == "remove":
        del parent[place[-1]]
    else:
        parent[place[-1]] = value
    survives(json.dumps(document).encode())


@settings(max_examples=200, deadline=None)
@given(JSON_VALUES)
def test_any_json(value: Any) -> None:
    survives(json.dumps(value).encode())


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["support.json", "trustedadvisor.json"]), st.integers(0, 60_000), st.binary(max_size=6)
)
def test_overwritten_bytes(name: str, at: int, noise: bytes) -> None:
    content = (PLANTED / name).read_bytes()
    at %= len(content)
    survives(content[:at] + noise + content[at + len(noise) :])


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes(content: bytes) -> None:
    survives(content)


def survives(content: bytes) -> None:
    """Either findings with a status each, or one FindingsError that names a fault."""
    try:
        found = parse_findings(content, "findings.json")
    except FindingsError as error:
        faults, message = error.faults, str(error)
    else:
        assert found.findings
        assert all(finding.status in list(Status) for finding in found.findings)
        faults, message = (), "".join(finding.name + finding.reported_id for finding in found.findings)
    assert all(fault.problem for fault in faults)
    message.encode()
