"""Events of real pipes, in each of their forms."""

from collections.abc import Iterator

import pytest
from tests.conftest import WaitFor
from tests.pipe.lines import Lines
from tests.pipe.parts import Collect, Counter, Hello

from sightline.errors import ConfigError
from sightline.pipe.parent.board import EventReport
from sightline.pipe.pipe import Pipe

LOG = Lines()


@pytest.fixture(scope="module")
def pipe() -> Iterator[Pipe]:
    """Flows a, b and c with two routines each; a1, b1 and c1 answer "hello", a2, b2 and c2 "number"."""
    with Pipe(logger=LOG.logger()) as made:
        for flow in "abc":
            made.create_flow(flow, True, Hello(f"{flow}1"), Collect(f"{flow}2"))
        made.build()
        made.notify_event("start", wait=True)
        yield made


@pytest.fixture(autouse=True)
def _fresh() -> None:
    LOG.lines.clear()


def sent(report: EventReport | None) -> EventReport:
    assert report is not None
    assert report.ok, report.failed
    return report


def test_an_event_reaches_all_that_answer_it(pipe: Pipe) -> None:
    assert sorted(sent(pipe.notify_event("hello", wait=True)).done) == ["a1", "b1", "c1"]
    assert sorted(LOG.lines) == [f"{flow}.{flow}1: hello nobody" for flow in "abc"]


def test_an_event_reaches_flows_and_routines_that_are_named(pipe: Pipe) -> None:
    assert sorted(sent(pipe.notify_event("hello", {"a": [], "c": []}, wait=True)).done) == ["a1", "c1"]
    assert sent(pipe.notify_event("hello", {"b": ["b1", "b2"]}, wait=True)).done == ("b1",)
    assert sent(pipe.notify_event("hello", {"b": ["b2"]}, wait=True)).done == ()


def test_parameters_come_with_an_event_whatever_they_are(pipe: Pipe) -> None:
    class Mine:
        def __str__(self) -> str:
            return "what only this test knows"

    sent(pipe.notify_event("hello", {"a": []}, to=Mine(), wait=True))
    assert LOG.lines == ["a.a1: hello what only this test knows"]
    with pytest.raises(ConfigError, match="parameters of event 'hello' cannot be sent"):
        pipe.notify_event("hello", to=(_ for _ in ()))


def test_parameters_may_be_larger_than_a_socket_takes(pipe: Pipe) -> None:
    many = sent(pipe.notify_event("hello", {"a": []}, to="x" * 5_000_000, wait=10))
    assert many.done == ("a1",)


def test_what_a_method_raises_is_told_and_the_routine_goes_on(pipe: Pipe) -> None:
    report = pipe.notify_event("fail", {"b": []}, wait=True)
    assert report is not None
    assert report.failed == {"b1": "fail: ValueError: as asked"}
    report = pipe.notify_event("hello", {"b": []}, wait=True, nonsense=1)
    assert report is not None
    assert "unexpected keyword argument 'nonsense'" in report.failed["b1"]
    sent(pipe.notify_event("hello", {"b": []}, wait=True))


def test_a_routine_sends_events_to_any_flow(pipe: Pipe, wait_for: WaitFor) -> None:
    parameters = {"event": "hello", "targets": {"c": ["c1"]}, "to": "c from a"}
    sent(pipe.notify_event("pass on", {"a": ["a1"]}, wait=True, **parameters))
    wait_for(lambda: LOG.lines == ["c.c1: hello c from a"], 30, "the event to come")


def test_a_routine_object_of_the_parent_sends_events_too(pipe: Pipe) -> None:
    hello = next(one for name, routines in pipe._flows if name == "b" for one in routines)
    hello.notify_event("hello", {"a": []}, to="a from b")
    sent(pipe.notify_event("hello", {"a": []}, wait=True, to="the end"))
    assert LOG.lines == ["a.a1: hello a from b", "a.a1: hello the end"]
    with pytest.raises(ConfigError, match="is in no flow yet"):
        Hello("alone").notify_event("hello")


@pytest.mark.parametrize(
    ("event", "targets", "told"),
    [
        ("helo", {}, r"unknown event 'helo'; did you mean \"hello\"\? \(known: start, stop, kill, .*hello"),
        ("hello", {"d": []}, r"unknown flow 'd' \(known: a, b, c\)"),
        ("hello", {"a": ["b1"]}, r"unknown routine of flow \"a\" 'b1' \(known: a1, a2\)"),
    ],
)
def test_a_wrong_name_is_told_to_who_wrote_it(
    pipe: Pipe, event: str, targets: dict[str, list[str]], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        pipe.notify_event(event, targets)
    parameters = {"event": event, "targets": targets}
    report = pipe.notify_event("pass on", {"a": []}, wait=True, **parameters)
    assert report is not None
    assert "ConfigError: unknown" in report.failed["a1"]


def test_a_thousand_events_come_in_order_to_three_flows(pipe: Pipe) -> None:
    sent(pipe.notify_event("stop", wait=True))
    sent(pipe.notify_event("start", wait=True))
    LOG.lines.clear()
    for number in range(1000):
        pipe.notify_event("number", number=number)
    sent(pipe.notify_event("tell", wait=True))
    told = [line for line in LOG.lines if "numbers" in line]
    assert sorted(told) == [f"{flow}.{flow}2: numbers {list(range(1000))}" for flow in "abc"]


def test_waiting_has_an_end_where_that_is_wished(pipe: Pipe) -> None:
    report = pipe.notify_event("sleep", {"c": []}, wait=0.1, seconds=0.4)
    assert report is not None
    assert report.failed == {"c1": "no answer in time"}
    sent(pipe.notify_event("hello", {"c": []}, wait=True))


def test_to_wait_no_time_at_all_is_not_to_wait(pipe: Pipe) -> None:
    pipe.notify_event("sleep", {"c": []}, seconds=0.1)
    for wait in (0.0, 0, False):
        assert pipe.notify_event("hello", {"c": []}, wait=wait) is None
    sent(pipe.notify_event("hello", {"c": []}, wait=True))
    assert LOG.lines == ["c.c1: hello nobody"] * 4  # and none that it failed


def test_events_before_the_build_and_before_start_are_handled_in_order() -> None:
    with Pipe(logger=LOG.logger()) as pipe:
        pipe.create_flow("a", True, Counter("count"), Hello("hello"))
        pipe.notify_event("hello", {"a": ["hello"]}, to="one")
        with pytest.raises(ConfigError, match="before build"):
            pipe.notify_event("hello", wait=True)
        with pytest.raises(ConfigError, match="known: start, stop, kill, die, fail"):
            pipe.notify_event("number", number=1)
        with pytest.raises(ConfigError, match="unknown event 'die1'"):
            pipe.notify_event("die1")
        pipe.notify_event("hello", to="two")
        pipe.build()
        pipe.notify_event("hello", to="three")
        sent(pipe.notify_event("start", wait=True))
        assert LOG.lines == [f"a.hello: hello {to}" for to in ("one", "two", "three")]
        assert pipe.get_pipe_structure()["Routines"][1] == {
            "flow_name": "a",
            "routine_name": "hello",
            "events": ["die", "fail", "hello", "pass on", "sleep"],
        }
        assert pipe.get_pipe_structure()["Events"] == ["start", "stop", "kill"]
        pipe.get_event_notify()("hello", to="four")
        sent(pipe.notify_event("stop", wait=True))
        assert LOG.lines[-1] == "a.hello: hello four"
