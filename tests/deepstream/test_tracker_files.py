"""The trackers' files, and those of NVIDIA's test programs."""

from pathlib import Path

import pytest

from sightline.deepstream.document import Form
from sightline.deepstream.findings import Finding, Severity, What, would_load
from sightline.deepstream.judging.linting import lint
from sightline.deepstream.kinds import Kind, kind_of
from sightline.deepstream.reading.loading import load, loads

TRACKER = """\
BaseConfig:
  minDetectorConfidence: 0.2
TargetManagement:
  maxTargetsPerStream: 150
  probationAge: 3
DataAssociator:
  dataAssociatorType: 0
  checkClassMatch: 1
StateEstimator:
  stateEstimatorType: 1
  processNoiseVar4Loc: 2.0
VisualTracker:
  visualTrackerType: 1
  useHog: 0
ReID:
  reidType: 0
"""
TEST2 = "[tracker]\ntracker-width=960\ntracker-height=544\ngpu-id=0\nll-lib-file=a.so\nll-config-file=b.yml\n"
TEST1 = """\
source:
  location: a.h264
streammux:
  batch-size: 1
  width: 1920
  height: 1080
primary-gie:
  plugin-type: 0
  config-file-path: pgie.yml
osd:
  process-mode: 1
sink:
  sync: 1
"""


def yaml(said: str, old: str = "", new: str = "") -> tuple[Finding, ...]:
    assert old in said
    return lint(loads(said.replace(old, new, 1).encode(), Form.YML))


def text(said: str, old: str = "", new: str = "") -> tuple[Finding, ...]:
    assert old in said
    return lint(loads(said.replace(old, new, 1).encode(), Form.TXT))


def only(found: tuple[Finding, ...]) -> tuple[Severity, What, str | None, str | None]:
    assert len(found) == 1, found
    return found[0].severity, found[0].what, found[0].group, found[0].key


def test_what_is_right_is_not_spoken_of() -> None:
    assert yaml(TRACKER) == ()
    assert text(TEST2) == ()
    assert yaml(TEST1) == ()


def test_a_buffer_of_trajectories_may_be_without_an_end_as_in_nvidias_sample() -> None:
    assert yaml(TRACKER, "  probationAge: 3\n", "  maxTrajectoryBufferLength: -1\n") == ()
    found = yaml(TRACKER, "  probationAge: 3\n", "  maxTrajectoryBufferLength: -2\n")
    assert only(found) == (Severity.WARNING, What.VALUE, "TargetManagement", "maxTrajectoryBufferLength")


def test_a_trackers_file_is_known_by_its_groups() -> None:
    assert kind_of(loads(TRACKER.encode(), Form.YML)) is Kind.TRACKER
    assert kind_of(loads(TEST2.encode(), Form.TXT)) is Kind.TRACKER
    assert kind_of(loads(TEST1.encode(), Form.YML)) is Kind.TEST_APP


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        (
            "probationAge",
            "probationAgee",
            (Severity.WARNING, What.UNKNOWN, "TargetManagement", "probationAgee"),
        ),
        ("BaseConfig", "BaseConfigg", (Severity.WARNING, What.UNKNOWN, "BaseConfigg", None)),
        ("0.2", "much", (Severity.WARNING, What.VALUE, "BaseConfig", "minDetectorConfidence")),
        ("150", "70000", (Severity.WARNING, What.VALUE, "TargetManagement", "maxTargetsPerStream")),
        (
            "stateEstimatorType: 1",
            "stateEstimatorType: 9",
            (Severity.WARNING, What.VALUE, "StateEstimator", "stateEstimatorType"),
        ),
        (
            "visualTrackerType: 1",
            "visualTrackerType: 0",
            (Severity.WARNING, What.INAPPLICABLE, "VisualTracker", "visualTrackerType"),
        ),
        (
            "  visualTrackerType: 1\n",
            "",
            (Severity.WARNING, What.INAPPLICABLE, "VisualTracker", "visualTrackerType"),
        ),
    ],
)
def test_the_librarys_file_is_judged_and_never_refused(
    old: str, new: str, finding: tuple[Severity, What, str, str]
) -> None:
    found = yaml(TRACKER, old, new)
    assert only(found) == finding
    assert would_load(found)


