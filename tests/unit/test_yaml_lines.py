"""YAML: read strictly, by one reader."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from platform_assets.core.settings import REPOSITORY
from platform_assets.core.yaml_lines import YamlError, read, read_all


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "a.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", ":3: not YAML: 'a' is given twice"),
        ("a: 1\n'a': 3\n", ":2: not YAML: 'a' is given twice"),
        ("yes: 1\ntrue: 3\n", ":2: not YAML: 'true' is given twice"),
        ("l:\n- {k: 1, v: 2, k: 3}\n", ":2: not YAML: 'k' is given twice"),
        ("? [a]\n: 1\n", ":1: not YAML: a key must be plain text"),
        ("a: [1\n", "not YAML"),
        ("a: 1\n---\nb: 2\n", ":3: a second document begins"),
        (b"a: 1\nb: \xff\n", ":2: not UTF-8"),
        ("a: 1\nb: \x00\n", "not YAML"),
        ("a: 2026-02-31\n", "not YAML"),
        ("a: " + "[" * 5000, "not YAML"),
        ("a: !!python/object:os.system x\n", ":1: not YAML"),
    ],
    ids=["twice", "quoted", "yes-true", "inner", "list-key", "open", "documents", "bytes", "nul",
         "date", "deep", "tag"],
)  # fmt: skip
def test_what_would_be_lost_or_cannot_be_read_is_refused(
    tmp_path: Path, text: str | bytes, words: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(YamlError) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert words in str(caught.value)


def test_values_and_their_lines(tmp_path: Path) -> None:
    document = read(written(tmp_path, "a: 1\n'1': x\n1: y\nl:\n- {k: 2}\n- {k: 3}\n"))
    assert document.data == {"a": 1, "1": "x", 1: "y", "l": [{"k": 2}, {"k": 3}]}
    assert document.line(("l", 1, "k")) == 6
    assert document.line(("l", 7)) == 4


def test_a_merged_mapping_may_be_overridden(tmp_path: Path) -> None:
    text = "base: &b {x: 1, y: 2}\none:\n  <<: *b\n  x: 3\n"
    assert read(written(tmp_path, text)).data["one"] == {"x": 3, "y": 2}


def test_aliases_within_aliases_cost_no_time(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    document = read(written(tmp_path, "\n".join(lines)))
    assert not document.holds("nowhere")


def test_missing_and_empty_files(tmp_path: Path) -> None:
    with pytest.raises(YamlError, match="no such file"):
        read(tmp_path / "none.yaml")
    assert read(written(tmp_path, "")).data is None
    assert read_all(written(tmp_path, "a: 1\n---\nb: 2\n"))[1].data == {"b": 2}


def test_nothing_else_reads_yaml() -> None:
    reads = re.compile(r"\byaml\.(safe_load|load|compose|full_load|unsafe_load)")
    found = [
        str(path.relative_to(REPOSITORY))
        for room in ("platform_assets", "ml", "reports", "sensors")
        for path in sorted((REPOSITORY / room).rglob("*.py"))
        if reads.search(path.read_text(encoding="utf-8"))
    ]
    # Only the docstring of the reader of lines names the function.
    assert found == ["platform_assets/core/yaml_lines.py"]
