"""What each service is billed on: the products of AWS's price list that a refresh asks for, and nothing else.

They stand apart from the services so that a refresh need not load what simulates them.
"""

from __future__ import annotations

from costmodel.pricing.need import FROM_REGION, TO_REGION, Distinction, Place, PriceNeed
from costmodel.pricing.offer import FLAT_RATE
from costmodel.pricing.price import ON_DEMAND, RESERVED

LINUX_INSTANCES = PriceNeed(
    "AmazonEC2",
    (r"BoxUsage:[a-z0-9-]+\.(?!metal)[a-z0-9]+",),
    where=(
        ("operatingSystem", ("Linux",)),
        ("tenancy", ("Shared",)),
        ("preInstalledSw", ("NA",)),
        ("capacitystatus", ("Used",)),
        ("operation", ("RunInstances",)),
    ),
    containing="BoxUsage:",
    terms=(ON_DEMAND, RESERVED),
)
"""Linux instances without licence, on shared hardware.

Source: infracost, internal/resources/aws (2026-05).
"""

FUNCTIONS = PriceNeed(
    "AWSLambda",
    (
        r"Request(-ARM)?",
        r"Lambda-(GB-Second|Provisioned-Concurrency|Provisioned-GB-Second|Storage-GB-Second)(-ARM)?",
    ),
)
"""Lambda's requests, durations and what is kept ready. Source: AWSLambda offer, usage types as of 2026-10-01."""

BLOCK_STORAGE = PriceNeed(
    "AmazonEC2",
    (
        r"EBS:VolumeUsage\.(gp2|gp3|io2|piops|sc1|st1)",
        r"EBS:VolumeP-IOPS\.(gp3|piops|io2|io2\.tier[23])",
        r"EBS:VolumeP-Throughput\.gp3",
        r"EBS:SnapshotUsage",
    ),
    containing="EBS:",
)
"""Source: infracost, internal/resources/aws (2026-05); AWS lists the bands of io2 IOPS as products of their own."""

EC2 = (LINUX_INSTANCES, BLOCK_STORAGE)
LAMBDA = (FUNCTIONS,)
MANAGED_FUNCTIONS = (LINUX_INSTANCES, FUNCTIONS)

APPLICATION = (("operation", ("LoadBalancing:Application",)),)
ELB = (
    PriceNeed(
        "AWSELB",
        (r"LoadBalancerUsage", r"LCUUsage"),
        distinctions=(
            Distinction(
                "load_balancer",
                "operation",
                {
                    "LoadBalancing": "classic",
                    "LoadBalancing:Application": "application",
                    "LoadBalancing:Gateway": "gateway",
                    "LoadBalancing:Network": "network",
                },
            ),
        ),
    ),
    PriceNeed("AWSELB", (r"ReservedLCUUsage", r"TS-LoadBalancerUsage"), where=APPLICATION),
    PriceNeed("AWSELB", (r"DataProcessing-Bytes",), where=(("operation", ("LoadBalancing",)),)),
)
"""Source: AWSELB offer, usage types and operations as in infracost, internal/resources/aws/lb.go (2026-05)."""

ANY_ENGINE = (("databaseEngine", ("Any", "MySQL", "PostgreSQL")),)
RDS = (
    *(
        PriceNeed(
            "AmazonRDS",
            (r"(Instance|Multi-AZ)Usage:db\.[a-z0-9]+\.[a-z0-9]+",),
            distinctions=(Distinction("engine", "databaseEngine", {engine: engine}),),
            containing="Usage:db.",
            terms=(ON_DEMAND, RESERVED),
        )
        for engine in ("MySQL", "PostgreSQL")
    ),
    PriceNeed(
        "AmazonRDS",
        (
            r"RDS:(Multi-AZ-)?(GP2-Storage|GP3-(Storage|PIOPS|Throughput)|PIOPS|PIOPS-Storage(-IO2)?)",
            r"RDS:(StorageUsage|StorageIOUsage|ChargedBackupUsage|SnapshotExportToS3)",
        ),
        where=ANY_ENGINE,
        containing="RDS:",
    ),
    PriceNeed("AmazonRDS", (r"RDS:ProxyUsage",), containing="RDS:"),
)
"""Instances of the two engines; storage, which AWS lists for any engine or for each alike.

Source: infracost, internal/resources/aws/db_instance.go (2026-05).
"""

