"""Headers of single records whose names are not UTF-8, through librdkafka itself.

Kafka's protocol calls a header's name a string, and brokers store any bytes. The Python client
decodes names strictly and gives no way to the bytes, so these records are read once more with the
C library that the client carries. Only its long-stable, documented functions are used.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import gc
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, cast

import confluent_kafka
from confluent_kafka import Message

from platform_assets.core.errors import WeirError

_CONSUMER = 1
_ERROR_BYTES = 512


class HeadersUnreadableError(WeirError):
    """The headers of a record cannot be read."""


class Unreadable:
    """Stands for headers with a name that the client cannot give."""


UNREADABLE = Unreadable()


def headers_of(message: Message) -> list[tuple[str, bytes | None]] | Unreadable | None:
    """Headers by the client, whose C code knows only names in UTF-8.

    For another name it gives a pair with nothing in the place of the name, which must not be
    touched, and leaves its error to whatever call comes next. The garbage collector counts what
    a pair refers to without touching it, and is that call.
    """
    try:
        headers = cast("list[tuple[str, bytes | None]] | None", message.headers())
        whole = not headers or len(gc.get_referents(*headers)) == 2 * len(headers)
    except (SystemError, UnicodeDecodeError):
        return UNREADABLE
    return headers if whole else UNREADABLE


class _Message(ctypes.Structure):
    """``rd_kafka_message_t``."""

    _fields_ = (
        ("err", ctypes.c_int),
        ("rkt", ctypes.c_void_p),
        ("partition", ctypes.c_int32),
        ("payload", ctypes.c_void_p),
        ("len", ctypes.c_size_t),
        ("key", ctypes.c_void_p),
        ("key_len", ctypes.c_size_t),
        ("offset", ctypes.c_int64),
        ("_private", ctypes.c_void_p),
    )


def name_of(raw: bytes) -> str:
    """A header's name as text; bytes that are not UTF-8 the way Python writes bytes."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return str(raw)


def read_headers(
    bootstrap: str, topic: str, partition: int, offsets: Sequence[int], timeout_seconds: float
) -> dict[int, list[tuple[str, bytes | None]]]:
    """Headers of these records, by offset.

    Args:
        bootstrap: the brokers.
        topic: the topic.
        partition: the Kafka partition.
        offsets: which records; they exist.
        timeout_seconds: how long to wait for any of them.

    Raises:
        HeadersUnreadableError: the library is not where the client's wheel has it, or Kafka did
            not give a record in time.
    """
    found: dict[int, list[tuple[str, bytes | None]]] = {}
    wanted = sorted(offsets)
    with _opened(bootstrap, topic, partition, wanted[0]) as consumed:
        deadline = time.monotonic() + timeout_seconds
        for message in consumed:
            if message is not None and not message.contents.err:
                deadline = time.monotonic() + timeout_seconds
                at = message.contents.offset
                if at in offsets:
                    found[at] = _headers(message)
                if at >= wanted[-1]:
                    break
            if time.monotonic() > deadline:
                break
    if missing := [offset for offset in wanted if offset not in found]:
        raise HeadersUnreadableError(
            f"topic {topic}, partition {partition}: Kafka did not give the headers of the records "
            f"at offsets {missing[:3]} once more",
            "see `weir status`; the micro-batch is tried again",
        )
    return found


@contextmanager
def _opened(bootstrap: str, topic: str, partition: int, offset: int) -> Iterator[Iterator[Any]]:
    """Messages from an offset on, None where none came for a moment; each is freed after use."""
    library = _library()
    text = ctypes.create_string_buffer(_ERROR_BYTES)
    config = library.rd_kafka_conf_new()
    settings = {
        "bootstrap.servers": bootstrap,
        "receive.message.max.bytes": str(2**31 - 1),
        "log_level": "0",
    }
    for name, value in settings.items():
        if library.rd_kafka_conf_set(config, name.encode(), value.encode(), text, _ERROR_BYTES):
            raise HeadersUnreadableError(f"librdkafka refuses {name}: {text.value.decode()}")
    client = library.rd_kafka_new(_CONSUMER, config, text, _ERROR_BYTES)
    if not client:
        raise HeadersUnreadableError(f"librdkafka does not start: {text.value.decode()}")
    place = library.rd_kafka_topic_new(client, topic.encode(), None)

    def messages() -> Generator[Any, None, None]:
        while True:
            message = library.rd_kafka_consume(place, partition, 100)
            try:
                yield message or None
            finally:
                if message:
                    library.rd_kafka_message_destroy(message)

    stream = messages()
    try:
        library.rd_kafka_consume_start(place, partition, offset)
        yield stream
    finally:
        stream.close()
        library.rd_kafka_consume_stop(place, partition)
        library.rd_kafka_topic_destroy(place)
        library.rd_kafka_destroy(client)


def _headers(message: Any) -> list[tuple[str, bytes | None]]:
    library = _library()
    headers = ctypes.c_void_p()
    if library.rd_kafka_message_headers(message, ctypes.byref(headers)):
        return []
    name, value, size = ctypes.c_char_p(), ctypes.c_void_p(), ctypes.c_size_t()
    pairs: list[tuple[str, bytes | None]] = []
    while not library.rd_kafka_header_get_all(
        headers, len(pairs), ctypes.byref(name), ctypes.byref(value), ctypes.byref(size)
    ):
        content = ctypes.string_at(value.value, size.value) if value.value else None
        pairs.append((name_of(name.value or b""), content))
    return pairs


@cache
def _library() -> Any:
    """The library that the client's wheel carries, with the types of what is called."""
    package = Path(confluent_kafka.__file__).parent
    carried = [
        *package.parent.glob("confluent_kafka.libs/librdkafka*"),
        *package.glob(".dylibs/librdkafka*"),
    ]
    path = str(carried[0]) if carried else ctypes.util.find_library("rdkafka")
    if path is None:
        raise HeadersUnreadableError(
            "a header's name is not UTF-8, and there is no librdkafka to read it with",
            "install confluent-kafka from a wheel, or librdkafka from the system's packages",
        )
    library = ctypes.CDLL(path)
    pointer, text, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
    message = ctypes.POINTER(_Message)
    for name, result, arguments in (
        ("conf_new", pointer, ()),
        ("conf_set", ctypes.c_int, (pointer, text, text, text, size)),
        ("new", pointer, (ctypes.c_int, pointer, text, size)),
        ("topic_new", pointer, (pointer, text, pointer)),
        ("consume_start", ctypes.c_int, (pointer, ctypes.c_int32, ctypes.c_int64)),
        ("consume", message, (pointer, ctypes.c_int32, ctypes.c_int)),
        ("consume_stop", ctypes.c_int, (pointer, ctypes.c_int32)),
        ("message_headers", ctypes.c_int, (message, pointer)),
        ("header_get_all", ctypes.c_int, (pointer, size, pointer, pointer, pointer)),
        ("message_destroy", None, (message,)),
        ("topic_destroy", None, (pointer,)),
        ("destroy", None, (pointer,)),
    ):
        function = getattr(library, f"rd_kafka_{name}")
        function.restype, function.argtypes = result, arguments
    return library
