"""Buckets, SFTP and HTTP: what is said of each, and its filesystem."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from platform_assets.connectors.kinds.files.places import Place
from platform_assets.connectors.seam.addresses import Peer, peers_of
from platform_assets.connectors.seam.reader import Context
from platform_assets.core.secrets import read_secret

if TYPE_CHECKING:
    from platform_assets.connectors.seam.addresses import Network


class _Config(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Store(_Config):
    """What may be at another address than its vendor's."""

    endpoint: str = ""

    def peers(self) -> list[Peer]:
        """The store's address, where one is given."""
        return peers_of(self.endpoint, 443)


class S3Config(_Store):
    """A bucket that speaks S3.

    Attributes:
        bucket: its name.
        folder: in it; empty: the whole bucket.
        region: of the bucket.
        endpoint: of another store than Amazon's: ``https://minio.shop.example``.
        access_key, secret_key: names of secrets; both empty: the machine's own role.
        timeout_seconds: of a connection and of a request.
    """

    bucket: str = Field(min_length=3)
    folder: str = ""
    region: str = "us-east-1"
    access_key: str = ""
    secret_key: str = ""
    timeout_seconds: float = Field(default=30, gt=0, le=600)


def s3(config: S3Config, context: Context) -> Place:  # noqa: ARG001
    """The place."""

    def connect() -> Any:
        from pyarrow import fs

        scheme, _, address = config.endpoint.rpartition("://")
        given: dict[str, Any] = {
            "region": config.region,
            "connect_timeout": config.timeout_seconds,
            "request_timeout": config.timeout_seconds,
            "retry_strategy": fs.AwsStandardS3RetryStrategy(max_attempts=3),
        }
        if config.endpoint:
            given |= {"endpoint_override": address, "scheme": scheme or "https"}
        if config.access_key:
            given["access_key"] = read_secret(config.access_key)
            given["secret_key"] = read_secret(config.secret_key)
        return _wrapped(fs.S3FileSystem(**given))

    path = f"{config.bucket}/{config.folder}"
    return Place(f"s3://{path}", connect, path, root=config.bucket)


class GcsConfig(_Store):
    """A bucket of Google Cloud Storage.

    Attributes:
        bucket: its name.
        folder: in it; empty: the whole bucket.
        project: that pays, where the bucket asks for one.
        endpoint: of another server than Google's.
        anonymous: a public bucket; else the machine's own credentials
            (``GOOGLE_APPLICATION_CREDENTIALS``).
        timeout_seconds: in which a call is tried again.
    """

    bucket: str = Field(min_length=3)
    folder: str = ""
    project: str = ""
    anonymous: bool = False
    timeout_seconds: float = Field(default=30, gt=0, le=600)


def gcs(config: GcsConfig, context: Context) -> Place:  # noqa: ARG001
    """The place."""

    def connect() -> Any:
        from datetime import timedelta

        from pyarrow import fs

        scheme, _, address = config.endpoint.rpartition("://")
        given: dict[str, Any] = {
            "anonymous": config.anonymous,
            "project_id": config.project or None,
            "retry_time_limit": timedelta(seconds=config.timeout_seconds),
        }
        if config.endpoint:
            given |= {"endpoint_override": address, "scheme": scheme or "https"}
        return _wrapped(fs.GcsFileSystem(**given))

    path = f"{config.bucket}/{config.folder}"
    return Place(f"gs://{path}", connect, path, root=config.bucket)


class AzureConfig(_Store):
    """A container of Azure Blob Storage.

    Attributes:
        account: of the storage.
        container: its name.
        folder: in it; empty: the whole container.
        key: name of the secret with the account's key; empty: the machine's own identity.
        endpoint: of another server than Azure's, e.g. ``http://127.0.0.1:10000``.
    """

    account: str = Field(min_length=3)
    container: str = Field(min_length=3)
    folder: str = ""
    key: str = ""


def azure(config: AzureConfig, context: Context) -> Place:  # noqa: ARG001
    """The place."""

    def connect() -> Any:
        from pyarrow import fs

        given: dict[str, Any] = {}
        if config.key:
            given["account_key"] = read_secret(config.key)
        if config.endpoint:
            scheme, _, address = config.endpoint.rpartition("://")
            scheme = scheme or "https"
            given |= {"blob_storage_authority": address, "blob_storage_scheme": scheme}
            given |= {"dfs_storage_authority": address, "dfs_storage_scheme": scheme}
        return _wrapped(fs.AzureFileSystem(config.account, **given))

    path = f"{config.container}/{config.folder}"
    return Place(f"az://{config.account}/{path}", connect, path, root=config.container)


