"""What the holder of an enrolment token cannot do with it."""

from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from uuid import UUID, uuid4

import msgspec
import pytest

from sightline.errors import FleetError
from sightline.fleet.keys import tokens
from sightline.fleet.keys.identity import Identity, to_text
from sightline.fleet.keys.tokens import Token, TokenRecord, proof, read_proof
from sightline.fleet.messages.topics import AgentInfo
from sightline.fleet.store import Database
from sightline.log import redact
from sightline.testing import ManualClock

COORDINATOR = Identity.made()


def new(database: Database, clock: ManualClock, uses: int = 1) -> Token:
    token = Token.made(COORDINATOR.public)
    database.tokens.add(TokenRecord.of(token, clock.utc_ns(), uses=uses))
    return token


def enrol(database: Database, token: Token, identity: Identity, node_id: UUID) -> None:
    key = identity.public
    info = AgentInfo(node_id=node_id, hostname="hall", ip_address=ip_address("127.0.0.1"), key=str(key))
    shown = proof(token, node_id, key)
    database.tokens.enrol(read_proof(COORDINATOR, shown, node_id, key), info)


def test_a_token_makes_nobody_another_agent(database: Database, clock: ManualClock) -> None:
    victim, thief, node_id = Identity.made(), Identity.made(), uuid4()
    enrol(database, new(database, clock), victim, node_id)
    with pytest.raises(FleetError, match="enrolled with another key"):
        enrol(database, new(database, clock), thief, node_id)
    assert database.agents.key_of(node_id) == str(victim.public)


@pytest.mark.parametrize("fresh", [True, False], ids=["with a new token", "with its own of several uses"])
def test_who_was_revoked_comes_back_by_no_token(
    database: Database, clock: ManualClock, *, fresh: bool
) -> None:
    identity, node_id = Identity.made(), uuid4()
    token = new(database, clock, uses=5)
    enrol(database, token, identity, node_id)
    database.agents.change("hall", {"revoked": True})
    with pytest.raises(FleetError, match="revoked"):
        enrol(database, new(database, clock) if fresh else token, identity, node_id)
    assert database.agents.key_of(node_id) is None


def test_the_greeting_of_one_who_was_removed_enrols_nobody_when_it_is_sent_again(
    database: Database, clock: ManualClock
) -> None:
    identity, node_id = Identity.made(), uuid4()
    token = new(database, clock, uses=5)
    enrol(database, token, identity, node_id)
    database.agents.remove("hall")
    with pytest.raises(FleetError, match="used already"):
        enrol(database, token, identity, node_id)
    assert database.agents.keys() == {}
    enrol(database, new(database, clock), identity, node_id)


def test_of_many_who_show_a_token_at_once_one_is_let_in(database: Database, clock: ManualClock) -> None:
    token = new(database, clock)

    def tried(_: int) -> bool:
        try:
            enrol(database, token, Identity.made(), uuid4())
        except FleetError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(tried, range(16))) == 1
    assert len(database.agents.keys()) == 1


def test_a_token_that_ran_out_lets_nobody_in(database: Database, clock: ManualClock) -> None:
    token = new(database, clock)
    clock.move(25 * 3600)
    with pytest.raises(FleetError, match="expired"):
        enrol(database, token, Identity.made(), uuid4())


def test_a_proof_that_was_copied_is_of_no_use_to_others(database: Database, clock: ManualClock) -> None:
    owner, node_id = Identity.made(), uuid4()
    shown = proof(new(database, clock), node_id, owner.public)
    for key, of in ((Identity.made().public, node_id), (owner.public, uuid4())):
        with pytest.raises(FleetError, match="another agent's"):
            read_proof(COORDINATOR, shown, of, key)


def test_nobody_has_words_of_his_own_hidden_by_a_proof() -> None:
    key, node_id, word = Identity.made().public, uuid4(), "running-well-7d2e"
    said = {"token_id": "0" * 12, "secret": word, "node_id": str(node_id), "key": str(key)}
    shown = to_text(COORDINATOR.public.seal(msgspec.json.encode(said), tokens._INFO))
    assert read_proof(COORDINATOR, shown, node_id, key).secret == word
    assert redact(f"it is {word}") == f"it is {word}"
