"""What somebody typed as an event, and what became of it in words."""

import pytest

from sightline.errors import ConfigError
from sightline.top.feed import Event, Target, event_of, outcome


@pytest.mark.parametrize(
    ("typed", "event"),
    [
        ("start", Event("start", {})),
        ("update_fps fps=5", Event("update_fps", {"fps": 5})),
        ('"let go" other=Double', Event("let go", {"other": "Double"})),
        ("say words='[1, 2]' on=true to='a b=c'", Event("say", {"words": [1, 2], "on": True, "to": "a b=c"})),
    ],
)
def test_parameters_are_json_or_else_text(typed: str, event: Event) -> None:
    assert event_of(typed) == event


@pytest.mark.parametrize("typed", ["", "  ", "say hello", "say =5", 'say "x'])
def test_what_cannot_be_an_event_is_refused(typed: str) -> None:
    with pytest.raises(ConfigError, match="expected"):
        event_of(typed)


def test_whom_an_event_is_for() -> None:
    assert Target("p").targets is None
    assert Target("p", "f").targets == {"f": []}
    assert Target("p", "f", "r").targets == {"f": ["r"]}
    assert [str(target) for target in (Target("p"), Target("p", "f"), Target("p", "f", "r"))] == [
        "pipe p",
        "flow f",
        "r",
    ]


def test_what_became_of_it() -> None:
    assert outcome({"event": "stop"}) == "stop: sent"
    assert outcome({"event": "stop", "done": ["a", "b"], "failed": {}}) == "stop: done by a, b"
    assert outcome({"event": "stop", "done": [], "failed": {"a": "late"}}) == "stop: a failed: late"
