"""Published Trusted Advisor checks, applied to the design that a run recommends.

The criteria are AWS's, in our words: AWS Trusted Advisor check reference (AWS Support User Guide, 2026 copy).
AWS looks at the last days before a check runs; a simulation has no "today", so a criterion over days
is met when any days in a row of the simulated months meet it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from costmodel.capacity.instances import instance_type
from costmodel.decision.run import DesignNote, Run
from costmodel.errors import UnknownInstanceType
from costmodel.review.advisor_facts import (
    Facts,
    Unknown,
    daily,
    longest_streak,
    most_in_window,
    number,
    switch,
    word,
)
from costmodel.services._base import Role
from costmodel.units import BYTES_PER_KB, BYTES_PER_MB

SOURCE = "AWS Trusted Advisor check reference (AWS Support User Guide, 2026 copy)"


class Verdict(StrEnum):
    """What a check would say about the recommended design."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    NOT_APPLICABLE = "not applicable"
    NOT_DECIDABLE = "not decidable"

    @property
    def flagged(self) -> bool:
        return self in (Verdict.WARNING, Verdict.ERROR)


Figures = dict[str, float | str]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a rule finds, and from which figures."""

    verdict: Verdict
    reason: str
    """One clause without a full stop."""
    figures: Figures
    """Figures used, each name ending in its unit."""
    saving_usd: Decimal | None = None
    """Estimated monthly saving as the check defines it, where it has one and flags."""


Rule = Callable[[Facts, DesignNote], Judgement]


@dataclass(frozen=True, slots=True)
class Check:
    """One published check and how it is applied to a design."""

    check_id: str
    name: str
    pillar: str
    criterion: str
    """AWS's alert criterion in our words."""
    role: Role
    kinds: tuple[str, ...]
    """Kinds of design the check is about; empty for every kind of the role."""
    rule: Rule


@dataclass(frozen=True, slots=True)
class Prediction:
    """What one check would say about the recommended design."""

    check_id: str
    name: str
    pillar: str
    criterion: str
    verdict: Verdict
    reason: str
    figures: Figures
    saving_usd: Decimal | None
    """Estimated monthly saving, list price; None where the check has none or does not flag."""


def predict(run: Run) -> tuple[Prediction, ...]:
    """Apply every check of `CHECKS` to the recommended design of a run."""
    facts = Facts(run)
    return tuple(_predict(check, facts) for check in CHECKS)


def _predict(check: Check, facts: Facts) -> Prediction:
    try:
        design = facts.design(check.role)
        judgement = _not_of_kind(check, design) or check.rule(facts, design)
    except Unknown as unknown:
        judgement = Judgement(Verdict.NOT_DECIDABLE, str(unknown), {})
    return Prediction(
        check.check_id,
        check.name,
        check.pillar,
        check.criterion,
        judgement.verdict,
        judgement.reason,
        judgement.figures,
        judgement.saving_usd,
    )


def _not_of_kind(check: Check, design: DesignNote) -> Judgement | None:
    if not check.kinds or design.kind in check.kinds:
        return None
    return Judgement(Verdict.NOT_APPLICABLE, f"the design uses {design.label} instead", {})


def _ok(reason: str, **figures: float | str) -> Judgement:
    return Judgement(Verdict.OK, reason, figures)


def _warning(reason: str, **figures: float | str) -> Judgement:
    return Judgement(Verdict.WARNING, reason, figures)


def _error(reason: str, **figures: float | str) -> Judgement:
    return Judgement(Verdict.ERROR, reason, figures)


def _not_applicable(reason: str) -> Judgement:
    return Judgement(Verdict.NOT_APPLICABLE, reason, {})


# Use: CPU, requests, bytes by day

LOW_CPU_RATIO = 0.10
LOW_NETWORK_MB = 5.0
HIGH_CPU_RATIO = 0.90
CPU_DAYS = 4
CPU_WINDOW_DAYS = 14
"""Source of the five: checks Qch7DwouX1 and ZRxQlPsb6c, see `SOURCE`."""

IDLE_DAYS = 7
IDLE_REQUESTS_PER_DAY = 100
"""Source: checks hjLMh88uM8 and Ti39halfu8, see `SOURCE`."""

FAILING_RATIO = 0.10
"""Source: checks L4dfs2Q3C2 and L4dfs2Q3C3, see `SOURCE`."""


def _low_cpu(facts: Facts, design: DesignNote) -> Judgement:
    cpu = daily(design, "utilisation_mean_ratio", CPU_WINDOW_DAYS)
    traffic_mb = _instance_network_mb(facts, design)
    idle = [c <= LOW_CPU_RATIO and t <= LOW_NETWORK_MB for c, t in zip(cpu, traffic_mb, strict=True)]
    days = most_in_window(idle, CPU_WINDOW_DAYS)
    figures: Figures = {
        "low_days": days,
        "lowest_daily_cpu_ratio": min(cpu),
        "least_network_mb_per_instance_day": min(traffic_mb),
    }
    if days < CPU_DAYS:
        busy = "CPU" if min(cpu) > LOW_CPU_RATIO else "network traffic"
        return _ok(
            f"{days} idle days in the worst 14; {busy} keeps the instances above the threshold", **figures
        )
    hours_usd = facts.monthly_usd(design.resource_name, "Instance hours")
    saving = None if hours_usd is None else hours_usd * days / CPU_WINDOW_DAYS
    return Judgement(Verdict.WARNING, f"{days} idle days in the worst 14", figures, saving)


