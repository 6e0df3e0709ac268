"""How one page of a REST API leads to the next: the usual ways, each a small model."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from platform_assets.connectors.http.incremental import Place
from platform_assets.connectors.http.paths import at

_LINK = re.compile(r'<([^>]*)>\s*((?:;\s*[\w*-]+\s*=\s*(?:"[^"]*"|[^",;]*)\s*)*)')
_REL = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^",;\s]*))', re.IGNORECASE)


@dataclass(frozen=True)
class Asked:
    """What a page's request has beside that of the first page.

    Attributes:
        params: of the query, or of the body where the stream asks by POST.
        url: instead of path and parameters.
    """

    params: Mapping[str, Any] = field(default_factory=dict)
    url: str = ""


@dataclass(frozen=True)
class Got:
    """What a page's answer says.

    Attributes:
        body: of JSON.
        headers: names in lower case.
        records: on this page.
    """

    body: Any
    headers: Mapping[str, str]
    records: Sequence[Any]


class _Pagination(BaseModel):
    model_config = ConfigDict(extra="forbid")

    def asked(self, place: Place | None) -> Asked:
        """The request of a page; None: of the first."""
        raise NotImplementedError

    def following(self, got: Got, place: Place | None) -> Place | None:
        """The page after this one; None: there is none."""
        raise NotImplementedError

    def guess(self, place: Place, count: int) -> Sequence[Place]:  # noqa: ARG002
        """So many pages after this one, where they can be named without asking."""
        return ()


class OnePage(_Pagination):
    """All records in one answer."""

    kind: Literal["none"] = "none"

    def asked(self, place: Place | None) -> Asked:  # noqa: ARG002
        """See the base."""
        return Asked()

    def following(self, got: Got, place: Place | None) -> Place | None:  # noqa: ARG002
        """See the base."""
        return None


class _Sized(_Pagination):
    size: int | None = Field(default=None, ge=1, description="Records a page.")
    size_param: str = Field(default="", description="Parameter that asks for the size.")
    more: str = Field(default="", description="Path of a flag: whether more pages follow.")
    end: str = Field(default="", description="Or: path of a flag: whether this is the last page.")

    @model_validator(mode="after")
    def _each_counts(self) -> _Sized:
        """What would do nothing is refused."""
        if self.more and self.end:
            raise ValueError("expected either `more` or `end`")
        if self.size_param and self.size is None:
            raise ValueError("expected `size` beside `size_param`")
        if self.size is not None and not self.size_param and not self._knows_size:
            raise ValueError("expected `size_param` beside `size`")
        return self

    @property
    def _ends_short(self) -> bool:
        """Whether a page of fewer records than ``size`` is the last."""
        return False

    @property
    def _knows_size(self) -> bool:
        """Whether ``size`` counts although the API is not asked for it."""
        return self._ends_short

    def _size(self) -> dict[str, Any]:
        return {self.size_param: self.size} if self.size_param and self.size else {}

    def _says_end(self, got: Got) -> bool:
        if self.more:
            return not at(got.body, self.more)
        return bool(self.end and at(got.body, self.end))

    def _ends(self, got: Got) -> bool:
        if not got.records or self._says_end(got):
            return True
        return self._ends_short and self.size is not None and len(got.records) < self.size


class _Counted(_Sized):
    total: str = Field(default="", description="Path of the number of records or pages in all.")

    @property
    def _ends_short(self) -> bool:
        return not (self.total or self.more or self.end)


class PageNumber(_Counted):
    """Pages by number; ends with an empty or short page, or where the answer says so."""

    kind: Literal["page"]
    param: str = "page"
    first: int = 1

    def asked(self, place: Place | None) -> Asked:
        """See the base."""
        number = place["page"] if place else self.first
        return Asked({**self._size(), self.param: number})

    def following(self, got: Got, place: Place | None) -> Place | None:
        """See the base; ``total`` counts pages here."""
        number = int(place["page"]) if place else self.first
        if self._ends(got):
            return None
        if self.total and number - self.first + 1 >= _number(at(got.body, self.total)):
            return None
        return {"page": number + 1}

    def guess(self, place: Place, count: int) -> Sequence[Place]:
        """See the base."""
        return [{"page": place["page"] + step} for step in range(1, count + 1)]


class Offset(_Counted):
    """Pages by the number of records before them."""

    kind: Literal["offset"]
    param: str = "offset"
    first: int = 0

    @property
    def _knows_size(self) -> bool:
        return True  # pages ahead are named by it

    def asked(self, place: Place | None) -> Asked:
        """See the base."""
        return Asked({**self._size(), self.param: place["offset"] if place else self.first})

    def following(self, got: Got, place: Place | None) -> Place | None:
        """See the base; ``total`` counts records here."""
        offset = int(place["offset"]) if place else self.first
        offset += len(got.records)
        if self._ends(got):
            return None
        if self.total and offset - self.first >= _number(at(got.body, self.total)):
            return None
        return {"offset": offset}

    def guess(self, place: Place, count: int) -> Sequence[Place]:
        """See the base."""
        size = self.size or 0
        steps = range(1, count + 1) if size else ()
        return [{"offset": place["offset"] + step * size} for step in steps]


class BodyCursor(_Sized):
    """A token for the next page, in the answer or of its last record."""

    kind: Literal["cursor"]
    param: str = "cursor"
    path: str = Field(default="", description="Of the token in the answer.")
    record: str = Field(default="", description="Or: of the last record's field that is the token.")
    header: str = Field(default="", description="Or: the header that holds it.")

    @model_validator(mode="after")
    def _one_token(self) -> BodyCursor:
        if len([one for one in (self.path, self.record, self.header) if one]) > 1:
            raise ValueError("expected one of `path`, `record` and `header`")
        return self

    @property
    def _ends_short(self) -> bool:
        # A token that the answer gives itself says more than the length of its page.
        return bool(self.record) and not (self.more or self.end)

    def asked(self, place: Place | None) -> Asked:
        """See the base."""
        return Asked({**self._size(), **({self.param: place["cursor"]} if place else {})})

    def following(self, got: Got, place: Place | None) -> Place | None:  # noqa: ARG002
        """See the base."""
        if self._says_end(got):
            return None
        if self.record:
            if self._ends(got):
                return None
            token = at(got.records[-1], self.record)
        elif self.header:
            token = got.headers.get(self.header.lower())
        else:
            token = at(got.body, self.path or "next_cursor")
        return {"cursor": token} if token not in (None, "", False) else None


class _Linked(_Sized):
    def asked(self, place: Place | None) -> Asked:
        """See the base."""
        return Asked(url=place["url"]) if place else Asked(self._size())


class BodyLink(_Linked):
    """The next page's address in the answer."""

    kind: Literal["link"]
    path: str = "next"

    def following(self, got: Got, place: Place | None) -> Place | None:  # noqa: ARG002
        """See the base."""
        if self._says_end(got):
            return None
        found = at(got.body, self.path)
        return {"url": str(found)} if found else None


class HeaderLink(_Linked):
    """The next page's address in the header ``Link`` (RFC 8288)."""

    kind: Literal["header"]
    rel: str = "next"

    def following(self, got: Got, place: Place | None) -> Place | None:  # noqa: ARG002
        """See the base."""
        if self._says_end(got):
            return None
        for url, parameters in _LINK.findall(got.headers.get("link", "")):
            found = _REL.search(parameters)
            if 'results="false"' in parameters:
                continue  # Sentry names a next page after the last one too
            if found and self.rel in (found[1] or found[2] or "").split():
                return {"url": url}
        return None


Pagination = Annotated[
    OnePage | PageNumber | Offset | BodyCursor | BodyLink | HeaderLink,
    Field(discriminator="kind"),
]


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0
