"""Saved Trusted Advisor output, of either API, read into one model.

A file holds one JSON document, a list of documents, or documents one after another, as the AWS CLI
prints them into one file. Two APIs speak of the same checks:

- `support`: DescribeTrustedAdvisorChecks names the headings of each check, a check result holds a list of
  values per resource, in the order of the headings. Source: botocore 1.43, service model
  `support/2013-04-15`.
- `trustedadvisor`: ListChecks, ListRecommendations and ListRecommendationResources; headings and values
  are maps with the same index. Source: botocore 1.43, service model `trustedadvisor/2022-09-15`.

The two order their values differently, so values are only ever looked up by heading.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

from costmodel.errors import Fault, FindingsError

MAX_BYTES = 200 * 1024 * 1024
MOST_FAULTS_SHOWN = 20
NEXT_STEP = "How to save findings with the AWS CLI: docs/advisor.md"

COST_OPTIMIZING = "cost_optimizing"


class Status(StrEnum):
    """What AWS says about a check or a resource. Source: botocore 1.43, `support` service model."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    NOT_AVAILABLE = "not_available"

    @property
    def flagged(self) -> bool:
        return self in (Status.WARNING, Status.ERROR)


@dataclass(frozen=True, slots=True)
class Retirement:
    """A check that AWS replaced or withdrew."""

    successor: str
    """Check that says the same today; empty when AWS has none."""
    since: str
    """Day AWS withdrew the old check; empty while AWS still answers it beside its successor."""


RETIRED: Mapping[str, Retirement] = {
    "Qch7DwouX1": Retirement("c1z7kmr00n", ""),
    "DAvU99Dc4C": Retirement("c1z7kmr02n", ""),
    "COr6dfpM03": Retirement("c1z7kmr02n", ""),
    "Ti39halfu8": Retirement("c1z7kmr03n", ""),
    "COr6dfpM05": Retirement("c1z7kmr05n", ""),
    "vZ2c2W1srf": Retirement("c1z7kmr09n", "2026-01-09"),
    "1qazXsw23e": Retirement("c1z7kmr11n", "2026-01-09"),
    "1qw23er45t": Retirement("c1z7kmr12n", "2026-01-09"),
    "h3L1otH3re": Retirement("c1z7kmr13n", "2026-01-09"),
    "7ujm6yhn5t": Retirement("c1z7kmr14n", "2026-01-09"),
    "vjafUGJ9H0": Retirement("c25hn9x03v", "2025-07-22"),
    "BueAdJ7NrP": Retirement("c1fd6b96l4", "2025-07-22"),
    "zXCkfM1nI3": Retirement("", "2024-05-15"),
    "xdeXZKIUy": Retirement("", "2024-05-15"),
    "k3J2hns32g": Retirement("", "2024-05-15"),
    "j3DFqYTe29": Retirement("", "2024-05-15"),
    "tfg86AVHAZ": Retirement("", "2024-05-15"),
    "0t121N1Ty3": Retirement("", "2024-04-25"),
    "8M012Ph3U5": Retirement("", "2024-04-25"),
    "4g3Nt5M1Th": Retirement("", "2024-04-25"),
}
"""Source: AWS Trusted Advisor change log and check reference (AWS Support User Guide, 2026 copy)."""


