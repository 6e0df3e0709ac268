"""Which models there are: the folders of a root, each with its spec or with why it has none.

One folder that does not load stops no other: its error is kept, with file and line, and shown by
an asset of its own and by ``weir models``.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

from ml.spec import ModelSpec, SpecError
from platform_assets.core.broken import BrokenFile

ROOT = Path(__file__).with_name("models")
SPEC_FILE = "spec.py"
SPEC = "SPEC"


@dataclass(frozen=True)
class Broken:
    """A folder that describes no model.

    Attributes:
        name: of the folder.
        file: where it went wrong.
        line: in the file; 0 where the file as a whole is meant.
        reason: in words.
    """

    name: str
    file: Path
    line: int
    reason: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else str(self.file)
        return f"{where}: {self.reason}"

    @property
    def as_file(self) -> BrokenFile:
        """As other files that cannot be used; its path is the folder, which has the name."""
        folder = next(path for path in self.file.parents if path.name == self.name)
        error = SpecError(f"model {self.name!r} does not load: {self}", "correct that file")
        return BrokenFile("model", folder, error)


@dataclass(frozen=True)
class Found:
    """The models of a root.

    Attributes:
        specs: the default one first, then by name.
        broken: by name.
    """

    specs: tuple[ModelSpec, ...]
    broken: tuple[Broken, ...]

    def find(self, name: str) -> ModelSpec | None:
        """The spec of a model; None where there is none."""
        return next((spec for spec in self.specs if spec.name == name), None)

    def get(self, name: str | None) -> ModelSpec:
        """The spec of a model; of the default one without a name.

        Raises:
            SpecError: there is none; lists those that there are, or says what is wrong with it.
        """
        if name is None:
            if self.specs and (self.specs[0].default or len(self.specs) == 1):
                return self.specs[0]
            raise SpecError("name a model: none is the default", f"known: {self.known}")
        if found := self.find(name):
            return found
        for broken in self.broken:
            if broken.name == name:
                broken.as_file.refuse()
        raise SpecError(f"there is no model {name!r}", f"known: {self.known}")

    @property
    def known(self) -> str:
        """The names, for a message."""
        return ", ".join(spec.name for spec in self.specs) or "none"


@cache
def models() -> Found:
    """The models of this installation; read once a process."""
    return discover(ROOT)


def discover(root: Path) -> Found:
    """Load the spec of every folder of ``root``; never raises for what a folder holds.

    A folder whose name begins with ``_`` or ``.`` is no model, nor is one that holds no file.
    """
    loaded = [_load(folder) for folder in sorted(root.iterdir()) if _is_model(folder)]
    specs = [found for found in loaded if isinstance(found, ModelSpec)]
    broken = [found for found in loaded if isinstance(found, Broken)]
    defaults = [spec for spec in specs if spec.default]
    for other in defaults[1:]:
        reason = f"default: {defaults[0].name} is the default model already"
        broken.append(Broken(other.name, root / other.name / SPEC_FILE, 0, reason))
        specs.remove(other)
    specs.sort(key=lambda spec: (not spec.default, spec.name))
    return Found(tuple(specs), tuple(sorted(broken, key=lambda one: one.name)))


def _is_model(folder: Path) -> bool:
    if not folder.is_dir() or folder.name.startswith(("_", ".")):
        return False
    # What Python left of a folder that is gone (another branch) is no model.
    return any(path.name != "__pycache__" for path in folder.iterdir())


def _load(folder: Path) -> ModelSpec | Broken:
    file = folder / SPEC_FILE
    if not file.is_file():
        return Broken(folder.name, file, 0, "there is no such file; a model's folder has one")
    try:
        module = _import(folder)
    except (Exception, SystemExit) as error:  # noqa: BLE001 (whatever the file does, others load)
        return _broken(folder, error)
    spec = getattr(module, SPEC, None)
    if not isinstance(spec, ModelSpec):
        what = "is not a ModelSpec" if hasattr(module, SPEC) else "is not there"
        return Broken(folder.name, file, 0, f"{SPEC} {what}")
    if spec.name != folder.name:
        reason = f"name: {spec.name!r} is not that of the folder, {folder.name!r}"
        return Broken(folder.name, file, 0, reason)
    return spec


def _import(folder: Path) -> ModuleType:
    if folder.parent == ROOT:
        return importlib.import_module(f"ml.models.{folder.name}.spec")
    # Of another root: a package of its own name, so that modules beside spec.py can be imported.
    name = f"_weir_models_{abs(hash(folder.parent)):x}_{folder.name}"
    _package(name, folder)
    return _module(f"{name}.spec", folder / SPEC_FILE)


def _package(name: str, folder: Path) -> None:
    for old in [each for each in sys.modules if each.startswith(f"{name}.")]:
        del sys.modules[old]
    package = ModuleType(name)
    package.__path__ = [str(folder)]
    sys.modules[name] = package


def _module(name: str, file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None  # noqa: S101 (a .py file has a loader)
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _broken(folder: Path, error: BaseException) -> Broken:
    """The error with the last place in the folder that led to it."""
    file, line = folder / SPEC_FILE, 0
    if isinstance(error, SyntaxError) and error.filename:
        file, line = Path(error.filename), error.lineno or 0
    else:
        frames: Sequence[traceback.FrameSummary] = traceback.extract_tb(error.__traceback__)
        for frame in frames:
            if Path(frame.filename).is_relative_to(folder):
                file, line = Path(frame.filename), frame.lineno or 0
    kind = "" if isinstance(error, SpecError) else f"{type(error).__name__}: "
    told = error.msg if isinstance(error, SyntaxError) else getattr(error, "message", error)
    text = " ".join(str(told).split())
    return Broken(folder.name, file, line, f"{kind}{text}" or type(error).__name__)
