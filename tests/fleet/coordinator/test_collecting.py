"""How often garbage is looked for, which is the whole process's."""

import gc
from pathlib import Path

import pytest
from tests.fleet.api.rig import bus_url

from sightline.cli.coordinator import coordinator
from sightline.fleet.coordinator.collecting import SELDOM, collecting_seldom


def test_it_is_looked_for_seldom_within_the_block_and_as_before_after_it() -> None:
    before = gc.get_threshold()
    with collecting_seldom():
        assert gc.get_threshold() == SELDOM != before
    assert gc.get_threshold() == before


def test_the_command_looks_seldom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr("sightline.cli.showing.print_lines", lambda *_: seen.append(gc.get_threshold()))
    coordinator(bus=bus_url(), db=tmp_path / "fleet.db", port=0, seconds=0.1)
    assert seen == [SELDOM]
