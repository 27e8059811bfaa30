"""boto3 clients of the services that tell prices: `pricing`, `savingsplans` and `ec2`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.pricing.aws_errors import aws_errors

if TYPE_CHECKING:
    from botocore.client import BaseClient

CALL_ATTEMPTS = 6
"""How often botocore makes one call before it gives up, waiting up to 20 s in between."""
CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 60


def open_client(service: str, region_id: str) -> BaseClient:
    """A client with the user's credentials; the caller closes it.

    Raises NoCredentials for a profile that is missing.
    """
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        retries={"mode": "standard", "total_max_attempts": CALL_ATTEMPTS},
    )
    with aws_errors(service, service):
        return boto3.session.Session().client(service, region_name=region_id, config=config)