def _instance_network_mb(facts: Facts, design: DesignNote) -> list[float]:
    """Bytes in and out of a mean instance on each day: API calls, their database work, logs, calls outside."""
    reads = facts.scenario_number("database.reads_per_call") * facts.scenario_number("database.read_item_kb")
    writes = facts.scenario_number("database.writes_per_call") * facts.scenario_number(
        "database.write_item_kb"
    )
    kb_per_call = reads + writes
    for name in ("request_kb", "response_kb", "external_kb_per_call", "log_kb_per_call"):
        kb_per_call += facts.scenario_number(f"api.{name}")
    mb_per_call = kb_per_call * BYTES_PER_KB / BYTES_PER_MB
    if design.kind == "hybrid":
        raise Unknown("the run does not tell the calls of instances from those of functions")
    servers = daily(design, "servers_mean", CPU_WINDOW_DAYS)
    calls = daily(design, "requests", CPU_WINDOW_DAYS)
    if min(servers) <= 0:
        raise Unknown("the run counts days without an instance")
    return [day * mb_per_call / count for day, count in zip(calls, servers, strict=True)]


def _high_cpu(facts: Facts, design: DesignNote) -> Judgement:
    cpu = daily(design, "utilisation_mean_ratio", CPU_WINDOW_DAYS)
    days = most_in_window([c > HIGH_CPU_RATIO for c in cpu], CPU_WINDOW_DAYS)
    figures: Figures = {"high_days": days, "highest_daily_cpu_ratio": max(cpu)}
    reason = f"{days} days above 90 % CPU in the worst 14; the busiest day means {max(cpu):.0%}"
    return (_ok if days < CPU_DAYS else _warning)(reason, **figures)


def _idle_balancer(facts: Facts, design: DesignNote) -> Judgement:
    requests = daily(design, "requests", IDLE_DAYS)
    days = longest_streak([count < IDLE_REQUESTS_PER_DAY for count in requests])
    figures: Figures = {"days_below_100_requests_in_a_row": days, "fewest_requests_per_day": min(requests)}
    reason = f"the quietest day brings {min(requests):,.0f} requests"
    if days < IDLE_DAYS:
        return _ok(reason, **figures)
    saving = facts.monthly_usd(design.resource_name, "Load balancer hours")
    return Judgement(Verdict.WARNING, f"{days} days in a row below 100 requests", figures, saving)


def _idle_database(facts: Facts, design: DesignNote) -> Judgement:
    calls = daily(design, "requests", IDLE_DAYS)
    days = longest_streak([count <= 0 for count in calls])
    figures: Figures = {"days_without_calls_in_a_row": days, "fewest_calls_per_day": min(calls)}
    if days < IDLE_DAYS:
        return _ok(f"{min(calls):,.0f} API calls reach it on the quietest day", **figures)
    saving = facts.monthly_usd(design.resource_name, "Instance hours")
    return Judgement(Verdict.WARNING, f"{days} days in a row without a call", figures, saving)


def _inactive_nat(facts: Facts, design: DesignNote) -> Judgement:
    gateways = number(design, "nat_gateways")
    if gateways == 0:
        return _not_applicable("the design has no NAT gateway")
    by_month = facts.monthly_quantity(design.resource_name, "NAT gateway data")
    least = min(by_month.values())
    figures: Figures = {"nat_gateways": gateways, "least_gb_per_month": float(least)}
    if least > 0:
        return _ok(f"{least:,.1f} GB pass the gateways in the quietest month", **figures)
    saving = facts.monthly_usd(design.resource_name, "NAT gateway hours")
    return Judgement(Verdict.WARNING, "no byte passes the gateways in a month", figures, saving)


def _function_errors(facts: Facts, design: DesignNote) -> Judgement:
    """Errors of the database reach the function; throttled calls are no invocations and do not count.

    Source: AWS Lambda Developer Guide, working with function metrics (2023-10).
    """
    worst = _worst_failing_ratio(facts, design)
    reason = f"on the worst day {worst:.1%} of invocations fail with their database call; own faults are not simulated"
    return (_warning if worst > FAILING_RATIO else _ok)(reason, worst_daily_error_ratio=worst)


