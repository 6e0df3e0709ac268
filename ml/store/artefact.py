"""A model's folder on disk: sealed where it was trained, verified before anything is loaded.

A folder is opened only if its seal was made with this installation's key, and if its files are
exactly those that were sealed, byte for byte. So a file of unknown origin is refused before a
parser sees it. No format is accepted that runs code when it is loaded: a file must be what its
suffix says, and pickle (``.pkl``, joblib, ``.pt``) is no such suffix.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from ml.store.artefact_files import check_content
from platform_assets.core.errors import WeirError
from platform_assets.core.secrets import SecretError, find_secret

if TYPE_CHECKING:
    import numpy as np

    from platform_assets.core.settings import Settings

MANIFEST = "manifest.json"
KINDS = ("onnx", "skops", "safetensors")
REFERENCE_FILE = "reference.parquet"
"""Beside a model: features of rows that it was trained on, what drift is measured from."""
SCORED_FILE = "validation.parquet"
"""Beside a model: column ``score``, of rows that it had not seen."""

_FORMAT = 1
_PARTIAL = ".manifest.json.partial"
_MANIFEST_BYTES = 4 * 1024 * 1024
KEY = "WEIR_MODEL_KEY"
_KEY_BYTES = 32

FieldType = Literal["double", "long", "string", "boolean"]


class ArtefactError(WeirError):
    """A model's folder that must not be loaded, or cannot be sealed."""


@dataclass(frozen=True)
class Field:
    """One input or output of a model."""

    name: str
    type: FieldType
    required: bool = True


