"""What is not as it should be is put right, later each time, and told."""

from itertools import pairwise

import pytest
from tests.fleet.agent.rig import Rig, desired, found_of, instance, running

from sightline.fleet.deciding.agent.desired import Begin, End
from sightline.fleet.deciding.agent.retry import Tries
from sightline.fleet.messages.topics import AgentResponse
from sightline.supervise.policy import Restart

S = 10**9


def row(rig: Rig, name: str = "a") -> tuple[str, int, str]:
    one = next(one for one in rig.status().status if one.instance_name == name)
    return one.state, one.restarts, one.drift


def test_an_instance_that_is_gone_is_begun_again_and_that_is_reported() -> None:
    rig = running(instance("a"))
    del rig.there["a"]
    rig.settle(4)
    assert row(rig) == ("running", 1, "it was gone")


@pytest.mark.parametrize(
    ("change", "drift"),
    [
        ({"digest": ""}, "it was tampered with"),
        ({"digest": "other"}, "it was made of something else"),
        ({"drift": "memory limit"}, "memory limit"),
        ({"state": "removing"}, "it was gone: it is being removed"),
    ],
)
def test_an_instance_that_drifted_is_made_anew_and_that_is_reported(
    change: dict[str, str], drift: str
) -> None:
    rig = running(instance("a"))
    rig.change("a", **change)
    rig.settle(4)
    assert row(rig) == ("running", 1, drift)
    assert f"a: to be put right: {drift}" in rig.told()


def test_what_was_put_right_is_told_to_be_well_again_once() -> None:
    rig = running(instance("a"))
    rig.change("a", drift="memory limit")
    rig.tick(1)
    assert "again" not in rig.told(), "it has to stay well for a while first"
    rig.settle(10)
    assert rig.told().count("a: it is as it should be again") == 1


def test_an_instance_that_ended_is_begun_again_after_a_delay_and_says_why_meanwhile() -> None:
    rig = running(instance("a"))
    rig.tick(1)
    rig.change("a", state="exited", code=255, reason="exit code 255: App run failed")
    (row,) = rig.of(AgentResponse)[-1].status
    assert (row.state, row.reason) == ("waiting", "it ended: exit code 255: App run failed")
    rig.tick(0.9)
    assert not rig.open
    rig.tick(0.1)
    assert [type(one) for one in rig.open] == [Begin]


def test_delays_grow_while_it_keeps_ending_and_are_small_again_once_it_ran() -> None:
    rig = running(instance("a"))
    rig.broken.add("a:1")
    rig.change("a", state="exited", code=1)
    times: list[float] = []
    while len(times) < 5:
        rig.tick(0.1)
        for begin in [one for one in rig.open if isinstance(one, Begin)]:
            times.append(rig.now_s)
            rig.answer(begin)
            rig.look()
    assert [round(b - a) for a, b in pairwise(times)] == [2, 4, 8, 16]
    rig.broken.clear()
    rig.settle(60)
    rig.change("a", state="exited", code=1)
    rig.tick(1)
    assert rig.open


def test_a_budget_bounds_how_often_one_is_begun_that_always_runs_for_a_while() -> None:
    rig = running(instance("a"), repairs=Restart(settled_s=1, most_ends=3, within_s=300))
    begun = len(rig.of(Begin))
    for _ in range(100):
        rig.settle(2)
        rig.change("a", state="exited", code=1)
    assert len(rig.of(Begin)) - begun == 2
    assert "as often as its budget allows" in rig.told()
    rig.settle(200)
    assert rig.there["a"].state == "running"


def test_a_worker_that_has_done_all_is_exited_for_good_and_as_it_should_be() -> None:
    rig = running(instance("a"))
    rig.change("a", state="exited", code=0)
    rig.settle(100)
    assert rig.there["a"].state == "exited"
    status = rig.status()
    assert (status.status[0].state, status.observed_generation) == ("exited", 1)


def test_what_has_done_all_is_begun_again_when_it_is_made_of_something_else() -> None:
    rig = running(instance("a"))
    rig.change("a", state="exited", code=0)
    rig.configure(desired(2, instance("a", "2")))
    rig.settle(5)
    assert rig.there["a"].digest == "a:2"


def test_what_has_done_all_and_was_cleared_away_is_not_begun_again() -> None:
    rig = running(instance("a"))
    rig.change("a", state="exited", code=0)
    del rig.there["a"]
    rig.settle(30)
    assert rig.there == {}
    assert row(rig) == ("exited", 0, "")


def test_what_has_done_all_and_was_not_wanted_for_a_while_is_begun_again() -> None:
    rig = running(instance("a"))
    rig.change("a", state="exited", code=0)
    rig.settle(2)
    rig.configure(desired(2))
    rig.configure(desired(3, instance("a")))  # before the first one is gone
    rig.settle(10)
    assert rig.there["a"].state == "running"


