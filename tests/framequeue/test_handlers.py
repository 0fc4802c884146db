"""Handlers by name."""

import sys
from pathlib import Path

import pytest

from sightline.errors import ConfigError
from sightline.framequeue.handlers import find_handler

HERE = "tests.framequeue.celery_hand"


@pytest.fixture
def offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that is installed, as far as Python can tell."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def offer(folder: Path, package: str = "acme_plates", **handlers: str) -> None:
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = [f"{name} = {place}\n" for name, place in handlers.items()]
    (info / "entry_points.txt").write_text("".join(["[sightline.framequeue]\n", *lines]))


def test_a_handler_is_named_by_its_place() -> None:
    assert find_handler(f"{HERE}:work").__name__ == "work"


def test_a_module_of_the_folder_one_is_in_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plates_of_mine.py").write_text("class Plates:\n    def read(frame): return b''\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert find_handler("plates_of_mine:Plates.read").__name__ == "read"
    del sys.modules["plates_of_mine"]


def test_what_a_package_offers_has_a_name(offered: Path) -> None:
    offer(offered, plates=f"{HERE}:work", later=f"{HERE}:work_later")
    assert find_handler("later").__name__ == "work_later"
    with pytest.raises(ConfigError, match=r"\(later, plates\), got 'plate'; did you mean \"plates\""):
        find_handler("plate")
    with pytest.raises(ConfigError, match=r"\(later, plates\), got ''"):
        find_handler()


def test_the_only_one_needs_no_name(offered: Path) -> None:
    offer(offered, plates=f"{HERE}:work")
    assert find_handler().__name__ == "work"


def test_one_name_of_two_packages_is_told(offered: Path) -> None:
    offer(offered, plates=f"{HERE}:work")
    offer(offered, "other_plates", plates=f"{HERE}:work_later")
    for named in ("plates", ""):
        with pytest.raises(ConfigError, match=f"{HERE}:work and {HERE}:work_later"):
            find_handler(named)


def test_without_any_it_is_said_how_to_name_one() -> None:
    with pytest.raises(ConfigError, match="module:function.*none is installed"):
        find_handler()


@pytest.mark.parametrize(
    "named", [f"{HERE}:absent", "no.such.module:work", ".here:work", ":work", f"{HERE}:", f"{HERE}:nothing"]
)
def test_what_is_not_there_or_no_function_is_told(named: str) -> None:
    with pytest.raises(ConfigError, match="expected a handler"):
        find_handler(named)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("def look(frame:\n", "SyntaxError: '\\(' was never closed"),
        ("import os\n\nos.environ['NO_SUCH_MODEL']\n", "KeyError: 'NO_SUCH_MODEL' .*broken_plates.py:3"),
        ("raise SystemExit('set MODEL')\n", "SystemExit: set MODEL"),
        ("import no_such_library\n", "No module named 'no_such_library' .*broken_plates.py:1"),
    ],
)
def test_a_module_that_breaks_as_it_is_imported_is_told(offered: Path, source: str, told: str) -> None:
    """By name, and by entry point."""
    (offered / "broken_plates.py").write_text(source)
    offer(offered, plates="broken_plates:look")
    for named in ("broken_plates:look", "plates"):
        with pytest.raises(ConfigError, match=told):
            find_handler(named)


def test_an_offer_that_does_not_hold_is_told(offered: Path) -> None:
    offer(offered, plates=f"{HERE}:absent")
    with pytest.raises(ConfigError, match="is not to be had"):
        find_handler("plates")
