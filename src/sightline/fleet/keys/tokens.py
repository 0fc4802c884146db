"""Enrolment: how an agent that nobody knows shows that it may be let in, once.

A coordinator makes a `Token`, a user takes its text to the new machine, and its agent sends it back as a
`proof`: sealed for the coordinator whose public keys the token has, together with who the agent is. So a
broker in between neither learns the token nor can use the proof for another agent. The coordinator keeps a
`TokenRecord`: of the secret its hash alone, until when it holds, and how often it may still be used.

Whoever is let in shows no token again: its key is remembered with its node. So a proof that comes a second
time, because the answer was lost, is no second use where key and node are those that were let in by it.

Deliberately not here: the table of records, and counting a use down; that is the store's, in one transaction.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final, Self
from uuid import UUID

import msgspec

from sightline.errors import ConfigError, FleetError, WireError
from sightline.fleet.keys.identity import Identity, PublicKey, from_text, to_text
from sightline.log import hide_secret

LIFE_S: Final = 24 * 3600.0
MOST_PROOF_LETTERS: Final = 2048

_BEGIN: Final = "slt1"
_ID_BYTES: Final = 6
_SECRET_BYTES: Final = 32
_INFO: Final = b"sightline fleet enrolment 1"
_EXAMPLE: Final = "expected an enrolment token slt1.ID.SECRET.KEYS, as `sightline fleet token` prints it"


class Token(msgspec.Struct, frozen=True):
    """What lets an agent in once, and which coordinator it is to believe.

    Attributes:
        token_id: to be named by in logs and lists.
        secret: that nobody else knows.
        coordinator: its public keys.
    """

    token_id: str
    secret: str
    coordinator: PublicKey

    def __post_init__(self) -> None:
        hide_secret(self.secret)

    @classmethod
    def made(cls, coordinator: PublicKey) -> Self:
        """A new one of this coordinator."""
        return cls(secrets.token_hex(_ID_BYTES), to_text(secrets.token_bytes(_SECRET_BYTES)), coordinator)

    @classmethod
    def parse(cls, text: str) -> Self:
        """That of a text, with space around it or not. Raises ConfigError, which does not show it."""
        begin, *parts = text.strip().split(".")
        if begin != _BEGIN or len(parts) != 3:
            raise ConfigError(f"{_EXAMPLE}; got a text of {len(parts) + 1} parts{_begins(begin)}")
        token_id, secret, keys = parts
        _check(token_id, secret)
        try:
            return cls(token_id, secret, PublicKey.parse(keys))
        except WireError as error:
            raise ConfigError(f"{_EXAMPLE}; its KEYS: {error}") from None

    @property
    def text(self) -> str:
        """For the user who begins the agent; a secret."""
        return ".".join((_BEGIN, self.token_id, self.secret, str(self.coordinator)))

    def __repr__(self) -> str:
        return f"Token({self.token_id!r})"


def _begins(begin: str) -> str:
    newer = begin[:3] == _BEGIN[:3] and begin[3:].isdigit() and begin != _BEGIN
    return f", one of another version, {begin[:8]}" if newer else ""


def _check(token_id: str, secret: str) -> None:
    try:
        whole = len(bytes.fromhex(token_id)) == _ID_BYTES and token_id == token_id.lower()
    except ValueError:
        whole = False
    if not whole:
        raise ConfigError(f"{_EXAMPLE}; its ID: expected {2 * _ID_BYTES} hexadecimal digits")
    try:
        whole = len(from_text(secret)) == _SECRET_BYTES
    except ValueError:
        whole = False
    if not whole:
        letters = len(to_text(bytes(_SECRET_BYTES)))
        raise ConfigError(
            f"{_EXAMPLE}; its SECRET: expected {letters} letters of base64url, got {len(secret)}"
        )


class TokenRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a coordinator keeps of a token: nothing that would let anybody in.

    Attributes:
        token_id: of the token.
        digest: SHA-256 of its secret, in hexadecimal digits.
        expires_at_ns: UTC.
        uses_left: how many agents it still lets in.
    """

    token_id: str
    digest: str
    expires_at_ns: int
    uses_left: int = 1

    @classmethod
    def of(cls, token: Token, utc_ns: int, *, life_s: float = LIFE_S, uses: int = 1) -> Self:
        """That of a token which is made now."""
        return cls(
            token_id=token.token_id,
            digest=digest_of(token.secret),
            expires_at_ns=utc_ns + round(life_s * 1e9),
            uses_left=uses,
        )

    def refusal(self, secret: str, utc_ns: int) -> str | None:
        """Why whoever shows this secret is not let in; None: it is."""
        if not hmac.compare_digest(self.digest, digest_of(secret)):
            return "its token is wrong"
        if utc_ns >= self.expires_at_ns:
            return "its token has expired; make a new one"
        if self.uses_left < 1:
            return "its token was used already; make a new one"
        return None


def digest_of(secret: str) -> str:
    """As `TokenRecord.digest` has it. A random secret of 256 bits needs no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Proven(msgspec.Struct, frozen=True):
    """What a proof says: which token, and its secret."""

    token_id: str
    secret: str

    def __repr__(self) -> str:
        return f"Proven({self.token_id!r})"


class _Said(msgspec.Struct):
    """What is in the seal of a proof."""

    token_id: str
    secret: str
    node_id: str
    key: str


def proof(token: Token, node_id: UUID, key: PublicKey) -> str:
    """`AgentInfo.proof`: that the agent `node_id`, whose keys these are, has this token."""
    said = _Said(token.token_id, token.secret, str(node_id), str(key))
    return to_text(token.coordinator.seal(msgspec.json.encode(said), _INFO))


def read_proof(coordinator: Identity, text: str, node_id: UUID, key: PublicKey) -> Proven:
    """What `proof` made, for the agent that says it is `node_id` with this key.

    Raises:
        FleetError: it is no proof for this coordinator, was changed, or is another agent's.
    """
    # What it says is not told to the redactor: anybody could have words of his own hidden everywhere.
    if len(text) > MOST_PROOF_LETTERS:
        raise FleetError(f"expected a proof of at most {MOST_PROOF_LETTERS} letters, got {len(text)}")
    try:
        said = msgspec.json.decode(coordinator.open(from_text(text), _INFO), type=_Said)
    except (ValueError, msgspec.DecodeError, RecursionError):
        raise FleetError("expected a proof, got something else") from None
    if (said.node_id, said.key) != (str(node_id), str(key)):
        raise FleetError("expected a proof of the agent that sent it, got another agent's")
    return Proven(said.token_id, said.secret)
