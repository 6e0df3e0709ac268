"""A source's folder: all of it is read from there, and what is wrong is told with its line."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

import platform_assets.sources
from platform_assets.cli.app import build
from platform_assets.connectors.definitions import SourceError
from platform_assets.connectors.files import FileError, ingest
from platform_assets.connectors.source_folder import (
    FileSourceFields,
    load_file_sources,
)
from platform_assets.contracts.load import load_contracts
from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings
from platform_assets.graph import lineage
from platform_assets.graph.components import FileSource

DEFS = """\
type: platform_assets.graph.components.FileSource
attributes:
  source: till
  topics: [shop.till]
  owner: shop@weir.example
  files: till/receipts-*.txt
  columns: [Nr, Total, At, Buyer]
  mapping: mapping.jsonata
  delimiter: ;
  encoding: cp1252
  settled_seconds: 2
"""
MAPPING = """\
{
  "identity": [row.Nr],
  "occurred_at": $replace(row.At, /^([0-9]{2})\\.([0-9]{2})\\.([0-9]{4})$/, "$3-$2-$1"),
  "after": {"nr": row.Nr, "total": $replace(row.Total, ",", "."), "buyer": row.Buyer}
}
"""
CONTRACT = """\
apiVersion: v3.2.0
kind: DataContract
id: weir:shop.till
version: 1.0.0
schema:
- name: till
  properties:
  - {name: nr, logicalType: integer, required: true}
  - {name: total, logicalType: number, required: true}
  - {name: buyer, logicalType: string, classification: pii}
  - {name: at, logicalType: timestamp}
"""

Root = Callable[..., Path]


def forget() -> None:
    load_contracts.cache_clear()
    lineage._upstream.cache_clear()
    importlib.invalidate_caches()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a source that is not the project's, beside those that are."""
    made = tmp_path / "sources" / "till"
    made.mkdir(parents=True)
    (made / "defs.yaml").write_text(DEFS)
    (made / "mapping.jsonata").write_text(MAPPING)
    (made / "shop.till.yaml").write_text(CONTRACT)
    path = [*platform_assets.sources.__path__, str(made.parent)]
    monkeypatch.setattr(platform_assets.sources, "__path__", path)
    forget()
    yield made
    monkeypatch.undo()
    forget()


def files(inbox: Path) -> Path:
    inbox.mkdir()
    rows = "Nr;Total;At;Buyer\n9007199254740993;19,99;02.03.2026;Zoë\n2;x;02.03.2026;Al\n"
    (inbox / "receipts-1.TXT").write_bytes(rows.encode("cp1252"))
    (inbox / "other.csv").write_text("not,this\n")
    return inbox


def test_the_folder_is_the_source(folder: Path, tmp_path: Path) -> None:
    result = ingest(Settings(), files(tmp_path / "till"), "till", dry_run=True)
    assert [Path(file.file).name for file in result.files] == ["receipts-1.TXT"]
    assert (result.events, result.dead_letters) == (1, 1)
    assert result.files[0].topic == "shop.till"
    assert "line 3: total: 'x' is not a valid number" in result.files[0].reasons[0]


def test_the_graph_finds_it(folder: Path) -> None:
    found = lineage.load_sources()
    keys = {key.to_user_string() for asset in found.assets or () for key in asset.keys}
    assert "source/till" in keys
    assert "new_files_of_till" in {sensor.name for sensor in found.sensors or ()}
    assert lineage.sources_of("shop.till") == [lineage.source_key("till")]
    assert not lineage.broken_sources()