AURORA = (
    *(
        PriceNeed(
            "AmazonRDS",
            (
                r"InstanceUsage(IOOptimized)?:db\.[a-z0-9]+\.[a-z0-9]+",
                r"Aurora:ServerlessV2(IOOptimized)?Usage",
            ),
            distinctions=(Distinction("engine", "databaseEngine", {engine: engine}),),
        )
        for engine in ("Aurora MySQL", "Aurora PostgreSQL")
    ),
    PriceNeed(
        "AmazonRDS",
        (
            r"Aurora:(StorageUsage|IO-OptimizedStorageUsage|StorageIOUsage|ReplicatedWriteIO|BackupUsage|BacktrackUsage)",
        ),
        where=(("databaseEngine", ("Any", "Aurora MySQL", "Aurora PostgreSQL")),),
        containing="Aurora:",
    ),
)
"""Instances and capacity units by engine; storage, which AWS lists for any engine or for each alike.

Source: infracost, internal/resources/aws/rds_cluster.go and rds_cluster_instance.go (2026-05).
"""

DYNAMODB = (
    PriceNeed(
        "AmazonDynamoDB",
        (
            r"(IA-)?(Repl)?(Write|Read)(RequestUnits|CapacityUnit-Hrs)",
            r"(IA-)?TimedStorage-ByteHrs",
            r"Timed(Backup|PITR)Storage-ByteHrs",
            r"(Export|Import|Restore)DataSize-Bytes",
            r"ChangeDataCaptureUnits-Kinesis",
            r"Streams-Requests",
        ),
        terms=(ON_DEMAND, RESERVED),
    ),
    PriceNeed("AmazonDAX", (r"NodeUsage:dax\.[a-z0-9]+\.[a-z0-9]+",), units={"Node-hour": "Hrs"}),
)
"""Source: AmazonDynamoDB usage types as in infracost, internal/resources/aws/dynamodb_table.go (2026-05). Reserved
capacity is a term of `...CapacityUnit-Hrs` (AWS price list, 2025-08-28); only bills call it `HeavyUsage:...`."""

CLOUDFRONT = (
    PriceNeed(
        "AmazonCloudFront",
        (
            r"DataTransfer-Out-O?Bytes",
            r"Requests-(Tier1|Tier2-HTTPS|HTTP-Proxy|HTTPS-Proxy|HTTPS-Proxy-FLE)",
        ),
        place=Place.EDGE,
    ),
    PriceNeed("AmazonCloudFront", (r"Requests-OriginShield", r"Lambda-Edge-(Request|GB-Second)")),
    PriceNeed(
        "AmazonCloudFront",
        (
            r"Executions-CloudFrontFunctions",
            r"Invalidations",
            r"KeyValueStore-(APIOperations|EdgeReads)",
            r"RealTimeLog-KinesisDataStream",
            r"SSL-Cert-Custom",
            r"StaticIP-IPv[46]",
        ),
        place=Place.GLOBAL,
    ),
    PriceNeed(
        "CloudFrontPlans",
        (r"Free", r"Pro", r"Business", r"Premium( \d+ TB)?"),
        place=Place.GLOBAL,
        prefix="Global-CloudFrontPlan-",
        terms=(FLAT_RATE,),
        free=True,
    ),
)
"""Source: AmazonCloudFront offer (2025-07-01); plan codes of the CloudFrontPlans offer (2026-09-11). How AWS
codes the larger Premium plans is not known: their names follow the CloudFront pricing page.
"""

RENDERING = (PriceNeed("AWSQueueService", (r"Requests-Tier1",), where=(("queueType", ("Standard",)),)),)
"""Requests of standard queues; what workers run on is priced with EC2 and Lambda.

Source: notes on the AWSQueueService offer in public repositories (2026). In us-east-1 some of them show the
usage type `Requests-RBP` instead; a refresh that does not find `Requests-Tier1` there keeps the snapshot's price.
"""

