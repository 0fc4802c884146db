"""A control on a log: what it hears is done once and answered, and nothing that it hears ends it."""

import contextlib
import json
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import WaitFor
from tests.mux.steered_cameras import Cameras

from sightline.bus import Consumer, Log, Message, open_log
from sightline.errors import BusError, ConfigError, Unsupported, WireError
from sightline.hub import StreamServer
from sightline.log import hide_secret
from sightline.mux import Control, ControlStats, Reply, ask
from sightline.mux.answered import Answered
from sightline.mux.requests import (
    MAX_REQUEST_BYTES,
    reply_bytes,
    reply_of,
    request_bytes,
    request_of,
    said,
)
from sightline.testing import ManualClock

TOPIC = "control"


class Desk:
    """A control, and somebody who writes on its topic and reads the answers."""

    def __init__(self, url: str, wait_for: WaitFor, **settings: Any) -> None:
        self.cameras = Cameras()
        self.log: Log = open_log(url)
        self.answers: Consumer = self.log.consume(settings.get("reply_topic", f"{TOPIC}.replies"))
        self.control = Control(TOPIC, url, settings.pop("acts", None), self.cameras, **settings)
        self.wait_for = wait_for

    def say(self, action: str | bytes | None, value: Any = b"", **envelope: Any) -> None:
        key = action.encode() if isinstance(action, str) else action
        data = value if isinstance(value, bytes) else json.dumps({**value, **envelope}).encode()
        self.log.publish(TOPIC, data, key=key)

    def heard(self, count: int) -> ControlStats:
        """The counts, once so many messages were read."""

        def all_of_them() -> ControlStats | None:
            stats = msgspec.structs.asdict(self.control.stats())
            del stats["unanswered"]
            return self.control.stats() if sum(stats.values()) >= count else None

        found = self.wait_for(all_of_them, 10, f"{count} messages heard")
        assert found is not None
        return found

    def answer(self) -> dict[str, Any]:
        (message,) = self.answers.poll(1, 10)
        answer: dict[str, Any] = {"key": message.key, **json.loads(message.value)}
        return answer

    def close(self) -> None:
        self.control.kill()
        self.log.close()


Open = Callable[..., Desk]


@pytest.fixture
def url() -> str:
    return f"memory://control-{uuid.uuid4().hex}?history=8MiB"


@pytest.fixture
def desk(no_leaks: None, url: str, wait_for: WaitFor) -> Iterator[Open]:
    opened = []

    def opens(**settings: Any) -> Desk:
        opened.append(Desk(url, wait_for, **settings))
        return opened[-1]

    yield opens
    for one in opened:
        one.close()


def test_cameras_are_steered_by_messages(desk: Open) -> None:
    one = desk(name="east")
    one.say("create", {"camera_id": "gate", "rate": 5}, id="1")
    assert one.answer() == {
        "key": b"create",
        "id": "1",
        "by": "east",
        "ok": True,
        "result": "created gate",
        "error": None,
    }
    one.say("status", {}, id=2)
    answer = one.answer()
    assert (answer["id"], answer["result"]["gate"]["rate"]) == (2, 5.0)
    one.say("pause", {"camera_id": "gate"})
    assert one.heard(3) == ControlStats(acted=3)
    assert one.cameras.paused == {"gate"}


def test_a_failing_act_is_answered_with_what_was_expected(desk: Open) -> None:
    one = desk()
    one.say("create", {"camera_id": "gate", "rate": -1}, id="1")
    answer = one.answer()
    assert (answer["ok"], answer["error"]) == (False, "rate: expected float > 0.0, got -1")
    assert one.heard(1) == ControlStats(failed=1)


def test_an_unknown_action_is_told_as_the_document_has_it(desk: Open) -> None:
    one = desk()
    assert one.control.act("explode", None) == "✘ No action 'explode' defined!"
    one.say("explode", {}, id="1")
    answer = one.answer()
    assert (answer["ok"], answer["error"]) == (False, "✘ No action 'explode' defined!")
    assert one.heard(1) == ControlStats(unknown=1)


