"""The coordinator and the agent of a fleet of one: their database, their keys, and how they meet.

Promises: what is in its folder is for its user alone; the agent is let in by a token that was made in this
process and is never shown; a revision is new only where something changed.

Deliberately not here: the site, and what runs it.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from sightline.clock import SYSTEM_CLOCK
from sightline.errors import FleetError
from sightline.fleet.agent.runtimes import Equipment
from sightline.fleet.agent.service import AgentService
from sightline.fleet.agent.settings import AgentSettings
from sightline.fleet.coordinator.places import DATABASE, identity_file
from sightline.fleet.coordinator.service import CoordinatorService
from sightline.fleet.deciding.agent.desired import Told
from sightline.fleet.keys.identity import Identity
from sightline.fleet.keys.tokens import Token, TokenRecord
from sightline.fleet.one.here import HereRuntime, SitePreparing
from sightline.fleet.store.database import Database
from sightline.fleet.store.refusals import Missing
from sightline.fleet.store.site_file import import_site_rows
from sightline.fleet.store.site_rows import rows_as_one
from sightline.fleet.timing import Timing
from sightline.log import get_logger
from sightline.site.model import Site

if TYPE_CHECKING:
    from sightline.fleet.one.api import ApiWish, OneApi
    from sightline.fleet.one.viewed import ViewAt

_ORIGIN: Final = "up"
_AGENT: Final = "agent"
_TOKEN_LIFE_S: Final = 600.0
_LET_IN_S: Final = 2.0
_LOOK_S: Final = 0.01
_READY_S: Final = 5.0
"""A site that runs is begun, and one that cannot be says so at once: what ran before is to be back soon.
Told to this agent alone: the rows may go on with others, whose instances take longer to begin."""
_TIMING: Final = Timing(greet_s=0.1)
"""The one who is greeted is here: a greeting that came too early is said again at once."""


class OneFleet:
    """Open until `opened` is closed.

    Args:
        bus: where they meet.
        folder: of all that they keep.
        here: what the agent runs instances with.

    Attributes:
        warns: whether users are told of what goes wrong; before, who begins it hears so by an error.

    Raises:
        ConfigError, StoreError: something in the folder is not as it is to be, or another one has it.
    """

    def __init__(self, bus: str, folder: Path, here: HereRuntime, opened: ExitStack) -> None:
        self.warns = False
        self._bus = bus
        self._logger = get_logger(__name__)
        self.database_path = folder / DATABASE
        self.database = database = Database(self.database_path)
        opened.callback(database.close)
        self._identity = Identity.load_or_make(identity_file(self.database_path))
        said = {
            "bus": bus,
            "token": self._token(folder / _AGENT),
            "state": folder / _AGENT,
            "runtimes": (here.name,),
            "gpulist": (),
        }
        settings = AgentSettings.model_validate(said)  # alone: no file and no environment says more
        own = Equipment({here.name: here}, SitePreparing())
        self.agent = AgentService(settings, on_told=self._told, timing=_TIMING, own=own)
        opened.callback(self.agent.close)
        self.coordinator: CoordinatorService | None = None
        self.api: OneApi | None = None

    def want(self, site: Site, document: Mapping[str, Any], name: str) -> None:
        """This is to run, here. What users added stays; what they changed of the file's is as the file says.

        Raises FleetError where it cannot be taken in.
        """
        node = str(self.agent.node_id)
        try:
            self.database.agents.get(node)
        except Missing:
            self.database.agents.add({"agent_name": self._free_name(node), "node_id": node})
        rows = rows_as_one(site, dict(document), name)
        placed = [{**row, "agent_name": node, "run": {}} for row in rows.instances]
        import_site_rows(self.database, rows._replace(instances=placed), _ORIGIN, prune=True, adopt=True)

    def begin(self, opened: ExitStack, api: ApiWish | None, view: ViewAt) -> None:
        """From here on the site is begun, whenever it is not there. Raises what the API's port says."""
        self.coordinator = CoordinatorService(
            self._bus,
            self.database,
            self._identity,
            ready_s={self.agent.node_id: _READY_S},
            timing=_TIMING,
        )
        opened.callback(self.coordinator.close)
        self.agent.start()
        self._await_agent(self.coordinator)
        self.coordinator.apply(by="sightline up")
        if api is not None:
            self.api = api.serve(self.coordinator, opened, view)

    def _await_agent(self, coordinator: CoordinatorService) -> None:
        """What is applied while it is in is sent at once; else a moment later, with what else may come."""
        until_s = time.monotonic() + _LET_IN_S
        waiting = threading.Event()
        while time.monotonic() < until_s and not self.fault:
            if coordinator.ask(lambda machine, _now_ns: self.agent.node_id in machine.agents()):
                return
            waiting.wait(_LOOK_S)

    @property
    def fault(self) -> str:
        """Why the agent ended; "": it did not."""
        return self.agent.fault

    def check(self, instance: str) -> None:
        """Raises FleetError where the instance will never be begun."""
        if self.fault:
            raise FleetError(f"this machine's agent failed: {self.fault}")
        mistakes = self.coordinator.mistakes() if self.coordinator else {}
        if instance in mistakes:
            raise FleetError(f"instance {instance!r} cannot be made: {mistakes[instance]}")

    def _token(self, agent: Path) -> SecretStr | None:
        """For the first time that this agent meets this coordinator."""
        if (agent / "coordinator").exists():
            return None
        token = Token.made(self._identity.public)
        record = TokenRecord.of(token, SYSTEM_CLOCK.utc_ns(), life_s=_TOKEN_LIFE_S)
        self.database.tokens.add(record, "for the agent of this process")
        return SecretStr(token.text)

    def _free_name(self, node: str) -> str:
        """The host's; where another one has it, with some of its own number."""
        name = socket.gethostname() or _AGENT
        with suppress(Missing):
            self.database.agents.get(name)
            return f"{name}-{node[:8]}"
        return name

    def _told(self, told: Told) -> None:
        """How the site is users see in its status, but not why it is begun anew."""
        wrong = self._logger.warning if self.warns else self._logger.info
        log = self._logger.debug if told.level == "info" else wrong
        log(told.what, **({"instance": told.instance} if told.instance else {}))
