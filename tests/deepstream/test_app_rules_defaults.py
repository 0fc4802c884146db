"""What an application's file does not say, and what holds then, is told where it surprises."""

from dataclasses import dataclass

import pytest
from tests.deepstream.app_files import Changes, judged

from sightline.deepstream.document import Form
from sightline.deepstream.findings import Severity, What

TWO: Changes = {
    "tiled-display": {"rows": "1", "columns": "2"},
    "source1": {"enable": "1", "type": "2", "uri": "file:///b.mp4"},
    "streammux": {"batch-size": "2", "batched-push-timeout": "40000"},
}
RTSP = {"type": "4", "bitrate": "2000000", "iframeinterval": "30"}
GPU = {"application": {"global-gpu-id": "1"}}


@dataclass(frozen=True)
class Case:
    """Where `change` is made to a file that is `right`, this is told of it, and nothing of the right one."""

    right: Changes
    change: Changes
    at: str
    says: str
    severity: Severity = Severity.NOTE


CASES = (
    Case(
        {},
        {"application": {"perf-measurement-interval-sec": None}},
        "application/perf-measurement-interval-sec",
        "without a pause",
        Severity.WARNING,
    ),
    Case(
        TWO,
        {"streammux": {"batch-size": "2", "batched-push-timeout": None}},
        "streammux/batched-push-timeout",
        "is -1 where it is not set",
    ),
    Case({}, {"osd": {"border-width": None}}, "osd/border-width", "boxes have no lines"),
    Case({"sink0": RTSP}, {"sink0": {**RTSP, "sync": None}}, "sink0/sync", "beats the sink's own 1"),
    Case(
        {"sink0": {"type": "2"}},
        {"sink0": {"type": "2", "sync": None}},
        "sink0/sync",
        "beats the sink's own 1",
    ),
    Case(
        {"sink0": RTSP},
        {"sink0": {**RTSP, "iframeinterval": None}},
        "sink0/iframeinterval",
        "beats the encoder's own",
    ),
    Case(
        {**GPU, "segvisual": {"enable": "1", "gpu-id": "1"}},
        {**GPU, "segvisual": {"enable": "1"}},
        "segvisual/gpu-id",
        "global-gpu-id does not reach",
    ),
    Case(
        {"pre-process": {"enable": "1", "config-file": "p.txt"}, "primary-gie": {"input-tensor-meta": "1"}},
        {
            **GPU,
            "pre-process": {"enable": "1", "config-file": "p.txt"},
            "primary-gie": {"input-tensor-meta": "1"},
        },
        "pre-process",
        "global-gpu-id does not reach it",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.at)
@pytest.mark.parametrize("form", Form)
def test_a_default_that_surprises_is_told(case: Case, form: Form) -> None:
    assert judged(case.right, form) == ()
    (found,) = judged({**case.right, **case.change}, form)
    assert "/".join(filter(None, (found.group, found.key))) == case.at
    assert (found.severity, found.what) == (case.severity, What.DEFAULT)
    assert case.says in found.message


@pytest.mark.parametrize(
    "change",
    [
        {"application": {"enable-perf-measurement": "0", "perf-measurement-interval-sec": None}},
        {"osd": {"border-width": None, "display-bbox": "0"}},
        {"sink0": {"sync": None}},
        {"sink0": {**RTSP, "enc-type": "1", "iframeinterval": None}},
    ],
    ids=["nothing is measured", "no boxes are drawn", "a fake sink", "a software encoder"],
)
@pytest.mark.parametrize("form", Form)
def test_a_default_without_a_consequence_is_not_told(change: Changes, form: Form) -> None:
    assert judged(change, form) == ()
