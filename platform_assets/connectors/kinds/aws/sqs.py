"""Queues of SQS: a page is deleted from its queue when it is in the log."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pyarrow as pa

from platform_assets.connectors.kinds.aws.client import (
    RETRY,
    connect,
    judge,
    listed,
    may_pass,
)
from platform_assets.connectors.kinds.aws.config import AwsConfig, SqsStream
from platform_assets.connectors.messages.asking import asking
from platform_assets.connectors.messages.decode import decoder
from platform_assets.connectors.messages.model import Message
from platform_assets.connectors.messages.rows import page_of, streams_of
from platform_assets.connectors.seam.reader import (
    Context,
    Cursor,
    Page,
    SourceAwayError,
    Stream,
)

_AT_ONCE = 10
"""Messages of one request, at most: the service's limit."""


class SqsReader:
    """Reads queues of one region."""

    def __init__(self, config: AwsConfig, context: Context) -> None:
        self._context = context
        self._where = f"source {context.source}: SQS in {config.region}"
        self._client = connect("sqs", config)

    def check(self) -> str:
        """See :class:`~..seam.reader.Reader`."""
        return f"{self._where.partition(': ')[2]}: {len(self._queues())} queues"

    def discover(self) -> list[Stream]:
        """The queues; their fields are in the messages."""
        own = {"_id": pa.string(), "_at": pa.timestamp("us", "UTC"), "_headers": pa.string()}
        return streams_of((one.rpartition("/")[2] for one in self._queues()), own)

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:  # noqa: ARG002
        """See :class:`~..seam.reader.Reader`; the queue keeps its own place."""
        options: SqsStream = self._context.streams[stream]
        where = f"{self._where}, queue {options.queue}"
        account = {"QueueOwnerAWSAccountId": options.account} if options.account else {}
        with asking(where, judge):
            found = RETRY.on(may_pass)(
                self._client.get_queue_url, QueueName=options.queue, **account
            )
        url, decode = found["QueueUrl"], decoder(options.format)
        while not self._context.stop.is_set():
            messages = self._page(where, url, options)
            if messages:
                yield page_of(
                    [_message(options.queue, one) for one in messages],
                    decode,
                    acknowledge=partial(self._delete, where, url, messages),
                )

    def close(self) -> None:
        """See :class:`~..seam.reader.Reader`."""
        self._client.close()

    def _page(self, where: str, url: str, options: SqsStream) -> list[dict[str, Any]]:
        got: list[dict[str, Any]] = []
        while len(got) < options.page_messages:
            with asking(where, judge):
                answer = RETRY.on(may_pass)(
                    self._client.receive_message,
                    QueueUrl=url,
                    MaxNumberOfMessages=min(_AT_ONCE, options.page_messages - len(got)),
                    WaitTimeSeconds=0 if got else options.wait_seconds,
                    AttributeNames=["SentTimestamp", "MessageGroupId"],
                    MessageAttributeNames=["All"],
                )
            some = answer.get("Messages", [])
            got += some
            # What is left comes with the next page: each request costs money.
            if len(some) < _AT_ONCE:
                break
        return got

    def _delete(self, where: str, url: str, messages: Sequence[dict[str, Any]]) -> None:
        for first in range(0, len(messages), _AT_ONCE):
            entries = [
                {"Id": str(number), "ReceiptHandle": one["ReceiptHandle"]}
                for number, one in enumerate(messages[first : first + _AT_ONCE])
            ]
            with asking(where, judge):
                answer = RETRY.on(may_pass)(
                    self._client.delete_message_batch, QueueUrl=url, Entries=entries
                )
            if failed := answer.get("Failed"):
                raise SourceAwayError(
                    f"{where}: {len(failed)} messages were not deleted: {failed[0].get('Message')}",
                    "they come again, under the same ids; a longer visibility timeout may help",
                )

    def _queues(self) -> list[str]:
        return listed(self._client, self._where, "list_queues", "QueueUrls")


def _message(queue: str, one: dict[str, Any]) -> Message:
    attributes = one.get("Attributes", {})
    headers = {
        name: told.get("StringValue") or repr(told.get("BinaryValue"))
        for name, told in one.get("MessageAttributes", {}).items()
    }
    sent = attributes.get("SentTimestamp")
    return Message(
        one["Body"].encode(),
        one["MessageId"],
        f"{queue}, message {one['MessageId']}",
        {
            "_at": datetime.fromtimestamp(int(sent) / 1000, UTC) if sent else None,
            "_group": attributes.get("MessageGroupId"),
            "_headers": json.dumps(headers) if headers else None,
        },
    )
