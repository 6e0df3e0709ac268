"""The connector types: a place each, with one way to read its files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from platform_assets.connectors.kinds.files.options import FileStream
from platform_assets.connectors.kinds.files.places import Place
from platform_assets.connectors.kinds.files.remote import (
    AzureConfig,
    GcsConfig,
    HttpConfig,
    S3Config,
    SftpConfig,
    azure,
    gcs,
    http,
    s3,
    sftp,
)
from platform_assets.connectors.seam.reader import ConnectorError, Context, Reader
from platform_assets.connectors.seam.types import ConnectorType, Kind, Maturity


class FolderConfig(BaseModel):
    """A folder of this machine.

    Attributes:
        folder: its path; a relative one is below the inbox (``WEIR_INBOX``).
    """

    model_config = ConfigDict(extra="forbid")

    folder: str = Field(min_length=1)


def _folder(config: FolderConfig, context: Context) -> Place:
    folder = Path(config.folder).expanduser()
    if not folder.is_absolute():
        if not context.settings.inbox:
            raise ConnectorError(
                f"source {context.source}: {folder} is below the inbox, and WEIR_INBOX is not set",
                "set it, or give the whole path",
            )
        folder = Path(context.settings.inbox).expanduser() / folder

    def connect() -> Any:
        import fsspec

        return fsspec.filesystem("file", skip_instance_cache=True)

    return Place(str(folder), connect, str(folder), exact=True)


def _type(
    name: str,
    title: str,
    maturity: Maturity,
    config: type[BaseModel],
    place: Callable[[Any, Context], Place],
) -> ConnectorType:
    def opened(given: Any, context: Context) -> Reader:
        from platform_assets.connectors.kinds.files.reader import FilesReader

        return FilesReader(place(given, context), context)

    return ConnectorType(
        name=name,
        title=title,
        kind=Kind.FILE,
        maturity=maturity,
        config=config,
        open=opened,
        stream=FileStream,
    )


TYPES = (
    _type("files", "Files in a folder", Maturity.REAL, FolderConfig, _folder),
    _type("s3", "Files in a bucket (S3)", Maturity.EMULATOR, S3Config, s3),
    _type("gcs", "Files in Google Cloud Storage", Maturity.CONFIGURED, GcsConfig, gcs),
    _type("azure", "Files in Azure Blob Storage", Maturity.CONFIGURED, AzureConfig, azure),
    _type("sftp", "Files behind SFTP", Maturity.REAL, SftpConfig, sftp),
    _type("http_files", "Files on a web server", Maturity.REAL, HttpConfig, http),
)
