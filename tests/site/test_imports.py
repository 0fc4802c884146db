"""What the processes of a site import: each begins as slowly as what it takes in."""

import subprocess
import sys

import pytest

_SAID = "structlog", "rich"
_CHECKS = "pydantic", "ruamel", "sightline.site.model"
_PICTURES = "av", "cv2"
_HUB = "sightline.hub.broker.machine"
_CLIENT = "sightline.hub.client.core"

PROCESSES = {
    "hub": (
        "import sightline.site.hub_process",
        (*_SAID, *_CHECKS, *_PICTURES, _CLIENT, "sightline.capture", "sightline.pipe"),
    ),
    "capture": (
        "from sightline.site.capture_process import _prepare\n_prepare()",
        (*_SAID, *_CHECKS, "cv2", _HUB, "sightline.pipe", "sightline.mux"),
    ),
    "a worker": (
        "import sightline.pipe.flow, sightline.site.opening, sightline.site.worker_routines",
        (
            *_SAID,
            *_CHECKS,
            "cv2",
            _HUB,
            "sightline.capture",
            "sightline.pipe.parent.parent",
            "sightline.supervise.supervisor",
        ),
    ),
    "who begins them": (
        "import sightline.site.supervised_site",
        (*_SAID, *_PICTURES, _HUB, _CLIENT, "sightline.capture.reader", "uvicorn"),
    ),
    "who reads a site file": ("from sightline.site import load_site", (*_SAID, *_PICTURES, _HUB, _CLIENT)),
}


@pytest.mark.parametrize(("code", "unwanted"), PROCESSES.values(), ids=PROCESSES)
def test_a_process_imports_only_what_it_uses(code: str, unwanted: tuple[str, ...]) -> None:
    code = f"{code}\nimport sys\nprint(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "sightline.errors" in shown.stdout
    assert set(shown.stdout.split()) & set(unwanted) == set()