def test_acts_of_the_user_get_the_mux_and_the_value_as_it_came(desk: Open) -> None:
    got: list[Any] = []

    def note(comux: Any, value: Any) -> int:
        got.append((comux, value))
        return len(got)

    one = desk(acts={"note": note})
    for value in (b"", b"plain text", b"\xff\xfe", b'"text"', b"[1, 2]", b"7"):
        one.say("note", value)
    one.say("note", {"n": 1, "to": one.control.name}, id="x")
    assert one.answer()["result"] == 7
    assert [value for comux, value in got if comux is one.cameras] == [
        None,
        b"plain text",
        b"\xff\xfe",
        "text",
        [1, 2],
        7,
        {"n": 1, "to": one.control.name, "id": "x"},
    ]


def test_an_act_of_the_user_takes_the_place_of_one_of_its_name(desk: Open) -> None:
    one = desk(acts={"status": lambda _comux, _value: "mine"})
    assert one.control.act("status", {}) == "mine"
    assert one.control.act("create", {"camera_id": "gate"}) == "created gate"


def test_nothing_that_is_read_ends_the_control(desk: Open) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    def raises(error: BaseException) -> Callable[[Any, Any], None]:
        def act(_comux: Any, _value: Any) -> None:
            raise error

        return act

    cycle: list[Any] = []
    cycle.append(cycle)
    acts = {
        "exit": raises(SystemExit(3)),
        "stop": raises(KeyboardInterrupt()),
        "mute": raises(Mute()),
        "break": raises(BrokenPipeError("gone")),
        "deep": lambda _comux, _value: cycle,
        "keys": lambda _comux, _value: {(1, 2): 3},
        "half": lambda _comux, _value: "\ud800",
        "dumb": lambda _comux, _value: [Mute()],
        "odd": lambda _comux, _value: [float("nan"), b"\xff", 2**80, Cameras, {1, 2}],
    }
    one = desk(acts=acts)
    poison = [
        (None, b"{}"),
        (b"", b"{}"),
        (b"\xff\xfe", b"{}"),
        (b"a" * 257, b"{}"),
        (b"create", b"{}" + b" " * MAX_REQUEST_BYTES),
        (b"status", b'{"id": ""}'),
        (b"status", b'{"id": [1]}'),
        (b"status", b'{"id": 99999999999999999999999}'),
        (b"status", b'{"id": "1", "to": 5}'),
    ]
    failing = [
        (b"create", b"{"),
        (b"create", b"\xff\xfe\x00"),
        (b"create", b"[" * 60_000),
        (b"create", b'{"a":' * 5_000 + b"1" + b"}" * 5_000),
        (b"create", b'{"camera_id": "\\ud800"}'),
        (b"create", b"5"),
        *((name.encode(), b"") for name in ("exit", "stop", "mute", "break")),
    ]
    for key, value in poison + failing:
        one.say(key, value)
    for name in acts:
        one.say(name, {}, id=name)
    answers = {answer["id"]: answer for answer in (one.answer() for _ in acts)}
    assert one.heard(len(poison) + len(failing) + len(acts)) == ControlStats(
        refused=len(poison), failed=len(failing) + 4, acted=5
    )
    assert [name for name, answer in answers.items() if answer["ok"]] == ["odd"]
    assert answers["exit"]["error"] == "SystemExit: 3"
    assert answers["mute"]["error"] == "Mute: it cannot say what"
    assert answers["break"]["error"] == "BrokenPipeError: gone"
    for name in ("deep", "keys", "half", "dumb"):
        assert answers[name]["error"].startswith("it was done; its result cannot be written as JSON: ")
    one.say("status", {}, id="after")
    assert one.answer()["ok"] is True


def told(caplog: pytest.LogCaptureFixture) -> list[Any]:
    """Warnings of the control, with their fields."""
    return [record.msg for record in caplog.records if record.levelname == "WARNING"]


def test_what_is_wrong_is_logged_but_not_each(desk: Open, caplog: pytest.LogCaptureFixture) -> None:
    one = desk(clock=ManualClock())
    for _ in range(500):
        one.say(b"\xff", b"{}")
    one.heard(500)
    one.control.kill()
    assert [line["times"] for line in told(caplog)] == [1, 499]


