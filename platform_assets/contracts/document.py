"""One ODCS v3 YAML file, read into the standard's own models, with line numbers kept."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

from open_data_contract_standard.model import OpenDataContractStandard
from pydantic import BaseModel, ValidationError

from platform_assets.core.errors import WeirError
from platform_assets.core.yaml_lines import read

Path = tuple[str | int, ...]
"""Where a value stands in the document: ``("schema", 0, "properties", 3, "logicalType")``."""


class ContractError(WeirError):
    """A contract cannot be used; names file, line, property and what was expected."""


def _dotted(path: Path) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f"{'.' if text else ''}{part}"
    return text


class Document:
    """A contract file: its ODCS model, and errors that point into the file.

    Attributes:
        file: the file's path.
        model: the standard's model of it.
    """

    def __init__(self, file: FilePath) -> None:
        """Read and shape-check ``file``.

        Raises:
            ContractError: the file is missing, not YAML, or not of the standard's shape.
        """
        self.file = file
        self._content = read(file, ContractError, "contract")
        if not isinstance(self._content.data, dict):
            raise self.error(
                (), "the file does not hold a mapping", "start with `apiVersion: v3.2.0`"
            )
        self.model = self._shape(self._content.data)

    def _shape(self, data: dict[str, Any]) -> OpenDataContractStandard:
        data = {**data, "id": data.get("id", f"weir:{self.file.stem}")}
        try:
            model = OpenDataContractStandard.model_validate(data)
        except ValidationError as failure:
            first = failure.errors()[0]
            # Union members show up as type names in pydantic's location; they are not keys.
            path = tuple(part for part in first["loc"] if self._content.holds(part))
            raise self.error(path, first["msg"]) from failure
        self._refuse_unknown((), data, OpenDataContractStandard)
        return model

    def _refuse_unknown(self, path: Path, value: Any, model: type[BaseModel]) -> None:
        """Refuse keys the standard does not know: its models would ignore a misspelt one."""
        if not isinstance(value, Mapping):
            return
        names = {
            field.alias or name: field.annotation for name, field in model.model_fields.items()
        }
        for key, child in value.items():
            if key not in names:
                close = difflib.get_close_matches(str(key), names, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(names)}"
                raise self.error((*path, key), f"ODCS knows no property {key!r} here", hint)
            inner = _models_in(names[key])
            if inner and isinstance(child, list):
                for index, item in enumerate(child):
                    self._refuse_unknown((*path, key, index), item, inner[-1])
            elif inner:
                self._refuse_unknown((*path, key), child, inner[0])

    def error(self, path: Path, message: str, hint: str = "") -> ContractError:
        """An error that names the file, the line and the property."""
        where = self._content.where(path)
        at = f" at {_dotted(path)}" if path else ""
        return ContractError(f"contract {where}{at}: {message}", hint)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models inside ``Model | list[Model] | None`` and the like (a list's come last)."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [
        model for argument in getattr(annotation, "__args__", ()) for model in _models_in(argument)
    ]
