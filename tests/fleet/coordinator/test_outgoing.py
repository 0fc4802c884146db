"""What waits until it is saved, and what does not."""

from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from sightline.fleet.coordinator.outgoing import MOST_NOTED, Outgoing, Sending, merged
from sightline.fleet.deciding.coordinator.actions import (
    Action,
    NodeShare,
    Noted,
    Save,
    SendCommand,
    SendConfig,
)
from sightline.fleet.inventory import Placement
from sightline.fleet.messages.topics import AgentCommand

NODES = [uuid4() for _ in range(3)]


def config(node: UUID, generation: int) -> SendConfig:
    return SendConfig(NodeShare(node_id=node, generation=generation))


def save(node: UUID, generation: int) -> Save:
    return Save(shares={node: NodeShare(node_id=node, generation=generation)})


def command(what: str, node: UUID | None = None, **more: object) -> SendCommand:
    return SendCommand(AgentCommand.model_validate({"command": what, "node_id": node, **more}))


def test_nothing_that_rests_on_what_is_unsaved_is_given() -> None:
    outgoing = Outgoing()
    outgoing.add([save(NODES[0], 1), config(NODES[0], 1), command("welcome", NODES[0])])
    assert outgoing.take_ready() == []
    assert outgoing.unsaved == save(NODES[0], 1)
    outgoing.saved()
    assert outgoing.take_ready() == [config(NODES[0], 1), command("welcome", NODES[0])]
    assert outgoing.take_ready() == []


def test_leases_are_acknowledged_while_nothing_can_be_saved() -> None:
    outgoing = Outgoing()
    outgoing.add([save(NODES[0], 1), command("leases"), command("report")])
    assert [one.command for one in outgoing.take_at_once()] == ["leases", "report"]
    assert outgoing.take_at_once() == []


def test_of_what_waits_for_a_machine_the_newest_alone_is_sent() -> None:
    outgoing = Outgoing()
    outgoing.add([save(NODES[0], 1), config(NODES[0], 1), config(NODES[1], 7)])
    outgoing.add([save(NODES[0], 2), config(NODES[0], 2)])
    outgoing.saved()
    assert outgoing.take_ready() == [config(NODES[1], 7), config(NODES[0], 2)]


def test_who_is_refused_is_not_welcomed_by_what_waited() -> None:
    outgoing = Outgoing()
    outgoing.add([save(NODES[0], 1), command("welcome", NODES[0]), config(NODES[0], 1)])
    outgoing.add([command("refuse", NODES[0], reason="revoked")])
    outgoing.saved()
    assert outgoing.take_ready() == []
    assert [one.command for one in outgoing.take_at_once()] == ["refuse"]


def test_what_is_to_be_noted_has_a_bound_and_is_counted_beyond_it() -> None:
    outgoing = Outgoing()
    outgoing.add(Noted(what=str(number)) for number in range(MOST_NOTED + 5))
    assert outgoing.noted_dropped == 5
    assert len(outgoing.take_noted()) == MOST_NOTED
    assert outgoing.take_noted() == []


def test_a_placement_that_is_not_named_stays() -> None:
    placement = Placement(cameras={"a": "b"})
    assert merged(Save(placement=placement), save(NODES[0], 1)).placement == placement
    assert merged(Save(placement=placement), Save(placement=Placement())).placement == Placement()


ACTIONS = st.one_of(
    st.builds(save, st.sampled_from(NODES), st.integers(1, 9)),
    st.builds(config, st.sampled_from(NODES), st.integers(1, 9)),
    st.builds(command, st.sampled_from(["welcome", "leases", "refuse", "logs"]), st.sampled_from(NODES)),
)


@given(st.lists(st.one_of(ACTIONS, st.just("saved"), st.just("taken"))))
def test_a_machine_has_on_disk_and_by_word_the_last_that_was_decided(steps: list[Action | str]) -> None:
    """Whatever is merged, the end is as if each action had been carried out by itself, in order."""
    outgoing, disk, sent = Outgoing(), Save(), list[Sending]()
    whole = Save()
    for step in [*steps, "saved", "taken"]:
        if step == "saved":
            disk = merged(disk, outgoing.unsaved or Save())
            outgoing.saved()
        elif step == "taken":
            sent += outgoing.take_ready()
        elif not isinstance(step, str):
            outgoing.add([step])
            whole = merged(whole, step) if isinstance(step, Save) else whole
        assert outgoing.waiting <= 2 * len(NODES)
    assert disk == whole
    for node in NODES:
        asked = [step for step in steps if _is_of(step, node)]
        got = [one for one in sent if _is_of(one, node)]
        if asked and isinstance(asked[-1], SendConfig):
            assert got[-1] == asked[-1]


def _is_of(step: Action | str, node: UUID) -> bool:
    """A configuration, or a refusal, which takes it back."""
    if isinstance(step, SendConfig):
        return step.share.node_id == node
    return isinstance(step, SendCommand) and step.command.command == "refuse" and step.command.node_id == node
