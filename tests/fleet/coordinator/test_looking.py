"""What users are shown of the fleet is what the machine knows, however little is new."""

from pathlib import Path

import msgspec
from tests.fleet.coordinator.hand import LEASE_OVER_S, A, Hand, inventory, one_on, status

from sightline.fleet.coordinator.looking import Looking
from sightline.fleet.messages.parts import CameraFigures
from sightline.fleet.messages.topics import AgentResponse
from sightline.fleet.store.database import Database
from sightline.fleet.store.rows import CameraIn
from sightline.testing import ManualClock


def test_an_agent_that_begins_anew_and_says_the_same_is_as_desired_again(tmp_path: Path) -> None:
    hand, clock, wanted = Hand(), ManualClock(), inventory()
    hand.take(hand.machine.applied(wanted, hand.now_ns))
    with Database(tmp_path / "fleet.db", clock=clock) as database:
        looking = Looking(database, clock)

        def shown() -> tuple[bool, int]:
            clock.move(60)
            looking.look(hand.machine, wanted)
            return looking.picture.as_desired, looking.picture.behind

        def answer(boot: int) -> None:
            response = AgentResponse(node_id=A, boot=boot, seq=1, generation=hand.sent[A].generation)
            response = response.model_copy(update={"observed_generation": response.generation})
            hand.take(hand.machine.heard_response(response, hand.now_ns))
            looking.heard(response)

        for boot in (1, 2):
            hand.greet(A, boot=boot)
            looking.changed(A)
            assert shown() == (False, 1), "nothing is known of this one yet"
            answer(boot)
            assert shown() == (True, 0)


def test_a_camera_of_a_machine_that_is_lost_is_not_live(tmp_path: Path) -> None:
    hand, clock = Hand(), ManualClock()
    wanted = inventory(*one_on("i", A))
    hand.join(A)
    hand.take(hand.machine.applied(wanted, hand.now_ns))
    with Database(tmp_path / "fleet.db", clock=clock) as database:
        database.cameras.add(CameraIn.model_validate({"camera_id": "cam-i", "address": "rtsp://10.0.0.5/"}))
        looking = Looking(database, clock)

        def row() -> str:
            clock.move(60)
            looking.write(hand.machine, wanted)
            return database.cameras.get("cam-i").status

        looking.decided(hand.respond(A, status=[status("i", cameras={"cam-i": CameraFigures(state="live")})]))
        assert row() == "live"
        looking.decided(hand.wait(LEASE_OVER_S + 1))
        assert row() == "lost"
        looking.decided(hand.respond(A, status=[status("i", cameras={"cam-i": CameraFigures(state="live")})]))
        assert row() == "live"


def test_a_camera_that_was_switched_off_is_not_live_any_more(tmp_path: Path) -> None:
    hand, clock = Hand(), ManualClock()
    wanted = inventory(*one_on("i", A))
    hand.join(A)
    hand.take(hand.machine.applied(wanted, hand.now_ns))
    with Database(tmp_path / "fleet.db", clock=clock) as database:
        database.cameras.add(CameraIn.model_validate({"camera_id": "cam-i", "address": "rtsp://10.0.0.5/"}))
        looking = Looking(database, clock)
        looking.decided(hand.respond(A, status=[status("i", cameras={"cam-i": CameraFigures(state="live")})]))
        looking.write(hand.machine, wanted)
        assert database.cameras.get("cam-i").status == "live"
        off = msgspec.structs.replace(wanted.cameras["cam-i"], enabled=False)
        without = msgspec.structs.replace(wanted, revision=2, cameras={"cam-i": off})
        looking.decided(hand.machine.applied(without, hand.now_ns))
        clock.move(60)
        looking.write(hand.machine, without)
        row = database.cameras.get("cam-i")
        assert (row.status, row.observed_generation) == ("", 0)
