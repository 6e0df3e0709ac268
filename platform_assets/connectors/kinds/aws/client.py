"""How the services are reached, and what their errors mean."""

from __future__ import annotations

from typing import Any, Final

from platform_assets.connectors.kinds.aws.config import AwsConfig
from platform_assets.connectors.messages.asking import Verdict, asking
from platform_assets.core.retry import Retry
from platform_assets.core.secrets import read_secret

RETRY = Retry(attempts=4, seconds=30)

_REFUSED: Final = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "KMS.AccessDeniedException",
        "MissingAuthenticationToken",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_AWAY: Final = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "ServiceUnavailable",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)


def connect(service: str, config: AwsConfig) -> Any:
    """A client of a service; it connects at its first request, and does not retry."""
    import boto3
    from botocore.config import Config

    keys = {}
    if config.access_key:
        keys["aws_access_key_id"] = config.access_key
        keys["aws_secret_access_key"] = read_secret(config.secret_key)
    return boto3.session.Session().client(
        service,
        region_name=config.region,
        endpoint_url=config.endpoint or None,
        config=Config(
            connect_timeout=min(5.0, config.timeout_seconds),
            read_timeout=config.timeout_seconds,
            retries={"total_max_attempts": 1},
        ),
        **keys,
    )


def listed(client: Any, where: str, operation: str, field: str) -> list[str]:
    """All that an operation lists, in order.

    Args:
        client: as :func:`connect` gave it.
        where: source and service, for errors.
        operation: of the service, in pages: ``list_queues``.
        field: of its answers; an answer without it lists nothing.

    Raises:
        ConnectorError: as the service answers.
    """
    found: list[str] = []
    with asking(where, judge):
        for page in client.get_paginator(operation).paginate():
            found += page.get(field, [])
    return sorted(found)


def code(error: BaseException) -> str:
    """The service's code of an error; empty where it gave none."""
    return str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))


def judge(error: BaseException) -> Verdict | None:
    """What an error of the client means."""
    from botocore import exceptions

    if isinstance(error, (exceptions.NoCredentialsError, exceptions.PartialCredentialsError)):
        return Verdict.REFUSED
    if isinstance(error, exceptions.ClientError):
        name = code(error)
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if name in _REFUSED:
            return Verdict.REFUSED
        return Verdict.AWAY if name in _AWAY or status >= 500 else Verdict.WRONG
    if isinstance(error, (exceptions.HTTPClientError, exceptions.ConnectionError)):
        return Verdict.AWAY
    return Verdict.WRONG if isinstance(error, exceptions.BotoCoreError) else None


def may_pass(error: BaseException) -> bool:
    """Whether the same request may succeed in a moment."""
    return judge(error) is Verdict.AWAY