def test_a_filter_passes_messages_over(desk: Open) -> None:
    def filters(message: Message) -> bool:
        if message.value == b"break":
            raise ValueError("the filter's own fault")
        return ("by", b"ops") in message.headers

    one = desk(filter=filters)
    one.say("create", {"camera_id": "gate"}, id="1")
    one.say("create", b"break")
    one.log.publish(TOPIC, b'{"camera_id": "yard"}', key=b"create", headers=(("by", b"ops"),))
    assert one.heard(3) == ControlStats(filtered=1, refused=1, acted=1)
    assert list(one.cameras.settings) == ["yard"]


def test_a_request_that_comes_again_is_answered_again_and_not_done_again(desk: Open) -> None:
    one = desk()
    for _ in range(3):
        one.say("create", {"camera_id": "gate"}, id="same")
    first, *others = [one.answer() for _ in range(3)]
    assert first["ok"]
    assert others == [first, first]
    assert one.cameras.calls == 1
    assert one.heard(3) == ControlStats(acted=1, repeated=2)


def test_an_id_of_another_request_is_refused(desk: Open) -> None:
    one = desk()
    one.say("create", {"camera_id": "gate"}, id="same")
    one.say("delete", {"camera_id": "gate"}, id="same")
    assert [one.answer()["ok"] for _ in range(2)] == [True, False]
    assert one.heard(2) == ControlStats(acted=1, refused=1)
    assert list(one.cameras.settings) == ["gate"]


def test_after_ten_minutes_an_id_is_new(desk: Open) -> None:
    clock = ManualClock()
    one = desk(clock=clock)
    one.say("pause", {"camera_id": "gate"}, id="same")
    one.answer()
    clock.move(601)
    one.say("pause", {"camera_id": "gate"}, id="same")
    one.answer()
    assert one.cameras.calls == 2


def test_several_instances_hear_one_topic_and_a_request_may_name_one(desk: Open) -> None:
    east, west = desk(name="east"), desk(name="west")
    # Longer than a test may take: it does not wait for more than that one.
    replies = ask(east.log, TOPIC, "create", {"camera_id": "gate"}, to="west", timeout_s=300)
    assert [(reply.by, reply.ok) for reply in replies] == [("west", True)]
    assert (list(east.cameras.settings), list(west.cameras.settings)) == ([], ["gate"])
    assert east.heard(1) == ControlStats(for_others=1)
    both = ask(east.log, TOPIC, "status", {}, timeout_s=10, settle_s=0.3)
    assert {reply.by: list(reply.result) for reply in both} == {"east": [], "west": ["gate"]}


def test_two_instances_without_a_name_have_two(desk: Open) -> None:
    assert desk().control.name != desk().control.name


def test_who_asks_gets_its_own_answers_alone(desk: Open) -> None:
    def chatter(_comux: Any, _value: Any) -> str:
        for junk in (b"\xffnot an answer", b"[]", b'{"id": "another", "by": "west", "ok": true}'):
            one.log.publish("control.replies", junk)
        return "mine"

    one = desk(name="east", acts={"chatter": chatter})
    replies = ask(one.log, TOPIC, "chatter", {}, timeout_s=10, to="east")
    assert [(reply.by, reply.result) for reply in replies] == [("east", "mine")]


def test_nobody_there_is_no_answer(url: str) -> None:
    with open_log(url) as log:
        assert ask(log, TOPIC, "status", {}, timeout_s=0.2) == []


def test_answers_have_a_topic_of_their_own_if_wanted(desk: Open) -> None:
    one = desk(reply_topic="answers")
    one.say("status", {}, id="1")
    assert one.answer()["ok"]


def test_a_secret_is_not_answered(desk: Open) -> None:
    def leaks(_comux: Any, _value: Any) -> None:
        raise OSError("rtsp://viewer:hunter2@10.0.0.5 says planted-4711")

    hide_secret("planted-4711")
    acts = {
        "leak": leaks,
        "tell": lambda _comux, _value: {"url": "http://u:hunter2@h/", "password": "hunter2"},
    }
    one = desk(acts=acts)
    one.say("leak", {}, id="1")
    one.say("tell", {}, id="2")
    answers = f"{one.answer()} {one.answer()}"
    assert "hunter2" not in answers
    assert "planted" not in answers
    assert "***" in answers


