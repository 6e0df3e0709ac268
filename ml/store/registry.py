"""The registry of models: versions with all that made them, and who is champion.

A version is one MLflow run (parameters, metrics, data set, files) and one entry that points to it.
The entry is made last, by one statement: a crash before leaves a run that nobody lists, never half
a version.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

from ml.store.artefact import ArtefactError, artefact_key, open_artefact
from ml.store.code_version import code_version
from ml.store.tracking import (
    Input,
    MissingError,
    RegistryError,
    TakenError,
    explained,
    log_run,
    open_client,
    retry_away,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from platform_assets.core.settings import Settings

__all__ = ["DatasetRef", "Registry", "RegistryError", "Version", "code_version"]

CHAMPION, CHALLENGER = "champion", "challenger"
DAGSTER_RUN = "weir/dagster_run"

_DATASET, _CODE, _DAGSTER_URL = "weir/dataset", "weir/code_version", "weir/dagster_url"
_FILES, _CARD, _PLOTS = "model", "README.md", "plots"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
_DESCRIPTION = 4_900  # MLflow's column holds 5,000 characters
_CUT = "\n\n(The whole card is README.md among the run's artifacts.)"


@dataclass(frozen=True)
class DatasetRef:
    """The rows a version was trained on.

    Attributes:
        table: its name, e.g. ``features.commerce.user_features``.
        version: the table's snapshot.
        rows: how many were used.
        fingerprint: hash over the rows.
        until: ISO moment; nothing later was seen.
    """

    table: str
    version: int
    rows: int
    fingerprint: str
    until: str


@dataclass(frozen=True)
class Version:
    """One registered version of a model.

    Attributes:
        model: its name.
        number: from 1, never used twice.
        aliases: of ``champion`` and ``challenger``, those that point here.
        created_at: UTC.
        run_id: MLflow's run.
        metrics: by name, as training logged them.
        params: by name.
        tags: among them ``weir/reason`` and ``weir/dagster_run`` where known.
        dataset: what it was trained on.
        code_version: commit (``-dirty`` where files were changed) or package version.
        artefact: its sealed folder; verified and on this machine if :meth:`Registry.get` or
            ``find`` gave the version, else where they would put it.
        card: the model card, Markdown; cut at 4,900 characters in :meth:`Registry.versions`.
    """

    model: str
    number: int
    aliases: tuple[str, ...]
    created_at: datetime
    run_id: str
    metrics: Mapping[str, float]
    params: Mapping[str, str]
    tags: Mapping[str, str]
    dataset: DatasetRef | None
    code_version: str
    artefact: Path
    card: str


class Registry:
    """Models and their versions, over MLflow without or with a server.

    Every method raises :class:`RegistryError` where MLflow does not answer in time.
    """

    def __init__(self, settings: Settings) -> None:
        """Nothing is opened before the first call."""
        self._settings = settings

    def register(
        self,
        model: str,
        folder: Path,
        *,
        params: Mapping[str, Any],
        metrics: Mapping[str, float],
        dataset: DatasetRef,
        code_version: str,
        card: str,
        plots: Mapping[str, bytes] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Version:
        """Make a new version of a sealed artefact; the folder is copied and stays as it is.

        Args:
            model: lower-case letters, digits, ``-`` and ``_``; made where it is new.
            folder: sealed by :func:`ml.store.artefact.seal` with this installation's key.
            params: of the training; values become text.
            metrics: of the evaluation.
            dataset: the rows.
            code_version: see :func:`code_version`.
            card: Markdown.
            plots: images by file name, e.g. ``{"calibration.svg": ...}``.
            tags: ``weir/dagster_run`` (a Dagster run's id; its address is added) and
                ``weir/reason`` (why it was trained), among others.

        Raises:
            ArtefactError: the folder is not sealed, or not with this key.
            RegistryError: a name that is none, or MLflow refuses or is away.
        """
        if not _NAME.fullmatch(model):
            raise RegistryError(
                f"{model!r} is not a valid model name", "use a-z, 0-9, - and _, at most 100 of them"
            )
        artefact = open_artefact(folder, artefact_key(self._settings))
        labels = {
            **(tags or {}),
            _DATASET: json.dumps(asdict(dataset), sort_keys=True),
            _CODE: code_version,
            "weir/kind": artefact.kind,
            "weir/signature": json.dumps(artefact.signature.to_json()),
        }
        if run := labels.get(DAGSTER_RUN):
            labels[_DAGSTER_URL] = f"{self._settings.dagster_url}/runs/{run}"
        with tempfile.TemporaryDirectory(prefix="weir-run-") as beside:
            _write_beside(Path(beside), card, plots or {})
            run_id, place = log_run(
                self._settings,
                model,
                params={name: str(value) for name, value in params.items()},
                metrics={name: float(value) for name, value in metrics.items()},
                tags=labels,
                dataset=_as_input(dataset),
                folders={"": Path(beside), _FILES: folder},
            )
        number = self._enter(model, run_id, f"{place}/{_FILES}", card, labels)
        return self.get(model, number)

    @retry_away
    def versions(self, model: str) -> list[Version]:
        """All versions, newest first; none for a model that is not there. Downloads nothing."""
        client = self._client()
        with explained(self._settings, f"versions of {model!r}"):
            known = self._registered(client, model)
            if known is None:
                return []
            found = _all_pages(
                lambda token: client.search_model_versions(f"name='{model}'", page_token=token)
            )
            versions = [
                self._version(entry, client.get_run(str(entry.run_id)), known.aliases)
                for entry in found
            ]
        return sorted(versions, key=lambda version: -version.number)

    def get(self, model: str, which: int | str) -> Version:
        """A version by number or alias, its artefact on this machine and verified.

        Raises:
            RegistryError: there is none, or MLflow does not answer.
            ArtefactError: its files are not those that were sealed.
        """
        version = self.find(model, which)
        if version is None:
            there = [f"{v.number} {' '.join(v.aliases)}".strip() for v in self.versions(model)]
            models = ", ".join(self.models()) or "none"
            raise RegistryError(
                f"model {model!r} has no version {which!r}",
                f"it has {', '.join(there)}" if there else f"models there are: {models}",
            )
        return version

    @retry_away
    def find(self, model: str, which: int | str) -> Version | None:
        """As :meth:`get`, but None where there is none."""
        client = self._client()
        with explained(self._settings, f"version {which} of {model!r}"):
            known = self._registered(client, model)
            number = known.aliases.get(which) if known and isinstance(which, str) else which
            if known is None or number is None:
                return None
            try:
                with explained(self._settings, f"version {which} of {model!r}"):
                    entry = client.get_model_version(model, str(number))
            except MissingError:
                return None
            run = client.get_run(str(entry.run_id))
        version = self._version(entry, run, known.aliases)
        self._fetch(client, version)
        if not version.card.endswith(_CUT):
            return version
        with (
            explained(self._settings, f"card of {model} {version.number}"),
            tempfile.TemporaryDirectory(prefix="weir-card-") as folder,
        ):
            card = Path(client.download_artifacts(version.run_id, _CARD, folder)).read_text()
        return replace(version, card=card)

    @retry_away
    def aliases(self, model: str) -> dict[str, int]:
        """Version by alias; empty for a model that is not there."""
        with explained(self._settings, f"aliases of {model!r}"):
            known = self._registered(self._client(), model)
        return {} if known is None else {name: int(n) for name, n in known.aliases.items()}

    @retry_away
    def set_alias(self, model: str, alias: str, number: int) -> None:
        """Let an alias point to a version, and to no other any more.

        Raises:
            MissingError: no such version.
        """
        with explained(self._settings, f"alias {alias!r} of {model} {number}"):
            self._client().set_registered_model_alias(model, alias, str(number))

    @retry_away
    def drop_alias(self, model: str, alias: str) -> None:
        """Take an alias away; nothing happens where there is none."""
        with explained(self._settings, f"alias {alias!r} of {model}"):
            client = self._client()
            known = self._registered(client, model)
            if known is not None and alias in known.aliases:
                client.delete_registered_model_alias(model, alias)

    @retry_away
    def models(self) -> list[str]:
        """Names of all models with at least one version, sorted."""
        client = self._client()
        with explained(self._settings, "models"):
            found = _all_pages(lambda token: client.search_registered_models(page_token=token))
        return sorted(model.name for model in found if model.latest_versions)

    def link(self, version: Version) -> str:
        """Its page in MLflow; empty without a server."""
        if not self._settings.mlflow_uri:
            return ""
        base = self._settings.mlflow_uri.rstrip("/")
        return f"{base}/#/models/{quote(version.model)}/versions/{version.number}"

    def _client(self) -> MlflowClient:
        return open_client(self._settings)

    def _registered(self, client: MlflowClient, model: str) -> Any:
        try:
            with explained(self._settings, f"model {model!r}"):
                return client.get_registered_model(model)
        except MissingError:
            return None

    @retry_away
    def _enter(
        self, model: str, run_id: str, place: str, card: str, labels: Mapping[str, str]
    ) -> int:
        """The version's entry; asked twice about one run, it is the same entry."""
        client = self._client()
        try:
            with explained(self._settings, f"model {model!r}"):
                client.create_registered_model(model)
        except TakenError:
            pass
        with explained(self._settings, f"registering {model!r}"):
            if there := client.search_model_versions(f"run_id='{run_id}'"):
                return int(there[0].version)
            short = card if len(card) <= _DESCRIPTION else card[: _DESCRIPTION - len(_CUT)] + _CUT
            entry = client.create_model_version(
                model, place, run_id, tags=dict(labels), description=short
            )
        return int(entry.version)

    def _version(self, entry: Any, run: Any, aliases: Mapping[str, str]) -> Version:
        dataset = entry.tags.get(_DATASET)
        return Version(
            model=entry.name,
            number=int(entry.version),
            aliases=tuple(sorted(a for a, n in aliases.items() if int(n) == int(entry.version))),
            created_at=datetime.fromtimestamp(entry.creation_timestamp / 1000, UTC),
            run_id=entry.run_id,
            metrics=dict(run.data.metrics),
            params=dict(run.data.params),
            tags=dict(entry.tags),
            dataset=DatasetRef(**json.loads(dataset)) if dataset else None,
            code_version=entry.tags.get(_CODE, ""),
            artefact=self._place(entry),
            card=entry.description or "",
        )

    def _place(self, entry: Any) -> Path:
        """Where its files are, or will be after a download; a run's id is never used twice."""
        if not self._settings.mlflow_uri:
            return Path(url2pathname(urlsplit(entry.source).path))
        if not self._settings.models_root:
            raise RegistryError("no folder for models", "set WEIR_MODELS_ROOT")
        return Path(self._settings.models_root) / "cache" / f"{entry.name}-{entry.run_id}"

    def _fetch(self, client: MlflowClient, version: Version) -> None:
        """Verify the files; from a server they come once, and again where the copy is damaged."""
        key = artefact_key(self._settings)
        if not self._settings.mlflow_uri:
            open_artefact(version.artefact, key)
            return
        try:
            open_artefact(version.artefact, key)
        except ArtefactError:
            self._download(client, version)
            open_artefact(version.artefact, key)

    def _download(self, client: MlflowClient, version: Version) -> None:
        version.artefact.parent.mkdir(parents=True, exist_ok=True)
        with (
            explained(self._settings, f"downloading {version.model} {version.number}"),
            tempfile.TemporaryDirectory(dir=version.artefact.parent, prefix=".") as folder,
        ):
            client.download_artifacts(version.run_id, _FILES, folder)
            if version.artefact.exists():
                shutil.rmtree(version.artefact, ignore_errors=True)
            try:
                os.rename(Path(folder) / _FILES, version.artefact)
            except OSError:
                # Another process was quicker; what it put there is verified like ours.
                if not version.artefact.is_dir():
                    raise


def _write_beside(folder: Path, card: str, plots: Mapping[str, bytes]) -> None:
    """What people read beside the model's files."""
    (folder / _CARD).write_text(card)
    (folder / _PLOTS).mkdir()
    for name, content in plots.items():
        (folder / _PLOTS / Path(name).name).write_bytes(content)


def _as_input(dataset: DatasetRef) -> Input:
    source = {"table": dataset.table, "version": dataset.version, "until": dataset.until}
    return Input(
        dataset.table,
        dataset.fingerprint,
        json.dumps(source),
        json.dumps({"num_rows": dataset.rows}),
    )


def _all_pages(page: Any) -> list[Any]:
    found, token = [], None
    while True:
        some = page(token)
        found.extend(some)
        token = some.token
        if not token:
            return found
