"""What can go wrong when boto3 asks AWS, by our names and with the next step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from costmodel.errors import (
    AccessDenied,
    ApiFailed,
    ApiThrottled,
    ApiUnreachable,
    ClockSkewed,
    CredentialsExpired,
    CredentialsInvalid,
    NoCredentials,
    PriceApiError,
    RequestRefused,
    UnknownOffer,
)

BULK = "Or use the price list files, which need no credentials: costmodel prices refresh --source bulk"
AGAIN = f"Try again later. {BULK}"
CONFIGURE = f"Set them: aws configure. {BULK}"
LOG_IN = f"Log in again: aws sso login, or renew the session token. {BULK}"

EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
NOT_ACCEPTED = frozenset(
    {
        "AuthFailure",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
SKEWED = frozenset({"RequestInTheFuture", "RequestTimeTooSkewed"})
SKEWED_WORDS = ("Signature expired", "Signature not yet current")
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
THROTTLED = frozenset(
    {
        "LimitExceededException",
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
UNKNOWN = frozenset({"NotFoundException", "ResourceNotFoundException"})
REFUSED = frozenset({"InvalidParameterException", "InvalidParameterValue", "ValidationException"})
"""Error codes by what they mean.

Source: `pricing`, `savingsplans` and `ec2` API models of botocore 1.44.5; AWS SDK Reference, common errors.
"""


@contextmanager
def aws_errors(operation: str, iam_service: str = "pricing") -> Iterator[None]:
    """Give every error of botocore our name: PriceApiError and its kinds.

    `iam_service` is what the operation's IAM action begins with: `pricing:GetProducts`.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise _answered(error.response.get("Error", {}), operation, iam_service) from error
    except BotoCoreError as error:
        raise _on_the_way(error, operation) from error


def _answered(details: Mapping[str, Any], operation: str, iam_service: str) -> PriceApiError:
    """Our name for an error that AWS answered with."""
    code, message = str(details.get("Code", "")), str(details.get("Message", "")).rstrip(".")
    said = f"AWS says {code}" + (f": {message}" if message else "")
    if code in SKEWED or any(words in message for words in SKEWED_WORDS):
        return ClockSkewed(
            operation, f"this machine's clock is off ({said})", "Set the clock, then try again."
        )
    if code in EXPIRED:
        return CredentialsExpired(operation, f"the AWS credentials have expired ({said})", LOG_IN)
    if code in NOT_ACCEPTED:
        return CredentialsInvalid(operation, f"AWS does not accept the credentials ({said})", CONFIGURE)
    if code in DENIED:
        action = f"{iam_service}:{operation}"
        return AccessDenied(
            operation, f"the AWS credentials lack the IAM action {action}", f"Ask for it. {BULK}"
        )
    if code in THROTTLED:
        return ApiThrottled(operation, f"AWS asks to slow down, again and again ({said})", AGAIN)
    if code in UNKNOWN:
        return UnknownOffer(operation, said, "See `costmodel prices status` for what costmodel knows.")
    if code in REFUSED:
        return RequestRefused(operation, said, f"costmodel may need an update. {BULK}")
    return ApiFailed(operation, said, AGAIN)


def _on_the_way(error: Exception, operation: str) -> PriceApiError:
    """Our name for an error that happened on this machine or on the way."""
    from botocore import exceptions as of

    said = str(error).rstrip(".")
    missing = (
        of.CredentialRetrievalError | of.NoCredentialsError | of.PartialCredentialsError | of.ProfileNotFound
    )
    if isinstance(error, missing):
        return NoCredentials(operation, f"no usable AWS credentials ({said})", CONFIGURE)
    if isinstance(error, of.SSOError | of.LoginError | of.TokenRetrievalError):
        return CredentialsExpired(operation, f"the AWS login has expired ({said})", LOG_IN)
    if isinstance(error, of.HTTPClientError | of.ConnectionError):
        return ApiUnreachable(operation, said, f"Check the network and any proxy. {BULK}")
    return ApiFailed(operation, said, AGAIN)
