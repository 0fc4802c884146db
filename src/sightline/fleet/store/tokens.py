"""Enrolment tokens: made, used up in the transaction that lets an agent in, listed, taken back.

Promises: of two agents with a token of one use one is let in, however they come; an agent whose answer was
lost may show the same token again, with the same key. No token lets in who was revoked, or is in with another
key. No secret is kept, its hash alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from sightline.clock import NS_PER_S, Clock
from sightline.errors import FleetError
from sightline.fleet.keys.tokens import Proven, TokenRecord
from sightline.fleet.messages.topics import AgentInfo
from sightline.fleet.store.agent_rows import AgentOut
from sightline.fleet.store.agents import Agents
from sightline.fleet.store.refusals import Conflict, Missing
from sightline.fleet.store.row import Row
from sightline.fleet.store.sessions import Sessions
from sightline.fleet.store.tables import Agent, EnrolmentToken

_WRONG: Final = "its token is wrong"


class NotIn(FleetError):
    """It is not let in; the message says why, as the agent may be told."""


class TokenOut(Row):
    """A token as it may be shown."""

    token_id: str
    description: str
    created_at: datetime
    expires_at: datetime
    uses_left: int
    used_by: list[str]
    revoked: bool


class Tokens:
    """Of one database. Any thread may use it."""

    def __init__(self, sessions: Sessions, agents: Agents, clock: Clock) -> None:
        self._sessions, self._agents, self._clock = sessions, agents, clock

    def add(self, record: TokenRecord, description: str = "") -> TokenOut:
        """Keep a new one. Raises Conflict where one of its id is there."""
        with self._sessions.writing() as session:
            if session.get(EnrolmentToken, record.token_id) is not None:
                raise Conflict(f"there is a token {record.token_id} already")
            row = EnrolmentToken(
                token_id=record.token_id,
                digest=record.digest,
                description=description,
                created_at=self._clock.utc_ns(),
                expires_at=record.expires_at_ns,
                uses_left=record.uses_left,
                used_by=[],
                revoked=False,
            )
            session.add(row)
            session.flush()
            return _out(row)

    def enrol(self, proven: Proven, info: AgentInfo) -> None:
        """Use the token up and let the agent in with the key that it says, both or neither.

        Raises:
            NotIn: why not.
        """
        with self._sessions.writing() as session:
            agents = self._agents.rows_for(session, {info.node_id: info.hostname})
            self._enrol_in(session, agents[info.node_id], proven, info)

    def enrol_all(self, greetings: Sequence[tuple[Proven, AgentInfo]]) -> list[tuple[AgentInfo, AgentOut]]:
        """Let in all of these that may be, in one transaction, and give what stands of each then; of the
        others `enrol` says why not.
        """
        enrolled: list[AgentInfo] = []
        with self._sessions.writing() as session, session.no_autoflush:
            agents = self._agents.rows_for(session, {info.node_id: info.hostname for _, info in greetings})
            for proven, info in greetings:
                with suppress(NotIn):
                    self._enrol_in(session, agents[info.node_id], proven, info)
                    enrolled.append(info)
            session.flush()
            rows = self._agents.shown(session, [agents[info.node_id] for info in enrolled])
        return [*zip(enrolled, rows, strict=True)]

    def _enrol_in(self, session: Session, agent: Agent, proven: Proven, info: AgentInfo) -> None:
        """Nothing is changed before all was asked."""
        row = session.get(EnrolmentToken, proven.token_id)
        if row is None:
            raise NotIn(_WRONG)
        is_used = str(info.node_id) in row.used_by
        if agent.key == info.key and is_used and not agent.revoked:
            record = TokenRecord(token_id="", digest=row.digest, expires_at_ns=2**63)
            _refuse(record.refusal(proven.secret, 0))  # again: the answer was lost
            return
        _refuse("its token was taken back" if row.revoked else None)
        _refuse(_record(row).refusal(proven.secret, self._clock.utc_ns()))
        _refuse(_why_not_in(agent, info.key))
        # Of a token for several: it was sent away since, and its own proof may be sent again by anybody.
        _refuse("its token was used already by it; make a new one" if is_used else None)
        row.uses_left -= 1
        row.used_by = [*row.used_by, str(info.node_id)]
        agent.key, agent.revoked = info.key, False
        self._agents.greeted_in(agent, info)
        self._agents.keep(session, agent)

    def list(self) -> list[TokenOut]:
        """All, the newest first."""
        with self._sessions.reading() as session:
            order = EnrolmentToken.created_at.desc()
            return [_out(row) for row in session.scalars(select(EnrolmentToken).order_by(order))]

    def revoke(self, token_id: str) -> TokenOut:
        """Nobody is let in by it any more; who was stays. Raises Missing."""
        with self._sessions.writing() as session:
            row = session.get(EnrolmentToken, token_id)
            if row is None:
                raise Missing("token", token_id)
            row.revoked = True
            return _out(row)


def _refuse(why: str | None) -> None:
    if why is not None:
        raise NotIn(why)


def _why_not_in(agent: Agent, key: str) -> str | None:
    """A token is for a new machine: with it nobody comes back who was sent away, or becomes another one."""
    if agent.revoked:
        return "it was revoked: take it out of the fleet before it is enrolled anew"
    if agent.key not in {"", key}:
        return (
            "it is enrolled with another key: give it back the key in its folder, or take it out of the "
            "fleet before it is enrolled anew"
        )
    return None


def _record(row: EnrolmentToken) -> TokenRecord:
    return TokenRecord(
        token_id=row.token_id, digest=row.digest, expires_at_ns=row.expires_at, uses_left=row.uses_left
    )


def _out(row: EnrolmentToken) -> TokenOut:
    return TokenOut(
        token_id=row.token_id,
        description=row.description,
        created_at=_time(row.created_at),
        expires_at=_time(row.expires_at),
        uses_left=row.uses_left,
        used_by=row.used_by,
        revoked=row.revoked,
    )


def _time(utc_ns: int) -> datetime:
    return datetime.fromtimestamp(utc_ns / NS_PER_S, UTC)
