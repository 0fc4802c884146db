"""One site within this process: what its runtime tells of its begin and its end."""

from pathlib import Path

from tests.fleet.one.site_of_one import LIVE, write

from sightline.clock import SYSTEM_CLOCK
from sightline.fleet.one.one_site import OneSite
from sightline.site.reading import load_site
from sightline.site.supervised_site import SupervisedSite


class EndedMeanwhile(SupervisedSite):
    """Its agent ends it just when somebody looks whether it ended by itself."""

    one: OneSite

    def start(self, *_told: object) -> None:
        """Nothing of it is needed here."""

    def wait(self, timeout_s: float | None = None) -> bool:
        self.one.end()
        return super().wait(timeout_s)


def test_what_its_agent_ends_did_not_end_by_itself(tmp_path: Path) -> None:
    running = EndedMeanwhile(load_site(write(tmp_path, {"a": {"url": LIVE}})))
    running.one = one = OneSite(running, bool, SYSTEM_CLOCK)
    one.begin()
    assert not one.look()
    assert one.found().state == "removing"