def test_lists_of_the_library_may_have_any_shape() -> None:
    more = "  offsets: [0.0, 0.0, 0.0]\n  inferDims: [3, 256, 128]\n"
    assert yaml(TRACKER, "reidType: 0\n", "reidType: 2\n" + more) == ()


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("ll-lib-file=a.so\n", "", (Severity.REFUSED, What.MISSING, "tracker", "ll-lib-file")),
        ("=960", "=wide", (Severity.REFUSED, What.VALUE, "tracker", "tracker-width")),
        ("gpu-id", "gpu", (Severity.WARNING, What.UNKNOWN, "tracker", "gpu")),
    ],
)
def test_the_tracker_of_a_test_program_is_judged(
    old: str, new: str, finding: tuple[Severity, What, str, str]
) -> None:
    assert only(text(TEST2, old, new)) == finding


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        (
            "  config-file-path: pgie.yml\n",
            "",
            (Severity.REFUSED, What.MISSING, "primary-gie", "config-file-path"),
        ),
        ("batch-size: 1", "batch-size: one", (Severity.REFUSED, What.VALUE, "streammux", "batch-size")),
        ("sync: 1", "sync: true", (Severity.REFUSED, What.VALUE, "sink", "sync")),
        ("width: 1920", "widht: 1920", (Severity.WARNING, What.UNKNOWN, "streammux", "widht")),
        ("plugin-type: 0", "plugin-type: 2", (Severity.REFUSED, What.VALUE, "primary-gie", "plugin-type")),
        (
            "plugin-type: 0",
            "plugin-type: 1\n  gpu-id: 0",
            (Severity.WARNING, What.INAPPLICABLE, "primary-gie", "gpu-id"),
        ),
        (
            "plugin-type: 0",
            "plugin-type: 0\n  operate-on-class-ids: 0;2",
            (Severity.WARNING, What.INAPPLICABLE, "primary-gie", "operate-on-class-ids"),
        ),
        (
            "process-mode: 1",
            "clock-font: Serif",
            (Severity.WARNING, What.INAPPLICABLE, "osd", "clock-font"),
        ),
        (
            "source:\n  location: a.h264",
            "source-list:\n  enable: 1",
            (Severity.WARNING, What.MISSING, "source-list", "list"),
        ),
    ],
)
def test_the_file_of_a_test_program_is_judged(
    old: str, new: str, finding: tuple[Severity, What, str, str]
) -> None:
    assert only(yaml(TEST1, old, new)) == finding


def test_inference_that_is_off_needs_no_file() -> None:
    off = yaml(TEST1, "  plugin-type: 0\n  config-file-path: pgie.yml\n", "  enable: 0\n")
    assert off == ()


@pytest.mark.parametrize("kind", [Kind.APP, Kind.TRACKER, Kind.TEST_APP])
def test_nvidias_own_files_would_be_loaded(configs: Path, kind: Kind) -> None:
    """And their findings are of kinds that were looked at one by one."""
    files = [load(path) for path in configs.rglob("*") if path.suffix in {".txt", ".yml"}]
    mine = [file for file in files if kind_of(file) is kind]
    assert len(mine) == {Kind.APP: 14, Kind.TRACKER: 1, Kind.TEST_APP: 3}[kind]
    for file in mine:
        found = lint(file)
        assert would_load(found), (file.path, found)
        assert {(each.group, each.key, each.what) for each in found} <= _LOOKED_AT, file.path


_LOOKED_AT: set[tuple[str | None, str | None, What]] = {
    *(("osd", f"clock-{key}", What.INAPPLICABLE) for key in ("x-offset", "y-offset", "text-size", "color")),
    ("osd", "text-bg-color", What.REPLACED),
    ("source", "csv-file-path", What.MISSING),
    ("sink0", "nvbuf-memory-type", What.INAPPLICABLE),
    ("source0", "num-sources", What.INAPPLICABLE),
    ("source1", "num-sources", What.INAPPLICABLE),
    ("streammux", "live-source", What.DEFAULT),
    ("streammux", "batch-size", What.REPLACED),
    ("primary-gie", "batch-size", What.REPLACED),
    ("secondary-gie0", "batch-size", What.REPLACED),
    ("secondary-gie1", "batch-size", What.REPLACED),
    (None, None, What.MISSING),  # the file that overrides another has no source
}


@pytest.mark.parametrize("key", ["max-lateness", "processing-deadline", "max-bitrate"])
def test_nanoseconds_of_a_test_programs_sink_have_64_bits(key: str) -> None:
    text = f"source:\n  location: a.h264\nsink:\n  {key}: 5000000000\n"
    assert lint(loads(text.encode(), Form.YML), Kind.TEST_APP) == ()
    late = lint(loads(text.replace("5000000000", "-1").encode(), Form.YML), Kind.TEST_APP)
    assert would_load(late) is (key == "max-lateness")
