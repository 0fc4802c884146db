"""Who is let in and listened to: an agent by the key that it was enrolled with, a new one by a token.

It promises: a token is used up and its agent's key kept in one step; nobody is taken for an agent whose key
they do not have; a proof is opened and nothing of it is shown; a refusal goes to the key that greeted, and so
many a second. While the database takes nothing, those who are in stay in, and what they say of themselves is
written down once it does.

Deliberately not here: what an agent is told to run, and when.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Final, TypeAlias, TypeVar
from uuid import UUID

from sightline.clock import NS_PER_S, Clock, ns
from sightline.errors import FleetError, StoreError, WireError
from sightline.fleet.inventory import NodeId
from sightline.fleet.keys.identity import Identity, PublicKey
from sightline.fleet.keys.tokens import Proven, read_proof
from sightline.fleet.messages.topics import AgentInfo, AgentResponse
from sightline.fleet.post.reading import Received
from sightline.fleet.store import Database
from sightline.fleet.store.refusals import Busy, Missing
from sightline.fleet.store.rows import AgentOut
from sightline.log import Repeated, get_logger

UNKNOWN: Final = "it is not enrolled here: make a token with `sightline fleet token`, and begin it with that"
REVOKED: Final = "it was revoked"
_OTHER_KEY: Final = (
    "its key is another than the one that it was enrolled with: give it back the key in its folder, or take "
    "it out of the fleet and enrol it anew with a token"
)
_FULL: Final = "the coordinator's database takes nothing now; it is asked again"
_AGAIN_S: Final = 10.0
_REFUSALS_PER_S: Final = 2.0
_MOST_REFUSALS: Final = 50
_BUSY_S: Final = 0.5
_MOST_TOLD: Final = 4096
_PAGE: Final = 1000
_ENROLLED_AT_ONCE: Final = 100
_KEPT_AT_ONCE: Final = 20
T = TypeVar("T")

_Said: TypeAlias = tuple[object, ...]


class Door:
    """Of one coordinator; for its thread alone.

    Args:
        identity, database, clock: the coordinator's.
        open_topics: whether anybody who can write to the broker may ask for an update and a refresh.

    Attributes:
        refused: how often somebody was not listened to, by reason.
    """

    def __init__(
        self, identity: Identity, database: Database, clock: Clock, *, open_topics: bool = False
    ) -> None:
        self._identity, self._database, self._clock = identity, database, clock
        self._open_topics = open_topics
        self._keys = {node_id: PublicKey.parse(key) for node_id, key in database.agents.keys().items()}
        self._rows = {UUID(row.node_id): row for row in _all_agents(database)}
        self._said: dict[NodeId, _Said] = {node_id: _of_row(row) for node_id, row in self._rows.items()}
        self._unwritten: dict[NodeId, AgentInfo] = {}
        self._leaving: dict[NodeId, PublicKey] = {}
        self._told_ns: OrderedDict[NodeId, int] = OrderedDict()
        self._refusals, self._filled_ns = float(_MOST_REFUSALS), clock.monotonic_ns()
        self._busy_ns = 0
        self._unkept = Repeated(get_logger(__name__), "what an agent says of itself is not kept", clock=clock)
        self.refused: Counter[str] = Counter()

    def key_of(self, node_id: NodeId) -> PublicKey | None:
        """For whom its configuration is sealed; None: it is not in."""
        return self._keys.get(node_id)

    def hostname_of(self, node_id: NodeId) -> str:
        """As its agent said it; its number where none did."""
        row = self._rows.get(node_id)
        return (row.hostname if row else "") or str(node_id)

    def listens_to(self, received: Received, response: AgentResponse) -> bool:
        """Whether a response is from the agent that it says."""
        key = self._keys.get(response.node_id) or self._leaving.get(response.node_id)
        if key is None or not received.signed_by(key):
            self.refused["unknown" if key is None else "signature"] += 1
            return False
        return True

    def obeys(self, received: Received) -> bool:
        """Whether it is of a user: signed by the coordinator's own key, or anybody where they may."""
        if self._open_topics or received.signed_by(self._identity.public):
            return True
        self.refused["user"] += 1
        return False

    def may_refuse(self, received: Received, info: AgentInfo) -> bool:
        """Whether a greeting is answered that lets nobody in: if who sent it has the key that it says, for
        else another one would take it for said to itself; and not more often than we would like to write.
        """
        now_ns = self._clock.monotonic_ns()
        filled = (now_ns - self._filled_ns) / NS_PER_S * _REFUSALS_PER_S
        self._refusals, self._filled_ns = min(float(_MOST_REFUSALS), self._refusals + filled), now_ns
        if self._refusals < 1 or not _is_own(received, info):
            return False
        self._refusals -= 1
        return True

    def why_not(self, node_id: NodeId) -> str:
        """Why one who has no token is not let in, for its user."""
        row = self._rows.get(node_id)
        if row is not None and row.revoked:
            return REVOKED
        return _OTHER_KEY if node_id in self._keys else UNKNOWN

    def is_to_be_told(self, node_id: NodeId) -> bool:
        """Whether one who is not listened to is to be told so: now and then, however often it speaks."""
        now_ns = self._clock.monotonic_ns()
        last_ns = self._told_ns.pop(node_id, None)
        told = last_ns is not None and now_ns - last_ns < ns(_AGAIN_S)
        self._told_ns[node_id] = last_ns if told and last_ns is not None else now_ns
        if len(self._told_ns) > _MOST_TOLD:
            self._told_ns.popitem(last=False)
        return not told

    def enrol(self, greetings: Iterable[tuple[Received, AgentInfo]]) -> None:
        """Let in all of these that come with a token and may be, in few transactions: at a fleet's first
        begin they are hundreds at once. `admitted` says of each whether it is in.
        """
        new = [one for one in map(self._proven_of, greetings) if one is not None]
        for begin in range(0, len(new) if len(new) > 1 else 0, _ENROLLED_AT_ONCE):
            some = new[begin : begin + _ENROLLED_AT_ONCE]
            with suppress(StoreError):
                for info, row in self._write(partial(self._database.tokens.enrol_all, some)):
                    self._is_in(info, row)

    def admitted(self, received: Received, info: AgentInfo) -> tuple[AgentInfo, str | None]:
        """What an agent said, with what users set over it; and why it is not let in, None: it is."""
        try:
            self._judge(received, info)
            return self._greeted(info), None
        except StoreError as error:
            self._unkept.add(reason=str(error))
            return info, _FULL
        except FleetError as error:
            self.refused["greeting"] += 1
            return info, str(error)

    def keep(self) -> Iterator[NodeId]:
        """Write down what could not be when agents who are in said it, of a few; gives whose. Raises
        StoreError: not now either.
        """
        for node_id, info in [*islice(self._unwritten.items(), _KEPT_AT_ONCE)]:
            with suppress(Missing):  # it was taken out of the fleet meanwhile
                self._keep(info)
            del self._unwritten[node_id]
            yield node_id

    def reread(self, node_id: NodeId) -> None:
        """Users changed what stands of it."""
        row = _row(self._database, node_id)
        if row is None or row.revoked:
            key = self._keys.pop(node_id, None)
            if key is not None and row is None:
                self._leaving[node_id] = key  # it is still to say that it gave back what it ran
        if row is None:
            self._rows.pop(node_id, None)
            self._said.pop(node_id, None)
        else:
            self._rows[node_id] = row

    def _judge(self, received: Received, info: AgentInfo) -> None:
        """Raises FleetError where it is not let in."""
        proven = self._proven(received, info)
        if proven is not None:
            self._write(lambda: self._database.tokens.enrol(proven, info))
            self._is_in(info, _row(self._database, info.node_id))

    def _proven(self, received: Received, info: AgentInfo) -> Proven | None:
        """What its token says, where it is new; None: it is in. Raises FleetError."""
        try:
            offered = PublicKey.parse(info.key)
        except WireError:
            raise FleetError("expected its public keys in its greeting") from None
        if not received.signed_by(offered):
            raise FleetError("its greeting is not signed by its own key")
        if self._keys.get(info.node_id) == offered:
            return None
        if not info.proof:
            raise FleetError(self.why_not(info.node_id))
        return read_proof(self._identity, info.proof, info.node_id, offered)

    def _proven_of(self, greeting: tuple[Received, AgentInfo]) -> tuple[Proven, AgentInfo] | None:
        with suppress(FleetError):
            proven = self._proven(*greeting)
            return None if proven is None else (proven, greeting[1])
        return None

    def _is_in(self, info: AgentInfo, row: AgentOut | None) -> None:
        """It was enrolled, and that is on disk."""
        self._keys[info.node_id] = PublicKey.parse(info.key)
        self._leaving.pop(info.node_id, None)
        self._stands(info, row)

    def _greeted(self, info: AgentInfo) -> AgentInfo:
        self._unwritten.pop(info.node_id, None)
        if self._said.get(info.node_id) != _of_info(info):
            try:
                self._keep(info)
            except StoreError as error:  # it is in, and what it says of itself is kept soon
                self._unwritten[info.node_id] = info
                self._unkept.add(reason=str(error))
        row = self._rows.get(info.node_id)
        if row is None:
            return info
        capacity = info.capacity if row.set_capacity is None else row.set_capacity
        return info.model_copy(update={"labels": {**info.labels, **row.set_labels}, "capacity": capacity})

    def _keep(self, info: AgentInfo) -> None:
        self._write(lambda: self._database.agents.greeted(info))
        self._stands(info, _row(self._database, info.node_id))

    def _write(self, write: Callable[[], T]) -> T:
        """Do it, unless the database was busy a moment ago: of many who greet at once not each one waits."""
        if self._clock.monotonic_ns() < self._busy_ns:
            raise Busy("the database was busy a moment ago")
        try:
            return write()
        except Busy:
            self._busy_ns = self._clock.monotonic_ns() + ns(_BUSY_S)
            raise

    def _stands(self, info: AgentInfo, row: AgentOut | None) -> None:
        """That is on disk of what it said."""
        if row is not None:
            self._rows[info.node_id] = row
            self._said[info.node_id] = _of_info(info)


def _is_own(received: Received, info: AgentInfo) -> bool:
    try:
        return received.signed_by(PublicKey.parse(info.key))
    except WireError:
        return False


def _row(database: Database, node_id: NodeId) -> AgentOut | None:
    try:
        return database.agents.get(str(node_id))
    except Missing:
        return None


def _all_agents(database: Database) -> list[AgentOut]:
    found: list[AgentOut] = []
    while True:
        page = database.agents.page(offset=len(found), limit=_PAGE)
        found += page.items
        if not page.items or len(found) >= page.total:
            return found


def _of_info(info: AgentInfo) -> _Said:
    return (
        info.hostname,
        str(info.ip_address),
        info.capacity,
        tuple(info.gpulist or ()),
        info.labels,
        tuple(info.runtimes),
        info.agent_version,
    )


def _of_row(row: AgentOut) -> _Said:
    """As far as it can be told: what users set hides what the agent said, which is then kept once more."""
    labels = {name: value for name, value in row.labels.items() if name not in row.set_labels}
    capacity = row.capacity if row.set_capacity is None else object()
    return (
        row.hostname,
        row.ip_address,
        capacity,
        tuple(row.gpulist),
        labels,
        tuple(row.runtimes),
        row.agent_version,
    )
