"""What may be said about files: where they are, how they are written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ByteSize, ConfigDict, Field, model_validator

Format = Literal[
    "auto", "csv", "json", "jsonl", "parquet", "avro", "orc", "excel", "fixed", "xml", "idoc"
]
Packing = Literal["auto", "none", "gzip", "zstd", "zip"]


class CsvOptions(BaseModel):
    """The dialect of CSV files.

    Attributes:
        delimiter: the character between two values.
        quote: the character around values that hold a delimiter; empty: there is none.
        escape: the character before one that is meant literally; empty: quotes are doubled.
        encoding: of the text; a byte order mark is left out. ``auto``: by the mark, else UTF-8.
        header: whether the first row names the columns; without, give ``columns``.
        skip_lines: lines before the header.
    """

    model_config = ConfigDict(extra="forbid")

    delimiter: str = Field(default=",", min_length=1, max_length=1)
    quote: str = Field(default='"', max_length=1)
    escape: str = Field(default="", max_length=1)
    encoding: str = "auto"
    header: bool = True
    skip_lines: int = Field(default=0, ge=0, le=1000)

    @model_validator(mode="after")
    def _distinct(self) -> CsvOptions:
        import codecs

        signs = [sign for sign in (self.delimiter, self.quote, self.escape) if sign]
        if len(set(signs)) < len(signs) or set(signs) & set("\r\n\0"):
            raise ValueError("expected `delimiter`, `quote`, `escape` to be different characters")
        if any(ord(sign) > 127 for sign in signs):
            raise ValueError("expected ASCII characters as `delimiter`, `quote`, `escape`")
        if self.encoding != "auto":
            try:
                codecs.lookup(self.encoding)
            except LookupError:
                raise ValueError(f"no encoding {self.encoding!r}") from None
        return self


class FixedColumn(BaseModel):
    """A column of a file of fixed width.

    Attributes:
        name: of the column.
        start: first character, from 1.
        length: characters.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    start: int = Field(ge=1)
    length: int = Field(ge=1)


class FixedOptions(BaseModel):
    """A file of fixed width: a row a line.

    Attributes:
        columns: where each stands.
        encoding: of the text.
        skip_lines: lines before the first row.
    """

    model_config = ConfigDict(extra="forbid")

    columns: Sequence[FixedColumn] = Field(min_length=1)
    encoding: str = "utf-8"
    skip_lines: int = Field(default=0, ge=0, le=1000)


class ExcelOptions(BaseModel):
    """A sheet of a workbook.

    Attributes:
        sheet: its name; empty: the only one that is not hidden.
        header_row: row that names the columns, from 1.
    """

    model_config = ConfigDict(extra="forbid")

    sheet: str = ""
    header_row: int = Field(default=1, ge=1)


class XmlOptions(BaseModel):
    """Rows of an XML document.

    Attributes:
        row: path of the element that is a row, by local names: ``Invoice/InvoiceLine``.
        columns: column -> path below the row, ``@name`` for an attribute; a path that begins
            with ``/`` is looked up in the whole document (``/Invoice/ID``).
    """

    model_config = ConfigDict(extra="forbid")

    row: str = Field(min_length=1)
    columns: dict[str, str] = Field(min_length=1)


class IdocOptions(BaseModel):
    """SAP's IDocs in XML.

    Attributes:
        segment: a row for each segment of this name: ``E1EDP01``; empty: a row for each IDoc.
    """

    model_config = ConfigDict(extra="forbid")

    segment: str = Field(default="", pattern=r"^\w*$")


class JsonOptions(BaseModel):
    """Rows of a JSON document.

    Attributes:
        rows: path of the array that holds the rows: ``data.items``; empty: the document.
    """

    model_config = ConfigDict(extra="forbid")

    rows: str = ""


class FileStream(BaseModel):
    """What is read of a place.

    Attributes:
        names: pattern of the files' names below the folder; ``**/`` reaches into folders.
        format: of the files; ``auto``: by the name's end.
        packing: of the files; ``auto``: by their first bytes.
        member: pattern of the members of a zip that are read.
        columns: that each file must have; a file that lacks one is refused.
        missing: ``refuse`` a file that lacks one of ``columns``, or read them as ``null``.
        settled_seconds: age from which a file counts as complete.
        append_only: names only grow; what lies far below the last one is not looked at.
        page_rows: rows that are committed together, at most.
        largest_gigabytes: a file that unpacks to more is refused.
        bulk_over: a larger file (as it is stored, e.g. ``256 MiB``) goes straight to bronze,
            without the log; unset: none does.
        csv, fixed, excel, xml, idoc: of the format.
        document: of JSON.
    """

    model_config = ConfigDict(extra="forbid")

    names: str = "*"
    format: Format = "auto"
    packing: Packing = "auto"
    member: str = "*"
    columns: Sequence[str] = ()
    missing: Literal["refuse", "null"] = "refuse"
    settled_seconds: float = Field(default=10, ge=0, le=86_400)
    append_only: bool = False
    page_rows: int = Field(default=50_000, ge=1, le=500_000)
    largest_gigabytes: float = Field(default=1000, gt=0)
    bulk_over: ByteSize | None = None
    csv: CsvOptions = CsvOptions()
    fixed: FixedOptions | None = None
    excel: ExcelOptions = ExcelOptions()
    xml: XmlOptions | None = None
    idoc: IdocOptions = IdocOptions()
    document: JsonOptions = JsonOptions()

    @model_validator(mode="after")
    def _complete(self) -> FileStream:
        if self.format == "fixed" and self.fixed is None:
            raise ValueError("expected `fixed`: the columns of a file of fixed width")
        if self.format == "xml" and self.xml is None:
            raise ValueError("expected `xml`: the path of a row, and its columns")
        if self.format == "csv" and not self.csv.header and not self.columns:
            raise ValueError("expected `columns`: a CSV file without a header names none")
        return self
