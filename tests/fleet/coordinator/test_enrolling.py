"""Many agents that greet for the first time at once."""

import secrets
import threading
from ipaddress import ip_address
from uuid import UUID, uuid4

from sqlalchemy import event
from tests.conftest import WaitFor

from sightline.fleet.coordinator.door import Door
from sightline.fleet.keys.identity import Identity
from sightline.fleet.keys.tokens import Token, TokenRecord, proof
from sightline.fleet.messages.topics import AgentInfo
from sightline.fleet.post.post import Post
from sightline.fleet.post.reading import Received
from sightline.fleet.store import Database
from sightline.testing import ManualClock

COORDINATOR = Identity.made()
LIMIT_S = 20.0
Greetings = list[tuple[Received, AgentInfo]]


def door_of(database: Database, clock: ManualClock) -> Door:
    return Door(COORDINATOR, database, clock)


def token(database: Database, clock: ManualClock, uses: int) -> Token:
    made = Token.made(COORDINATOR.public)
    database.tokens.add(TokenRecord.of(made, clock.utc_ns(), uses=uses))
    return made


def greeting(token: Token, identity: Identity, node_id: UUID) -> AgentInfo:
    return AgentInfo(
        node_id=node_id,
        hostname="hall",
        ip_address=ip_address("127.0.0.1"),
        key=str(identity.public),
        proof=proof(token, node_id, identity.public),
    )


def as_received(wait_for: WaitFor, *signed: tuple[AgentInfo, Identity]) -> Greetings:
    """As they come over a bus."""
    came: list[Received] = []
    with Post(f"memory://{secrets.token_hex(4)}", identity=COORDINATOR, by="hall") as post:
        reader = post.reader(AgentInfo)
        assert reader.ready(LIMIT_S)
        for info, identity in signed:
            post.send(info, identity=identity)
        while len(came) < len(signed):
            more = wait_for(lambda: reader.poll(100, 0.5), LIMIT_S, "the next")
            came += more
        reader.close()
    return [(one, one.message) for one in came if isinstance(one.message, AgentInfo)]


def commits(database: Database) -> list[None]:
    """One for each transaction of the writer from here on."""
    seen: list[None] = []
    event.listen(database.sessions._writer, "commit", lambda _: seen.append(None))
    return seen


def test_they_are_let_in_by_few_transactions(
    no_leaks: None, database: Database, clock: ManualClock, wait_for: WaitFor
) -> None:
    several = token(database, clock, uses=150)
    all_of_them = [(greeting(several, one, uuid4()), one) for one in (Identity.made() for _ in range(150))]
    greetings = as_received(wait_for, *all_of_them)
    door, written = door_of(database, clock), commits(database)
    door.enrol(greetings)
    assert [refusal for _, refusal in (door.admitted(*one) for one in greetings) if refusal] == []
    assert len(written) == 2
    assert database.agents.keys() == {info.node_id: info.key for _, info in greetings}
    assert {door_of(database, clock).key_of(info.node_id) for _, info in greetings} == {
        one.public for _, one in all_of_them
    }


def test_one_who_may_not_hinders_none_of_the_others_and_is_told_why(
    no_leaks: None, database: Database, clock: ManualClock, wait_for: WaitFor
) -> None:
    for_one, for_several = token(database, clock, uses=1), token(database, clock, uses=5)
    strange = Token.made(COORDINATOR.public)
    first, second, third, thief, liar = (Identity.made() for _ in range(5))
    node = uuid4()
    greetings = as_received(
        wait_for,
        (greeting(strange, thief, uuid4()), thief),
        (greeting(for_several, first, node), first),
        (greeting(for_several, thief, node), thief),
        (greeting(for_one, liar, uuid4()), thief),
        (greeting(for_one, second, uuid4()), second),
        (greeting(for_one, third, uuid4()), third),
    )
    door = door_of(database, clock)
    door.enrol(greetings)
    told = [refusal or "" for _, refusal in (door.admitted(*one) for one in greetings)]
    assert [bool(one) for one in told] == [True, False, True, True, False, True]
    assert "token is wrong" in told[0]
    assert "enrolled with another key" in told[2]
    assert "not signed by its own key" in told[3]
    assert {one.uses_left for one in database.tokens.list()} == {0, 4}
    assert door.key_of(node) == first.public


def test_while_another_writes_nobody_is_taken_for_let_in(
    no_leaks: None, database: Database, clock: ManualClock, wait_for: WaitFor
) -> None:
    several = token(database, clock, uses=2)
    greetings = as_received(
        wait_for, *((greeting(several, one, uuid4()), one) for one in (Identity.made(), Identity.made()))
    )
    door = door_of(database, clock)
    begun, over = threading.Event(), threading.Event()

    def write() -> None:
        with database.sessions.writing():
            begun.set()
            over.wait(LIMIT_S)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        assert begun.wait(LIMIT_S)
        database.sessions.hurry(0.01)
        door.enrol(greetings)
        assert [door.key_of(info.node_id) for _, info in greetings] == [None, None]
        assert all("takes nothing now" in str(door.admitted(*one)[1]) for one in greetings)
    finally:
        over.set()
        writing.join()
    clock.move(1)
    door.enrol(greetings)
    assert None not in [door.key_of(info.node_id) for _, info in greetings]