def test_a_result_that_no_message_can_hold_is_told_as_such(desk: Open) -> None:
    one = desk(acts={"huge": lambda _comux, _value: "x" * 17 * 2**20})
    one.say("huge", {}, id="1")
    answer = one.answer()
    assert (answer["ok"], answer["error"][:29]) == (False, "it was done; its result is of")


def test_it_begins_at_the_end_unless_told_to_do_what_was_asked_before(desk: Open, url: str) -> None:
    with open_log(url) as log:
        log.publish(TOPIC, b'{"camera_id": "gate"}', key=b"create")
        late, early = desk(), desk(start="earliest")
    assert early.heard(1) == ControlStats(acted=1)
    assert late.control.stats() == ControlStats()


def test_it_knows_how_far_it_and_its_topic_are(desk: Open, wait_for: WaitFor) -> None:
    one = desk()
    assert (one.control.offset, one.control.topic_last_offset) == (None, None)
    one.say("status", {})
    one.say("status", {})
    wait_for(lambda: one.control.offset == 1, 10, "two messages read")
    assert one.control.topic_last_offset == 1
    one.control.kill()
    assert one.control.topic_last_offset is None


def listening(control: Control) -> bool:
    return control._thread is not None and control._thread.is_alive()


def test_it_may_be_pointed_at_another_broker(desk: Open, wait_for: WaitFor) -> None:
    one = desk()
    one.say("status", {})
    one.heard(1)
    elsewhere = f"memory://control-{uuid.uuid4().hex}?history=1MiB"
    one.control.connect(elsewhere)
    one.control.sub()
    one.control.run()
    assert one.control.offset is None
    with open_log(elsewhere) as log:
        assert ask(log, TOPIC, "create", {"camera_id": "gate"}, to=one.control.name, timeout_s=10)
    one.say("create", {"camera_id": "yard"})
    assert list(one.cameras.settings) == ["gate"]


def test_kill_ends_the_thread_and_again_is_allowed(desk: Open) -> None:
    one = desk()
    one.control.kill()
    one.control.kill()
    assert not listening(one.control)
    one.say("create", {"camera_id": "gate"})
    assert one.control.stats() == ControlStats()


def test_an_act_may_kill_the_control_and_is_answered(desk: Open, wait_for: WaitFor) -> None:
    kills: list[Control] = []
    one = desk(acts={"bye": lambda _comux, _value: kills[0].kill()})
    kills.append(one.control)
    one.say("bye", {}, id="1")
    assert one.answer()["ok"]
    wait_for(lambda: not listening(one.control), 10, "the control's thread to end")


def test_it_is_a_context_manager(no_leaks: None, url: str) -> None:
    with Control(TOPIC, url, None, Cameras()) as control:
        assert listening(control)
    assert not listening(control)


