"""Tests of cameras: one look by the machine that is to use it, or by the coordinator's own.

It promises: a login goes to one machine, sealed, and comes back in no answer; a camera that is not saved yet
can be looked at; so many at a time, here and of each machine, and who comes beyond is told so at once. The
coordinator's own machine looks at addresses of a network alone: files, certificates and devices are another
machine's.

Deliberately not here: how a camera is looked at (`fleet.probing`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4

from msgspec import structs

from sightline.capture.address import host
from sightline.errors import FleetError
from sightline.fleet.coordinator.service import CoordinatorService
from sightline.fleet.documents.sources import CameraSource, is_one_machines
from sightline.fleet.messages.topics import AgentCommand
from sightline.fleet.people.principal import because
from sightline.fleet.probing.looking import look
from sightline.fleet.probing.words import MOST_S, Outcome, Wish, opened_outcome, sealed_wish
from sightline.fleet.store.lending import check_lent
from sightline.fleet.store.refusals import Missing
from sightline.fleet.store.rows import CameraIn, CameraOut, read

HERE: Final = "coordinator"
"""As a machine's name: the coordinator's own."""
_ANSWER_S: Final = MOST_S + 5.0


class Tested(NamedTuple):
    """What a look at a camera found.

    Attributes:
        camera_id: which one.
        on: the machine that looked; "coordinator": the coordinator's own.
        ok: pictures come.
        fault: what is wrong, in words; "": nothing.
        report: as `sightline probe --json` has it; empty where there is a fault.
        jpeg: a small picture; b"": none could be decoded.
    """

    camera_id: str
    on: str
    ok: bool
    fault: str
    report: dict[str, Any]
    jpeg: bytes


class CameraTests:
    """Of one coordinator. Any thread may use it; each look takes up to some 20 s."""

    def __init__(self, service: CoordinatorService) -> None:
        self._service = service

    def saved(self, key: str, agent: str | None = None) -> Tested:
        """A camera as its row says; by the machine of this name, or that on which it is, or here.

        Raises:
            Missing: there is no such row. BusAway, FleetError: the machine cannot be asked. BufferFull: too
            many are looked at. CallTimedOut: the machine did not answer.
        """
        row = self._service.database.cameras.get(key)
        return self._looked(_wish_of(self._source(row.camera_id)), agent, row.placed_node)

    def unsaved(self, values: Mapping[str, Any], agent: str | None = None) -> Tested:
        """A camera of these values, as when a row is made. Where they name one that is saved, and say no
        password, its own is used, if it is for the same scheme, host, port and user.

        Raises as `saved`, and Refused: values are wrong, or its password has to be said again.
        """
        name = str(values.get("camera_id") or "camera")
        camera = read(CameraIn, {**values, "camera_id": name})
        row = self._row(name)
        wish = Wish(
            camera_id=name,
            address=camera.address,
            username=camera.username,
            password=camera.clear_password or self._lent(camera, row),
            settings=dict(camera.settings),
        )
        return self._looked(wish, agent or camera.agent_name, None if row is None else row.placed_node)

    def _looked(self, wish: Wish, agent: str | None, placed: str | None) -> Tested:
        with self._service.asking.looks.one():
            node = self._node(agent, placed)
            self._note(wish, HERE if node is None else node[1])
            if node is None:
                return _tested(wish, HERE, self._look_here(wish))
            node_id, name = node
            return _tested(wish, name, self._look_there(wish, node_id))

    def _note(self, wish: Wish, on: str) -> None:
        """A login may go to a host that no row names: who had it sent there is written down."""
        with because(f"at {host(wish.address) or 'no host'}, by {on}"):
            self._service.database.audit.note(of=[("camera", wish.camera_id)])

    def _node(self, agent: str | None, placed: str | None) -> tuple[UUID, str] | None:
        """Who looks; None: the coordinator's own machine, also where that of the camera cannot be asked."""
        if agent == HERE:
            return None
        agents = self._service.database.agents
        if agent is not None:
            row = agents.get(agent)
            return UUID(row.node_id), row.agent_name
        if placed is None or not self._service.asking.hears(UUID(placed)):
            return None
        return UUID(placed), agents.get(placed).agent_name

    def _look_here(self, wish: Wish) -> Outcome:
        if is_one_machines(wish.address, wish.settings):
            raise FleetError(
                "a file, a device or a tls_ca_file is one machine's: expected the name of an agent that is "
                "to look at it"
            )
        with self._service.asking.looks_here.one():
            return look(wish)

    def _look_there(self, wish: Wish, node_id: UUID) -> Outcome:
        key = self._service.asking.key_of(node_id)
        if key is None:
            raise FleetError("the machine is not let in: it cannot be asked")
        request = uuid4().hex
        sealed = sealed_wish(wish, key, node_id, request)
        command = AgentCommand(command="probe", sealed=sealed, request=request)
        answer = self._service.asking.ask_agent(command, node_id, _ANSWER_S)
        return opened_outcome(answer.sealed, self._service.identity, node_id, request)

    def _source(self, name: str) -> CameraSource:
        return self._service.database.camera_source(name)

    def _row(self, name: str) -> CameraOut | None:
        try:
            return self._service.database.cameras.get(name)
        except Missing:
            return None

    def _lent(self, camera: CameraIn, row: CameraOut | None) -> str | None:
        """The password that is saved, if it is for whom this is to be sent to."""
        if row is None or not row.has_password or camera.username is None:
            return None
        source = self._source(row.camera_id)
        check_lent(camera, structs.asdict(source))
        return source.password


def _wish_of(source: CameraSource) -> Wish:
    return Wish(
        camera_id=source.camera_id,
        address=source.address,
        username=source.username,
        password=source.password,
        settings=dict(source.settings),
    )


def _tested(wish: Wish, on: str, outcome: Outcome) -> Tested:
    return Tested(wish.camera_id, on, not outcome.fault, outcome.fault, outcome.report, outcome.jpeg)
