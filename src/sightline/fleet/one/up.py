"""A laptop is a fleet of one: coordinator and agent in this process, and the site that they run here.

Promises all that `SupervisedSite` does, as `sightline up` needs it; what stands in a site's way when it is
begun is raised as it is. Between the two are a database of SQLite and a bus within this process; others can
neither see nor reach them, unless that is asked for:

- `api`: users change the fleet while it runs, over HTTP. The site is begun anew with what was applied.
- `state`: the database is kept, and so what users changed. What the site file says goes before it.
- `shared`: coordinator and agent meet on the site's own bus, and so may agents of other machines.

The site is one instance, by the name of its file, on this machine by hand. It ends by itself as ever, and the
fleet with it.

Deliberately not here: what is decided (`fleet.deciding`), and what a site is (`site`).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.errors import ConfigError, FleetError
from sightline.fleet.one.here import HereRuntime, SiteSpec
from sightline.fleet.one.viewed import ViewAt, with_views
from sightline.site.any_site import AnyHub
from sightline.site.capturing import is_within_process
from sightline.site.model import Site
from sightline.site.own_hub import OwnHub, begun_where_none_answers
from sightline.site.private_folder import private_folder
from sightline.site.running import with_cameras
from sightline.site.status import SiteStatus
from sightline.site.stopping import Runs
from sightline.site.supervised_site import SupervisedSite

if TYPE_CHECKING:
    from sightline.fleet.one.api import ApiWish
    from sightline.fleet.one.fleet import OneFleet

_ASKED_S: Final = 60.0
"""Until the site is begun, which on a laptop is a moment: beyond it something is wrong with us."""
_LOOK_S: Final = 0.02
_MOST_NAME: Final = 200


def instance_of(file: str) -> str:
    """What the fleet calls the site of this file, of whatever name that is."""
    shown = "".join(letter if letter.isprintable() else "-" for letter in Path(file).stem)
    return shown.strip()[:_MOST_NAME].strip() or "site"


class FleetOfOne(Runs):
    """A site between `start()` and `stop()`; a `with` block does both. See `SupervisedSite`.

    Args:
        site: what is to run.
        document: the values that it was made of.
        name: of its file, and what whoever looks at it through its window is told that it is.
        log_level: what captures and the hub log; workers log as this process does.
        state: the folder of what is kept from one run to the next; None: nothing is.
        shared: whether coordinator and agents meet on the site's bus, so that other machines may join.
        api: where to serve the API; None: nowhere.

    Raises:
        ConfigError: no other machine could join over the site's bus. MissingExtra: what the API needs.
    """

    def __init__(
        self,
        site: Site,
        document: Mapping[str, Any],
        *,
        name: str = "site",
        log_level: str = "warning",
        state: Path | None = None,
        shared: bool = False,
        api: ApiWish | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        super().__init__(clock)
        if shared and is_within_process(site.bus):
            raise ConfigError(
                "expected a site whose bus reaches other machines, such as bus: hub://10.0.0.5:4820, for a "
                "fleet of more than this one; got memory://"
            )
        self.site = site = site.model_copy(update={"frame_queue": None})  # its commands are others
        self.name = name
        self.instance = instance_of(name)
        self._document = dict(document)
        self._log_level = log_level
        self._state = state
        self._shared = shared
        self._api = api
        self._order = {camera: place for place, camera in enumerate(site.cameras)}
        self._view = ViewAt(lambda: self._now.bus, "" if shared else f"up-{os.getpid()}-{id(self)}.")
        self._last = self._supervised(site, log_level)
        self._here = HereRuntime(self._made, clock=clock)
        self._hub: OwnHub | None = None
        self._fleet: OneFleet | None = None
        self._opened = ExitStack()

    def start(self) -> None:
        """Begin the fleet, and wait until it has begun the site.

        Raises:
            SightlineError: a model, sink or bus cannot be opened, or the fleet cannot begin; nothing is left
            running.
        """
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def status(self) -> SiteStatus:
        """How the site is; where it is being begun anew, the new one."""
        return self._now.status()

    @property
    def pages(self) -> list[str]:
        """Addresses of the preview pages that are served."""
        return self._now.pages

    @property
    def hub(self) -> AnyHub | None:
        """The hub that was begun because none answered; None: no need to, or only we can reach it."""
        return self._hub or self._now.hub

    @property
    def faults(self) -> list[str]:
        """What went wrong for good, in words."""
        fault = self._fleet.fault if self._fleet else ""
        return [*self._now.faults, *([f"agent: {fault}"] if fault else [])]

    @property
    def fleet(self) -> OneFleet:
        """Its coordinator and its agent, while it runs."""
        assert self._fleet is not None
        return self._fleet

    def first_lines(self) -> Iterator[str]:
        """What users have to know once it runs."""
        if self._fleet is not None and self._fleet.api is not None:
            yield from self._fleet.api.lines()

    @property
    def _now(self) -> SupervisedSite:
        """That which runs, or ran last."""
        one = self._here.there(self.instance)
        if one is not None:
            self._last = one.running
        return self._last

    def request_stop(self) -> None:
        """Let `wait` return; safe in a signal handler."""
        super().request_stop()
        self._here.request_stop()

    def stop(self) -> None:
        """End everything: the site first, as ever. Again is allowed."""
        self._stopping.begin()
        if self._fleet is not None:
            self._fleet.warns = False
        self._opened.close()

    def _start(self) -> None:
        with_cameras(self.site, self.site.workers)  # or there is nothing to run
        if self._is_known_before():
            self._here.begin_early(self.instance, self._last)
            # Closed last of all here, where the fleet cannot begin; else first, see below.
            self._opened.callback(self._here.close)
        from sightline.fleet.one.fleet import OneFleet  # noqa: PLC0415 - while the site's processes begin

        folder = self._folder()
        bus = self.site.bus if self._shared else f"memory://up-{os.getpid()}-{id(self)}"
        if self._shared:
            self._begin_hub()
        self._fleet = fleet = OneFleet(bus, folder, self._here, self._opened)
        fleet.want(self.site, self._document, self.instance)
        fleet.begin(self._opened, self._api, self._view)
        # Closed first: in this thread, so that a user who interrupts it interrupts the end of the site.
        self._opened.callback(self._here.close)
        self._await_site(fleet)
        fleet.warns = True

    def _is_known_before(self) -> bool:
        """Whether what the fleet will have begun is what the file says, as nobody had a word in it yet.

        Then its processes are begun while the fleet is, as both take a while: the agent takes it over.
        """
        all_enabled = all(camera.enabled for camera in self.site.cameras.values())
        return self._state is None and not self._shared and all_enabled

    def _folder(self) -> Path:
        if self._state is None:
            return self._opened.enter_context(private_folder())
        try:
            self._state.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"cannot make the folder {self._state}: {error.strerror}") from None
        return self._state.absolute()

    def _begin_hub(self) -> None:
        """The fleet meets there before there is a site, and while it is begun anew."""
        self._hub = begun_where_none_answers(self.site.bus)
        if self._hub is not None:
            self._opened.callback(self._hub.stop)

    def _await_site(self, fleet: OneFleet) -> None:
        until_s = time.monotonic() + _ASKED_S
        looking = threading.Event()
        while not self._stopping.asked:
            one = self._here.there(self.instance)
            if one is not None and one.begun:
                return
            refused = self._here.refused(self.instance)
            if refused is not None:
                raise refused
            fleet.check(self.instance)
            if one is None and time.monotonic() > until_s:
                raise FleetError(f"the site was not begun within {_ASKED_S:g} s by this machine's agent")
            looking.wait(_LOOK_S)

    def _made(self, spec: SiteSpec) -> SupervisedSite:
        """A site of what was applied, its cameras as the file has them, those that it does not know behind.

        Raises SightlineError.
        """
        return self._supervised(self._site(spec), "debug" if spec.debug else self._log_level)

    def _supervised(self, site: Site, log_level: str) -> SupervisedSite:
        if self._api is not None:
            site = with_views(site, self._view.prefix)
        return SupervisedSite(site, name=self.name, log_level=log_level, clock=self._clock)

    def _site(self, spec: SiteSpec) -> Site:
        cameras = spec.document["cameras"]
        ordered = sorted(cameras, key=lambda name: self._order.get(name, len(self._order)))
        made = {name: {**cameras[name], "term": self._term(name, spec)} for name in ordered}
        return Site.model_validate({**spec.document, "cameras": made})

    def _term(self, camera: str, spec: SiteSpec) -> int:
        """Where there is no other machine, terms tell nothing, and results are as they always were."""
        if self._shared:
            return spec.terms.get(camera, 0)
        return self.site.cameras[camera].term if camera in self.site.cameras else 0

    def _is_over(self) -> bool:
        one = self._here.there(self.instance)
        return (one is not None and one.look()) or bool(self._fleet and self._fleet.fault)
