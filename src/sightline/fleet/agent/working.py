"""What the machine asks for, done by a few threads: instances are made ready, begun and ended, logs fetched.

Each asking has one answer, an error as a text or None. Before an exclusive instance is begun, it is asked
once more whether it may be, and in a container only with a guard that ends it where this agent cannot.

Deliberately not here: whether and when.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from sightline.errors import ConfigError, FleetError, SightlineError
from sightline.fleet.agent.files import Files
from sightline.fleet.agent.looking import Looking
from sightline.fleet.deciding.agent.desired import Begin, DesiredInstance, End
from sightline.fleet.runtime.promise import Feature, Runtime
from sightline.log import get_logger, redact

_BESIDE: Final = 16
"""What is ended at once has no time to wait for what is begun."""
_MOST_REASON: Final = 500


class Working:
    """Any thread may ask.

    Args:
        runtimes: by name.
        files: of instances.
        looking: is told what was touched.
        may_begin: whether an exclusive instance may be begun now.
        guarded: sees to it that a guard is there; raises FleetError where there is none.
        parallel: what is begun at a time.
    """

    def __init__(
        self,
        runtimes: Mapping[str, Runtime],
        files: Files,
        looking: Looking,
        *,
        may_begin: Callable[[DesiredInstance], bool],
        guarded: Callable[[], None],
        parallel: int,
    ) -> None:
        self._runtimes = runtimes
        self._files = files
        self._looking = looking
        self._may_begin = may_begin
        self._guarded = guarded
        self._logger = get_logger(__name__)
        self._pool = ThreadPoolExecutor(parallel + _BESIDE, thread_name_prefix="agent works")
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="agent keeps")

    def do(self, action: Begin | End, answer: Callable[[str | None], None]) -> None:
        def act() -> None:
            if isinstance(action, Begin):
                self._begin(action.instance)
            else:
                self._end(action)

        self._pool.submit(lambda: answer(self._tried(act)))

    def keep(self, write: Callable[[], None], answer: Callable[[str | None], None]) -> None:
        """One after the other."""
        self._disk.submit(lambda: answer(self._tried(write)))

    def log(self, name: str, lines: int, answer: Callable[[str], None]) -> None:
        """The last lines of an instance, or why there are none."""

        def fetch() -> None:
            found: list[str] = []
            error = self._tried(lambda: found.extend(self._lines(name, lines)))
            answer("\n".join(found) if error is None else error)

        self._pool.submit(fetch)

    def end(self) -> None:
        """What is under way comes to its end; what waits is not begun."""
        self._pool.shutdown(cancel_futures=True)
        self._disk.shutdown()

    def _tried(self, act: Callable[[], object]) -> str | None:
        try:
            act()
        except SightlineError as error:
            return redact(str(error))[:_MOST_REASON] or type(error).__name__
        except Exception as error:  # whatever it is, the machine has to hear that it failed
            self._logger.exception("the agent failed")
            return redact(f"{type(error).__name__}: {error}")[:_MOST_REASON]
        return None

    def _begin(self, instance: DesiredInstance) -> None:
        wanted = instance.payload.run.runtime
        runtime = self._runtimes.get(wanted)
        if runtime is None:
            raise ConfigError(f"expected a runtime of this agent: {', '.join(self._runtimes)}; got {wanted}")
        with self._files.ready(instance) as spec:
            for other in self._looking.places_of(instance.name):
                if other != wanted:
                    self._end_there(other, instance.name)
            if instance.exclusive:
                self._check(instance, runtime)
            with self._looking.beginning(wanted, instance):
                runtime.begin(spec)

    def _check(self, instance: DesiredInstance, runtime: Runtime) -> None:
        if Feature.OUTLIVES in runtime.features:
            self._guarded()
        if not self._may_begin(instance):
            raise FleetError("it must not run twice, and the lease ended while it was made ready")

    def _end(self, action: End) -> None:
        errors = []
        for name in self._looking.places_of(action.name):
            try:
                self._end_there(name, action.name, at_once=action.at_once)
            except SightlineError as error:
                errors.append(str(error))
        if errors:
            raise FleetError("; ".join(errors))

    def _end_there(self, runtime: str, name: str, *, at_once: bool = False) -> None:
        try:
            self._runtimes[runtime].end(name, at_once=at_once)
            self._looking.ended(runtime, name)
        finally:
            self._looking.touched(runtime)

    def _lines(self, name: str, lines: int) -> list[str]:
        for place in self._looking.places_of(name):
            found = self._runtimes[place].log(name, lines)
            if found:
                return found
        return []
