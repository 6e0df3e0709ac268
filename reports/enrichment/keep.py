"""What is kept between runs: answers by their content, and the tokens of a day."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from platform_assets.core.files import write_file
from platform_assets.core.locks import file_lock
from platform_assets.core.settings import Settings
from reports.enrichment.prompt import PartAnswer

_LOCK_SECONDS = 30.0


def folder(settings: Settings) -> Path:
    """Where both are."""
    return Path(settings.reports_root) / "enrichment"


class Answers:
    """Answers by digest; whoever asks the same of the same model again is not charged again."""

    def __init__(self, settings: Settings) -> None:
        self._folder = folder(settings) / "answers"

    def find(self, digest: str) -> PartAnswer | None:
        """The answer, or None; one that cannot be read is none."""
        try:
            return PartAnswer.model_validate_json(self._path(digest).read_bytes())
        except (OSError, ValidationError):
            return None

    def keep(self, digest: str, answer: PartAnswer) -> None:
        """Keep one."""
        write_file(self._path(digest), answer.model_dump_json())

    def _path(self, digest: str) -> Path:
        return self._folder / digest[:2] / f"{digest}.json"


class Budget:
    """Tokens, both ways, that a UTC day may use; shared by all processes on this machine."""

    def __init__(self, settings: Settings) -> None:
        self._folder, self._most = folder(settings) / "spent", settings.llm_daily_tokens

    def left(self) -> int:
        """Tokens that today may still use."""
        return max(0, self._most - self._spent(self._today()))

    def spend(self, tokens: int) -> None:
        """Count tokens that were used."""
        path = self._today()
        with file_lock(
            path.with_suffix(".lock"), what="the tokens of the day", timeout=_LOCK_SECONDS
        ):
            write_file(path, json.dumps({"tokens": self._spent(path) + tokens}))

    def _today(self) -> Path:
        return self._folder / f"{datetime.now(UTC):%Y-%m-%d}.json"

    @staticmethod
    def _spent(path: Path) -> int:
        try:
            return int(json.loads(path.read_bytes())["tokens"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0
