"""Instances as Docker containers, which go on where their agent ends, and are found again by the next.

Promises: labels are the truth about what is whose; containers of other agents, and of nobody's, are never
touched. A call that Docker does not answer in time ends, and raises RuntimeFault; where it is not known what
runs, nothing is said to be gone. An image that is not there is told with how to get it, and fetched only
where a setting says so; a network likewise, and never made. What was changed by hand is found as `drift`.
Nothing is polled for: Docker tells of what happens (`events`); lines and figures come beside it (`watching`).

Where the name of an image stands for another one since, by a pull or a tag, that is no drift: what runs goes
on as it was verified, and tells its image's id. Whatever is begun, for a change or by `restart`, has the
image that its name stands for on this machine by then.

Deliberately not here: building images; and a registry's password, which Docker's own client has.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final, Self

import msgspec

from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.errors import Closed, RuntimeFault
from sightline.fleet.deciding.agent.desired import Found
from sightline.fleet.runtime.docker.containers import INSTANCE, STOP_S, DockerSettings, own_labels
from sightline.fleet.runtime.docker.engine import Engine, Missing, Taken
from sightline.fleet.runtime.docker.events import Events, Happened
from sightline.fleet.runtime.docker.inspecting import cameras_of, found, run_of
from sightline.fleet.runtime.docker.log_reading import last_of, life_since
from sightline.fleet.runtime.docker.making import Making
from sightline.fleet.runtime.docker.watching import Life, Watching
from sightline.fleet.runtime.figures import is_log_line
from sightline.fleet.runtime.last_lines import shown
from sightline.fleet.runtime.promise import Feature, RunSpec
from sightline.fleet.runtime.refusing import check_features

Inspected = Mapping[str, Any]
_STOP_S: Final = 10.0
_GONE_S: Final = 10.0
_LOOK_S: Final = 0.1
_AS_MANY_STATUSES: Final = 4
"""A worker says each second how it is; those lines are no log, and are read past."""


class DockerRuntime:
    """See `Runtime`. Making one asks Docker nothing: it may come later."""

    name = "docker"

    def __init__(self, settings: DockerSettings, *, clock: Clock = SYSTEM_CLOCK) -> None:
        every = {Feature.OUTLIVES, Feature.IMAGES, Feature.NETWORKS, Feature.LIMITS}
        self.features = frozenset(every | ({Feature.GPUS} if settings.gpus else set()))
        self.settings = settings
        self._engine = Engine(settings.address, call_s=settings.call_s)
        self._making = Making(self._engine, settings)
        self._beside = Engine(settings.address, call_s=settings.call_s)
        self._changed = threading.Event()
        self._lock = threading.Lock()
        self._busy: set[str] = set()
        self._new: dict[str, str] = {}
        self._closed = False
        self._watching = Watching(self._beside, self._changed.set, clock)
        self._events = Events(settings.address, own_labels(settings), self._on_event)

    def begin(self, spec: RunSpec) -> None:
        check_features(spec, self.name, self.features)
        with self._doing(spec.name):
            image = self._making.image(spec)
            self._making.check_network(spec)
            self._remove(spec.name, at_once=False)
            made = self._making.make(spec, image)
            with self._lock:
                self._new[spec.name] = made
            try:
                self._engine.ask(f"begin {spec.name!r}", lambda client: client.start(made))
            except RuntimeFault:
                self._forget(made)
                raise
            there = self._look(made)
            if there is not None:
                self._watching.add(run_of(there), _life(there))

    def end(self, name: str, *, at_once: bool = False) -> None:
        with self._doing(name):
            self._remove(name, at_once=at_once)

    def find(self) -> list[Found]:
        there = self._there()
        self._watching.only({run_of(each): partial(_life, each) for each in there})
        for each in there:
            if not _runs(each):
                self._watching.last_look(run_of(each))
        with self._lock:
            busy = set(self._busy)
        by_name: dict[str, Found] = {}
        for each in there:
            one = found(each, self._watching.of(run_of(each)), begun_here=_label(each, INSTANCE) in busy)
            by_name[one.name] = _both(by_name[one.name], one) if one.name in by_name else one
        return [by_name[name] for name in sorted(by_name)]

    def log(self, name: str, lines: int) -> list[str]:
        said: list[str] = []
        for container in self._ids(name):
            try:
                wanted = max(lines, 1) * _AS_MANY_STATUSES + 200
                said += [text for _, text in last_of(self._engine, container, wanted)]
            except Missing:
                continue
        return [shown(line) for line in said if is_log_line(line)][-lines:] if lines > 0 else []

    def wait(self, timeout_s: float) -> bool:
        came = self._changed.wait(timeout_s)
        self._changed.clear()
        return came

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._events.close()
        self._watching.close()
        self._beside.close()
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    # What is there.

    def _ids(self, name: str | None = None) -> list[str]:
        labels = own_labels(self.settings) + ([] if name is None else [f"{INSTANCE}={name}"])
        listed = self._engine.ask(
            "what containers there are",
            lambda client: client.containers(all=True, filters={"label": labels}),
        )
        return [each["Id"] for each in listed if name is None or each["Labels"].get(INSTANCE) == name]

    def _there(self) -> list[Inspected]:
        looked = (self._look(container) for container in self._ids())
        return [each for each in looked if each is not None]

    def _look(self, container: str) -> Inspected | None:
        try:
            there: Inspected = self._engine.ask(
                "a container", lambda client: client.inspect_container(container)
            )
        except Missing:  # it went a moment ago
            return None
        return there

    # How it begins and ends.

    def _forget(self, container: str) -> None:
        with suppress(RuntimeFault):  # the next begin or end of its name removes it
            self._engine.ask("remove", partial(_removed, container=container))

    def _remove(self, name: str, *, at_once: bool) -> None:
        for container in self._ids(name):
            there = self._look(container)
            if there is None:
                continue
            if there["State"].get("Running") and not at_once:
                self._stop(name, container, _stop_s(there))
            self._remove_one(name, container)

    def _stop(self, name: str, container: str, stop_s: float) -> None:
        # The SDK adds the time that it has to the time limit of the call.
        call = partial(_stopped, container=container, stop_s=stop_s)
        with suppress(Missing, Taken):  # it ended by itself, or somebody else removes it
            self._engine.ask(f"end {name!r}", call)

    def _remove_one(self, name: str, container: str) -> None:
        for _ in range(round(_GONE_S / _LOOK_S)):
            with suppress(Missing, Taken):  # gone, or being removed
                self._engine.ask(f"remove {name!r}", partial(_removed, container=container))
            if self._look(container) is None:
                return
            time.sleep(_LOOK_S)
        raise RuntimeFault(f"instance {name!r}: its container {container[:12]} cannot be removed")

    # What happens meanwhile.

    @contextmanager
    def _doing(self, name: str) -> Iterator[None]:
        """What happens to it now was asked for here."""
        with self._lock:
            if self._closed:
                raise Closed("expected a runtime that was not closed")
            self._busy.add(name)
        try:
            yield
        finally:
            with self._lock:
                self._busy.discard(name)
                self._new.pop(name, None)

    def _on_event(self, happened: Happened) -> None:
        with self._lock:
            asked_for = happened.instance in self._busy
            # Nobody asked a new one to end: it may do so before its begin has returned.
            ended = happened.ended and self._new.get(happened.instance) == happened.container
        if ended or not asked_for:
            self._changed.set()


def _runs(container: Inspected) -> bool:
    return bool(container["State"].get("Running"))


def _label(container: Inspected, label: str) -> str:
    return (container["Config"].get("Labels") or {}).get(label) or ""


def _life(container: Inspected) -> Life:
    labels = container["Config"].get("Labels") or {}
    return Life(container["Id"], life_since(container["State"]), cameras_of(labels))


def _both(one: Found, other: Found) -> Found:
    """Two containers of one name: whatever they are, it is not as it was made."""
    runs = one if one.state in {"running", "starting"} else other
    return msgspec.structs.replace(runs, drift="a second container of its name")


def _stop_s(container: Inspected) -> float:
    try:
        return float(_label(container, STOP_S))
    except ValueError:
        return _STOP_S


def _removed(client: Any, *, container: str) -> None:
    client.remove_container(container, force=True, v=True)


def _stopped(client: Any, *, container: str, stop_s: float) -> None:
    client.stop(container, timeout=max(1, round(stop_s)))
