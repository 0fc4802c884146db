"""How often garbage is looked for and threads take turns, which is the whole process's."""

import gc
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.fleet.api.rig import bus_url

from sightline.cli.coordinator import coordinator
from sightline.fleet.coordinator.promptness import SELDOM, TURN_S, prompt

PROMPT: Any = (SELDOM, pytest.approx(TURN_S))


def now() -> Any:
    return gc.get_threshold(), sys.getswitchinterval()


def test_a_process_is_prompt_within_the_block_and_as_before_after_it() -> None:
    before = now()
    with prompt():
        assert now() == PROMPT != before
    assert now() == before


def test_the_command_is_prompt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr("sightline.cli.showing.print_lines", lambda *_: seen.append(now()))
    coordinator(bus=bus_url(), db=tmp_path / "fleet.db", port=0, seconds=0.1)
    assert seen
    assert all(one == PROMPT for one in seen)
