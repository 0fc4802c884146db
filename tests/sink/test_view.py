"""Pictures and results for those who look, and for as long as somebody does."""

import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.drawn import drawn_packets

from sightline import Packet, Result
from sightline.bus import Bus, Message, Subscription, open_bus, publish_packet
from sightline.clock import ns
from sightline.errors import ConfigError, WireError
from sightline.overflow import Capacity, Overflow
from sightline.sink.view import View
from sightline.sink.viewed import About, about, cameras_wanted, topics_of, wanted_message, where_of
from sightline.sink.wanting import LASTS_S, Wanting
from sightline.wire import result_from_json

WaitFor = Callable[[Callable[[], object], float, str], object]
MakeShown = Callable[..., tuple[Result, object]]
HERE, FLEET = "memory://view-here", "memory://view-there"
THERE = where_of(FLEET)


@pytest.fixture
def here() -> Iterator[Bus]:
    with open_bus(HERE) as bus:
        yield bus


@pytest.fixture
def there() -> Iterator[Bus]:
    with open_bus(THERE) as bus:
        yield bus


def reading(bus: Bus) -> Subscription:
    return bus.subscribe("view", capacity=Capacity(count=1000), overflow=Overflow.DROP_OLDEST)


def made(here: Bus, **options: object) -> View:
    offered = {"cameras": ("cam1", "cam2"), "carried": {"cam1": "raw_cam1"}, "terms": {"cam1": 7}}
    return View(FLEET, bus=here, **{**offered, **options})  # type: ignore[arg-type]


