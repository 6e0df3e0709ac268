"""What happens where a stream's rows are no longer what its mapping knows: a policy a stream.

The words are those of dlt's schema contracts: evolve, freeze, discard_row, discard_value. Belongs
here: the policy, and what it says of a page. Does not belong here: the mapping (:mod:`.columns`).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from platform_assets.connectors.seam.reader import ConnectorError, Page
from platform_assets.contracts.model import Contract, LogicalType

if TYPE_CHECKING:
    import polars as pl


class Evolution(BaseModel):
    """A stream's policy.

    Attributes:
        columns: for a column that the mapping does not name. ``discard_value`` leaves it out and
            says so; ``evolve`` keeps it, as JSON in the contract's column ``extra``;
            ``discard_row`` makes a dead letter of each row with a value in it; ``freeze`` ends the
            read before it.
        known: columns that are left out on purpose: they are not new.
        extra: column of the contract, a text, that takes what is new.
        missing: for a column that the mapping names and the rows lack: ``evolve`` makes it null,
            ``freeze`` ends the read. By default ``evolve`` for documents, whose fields may be
            absent, else ``freeze``.
        data_type: for a value that is not of the contract's type: ``discard_row`` makes a dead
            letter of its row, ``discard_value`` makes it null and says so, ``freeze`` ends the
            read.
    """

    model_config = ConfigDict(extra="forbid")

    columns: Literal["evolve", "freeze", "discard_row", "discard_value"] = "discard_value"
    known: Sequence[str] = ()
    extra: str = "extra"
    missing: Literal["evolve", "freeze"] | None = None
    data_type: Literal["freeze", "discard_row", "discard_value"] = "discard_row"

    def require_extra(self, contract: Contract, mapped: Collection[str], where: str) -> None:
        """Refuse a contract that has no place for what ``evolve`` keeps.

        Raises:
            ConnectorError: the column is missing, of another type, or mapped to something else.
        """
        if self.columns != "evolve":
            return
        column = next((one for one in contract.payload_columns if one.name == self.extra), None)
        if column is None or column.type is not LogicalType.STRING:
            raise ConnectorError(
                f"{where}: `evolution.columns: evolve` needs the column {self.extra!r} in the "
                f"contract of {contract.topic}, a string",
                "add it to the contract, name another by `evolution.extra`, or say "
                "`discard_value`; `weir sources evolve` drafts columns for what is new",
            )
        if self.extra in mapped:
            raise ConnectorError(
                f"{where}: column {self.extra!r} takes what is new and is mapped, too",
                "take it out of `columns`, or name another by `evolution.extra`",
            )


class PageChanges:
    """What of a page its stream's mapping does not know, judged by the policy.

    Args:
        evolution: the policy.
        source: the instance's name.
        page: the rows.
        named: the source's columns that the mapping names.

    Attributes:
        told: what the policy put up with, in words.
    """

    def __init__(
        self, evolution: Evolution, source: str, page: Page, named: Collection[str]
    ) -> None:
        self._evolution, self._source, self._page, self._named = evolution, source, page, named
        self._new: list[str] = []
        self.told: tuple[str, ...] = ()

    def judge(self, frame: pl.DataFrame, refused: dict[int, str]) -> None:
        """Judge the page's columns.

        Args:
            frame: the page's rows.
            refused: row -> why; what the policy refuses is added.

        Raises:
            ConnectorError: the policy freezes the columns, and one is new.
        """
        self._new = new_columns(frame.columns, {*self._named, *self._evolution.known})
        for name in self._new:
            self._judge_new(name, frame, refused)
        if self._evolution.missing == "evolve":
            there = set(frame.columns)
            self._tell(f"column {name} is missing: null" for name in sorted(self._named)
                       if name.partition(".")[0] not in there)  # fmt: skip

    def _judge_new(self, name: str, frame: pl.DataFrame, refused: dict[int, str]) -> None:
        if self._evolution.columns == "freeze":
            raise ConnectorError(
                f"source {self._source}: column {name!r} is new, and `evolution` freezes columns",
                "map it under `columns`, leave it out on purpose by `evolution.known`, or say "
                "`evolve` or `discard_value`; nothing of its page was taken",
            )
        if self._evolution.columns == "discard_row":
            for row in frame[name].is_not_null().arg_true().to_list():
                refused.setdefault(
                    row, f"column {name!r} is new, and `evolution` discards its rows"
                )
        elif self._evolution.columns == "evolve":
            self._tell([f"column {name} is new: kept in {self._evolution.extra}"])
        else:
            self._tell([f"column {name} is not mapped: left out"])

    def judge_values(self, column: str, errors: Mapping[int, str], refused: dict[int, str]) -> None:
        """Judge the values of a column that are not of its type.

        Args:
            column: of the contract.
            errors: row -> the rule that its value breaks.
            refused: row -> why; what the policy refuses is added.

        Raises:
            ConnectorError: the policy freezes the types.
        """
        if not errors:
            return
        if self._evolution.data_type == "discard_row":
            for row, error in errors.items():
                refused.setdefault(row, error)
            return
        row, error = min(errors.items())
        if self._evolution.data_type == "discard_value":
            self._tell([f"column {column} has values of another type: null"])
            return
        place = self._page.places[row] if self._page.places else f"row {row + 1} of a page"
        raise ConnectorError(
            f"source {self._source}: {place}: {error}, and `evolution` freezes the types",
            "fix it at the source or change the mapping, or say `discard_row` or `discard_value`; "
            "nothing of its page was taken",
        )

    def takes(self, column: str) -> bool:
        """Whether a column of the contract takes what is new."""
        return self._evolution.columns == "evolve" and column == self._evolution.extra

    def kept(self, frame: pl.DataFrame) -> pl.Series:
        """What is new in each row, a JSON object each; null where there is nothing."""
        import polars as pl

        there = [name for name in self._new if name in frame.columns]
        values = _as_json(frame.select(there)) if there else [None] * len(frame)
        return pl.Series(values, dtype=pl.String)

    def _tell(self, words: Iterable[str]) -> None:
        self.told = tuple(dict.fromkeys((*self.told, *words)))


def new_columns(names: Iterable[str], known: Collection[str]) -> list[str]:
    """Those that nobody knows; a column that a connector adds begins with an underscore."""
    return [name for name in names if not name.startswith("_") and name not in known]


def _as_json(rows: pl.DataFrame) -> list[str | None]:
    """What stands in columns of a page, a JSON object a row; None where a row has nothing."""
    from platform_assets.connectors.seam.convert import as_text

    found = []
    for row in rows.to_dicts():
        there = {name: value for name, value in row.items() if value is not None}
        text = json.dumps(there, default=as_text, sort_keys=True, ensure_ascii=False)
        found.append(text if there else None)
    return found
