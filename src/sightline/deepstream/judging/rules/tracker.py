"""The rules for the tracker's files: the low-level library's, and deepstream-test2's.

Facts of the library are NVIDIA's documentation, so that nothing here refuses.

Deliberately not here: the `[tracker]` of an application (`app_tracker`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sightline.deepstream.document import ConfigFile, Form
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.judging.rules.opening import Rule

_KINDS: Final = (
    ("VisualTracker", "visualTrackerType"),
    ("ReID", "reidType"),
    ("StateEstimator", "stateEstimatorType"),
    ("Segmenter", "segmenterType"),
    ("PoseEstimator", "poseEstimatorType"),
)


def switched_off(file: ConfigFile) -> Iterator[Finding]:
    """A module whose type is 0, or not set, does nothing, whatever else its group says."""
    for group, key in _KINDS if file.form is Form.YML else ():
        entry = file.entry(group, key)
        others = [other for other in file.entries(group) if other.key != key]
        if file.named(group) and others and (entry is None or entry.text == "0"):
            told = (
                f"[{group}] {key} is {'0' if entry else 'not set'}: the rest of the group is without effect"
            )
            line = entry.line if entry else file.named(group)[0].line
            yield Finding(Severity.WARNING, What.INAPPLICABLE, told, group, key, line or None)


def library(file: ConfigFile) -> Iterator[Finding]:
    """What deepstream-test2's tracker must be told."""
    if file.form is Form.TXT and file.named("tracker") and not file.entry("tracker", "ll-lib-file"):
        told = "[tracker] ll-lib-file: must be set, or the tracker does not start"
        yield Finding(Severity.REFUSED, What.MISSING, told, "tracker", "ll-lib-file")


RULES: tuple[Rule, ...] = (switched_off, library)
