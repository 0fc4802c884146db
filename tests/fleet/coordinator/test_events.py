"""What users are told of that happened: each trouble, and its end."""

from tests.fleet.coordinator.hand import LEASE_OVER_S, TIMING, A, B, Hand, inventory, one_on, status

from sightline.fleet.deciding.coordinator.actions import Action, Noted, Save
from sightline.fleet.deciding.coordinator.events import MOST_TOLD, Events, applied, way
from sightline.fleet.inventory import CameraSpec, InstanceSpec, NodeId, Placement
from sightline.fleet.messages.parts import FleetInstanceStatus


class Told:
    """Two machines with an instance each, and what is told of them from now on."""

    def __init__(self) -> None:
        self.hand = Hand()
        self.events = Events(Placement())
        self.hand.join(A, B)
        self.apply(*one_on("i", A), *one_on("j"))
        self.wait(2, A, B)
        self.heard(A, status("i"))

    def apply(self, *specs: InstanceSpec | CameraSpec) -> list[str]:
        return self._of(self.hand.apply(*specs))

    def wait(self, seconds: float, *heard: NodeId) -> list[str]:
        return self._of(self.hand.wait(seconds, *heard))

    def heard(self, node: NodeId, *statuses: FleetInstanceStatus) -> list[str]:
        self.hand.respond(node, status=list(statuses))
        return [_line(one) for one in self.events.heard(node, self.hand.machine)]

    def _of(self, actions: list[Action]) -> list[str]:
        wanted = self.hand.disk.inventory
        return [_line(one) for one in self.events.decided(actions, wanted, self.hand.machine)]


def _line(noted: Noted) -> str:
    return f"{noted.camera_id or noted.instance}: {noted.what}"


def test_a_revision_that_was_applied_is_told_with_what_is_another_and_by_which_way() -> None:
    was = inventory(*one_on("i", A), *one_on("j"), InstanceSpec(name="same"))
    now = inventory(
        InstanceSpec(name="i", node=A, generation=2),
        CameraSpec(camera_id="cam-i", instance="i"),
        *one_on("new"),
        InstanceSpec(name="same"),
        revision=2,
    )
    (told,) = applied(was, now, way("the API", "two more"))
    assert told.what == (
        "revision 2 is applied, by the API (two more): 1 instance added, 1 instance changed, "
        "1 instance removed, 1 camera added, 1 camera removed"
    )
    (told,) = applied(was, inventory(*was.instances.values(), *was.cameras.values(), revision=3), "ada")
    assert told.what == "revision 3 is applied, by ada: nothing changed"
    assert not applied(now, now, "the API"), "nothing is another"


def test_a_camera_that_moves_with_its_worker_or_without_it_is_told() -> None:
    told = Told()
    assert told.apply(*one_on("i", B), *one_on("j")) == ["cam-i: moves with i from a to b"]
    other = CameraSpec(camera_id="cam-i", instance="j")
    assert told.apply(InstanceSpec(name="i", node=B), other, *one_on("j")) == ["cam-i: moves from i to j"]
    assert told.apply(InstanceSpec(name="i", node=B), other, *one_on("j")) == []


def test_an_instance_that_has_no_place_any_more_is_told_and_that_it_has_one_again() -> None:
    told = Told()
    lost = told.apply(*one_on("i", A, gpus=1), *one_on("j"))
    assert any(one.startswith("i: has no place any more: ") and "a" in one for one in lost), lost
    assert "i: has a place again, on a" in told.apply(*one_on("i", A), *one_on("j"))
    assert told.apply(*one_on("i", A)) == [], "nobody wants it"


def test_what_a_lost_machine_ran_is_told_with_its_cameras() -> None:
    told = Told()
    moved = told.wait(LEASE_OVER_S + TIMING.move_after_s + 3, A)
    assert moved == ["cam-j: moves with j from b to a"]


def test_of_many_that_move_the_first_are_told_and_how_many_more() -> None:
    told = Told()
    cameras = [CameraSpec(camera_id=f"c{number}", instance="i") for number in range(MOST_TOLD + 5)]
    told.apply(InstanceSpec(name="i", node=A), *cameras)
    moved = told.apply(InstanceSpec(name="i", node=B), *cameras)
    assert len(moved) == MOST_TOLD + 1
    assert moved[-1] == ": 5 more cameras move"


def test_what_was_put_right_is_told_and_that_it_is_well_again() -> None:
    told = Told()
    assert told.heard(A, status("i", "starting", reason="it was gone", restarts=1)) == [
        "i: is put right: it was gone"
    ]
    assert told.heard(A, status("i", reason="it was gone", restarts=1)) == [], "not for long enough yet"
    assert told.heard(A, status("i", restarts=1, drift="it was gone")) == ["i: is as it should be again"]
    assert told.heard(A, status("i", restarts=1, drift="it was gone")) == []
    assert told.heard(A, status("i", restarts=2, drift="memory")) == [
        "i: is put right: memory",
        "i: is as it should be again",
    ]


def test_what_failed_is_told_once_and_that_it_is_well_again() -> None:
    told = Told()
    assert told.heard(A, status("i", "failed", reason="no image")) == ["i: failed: no image"]
    assert told.heard(A, status("i", "failed", reason="no image", restarts=0)) == []
    assert told.heard(A, status("i")) == ["i: is as it should be again"]


def test_what_another_life_of_the_coordinator_told_is_not_told_again_but_its_end_is() -> None:
    told = Told()
    told.events = Events(told.hand.disk.placement)
    assert told.heard(A, status("i", "failed", reason="no image")) == []
    assert told.heard(A, status("i")) == ["i: is as it should be again"]


def test_what_is_out_of_date_is_not_told() -> None:
    told = Told()
    told.hand.respond(A, status=[status("i", "failed")], seq=1)
    assert list(told.events.heard(A, told.hand.machine)) == []


def test_a_machine_that_is_no_more_is_forgotten() -> None:
    told = Told()
    told.heard(A, status("i", "failed"))
    told.events.decided([Save(shares={A: None})], inventory(), told.hand.machine)
    assert not told.events._ill
    assert not told.events._statuses