def test_a_broker_that_breaks_off_is_tried_again_and_nothing_is_missed(
    desk: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("sightline.mux.control._AGAIN_S", 0.02)
    one = desk()
    one.say("create", {"camera_id": "gate"}, id="1")
    one.answer()
    consumer = one.control._consumer
    broken = threading.Event()
    refused = iter([True, True])

    def poll(_most: int, _timeout_s: float) -> list[Message]:
        broken.set()
        raise BusError("it went away")

    def opens(url: str) -> Log:
        if next(refused, False):
            one.say("pause", {"camera_id": "gate"})
            raise BusError("it is still away")
        return open_log(url)

    monkeypatch.setattr("sightline.mux.control.open_log", opens)
    monkeypatch.setattr(consumer, "poll", poll)
    one.say("status", {})  # ends the poll that is under way
    assert broken.wait(10)
    one.say("resume", {"camera_id": "gate"}, id="2")
    assert one.answer()["id"] == "2"
    assert one.heard(5) == ControlStats(acted=5)
    assert [line["event"] for line in told(caplog)] == [
        "control lost its broker",
        "control still has no broker",
        "control still has no broker",
    ]


def test_answers_that_the_broker_does_not_take_are_counted(
    desk: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def publish(*_: Any, **__: Any) -> None:
        raise BusError("refused")

    one = desk()
    monkeypatch.setattr(one.control._log, "publish", publish)
    one.say("status", {}, id="1")
    assert one.heard(1) == ControlStats(acted=1, unanswered=1)


def test_a_bus_that_keeps_nothing_is_refused_and_nothing_is_left(no_leaks: None) -> None:
    with pytest.raises(Unsupported, match="history"):
        Control(TOPIC, f"memory://{uuid.uuid4().hex}", None, Cameras())
    with StreamServer(port=0) as server, pytest.raises(ConfigError, match="expected a topic"):
        Control("no topic", f"hub://127.0.0.1:{server.port}?history=1MiB", None, Cameras())


# What is pure.


def message(value: bytes, key: bytes | None = b"status") -> Message:
    return Message(TOPIC, value, key, (), 0, 0)


@given(st.binary(max_size=300) | st.none(), st.binary(max_size=300))
def test_any_message_is_a_request_or_a_wire_error(key: bytes | None, value: bytes) -> None:
    with contextlib.suppress(WireError):
        assert request_of(message(value, key)).action.encode() == key


@given(
    st.dictionaries(st.text(), st.integers(-(2**53), 2**53) | st.text()), st.text(min_size=1, max_size=128)
)
def test_what_is_asked_is_what_is_read(value: dict[str, Any], request_id: str) -> None:
    value.pop("to", None)
    request = request_of(message(request_bytes(value, request_id)))
    assert request == ("status", {**value, "id": request_id}, request_id, None)
    assert request_of(message(request_bytes(value, 5, "east")))[2:] == (5, "east")


def test_a_request_is_bounded_where_it_is_made() -> None:
    with pytest.raises(WireError, match="at most 65536 bytes"):
        request_bytes({"x": "x" * MAX_REQUEST_BYTES}, "1")
    with pytest.raises(WireError, match="written as JSON"):
        request_bytes({"x": object()}, "1")


@given(st.binary())
def test_any_bytes_are_an_answer_or_none(data: bytes) -> None:
    assert isinstance(reply_of(data), Reply | None)


@given(st.integers(200, 5000))
def test_an_answer_keeps_to_its_bound(most: int) -> None:
    reply = Reply(id="1", by="east", ok=True, result=list(range(1000)))
    data = reply_bytes(reply, most)
    assert len(data) <= most
    read = reply_of(data)
    assert read is not None
    assert read.ok is (len(msgspec.json.encode(reply)) <= most)


def test_errors_of_any_length_are_told_in_short() -> None:
    assert len(said(ValueError("x" * 10**6))) == 2000


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 40), st.integers(0, 8)), max_size=60),
    st.integers(1, 5),
    st.integers(1, 100),
)
def test_the_answers_of_late_are_bounded_and_the_newest(
    requests: list[tuple[int, int, int]], most: int, most_bytes: int
) -> None:
    answered = Answered(most=most, most_bytes=most_bytes, most_age_s=10e-9)
    kept: dict[int, tuple[int, bytes]] = {}
    now_ns = 0
    for request_id, size, step in requests:
        now_ns += step
        kept = {one: (at, reply) for one, (at, reply) in kept.items() if now_ns - at <= 10}
        found = answered.to(message(b"%d" % request_id), request_id, now_ns)
        assert found == (kept[request_id][1] if request_id in kept else None)
        if found is None:
            reply = b"x" * size
            answered.keep(message(b"%d" % request_id), request_id, reply, now_ns)
            kept[request_id] = (now_ns, reply)
            while len(kept) > most or sum(len(reply) for _, reply in kept.values()) > most_bytes:
                del kept[next(iter(kept))]


def test_no_refcount_of_a_message_is_held_by_the_answers() -> None:
    """A message may be of 64 KiB: what is remembered of it is a number."""
    one = message(b"x" * 1000)
    before = sys.getrefcount(one)
    answered = Answered()
    answered.keep(one, "1", b"{}", 0)
    assert sys.getrefcount(one) == before