@dataclass(frozen=True)
class Signature:
    """What a model is given and what it answers, in order."""

    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]

    def to_json(self) -> dict[str, list[dict[str, Any]]]:
        """As JSON values: ``{"inputs": [{"name", "type", "required"}, ...], "outputs": ...}``."""
        return {
            "inputs": [asdict(field) for field in self.inputs],
            "outputs": [asdict(field) for field in self.outputs],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Signature:
        """Read what :meth:`to_json` gave.

        Raises:
            ArtefactError: it is not a signature.
        """
        try:
            signature = cls(
                tuple(Field(**field) for field in value["inputs"]),
                tuple(Field(**field) for field in value["outputs"]),
            )
        except (KeyError, TypeError) as error:
            raise ArtefactError(
                f"not a signature: {error}", "give inputs and outputs, each with name and type"
            ) from error
        for field in (*signature.inputs, *signature.outputs):
            if field.type not in get_args(FieldType):
                raise ArtefactError(
                    f"signature: field {field.name!r} has the unknown type {field.type!r}",
                    f"use one of {', '.join(get_args(FieldType))}",
                )
        return signature


@dataclass(frozen=True)
class Artefact:
    """An opened folder: its seal and the hash of every file were right when it was opened.

    Attributes:
        path: the folder.
        kind: ``onnx``, ``skops`` or ``safetensors``.
        signature: what the model is given and answers.
        metadata: what training wrote beside it (threshold, metric, validation ...).
        hashes: SHA-256 of each file (hexadecimal) by its name within the folder.
    """

    path: Path
    kind: str
    signature: Signature
    metadata: Mapping[str, Any]
    hashes: Mapping[str, str]

    def file(self, name: str) -> Path:
        """Where a sealed file lies.

        Raises:
            ArtefactError: there is no such file in the manifest.
        """
        if name not in self.hashes:
            raise ArtefactError(
                f"{self.path}: no sealed file {name!r}", f"it holds {', '.join(self.hashes)}"
            )
        return self.path / name

    def read(self, name: str) -> bytes:
        """A file's bytes, hashed once more: what was verified is what is loaded.

        Raises:
            ArtefactError: no such file, or it changed since the folder was opened.
        """
        content = self.file(name).read_bytes()
        if hashlib.sha256(content).hexdigest() != self.hashes[name]:
            raise _changed(self.path, name)
        return content


def seal(
    folder: Path, kind: str, signature: Signature, metadata: Mapping[str, Any], key: bytes
) -> None:
    """Write ``manifest.json``: every file's SHA-256 and an HMAC-SHA256 over all; atomic.

    Sealing again replaces the manifest.

    Args:
        folder: the model's files, and nothing else; folders within are allowed.
        kind: ``onnx``, ``skops`` or ``safetensors``.
        signature: what the model is given and answers.
        metadata: JSON values without NaN or infinity.
        key: see :func:`artefact_key`.

    Raises:
        ArtefactError: an unknown kind, no file of that kind, a file that may not be in it
            (pickle, link, unknown suffix), or metadata that is not JSON.
    """
    if kind not in KINDS:
        raise ArtefactError(f"{folder}: kind {kind!r} is unknown", f"use one of {', '.join(KINDS)}")
    hashes = {name: _examined(folder, name) for name in _names(folder)}
    if not any(name.endswith(f".{kind}") for name in hashes):
        raise ArtefactError(f"{folder}: no file ends in .{kind}", "write the model first")
    body = {
        "format": _FORMAT,
        "kind": kind,
        "signature": signature.to_json(),
        "metadata": dict(metadata),
        "files": hashes,
    }
    try:
        content = _canonical({**body, "seal": _hmac(body, key)})
    except (TypeError, ValueError) as error:
        raise ArtefactError(
            f"{folder}: metadata is not JSON: {error}", "give texts, finite numbers, lists, objects"
        ) from error
    partial = folder / _PARTIAL
    with partial.open("wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    partial.replace(folder / MANIFEST)


def open_artefact(folder: Path, key: bytes) -> Artefact:
    """Verify a folder, and give what it says of itself.

    Raises:
        ArtefactError: no manifest, a seal of another key, a file that is missing, added or
            changed, a link, or contents that could run code.
    """
    body = _manifest(folder, key)
    hashes: dict[str, str] = body["files"]
    found = set(_names(folder))
    if added := sorted(found - set(hashes)):
        raise ArtefactError(
            f"{folder}: {added[0]!r} was not there when the model was sealed",
            "remove it, or train and register the model again",
        )
    if missing := sorted(set(hashes) - found):
        raise ArtefactError(
            f"{folder}: {missing[0]!r} is missing", "register the model again, or choose another"
        )
    for name, expected in hashes.items():
        if _examined(folder, name) != expected:
            raise _changed(folder, name)
    return Artefact(
        folder, body["kind"], Signature.from_json(body["signature"]), body["metadata"], hashes
    )


def artefact_key(settings: Settings) -> bytes:
    """The key of this installation's seals.

    ``WEIR_MODEL_KEY`` goes first, then the file that ``WEIR_MODEL_KEY_FILE`` names, then
    ``secrets/model_key`` beside ``models_root``, made once (local profile only: on a cluster every
    machine needs the same key). Whoever holds it can seal models.

    Raises:
        ArtefactError: no key and none may be made, a key too short, or a file others may read.
    """
    try:
        value = find_secret(KEY)
    except SecretError as error:
        raise ArtefactError(error.message, error.hint) from None
    if value:
        return _key(value.strip(), KEY if os.environ.get(KEY) else f"{KEY}_FILE")
    if settings.profile != "local":
        raise ArtefactError("no key for the models' seals", f"set {KEY} or {KEY}_FILE")
    path = Path(settings.models_root).parent / "secrets" / "model_key"
    if not path.exists():
        _make_key(path)
    if path.stat().st_mode & 0o077:
        raise ArtefactError(f"{path} may be read by others", f"chmod 600 {path}")
    return _key(path.read_text().strip(), str(path))


def write_skops(model: Any, path: Path) -> None:
    """Save a scikit-learn object without pickle; the same object gives the same bytes."""
    from skops.io import dumps

    from ml.store.artefact_files import reproducible_skops

    path.write_bytes(reproducible_skops(dumps(model)))


def load_skops(
    artefact: Artefact, name: str = "model.skops", *, trusted: Collection[str] = ()
) -> Any:
    """Load a scikit-learn object from an opened folder.

    Args:
        artefact: the folder.
        name: of the file.
        trusted: types that skops does not know and the caller vouches for, by full name.

    Raises:
        ArtefactError: the file holds another type, is damaged or changed.
    """
    from skops.io import get_untrusted_types, loads

    content = artefact.read(name)
    unknown = sorted(set(get_untrusted_types(data=content)) - set(trusted))
    if unknown:
        raise ArtefactError(
            f"{artefact.path / name} contains types that are not trusted: {', '.join(unknown)}",
            "train with types that skops knows, or name them as trusted after reading their code",
        )
    return loads(content, trusted=list(trusted))


def write_tensors(tensors: Mapping[str, np.ndarray[Any, Any]], path: Path) -> None:
    """Save arrays by name as safetensors; the same arrays give the same bytes."""
    from safetensors.numpy import save

    path.write_bytes(save(dict(tensors)))


def load_tensors(
    artefact: Artefact, name: str = "model.safetensors"
) -> dict[str, np.ndarray[Any, Any]]:
    """Arrays by name from an opened folder.

    Raises:
        ArtefactError: no such file, or it changed.
    """
    from safetensors.numpy import load

    tensors: dict[str, np.ndarray[Any, Any]] = load(artefact.read(name))
    return tensors


def _manifest(folder: Path, key: bytes) -> dict[str, Any]:
    """The manifest's body, its seal verified; nothing of it is trusted before."""
    if not folder.is_dir():
        raise _no_folder(folder)
    path = folder / MANIFEST
    unknown = ArtefactError(
        f"{folder} is of unknown origin: its seal is missing or was not made with this key",
        "load only what `weir` trained here; on a cluster give every machine the same "
        "WEIR_MODEL_KEY",
    )
    if path.is_symlink() or not path.is_file() or path.stat().st_size > _MANIFEST_BYTES:
        raise unknown
    content = path.read_bytes()
    try:
        body = json.loads(content)
        claimed = body.pop("seal").encode()
        # Also the bytes must be those that seal() writes: one manifest has one spelling.
        exact = _canonical({**body, "seal": claimed.decode()}) == content
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise unknown from error
    if not exact or not hmac.compare_digest(claimed, _hmac(body, key).encode()):
        raise unknown
    if body.get("format") != _FORMAT:
        raise ArtefactError(
            f"{folder}: format {body.get('format')} of the manifest is unknown", "update Weir"
        )
    return dict(body)


def _names(folder: Path) -> Iterator[str]:
    """Every file below the folder but the manifest, sorted; a link or device is refused."""
    if not folder.is_dir():
        raise _no_folder(folder)
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise ArtefactError(
                f"{folder}: {name!r} is a link or device", "put the file itself there"
            )
        if path.is_file() and name not in {MANIFEST, _PARTIAL}:
            yield name


def _examined(folder: Path, name: str) -> str:
    """A file's SHA-256, after a look at what it is."""
    content = (folder / name).read_bytes()
    if reason := check_content(name, content):
        raise ArtefactError(
            f"{folder}: {name!r} is refused: {reason}",
            "save the model as ONNX, skops or safetensors; pickle runs code when it is loaded",
        )
    return hashlib.sha256(content).hexdigest()


def _canonical(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True, allow_nan=False).encode() + b"\n"


def _hmac(body: Mapping[str, Any], key: bytes) -> str:
    return hmac.new(key, _canonical(body), hashlib.sha256).hexdigest()


def _no_folder(folder: Path) -> ArtefactError:
    return ArtefactError(f"{folder} is not a folder", "see `weir models list` for what there is")


def _changed(folder: Path, name: str) -> ArtefactError:
    return ArtefactError(
        f"{folder}: {name!r} is not the file that was sealed",
        "choose another version (`weir models list`), or train and register again",
    )


def _key(value: str, source: str) -> bytes:
    if len(value) < _KEY_BYTES:
        raise ArtefactError(
            f"the models' key in {source} is shorter than {_KEY_BYTES} characters",
            "make one: openssl rand -hex 32",
        )
    return value.encode()


def _make_key(path: Path) -> None:
    """Write a new key unless another process was first: a link appears whole or not at all."""
    import secrets
    import tempfile

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".model_key")  # mode 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(_KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        os.link(name, path)
    except FileExistsError:
        return
    finally:
        os.unlink(name)