def _function_timeouts(facts: Facts, design: DesignNote) -> Judgement:
    """An overloaded relational database answers too late; a throttled DynamoDB table answers at once."""
    timeout_s = float(facts.attribute("lambda", "timeout"))
    p99_ms = facts.run.chosen.api_p99_ms
    relational = facts.design(Role.DATABASE).kind in RELATIONAL_KINDS
    worst = _worst_failing_ratio(facts, design) if relational else 0.0
    figures: Figures = {"worst_daily_timeout_ratio": worst, "timeout_s": timeout_s, "api_p99_ms": p99_ms}
    if worst > FAILING_RATIO:
        return _warning(
            f"on the worst day {worst:.1%} of invocations wait for the database until they time out",
            **figures,
        )
    if p99_ms > timeout_s * 1000:
        raise Unknown("over 1 % of calls reach the timeout and the run does not say on which days")
    return _ok(f"99 of 100 calls take {p99_ms:,.0f} ms or less, the timeout is {timeout_s:g} s", **figures)


def _worst_failing_ratio(facts: Facts, design: DesignNote) -> float:
    if design.kind == "hybrid":
        raise Unknown("the run does not tell the calls of functions from those of instances")
    offered = daily(design, "requests", IDLE_DAYS)
    throttled = daily(design, "failed_requests", IDLE_DAYS)
    failing = daily(facts.design(Role.DATABASE), "failed_requests", IDLE_DAYS)
    days = zip(offered, throttled, failing, strict=True)
    return max(
        (min(1.0, bad / (calls - refused)) if calls > refused else 0.0) for calls, refused, bad in days
    )


def _bucket_egress(facts: Facts, design: DesignNote) -> Judgement:
    delivery = facts.design(Role.DELIVERY)
    sent_gb = sum(facts.run.daily_load.get("egress_gb", ()))
    return _ok(
        f"all {sent_gb:,.0f} GB go to shoppers through {delivery.label}; none leaves the bucket directly",
        bucket_egress_to_users_gb=0.0,
        delivered_by_cloudfront_gb=sent_gb,
    )


GP3_MBPS = 125 * BYTES_PER_MB * 8 / 1e6
"""Megabits per second that a gp3 volume moves unless more is bought: 125 MiB/s.

Source: Amazon EBS User Guide, General Purpose SSD volumes (2023-06).
"""
NEAR_MAXIMUM_RATIO = 0.95
"""Source: check Bh2xRR2FGH, see `SOURCE`."""


def _ebs_throughput(facts: Facts, design: DesignNote) -> Judgement:
    name = word(design, "instance_type")
    try:
        baseline_mbps = instance_type(name).ebs_baseline_mbps
    except UnknownInstanceType:
        raise Unknown(f"the EBS throughput of {name} is not known") from None
    figures: Figures = {"volume_mbps": GP3_MBPS, "instance_baseline_mbps": baseline_mbps}
    if NEAR_MAXIMUM_RATIO * baseline_mbps >= GP3_MBPS:
        return _ok(f"its one volume moves at most {GP3_MBPS:,.0f} of {baseline_mbps:,.0f} Mbit/s", **figures)
    raise Unknown(
        f"volume traffic is not simulated, and one volume could fill the {baseline_mbps:,.0f} Mbit/s of {name}"
    )


# Zones

BALANCED_RATIO = 0.20
"""Source: check wuy7G1zxql, see `SOURCE`; read as a share of the largest zone."""
HEAVY_ZONE_RATIO = 0.50
"""Source: check b92b83d667, see `SOURCE`."""