class SftpConfig(_Config):
    """A folder behind SFTP.

    Attributes:
        host, port, user: of the server.
        folder: on it.
        password: name of the secret; or
        key: name of the secret with the private key (its text).
        host_key: the server's public key, as ``known_hosts`` has it after the name:
            ``ssh-ed25519 AAAA…``; another one is refused.
        timeout_seconds: of the connection.
    """

    host: str
    port: int = Field(default=22, ge=1, le=65_535)
    user: str
    folder: str = "."
    password: str = ""
    key: str = ""
    host_key: str = Field(min_length=16)
    timeout_seconds: float = Field(default=30, gt=0, le=600)

    @field_validator("host_key")
    @classmethod
    def _is_key(cls, value: str) -> str:
        if not re.fullmatch(r"(ssh|ecdsa|sk)-\S+ [A-Za-z0-9+/=]+( .*)?", value):
            raise ValueError("expected type and key, as `ssh-keyscan` prints them after the name")
        return value

    def peers(self) -> list[Peer]:
        """The server."""
        return [(self.host, self.port)]


def sftp(config: SftpConfig, context: Context) -> Place:  # noqa: ARG001
    """The place."""

    def connect() -> Any:
        import asyncssh
        from sshfs import SSHFileSystem

        given: dict[str, Any] = {
            "port": config.port,
            "username": config.user,
            "connect_timeout": config.timeout_seconds,
            "known_hosts": ([asyncssh.import_public_key(config.host_key)], [], []),
            "agent_path": None,
            "config": None,
            "client_keys": None,
            "skip_instance_cache": True,
        }
        if config.password:
            given["password"] = read_secret(config.password)
        if config.key:
            given["client_keys"] = [asyncssh.import_private_key(read_secret(config.key))]
        return SSHFileSystem(config.host, **given)

    return Place(f"sftp://{config.user}@{config.host}:{config.port}/{config.folder}", connect,
                 config.folder)  # fmt: skip


class HttpConfig(_Config):
    """Files on a web server.

    Attributes:
        url: of a page that links to the files, or of the folder that ``files`` are below.
        files: their names, where no page lists them.
        token: name of the secret that is sent as a bearer token.
        timeout_seconds: of a request.
    """

    url: str = Field(pattern=r"^https?://[^@]+$")
    files: Sequence[str] = ()
    token: str = ""
    timeout_seconds: float = Field(default=60, gt=0, le=3600)


def http(config: HttpConfig, context: Context) -> Place:
    """The place; internal addresses as for all sources over HTTP."""
    from platform_assets.connectors.http.address import aiohttp_connector
    from platform_assets.connectors.seam.addresses import networks

    allowed = networks(context.settings.source_networks)

    def connect() -> Any:
        import aiohttp
        from fsspec.implementations.http import HTTPFileSystem

        kwargs: dict[str, Any] = {"timeout": aiohttp.ClientTimeout(total=config.timeout_seconds)}
        if config.token:
            kwargs["headers"] = {"Authorization": f"Bearer {read_secret(config.token)}"}
        _require_permitted(config.url, allowed)

        async def session(**given: Any) -> Any:
            return aiohttp.ClientSession(connector=aiohttp_connector(allowed), **given)

        return HTTPFileSystem(client_kwargs=kwargs, get_client=session, skip_instance_cache=True)

    return Place(config.url, connect, config.url, names=tuple(config.files), copied=True)


def _require_permitted(url: str, allowed: Sequence[Network]) -> None:
    """Say at once that an address is internal; a filesystem would call its files missing."""
    from platform_assets.connectors.seam.addresses import addresses

    # Where the name has no address the filesystem says so.
    with suppress(OSError):
        addresses(urlsplit(url).hostname or "", 443, allowed)


def _wrapped(filesystem: Any) -> Any:
    from fsspec.implementations.arrow import ArrowFSWrapper

    return ArrowFSWrapper(filesystem, skip_instance_cache=True)
