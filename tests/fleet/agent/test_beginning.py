"""What an agent does at its own begin: it waits, adopts, and goes by what was verified."""

from typing import Any

from tests.fleet.agent.rig import Rig, desired, found_of, instance

from sightline.fleet.deciding.agent.desired import Begin, End, Found, Keep
from sightline.fleet.timing import Timing

A = instance("a")
X = instance("x", exclusive=True)


def test_what_is_found_with_the_right_digest_is_adopted_and_not_begun_again() -> None:
    rig = Rig(desired(1, A))
    rig.there["a"] = found_of(A)
    rig.settle(30)
    assert not rig.of(Begin)
    assert not rig.of(End)


def test_without_news_it_touches_nothing_until_it_has_waited() -> None:
    rig = Rig(desired(1, A))
    rig.there["stray"] = found_of(instance("stray"))
    rig.look()
    rig.tick(4.9)
    assert not rig.open
    rig.tick(0.1)
    rig.settle(1)
    assert set(rig.there) == {"a"}


def test_it_needs_no_network_and_no_disk_to_begin_what_was_verified() -> None:
    rig = Rig(desired(1, A, instance("b")))
    rig.settle(10)
    assert set(rig.there) == {"a", "b"}
    assert not rig.of(Keep)


def test_the_same_generation_as_on_disk_is_news_enough() -> None:
    rig = Rig(desired(1, A))
    rig.look()
    rig.configure(desired(1, A))
    assert [one.instance.name for one in rig.of(Begin)] == ["a"]


def test_a_newer_generation_at_the_begin_is_deployed_without_going_through_the_old_one() -> None:
    rig = Rig(desired(1, A))
    rig.there["a"] = found_of(instance("a", "2"))  # the deployment that was interrupted had come so far
    rig.look()
    rig.configure(desired(2, instance("a", "2"), instance("b")))
    rig.settle(6)
    assert [one.instance.digest for one in rig.of(Begin)] == ["b:1"]
    assert rig.agent.current == desired(2, instance("a", "2"), instance("b"))


def test_what_was_adopted_of_an_interrupted_deployment_goes_through_its_gate() -> None:
    rig = Rig(desired(1, A))
    rig.there["a"] = found_of(instance("a", "2"), state="starting")
    rig.look()
    rig.configure(desired(2, instance("a", "2", ready_s=10)))
    rig.settle(9)
    assert rig.agent.current == desired(1, A)
    rig.settle(5)
    assert rig.there["a"].digest == "a:1"


def test_an_agent_that_was_never_told_anything_touches_nothing() -> None:
    rig = Rig()
    rig.there["stray"] = found_of(instance("stray"))
    rig.settle(100)
    assert set(rig.there) == {"stray"}


def test_nothing_is_begun_before_somebody_looked() -> None:
    rig = Rig(desired(1, A))
    rig.tick(10)
    assert not rig.open
    rig.look()
    assert rig.open


def test_exclusive_instances_are_ended_at_the_begin_where_no_lease_is_known() -> None:
    rig = Rig(desired(1, X))
    rig.there["x"] = found_of(X)
    rig.look()
    assert rig.open == [End("x", True)]


def test_exclusive_instances_go_on_under_the_lease_of_the_process_before() -> None:
    rig = Rig(desired(1, X), lease_until_ns=105 * 10**9)
    rig.there["x"] = found_of(X)
    rig.look()
    rig.tick(4.9)
    assert not rig.open
    rig.tick(0.1)
    assert rig.open == [End("x", True)]


def test_a_welcome_in_time_lets_adopted_exclusive_instances_go_on() -> None:
    rig = Rig(desired(1, X), lease_until_ns=105 * 10**9)
    rig.there["x"] = found_of(X)
    rig.look()
    rig.tick(2)
    rig.welcome(generation=1)
    rig.tick(10)
    assert not rig.of(End)
    assert not rig.of(Begin)


def test_the_lease_of_the_process_before_begins_nothing_anew() -> None:
    rig = Rig(desired(1, X), timing=Timing(wait_for_config_s=0), lease_until_ns=110 * 10**9)
    rig.settle(3)
    assert not rig.of(Begin)


def test_an_older_configuration_is_no_news() -> None:
    rig = Rig(desired(5, A))
    rig.look()
    rig.configure(desired(4))
    assert not rig.open
    rig.settle(8)
    assert set(rig.there) == {"a"}


def unknown(name: str, **settings: Any) -> Found:
    return Found(name=name, digest="", state="unknown", reason="docker cannot be asked", **settings)


def test_what_its_runtime_does_not_tell_is_let_be_and_all_else_goes_on() -> None:
    rig = Rig(desired(1, A))
    rig.there["a"] = unknown("a")
    rig.look()
    rig.configure(desired(2, A, instance("b")))
    rig.settle(8)
    assert [one.instance.name for one in rig.of(Begin)] == ["b"]
    assert rig.agent.current == desired(2, A, instance("b")), "what is as it was held up what is new"
    rig.welcome()
    assert rig.state("a") == ("unknown", "docker cannot be asked")
    assert rig.status().observed_generation == 0
    rig.there["a"] = found_of(A)
    rig.settle(3)
    assert [one.instance.name for one in rig.of(Begin)] == ["b"], "it was there, and was begun twice"
    assert rig.state("a") == ("running", "")
    assert rig.status().observed_generation == 2


def test_what_was_unknown_and_is_not_there_is_begun() -> None:
    rig = Rig(desired(1, A))
    rig.there["a"] = unknown("a")
    rig.settle(8)
    assert not rig.of(Begin)
    del rig.there["a"]
    rig.settle(1)
    assert set(rig.there) == {"a"}
    assert not rig.agent.desired or rig.told().count("put right") == 0


def test_what_must_not_run_twice_and_is_unknown_is_held_and_ended_without_a_lease() -> None:
    rig = Rig(desired(1, X))
    rig.there["x"] = unknown("x", exclusive=True)
    rig.look()
    assert rig.agent.held() == ["x"]
    assert End("x", at_once=True) in rig.open
    rig.answer(rig.open[0], "docker cannot be asked")
    rig.look()
    assert rig.agent.held() == ["x"], "it was taken for gone"
    rig.configure(desired(2))
    rig.tick(20)
    assert rig.agent.held() == ["x"]


def test_nobody_wants_it_and_it_is_ended_once_its_runtime_answers() -> None:
    rig = Rig(desired(1, A))
    rig.there["stray"] = unknown("stray")
    rig.look()
    rig.tick(5)
    rig.answer(next(one for one in rig.open if isinstance(one, End)), "docker cannot be asked")
    rig.look()
    rig.welcome()
    assert "stray" in {one.instance_name for one in rig.status().status}
    rig.there["stray"] = found_of(instance("stray"))
    rig.settle(40)
    assert set(rig.there) == {"a"}


def test_what_was_begun_just_now_stays_as_it_is_while_its_runtime_is_away() -> None:
    rig = Rig()
    rig.welcome()
    rig.look()
    rig.configure(desired(1, A))
    rig.answer(rig.open[0])
    rig.answer(rig.open[0])
    rig.there["a"] = unknown("a")
    rig.now_s += 0.1
    rig.look()
    assert rig.state("a")[0] == "starting"
    rig.there["a"] = found_of(A, run="run 1")
    rig.settle(6)
    assert rig.runs == 1
