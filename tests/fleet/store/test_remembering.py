"""What the coordinator remembers: all comes back as it was saved, also to another process."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fleet.store.filled import camera, deepstream, worker

from sightline.fleet.deciding.coordinator.actions import (
    CameraShare,
    InstanceShare,
    Memory,
    NodeShare,
    Noted,
    Save,
)
from sightline.fleet.inventory import AgentSpec, Placement
from sightline.fleet.store import Database
from sightline.fleet.store.observing import AgentSeen, CameraSeen, InstanceSeen
from sightline.testing import ManualClock

NODE = UUID("8c1f3e0a-5b52-4c37-9d0e-2f6f6a3c1b11")
OTHER = UUID("0c1f3e0a-5b52-4c37-9d0e-2f6f6a3c1b12")
names = st.text("abcä💡'\"/-", min_size=1, max_size=8)
nodes = st.uuids(version=4)
shares = st.builds(
    NodeShare,
    node_id=nodes,
    generation=st.integers(0, 2**62),
    instances=st.lists(
        st.builds(
            InstanceShare,
            name=names,
            generation=st.integers(0, 9),
            exclusive=st.booleans(),
            cameras=st.lists(
                st.builds(CameraShare, camera_id=names, generation=st.integers(0, 9), term=st.integers(0, 9)),
                max_size=2,
            ).map(tuple),
        ),
        max_size=3,
    ).map(tuple),
)
saves = st.builds(
    Save,
    agents=st.dictionaries(nodes, st.none(), max_size=3).map(
        lambda each: {node: AgentSpec(node_id=node, hostname="box", gpus=1) for node in each}
    ),
    shares=st.lists(shares, max_size=3).map(lambda all_: {share.node_id: share for share in all_}),
    placement=st.none()
    | st.builds(
        Placement,
        cameras=st.dictionaries(names, names, max_size=4),
        instances=st.dictionaries(names, nodes, max_size=4),
    ),
    terms=st.dictionaries(names, st.integers(0, 2**62), max_size=4),
)


def after(memory: Memory, save: Save) -> Memory:
    """What a coordinator remembers after a save, worked out by hand."""
    return Memory(
        inventory=memory.inventory,
        agents=memory.agents | save.agents,
        shares=memory.shares | {node: share for node, share in save.shares.items() if share},
        placement=memory.placement if save.placement is None else save.placement,
        terms=memory.terms | save.terms,
        fresh=memory.fresh and not save.shares,
    )


@settings(max_examples=40)
@given(all_=st.lists(saves, max_size=6))
def test_whatever_is_saved_is_remembered(tmp_path_factory: object, all_: list[Save]) -> None:
    folder: Path = tmp_path_factory.mktemp("fleet")  # type: ignore[attr-defined]
    expected = Memory(fresh=True)
    with Database(folder / "fleet.db") as database:
        for save in all_:
            database.save(save)
            expected = after(expected, save)
            assert database.memory() == expected
    with Database(folder / "fleet.db") as database:
        assert database.memory() == expected


def test_an_agent_that_is_no_more_has_no_share(database: Database) -> None:
    database.save(Save(shares={NODE: NodeShare(node_id=NODE, generation=3)}))
    database.save(Save(shares={NODE: None}))
    assert database.memory() == Memory(fresh=False)


def test_the_same_draft_is_the_same_revision(database: Database) -> None:
    database.instances.add(deepstream())
    assert database.inventory().revision == 1
    first, sources = database.apply()
    assert (first.revision, sources.revision) == (1, 1)
    assert database.apply()[0] is first
    database.cameras.add(camera(password="geheim", username="a"))
    assert database.applied()[0] is first
    assert database.apply()[0].revision == 2
    database.cameras.change("gate", {"password": "anders"})
    assert database.inventory().revision == 3


def test_what_was_applied_is_there_after_a_restart(tmp_path: Path) -> None:
    with Database(tmp_path / "fleet.db") as database:
        database.instances.add(worker(run={"limits": {"cpus": 1.5}}))
        database.cameras.add(camera(password="geheim", username="a", settings={"transport": "udp"}))
        applied = database.apply()
        database.cameras.remove("gate")
    with Database(tmp_path / "fleet.db") as database:
        assert database.applied() == applied
        assert database.memory().inventory == applied[0]
        assert database.inventory().cameras == {}


def test_fifty_revisions_are_kept(database: Database) -> None:
    database.cameras.add(camera())
    for number in range(60):
        database.cameras.change("gate", {"pool": str(number)})
        database.apply()
    with database.sessions.reading() as session:
        numbers = (
            session.connection().exec_driver_sql("SELECT revision FROM revision ORDER BY 1").scalars().all()
        )
    assert numbers == list(range(11, 61))


def test_what_is_observed_is_written_once_a_second_at_most(database: Database, clock: ManualClock) -> None:
    database.save(Save(agents={NODE: AgentSpec(node_id=NODE, hostname="box")}))
    database.instances.add(worker())
    database.cameras.add(camera())
    database.observed.observe(
        {NODE: AgentSeen(connected=True, last_seen=5000, observed_generation=2)},
        {"motion": InstanceSeen(status="starting")},
    )
    assert database.agents.get("box").state == "connected"
    database.observed.observe(instances={"motion": InstanceSeen(status="running", observed_generation=1)})
    database.observed.observe(cameras={"gate": CameraSeen(status="live", observed_generation=1)})
    assert database.instances.get("motion").status == "starting"
    assert not database.observed.write()
    clock.move(1.1)
    assert database.observed.write()
    instance, gate = database.instances.get("motion"), database.cameras.get("gate")
    assert (instance.status, instance.observed_generation, instance.generation) == ("running", 1, 1)
    assert (gate.status, gate.observed_generation) == ("live", 1)
    assert database.instances.page(state="running").total == 1


def test_a_row_that_is_made_again_is_observed_again(database: Database, clock: ManualClock) -> None:
    live = CameraSeen(status="live")
    for _ in range(2):
        database.cameras.add(camera())
        database.observed.observe(cameras={"gate": live})
        database.observed.write(now=True)
        assert database.cameras.get("gate").status == "live"
        database.cameras.remove("gate")


def test_what_did_not_change_is_not_written(database: Database, clock: ManualClock) -> None:
    database.save(Save(agents={NODE: AgentSpec(node_id=NODE, hostname="box")}))
    for second in range(0, 40, 5):
        database.observed.observe({NODE: AgentSeen(connected=True, last_seen=second * 1000)})
        seen = database.agents.get("box").last_seen
        assert seen is not None
        assert seen.timestamp() == second // 15 * 15
        clock.move(5)


def test_events_are_bounded_and_the_newest_stay(database: Database) -> None:
    database.events.note(Noted(what=f"event {number}", node_id=NODE) for number in range(9_990))
    database.events.note([Noted(what=f"late {number}", instance="motion") for number in range(20)])
    page = database.events.page(limit=2)
    assert ([event.what for event in page.items], page.total) == (["late 19", "late 18"], 10_000)
    newer = database.events.page(after=page.items[0].id - 3)
    assert [event.what for event in newer.items] == ["late 17", "late 18", "late 19"]
    assert database.events.page(instance="motion").total == 20
    assert database.events.page(node_id=str(OTHER)).total == 0


def test_an_event_shows_no_password(database: Database) -> None:
    database.events.note([Noted(what="lost rtsp://a:geheim@10.0.0.5/x")])
    assert database.events.page().items[0].what == "lost rtsp://***@10.0.0.5/x"
