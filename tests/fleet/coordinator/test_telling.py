"""What people are told: views, explanations, plans."""

from tests.fleet.coordinator.hand import LEASE_OVER_S, TIMING, A, B, Hand, inventory, one_on, status

from sightline.fleet.deciding.coordinator.explaining import Explanation
from sightline.fleet.inventory import CameraSpec, InstanceSpec
from sightline.fleet.messages.parts import CameraFigures


def running() -> Hand:
    hand = Hand()
    hand.join(A, B)
    hand.apply(*one_on("i", A), *one_on("j"))
    hand.wait(2, A, B)
    return hand


def explained(hand: Hand, name: str) -> Explanation:
    return hand.machine.explain(name, hand.now_ns)


def first_fault(hand: Hand, name: str) -> str:
    return next(f"{step.what}: {step.why}" for step in explained(hand, name).steps if not step.ok)


# Views


def test_a_machine_is_seen_with_what_it_has_said() -> None:
    hand = running()
    hand.respond(A, deployment="failed", reason="no image", verified_generation=1, held=["x"])
    view = hand.machine.agents()[A]
    assert (view.state, view.deployment, view.reason, view.held) == (
        "connected",
        "failed",
        "no image",
        ("x",),
    )
    assert view.generation == hand.sent[A].generation
    assert view.instances == ("i",)
    assert not view.is_current
    hand.wait(1)
    assert view.heard_s(hand.now_ns) == 1.0


def test_an_instance_is_seen_with_where_it_is_and_was_found() -> None:
    hand = running()
    hand.respond(B, status=[status("i", "exited"), status("j")])
    view = hand.machine.instances()["i"]
    assert (view.node, view.nodes, view.state, view.granted) == (A, (A, B), "running", True)
    assert view.cameras == {"cam-i": 1}
    assert view.status is not None


def test_an_instance_that_nobody_wants_and_somebody_has_is_seen() -> None:
    hand = running()
    hand.respond(B, status=[status("old"), status("j")])
    assert hand.machine.instances()["old"].state == "unwanted"
    hand.respond(B, status=[status("j")])
    assert "old" not in hand.machine.instances()


def test_totals_count_machines_and_instances_by_state() -> None:
    hand = running()
    hand.apply(*one_on("i", A), *one_on("j"), InstanceSpec(name="k"), *one_on("l", gpus=1))
    hand.drain(B)
    totals = hand.machine.totals()
    assert totals.agents == {"connected": 1, "draining": 1}
    assert totals.instances == {"running": 1, "unknown": 1, "idle": 1, "unplaced": 1}
    assert (totals.unplaced_instances, totals.unplaced_cameras, totals.cameras) == (1, 1, 3)


def test_totals_count_cameras_as_they_were_reported_or_as_their_instance_is() -> None:
    hand = running()
    cameras = [CameraSpec(camera_id=name, instance="i") for name in ("seen", "away")]
    off = CameraSpec(camera_id="off", enabled=False)
    hand.apply(*one_on("i", A), *one_on("j", B), *cameras, off, *one_on("l", gpus=1))
    figures = {"seen": CameraFigures(state="live"), "away": CameraFigures(state="backing_off")}
    hand.respond(A, status=[status("i", cameras=figures)])
    hand.respond(B, status=[status("j", "failed")])
    states = {"live": 1, "backing_off": 1, "running": 1, "failed": 1, "unplaced": 1, "unwanted": 1}
    assert hand.machine.totals().camera_states == states
    hand.wait(LEASE_OVER_S + 1, B)
    lost = hand.machine.totals()
    assert lost.camera_states["lost"] == 3, "what was reported last is no news of them"
    assert sum(lost.camera_states.values()) == lost.cameras


# Explanations


def test_a_camera_that_is_well_is_explained_to_its_last_picture() -> None:
    hand = running()
    figures = {"cam-i": CameraFigures(fps=25.0, age_s=0.1, state="live")}
    hand.respond(A, status=[status("i", cameras=figures, cpu=0.5)])
    told = explained(hand, "cam-i")
    assert told.ok, told
    assert [step.what for step in told.steps] == [
        "camera", "instance", "machine", "lease", "deployment", "state", "figures", "pictures",
    ]  # fmt: skip
    assert told.steps[-1].why == "live, 25 pictures a second, the last one 0.1 s ago"


