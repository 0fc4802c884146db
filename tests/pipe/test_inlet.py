"""The lines of one routine: turns, room, ends."""

import pytest
from tests.pipe.flowyard import data_of, messages

from sightline.errors import ConfigError
from sightline.pipe.settings import Policy, WireSettings
from sightline.pipe.wires.inlet import Inlet

LIVE = WireSettings()
LOSSLESS = WireSettings(policy=Policy.LOSSLESS, capacity=3)


def test_a_quick_wire_takes_no_room_of_another() -> None:
    inlet = Inlet({"camera": LIVE, "orders": LOSSLESS})
    inlet.put_many(messages("order"), "orders")
    for number in range(100):
        inlet.put_many(messages(number), "camera")
    assert sorted(map(str, data_of(inlet.take_many(9)))) == ["99", "order"]
    assert inlet.stats()["camera"].dropped == {"overflow": 99}
    assert inlet.stats()["orders"].dropped == {}


def test_wires_take_turns() -> None:
    inlet = Inlet({"a": LOSSLESS, "b": LOSSLESS, "c": LOSSLESS})
    inlet.put_many(messages("a1", "a2", "a3"), "a")
    inlet.put_many(messages("b1", "b2"), "b")
    assert data_of(inlet.take_many(2)) == ["a1", "a2"]
    assert data_of(inlet.take_many(2)) == ["b1", "b2"]
    inlet.put_many(messages("b3"), "b")
    assert data_of(inlet.take_many(1)) == ["a3"]
    assert data_of(inlet.take_many(9)) == ["b3"]
    assert inlet.take_many(9) == []
    assert len(inlet) == 0


def test_a_writer_that_waits_is_told_of_room_and_nobody_else() -> None:
    inlet = Inlet({"a": LOSSLESS, "b": LOSSLESS})
    told: list[str] = []
    inlet.on_room["a"] = lambda: told.append("a")
    inlet.on_room["b"] = lambda: told.append("b")
    assert inlet.put_many(messages(1, 2, 3, 4), "a") == 3
    assert (inlet.room("a"), inlet.room("b"), told) == (0, 3, [])
    inlet.take_many(1)
    assert (inlet.room("a"), told) == (1, ["a"])


def test_a_reader_is_told_once_after_it_found_nothing() -> None:
    inlet = Inlet({"a": LOSSLESS})
    told: list[int] = []
    inlet.on_items = lambda: told.append(len(inlet))
    inlet.put_many(messages(1), "a")
    inlet.put_many(messages(2), "a")
    assert told == [1]
    inlet.take_many(9)
    inlet.put_many(messages(3), "a")
    assert told == [1]  # it did not come back for more yet
    inlet.take_many(9)
    inlet.take_many(9)
    inlet.put_many(messages(4), "a")
    assert told == [1, 1]


def test_an_inlet_is_finished_when_all_its_sources_are_and_it_is_empty() -> None:
    inlet = Inlet({"a": LOSSLESS, "b": LOSSLESS})
    inlet.put_many(messages(1), "a")
    inlet.ended("a")
    inlet.ended("b")
    finished = [inlet.finished]
    inlet.take_many(1)
    finished.append(inlet.finished)
    inlet.link("c", LIVE)
    assert [*finished, inlet.finished] == [False, True, False]


def test_without_a_wire_an_inlet_waits_for_one() -> None:
    inlet = Inlet({"a": LOSSLESS})
    inlet.unlink("a")
    assert not inlet.finished
    inlet.link("a", LOSSLESS)
    assert inlet.put_many(messages(1), "a") == 1


def test_an_unlinked_source_that_never_ended_holds_nothing_up() -> None:
    inlet = Inlet({"a": LOSSLESS, "b": LOSSLESS})
    told: list[str] = []
    inlet.on_items = lambda: told.append("items")
    inlet.ended("a")
    told.clear()
    inlet.unlink("b")
    assert told == ["items"]
    assert inlet.finished


def test_a_closed_inlet_lets_its_writers_go() -> None:
    inlet = Inlet({"a": LOSSLESS})
    told: list[str] = []
    inlet.on_room["a"] = lambda: told.append("a")
    inlet.put_many(messages(1, 2, 3), "a")
    inlet.close()
    assert told == ["a"]
    assert inlet.put_many(messages(4), "a") == 1
    assert inlet.stats()["a"].dropped == {"closed": 4}


def test_a_source_without_a_wire_is_told_which_there_are() -> None:
    with pytest.raises(ConfigError, match="no wire comes from x here: there are a, b"):
        Inlet({"a": LIVE, "b": LIVE}).put_many([], "x")


def test_a_writer_that_waits_is_let_go_when_its_wire_is_taken_away() -> None:
    inlet = Inlet({"a": LOSSLESS})
    told: list[str] = []
    inlet.on_room["a"] = lambda: told.append("a")
    inlet.put_many(messages(1, 2, 3), "a")
    inlet.unlink("a")
    assert told == ["a"]
    assert inlet.put_many(messages(4), "a") == 1
    assert inlet.stats()["a"].dropped == {"unlinked": 1}
