"""Whether the bus carries anything."""

from sightline.clock import ns
from sightline.fleet.coordinator.echo import EVERY_S, LOST_S, Echo

LATE = ns(LOST_S) + 1


def test_an_echo_is_due_at_the_begin_and_then_every_second() -> None:
    echo = Echo("a", 100)
    assert echo.due_ns == 100
    echo.send(100)
    assert echo.due_ns == 100 + ns(EVERY_S)


def test_a_bus_that_answers_in_time_was_never_lost() -> None:
    echo = Echo("a", 0)
    marker = echo.send(0)
    assert not echo.is_lost(ns(LOST_S))
    assert not echo.heard(marker, ns(LOST_S))
    assert not echo.is_lost(10 * LATE)


def test_a_bus_is_lost_while_an_echo_is_out_for_too_long_and_back_with_the_first_that_is_not_late() -> None:
    echo = Echo("a", 0)
    first = echo.send(0)
    assert echo.is_lost(LATE)
    second = echo.send(LATE)
    assert echo.heard(first, LATE + 1), "only the second is out, and it is not late"
    assert not echo.is_lost(LATE + 1)
    assert not echo.heard(second, LATE + 2), "it is said once"


def test_a_backlog_of_late_echoes_does_not_make_it_there_again() -> None:
    echo = Echo("a", 0)
    first, _ = echo.send(0), echo.send(1)
    assert not echo.heard(first, 10 * LATE)
    assert echo.is_lost(10 * LATE)


def test_a_loss_that_nobody_looked_at_is_told_all_the_same() -> None:
    echo = Echo("a", 0)
    assert echo.heard(echo.send(0), LATE)


def test_markers_of_others_mean_nothing() -> None:
    echo = Echo("a", 0)
    echo.send(0)
    assert echo.is_lost(LATE)
    for marker in ("", "echo-a-", "echo-b-1", "echo-a-x", Echo("b", 0).send(0)):
        assert not echo.heard(marker, LATE)
    assert echo.is_lost(LATE)


def test_a_long_loss_takes_no_more_room() -> None:
    echo = Echo("a", 0)
    markers = [echo.send(number) for number in range(1000)]
    assert len(echo._out) < 100
    echo.is_lost(10 * LATE)
    assert echo.heard(markers[-1], 10 * LATE)