def _zone_counts(instances: int, zones: int) -> list[int]:
    """Auto Scaling keeps zones within one instance of each other.

    Source: Amazon EC2 Auto Scaling User Guide, "Rebalancing activities" (2023-06).
    """
    return [instances // zones + (zone < instances % zones) for zone in range(zones)]


def _sizes(design: DesignNote) -> range:
    """Every number of instances the group ran."""
    smallest = int(number(design, "min_size_instances"))
    return range(smallest, max(smallest, math.ceil(max(daily(design, "servers_max")))) + 1)


def _zone_balance(facts: Facts, design: DesignNote) -> Judgement:
    zones = int(number(design, "availability_zones"))

    def judge(instances: int) -> Verdict:
        used = [count for count in _zone_counts(instances, zones) if count]
        if len(used) <= 1:
            return Verdict.ERROR
        return Verdict.WARNING if max(used) - min(used) > BALANCED_RATIO * max(used) else Verdict.OK

    return _over_sizes(design, zones, judge)


def _target_balance(facts: Facts, design: DesignNote) -> Judgement:
    """Equal zones pass whatever the part of the criterion is that AWS does not publish."""
    compute = facts.design(Role.COMPUTE)
    if compute.kind not in EC2:
        return _not_applicable("functions are no targets in a zone")
    zones = int(number(compute, "availability_zones"))

    def judge(instances: int) -> Verdict:
        counts = _zone_counts(instances, zones)
        if max(counts) > HEAVY_ZONE_RATIO * instances:
            return Verdict.WARNING
        return Verdict.OK if max(counts) == min(counts) else Verdict.NOT_DECIDABLE

    return _over_sizes(compute, zones, judge)


def _over_sizes(design: DesignNote, zones: int, judge: Callable[[int], Verdict]) -> Judgement:
    """One verdict when every size the group ran gives the same; otherwise it depends on the minute."""
    sizes = _sizes(design)
    verdicts = {size: judge(size) for size in sizes}
    figures: Figures = {"zones": zones, "fewest_instances": sizes[0], "most_instances": sizes[-1]}
    if len(set(verdicts.values())) > 1 or Verdict.NOT_DECIDABLE in verdicts.values():
        even = [str(size) for size, verdict in verdicts.items() if verdict is Verdict.OK]
        when = f"balanced with {', '.join(even[:4])} instances" if even else "never even"
        reason = f"depends on the minute AWS looks: {when}, {sizes[0]} to {sizes[-1]} run in {zones} zones"
        return Judgement(Verdict.NOT_DECIDABLE, reason, figures)
    spread = " and ".join(str(count) for count in _zone_counts(sizes[0], zones))
    return Judgement(verdicts[sizes[0]], f"instances per zone: {spread}", figures)


def _two_zones(flag: Verdict) -> Rule:
    def rule(facts: Facts, design: DesignNote) -> Judgement:
        zones = number(design, "availability_zones")
        verdict = Verdict.OK if zones > 1 else flag
        return Judgement(verdict, f"spans {zones:g} zone{'s' if zones > 1 else ''}", {"zones": zones})

    return rule


def _function_zones(facts: Facts, design: DesignNote) -> Judgement:
    if facts.design(Role.DATABASE).kind not in RELATIONAL_KINDS:
        return _not_applicable("the functions stand outside the VPC")
    return _two_zones(Verdict.WARNING)(facts, design)


def _nat_zones(facts: Facts, design: DesignNote) -> Judgement:
    gateways, zones = number(design, "nat_gateways"), number(design, "availability_zones")
    if gateways == 0:
        return _not_applicable("the design has no NAT gateway")
    reason = f"{gateways:g} NAT gateway{'s' if gateways > 1 else ''} for {zones:g} zones"
    return (_ok if gateways >= zones else _error)(reason, nat_gateways=gateways, zones=zones)


def _database_standby(facts: Facts, design: DesignNote) -> Judgement:
    replicas = number(design, "read_replicas")
    if not switch(design, "multi_az"):
        return _warning("the instance stands in a single zone", read_replicas=replicas)
    if replicas:
        return _warning(
            f"the instance has a standby, but {replicas:g} read replicas are Single-AZ instances",
            read_replicas=replicas,
        )
    return _ok("a standby waits in another zone", read_replicas=replicas)


def _primary_standby(facts: Facts, design: DesignNote) -> Judgement:
    if switch(design, "multi_az"):
        return _ok("a standby waits in another zone")
    return _warning("no standby")


def _cluster_readers(facts: Facts, design: DesignNote) -> Judgement:
    readers = number(design, "readers")
    reason = "a reader waits in another zone" if readers else "the cluster has a writer only"
    return (_ok if readers else _warning)(reason, readers=readers)


# Settings that are on or off


def _backups(facts: Facts, design: DesignNote) -> Judgement:
    days = number(design, "backup_retention_days")
    return (_ok if days > 0 else _error)(f"backups are kept {days:g} days", backup_retention_days=days)


def _exported_switch(variable: str, name: str, what: str) -> Rule:
    def rule(facts: Facts, design: DesignNote) -> Judgement:
        on = facts.attribute(variable, name) is True
        return (_ok if on else _warning)(f"{what} is {'on' if on else 'off'}")

    return rule


def _group_health_check(facts: Facts, design: DesignNote) -> Judgement:
    kind = str(facts.attribute("autoscaling", "health_check_type"))
    return (_ok if kind == "ELB" else _warning)(
        f"the group behind the load balancer uses {kind} health checks"
    )


def _table_scaling(facts: Facts, design: DesignNote) -> Judgement:
    if word(design, "billing_mode") == "PAY_PER_REQUEST":
        return _ok("the table is on demand")
    scaled = facts.attribute("dynamodb_table", "autoscaling_enabled") is True
    return _ok("table and indexes scale by themselves") if scaled else _warning("capacity is fixed")


def _table_recovery(facts: Facts, design: DesignNote) -> Judgement:
    on = switch(design, "point_in_time_recovery")
    return (_ok if on else _warning)(f"point-in-time recovery is {'on' if on else 'off'}")


def _table_backup_plan(facts: Facts, design: DesignNote) -> Judgement:
    return _warning("the design has no AWS Backup plan; it relies on point-in-time recovery")


def _function_concurrency(facts: Facts, design: DesignNote) -> Judgement:
    reserved = number(design, "reserved_concurrency")
    if reserved:
        return _ok(f"{reserved:g} executions are reserved", reserved_concurrency=reserved)
    return _warning(
        "the function may use the concurrency of the whole account", reserved_concurrency=reserved
    )


RUNTIME_END = {
    "nodejs22.x": date(2027, 4, 30),
    "python3.13": date(2029, 6, 30),
    "ruby3.4": date(2028, 3, 31),
    "dotnet8": date(2026, 11, 10),
}
"""Day Lambda deprecates a runtime. Source: endoflife.date, AWS Lambda (2026-02), from the Lambda Developer Guide."""
RUNTIME_NOTICE_DAYS = 180
"""Source: check L4dfs2Q4C5, see `SOURCE`."""


def _function_runtime(facts: Facts, design: DesignNote) -> Judgement:
    """Judged on the last simulated day."""
    runtime = word(design, "runtime")
    end = RUNTIME_END.get(runtime)
    if end is None:
        raise Unknown(f"the day AWS deprecates {runtime} is not known")
    try:
        last = date.fromisoformat(facts.run.first_day) + timedelta(days=facts.run.days - 1)
    except (ValueError, OverflowError):
        raise Unknown("the run does not state its days") from None
    left = (end - last).days
    reason = f"{runtime} is deprecated on {end}, {left:,} days after the last simulated day"
    if left > RUNTIME_NOTICE_DAYS:
        return _ok(reason, days_to_deprecation=left)
    if left > 0:
        return _warning(reason, days_to_deprecation=left)
    return _error(
        f"{runtime} is deprecated on {end}, within the simulated days or before", days_to_deprecation=left
    )


def _bucket_versions(facts: Facts, design: DesignNote) -> Judgement:
    on = switch(design, "versioning")
    return (_ok if on else _warning)(f"versioning is {'on' if on else 'off'}")


def _bucket_lifecycle(facts: Facts, design: DesignNote) -> Judgement:
    days = number(design, "noncurrent_days")
    if days > 0:
        return _ok(f"old versions expire after {days:g} days", noncurrent_days=days)
    return _warning("no lifecycle rule", noncurrent_days=days)


def _bucket_version_lifecycle(facts: Facts, design: DesignNote) -> Judgement:
    if not switch(design, "versioning"):
        return _not_applicable("versioning is off")
    return _bucket_lifecycle(facts, design)


MULTIPART_DAYS = 7
"""Source: check c1cj39rr6v, see `SOURCE`."""


def _bucket_multipart(facts: Facts, design: DesignNote) -> Judgement:
    days = number(design, "abort_incomplete_multipart_days")
    good = 0 < days <= MULTIPART_DAYS
    reason = f"unfinished uploads are thrown away after {days:g} days" if days else "unfinished uploads stay"
    return (_ok if good else _warning)(reason, abort_incomplete_multipart_days=days)


def _bucket_replication(facts: Facts, design: DesignNote) -> Judgement:
    region = word(design, "replica_region")
    if region == "none":
        return _warning("no second region is named in the scenario (network.second_region)")
    return _ok(f"replicated to {region}")


def _origin_failover(facts: Facts, design: DesignNote) -> Judgement:
    if switch(design, "origin_failover"):
        return _ok("an origin group takes over when the first origin fails")
    return _warning("bucket and load balancer are two origins without an origin group")


def _record_ttl(facts: Facts, design: DesignNote) -> Judgement:
    if (
        word(design, "routing_policy") == "simple"
        and facts.attribute("route53", "alias_to_cloudfront") is True
    ):
        return _ok("the shop's name is an alias record, which has no TTL of its own")
    raise Unknown("the run does not state the TTL of records with a health check")


def _routing(policy: str) -> Rule:
    def rule(facts: Facts, design: DesignNote) -> Judgement:
        used = word(design, "routing_policy")
        if used == policy:
            raise Unknown(f"the run does not list its {policy} records")
        return _not_applicable(f"no {policy} records: routing is {used}")

    return rule


def _alias_records(facts: Facts, design: DesignNote) -> Judgement:
    on = facts.attribute("route53", "alias_to_cloudfront") is True
    return (
        _ok("CloudFront is reached by an alias record")
        if on
        else _warning("CloudFront is reached by a CNAME")
    )


# Quotas

YELLOW_RATIO, RED_RATIO = Decimal("0.8"), Decimal(1)
"""Source: service-limit checks, see `SOURCE`."""

ACCOUNT_QUOTA = 80_000
"""Capacity units per account and region, reads and writes each.

Source: Amazon DynamoDB Developer Guide, service quotas (2023-06).
"""
DEFAULT_INSTANCES, DEFAULT_INSTANCES_BY_REGION = 40, {"ap-south-1": 20}
"""DB instances per region. Source: Amazon RDS User Guide, quotas (2025)."""


def _use_of_quota(used: float, quota: float, what: str) -> Judgement:
    share = Decimal(repr(float(used))) / Decimal(repr(float(quota)))
    reason = f"the design alone uses {used:,.4g} of {quota:,.0f} {what}"
    verdict = (
        Verdict.ERROR if share >= RED_RATIO else Verdict.WARNING if share >= YELLOW_RATIO else Verdict.OK
    )
    return Judgement(verdict, reason, {"used": used, "quota": quota})


def _vcpu_quota(facts: Facts, design: DesignNote) -> Judgement:
    name = word(design, "instance_type")
    try:
        vcpus = instance_type(name).vcpu
    except UnknownInstanceType:
        raise Unknown(f"the vCPUs of {name} are not known") from None
    quota = facts.scenario_number("account.ec2_vcpus")
    if quota <= 0:
        raise Unknown("the scenario in the run states no quota of vCPUs")
    return _use_of_quota(
        max(daily(design, "servers_max")) * vcpus, quota, "on-demand vCPUs (account.ec2_vcpus)"
    )


def _one_of(quota: int, what: str) -> Rule:
    return lambda facts, design: _use_of_quota(1, quota, f"{what} that AWS allows by default")


def _balancer_quota(kind: str) -> Rule:
    return _one_of(50, f"{kind} Load Balancers per region")


def _instance_quota(facts: Facts, design: DesignNote) -> Judgement:
    """A Multi-AZ instance counts once."""
    others = number(design, "read_replicas" if design.kind == "rds" else "readers")
    quota = DEFAULT_INSTANCES_BY_REGION.get(facts.run.region_id, DEFAULT_INSTANCES)
    return _use_of_quota(1 + others, quota, "DB instances per region that AWS allows by default")


def _table_quota(dimension: str) -> Rule:
    """Provisioned capacity moves between a minimum and a maximum; indexes count on top of the table."""

    def rule(facts: Facts, design: DesignNote) -> Judgement:
        indexes = number(design, "secondary_indexes")
        index = ("read_min_capacity", "read_max_capacity") if dimension == "read" else ()
        bounds = []
        for bound in ("minimum", "maximum"):
            per_index = (
                (
                    facts.attribute("dynamodb_table_autoscaling_index", index[bound == "maximum"])
                    if indexes
                    else 0
                )
                if index
                else number(design, f"index_{bound}_units")
            )
            bounds.append(number(design, f"{dimension}_{bound}_units") + indexes * float(per_index))
        what = f"provisioned {dimension} units per account that AWS allows by default"
        least, most = (_use_of_quota(units, ACCOUNT_QUOTA, what) for units in bounds)
        if least.verdict is most.verdict:
            return most
        raise Unknown(
            f"capacity moves between {bounds[0]:,.0f} and {bounds[1]:,.0f} of {ACCOUNT_QUOTA:,} units"
        )

    return rule


def _address_quota(facts: Facts, design: DesignNote) -> Judgement:
    gateways = number(design, "nat_gateways")
    if gateways == 0:
        return _not_applicable("the design has no NAT gateway, which would need an address")
    return _use_of_quota(gateways, 5, "Elastic IP addresses per region that AWS allows by default")


def _health_check_quota(facts: Facts, design: DesignNote) -> Judgement:
    return _use_of_quota(
        number(design, "health_checks"), 200, "health checks per account that AWS allows by default"
    )


COST, PERFORMANCE, SECURITY = "cost_optimizing", "performance", "security"
FAULT_TOLERANCE, LIMITS = "fault_tolerance", "service_limits"

EC2, LAMBDA = ("ec2", "hybrid"), ("lambda", "hybrid")
RELATIONAL_KINDS = ("rds", "aurora", "aurora_serverless")
RDS, CLUSTERS = ("rds",), ("aurora", "aurora_serverless")
PROVISIONED = ("dynamodb_provisioned",)
TABLES = ("dynamodb_on_demand", "dynamodb_provisioned", "dynamodb_dax")
QUOTA = "80 % of the quota in use: warning; all of it: error"

CHECKS: tuple[Check, ...] = (
    Check(
        "Qch7DwouX1", "Low Utilization Amazon EC2 Instances", COST,
        "daily mean CPU at most 10 % and network traffic at most 5 MB on 4 or more of 14 days",
        Role.COMPUTE, EC2, _low_cpu,
    ),
    Check(
        "hjLMh88uM8", "Idle Load Balancers", COST,
        "fewer than 100 requests a day for 7 days; written for Classic Load Balancers, applied to ours",
        Role.LOAD_BALANCER, (), _idle_balancer,
    ),
    Check(
        "Ti39halfu8", "Amazon RDS Idle DB Instances", COST, "no connection for 7 days",
        Role.DATABASE, RELATIONAL_KINDS, _idle_database,
    ),
    Check(
        "c2vlfg022t", "Inactive NAT Gateways", COST, "no byte in 30 days, read as a month",
        Role.NETWORK, (), _inactive_nat,
    ),
    Check(
        "L4dfs2Q3C2", "AWS Lambda Functions with High Error Rates", COST,
        "over 10 % of invocations end in an error on any of 7 days", Role.COMPUTE, LAMBDA, _function_errors,
    ),
    Check(
        "L4dfs2Q3C3", "AWS Lambda Functions with Excessive Timeouts", COST,
        "over 10 % of invocations time out on any of 7 days", Role.COMPUTE, LAMBDA, _function_timeouts,
    ),
    Check(
        "51fC20e7I2", "Amazon Route 53 Latency Resource Record Sets", COST,
        "a name with a single latency record", Role.DNS, (), _routing("latency"),
    ),
    Check(
        "c18d2gz100", "Amazon S3 Bucket Lifecycle Policy Configured", COST, "bucket without a lifecycle policy",
        Role.STORAGE, (), _bucket_lifecycle,
    ),
    Check(
        "c18d2gz171", "Amazon S3 version-enabled buckets without lifecycle policies configured", COST,
        "versioned bucket without a lifecycle policy", Role.STORAGE, (), _bucket_version_lifecycle,
    ),
    Check(
        "c1cj39rr6v", "Amazon S3 Incomplete Multipart Upload Abort Configuration", COST,
        "no rule that aborts unfinished multipart uploads after 7 days", Role.STORAGE, (), _bucket_multipart,
    ),
    Check(
        "ZRxQlPsb6c", "High CPU Utilization Amazon EC2 Instances", PERFORMANCE,
        "daily mean CPU over 90 % on 4 or more of 14 days", Role.COMPUTE, EC2, _high_cpu,
    ),
    Check(
        "Bh2xRR2FGH", "Amazon EC2 to EBS Throughput Optimization", PERFORMANCE,
        "volumes use over 95 % of the instance's EBS throughput for over half a day", Role.COMPUTE, EC2, _ebs_throughput,
    ),
    Check(
        "796d6f3D83", "CloudFront Content Delivery Optimization", PERFORMANCE,
        "30-day egress from the bucket to users at least 25 times the bytes stored; error from 10 TB",
        Role.STORAGE, (), _bucket_egress,
    ),
    Check(
        "B913Ef6fb4", "Amazon Route 53 Alias Resource Record Sets", PERFORMANCE,
        "a CNAME where a free alias record would do", Role.DNS, (), _alias_records,
    ),
    Check(
        "c18d2gz136", "Amazon DynamoDB Auto Scaling Not Enabled", PERFORMANCE,
        "table or index neither on demand nor scaled automatically", Role.DATABASE, TABLES, _table_scaling,
    ),
    Check(
        "c18d2gz181", "AWS Lambda Functions without Concurrency Limit Configured", PERFORMANCE,
        "function without a concurrency limit", Role.COMPUTE, LAMBDA, _function_concurrency,
    ),
    Check(
        "wuy7G1zxql", "Amazon EC2 Availability Zone Balance", FAULT_TOLERANCE,
        "zones in use differ by over 20 % of the largest; error with all instances in one zone",
        Role.COMPUTE, EC2, _zone_balance,
    ),
    Check(
        "b92b83d667", "ELB Target Imbalance", FAULT_TOLERANCE,
        "one zone holds over 50 % of the targets; AWS names a stricter limit that we do not know",
        Role.LOAD_BALANCER, (), _target_balance,
    ),
    Check(
        "CLOG40CDO8", "Auto Scaling Group Health Check", FAULT_TOLERANCE,
        "group behind a load balancer without ELB health checks", Role.COMPUTE, EC2, _group_health_check,
    ),
    Check(
        "c18d2gz101",
        "Amazon EC2 Auto Scaling is not deployed in multiple AZs or does not meet the minimum number of AZs",
        FAULT_TOLERANCE, "group in a single zone: error", Role.COMPUTE, EC2, _two_zones(Verdict.ERROR),
    ),
    Check(
        "c18d2gz144", "Amazon EC2 detailed monitoring not enabled", FAULT_TOLERANCE,
        "one-minute monitoring is off", Role.COMPUTE, EC2,
        _exported_switch("autoscaling", "enable_monitoring", "one-minute monitoring"),
    ),
    Check(
        "c1dfprch08", "ALB Multi-AZ", FAULT_TOLERANCE, "ALB in a single zone",
        Role.LOAD_BALANCER, ("alb",), _two_zones(Verdict.WARNING),
    ),
    Check(
        "c18d2gz169",
        "Application, Network, and Gateway Load Balancers Not Spanning Multiple Availability Zones",
        FAULT_TOLERANCE, "subnets in fewer than two zones", Role.LOAD_BALANCER, (), _two_zones(Verdict.WARNING),
    ),
    Check(
        "c18d2gz105", "Network Load Balancers Cross Load Balancing", FAULT_TOLERANCE,
        "NLB without cross-zone balancing", Role.LOAD_BALANCER, ("nlb",),
        _exported_switch("alb", "enable_cross_zone_load_balancing", "cross-zone balancing"),
    ),
    Check(
        "L4dfs2Q4C6", "AWS Lambda VPC-enabled Functions without Multi-AZ Redundancy", FAULT_TOLERANCE,
        "function in the VPC with subnets in one zone only", Role.COMPUTE, LAMBDA, _function_zones,
    ),
    Check(
        "f2iK5R6Dep", "Amazon RDS Multi-AZ", FAULT_TOLERANCE, "DB instance in a single zone",
        Role.DATABASE, RDS, _database_standby,
    ),
    Check(
        "c18d2gz156", "RDS Multi-AZ Standby Instance Not Enabled", FAULT_TOLERANCE,
        "DB instance without a Multi-AZ standby", Role.DATABASE, RDS, _primary_standby,
    ),
    Check(
        "c18d2gz161", "RDS DB Cluster has no Multi-AZ replication enabled", FAULT_TOLERANCE,
        "cluster without an instance in a second zone", Role.DATABASE, CLUSTERS, _cluster_readers,
    ),
    Check(
        "opQPADkZvH", "Amazon RDS Backups", FAULT_TOLERANCE, "backup retention of 0 days: error",
        Role.DATABASE, RELATIONAL_KINDS, _backups,
    ),
    Check(
        "c18d2gz138", "Amazon DynamoDB Point-in-time Recovery", FAULT_TOLERANCE, "point-in-time recovery is off",
        Role.DATABASE, TABLES, _table_recovery,
    ),
    Check(
        "c18d2gz107", "Amazon DynamoDB Table Not Included in Backup Plan", FAULT_TOLERANCE,
        "table in no AWS Backup plan", Role.DATABASE, TABLES, _table_backup_plan,
    ),
    Check(
        "R365s2Qddf", "Amazon S3 Bucket Versioning", FAULT_TOLERANCE, "versioning off or suspended",
        Role.STORAGE, (), _bucket_versions,
    ),
    Check(
        "c18d2gz119", "Amazon S3 Bucket Replication Not Enabled", FAULT_TOLERANCE, "no replication rule",
        Role.STORAGE, (), _bucket_replication,
    ),
    Check(
        "c18d2gz112", "Amazon CloudFront Origin Failover", FAULT_TOLERANCE,
        "distribution with two origins and no origin group", Role.DELIVERY, (), _origin_failover,
    ),
    Check(
        "c1dfptbg10", "NAT Gateway AZ Independence", FAULT_TOLERANCE,
        "a subnet uses a NAT gateway of another zone: error", Role.NETWORK, (), _nat_zones,
    ),
    Check(
        "C056F80cR3", "Amazon Route 53 High TTL Resource Record Sets", FAULT_TOLERANCE,
        "failover record, or record with a health check, with a TTL over 60 s", Role.DNS, (), _record_ttl,
    ),
    Check(
        "b73EEdD790", "Amazon Route 53 Failover Resource Record Sets", FAULT_TOLERANCE,
        "failover record without its counterpart", Role.DNS, (), _routing("failover"),
    ),
    Check(
        "L4dfs2Q4C5", "AWS Lambda Functions Using Deprecated Runtimes", SECURITY,
        "runtime deprecated within 180 days; error once it is", Role.COMPUTE, LAMBDA, _function_runtime,
    ),
    Check(
        "0Xc6LMYG8P", "EC2 On-Demand Instances", LIMITS, QUOTA, Role.COMPUTE, EC2, _vcpu_quota,
    ),
    Check(
        "fW7HH0l7J9", "Auto Scaling Groups", LIMITS, QUOTA, Role.COMPUTE, EC2,
        _one_of(500, "Auto Scaling groups per region"),
    ),
    Check(
        "EM8b3yLRTr", "ELB Application Load Balancers", LIMITS, QUOTA,
        Role.LOAD_BALANCER, ("alb",), _balancer_quota("Application"),
    ),
    Check(
        "8wIqYSt25K", "ELB Network Load Balancers", LIMITS, QUOTA,
        Role.LOAD_BALANCER, ("nlb",), _balancer_quota("Network"),
    ),
    Check("XG0aXHpIEt", "RDS DB Instances", LIMITS, QUOTA, Role.DATABASE, RELATIONAL_KINDS, _instance_quota),
    Check(
        "gjqMBn6pjz", "RDS Clusters", LIMITS, QUOTA, Role.DATABASE, CLUSTERS, _one_of(40, "DB clusters per region")
    ),
    Check("6gtQddfEw6", "DynamoDB Read Capacity", LIMITS, QUOTA, Role.DATABASE, PROVISIONED, _table_quota("read")),
    Check("c5ftjdfkMr", "DynamoDB Write Capacity", LIMITS, QUOTA, Role.DATABASE, PROVISIONED, _table_quota("write")),
    Check("lN7RR0l7J9", "EC2-VPC Elastic IP Address", LIMITS, QUOTA, Role.NETWORK, (), _address_quota),
    Check("ru4xfcdfMr", "Route 53 Max Health Checks", LIMITS, QUOTA, Role.DNS, (), _health_check_quota),
)  # fmt: skip
"""Every check that is applied, by pillar.

Default quotas. Source: Amazon EC2 Auto Scaling User Guide, quotas (2023-06); Elastic Load Balancing, quotas for
Application and Network Load Balancers (2023-06); Amazon VPC User Guide, quotas (2023-06); Amazon Route 53 Developer
Guide, quotas (2023-06); Amazon RDS User Guide, quotas (2025).
"""


def checks_table() -> str:
    """Every applied check as a Markdown table, for docs/advisor.md."""
    rows = ["| pillar | check | id | what AWS flags, in our words |", "|---|---|---|---|"]
    for check in CHECKS:
        pillar = check.pillar.replace("_", " ")
        rows.append(f"| {pillar} | {check.name} | `{check.check_id}` | {check.criterion} |")
    return "\n".join(rows) + "\n"
