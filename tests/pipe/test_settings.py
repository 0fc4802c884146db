"""Settings check themselves."""

from typing import Any

import pytest

from sightline.errors import ConfigError
from sightline.overflow import Overflow
from sightline.pipe.settings import Policy, Retry, RoutineSettings, WireSettings
from sightline.supervise.policy import Restart


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"batch_size": 0}, "at least 1, got 0 and 1"),
        ({"replicas": 0}, "at least 1, got 1 and 0"),
        ({"replicas": 2, "batch_size": 2}, "cannot keep the order"),
        ({"max_wait_s": -1}, "at least 0, got -1"),
        ({"rate_fps": 0}, "above 0, got 0"),
        ({"dead_letter": 3}, "got 3"),
        ({"restart": "sometimes"}, "one of never, on_failure, got 'sometimes'"),
        ({"restart": Restart()}, "one of never, on_failure, got Restart"),
    ],
)
def test_a_routine_cannot_be_set_so(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        RoutineSettings(**settings)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"capacity": 0}, "at least 1 message, got 0"),
        ({"policy": "lossles"}, "one of live, lossless, record, got 'lossles'"),
        ({"overflow": "drop"}, "one of drop_oldest, .*, got 'drop'"),
        (
            {"overflow": Overflow.BLOCK},
            "a live wire may have .* drop_newest, clear, got block",
        ),
        (
            {"policy": Policy.RECORD, "overflow": Overflow.CLEAR},
            "a record wire may have .* block, got clear",
        ),
    ],
)
def test_a_wire_cannot_be_set_so(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        WireSettings(**settings)


def test_texts_are_as_good_as_their_names() -> None:
    assert RoutineSettings(restart="on_failure").restart is Retry.ON_FAILURE  # type: ignore[arg-type]
    wire = WireSettings(policy="lossless", overflow="block")  # type: ignore[arg-type]
    assert (wire.policy, wire.rule) == (Policy.LOSSLESS, Overflow.BLOCK)
    assert wire.policy is Policy.LOSSLESS
    assert wire.rule is Overflow.BLOCK


def test_a_wire_is_live_and_drops_the_oldest_if_nothing_is_said() -> None:
    assert WireSettings().rule is Overflow.DROP_OLDEST
    assert WireSettings(policy=Policy.LOSSLESS).rule is Overflow.BLOCK
    assert WireSettings(overflow=Overflow.CLEAR).rule is Overflow.CLEAR
