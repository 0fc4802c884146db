"""Instances within the agent's own process: whole sites, each as `sightline up` runs one.

A site has a hub, captures and workers, each a process of its own that is begun again where it dies; all of
them end with this process, however that ends. It ends by itself when its files are played or something of it
broke for good. Both are for good: it looked after itself as long as that made sense, so it is not begun again
by its agent, unless another one is desired in its place.

Promises: `begin` returns when everything of it runs, or has raised what stood in its way; `end` returns when
it is gone. Nothing is written to a disk: a site is made of the document itself.

Deliberately not here: images, networks, limits and a log of its own: it logs as this process does. `at_once`
is no faster than a site ends anyway, which is within seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any, Final, Self

import msgspec

from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.errors import Closed, ConfigError, RuntimeFault
from sightline.fleet.deciding.agent.desired import DesiredInstance, Found
from sightline.fleet.messages.parts import WorkerInstance
from sightline.fleet.one.one_site import OneSite
from sightline.fleet.runtime.promise import Feature, RunSpec
from sightline.fleet.runtime.refusing import check_features
from sightline.site.supervised_site import SupervisedSite

_CLOSED_S: Final = 0.05
"""Nothing more will change: whoever waits is about to end."""
_NO_LOG: Final = "(a site within sightline up logs where that command does: on its standard error)"


class SiteSpec(RunSpec, frozen=True, kw_only=True):
    """An instance that is a site.

    Attributes:
        document: as a site file has it, its cameras with logins.
        terms: of its cameras.
        debug: its captures log all.
    """

    document: dict[str, Any] = msgspec.field(default_factory=dict)
    terms: dict[str, int] = msgspec.field(default_factory=dict)
    debug: bool = False

    def __repr__(self) -> str:
        return f"SiteSpec({self.name!r})"  # there are passwords in it


class SitePreparing:
    """Makes `SiteSpec`s; there is no file to be made, and none to be removed."""

    def prepare(self, instance: DesiredInstance) -> SiteSpec:
        """Raises ConfigError where it is no site."""
        payload = instance.payload
        if not isinstance(payload, WorkerInstance):
            raise ConfigError(
                f"instance {instance.name!r}: expected one of Sightline's own, as all that runs here is in"
                " this process; got one of DeepStream"
            )
        return SiteSpec(
            name=instance.name,
            digest=instance.digest,
            generation=instance.generation,
            exclusive=instance.exclusive,
            may_end=True,
            image=payload.run.image,
            network=payload.run.network,
            limits=payload.run.limits,
            document=dict(payload.site),
            terms=dict(payload.run.terms),
            debug=payload.debug,
        )

    def drift(self, instance: DesiredInstance) -> str:  # noqa: ARG002 - see `Prepares`
        """It has no files."""
        return ""

    def prune(self, in_use: Iterable[tuple[str, str]]) -> None:
        """Nothing was written."""


class HereRuntime:
    """See `Runtime`, and the module.

    Args:
        make: a site out of its spec, not begun yet.
        clock: for what is told of late.
    """

    name = "process"

    def __init__(self, make: Callable[[SiteSpec], SupervisedSite], *, clock: Clock = SYSTEM_CLOCK) -> None:
        self.features = frozenset[Feature]()
        self._make = make
        self._clock = clock
        self._lock = threading.Lock()
        self._all: dict[str, OneSite] = {}
        self._early: dict[str, OneSite] = {}
        self._refused: dict[str, BaseException] = {}
        self._changed = threading.Event()
        self._asked_to_stop = self._closed = False

    def begin(self, spec: RunSpec) -> None:
        check_features(spec, self.name, self.features)
        if not isinstance(spec, SiteSpec):
            raise ConfigError(f"instance {spec.name!r}: expected a site, as all that runs here is one")
        try:
            self._begin(spec, self._make(spec))
        except Closed:
            raise
        except Exception as error:
            self._refused[spec.name] = error
            raise RuntimeFault(f"instance {spec.name!r} cannot be begun: {error}") from error
        self._refused.pop(spec.name, None)

    def end(self, name: str, *, at_once: bool = False) -> None:  # noqa: ARG002 - see the module
        one = self.there(name)
        if one is not None:
            one.end()
            with self._lock:
                self._all.pop(name, None)

    def find(self) -> list[Found]:
        with self._lock:
            if self._closed:  # all of it is being ended: nothing is to be concluded of that
                raise Closed("expected a runtime that was not closed")
            there = sorted(self._all.items())
        return [one.found() for _, one in there]

    def log(self, name: str, lines: int) -> list[str]:  # noqa: ARG002 - see the module
        return [_NO_LOG] if self.there(name) else []

    def wait(self, timeout_s: float) -> bool:
        came = self._changed.wait(min(timeout_s, _CLOSED_S) if self._closed else timeout_s)
        self._changed.clear()
        return came

    def begin_early(self, name: str, running: SupervisedSite) -> None:
        """Begin this one now, in a thread of its own: just that will be asked for, once who asks is there.

        Where it is asked for, `begin` waits for it. Where another one is, or none, it is ended.
        """
        one = OneSite(running, self._changed.set, self._clock)
        with self._lock:
            self._early[name] = one
        threading.Thread(target=one.begin_early, name="sightline-begin", daemon=True).start()

    def there(self, name: str) -> OneSite | None:
        """That of this name which runs, is being begun, or ended by itself."""
        with self._lock:
            return self._all.get(name)

    def refused(self, name: str) -> BaseException | None:
        """Why the last one of this name could not be begun; None: it could, or nobody asked yet."""
        return self._refused.get(name)

    def request_stop(self) -> None:
        """Whatever is being begun gives up; safe in a signal handler."""
        # Without the lock, which the very thread that the signal interrupts may hold.
        self._asked_to_stop = True
        for one in (*self._all.values(), *self._early.values()):
            one.running.request_stop()

    def close(self) -> None:
        """In the caller's thread, so that a user who interrupts it interrupts that."""
        with self._lock:
            self._closed = True
        self.request_stop()
        try:
            for one in (*self._all.values(), *self._early.values()):
                one.end()
            self._all.clear()
        finally:
            self._changed.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _begin(self, spec: SiteSpec, running: SupervisedSite) -> None:
        self.end(spec.name)
        one = self._taken(spec.name, running)
        one.spec = spec
        with self._lock:
            if self._closed:
                raise Closed("expected a runtime that was not closed")
            self._all[spec.name] = one
        if self._asked_to_stop:
            running.request_stop()
        try:
            one.begin()
        except BaseException:
            with self._lock:
                self._all.pop(spec.name, None)
            raise

    def _taken(self, name: str, running: SupervisedSite) -> OneSite:
        """What was begun early, where it is just that."""
        with self._lock:
            early = self._early.pop(name, None)
        if early is not None and early.running.site == running.site:
            return early
        if early is not None:
            early.end()
        return OneSite(running, self._changed.set, self._clock)
