"""From one generation to the next: steps, gates, going back, stages."""

from itertools import pairwise

import pytest
from tests.fleet.agent.rig import Rig, desired, found_of, instance, running

from sightline.fleet.deciding.agent.desired import Begin, End, Keep
from sightline.fleet.messages.topics import AgentResponse


def test_a_first_configuration_is_kept_begun_verified_and_made_current_in_this_order() -> None:
    rig = Rig()
    rig.look()
    rig.configure(desired(1, instance("a")))
    assert [one.stage for one in rig.of(Keep)] == ["pending"]
    assert not rig.of(Begin)
    rig.settle(5)
    acts = [one.stage if isinstance(one, Keep) else type(one).__name__ for one in rig.done]
    wanted = ["pending", "Begin", "verified", "current"]
    assert [one for one in acts if one in wanted] == wanted


def test_the_same_configuration_again_does_nothing() -> None:
    rig = running(instance("a"))
    rig.tick()
    assert rig.configure(desired(1, instance("a"))) == []


def test_an_older_configuration_is_ignored_and_told() -> None:
    rig = running(instance("a"), generation=5)
    rig.configure(desired(4))
    rig.settle(3)
    assert "a" in rig.there
    assert "generation 4 is out of date" in rig.told()


def test_another_content_of_a_known_generation_is_ignored_and_told() -> None:
    rig = running(instance("a"))
    rig.configure(desired(1, instance("a", "2")))
    rig.settle(3)
    assert rig.there["a"].digest == "a:1"
    assert "another content: the first holds" in rig.told()


def test_a_new_generation_ends_what_is_gone_replaces_what_changed_and_leaves_the_rest_alone() -> None:
    rig = running(instance("gone"), instance("changed"), instance("same"))
    run = rig.there["same"].run
    rig.configure(desired(2, instance("changed", "2"), instance("same"), instance("new")))
    rig.settle(6)
    assert {name: one.digest for name, one in rig.there.items()} == {
        "changed": "changed:2", "same": "same:1", "new": "new:1",
    }  # fmt: skip
    assert rig.there["same"].run == run
    assert rig.agent.current == desired(2, instance("changed", "2"), instance("same"), instance("new"))


def test_at_most_so_many_operations_are_under_way_as_is_set() -> None:
    rig = Rig(parallel=2)
    rig.look()
    rig.configure(desired(1, *(instance(name) for name in "abcde")))
    rig.answer(rig.open[0])
    assert len(rig.open) == 2
    rig.answer(rig.open[0])
    assert [one.instance.name for one in rig.of(Begin)] == ["a", "b", "c"]


def test_one_at_a_time_is_begun_when_nothing_else_is_in_doubt_and_holds_up_what_comes_after() -> None:
    rig = Rig()
    rig.look()
    rig.configure(desired(1, instance("a", one_at_a_time=True), instance("b", one_at_a_time=True)))
    rig.answer(rig.open[0])
    rig.answer(rig.open[0])
    rig.look()
    rig.tick(1.9)
    assert [one.instance.name for one in rig.of(Begin)] == ["a"]
    rig.tick(0.1)
    assert [one.instance.name for one in rig.of(Begin)] == ["a", "b"]


def test_what_is_not_in_doubt_does_not_hold_up_one_at_a_time() -> None:
    rig = running(instance("a"), instance("b"))
    rig.configure(desired(2, instance("a"), instance("b", "2", one_at_a_time=True)))
    rig.settle(5)
    assert rig.there["b"].digest == "b:2"


def test_a_gate_that_fails_brings_back_what_was_verified_and_says_why() -> None:
    rig = running(instance("a", ready_s=10), instance("b"))
    rig.broken.add("a:2")
    rig.configure(desired(2, instance("a", "2", ready_s=10), instance("b", "2")))
    rig.settle(15)
    assert (rig.there["a"].digest, rig.there["b"].digest) == ("a:1", "b:2")
    status = rig.status()
    assert (status.deployment, status.verified_generation, status.generation) == ("failed", 1, 2)
    assert "a: not ready within 10 s: it ended: App run failed" in status.reason
    assert status.observed_generation == 1
    assert rig.agent.current == desired(1, instance("a", ready_s=10), instance("b"))


def test_what_failed_is_tried_again_ever_more_rarely_and_heals_once_it_can() -> None:
    rig = running(instance("a", ready_s=10))
    rig.broken.add("a:2")
    rig.configure(desired(2, instance("a", "2", ready_s=10)))
    times: list[float] = []
    while rig.now_s < 100 + 15 * 60:
        was = rig.there["a"].digest
        rig.settle(1)
        if rig.there["a"].digest == "a:2" != was:
            times.append(rig.now_s)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert len(gaps) >= 3
    assert gaps[0] >= 60
    assert all(later >= 1.8 * earlier for earlier, later in pairwise(gaps[:3]))
    rig.broken.clear()
    rig.settle(3700)
    assert rig.there["a"].digest == "a:2"
    assert rig.status().deployment == "done"
    assert rig.agent.current == desired(2, instance("a", "2", ready_s=10))


def test_what_failed_is_not_tried_again_at_once_until_somebody_asks() -> None:
    rig = running(instance("a", ready_s=10))
    rig.broken.add("a:2")
    rig.configure(desired(2, instance("a", "2", ready_s=10)))
    rig.settle(15)
    before = len(rig.of(Begin))
    rig.settle(50)
    assert len(rig.of(Begin)) == before
    rig.broken.clear()
    rig.command("retry")
    rig.settle(5)
    assert rig.there["a"].digest == "a:2"
    assert rig.status().deployment == "done"


