"""What an nvinfer file makes of the element: its network, its mode, its clustering.

Promises: what holds after old keys and defaults, as the parser and the start leave it.

Deliberately not here: what follows from it (the other modules of rules).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sightline.deepstream.document import ConfigFile
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.judging.rules.opening import Rule
from sightline.deepstream.judging.rules.settings import Settings, only
from sightline.deepstream.keys.nvinfer import NETWORK_TYPES
from sightline.deepstream.kinds import Kind

DETECTOR, CLASSIFIER, SEGMENTATION, INSTANCES, OTHER = NETWORK_TYPES
GROUP_RECTANGLES, DBSCAN, NMS, HYBRID, NO_CLUSTERS = range(5)
GRAY = 2
_DEFAULTS = (0, False, "", 0.0)


@dataclass(frozen=True, slots=True)
class Facts:
    settings: Settings

    @property
    def network_type(self) -> int:
        old = int(self.settings.on("is-classifier"))
        return int(self.settings.value("network-type", old))

    @property
    def cluster_mode(self) -> int:
        old = int(self.settings.on("enable-dbscan"))
        return int(self.settings.value("cluster-mode", old))

    @property
    def secondary(self) -> bool:
        return bool(self.settings.value("process-mode", 1) == 2)

    @property
    def from_meta(self) -> bool:
        return self.settings.on("input-tensor-from-meta")

    @property
    def classes(self) -> int:
        return int(self.settings.value("num-detected-classes", 0))

    @property
    def channels(self) -> int:
        return 1 if self.settings.value("model-color-format", 0) == GRAY else 3

    def sets(self, key: str) -> bool:
        """The key is there and asks for something: a 0 is what holds without it."""
        return self.settings.has(key) and self.settings.value(key) not in _DEFAULTS

    def idle(
        self, keys: Iterable[str], told: str, severity: Severity = Severity.WARNING
    ) -> Iterable[Finding]:
        """Each of these keys that is set has no effect, because..."""
        for key in keys:
            if self.sets(key):
                yield self.settings.tell(severity, What.INAPPLICABLE, key, f"has no effect {told}")


def facts(file: ConfigFile) -> Facts | None:
    settings = only(file, Kind.NVINFER, "property")
    return Facts(settings) if settings else None


def of_facts(check: Callable[[Facts], Iterable[Finding]]) -> Rule:
    """A rule on `[property]`, which finds nothing in a file without one."""

    def rule(file: ConfigFile) -> Iterable[Finding]:
        found = facts(file)
        return check(found) if found else ()

    rule.__name__ = check.__name__
    return rule
