"""A folder as a reader of the documentation has it: with the drawn clip of the quickstart."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.docs import fleets
from tests.docs.snippets import forget_modules

from sightline.scene import Scene, write_clip


@pytest.fixture(scope="session")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds of a drawn street: 640x360, 25 pictures/s, two B-frames."""
    return write_clip(
        Scene(seed=7, camera=3), tmp_path_factory.mktemp("street") / "street.mp4", 100, b_frames=2
    )


@pytest.fixture
def around(path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a page speaks of as there: round those of the fleet a coordinator with three machines."""
    if path.name not in fleets.PAGES:
        yield
        return
    (folder / "coordinator").mkdir()
    with fleets.fleet(folder / "coordinator") as (url, token):
        monkeypatch.setenv("SIGHTLINE_FLEET_URL", url)
        monkeypatch.setenv("SIGHTLINE_FLEET_TOKEN", token)
        yield


@pytest.fixture
def folder(street: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder of a test, with `street.mp4` in it; its modules can be imported, and its
    commands are those of this environment."""
    shutil.copy(street, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    yield tmp_path
    forget_modules(tmp_path)
