"""What every design of every service must be, whatever it is: plain, exportable, repeatable."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from types import SimpleNamespace
from typing import Any, get_args

import pytest

from costmodel.decision.pricer import platform_designs
from costmodel.demand.synthesise import synthesise
from costmodel.scenario.load import validate
from costmodel.scenario.model import (
    ComputeKind,
    DatabaseKind,
    DeliveryKind,
    LoadBalancerKind,
    Purchase,
    RenderingKind,
)
from costmodel.services._base import PLATFORM_ROLES, TIER_ROLES, Design, TerraformAttribute, TerraformVariable
from costmodel.services.registry import PLATFORM_SERVICES, SERVICES, TIER_SERVICES


def all_designs(shop) -> tuple[Design, ...]:
    return (*(tier.design for tier in shop.all_tiers), *shop.platform)


class TestShops:
    """The shops of these tests leave no kind, engine or term out, so neither do the properties."""

    def test_every_kind_is_among_them(self, shops) -> None:
        found = {tier.design.kind for shop in shops for tier in shop.all_tiers}
        kinds = (ComputeKind, DatabaseKind, DeliveryKind, LoadBalancerKind, RenderingKind)
        assert found == {kind for of_role in kinds for kind in get_args(of_role)} | {"no_rendering"}

    def test_every_purchase_term_is_among_them(self, shops) -> None:
        settings = [tier.design.settings() for shop in shops for tier in shop.all_tiers]
        assert {values["purchase"] for values in settings if "purchase" in values} == set(get_args(Purchase))

    def test_both_engines_in_every_relational_form(self, shops) -> None:
        found = {
            (tier.design.kind, tier.design.settings()["engine"])
            for shop in shops
            for tier in shop.all_tiers
            if "engine" in tier.design.settings()
        }
        forms = ("rds", "aurora", "aurora_serverless")
        assert found == {(kind, engine) for kind in forms for engine in ("postgresql", "mysql")}

    def test_a_second_region_and_six_geographies(self, shops) -> None:
        assert any(shop.scenario.network.second_region for shop in shops)
        assert max(len(shop.demand.geographies) for shop in shops) >= 6


class TestRegistry:
    def test_every_tier_service_has_designs_somewhere(self, tier_service, shops) -> None:
        assert any(shop.tiers(tier_service) for shop in shops)

    def test_roles(self) -> None:
        assert {service.role for service in TIER_SERVICES} == set(TIER_ROLES)
        assert Counter(service.role for service in PLATFORM_SERVICES) == Counter(PLATFORM_ROLES)

    def test_codes_are_priced(self, book) -> None:
        priced = {coverage.service_code for coverage in book.coverage()}
        assert {service.code for service in SERVICES} <= priced


class TestNames:
    def test_designs_say_what_their_service_says(self, shop) -> None:
        for service in TIER_SERVICES:
            for tier in shop.tiers(service):
                assert (tier.design.role, tier.design.service_name) == (service.role, service.name)
        for candidate in shop.candidates:
            platform = platform_designs(shop.scenario, candidate.footprint)
            for service, design in zip(PLATFORM_SERVICES, platform, strict=True):
                assert (design.role, design.service_name) == (service.role, service.name)

    def test_labels_are_unique_within_a_scenario(self, shop) -> None:
        labels = Counter(tier.design.label for tier in shop.all_tiers)
        assert [label for label, count in labels.items() if count > 1] == []

    def test_labels_are_one_clean_line(self, shop) -> None:
        for design in all_designs(shop):
            assert design.label == " ".join(design.label.split())
            assert 0 < len(design.label) <= 120
            assert not re.search(r"np\.|Decimal|<|\d\.\d{4}|0000000", design.label), design.label

    def test_resource_names_can_name_a_resource(self, shop) -> None:
        for design in all_designs(shop):
            assert re.fullmatch(r"[a-z][a-z-]*", design.resource_name)


class TestReliability:
    def test_promises_are_possible_and_sourced(self, shop) -> None:
        for design in all_designs(shop):
            reliability = design.reliability
            assert 0.9 <= reliability.sla_ratio <= 1, design.label
            assert 0 <= reliability.rto_minutes < math.inf
            assert 0 <= reliability.rpo_minutes < math.inf
            assert re.search(r"\((19|20)\d\d", reliability.source), f"{design.label}: no date in its source"


class TestSettings:
    def test_plain_finite_values_under_plain_names(self, shop) -> None:
        for design in all_designs(shop):
            for name, value in design.settings().items():
                assert re.fullmatch(r"[a-z][a-z0-9_]*", name), name
                assert type(value) in (str, int, float, bool), f"{design.label}: {name} is {type(value)}"
                assert not isinstance(value, float) or math.isfinite(value), f"{design.label}: {name}"
            json.dumps(dict(design.settings()), allow_nan=False)

    def test_different_settings_for_different_designs(self, shop) -> None:
        """What a design decides is all in its settings: no two of a kind say the same."""
        for service in TIER_SERVICES:
            said = Counter(
                json.dumps({"kind": tier.design.kind, **tier.design.settings()}, sort_keys=True)
                for tier in shop.tiers(service)
            )
            assert [settings for settings, count in said.items() if count > 1] == []


class TestTerraform:
    def test_names_are_unique(self, shop) -> None:
        """Variables within a candidate, attributes within a variable."""
        for candidate in shop.candidates:
            platform = platform_designs(shop.scenario, candidate.footprint)
            designs = (*(tier.design for tier in candidate.tiers), *platform)
            names = Counter(variable.name for design in designs for variable in design.terraform())
            assert max(names.values()) == 1, f"{candidate.labels}: {names.most_common(1)}"
        for design in all_designs(shop):
            for variable in design.terraform():
                attributes = Counter(attribute.name for attribute in variable.attributes)
                assert max(attributes.values()) == 1, f"{variable.name}: {attributes.most_common(1)}"

    def test_names_are_identifiers_and_everything_is_described(self, shop) -> None:
        for design in all_designs(shop):
            assert design.terraform(), f"{design.label} exports nothing"
            for variable in design.terraform():
                assert re.fullmatch(r"[a-z][a-z0-9_]*", variable.name)
                assert variable.description.strip() == variable.description != ""
                for attribute in variable.attributes:
                    assert re.fullmatch(r"[a-z][a-z0-9_]*", attribute.name)

    def test_values_have_their_type(self, shop) -> None:
        for attribute in attributes_of(shop):
            assert has_type(attribute), f"{attribute.name}: {attribute.value!r} is no {attribute.type}"

    def test_conditions_name_the_value_and_come_with_a_sentence(self, shop) -> None:
        for attribute in attributes_of(shop):
            assert bool(attribute.condition) == bool(attribute.requirement), attribute.name
            if attribute.condition:
                assert "{value}" in attribute.condition, attribute.name
                assert attribute.requirement.startswith("must "), attribute.name
                assert not attribute.requirement.endswith("."), attribute.name

    def test_values_meet_their_own_conditions(self, shop) -> None:
        beside = [variable for design in shop.platform for variable in design.terraform()]
        for design in all_designs(shop):
            variables = design.terraform()
            for variable in variables:
                for attribute in variable.attributes:
                    place = f"{variable.name}.{attribute.name} = {attribute.value!r}"
                    assert holds(attribute, (*beside, *variables), shop.scenario.region), (
                        f"{place}: {attribute.condition}"
                    )

    @pytest.mark.parametrize(
        ("condition", "good", "bad"),
        [
            ("{value} >= 1 && {value} <= 5 && floor({value}) == {value}", 2, 2.5),
            ('contains(["a", "b"], {value})', "a", "c"),
            ('can(regex("^db\\\\.[a-z]+$", {value}))', "db.x", "dbx"),
            ('length({value}) == 1 && alltrue([for n in {value} : contains(["x"], n)])', ("x",), ("y",)),
            ("{value} >= var.fleet.least", 3, 1),
            ("{value} == 0 || {value} >= 1.5 * var.fleet.least", 3, 2),
            ("length(distinct({value})) == length({value})", ("x", "y"), ("x", "x")),
            (
                'alltrue([for n in {value} : can(regex(format("^%s[a-z]$", var.region), n))])',
                ("moon-1a",),
                ("moon-1a", "mars-1a"),
            ),
            ("var.fleet.least <= lookup({ FREE = 5, PRO = 1 }, {value}, 0)", "FREE", "PRO"),
            ('{value} == (var.region != "none")', True, False),
            ('{value} == false || var.region == "none"', False, True),
            ('{value} != null && ({value} == false || var.region == "none")', False, None),
        ],
    )
    def test_the_evaluator_of_these_tests_can_say_no(self, condition: str, good: Any, bad: Any) -> None:
        fleet = TerraformVariable("fleet", "", (TerraformAttribute("least", "number", 2),))
        assert holds(TerraformAttribute("a", "", good, condition, ""), [fleet], "moon-1")
        assert not holds(TerraformAttribute("a", "", bad, condition, ""), [fleet], "moon-1")


def attributes_of(shop) -> Iterable[TerraformAttribute]:
    return {
        attribute: None
        for design in all_designs(shop)
        for variable in design.terraform()
        for attribute in variable.attributes
    }


def has_type(attribute: TerraformAttribute) -> bool:
    value = attribute.value
    if attribute.type == "string":
        return type(value) is str
    if attribute.type == "bool":
        return type(value) is bool
    if attribute.type == "number":
        return type(value) in (int, float) and math.isfinite(value)
    assert attribute.type == "list(string)", attribute.type
    return type(value) is tuple and all(type(item) is str for item in value)


def holds(attribute: TerraformAttribute, variables: Iterable[TerraformVariable], region_id: str) -> bool:
    """Evaluate the few forms of HCL that conditions use, as Python.

    They may refer to `var.region` and to the variables of the same design and of the platform beside it.
    """
    if not attribute.condition:
        return True
    python = attribute.condition.replace("{value}", "value").replace("&&", " and ").replace("||", " or ")
    python = re.sub(r"\[for (\w+) in (\w+) : (.*?\))\]", r"[\3 for \1 in \2]", python)
    python = re.sub(r"(?<=[{,] )(\w+) = ", r"'\1': ", python)
    others = {
        variable.name: SimpleNamespace(**{other.name: other.value for other in variable.attributes})
        for variable in variables
    }
    known = {
        "floor": math.floor,
        "length": len,
        "distinct": set,
        "alltrue": all,
        "can": bool,
        "contains": lambda options, value: value in options,
        "regex": re.search,
        "lookup": dict.get,
        "format": lambda text, *words: text % words,
        "formatdate": lambda _, text: datetime.fromisoformat(text),
        "split": lambda separator, text: text.split(separator),
        "null": None,
        "true": True,
        "false": False,
        "var": SimpleNamespace(region=region_id, **others),
    }
    return bool(eval(python, known | {"value": attribute.value, "__builtins__": {}}))


class TestRepeatability:
    def test_the_same_designs_in_the_same_order(self, shop, tier_service) -> None:
        again = tier_service.designs(fresh(shop.scenario), synthesise(fresh(shop.scenario)))
        assert again == tuple(tier.design for tier in shop.tiers(tier_service))

    def test_the_same_platform(self, shop, platform_service) -> None:
        for candidate in shop.candidates:
            design = platform_service.design(shop.scenario, candidate.footprint)
            assert platform_service.design(fresh(shop.scenario), candidate.footprint) == design

    def test_the_same_result_to_the_bit_also_under_the_same_scenario_again(self, shop, tier_service) -> None:
        """A second synthesis, the design put `under` an equal scenario, a second simulation, metered twice."""
        scenario = fresh(shop.scenario)
        demand = synthesise(scenario)
        for tier in shop.tiers(tier_service):
            again = tier.design.under(scenario)
            assert again == tier.design
            assert type(again) is type(tier.design)
            first, second = tier.design.simulate(shop.demand), again.simulate(demand)
            before = bits(first)
            assert bits(second) == before, tier.design.label
            for _ in range(2):
                metered = again.usage(demand, second)
                assert [bits(usage) for usage in metered] == [bits(usage) for usage in tier.usages]
                assert bits(again.footprint(demand, second)) == bits(tier.footprint), tier.design.label
            assert bits(second) == before, f"{tier.design.label}: metering changed what ran"


def fresh(scenario):
    """An equal scenario that shares no object with the first."""
    copy = validate(scenario.model_dump(mode="json", exclude_unset=True), scenario.name)
    assert copy == scenario
    return copy


def bits(value: Any) -> Any:
    """Fields of a dataclass, arrays as raw bytes, so that `==` compares every bit; also those of its halves."""
    if isinstance(value, tuple):
        return tuple(bits(part) for part in value)
    if hasattr(value, "tobytes"):
        return value.tobytes()
    if not dataclasses.is_dataclass(value):
        return value
    return {
        field.name: bits(getattr(value, field.name)) for field in dataclasses.fields(value) if field.compare
    }
