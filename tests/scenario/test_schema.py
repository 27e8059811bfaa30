from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from costmodel.scenario.document import SCENARIO, read_document
from costmodel.scenario.examples import examples
from costmodel.scenario.schema import json_schema, reference_page

REPOSITORY = Path(__file__).parents[2]
VALIDATOR = Draft202012Validator(json_schema())


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("path", [example.path for example in examples()], ids=lambda path: path.stem)
def test_every_example_agrees_with_the_schema(path: Path) -> None:
    tree = read_document(path, SCENARIO).tree
    assert [error.message for error in VALIDATOR.iter_errors(tree)] == []


SHOP: dict[str, Any] = {
    "name": "Shop",
    "region": "us-east-1",
    "start": "2026-11",
    "traffic": {"monthly_visitors": {"europe": 1000}},
}


@pytest.mark.parametrize(
    "wrong",
    [
        {"months": "5"},
        {"months": 0},
        {"months": 1.5},
        {"start": "2026-13"},
        {"region": "moon"},
        {"foo": 1},
        {"traffic": {"monthly_visitors": {"mars": 1}}},
        {"traffic": {"monthly_visitors": {}}},
        {"traffic": {"monthly_visitors": {"europe": {"low": 1, "mid": 2}}}},
        {"constraints": {"instance_families": ["M7G"]}},
        {"objectives": {"api_p95_ms": {"low": 1, "mid": 2, "high": 3}}},
    ],
)
def test_the_schema_refuses_what_loading_refuses(wrong: dict[str, Any]) -> None:
    assert VALIDATOR.is_valid(SHOP)
    assert not VALIDATOR.is_valid(SHOP | wrong)


def test_descriptions_tell_unit_default_and_source() -> None:
    entry = json_schema()["$defs"]["Api"]["properties"]["cpu_ms_per_call"]
    assert entry["description"] == (
        "Processor time of one call. Default 12.0 ms of one m5 vCPU. "
        "Source: engineering guess for a JSON API with server-side templates (2026-11)."
    )


def test_the_reference_page_is_current() -> None:
    written = (REPOSITORY / "docs" / "scenario.md").read_text(encoding="utf-8")
    assert written == reference_page(), (
        'docs/scenario.md is out of date; write it again with: python -c "from pathlib import Path; '
        "from costmodel.scenario.schema import reference_page; "
        "Path('docs/scenario.md').write_text(reference_page(), encoding='utf-8')\""
    )
