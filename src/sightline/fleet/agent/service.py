"""The agent on its machine: a thin shell round `deciding.agent.machine`.

One thread feeds the machine and hands out what it wants done; others read the bus (`listening`), look at what
runs (`looking`), and begin and end instances (`working`). It begins with what was verified last, without any
network; a broker that is away is waited for. Where it ends, containers go on, processes end with it.

Deliberately not here: deciding, and tables for people.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

from sightline.clock import NS_PER_S, Clock
from sightline.errors import Closed, FleetError
from sightline.fleet.agent.about import about
from sightline.fleet.agent.camera_tests import CameraTests
from sightline.fleet.agent.disk import Stages
from sightline.fleet.agent.files import Files
from sightline.fleet.agent.given import Given
from sightline.fleet.agent.keeping import Keeping, in_use
from sightline.fleet.agent.leasing import Leasing
from sightline.fleet.agent.listening import Listening
from sightline.fleet.agent.looking import Looking
from sightline.fleet.agent.runtimes import Equipment, equipment
from sightline.fleet.agent.settings import AgentSettings
from sightline.fleet.agent.state_folder import StateFolder
from sightline.fleet.agent.turns import Turn, Turns
from sightline.fleet.agent.working import Working
from sightline.fleet.deciding.agent.desired import (
    Begin,
    Desired,
    End,
    Found,
    Greet,
    Keep,
    LookAt,
    SendLog,
    Told,
)
from sightline.fleet.deciding.agent.machine import Action, Agent
from sightline.fleet.keys.tokens import Token, proof
from sightline.fleet.messages.topics import AgentInfo, AgentResponse
from sightline.fleet.post.post import Post
from sightline.fleet.runtime.lease import BootClock
from sightline.fleet.runtime.promise import Feature
from sightline.fleet.timing import Timing
from sightline.log import get_logger

_IDLE_S: Final = 1.0


class AgentService:
    """One agent. A `with` block starts it and closes it.

    Args:
        settings: of it.
        on_told: is given what a user would want to read, in a thread of the agent's; None: the log is.
        timing: what it and its coordinator agree on.
        clock: whose monotonic time leases are counted by.
        own: what it runs instances with, which is not closed with it; None: what the settings say.

    Raises:
        ConfigError: a setting is wrong, another agent runs in its folder, or it is in no fleet and has no
            token. MissingExtra: a library that it needs is not installed.
    """

    def __init__(
        self,
        settings: AgentSettings,
        *,
        on_told: Callable[[Told], None] | None = None,
        timing: Timing | None = None,
        clock: Clock | None = None,
        own: Equipment | None = None,
    ) -> None:
        self._tell = on_told or self._log
        self._clock = clock or BootClock()
        self._logger = get_logger(__name__)
        self._turns = Turns()
        self._turning = threading.Lock()
        self._over = threading.Event()
        self.fault = ""
        with ExitStack() as opened:
            self._open(settings, timing or Timing(), own, opened)
            self._opened = opened.pop_all()
        self._thread = threading.Thread(target=self._live, name="agent", daemon=True)

    def _open(
        self, settings: AgentSettings, timing: Timing, own: Equipment | None, opened: ExitStack
    ) -> None:
        self._folder = folder = opened.enter_context(StateFolder(settings.state))
        self.node_id = folder.node_id
        token = None if settings.token is None else Token.parse(settings.token.get_secret_value())
        coordinator = folder.coordinator(token)
        self._about = about(settings)
        self._proof = "" if token is None else proof(token, folder.node_id, folder.identity.public)
        has = own or equipment(settings, folder.node_id, folder.instances, opened)
        self._runtimes = has.runtimes
        self._leasing = Leasing(folder.path, folder.node_id, settings, "docker" in self._runtimes)
        self._files = Files(has.preparing)
        outliving = [name for name, each in self._runtimes.items() if Feature.OUTLIVES in each.features]
        given = Given(folder.path, outliving, new=folder.is_new)
        self._looking = Looking(self._runtimes, self._looked, self._clock, given)
        self._working = Working(
            self._runtimes,
            self._files,
            self._looking,
            may_begin=lambda one: self._asked(lambda agent, now_ns: agent.may_begin(one, now_ns)),
            guarded=self._leasing.guarded,
            parallel=settings.parallel,
        )
        opened.callback(self._working.end)
        self._tests = CameraTests(folder.identity, folder.node_id, coordinator)
        opened.callback(self._tests.end)
        self._keeping = Keeping(Stages(folder.stages, self._warn), self._files, lambda: self._documents()[0])
        self._agent = Agent(
            folder.node_id,
            folder.next_boot(self._clock),
            timing,
            self._clock.monotonic_ns(),
            self._keeping.begun_with(folder.identity, folder.node_id),
            parallel=settings.parallel,
            lease_until_ns=self._leasing.left_over_ns(),
        )
        self._post = opened.enter_context(
            Post(settings.bus, identity=folder.identity, by=str(folder.node_id), prefix=settings.prefix)
        )
        self._listening = Listening(
            self._post,
            folder.node_id,
            folder.identity,
            coordinator,
            self._turns.put_message,
            boot=self._agent.boot,
        )

    @property
    def boot(self) -> int:
        return self._agent.boot

    @property
    def about(self) -> dict[str, Any]:
        """What it says of its machine, as `AgentInfo` has it."""
        return dict(self._about)

    def start(self) -> None:
        self._looking.start()
        self._listening.start()
        self._thread.start()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Until it was asked to stop, or failed (`fault`); False when it took longer."""
        return self._over.wait(timeout_s)

    def request_stop(self) -> None:
        """Also from a signal's handler."""
        self._over.set()

    def close(self) -> None:
        """Ends it. What is under way comes to its end; containers go on. Again is allowed."""
        self._over.set()
        self._looking.end()
        self._listening.end()
        self._turns.close()
        if self._thread.ident is not None:  # it was started
            for part in (self._looking, self._listening, self._thread):
                part.join()
        self._opened.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # The machine's thread.

    def _live(self) -> None:
        try:
            self._turn(lambda agent, now_ns: agent.tick(now_ns))
            while not self._turns.closed:
                turn = self._turns.take(self._due_s())
                self._turn(turn or (lambda agent, now_ns: agent.tick(now_ns)))
        except Closed:
            return
        except Exception as error:  # a fault of ours ends it, and whoever began it begins it again
            self._logger.exception("the agent failed")
            self.fault = f"{type(error).__name__}: {error}"
            self._over.set()

    def _due_s(self) -> float:
        with self._turning:
            due_ns = self._agent.due_ns()
        if due_ns is None:
            return _IDLE_S
        return min(max(0.0, (due_ns - self._clock.monotonic_ns()) / NS_PER_S), _IDLE_S)

    def _turn(self, turn: Turn) -> None:
        with self._turning:
            actions = turn(self._agent, self._clock.monotonic_ns())
            ends_ns, held = self._agent.lease_ends_ns, self._agent.held()
        # Before anything is begun by it: the guard must not take the lease for over.
        self._leasing.note(ends_ns, bool(held))
        for action in actions:
            self._act(action)

    def _act(self, action: Action) -> None:
        match action:
            case Told():
                self._tell(action)
            case Greet():
                self._post.send(self._info(action))
            case AgentResponse():
                self._post.send(action)
            case Begin() | End():
                self._working.do(action, partial(self._done, action))
            case Keep():
                self._working.keep(partial(self._keeping.keep, action), partial(self._kept, action))
            case LookAt():
                self._tests.do(action, partial(self._looked_at, action))
            case SendLog():
                self._working.log(action.instance, action.lines, partial(self._logged, action))

    def _info(self, greet: Greet) -> AgentInfo:
        return AgentInfo(
            **self._about,
            node_id=self.node_id,
            boot=self._agent.boot,
            greeting=greet.greeting,
            generation=greet.generation,
            observed_generation=greet.observed_generation,
            key=str(self._folder.identity.public),
            proof=self._proof,
        )

    def _documents(self) -> tuple[Desired | None, Desired | None]:
        """What was told last, and what was verified last."""
        with self._turning:
            return self._agent.desired, self._agent.current

    def _asked(self, question: Callable[[Agent, int], bool]) -> bool:
        with self._turning:
            return question(self._agent, self._clock.monotonic_ns())

    # Answers, from other threads.

    def _done(self, action: Begin | End, error: str | None) -> None:
        self._turns.put(lambda agent, now_ns: agent.done(action, error, now_ns))

    def _kept(self, action: Keep, error: str | None) -> None:
        self._turns.put(lambda agent, now_ns: agent.kept(action.stage, error, now_ns))

    def _logged(self, action: SendLog, text: str) -> None:
        self._turns.put(lambda agent, now_ns: agent.logged(action.request, text, now_ns))

    def _looked_at(self, action: LookAt, sealed: str) -> None:
        self._turns.put(lambda agent, now_ns: agent.looked_at(action.request, sealed, now_ns))

    def _looked(self, found: Sequence[Found], looked_ns: int) -> None:
        """Returns once the machine heard it: there is one look at a time."""
        heard = threading.Event()
        newest, current = self._documents()
        if self._files.found(found) and newest is current:  # it was there yet when that became current
            self._working.keep(lambda: self._files.prune(lambda: in_use(*self._documents())), _unasked)
        known = [one for each in (newest, current) if each for one in each.instances.values()]
        found = self._files.looked_at(found, known)
        if any(one.exclusive for one in found):
            self._guard()

        def turn(agent: Agent, now_ns: int) -> list[Action]:
            heard.set()
            return agent.found(found, now_ns, looked_ns)

        self._turns.put(turn)
        while not (heard.wait(_IDLE_S) or self._turns.closed):
            pass

    def _guard(self) -> None:
        try:
            self._leasing.guarded()
        except FleetError as error:
            self._warn(str(error))

    def _warn(self, what: str) -> None:
        self._tell(Told(what=what, level="warning"))

    def _log(self, told: Told) -> None:
        log = {"info": self._logger.info, "warning": self._logger.warning, "error": self._logger.error}
        log[told.level](told.what, **({"instance": told.instance} if told.instance else {}))


def _unasked(_: str | None) -> None:
    """Nobody waits for it: it is tried again."""
