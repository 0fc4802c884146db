"""How many of what, in words, and which states are where to look first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from sightline.cockpit.views.words import Tone, Word, agent_word, camera_word, instance_word
from sightline.fleet.deciding.coordinator.views import Totals

_ORDER = (Tone.BAD, Tone.BUSY, Tone.GOOD, Tone.OFF)
_AGENTS = {"waiting": "new", "draining": "drained", "removed": "revoked"}
"""The coordinator's words for machines, as rows have them."""


class Count(NamedTuple):
    """So many are in a state; `state`: by which a list finds them."""

    state: str
    word: Word
    number: int


class Kind(NamedTuple):
    """Cameras, instances or machines: how many, and how they are, what is wrong first."""

    path: str
    label: str
    total: int
    counts: tuple[Count, ...]


def totals(of: Totals) -> tuple[Kind, ...]:
    """Of the coordinator's last picture."""
    agents: dict[str, int] = {}
    for state, number in of.agents.items():
        named = _AGENTS.get(state, state)
        agents[named] = agents.get(named, 0) + number
    return (
        Kind("/cameras", "Cameras", of.cameras, _counts(of.camera_states, camera_word)),
        Kind("/instances", "Instances", sum(of.instances.values()), _counts(of.instances, instance_word)),
        Kind("/agents", "Machines", sum(agents.values()), _counts(agents, agent_word)),
    )


def wrong_cameras(of: Totals) -> tuple[Count, ...]:
    """States of cameras in which somebody may have to do something."""
    return tuple(one for one in _counts(of.camera_states, camera_word) if one.word.tone is Tone.BAD)


def _counts(states: Mapping[str, int], word: Callable[[str], Word]) -> tuple[Count, ...]:
    found = [Count(state, word(state), number) for state, number in states.items() if number]
    return tuple(sorted(found, key=lambda one: (_ORDER.index(one.word.tone), -one.number, one.state)))