def test_a_worker_may_end_with_code_0_while_its_gate_is_open() -> None:
    rig = Rig()
    rig.look()
    rig.configure(desired(1, instance("a")))
    rig.answer(rig.open[0])
    rig.answer(rig.open[0])
    rig.change("a", state="exited", code=0)
    rig.settle(2)
    assert rig.agent.current == desired(1, instance("a"))


def test_an_instance_that_is_unhealthy_for_long_is_begun_anew() -> None:
    rig = running(instance("a"))
    rig.change("a", state="unhealthy", reason="no picture")
    rig.tick(29.9)
    assert not rig.open
    rig.tick(0.1)
    rig.settle(4)
    assert row(rig) == ("running", 1, "")
    assert "it was unhealthy for 30 s: no picture" in rig.told()


def test_one_that_was_unhealthy_for_a_moment_is_left_alone() -> None:
    rig = running(instance("a"))
    for _ in range(5):
        rig.change("a", state="unhealthy")
        rig.tick(20)
        rig.change("a", state="running")
        rig.tick(20)
    assert not rig.open


def test_one_that_never_gets_ready_after_it_was_begun_again_is_begun_anew() -> None:
    rig = running(instance("a", ready_s=20))
    rig.change("a", state="starting", run="another")
    rig.tick(20)
    rig.tick(1)
    assert [type(one) for one in rig.open] == [Begin]


def test_a_life_that_its_runtime_began_is_counted() -> None:
    rig = running(instance("a"))
    rig.change("a", run="docker began it")
    rig.settle(3)
    assert row(rig) == ("running", 1, "")
    assert not rig.open


def test_a_begin_that_fails_is_tried_again_with_its_reason_to_be_seen() -> None:
    rig = running(instance("a"))
    del rig.there["a"]
    rig.look()
    rig.tick(1)
    rig.answer(rig.open[0], "no such image: ds:9")
    assert "a: it cannot be begun: no such image: ds:9" in rig.told()
    assert rig.state("a") == ("waiting", "no such image: ds:9")
    rig.settle(4)
    assert "a" in rig.there


def test_a_look_that_began_before_the_answer_says_nothing_of_that_instance() -> None:
    rig = Rig()
    rig.look()
    rig.configure(desired(1, instance("a")))
    rig.answer(rig.open[0])
    looked_ns = rig.now
    rig.now_s += 1
    rig.answer(rig.open[0])
    rig.take(rig.agent.found([], rig.now, looked_ns))
    rig.tick(30)
    assert len(rig.of(Begin)) == 1


def test_restart_begins_it_anew_once_for_each_request_and_counts_nothing() -> None:
    rig = running(instance("a"), instance("b"))
    run = rig.there["a"].run
    rig.command("restart", instance="a", request="1")
    rig.settle(4)
    again = rig.there["a"].run
    assert again != run
    rig.command("restart", instance="a", request="1")
    rig.settle(4)
    assert (rig.there["a"].run, row(rig)) == (again, ("running", 0, ""))


def test_restart_of_what_is_not_here_is_told() -> None:
    rig = running(instance("a"))
    rig.command("restart", instance="z", request="1")
    assert "z: it is to be begun anew, and is not known here" in rig.told()


def test_restart_begins_again_what_had_done_all() -> None:
    rig = running(instance("a"))
    rig.change("a", state="exited", code=0)
    rig.command("restart", instance="a", request="1")
    rig.settle(3)
    assert rig.there["a"].state == "running"


def test_restart_of_what_had_done_all_is_tried_again_where_it_was_removed_and_not_begun() -> None:
    rig = running(instance("a"))
    rig.change("a", state="exited", code=0)
    rig.command("restart", instance="a", request="1")
    del rig.there["a"]
    rig.answer(rig.open[0], "no such image")
    rig.settle(10)
    assert rig.there["a"].state == "running"


def test_instances_that_nobody_wants_are_ended() -> None:
    rig = running(instance("a"))
    rig.there["stray"] = found_of(instance("stray"))
    rig.look()
    assert rig.open == [End("stray")]


def test_what_failed_too_often_waits_until_its_oldest_failure_is_old() -> None:
    tries = Tries(Restart(delay_s=1, most_delay_s=4, most_ends=3, within_s=100))
    waits = []
    for at_s in (0, 10, 20):
        tries.failed(at_s * S)
        waits.append(tries.again_ns // S - at_s)
    assert waits == [1, 2, 80]
    assert tries.spent(99 * S)
    assert not tries.spent(100 * S)