def test_its_files_arrive_below_the_inbox(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from platform_assets.core.settings import get_settings

    fields = {name: value for name, value in read(folder).items() if name != "path_variable"}
    source = FileSource(**fields)
    monkeypatch.setenv("WEIR_INBOX", str(tmp_path / "inbox"))
    get_settings.cache_clear()
    try:
        with pytest.raises(WeirError, match=r"no folder: .*inbox/till does not exist"):
            source.folder()
        (tmp_path / "inbox" / "till").mkdir(parents=True)
        assert source.folder() == tmp_path / "inbox" / "till"
    finally:
        monkeypatch.undo()
        get_settings.cache_clear()


@pytest.mark.parametrize("name", ["topics", "owner", "columns", "files", "mapping", "source"])
def test_a_missing_entry_is_refused(folder: Path, name: str) -> None:
    lines = [line for line in DEFS.splitlines() if not line.startswith(f"  {name}:")]
    error = refused(folder, "\n".join(lines))
    assert name in error
    assert "defs.yaml:2" in error


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("  delimiter: ;", "  delimeter: ;", "defs.yaml:9: `delimeter`: no such entry"),
        ("  delimiter: ;", "  delimiter: ;;", "defs.yaml:9: `delimiter`: expected one character"),
        ("  delimiter: ;", "  delimiter: '.'", "defs.yaml:9: `delimiter`: expected one character"),
        ("  source: till", "  source: shop", "defs.yaml:3: `source`: 'shop', but its folder"),
        ("[shop.till]", "[shop.till, a.b]", "defs.yaml:4: `topics`: expected one topic"),
        ("[shop.till]", "[till]", "defs.yaml:4: `topics`: topic 'till': expected domain.entity"),
        ("[shop.till]", "[shop.tills]", "defs.yaml:4: `topics`: no contract for 'shop.tills'"),
        ("shop@weir.example", "nobody", "defs.yaml:5: `owner`: expected an e-mail"),
        ("till/receipts", "/till/receipts", "defs.yaml:6: `files`: expected a path below"),
        ("till/receipts", "../receipts", "defs.yaml:6: `files`: expected a path below"),
        ("till/receipts", "till*/receipts", "defs.yaml:6: `files`: expected a path below"),
        ("[Nr, Total, At, Buyer]", "[Nr, Nr]", "defs.yaml:7: `columns`: expected names"),
        ("[Nr, Total, At, Buyer]", "Nr", "defs.yaml:7: `columns`: "),
        (
            "[Nr, Total, At, Buyer]",
            "[No]",
            "defs.yaml:7: `columns`: Input should be a valid string, got False; put it in quotes",
        ),
        ("mapping.jsonata", "m.jsonata", "defs.yaml:8: `mapping`: source till: mapping "),
        ("mapping.jsonata", "../x/m", "defs.yaml:8: `mapping`: expected the name of a file"),
        ("cp1252", "utf-16", "defs.yaml:10: `encoding`: expected a text encoding"),
        ("cp1252", "latin-none", "defs.yaml:10: `encoding`: expected a text encoding"),
        ("seconds: 2", "seconds: -1", "defs.yaml:11: `settled_seconds`: expected 0 to 86400"),
        ("seconds: 2", "seconds: .nan", "defs.yaml:11: `settled_seconds`: expected 0 to 86400"),
        ("seconds: 2", "seconds: soon", "defs.yaml:11: `settled_seconds`: "),
        ("cp1252", "'{{ env.X }}'", "defs.yaml:10: `encoding`: templates are not resolved"),
        ("  delimiter: ;", "  number_by: {Till: 0}", "defs.yaml:9: `number_by`: Till: not among"),
        ("  delimiter: ;", "  number_by: {Nr: -1}", "defs.yaml:9: `number_by`: expected a number"),
    ],
)
def test_a_wrong_entry_is_refused_with_its_line(
    folder: Path, old: str, new: str, words: str
) -> None:
    assert old in DEFS
    assert words in refused(folder, DEFS.replace(old, new))


def test_a_mapping_that_is_not_jsonata_is_refused(folder: Path) -> None:
    (folder / "mapping.jsonata").write_text('{"identity": [')
    assert "mapping.jsonata is not JSONata" in refused(folder, DEFS)


def test_a_folder_without_its_definition_is_refused(folder: Path) -> None:
    (folder / "defs.yaml").rename(folder / "defs.yml")
    (broken,) = lineage.broken_sources()
    assert f"{folder / 'defs.yaml'}: no such file" in str(broken.error)


def test_a_broken_contract_is_one_broken_contract(folder: Path, tmp_path: Path) -> None:
    (folder / "shop.till.yaml").write_text("schema: [")
    forget()
    assert [file.name for file in load_contracts().broken] == ["shop.till"]
    assert not lineage.broken_sources()
    with pytest.raises(WeirError, match=r"shop\.till\.yaml:2: not YAML"):
        ingest(Settings(), files(tmp_path / "till"), "till", dry_run=True)


def test_a_topic_has_one_contract(folder: Path) -> None:
    text = CONTRACT.replace("shop.till", "commerce.customers").replace(
        "name: till", "name: customers"
    )
    (folder / "commerce.customers.yaml").write_text(text)
    forget()
    (broken,) = load_contracts().broken
    assert "is that of commerce.customers, too" in str(broken.error)


def test_ingest_prints_conflicts(folder: Path, tmp_path: Path) -> None:
    inbox = files(tmp_path / "till")
    (inbox / "receipts-2.txt").write_text(
        "Nr;Total;At;Buyer\n2;5;02.03.2026;Al\n2;6;02.03.2026;Al\n"
    )
    line = ["ingest", str(inbox), "--source", "till", "--dry-run", "--json"]
    done = CliRunner().invoke(build(), line, catch_exceptions=False)
    assert done.exit_code == 0
    plain = " ".join(done.stderr.split())
    assert "would send 2 records, 2 dead letters, 1 of them conflicts" in plain
    told = json.loads(done.stdout)
    assert (told["events"], told["dead_letters"], told["conflicts"]) == (2, 2, 1)


def test_the_component_has_the_fields_that_the_folder_is_read_by() -> None:
    assert set(FileSource.model_fields) == set(FileSourceFields.model_fields)
    schema = FileSource.get_model_cls().model_json_schema()
    assert set(schema["required"]) == {
        "source", "topics", "owner", "columns", "files", "mapping"
    }  # fmt: skip
    assert schema["additionalProperties"] is False


def refused(folder: Path, text: str) -> str:
    """The one error of a ``defs.yaml``: as the graph has it, and where it can as ingesting has."""
    (folder / "defs.yaml").write_text(text)
    forget()
    (broken,) = lineage.read_feeds().broken
    assert (broken.kind, broken.name) == ("source", "till")
    assert broken.path == folder / "defs.yaml"
    assert {"online_retail"} <= set(load_file_sources())
    with pytest.raises((SourceError, FileError)):
        ingest(Settings(), folder, "till", dry_run=True)
    return str(broken.error)


def read(folder: Path) -> dict[str, object]:
    import yaml

    attributes = yaml.safe_load((folder / "defs.yaml").read_text())["attributes"]
    assert isinstance(attributes, dict)
    return attributes
