"""Each rule of placing, on a fleet of two or three."""

import time
from collections import Counter

from tests.fleet.placing.fleets import agents, camera, instance, inventory, node_id

from sightline.fleet.inventory import Placement
from sightline.fleet.placing.place import place

A, B, C = node_id(0), node_id(1), node_id(2)


def test_instances_are_spread_over_machines() -> None:
    wanted = inventory(*(instance(f"i{n}") for n in range(6)))
    placed = place(wanted, agents(a={}, b={}, c={})).placement
    assert Counter(placed.instances.values()) == {A: 2, B: 2, C: 2}


def test_instances_are_spread_by_the_cameras_that_they_have() -> None:
    own = [camera(f"c{n}", instance="big") for n in range(10)]
    wanted = inventory(instance("big"), *own, *(instance(f"i{n}") for n in range(5)))
    placed = place(wanted, agents(a={}, b={})).placement
    assert [name for name, where in placed.instances.items() if where == placed.instances["big"]] == ["big"]


def test_cameras_are_spread_over_the_instances_of_their_pool() -> None:
    cameras = [camera(f"c{n:02}", pool="p") for n in range(9)]
    pool = [instance(f"i{n}", pool="p") for n in range(3)]
    placed = place(inventory(*cameras, *pool, instance("other")), agents(a={}, b={})).placement
    assert Counter(placed.cameras.values()) == {"i0": 3, "i1": 3, "i2": 3}


def test_an_instance_goes_where_its_cameras_can_be() -> None:
    wanted = inventory(instance("i"), camera("c", instance="i", labels={"room": "b"}))
    placed = place(wanted, agents(a={}, b={"labels": {"room": "b"}})).placement
    assert placed.instances == {"i": B}
    assert placed.cameras == {"c": "i"}


def test_a_pool_has_an_instance_in_each_room_of_its_cameras() -> None:
    rooms = agents(a={"labels": {"room": "a"}}, b={"labels": {"room": "b"}})
    cameras = [camera(f"c{n}", labels={"room": "a" if n else "b"}) for n in range(5)]
    placed = place(inventory(instance("i0"), instance("i1"), *cameras), rooms)
    assert placed.is_whole


def test_graphics_cards_are_not_given_twice_and_it_is_told() -> None:
    wanted = inventory(instance("i0", gpus=2), instance("i1", gpus=2), instance("i2", gpus=1, runtime="x"))
    placed = place(wanted, agents(a={"gpus": 3}, b={"drained": True}, c={}))
    assert placed.placement.instances == {"i0": A}
    assert str(placed.why_instance("i1")) == (
        "no machine takes it: a: 2 of 3 graphics cards are taken, 2 needed; b: drained; "
        "c: it has no graphics card"
    )
    assert "a: it does not run x" in placed.why_instance("i2").refusals


def test_a_label_that_is_missing_is_told() -> None:
    wanted = inventory(instance("i", labels={"room": "a"}))
    placed = place(wanted, agents(a={"labels": {"room": "b"}}, b={}))
    assert placed.why_instance("i").refusals == (
        "a: label room=a is missing, it has room=b",
        "b: label room=a is missing",
    )


def test_what_is_put_by_hand_is_there_or_nowhere() -> None:
    wanted = inventory(instance("i", node=B), instance("j", node=B, gpus=1), instance("k", node=C))
    placed = place(wanted, agents(a={"gpus": 9}, b={}))
    assert placed.placement.instances == {"i": B}
    assert placed.why_instance("j").refusals == ("b: it has no graphics card",)
    assert placed.why_instance("k").refusals == (f"{C}: no machine of this fleet",)


def test_what_is_put_by_hand_stays_on_a_machine_that_is_lost() -> None:
    wanted = inventory(instance("i", node=A), instance("j"))
    before = place(wanted, agents(a={})).placement
    after = place(wanted, agents(a={}, b={}), before, standing={A: "gone"}).placement
    assert after.instances == {"i": A, "j": B}


def test_the_fleets_own_cameras_leave_a_lost_machine_where_an_instance_was_put_by_hand() -> None:
    wanted = inventory(instance("i", node=A), instance("j", node=B), camera("c"))
    current = Placement(instances={"i": A, "j": B}, cameras={"c": "i"})
    placed = place(wanted, agents(a={}, b={}), current, standing={A: "gone"}).placement
    assert placed.cameras == {"c": "j"}


def test_a_machine_that_is_not_heard_keeps_what_it_has_and_takes_nothing_new() -> None:
    current = Placement(instances={"i": A})
    wanted = inventory(instance("i"), instance("j"))
    placed = place(wanted, agents(a={}, b={"gpus": 1}), current, standing={A: "quiet"})
    assert placed.placement.instances == {"i": A, "j": B}


