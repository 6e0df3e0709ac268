"""Queues, streams and tables of Amazon Web Services, and of what speaks their protocols."""

from __future__ import annotations

from platform_assets.connectors.kinds.aws.config import (
    AwsConfig,
    DynamoStream,
    KinesisStream,
    SqsStream,
)
from platform_assets.connectors.seam.reader import Context, Reader
from platform_assets.connectors.seam.types import ConnectorType, Kind, Maturity


def _open_dynamodb(config: AwsConfig, context: Context) -> Reader:
    from platform_assets.connectors.kinds.aws.dynamodb import DynamoReader

    return DynamoReader(config, context)


def _open_kinesis(config: AwsConfig, context: Context) -> Reader:
    from platform_assets.connectors.kinds.aws.kinesis import KinesisReader

    return KinesisReader(config, context)


def _open_sqs(config: AwsConfig, context: Context) -> Reader:
    from platform_assets.connectors.kinds.aws.sqs import SqsReader

    return SqsReader(config, context)


TYPES = (
    ConnectorType(
        name="dynamodb",
        title="Tables of Amazon DynamoDB",
        kind=Kind.DOCUMENT,
        maturity=Maturity.EMULATOR,
        config=AwsConfig,
        open=_open_dynamodb,
        stream=DynamoStream,
        loose=True,
    ),
    ConnectorType(
        name="kinesis",
        title="Streams of Amazon Kinesis",
        kind=Kind.STREAM,
        maturity=Maturity.EMULATOR,
        config=AwsConfig,
        open=_open_kinesis,
        stream=KinesisStream,
        loose=True,
        live=True,
    ),
    ConnectorType(
        name="sqs",
        title="Queues of Amazon SQS",
        kind=Kind.STREAM,
        maturity=Maturity.EMULATOR,
        config=AwsConfig,
        open=_open_sqs,
        stream=SqsStream,
        loose=True,
        live=True,
    ),
)
