"""The event board: who gets which event, when, and what is told of it."""

import pickle
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.clock import ns
from sightline.errors import BufferFull, Closed, ConfigError
from sightline.pipe.counts.reports import State
from sightline.pipe.event_names import LOG_DATA
from sightline.pipe.parent import board as board_module
from sightline.pipe.parent.board import EventBoard, EventReport

FLOWS: dict[str, dict[str, list[str]]] = {
    "a": {"a1": ["flash"], "a2": []},
    "b": {"b1": ["flash", "dim"]},
    "c": {"c1": []},
}


def made(*, built: bool = True, ready: bool = True) -> EventBoard:
    board = EventBoard()
    for flow, routines in FLOWS.items():
        board.add_flow(flow, routines)
    if built:
        board.build()
    for flow in FLOWS if ready else ():
        board.flow_ready(flow)
    return board


def taken(board: EventBoard) -> list[tuple[str, str, tuple[str, ...]]]:
    """What goes out, as (flow, event, routines), and is taken out by this."""
    orders = [(flow, order.event, order.routines) for flow, order in board.orders]
    board.orders.clear()
    return orders


def post(
    board: EventBoard, event: str, targets: dict[str, list[str]] | None = None, **parameters: Any
) -> int:
    return board.post(event, targets or {}, b"", now_ns=0)


def test_an_event_goes_to_all_to_a_flow_or_to_named_routines() -> None:
    board = made()
    post(board, "start")
    assert taken(board) == [
        ("a", "start", ("a1", "a2")),
        ("b", "start", ("b1",)),
        ("c", "start", ("c1",)),
    ]
    post(board, "start", {"a": []})
    assert taken(board) == [("a", "start", ("a1", "a2"))]
    post(board, "stop", {"a": ["a2"], "c": []})
    assert taken(board) == [("a", "stop", ("a2",)), ("c", "stop", ("c1",))]


def test_only_those_that_answer_an_event_get_it() -> None:
    board = made()
    post(board, "flash")
    assert taken(board) == [("a", "flash", ("a1",)), ("b", "flash", ("b1",))]
    number = post(board, "dim", {"a": []})
    assert taken(board) == []
    assert list(board.reports) == [EventReport(number=number, event="dim")]


@pytest.mark.parametrize(
    ("event", "targets", "told"),
    [
        (
            "flush",
            {},
            "unknown event 'flush'; did you mean \"flash\"? (known: start, stop, kill, dim, flash, log_data)",
        ),
        ("start", {"x": []}, "unknown flow 'x' (known: a, b, c)"),
        ("start", {"a": ["b1"]}, "unknown routine of flow \"a\" 'b1' (known: a1, a2)"),
        ("start", {"a": "a1"}, "expected the routines of flow \"a\" in a list, got 'a1'"),
    ],
)
@pytest.mark.parametrize("built", [False, True])
def test_a_wrong_name_is_told_with_the_right_ones(built: bool, event: str, targets: Any, told: str) -> None:
    board = made(built=built)
    with pytest.raises(ConfigError) as error:
        post(board, event, targets)
    assert str(error.value) == told
    assert not board.orders


def test_events_before_the_build_go_in_order_to_all_flows_there_are_then() -> None:
    board = EventBoard()
    board.add_flow("a", FLOWS["a"])
    post(board, "flash")
    post(board, "start")
    board.add_flow("b", FLOWS["b"])
    board.build()
    assert not board.orders
    board.flow_ready("b")
    board.flow_ready("a")
    assert [(flow, event) for flow, event, _ in taken(board)] == [
        ("b", "flash"),
        ("b", "start"),
        ("a", "flash"),
        ("a", "start"),
    ]


def test_a_report_tells_who_did_it_and_who_could_not() -> None:
    board = made()
    number = post(board, "flash")
    board.handled(number, "b1", "ValueError: too bright")
    board.handled(number, "b1", None)
    assert not board.reports
    board.handled(number, "a1", None)
    (report,) = board.reports
    assert report == EventReport(
        number=number, event="flash", done=("a1",), failed={"b1": "ValueError: too bright"}
    )
    assert not report.ok


def test_what_a_lost_flow_had_not_answered_failed_and_what_waits_for_it_waits() -> None:
    board = made()
    lost = post(board, "flash")
    board.handled(lost, "a1", None)
    board.flow_lost("b", "killed by SIGKILL")
    assert [report.failed for report in board.reports] == [{"b1": "killed by SIGKILL"}]
    board.reports.clear()
    taken(board)
    kept = post(board, "dim", {"b": []})
    assert not board.orders
    board.flow_ready("b")
    assert taken(board) == [("b", "dim", ("b1",))]
    board.handled(kept, "b1", None)
    assert board.reports[0].done == ("b1",)


def test_a_flow_that_was_begun_again_starts_what_had_been_started() -> None:
    board = made()
    post(board, "start")
    post(board, "stop", {"a": ["a2"]})
    board.routine_over("c", "c1", State.DONE)
    for flow in FLOWS:
        board.flow_lost(flow, "gone")
    taken(board)
    post(board, "flash")
    for flow in FLOWS:
        board.flow_ready(flow)
    assert taken(board) == [
        ("a", "start", ("a1",)),
        ("a", "flash", ("a1",)),
        ("b", "start", ("b1",)),
        ("b", "flash", ("b1",)),
    ]


