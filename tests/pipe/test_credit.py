"""The account of what is under way on an edge, as both ends and the socket between them take turns."""

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from sightline.pipe.wires.credit import Credit, Window


def test_nothing_is_sent_before_the_reader_has_spoken() -> None:
    credit = Credit()
    assert credit.left == 0
    window = Window(3, waits=True)
    assert window.due(3)
    credit.told(window.limit, window.arrived)
    assert credit.left == 3


def test_what_is_said_late_takes_nothing_back() -> None:
    credit = Credit()
    credit.told(5, 0)
    credit.sent = 4
    credit.told(3, 2)
    credit.told(3, 1)
    assert (credit.left, credit.under_way) == (1, 2)
    credit.told(5, 9)
    assert credit.under_way == 0, "more than were sent cannot have come"


def test_room_is_not_told_one_by_one() -> None:
    window = Window(8, waits=True)
    assert window.due(8)
    window.arrived = window.taken = 8
    assert not window.due(1)
    assert window.due(1, gladly=True)
    assert not window.due(4)
    assert window.due(5)
    assert window.limit == 13


def test_a_full_inlet_gives_no_credit_and_a_live_one_gives_it_at_once() -> None:
    window = Window(2, waits=True)
    assert not window.due(0)
    live = Window(1, waits=False)
    assert live.due(0)
    live.arrived = live.taken = 1
    assert live.due(0)


STEPS = st.lists(st.sampled_from(["write", "arrive", "take", "take", "tell", "hear"]), max_size=200)


@given(capacity=st.integers(1, 9), steps=STEPS, gladly=st.booleans())
def test_a_lossless_edge_loses_nothing_doubles_nothing_and_never_stops(
    capacity: int, steps: list[str], gladly: bool
) -> None:
    credit, window = Credit(), Window(capacity, waits=True)
    to_send, socket, inlet, got = deque(range(30)), deque[int](), deque[int](), list[int]()
    said = deque[tuple[int, int]]()

    def write() -> None:
        if to_send and credit.left > 0:
            socket.append(to_send.popleft())
            credit.sent += 1

    def arrive() -> None:
        if socket:
            inlet.append(socket.popleft())
            window.arrived += 1
            window.taken += 1
            tell(gladly=True)

    def tell(*, gladly: bool = False) -> None:
        if window.due(capacity - len(inlet), gladly=gladly) or gladly:
            said.append((window.limit, window.arrived))

    def take() -> None:
        if inlet:
            got.append(inlet.popleft())
            tell()

    def hear() -> None:
        if said:
            credit.told(*said.popleft())

    does = {"write": write, "arrive": arrive, "take": take, "tell": lambda: tell(gladly=gladly), "hear": hear}
    for step in steps:
        does[step]()
        assert len(socket) + len(inlet) <= capacity
        assert 0 <= credit.under_way <= capacity
    tell()
    for _ in range(200):
        for one in (hear, write, arrive, take):
            one()
    assert got == list(range(30))
    while said:
        hear()
    assert credit.under_way == 0