def test_a_new_machine_takes_only_what_had_no_place() -> None:
    wanted = inventory(*(instance(f"i{n}", gpus=1) for n in range(4)))
    before = place(wanted, agents(a={"gpus": 3})).placement
    after = place(wanted, agents(a={"gpus": 3}, b={"gpus": 4}), before).placement
    assert [name for name, where in after.instances.items() if where == B] == ["i3"]


def test_a_camera_leaves_an_instance_where_it_may_not_be_any_more() -> None:
    wanted = inventory(
        instance("i", node=A, capacity=1),
        instance("j", node=B),
        camera("c", labels={"room": "b"}),
        *(camera(f"d{n}") for n in range(2)),
    )
    current = Placement(instances={"i": A, "j": B}, cameras={"c": "i", "d0": "i", "d1": "i"})
    placed = place(wanted, agents(a={}, b={"labels": {"room": "b"}}), current).placement
    assert placed.cameras == {"c": "j", "d0": "i", "d1": "j"}


def test_a_camera_that_goes_or_comes_moves_no_other() -> None:
    pool = [instance(name, pool="p") for name in "ij"]
    cameras = [camera(name, pool="p") for name in "bcde"]
    before = place(inventory(*pool, *cameras), agents(a={}, b={})).placement
    for now in (cameras[1:], [camera("a", pool="p"), *cameras]):
        after = place(inventory(*pool, *now), agents(a={}, b={}), before).placement.cameras
        assert {
            name: after[name] for name in before.cameras if name in after
        }.items() <= before.cameras.items()
        assert after.keys() == {one.camera_id for one in now}


def test_rebalancing_moves_what_is_above_its_fair_part() -> None:
    cameras = [camera(f"c{n}", pool="p") for n in range(8)]
    wanted = inventory(*(instance(f"i{n}", pool="p") for n in range(4)), *cameras)
    before = place(wanted, agents(a={})).placement
    fleet = agents(a={}, b={})
    assert place(wanted, fleet, before).placement == before
    after = place(wanted, fleet, before, rebalance=True).placement
    assert Counter(after.instances.values()) == {A: 2, B: 2}
    assert place(wanted, fleet, after, rebalance=True).placement == after


def test_a_camera_has_no_place_on_an_instance_that_is_full() -> None:
    wanted = inventory(instance("i", capacity=1), camera("c0"), camera("c1"), camera("c2", instance="i"))
    placed = place(wanted, agents(a={}))
    assert placed.placement.cameras == {"c2": "i"}
    assert str(placed.why_camera("c0")) == "no instance of pool '' takes it: i: 1 of 1 cameras are taken"


def test_a_machine_takes_no_more_cameras_than_it_says() -> None:
    wanted = inventory(instance("i"), instance("j"), *(camera(f"c{n}") for n in range(5)))
    placed = place(wanted, agents(a={"capacity": 3}))
    assert len(placed.placement.cameras) == 3
    assert "3 of 3 cameras of a are taken" in str(placed.why_camera("c4"))


def test_a_camera_by_hand_on_what_is_not_there_is_told() -> None:
    placed = place(inventory(camera("c", instance="gone")), agents(a={}))
    assert placed.why_camera("c").refusals == ("gone: no instance of this fleet",)
    assert (
        str(place(inventory(camera("c", pool="p")), {}).why_camera("c")) == "there is no instance of pool 'p'"
    )


def test_what_is_switched_off_has_no_place() -> None:
    placed = place(inventory(instance("i", enabled=False), camera("c", enabled=False)), agents(a={}))
    assert placed.placement == Placement()
    assert str(placed.why_instance("i")) == "it is switched off"
    assert placed.is_whole


def test_of_very_many_refusals_the_first_are_told() -> None:
    many = agents(**{f"m{n}": {} for n in range(50)})
    assert place(inventory(instance("i", gpus=1)), many).why_instance("i").refusals[-1] == "and 30 more"


def test_a_large_fleet_is_placed_in_a_moment() -> None:
    """About half a second; the bound is one for a busy machine."""
    rooms = [{"room": f"r{n}"} for n in range(20)]
    fleet = agents(**{f"m{n}": {"capacity": 60, "gpus": 4, "labels": rooms[n % 20]} for n in range(1000)})
    instances = [instance(f"i{n}", pool=f"p{n % 100}", gpus=n % 3 == 0) for n in range(10_000)]
    cameras = [
        camera(f"c{n}", pool=f"p{n % 100}", labels={} if n % 7 else rooms[n % 20]) for n in range(40_000)
    ]
    wanted = inventory(*instances, *cameras)
    began = time.process_time()
    placed = place(wanted, fleet)
    assert time.process_time() - began < 5
    assert placed.is_whole
