"""Which methods answer which events."""

import pytest

from sightline.errors import ConfigError
from sightline.pipe.handlers import events, events_of


class First:
    @events("OPEN")
    def opened(self) -> str:
        return "first"

    @events("OPEN", "AGAIN")
    def also(self) -> None: ...

    def other(self) -> None: ...


class Second(First):
    def opened(self) -> str:
        return "second"

    @events("CLOSE")
    @events("OPEN")
    def closed(self) -> None: ...


def test_methods_answer_in_the_order_of_their_classes() -> None:
    assert events_of(First) == {"OPEN": ("opened", "also"), "AGAIN": ("also",)}
    assert events_of(Second) == {
        "OPEN": ("opened", "also", "closed"),
        "AGAIN": ("also",),
        "CLOSE": ("closed",),
    }


def test_a_method_that_answers_an_event_stays_a_method() -> None:
    assert (First().opened(), Second().opened()) == ("first", "second")


def test_an_event_needs_a_name() -> None:
    with pytest.raises(ConfigError, match="expected @events"):
        events()
    with pytest.raises(ConfigError, match="expected @events"):
        events(len)  # type: ignore[arg-type]  # `@events` without a name
