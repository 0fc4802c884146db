"""What users do with one camera or instance at once: start, stop, move, debug, and all of the draft.

It promises: such an act is a change of one row, and that row is applied alone, in one transaction: what else
stands in the draft stays a draft; the same act again changes nothing. A dry run gives the plan of just that,
and changes nothing.

Deliberately not here: restart, retry and logs (`service`), tests of cameras (`camera_tests`), files
(`bringing`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from sqlalchemy.orm import Session

from sightline.errors import FleetError
from sightline.fleet.coordinator.bringing import Brought, bring_csv
from sightline.fleet.coordinator.camera_tests import CameraTests, Tested
from sightline.fleet.coordinator.service import CoordinatorService
from sightline.fleet.deciding.coordinator.events import way
from sightline.fleet.deciding.coordinator.planning import Plan
from sightline.fleet.inventory import Inventory
from sightline.fleet.people.principal import acting_now, because
from sightline.fleet.store.csv_file import Kind as Table
from sightline.fleet.store.revisions import Expected
from sightline.fleet.store.shelf import Shelf
from sightline.fleet.store.tables import Camera, DsInstance

Kind: TypeAlias = Literal["camera", "instance"]
Values: TypeAlias = Mapping[str, Any] | Callable[[Any], Mapping[str, Any]]
"""What is to be another of a row: the same for any, or as it is."""


class Acted(NamedTuple):
    """What was done, or would be.

    Attributes:
        kind, name: with what; of the whole draft "fleet" and "".
        changed: whether anything was another before.
        revision: that is applied, or would be.
        detail: for people.
        plan: of a dry run, what would change; None: it was done.
        mark: of a dry run of the whole draft, by which it is known again (`Expected`).
    """

    kind: str
    name: str
    changed: bool
    revision: int
    detail: str
    plan: Plan | None = None
    mark: str = ""


class Acts:
    """Of one coordinator. Any thread may use it.

    All that name a row raise Missing, and StoreError; those that change one Refused as well.
    """

    def __init__(self, service: CoordinatorService) -> None:
        self._service = service
        self._tests = CameraTests(service)

    def start(self, kind: Kind, key: str, *, dry_run: bool = False) -> Acted:
        """It is wanted, from now on."""
        return self._act(kind, key, {"enabled": True}, "start", "is to run", dry_run=dry_run)

    def stop(self, kind: Kind, key: str, *, dry_run: bool = False) -> Acted:
        """It is not wanted any more; its row stays."""
        return self._act(kind, key, {"enabled": False}, "stop", "is to end", dry_run=dry_run)

    def move_camera(
        self, key: str, *, instance: str | None = None, agent: str | None = None, dry_run: bool = False
    ) -> Acted:
        """Put it on an instance, or a machine, by hand; on neither: the fleet finds a place again."""
        values = {"instance_name": instance, "agent_name": agent}
        where = f"is put on {instance or agent}" if instance or agent else "is placed by the fleet"
        return self._act("camera", key, values, "move", where, dry_run=dry_run)

    def move_instance(self, key: str, *, agent: str | None = None, dry_run: bool = False) -> Acted:
        """Put it on a machine by hand; on none: the fleet finds one again."""
        where = f"is put on {agent}" if agent else "is placed by the fleet"
        return self._act("instance", key, {"agent_name": agent}, "move", where, dry_run=dry_run)

    def debug(self, kind: Kind, key: str, *, on: bool = True, dry_run: bool = False) -> Acted:
        """Have its log say all; what runs is begun anew for it, with all cameras of the instance.

        Raises FleetError of a camera on an instance of DeepStream, which has no such thing.
        """
        if kind == "camera" and on:
            self._check_debug(key)
        values = {"debug": on} if kind == "instance" else partial(_camera_debug, on=on)
        told = "logs all that there is to say" if on else "logs as others do"
        return self._act(kind, key, values, "debug", told, dry_run=dry_run)

    def apply(self, *, desc: str = "", expected: Expected | None = None, dry_run: bool = False) -> Acted:
        """Make the whole draft what holds. Raises DraftChanged where it is not as `expected`, whoever changed
        it and however late: nothing is applied then.
        """
        wanted, mark = self._service.database.draft()
        changed = wanted.revision != self._service.revision
        if dry_run:
            (expected or Expected()).check(wanted.revision, mark)
            detail = "the draft would hold" if changed else "the draft holds already"
            return Acted("fleet", "", changed, wanted.revision, detail, self._service.plan(wanted), mark)
        with because(desc):
            revision = self._service.apply(expected=expected, by=way(_by(), desc))
        return Acted("fleet", "", changed, revision, f"revision {revision} is applied")

    def restart(self, instance: str) -> str:
        """See `CoordinatorService.restart`."""
        return self._service.restart(instance)

    def retry(self, instance: str) -> str:
        """See `CoordinatorService.retry`."""
        return self._service.retry(instance)

    def test_camera(self, key: str, *, agent: str | None = None) -> Tested:
        """See `CameraTests.saved`."""
        return self._tests.saved(key, agent)

    def test_source(self, values: Mapping[str, Any], *, agent: str | None = None) -> Tested:
        """See `CameraTests.unsaved`."""
        return self._tests.unsaved(values, agent)

    def import_csv(
        self, kind: Table, text: str | bytes, *, prune: bool = False, dry_run: bool = False
    ) -> Brought:
        """See `bring_csv`."""
        return bring_csv(self._service, kind, text, prune=prune, dry_run=dry_run)

    # How

    def _act(self, kind: Kind, key: str, values: Values, act: str, told: str, *, dry_run: bool) -> Acted:
        changing = _Changing(self._shelf(kind), key, values)
        if dry_run:
            wanted, _ = self._service.database.apply_row(changing, dry_run=True)
            changed = wanted.revision != self._service.revision
            detail = self._told(changing, told, changed=changed, would=True)
            return Acted(kind, changing.name, changed, wanted.revision, detail, self._service.plan(wanted))
        before = self._service.applied
        revision = self._service.apply_row(changing, by=way(_by(), f"{act} {kind} {key}"))
        changed = revision != before.revision
        detail = self._told(changing, told, changed=changed, was=before)
        return Acted(kind, changing.name, changed, revision, detail)

    def _told(
        self,
        done: _Changing,
        told: str,
        *,
        changed: bool,
        was: Inventory | None = None,
        would: bool = False,
    ) -> str:
        if not changed:
            return f"{done.name} {told} already"
        was = was or self._service.applied
        applied = (was.cameras if done.kind == "camera" else was.instances).get(done.name)
        others = "" if applied and applied.generation == done.generation else _OTHERS[applied is None]
        return f"{done.name} {told}{others}{' (a dry run: nothing is changed)' if would else ''}"

    def _shelf(self, kind: Kind) -> Shelf[Any, Any]:
        database = self._service.database
        return database.cameras if kind == "camera" else database.instances

    def _check_debug(self, key: str) -> None:
        row = self._service.database.cameras.get(key)
        on = row.instance_name or self._service.ask(lambda machine, _: machine.instance_of(row.camera_id))
        of = self._service.applied.instances.get(on or "")
        if of is not None and of.kind == "deepstream":
            raise FleetError(
                f"{row.camera_id} is on {of.name}, of DeepStream, which has a debug mode of the whole "
                f"instance alone: turn on that of {of.name}"
            )


_OTHERS: Final = {
    False: "; what was changed of it and not applied yet holds now, too",
    True: "; it was not applied before",
}


def _camera_debug(row: Any, *, on: bool) -> Mapping[str, Any]:
    """As it may be shown: what is hidden stays."""
    settings = {name: value for name, value in row.settings.items() if name != "debug"}
    return {"settings": {**settings, "debug": True} if on else settings}


class _Changing:
    """One row's change, within whichever transaction; afterwards it is known which row that was."""

    def __init__(self, shelf: Shelf[Any, Any], key: str, values: Values) -> None:
        self._shelf, self._key, self._values = shelf, key, values
        self.kind, self.name, self.generation = shelf.what, "", 0

    def __call__(self, session: Session) -> Camera | DsInstance:
        row: Camera | DsInstance = self._shelf.find(session, self._key)
        self.name = row.camera_id if isinstance(row, Camera) else row.instance_name
        self.generation = row.generation  # before
        values = self._values(row) if callable(self._values) else self._values
        self._shelf.merge_in(session, row, values)
        return row


def _by() -> str:
    """Who does it, for the events; that is nobody in particular who has the coordinator's own token."""
    now = acting_now()
    return "the API" if now is None or now.who.how == "root" else now.who.name
