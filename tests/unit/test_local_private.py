"""Nobody else on the machine reads the home."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from platform_assets.core.settings import Settings
from platform_assets.local.private import close_home
from platform_assets.local.supervisord import configuration


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_home_is_its_owners_alone(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    close_home(settings)
    assert mode(settings.home) == 0o700
    assert "umask=077" in configuration(settings, [])


def test_an_open_home_is_closed_with_all_that_is_in_it(tmp_path: Path) -> None:
    home, outside = tmp_path / "home", tmp_path / "outside"
    outside.write_text("not ours")
    outside.chmod(0o644)
    lake = home / "lake" / "silver"
    lake.mkdir(parents=True)
    for path, given in ((home / "trino.log", 0o644), (lake / "part.parquet", 0o666),
                        (home / "run.sh", 0o755)):  # fmt: skip
        path.write_text("x")
        path.chmod(given)
    (home / "link").symlink_to(outside)
    (home / "dangling").symlink_to(tmp_path / "nothing")
    for folder in (home, home / "lake", lake):
        folder.chmod(0o755)
    close_home(Settings(home=home))
    for folder, _, files in os.walk(home):
        for path in (Path(folder), *(Path(folder, name) for name in files)):
            assert path.is_symlink() or not mode(path) & 0o077, path
    assert mode(home / "run.sh") == 0o700
    assert mode(outside) == 0o644


def test_a_lake_elsewhere_is_closed_to_strangers_but_not_to_its_group(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o775)
    models = tmp_path / "models"
    close_home(Settings(home=tmp_path / "home", lake_root=str(shared), models_root=str(models)))
    assert mode(shared) == 0o770
    assert mode(models) == 0o700


def test_a_bucket_is_no_folder(tmp_path: Path) -> None:
    close_home(Settings(home=tmp_path / "home", lake_root="s3://bucket/lake"))
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