TRANSITIONS = Distinction(
    "transition",
    "operation",
    {
        "S3-GDATransition": "Deep Archive",
        "S3-GIRTransition": "GIR",
        "S3-GlacierTransition": "Glacier Flexible",
        "S3-INTTransition": "INT",
        "S3-SIATransition": "Standard-IA",
    },
)
RESTORES = Distinction("restore", "operation", {"RestoreObject": "Glacier Flexible"})
S3 = (
    PriceNeed(
        "AmazonS3",
        (
            r"TimedStorage-((GIR|SIA|ZIA|XZ|INT-(AA|AIA|DAA|FA|IA))-)?ByteHrs",
            r"TimedStorage-GlacierByteHrs",
            r"Requests-((GIR|INT|SIA|XZ|ZIA)-)?Tier[12]",
            r"Retrieval-(GIR|SIA|ZIA)",
            r"Requests-Tier6",
            r"Expedited-Retrieval-Bytes",
            r"Monitoring-Automation-INT",
        ),
    ),
    PriceNeed("AmazonS3", (r"Requests-Tier[34]",), distinctions=(TRANSITIONS,)),
    PriceNeed("AmazonS3", (r"Requests-Tier3",), distinctions=(RESTORES,)),
    PriceNeed("AmazonS3", (r"Requests-GLACIER-Tier1",), where=(("operation", ("PutObject",)),)),
    PriceNeed("AmazonS3", (r"Standard-Retrieval-Bytes",), where=(("operation", ("RestoreObject",)),)),
    PriceNeed("AmazonS3GlacierDeepArchive", (r"TimedStorage-GDA-ByteHrs", r"Requests-GDA-Tier[35]")),
    PriceNeed(
        "AmazonS3GlacierDeepArchive",
        (r"Requests-GDA-Tier1",),
        where=(("operation", ("PutObject", "PostObject")),),
    ),
    PriceNeed(
        "AmazonS3GlacierDeepArchive",
        (r"(Standard|Bulk)-Retrieval-Bytes",),
        where=(("operation", ("DeepArchiveRestoreObject",)),),
    ),
)
"""Source: AmazonS3 offer of eu-south-2 (2026-06-12); Amazon S3 User Guide, "Understanding your AWS billing and usage
reports for Amazon S3": restores are Requests-Tier3 and -Tier6, Requests-GDA-Tier3 and -Tier5 (2023-06); the offer of Glacier Deep Archive as in infracost, internal/resources/aws (2026-05).
"""

ROUTE53 = (
    PriceNeed(
        "AmazonRoute53",
        (
            r"HostedZone",
            r"(DNS|LBR|Geo|Cidr)-Queries",
            r"Health-Check(-Option)?-(Non-)?AWS",
            r"Traffic-Flow-Policy-Records",
            r"Global-RRSets",
        ),
        place=Place.GLOBAL,
    ),
    PriceNeed("AmazonRoute53", (r"Intra-AWS-DNS-Queries",), place=Place.GLOBAL, free=True),
    PriceNeed("AmazonRoute53", (r"ResolverNetworkInterface",), containing="ResolverNetworkInterface"),
)
"""Source: AmazonRoute53 offer, usage types as of 2026-10-01."""

CLOUDWATCH = (
    PriceNeed(
        "AmazonCloudWatch",
        (
            r"CW:(Composite|HighRes)?AlarmMonitorUsage",
            r"CW:(MetricMonitorUsage|MetricStreamUsage|GMD-Metrics|Requests)",
            r"Data(Processing|ProcessingIA|Scanned)-Bytes",
            r"VendedLog-Bytes",
            r"S3-Egress-Bytes",
            r"TimedStorage-ByteHrs",
            r"Canary-runs",
            r"RUM-event",
        ),
    ),
    PriceNeed(
        "AmazonCloudWatch", (r"DashboardsUsageHour",), place=Place.GLOBAL, containing="DashboardsUsageHour"
    ),
)
"""Source: AmazonCloudWatch usage types as in infracost, internal/resources/aws (2026-05)."""

