"""Queues, streams and tables of Amazon Web Services, and of what speaks their protocols."""

from __future__ import annotations

from platform_assets.connectors.kinds.aws.dynamodb import DYNAMODB
from platform_assets.connectors.kinds.aws.kinesis import KINESIS
from platform_assets.connectors.kinds.aws.sqs import SQS

TYPES = (DYNAMODB, KINESIS, SQS)