def current_id(check_id: str) -> str:
    """The check that says today what `check_id` said; itself when nothing replaced it."""
    retired = RETIRED.get(check_id)
    return retired.successor if retired and retired.successor else check_id


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource that a check looked at."""

    resource_id: str
    region_id: str
    """Region code; empty for global services and where AWS names none."""
    status: Status
    excluded: bool
    """The account's owner has told AWS not to count it."""
    metadata: Mapping[str, str]
    """Values by heading; `column 3` where the heading is not known. Empty values are left out."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check says about the account."""

    reported_id: str
    """Check id as AWS wrote it; the recommendation's own id when it belongs to no check."""
    name: str
    pillars: tuple[str, ...]
    """cost_optimizing, performance, security, fault_tolerance, service_limits, operational_excellence."""
    status: Status
    resources: tuple[Resource, ...]
    estimated_monthly_saving_usd: Decimal | None
    """AWS's own figure for the whole check; None where the check is not about cost or AWS gives none."""
    dismissed: bool = False
    """The account's owner has dismissed or resolved the recommendation."""
    sound_resources: int = 0
    """Resources that the check looked at and found nothing wrong with; 0 where the file does not say."""

    @property
    def check_id(self) -> str:
        """The check's id today: an old id is read as its successor's."""
        return current_id(self.reported_id)

    @property
    def flagged_resources(self) -> tuple[Resource, ...]:
        """Resources with a warning or an error that nobody has excluded."""
        return tuple(r for r in self.resources if r.status.flagged and not r.excluded)


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything one file says."""

    api: str
    """`support` or `trustedadvisor`."""
    findings: tuple[Finding, ...]
    """By check id as reported."""
    notes: tuple[str, ...]
    """What a reader should know about the file: old check ids, missing headings, missing pages."""


def read_findings(path: Path) -> Findings:
    """Read a saved file. Raises FindingsError that lists what is wrong and what to type next."""
    try:
        if path.stat().st_size > MAX_BYTES:
            problem = f"is larger than {MAX_BYTES // 1024**2} MB; save the results of fewer checks"
            raise FindingsError(str(path), [Fault("file", problem)], NEXT_STEP)
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        fault = Fault("file", f"cannot be read: {reason}")
        raise FindingsError(_printable(str(path)), [fault], NEXT_STEP) from None
    return parse_findings(content, str(path))


def parse_findings(content: bytes, source: str) -> Findings:
    """Parse the bytes of a file; `source` names it in messages. Raises FindingsError."""
    saved = _Saved()
    try:
        documents = list(_documents(content.decode("utf-8-sig")))
    except UnicodeDecodeError:
        saved.fault("file", "is not UTF-8 text; save the output of the AWS CLI as it is")
    except _NotJson as error:
        saved.fault("file", f"is not JSON ({error}); run the AWS CLI with: --output json")
    else:
        for number, document in enumerate(documents, start=1):
            saved.sort_in(document, f"document {number}" if len(documents) > 1 else "")
    found = () if saved.faults else saved.findings()
    if saved.faults:
        shown = saved.faults[:MOST_FAULTS_SHOWN]
        if len(saved.faults) > len(shown):
            shown.append(Fault("", f"and {len(saved.faults) - len(shown)} more"))
        raise FindingsError(_printable(source), shown, NEXT_STEP)
    return Findings(saved.api, found, tuple(saved.notes(found)))


# Text to documents


class _NotJson(Exception):
    pass


def _documents(text: str) -> Iterator[Any]:
    """JSON values one after another; every number a Decimal, so that no saving passes through a float."""
    decoder = json.JSONDecoder(
        parse_float=_decimal, parse_int=_decimal, parse_constant=_decimal, object_pairs_hook=_object
    )
    position = _skip_space(text, 0)
    while position < len(text):
        try:
            value, position = decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            raise _NotJson(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
        except RecursionError:
            raise _NotJson("it is nested too deeply") from None
        yield value
        position = _skip_space(text, position)


def _skip_space(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    return position


def _decimal(literal: str) -> Decimal:
    try:
        number = Decimal(literal)
    except ArithmeticError:
        number = Decimal("NaN")
    if not number.is_finite():
        raise _NotJson(f"{literal[:20]} is no number")
    return number


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise _NotJson(f"the key {_printable(twice)!r} stands twice in one object")
    return found


# Documents to findings

_LEGACY = ("checks", "results", "summaries")
_NEW = ("checkSummaries", "recommendationSummaries", "recommendationResourceSummaries")
_SINGULAR = {"result": "results", "recommendation": "recommendationSummaries"}
_IGNORED = ("nextToken", "NextToken", "ResponseMetadata")
_VALID_KEYS = ", ".join((*_LEGACY, "result", *_NEW, "recommendation"))

_AS_RESULT = {"flaggedResources": "results", "resourcesSummary": "summaries"}
"""Keys by which a bare check result or summary, without a document around it, is known."""


@dataclass(slots=True)
class _Saved:
    """The items of all documents by kind, with the place of each, and the faults met so far."""

    items: dict[str, list[tuple[str, dict[str, Any]]]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    pages_missing: bool = False
    headings_missing: bool = False

    @property
    def api(self) -> str:
        return "support" if any(kind in self.items for kind in _LEGACY) else "trustedadvisor"

    def fault(self, path: str, problem: str, value: Any = None) -> None:
        self.faults.append(Fault(path, problem, "" if value is None else _short(value)))

    # Documents, sorted by what they hold

    def sort_in(self, document: Any, path: str) -> None:
        if isinstance(document, list):
            for index, member in enumerate(document):
                self._sort_in_object(member, f"{path}[{index}]")
        else:
            self._sort_in_object(document, path)

    def _sort_in_object(self, document: Any, path: str) -> None:
        if not isinstance(document, dict):
            self.fault(path or "file", f"must be an object with one of these keys: {_VALID_KEYS}", document)
            return
        if "checkId" in document:
            kind = next((kind for key, kind in _AS_RESULT.items() if key in document), "results")
            self.items.setdefault(kind, []).append((path or "result", document))
            return
        for key, value in document.items():
            place = f"{path}.{key}" if path else key
            if key in _IGNORED:
                self.pages_missing |= key.lower() == "nexttoken" and value is not None
            elif key in _SINGULAR:
                self._add(_SINGULAR[key], [value], place, single=True)
            elif key in _LEGACY or key in _NEW:
                self._add(key, value, place)
            else:
                self.fault(_printable(place), f"unknown key; valid keys are: {_VALID_KEYS}")

    def _add(self, kind: str, values: Any, path: str, *, single: bool = False) -> None:
        kept = self.items.setdefault(kind, [])
        if not isinstance(values, list):
            self.fault(path, "must be a list", values)
            return
        for index, value in enumerate(values):
            place = path if single else f"{path}[{index}]"
            if kind == "results" and isinstance(value, dict) and isinstance(value.get("result"), dict):
                place, value = f"{place}.result", value["result"]
            if isinstance(value, dict):
                kept.append((place, value))
            else:
                self.fault(place, "must be an object", value)

    # Findings of either API

    def findings(self) -> tuple[Finding, ...]:
        """Every finding, by reported id; adds to `faults` what cannot be read."""
        kinds = [kind for kind, items in self.items.items() if items]
        if any(kind in _LEGACY for kind in kinds) and any(kind in _NEW for kind in kinds):
            self.fault("file", "holds output of both APIs, which report the same checks; save them apart")
            return ()
        found = self._from_support() if self.api == "support" else self._from_trustedadvisor()
        if not found and not self.faults:
            self.fault(
                "file", "holds no result of any check; it must hold results or recommendationSummaries"
            )
        return tuple(sorted(found, key=lambda finding: finding.reported_id))

    def notes(self, findings: tuple[Finding, ...]) -> Iterator[str]:
        if self.pages_missing:
            yield "The file holds a nextToken, so it is one page of several: findings may be missing."
        if self.headings_missing:
            how = "describe-trusted-advisor-checks" if self.api == "support" else "list-checks"
            yield f"Column headings are not known for every check; add the output of {how} to the file."
        for finding in findings:
            if retired := RETIRED.get(finding.reported_id):
                yield _retirement_note(finding.reported_id, retired)

    def _from_support(self) -> list[Finding]:
        checks: dict[str, dict[str, Any]] = {}
        for path, check in self._of("checks"):
            check_id = self._text(check, "id", path, required=True)
            self._text(check, "name", path)
            self._text(check, "category", path)
            if _is_texts(check.get("metadata")):
                checks[check_id] = check
            else:
                self.fault(f"{path}.metadata", "must be a list of column headings", check.get("metadata"))
        results = self._support_results("results", checks)
        summaries = self._support_results("summaries", checks)
        return list({**summaries, **results}.values())

    def _support_results(self, kind: str, checks: Mapping[str, dict[str, Any]]) -> dict[str, Finding]:
        found: dict[str, Finding] = {}
        for path, result in self._of(kind):
            check_id = self._text(result, "checkId", path, required=True)
            if check_id in found:
                self.fault(f"{path}.checkId", "the result of this check stands twice in the file", check_id)
            check = checks.get(check_id, {})
            category = _text_or(check.get("category"), "")
            self.headings_missing |= not check and bool(result.get("flaggedResources"))
            found[check_id] = Finding(
                reported_id=check_id,
                name=_text_or(check.get("name"), check_id),
                pillars=(category,) if category else (),
                status=self._status(result, path),
                resources=tuple(self._support_resources(result, path, check.get("metadata") or [])),
                estimated_monthly_saving_usd=self._saving(result, "categorySpecificSummary", path),
                sound_resources=_sound(result.get("resourcesSummary")),
            )
        return found

    def _support_resources(
        self, result: Mapping[str, Any], path: str, headings: list[str | None]
    ) -> Iterator[Resource]:
        for place, resource in self._objects(result, "flaggedResources", path):
            values = resource.get("metadata")
            if not _is_texts(values, optional=True):
                self.fault(f"{place}.metadata", "must be a list of texts", values)
                continue
            named = dict(_named(enumerate(values or []), dict(enumerate(headings))))
            yield Resource(
                resource_id=self._text(resource, "resourceId", place),
                region_id=_region_of(self._text(resource, "region", place), named),
                status=self._status(resource, place),
                excluded=self._flag(resource, "isSuppressed", place),
                metadata=named,
            )

    def _from_trustedadvisor(self) -> list[Finding]:
        headings = {
            self._text(check, "id", path, required=True): self._by_index(check, path)
            for path, check in self._of("checkSummaries")
        }
        resources = self._resources_by_recommendation()
        found: dict[str, Finding] = {}
        seen: dict[str, str] = {}
        for path, item in self._of("recommendationSummaries"):
            arn = self._text(item, "arn", path, required=True)
            check_id = self._check_id(item, path)
            kind = self._text(item, "type", path)
            once = check_id if check_id and kind != "priority" else arn
            if arn in found or once in seen:
                where = seen.get(once) or arn
                self.fault(path, f"the recommendation stands twice in the file, see {where}", check_id or arn)
            seen.setdefault(once, path)
            columns = headings.get(check_id, {})
            own = resources.pop(arn, [])
            status = self._recommendation_status(item, path)
            saving = self._saving(item, "pillarSpecificAggregates", path)
            self.headings_missing |= not columns and bool(own)
            found[arn] = Finding(
                reported_id=check_id or self._text(item, "id", path, required=True),
                name=self._text(item, "name", path) or check_id,
                pillars=tuple(self._texts(item, "pillars", path)),
                status=status,
                resources=tuple(self._new_resource(place, resource, columns) for place, resource in own),
                estimated_monthly_saving_usd=None if status is Status.NOT_AVAILABLE else saving,
                dismissed=self._text(item, "lifecycleStage", path) in ("dismissed", "resolved"),
                sound_resources=_count(item.get("resourcesAggregates"), "okCount"),
            )
        for arn, orphans in resources.items():
            problem = (
                "belongs to a recommendation that is not in the file; add the output of list-recommendations"
            )
            self.fault(f"{orphans[0][0]}.recommendationArn", problem, arn)
        return list(found.values())

    def _resources_by_recommendation(self) -> dict[str, list[tuple[str, dict[str, Any]]]]:
        found: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        seen: dict[str, str] = {}
        for path, resource in self._of("recommendationResourceSummaries"):
            arn = self._text(resource, "arn", path, required=True)
            if arn in seen:
                self.fault(path, f"the resource stands twice in the file, see {seen[arn]}", arn)
            seen.setdefault(arn, path)
            owner = self._text(resource, "recommendationArn", path, required=True)
            found.setdefault(owner, []).append((path, resource))
        return found

    def _new_resource(
        self, path: str, resource: Mapping[str, Any], headings: Mapping[int | str, str | None]
    ) -> Resource:
        named = dict(_named(self._by_index(resource, path).items(), headings))
        return Resource(
            resource_id=self._text(resource, "awsResourceId", path),
            region_id=_region_of(self._text(resource, "regionCode", path), named),
            status=self._status(resource, path),
            excluded=self._text(resource, "exclusionStatus", path) == "excluded",
            metadata=named,
        )

    def _recommendation_status(self, item: Mapping[str, Any], path: str) -> Status:
        """`no_data_ok` is AWS's way to say that it had nothing to judge."""
        status = self._status(item, path)
        return Status.NOT_AVAILABLE if item.get("statusReason") == "no_data_ok" else status

    def _check_id(self, item: Mapping[str, Any], path: str) -> str:
        """Last part of `arn:aws:trustedadvisor:::check/<id>`; empty where there is no check."""
        arn = self._text(item, "checkArn", path)
        before, slash, check_id = arn.rpartition("/")
        if arn and not (slash and check_id and before.endswith(":check")):
            self.fault(f"{path}.checkArn", "must be the ARN of a check, ending in check/<id>", arn)
        return check_id

    # Values of one item

    def _of(self, kind: str) -> list[tuple[str, dict[str, Any]]]:
        return self.items.get(kind, [])

    def _objects(self, item: Mapping[str, Any], key: str, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
        values = item.get(key)
        if values is None:
            return
        if not isinstance(values, list):
            self.fault(f"{path}.{key}", "must be a list", values)
            return
        for index, value in enumerate(values):
            if isinstance(value, dict):
                yield f"{path}.{key}[{index}]", value
            else:
                self.fault(f"{path}.{key}[{index}]", "must be an object", value)

    def _text(self, item: Mapping[str, Any], key: str, path: str, *, required: bool = False) -> str:
        value = item.get(key)
        if isinstance(value, str) and (value or not required):
            return _printable(value)
        if value is not None or required:
            self.fault(f"{path}.{key}", "must be a text" + (" and not empty" if required else ""), value)
        return ""

    def _texts(self, item: Mapping[str, Any], key: str, path: str) -> list[str]:
        values = item.get(key)
        if not _is_texts(values, optional=True):
            self.fault(f"{path}.{key}", "must be a list of texts", values)
            return []
        return [_printable(value) for value in values or [] if value]

    def _flag(self, item: Mapping[str, Any], key: str, path: str) -> bool:
        value = item.get(key)
        if value is not None and not isinstance(value, bool):
            self.fault(f"{path}.{key}", "must be true or false", value)
        return value is True

    def _status(self, item: Mapping[str, Any], path: str) -> Status:
        value = item.get("status")
        if isinstance(value, str) and value in list(Status):
            return Status(value)
        self.fault(f"{path}.status", f"must be one of {', '.join(Status)}", value)
        return Status.NOT_AVAILABLE

    def _saving(self, item: Mapping[str, Any], key: str, path: str) -> Decimal | None:
        """The check's estimated monthly saving; AWS writes zeros for checks that are not about cost."""
        summary = item.get(key)
        cost = summary.get("costOptimizing") if isinstance(summary, dict) else None
        if isinstance(cost, dict):
            saving = cost.get("estimatedMonthlySavings")
            if isinstance(saving, Decimal):
                pillars = item.get("pillars")
                about_cost = not isinstance(pillars, list) or COST_OPTIMIZING in pillars
                return saving if about_cost else None
            place = f"{path}.{key}.costOptimizing.estimatedMonthlySavings"
            self.fault(place, "must be a number", saving)
        elif cost is not None or not (summary is None or isinstance(summary, dict)):
            self.fault(f"{path}.{key}", "must be an object with costOptimizing in it", summary)
        return None

    def _by_index(self, item: Mapping[str, Any], path: str) -> dict[int | str, str | None]:
        values = item.get("metadata")
        if values is None:
            return {}
        if not isinstance(values, dict) or not _is_texts(list(values.values())):
            self.fault(
                f"{path}.metadata", 'must be an object of texts by index: {"0": "...", "1": "..."}', values
            )
            return {}
        return {int(key) if re.fullmatch("[0-9]{1,4}", key) else key: value for key, value in values.items()}


def _named(
    values: Any, headings: Mapping[int | str, str | None] | Mapping[int, str | None]
) -> Iterator[tuple[str, str]]:
    """Values by heading; shorter lists and missing values are usual."""
    for index, value in values:
        if value:
            heading = headings.get(index) or (f"column {index + 1}" if isinstance(index, int) else index)
            yield _printable(heading), _printable(value)


def _is_texts(values: Any, *, optional: bool = False) -> bool:
    if values is None:
        return optional
    return isinstance(values, list) and all(value is None or isinstance(value, str) for value in values)


def _count(counts: Any, name: str) -> int:
    """A count of a summary; 0 where there is none."""
    value = counts.get(name) if isinstance(counts, dict) else None
    return int(value) if isinstance(value, Decimal) and value.is_finite() and value > 0 else 0


def _sound(summary: Any) -> int:
    """What a check of the older API processed and neither flagged, ignored nor suppressed."""
    unsound = ("resourcesFlagged", "resourcesIgnored", "resourcesSuppressed")
    return max(0, _count(summary, "resourcesProcessed") - sum(_count(summary, name) for name in unsound))


def _text_or(value: Any, otherwise: str) -> str:
    return _printable(value) if isinstance(value, str) and value else otherwise


_REGION = re.compile(r"([a-z]{2}(?:-[a-z]+)+-[0-9]+)[a-z]?")
_REGION_HEADINGS = ("Region", "Region/AZ", "Region API Parameter")


def _region_of(stated: str, metadata: Mapping[str, str]) -> str:
    """Region code from AWS's own field or a region column; a zone such as `eu-west-1a` gives its region."""
    for text in (stated, *(metadata.get(heading, "") for heading in _REGION_HEADINGS)):
        if match := _REGION.fullmatch(text.strip()):
            return match.group(1)
    return ""


def _retirement_note(check_id: str, retired: Retirement) -> str:
    gone = (
        f"withdrew check {check_id} on {retired.since}" if retired.since else f"is replacing check {check_id}"
    )
    if retired.successor:
        return f"AWS {gone}; read as its successor {retired.successor}."
    return f"AWS {gone} without a successor."


_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")


def _printable(text: str) -> str:
    """Text from outside without the characters that move a terminal's cursor or cannot be written."""
    return _UNPRINTABLE.sub("?", text)


def _short(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, bool):
        return str(value).lower()
    text = _printable(str(value))
    return text if len(text) <= 60 else f"{text[:57]}..."
