"""Enrolment tokens: let one agent in once, show nothing, and are no use to whoever overhears them."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.errors import ConfigError, FleetError
from sightline.fleet.keys.identity import Identity, from_text, to_text
from sightline.fleet.keys.tokens import Proven, Token, TokenRecord, proof, read_proof
from sightline.log import redact

COORDINATOR, AGENT, OTHER = Identity.made(), Identity.made(), Identity.made()
NODE = UUID("6b3b6a1e-6a0e-4a52-9a9f-6a1f0c9d7e11")
NOW_NS = 1_800_000_000_000_000_000


def test_a_token_is_read_back_from_its_text() -> None:
    token = Token.made(COORDINATOR.public)
    assert Token.parse(f"  {token.text}\n") == token
    assert token.text.startswith(f"slt1.{token.token_id}.")
    assert Token.made(COORDINATOR.public).secret != token.secret


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: "", "got a text of 1 parts"),
        (lambda text: text.rpartition(".")[0], "got a text of 3 parts"),
        (lambda text: text + ".x", "got a text of 5 parts"),
        (lambda text: text.replace("slt1", "slt2"), "one of another version, slt2"),
        (lambda text: text.replace("slt1.", "slt1.g"), "its ID: expected 12 hexadecimal digits"),
        (lambda text: text[:20] + text[21:], "its SECRET: expected 43 letters of base64url, got 42"),
        (lambda text: text[:-1], "its KEYS: expected public keys: 86 letters"),
    ],
)
def test_a_text_that_is_no_token_is_told_without_showing_it(change, told: str) -> None:  # type: ignore[no-untyped-def]
    token = Token.made(COORDINATOR.public)
    with pytest.raises(ConfigError, match=told) as caught:
        Token.parse(change(token.text))
    assert token.secret[:10] not in str(caught.value)


@given(st.text(max_size=200))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected an enrolment token"):
        Token.parse(text)


def test_a_proof_says_which_token_to_the_coordinator_alone() -> None:
    token = Token.made(COORDINATOR.public)
    sent = proof(token, NODE, AGENT.public)
    assert read_proof(COORDINATOR, sent, NODE, AGENT.public) == Proven(token.token_id, token.secret)
    assert token.secret.encode() not in from_text(sent)
    with pytest.raises(FleetError, match="cannot open a seal"):
        read_proof(OTHER, sent, NODE, AGENT.public)


def test_a_proof_is_no_use_to_another_agent() -> None:
    sent = proof(Token.made(COORDINATOR.public), NODE, AGENT.public)
    for node_id, key in ((uuid4(), AGENT.public), (NODE, OTHER.public)):
        with pytest.raises(FleetError, match="got another agent's"):
            read_proof(COORDINATOR, sent, node_id, key)


def test_a_proof_that_is_changed_in_any_byte_is_refused() -> None:
    sent = from_text(proof(Token.made(COORDINATOR.public), NODE, AGENT.public))
    for at in range(len(sent)):
        changed = sent[:at] + bytes([sent[at] ^ 1]) + sent[at + 1 :]
        with pytest.raises(FleetError):
            read_proof(COORDINATOR, to_text(changed), NODE, AGENT.public)


@given(st.text(max_size=300))
def test_a_text_that_is_no_proof_is_refused(text: str) -> None:
    with pytest.raises(FleetError):
        read_proof(COORDINATOR, text, NODE, AGENT.public)


@pytest.mark.parametrize("said", [b"", b"{}", b"[" * 1200, b'{"token_id": 1}', b"\xff"])
def test_something_else_that_was_sealed_is_refused(said: bytes) -> None:
    sealed = to_text(COORDINATOR.public.seal(said, b"sightline fleet enrolment 1"))
    with pytest.raises(FleetError, match="expected a proof, got something else"):
        read_proof(COORDINATOR, sealed, NODE, AGENT.public)
    with pytest.raises(FleetError, match="at most 2048 letters"):
        read_proof(COORDINATOR, "A" * 2049, NODE, AGENT.public)


def test_a_record_lets_in_who_knows_the_secret_in_time_and_as_often_as_it_says() -> None:
    token, other = Token.made(COORDINATOR.public), Token.made(COORDINATOR.public)
    record = TokenRecord.of(token, NOW_NS)
    day_ns = 24 * 3600 * 10**9
    assert record.refusal(token.secret, NOW_NS + day_ns - 1) is None
    assert record.refusal(token.secret, NOW_NS + day_ns) == "its token has expired; make a new one"
    assert record.refusal(other.secret, NOW_NS) == "its token is wrong"
    used = TokenRecord(
        token_id=record.token_id, digest=record.digest, expires_at_ns=record.expires_at_ns, uses_left=0
    )
    assert used.refusal(token.secret, NOW_NS) == "its token was used already; make a new one"


def test_nothing_shows_a_tokens_secret() -> None:
    token = Token.made(COORDINATOR.public)
    record = TokenRecord.of(token, NOW_NS)
    proven = read_proof(COORDINATOR, proof(token, NODE, AGENT.public), NODE, AGENT.public)
    for shown in (repr(token), repr(record), repr(proven), redact(f"begun with {token.text}")):
        assert token.secret not in shown