VPC = (
    PriceNeed("AmazonEC2", (r"NatGateway-(Hours|Bytes)",), containing="NatGateway-"),
    PriceNeed("AmazonVPC", (r"PublicIPv4:(Idle|InUse)Address",)),
    PriceNeed("AmazonVPC", (r"VpcEndpoint-(Hours|Bytes)",), where=(("operation", ("VpcEndpoint",)),)),
    PriceNeed(
        "AmazonVPC",
        (r"TransitGateway-(Hours|Bytes)",),
        where=(("operation", ("TransitGatewayVPC",)),),
    ),
    PriceNeed(
        "AWSDataTransfer",
        (r"DataTransfer-Out-Bytes",),
        where=(("transferType", ("AWS Outbound",)), ("toLocation", ("External",))),
        region_field=FROM_REGION,
    ),
    PriceNeed(
        "AWSDataTransfer",
        (r"DataTransfer-Regional-Bytes",),
        where=(("transferType", ("IntraRegion",)),),
        region_field=FROM_REGION,
    ),
    PriceNeed(
        "AWSDataTransfer",
        (r"[A-Z]+[0-9]*-AWS-Out-Bytes",),
        where=(("transferType", ("InterRegion Outbound",)),),
        region_field=FROM_REGION,
    ),
    PriceNeed(
        "AWSDataTransfer",
        (r"CloudFront-Out-Bytes",),
        where=(("transferType", ("CloudFront Outbound",)),),
        region_field=FROM_REGION,
        free=True,
    ),
    PriceNeed(
        "AWSDataTransfer",
        (r"DataTransfer-In-Bytes",),
        where=(("transferType", ("AWS Inbound",)), ("fromLocation", ("External",))),
        region_field=TO_REGION,
        free=True,
    ),
)
"""Source: infracost, internal/resources/aws/data_transfer.go, nat_gateway.go, vpc_endpoint.go and
transit_gateway (2026-05); AWS Cost and Usage Report User Guide, data transfer usage types.
"""

WAF = (
    PriceNeed("awswaf", (r"WebACLV2",), units={"Month": "WebACL-Mo"}),
    PriceNeed("awswaf", (r"RuleV2",), units={"Month": "Rule-Mo"}),
    PriceNeed(
        "awswaf",
        (r"RequestV2-Tier1", r"AMR-ATP", r"AMR-BotControl", r"AMR-BotControl-(Targeted-)?Request"),
    ),
)
"""Source: awswaf offer, usage types and units as of 2026-09-14."""

KMS = (
    PriceNeed(
        "awskms",
        (r"KMS-Keys", r"KMS-Requests(-Asymmetric(-RSA_2048)?|-GenerateDatakeyPair-(ECC|RSA))?"),
    ),
)
"""Source: awskms offer, usage types as in infracost, internal/resources/aws/kms_key.go (2026-05)."""

PRICE_NEEDS: tuple[PriceNeed, ...] = tuple(
    dict.fromkeys(
        (
            *EC2,
            *LAMBDA,
            *MANAGED_FUNCTIONS,
            *ELB,
            *RDS,
            *AURORA,
            *DYNAMODB,
            *CLOUDFRONT,
            *RENDERING,
            *S3,
            *ROUTE53,
            *CLOUDWATCH,
            *VPC,
            *WAF,
            *KMS,
        )
    )
)
"""Everything any service is billed on: what to ask AWS's price list for."""


def attribute_names(service_code: str) -> frozenset[str]:
    """By which attributes prices of a service are told apart under one usage type; none for most."""
    return frozenset(
        of.name for need in PRICE_NEEDS if need.service_code == service_code for of in need.distinctions
    )


SERVICE_CODES: tuple[str, ...] = tuple(sorted({need.service_code for need in PRICE_NEEDS}))
"""The offers of AWS's price list that anything here is billed on."""