def until(came: list[Message], subscription: Subscription, is_enough: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 10
    while not is_enough():
        assert time.monotonic() < end_s, f"only {len(came)} messages came"
        came += subscription.poll(100, 0.1)


class Looking:
    """Somebody looks at `cameras`, and sees what comes."""

    def __init__(self, there: Bus, here: Bus, packets: list[Packet]) -> None:
        self.there, self.here, self.packets = there, here, packets
        self.came: list[Message] = []
        self.subscription = reading(there)

    def want(self, *cameras: str) -> None:
        self.there.publish("view_wanted", wanted_message(cameras))

    def round(self) -> None:
        """A GOP of the camera."""
        for packet in self.packets:
            publish_packet(self.here, packet)
        self.came += self.subscription.poll(1000, 0.05)

    def whats(self) -> list[str]:
        return [about(message).what for message in self.came]


def test_packets_pass_from_a_keyframe_on_while_somebody_looks(
    here: Bus, there: Bus, wait_for: WaitFor, make_shown: MakeShown
) -> None:
    looking = Looking(there, here, drawn_packets(1, 20)[5:])
    view = made(here)
    try:
        looking.round()
        assert not looking.came  # nobody asked

        def asked() -> bool:
            looking.want("cam1")
            looking.round()
            return "packet" in looking.whats()

        wait_for(asked, 10, "packets that are wanted")
        first = looking.came[0]
        assert (first.keyframe, about(first)) == (True, About("cam1", "packet", 7))
        assert first.value == looking.packets[5].data
        result, frame = make_shown(camera_id="cam1")
        view.write(result, frame)  # type: ignore[arg-type]
        until(looking.came, looking.subscription, lambda: "result" in looking.whats())
        (seen,) = [message for message in looking.came if about(message).what == "result"]
        assert result_from_json(seen.value) == result
        stats = view.waiting()
        assert stats.entered == stats.left + stats.held
    finally:
        view.close()


def test_what_nobody_wants_any_more_stops(here: Bus, there: Bus, wait_for: WaitFor) -> None:
    looking = Looking(there, here, drawn_packets(1, 10))
    view = made(here)
    try:

        def flows() -> bool:
            looking.came.clear()
            looking.round()
            return bool(looking.came)

        def asked() -> bool:
            looking.want("cam1")
            return flows()

        wait_for(asked, 10, "packets that are wanted")

        def ended() -> bool:
            looking.want()
            return not any(flows() for _ in range(8))

        wait_for(ended, 10, "an end of packets that nobody wants")
    finally:
        view.close()


def test_results_pass_of_a_camera_whose_packets_another_worker_carries(
    here: Bus, there: Bus, wait_for: WaitFor, make_shown: MakeShown
) -> None:
    looking = Looking(there, here, [])
    view = made(here, carried={}, terms={})
    result, frame = make_shown(camera_id="cam1")
    try:

        def passed() -> bool:
            looking.want("cam1")
            view.write(result, frame)  # type: ignore[arg-type]
            looking.round()
            return bool(looking.came)

        wait_for(passed, 10, "a result")
        assert set(looking.whats()) == {"result"}
    finally:
        view.close()


def test_a_packet_above_what_the_bus_takes_is_told(here: Bus, wait_for: WaitFor) -> None:
    packets = drawn_packets(1, 10)
    most = len(packets[0].data) - 1
    with open_bus(THERE, max_message_bytes=most) as there, pytest.MonkeyPatch.context() as patched:
        patched.setattr("sightline.sink.view.open_bus", lambda url: open_bus(url, max_message_bytes=most))
        looking = Looking(there, here, packets)
        view = made(here)
        try:

            def told() -> bool:
                looking.want("cam1")
                looking.round()
                return "trouble" in looking.whats()

            wait_for(told, 10, "a word on a packet that is too large")
            (why, *_) = [about(one).why for one in looking.came if about(one).what == "trouble"]
            assert "expected a message of at most" in why
        finally:
            view.close()


def test_a_bus_that_is_away_costs_no_result_and_no_time(here: Bus, make_shown: MakeShown) -> None:
    view = View("hub://127.0.0.1:1", bus=here, cameras=("cam1",), carried={"cam1": "raw_cam1"}, terms={})
    result, frame = make_shown(camera_id="cam1")
    begun_s = time.monotonic()
    for _ in range(100):
        view.write(result, frame)  # type: ignore[arg-type]
    view.close()
    assert time.monotonic() - begun_s < 3


@given(st.lists(st.tuples(st.floats(0, 20), st.sets(st.sampled_from("abcd")))), st.floats(0, 60))
def test_what_was_said_last_holds_whole_and_for_its_time(
    said: list[tuple[float, set[str]]], later_s: float
) -> None:
    wanting, now_s = Wanting(frozenset("abc")), 0.0
    last: tuple[float, set[str]] = (-100.0, set())
    for after_s, cameras in said:
        now_s += after_s
        wanting.said(frozenset(cameras), ns(now_s))
        last = (now_s, cameras)
        assert wanting.wanted(ns(now_s)) == cameras - {"d"}
    at_ns = ns(now_s + later_s)
    holds = at_ns < ns(last[0]) + ns(LASTS_S)
    assert wanting.wanted(at_ns) == (last[1] - {"d"} if holds else set())


def test_what_is_no_word_of_a_view_is_refused() -> None:
    assert cameras_wanted(wanted_message({"b", "a"})) == {"a", "b"}
    for wrong in (b"", b"[]", b'{"cameras": 3}', b"[" * 2000):
        with pytest.raises(WireError):
            cameras_wanted(wrong)
    with pytest.raises(WireError, match="got none"):
        about(Message("view", b"", None, (), 0, 0))
    assert topics_of("north.") == ("north.view_wanted", "north.view")
    with pytest.raises(ConfigError):
        topics_of("a/b")


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("hub://h:1?history=1MiB", "hub://h:1"),
        ("hub://:x@h:1?tls_ca=a&history=1MiB&b=1", "hub://:x@h:1?tls_ca=a&b=1"),
        ("memory://x?history=1MiB", "memory://x.view"),
        ("kafka://h?settings=/a/b", "kafka://h?settings=/a/b"),
    ],
)
def test_a_bus_of_live_pictures_keeps_nothing(url: str, kept: str) -> None:
    assert where_of(url) == kept