def test_a_flow_that_was_begun_again_shows_what_it_was_to_show() -> None:
    board = made()
    on, off = (pickle.dumps({"on": on, "every_s": 0.2}) for on in (True, False))
    for targets, parameters in (
        ({}, b""),
        ({"a": ["a1"], "b": []}, b""),
        ({"b": []}, on),
        ({"b": []}, on),
        ({"c": []}, off),
    ):
        board.post(LOG_DATA, targets, parameters, 0)
    board.orders.clear()
    for flow in FLOWS:
        board.flow_lost(flow, "gone")
        board.flow_ready(flow)
    again = [(flow, order.event, order.routines, order.parameters) for flow, order in board.orders]
    assert again == [("a", LOG_DATA, ("a2",), b""), ("b", LOG_DATA, ("b1",), on)]


def test_who_does_not_answer_in_time_failed() -> None:
    board = made()
    number = board.post("flash", {}, b"", now_ns=ns(10), timeout_s=5)
    later = board.post("dim", {}, b"", now_ns=ns(10), timeout_s=8)
    board.handled(number, "a1", None)
    assert board.expire(ns(14)) == ns(15)
    assert not board.reports
    assert board.expire(ns(15)) == ns(18)
    assert board.reports[0].failed == {"b1": "no answer in time"}
    board.handled(number, "b1", None)
    assert len(board.reports) == 1
    board.handled(later, "b1", None)
    assert board.expire(ns(15)) is None


def test_nobody_takes_events_once_all_flows_are_over_but_a_further_kill_is_no_error() -> None:
    board = made()
    number = post(board, "kill")
    board.flow_over("a", "killed")
    post(board, "start")
    with pytest.raises(Closed, match="nobody takes it any more, as a ended"):
        post(board, "start", {"a": []})
    for flow in ("b", "c"):
        board.flow_over(flow, "killed")
    with pytest.raises(Closed):
        post(board, "flash")
    post(board, "kill")
    assert {report.number for report in board.reports} == {number, number + 1, number + 2}


def test_events_that_wait_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_module, "MOST_KEPT", 3)
    for board in (made(built=False), made(ready=False)):
        for _ in range(3):
            post(board, "flash")
        with pytest.raises(BufferFull):
            post(board, "flash")
    post(board, "kill")  # whatever waits: it ends those who do not take it


def test_who_is_over_is_not_meant_and_is_told_of_where_it_was_named() -> None:
    board = made()
    board.routine_over("a", "a1", State.KILLED)
    board.routine_over("b", "b1", State.DONE)
    board.flow_over("c", "its flow ended")
    post(board, "start")
    assert taken(board) == [("a", "start", ("a2",))]
    post(board, "flash")
    assert taken(board) == [("b", "flash", ("b1",))], "what is done answers its own events"
    post(board, "stop", {"a": [], "b": ["b1"]})
    assert taken(board) == [("a", "stop", ("a2",)), ("b", "stop", ("b1",))]
    number = post(board, "start", {"a": ["a1", "a2"], "b": ["b1"], "c": ["c1"]})
    assert taken(board) == [("a", "start", ("a2",))]
    board.handled(number, "a2", None)
    (report,) = board.reports
    assert report.done == ("a2",)
    assert report.failed == {"a1": "it is killed", "b1": "it is done", "c1": "its flow ended"}
    post(board, "kill", {"a": ["a1"], "c": []})
    assert board.reports.pop().ok or taken(board)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("post"), st.sampled_from(["flash", "dim", "start", "stop"]), st.none()),
        st.tuples(st.sampled_from(["ready", "lost", "answer"]), st.sampled_from("abc"), st.booleans()),
    ),
    max_size=60,
)


@given(STEPS)
def test_every_event_is_reported_once_and_reaches_each_flow_in_order(steps: list[Any]) -> None:
    board = made(ready=False)
    ready: set[str] = set()
    posted: list[int] = []
    seen: dict[str, list[int]] = defaultdict(list)
    unanswered: dict[str, list[tuple[int, str]]] = defaultdict(list)
    reports: list[EventReport] = []

    def settle() -> None:
        while board.orders:
            flow, order = board.orders.popleft()
            assert flow in ready
            if order.number:
                seen[flow].append(order.number)
                unanswered[flow] += [(order.number, routine) for routine in order.routines]
        while board.reports:
            reports.append(board.reports.popleft())

    for step, what, flag in steps:
        if step == "post":
            posted.append(post(board, what))
        elif step == "ready" and what not in ready:
            ready.add(what)
            board.flow_ready(what)
        elif step == "lost" and what in ready:
            ready.discard(what)
            board.flow_lost(what, "lost")
            unanswered[what].clear()
        elif step == "answer" and unanswered[what]:
            number, routine = unanswered[what].pop(0)
            board.handled(number, routine, None if flag else "failed")
        settle()
    for flow in FLOWS:
        board.flow_over(flow, "over")
    settle()
    assert sorted(report.number for report in reports) == posted == list(range(1, len(posted) + 1))
    for numbers in seen.values():
        assert numbers == sorted(set(numbers))