def test_a_camera_whose_pictures_are_old_is_explained() -> None:
    hand = running()
    figures = {"cam-i": CameraFigures(fps=25.0, age_s=60.0)}
    hand.respond(A, status=[status("i", cameras=figures)])
    assert first_fault(hand, "cam-i") == "pictures: 25 pictures a second, the last one 60.0 s ago"


def test_a_camera_that_does_not_answer_is_explained_without_a_word_of_the_program() -> None:
    hand = running()
    figures = {"cam-i": CameraFigures(fps=0.0, state="backing_off")}
    hand.respond(A, status=[status("i", cameras=figures)])
    assert first_fault(hand, "cam-i") == "pictures: it does not answer, and is tried again and again"


def test_a_camera_whose_recording_was_played_is_explained_as_well() -> None:
    hand = running()
    hand.respond(A, status=[status("i", "exited", reason="exit code 0")])
    told = explained(hand, "cam-i")
    assert told.ok, told
    assert told.steps[-1].why == "exited, exit code 0"


def test_a_camera_without_a_place_is_explained() -> None:
    hand = running()
    hand.apply(CameraSpec(camera_id="c", pool="p"))
    assert first_fault(hand, "c") == "camera: there is no instance of pool 'p'"


def test_a_deployment_that_failed_is_explained() -> None:
    hand = running()
    generation = hand.sent[A].generation
    hand.respond(A, deployment="failed", reason="no such image", observed_generation=generation - 1)
    assert first_fault(hand, "i") == (
        f"deployment: generation {generation} on a is failed: no such image; {generation - 1} runs well"
    )


def test_what_is_merely_under_way_is_told_from_what_failed() -> None:
    hand = running()

    def under_way() -> list[str]:
        return [step.what for step in explained(hand, "cam-i").steps if step.under_way]

    hand.respond(A, deployment="deploying", status=[status("i", "starting")])
    assert under_way() == ["deployment", "state", "pictures"]
    hand.respond(A, deployment="failed", status=[status("i", "failed")])
    assert under_way() == ["pictures"]


def test_a_machine_that_did_not_take_what_is_newest_is_explained() -> None:
    hand = running()
    generation = hand.sent[A].generation
    hand.respond(A, generation=generation - 1)
    assert first_fault(hand, "i") == f"deployment: a has generation {generation - 1} of {generation}"


def test_a_machine_that_cannot_use_what_is_newest_is_explained_and_gave_up() -> None:
    hand = running()
    generation = hand.sent[A].generation
    hand.respond(A, generation=generation - 1, deployment="failed", reason="of before")
    assert not hand.machine.agents()[A].gave_up, "what failed is not what it is to run now"
    why = f"generation {generation} cannot be used: sealed for another"
    hand.respond(A, generation=generation - 1, deployment="failed", reason=why, refused=generation)
    assert first_fault(hand, "i") == f"deployment: a: {why}"
    assert hand.machine.agents()[A].gave_up
    hand.respond(A)
    assert not hand.machine.agents()[A].gave_up


def test_an_instance_that_restarts_is_explained() -> None:
    hand = running()
    hand.respond(A, status=[status("i", "waiting", reason="exit code 255", restarts=3, drift="image")])
    assert first_fault(hand, "i") == "state: waiting, exit code 255, restarts: 3, put right: image"


def test_an_instance_on_a_lost_machine_by_hand_is_explained() -> None:
    hand = running()
    hand.wait(LEASE_OVER_S + TIMING.move_after_s + 3, B)
    assert "machine: a is lost, heard" in first_fault(hand, "i")


def test_an_exclusive_instance_that_waits_is_explained() -> None:
    hand = running()
    hand.apply(*one_on("x", A, exclusive=True))
    hand.wait(2, A, B)
    hand.apply(*one_on("x", B, exclusive=True))
    assert any(
        step.what == "lease" and "a may still be running it" in step.why
        for step in explained(hand, "x").steps
    )


