"""Who is begun when, and ended when."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from sightline.clock import ns
from sightline.errors import ConfigError
from sightline.supervise import ChildSpec, State, Watch
from sightline.supervise.order import Order


def child(name: str, *, gate: bool = False, stop_s: float = 5) -> ChildSpec:
    return ChildSpec(name=name, command=["true"], gate=gate, watch=Watch(stop_s=stop_s))


def site(stop_s: float = 5) -> Order:
    """As `up` has it: the hub first."""
    return Order([child("hub", gate=True, stop_s=stop_s), child("capture"), child("worker", stop_s=1)])


def test_those_behind_a_gate_are_begun_once_it_is_ready() -> None:
    order, state = site(), {"hub": State.STARTING}
    assert order.to_begin(state.__getitem__) == ["hub"]
    assert order.to_begin(state.__getitem__) == []
    state["hub"] = State.WAITING
    assert order.to_begin(state.__getitem__) == []
    state["hub"] = State.RUNNING
    assert order.to_begin(state.__getitem__) == ["capture", "worker"]
    assert order.to_begin(state.__getitem__) == []


def test_a_gate_is_ended_behind_those_that_came_after_it() -> None:
    order, state = site(), dict.fromkeys(("hub", "capture", "worker"), State.RUNNING)
    assert order.to_end(0, state.__getitem__) == {}
    order.end(0)
    assert order.to_end(0, state.__getitem__) == {"capture": ns(5), "worker": ns(1)}
    state["capture"] = State.ENDED
    assert "hub" not in order.to_end(ns(1), state.__getitem__)
    state["worker"] = State.ENDED
    assert order.to_end(ns(2), state.__getitem__) == {"hub": ns(7)}
    assert not order.is_over
    state["hub"] = State.ENDED
    assert order.to_end(ns(2), state.__getitem__) == {}
    assert order.is_over


def test_nothing_is_begun_any_more_once_all_are_to_end() -> None:
    order = site()
    order.end(0)
    assert order.to_begin(lambda _: State.RUNNING) == []


def test_a_second_word_brings_the_end_forward_and_never_puts_it_off() -> None:
    order = site()
    order.end(0, 8)
    order.end(ns(1), 60)
    assert order.deadline_ns == ns(8)
    order.end(ns(1), 2)
    assert order.deadline_ns == ns(3)


def test_a_stage_leaves_time_for_those_before_it() -> None:
    order, ended = Order([child("a", gate=True), child("b", gate=True), child("c")]), {"c"}

    def state(name: str) -> State:
        return State.ENDED if name in ended else State.RUNNING

    order.end(0, 6)
    assert order.to_end(ns(2), state) == {"b": ns(4)}
    ended.add("b")
    assert order.to_end(ns(3), state) == {"a": ns(6)}


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.floats(0, 20), st.floats(0, 1))
def test_the_stages_share_the_time_and_all_are_ended_in_it(
    gates: list[bool], timeout_s: float, used: float
) -> None:
    order = Order([child(str(number), gate=gate) for number, gate in enumerate(gates)])
    ended: list[str] = []

    def state(name: str) -> State:
        return State.ENDED if name in ended else State.RUNNING

    now_ns = 0
    order.end(now_ns, timeout_s)
    while ending := order.to_end(now_ns, state):
        assert all(now_ns <= by_ns <= ns(timeout_s) for by_ns in ending.values())
        assert order.to_end(now_ns, state) == ending  # asked again it says the same
        now_ns += round(used * (max(ending.values()) - now_ns))
        ended += ending
    stages = [sum(gates[: int(name)]) for name in ended]
    assert stages == sorted(stages, reverse=True)
    assert sorted(ended) == sorted(str(number) for number in range(len(gates)))
    assert order.is_over


def test_two_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="'gate' twice"):
        Order([child("gate"), child("gate")])