def test_a_newer_generation_tries_again_what_failed() -> None:
    rig = running(instance("a", ready_s=10))
    rig.broken.add("a:2")
    rig.configure(desired(2, instance("a", "2", ready_s=10)))
    rig.settle(15)
    rig.broken.clear()
    rig.configure(desired(3, instance("a", "2", ready_s=10)))
    rig.settle(5)
    assert rig.status().observed_generation == 3


def test_what_fails_with_nothing_to_go_back_to_is_tried_on_and_counts_once_it_is_well() -> None:
    rig = Rig()
    rig.welcome()
    rig.look()
    rig.broken.add("a:1")
    rig.configure(desired(1, instance("a", ready_s=10)))
    rig.settle(8)
    assert rig.state("a")[0] == "waiting"
    rig.settle(7)
    assert rig.status().deployment == "failed"
    assert rig.state("a") == ("failed", "it ended: App run failed")
    rig.broken.clear()
    rig.settle(60)
    assert rig.status().deployment == "done"
    assert rig.agent.current == desired(1, instance("a", ready_s=10))


def test_a_newer_generation_in_the_middle_finishes_the_step_and_goes_for_the_newest() -> None:
    rig = running(instance("a"), instance("b"))
    rig.configure(desired(2, instance("a", "2"), instance("b", "2")))
    rig.answer(rig.open[0])
    first, second = rig.open
    rig.configure(desired(3, instance("a", "3")))
    rig.answer(first)
    rig.answer(second)
    rig.settle(5)
    assert {name: one.digest for name, one in rig.there.items()} == {"a": "a:3"}
    assert [one.desired.generation for one in rig.of(Keep) if one.stage == "current"] == [1, 3]


def test_a_newer_generation_between_verified_and_current_waits_for_the_pair() -> None:
    rig = Rig()
    rig.look()
    rig.configure(desired(1))
    rig.answer(rig.open[0])
    rig.configure(desired(2))
    rig.answer(rig.open[0])
    rig.answer(rig.open[0])
    assert [(one.stage, one.desired.generation) for one in rig.of(Keep)] == [
        ("pending", 1), ("verified", 1), ("current", 1), ("pending", 2),
    ]  # fmt: skip


def test_a_gate_asks_for_readiness_within_its_time_and_then_for_staying_ready() -> None:
    rig = Rig()
    rig.look()
    rig.configure(desired(1, instance("a", ready_s=10, settle_s=5)))
    rig.answer(rig.open[0])
    rig.answer(rig.open[0])
    rig.there["a"] = found_of(instance("a"), state="starting")
    rig.look()
    rig.tick(9)
    rig.change("a", state="running")
    rig.tick(4)
    assert not [one for one in rig.of(Keep) if one.stage == "verified"]
    rig.tick(1)
    assert [one for one in rig.of(Keep) if one.stage == "verified"]


def test_an_instance_that_ends_while_its_gate_is_open_is_tried_again_within_its_time() -> None:
    rig = Rig()
    rig.look()
    rig.broken.add("a:1")
    rig.configure(desired(1, instance("a")))
    rig.settle(3)
    rig.broken.clear()
    rig.settle(10)
    assert rig.agent.current is not None


def test_an_unchanged_instance_that_is_broken_holds_up_no_deployment() -> None:
    rig = running(instance("a"), instance("b"))
    rig.broken.add("a:1")
    rig.change("a", state="exited", code=1)
    rig.configure(desired(2, instance("a"), instance("b", "2")))
    rig.settle(6)
    status = rig.status()
    assert (status.verified_generation, status.deployment) == (2, "done")
    assert status.observed_generation < 2


def test_what_cannot_be_kept_on_disk_begins_nothing_new_and_is_tried_again() -> None:
    rig = running(instance("a"))
    rig.configure(desired(2, instance("a", "2")))
    rig.answer(rig.open[0], "no space left on device")
    rig.tick(0.9)
    assert rig.there["a"].digest == "a:1"
    status = rig.status()
    assert (status.deployment, status.reason) == (
        "waiting",
        "pending cannot be kept: no space left on device",
    )
    rig.settle(6)
    assert rig.status().deployment == "done"


def test_what_is_not_wanted_any_more_ends_though_the_disk_is_full() -> None:
    rig = running(instance("a"), instance("b"))
    rig.configure(desired(2, instance("a")))
    rig.answer(next(one for one in rig.open if isinstance(one, Keep)), "no space left on device")
    rig.answer(next(one for one in rig.open if isinstance(one, End)))
    assert set(rig.there) == {"a"}


@pytest.mark.parametrize("stage", ["verified", "current"])
def test_a_stage_that_cannot_be_kept_is_begun_anew_from_the_first(stage: str) -> None:
    rig = Rig()
    rig.look()
    rig.configure(desired(1))
    while rig.of(Keep)[-1].stage != stage:
        rig.answer(rig.open[0])
    rig.answer(rig.open[0], "EIO")
    assert rig.agent.current is None
    rig.settle(5)
    assert [one.stage for one in rig.of(Keep)][-3:] == ["pending", "verified", "current"]
    assert rig.agent.current == desired(1)


def test_observed_is_the_newest_only_while_every_instance_is_as_it_should_be() -> None:
    rig = running(instance("a"))
    assert rig.status().observed_generation == 1
    rig.change("a", state="unhealthy")
    assert rig.status().observed_generation == 0
    rig.change("a", state="running")
    rig.tick(2)
    assert rig.of(AgentResponse)[-1].observed_generation in {0, 1}
    assert rig.status().observed_generation == 1


def test_an_instance_too_many_is_not_as_it_should_be() -> None:
    rig = running(instance("a"))
    rig.there["stray"] = found_of(instance("stray"))
    rig.look()
    assert rig.status().observed_generation == 0
    rig.settle(1)
    assert "stray" not in rig.there