def test_a_name_that_nothing_has_is_explained() -> None:
    told = explained(running(), "nobody")
    assert (told.kind, told.ok) == ("", False)


# Plans


def test_a_plan_of_what_is_applied_is_empty() -> None:
    hand = running()
    assert hand.machine.plan().is_empty
    assert hand.machine.plan(hand.disk.inventory).is_empty


def test_a_plan_says_what_is_added_changed_moved_and_removed_and_changes_nothing() -> None:
    hand = running()
    wanted = inventory(
        *one_on("i", B),
        *one_on("new", A),
        InstanceSpec(name="nowhere", gpus=1),
        CameraSpec(camera_id="lonely", pool="p"),
    )
    plan = hand.machine.plan(wanted)
    assert {one.name: (one.change, one.was, one.node, one.restarts, one.ends) for one in plan.instances} == {
        "i": ("move", A, B, True, False),
        "j": ("remove", B, None, False, True),
        "new": ("add", None, A, False, False),
        "nowhere": ("unplaced", None, None, False, False),
    }
    assert {one.camera_id: one.change for one in plan.cameras} == {
        "cam-j": "remove", "cam-new": "add", "lonely": "unplaced",
    }  # fmt: skip
    assert [(one.hostname, one.begins, one.restarts, one.ends) for one in plan.nodes] == [
        ("a", 1, 0, 1), ("b", 1, 0, 1),
    ]  # fmt: skip
    assert not hand.take(hand.machine.tick(hand.now_ns))
    assert hand.machine.plan().is_empty


def test_what_a_plan_says_is_what_then_happens() -> None:
    hand = running()
    wanted = (*one_on("i", B), *one_on("new"), *one_on("other"))
    plan = hand.machine.plan(inventory(*wanted))
    hand.apply(*wanted)
    for one in plan.instances:
        assert hand.machine.instances()[one.name].node == one.node
    assert hand.machine.plan().is_empty


def test_a_camera_that_was_changed_restarts_its_instance() -> None:
    hand = running()
    changed = CameraSpec(camera_id="cam-i", instance="i", generation=2)
    plan = hand.machine.plan(inventory(InstanceSpec(name="i", node=A), changed, *one_on("j")))
    assert [(one.name, one.change, one.restarts) for one in plan.instances] == [("i", "change", True)]
    assert [(one.camera_id, one.change) for one in plan.cameras] == [("cam-i", "change")]
    assert [(one.hostname, one.restarts) for one in plan.nodes] == [("a", 1)]


def test_what_is_made_as_before_goes_on_whatever_else_is_said_of_it() -> None:
    hand = running()
    labelled = CameraSpec(camera_id="cam-i", instance="i", generation=3, made=1, pool="p")
    back = CameraSpec(camera_id="cam-j", instance="j", generation=3, made=1)
    named = InstanceSpec(name="i", node=A, generation=2, made=1)
    plan = hand.machine.plan(inventory(named, labelled, InstanceSpec(name="j"), back))
    assert (plan.instances, plan.nodes) == ((), ())
    assert [(one.camera_id, one.change) for one in plan.cameras] == [("cam-i", "change")]


def test_a_plan_says_what_the_loss_of_a_machine_would_do() -> None:
    hand = running()
    plan = hand.machine.plan(lost=frozenset({B}))
    assert [(one.name, one.change, one.was, one.node) for one in plan.instances] == [("j", "move", B, A)]
    assert hand.machine.plan(lost=frozenset({A})).is_empty  # what is there by hand stays


def test_a_plan_says_what_to_drain_a_machine_would_do_and_it_does_just_that() -> None:
    hand = running()
    plan = hand.machine.plan(drained=frozenset({B}))
    assert [(one.name, one.change, one.was, one.node) for one in plan.instances] == [("j", "move", B, A)]
    by_hand = hand.machine.plan(drained=frozenset({A}))
    assert [(one.name, one.change) for one in by_hand.instances] == [("i", "unplaced")]
    assert hand.machine.instances()["j"].node == B, "it is a plan"
    hand.drain(B)
    assert hand.machine.instances()["j"].node == A
