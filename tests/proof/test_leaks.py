"""A site that is started and stopped again and again in one process leaves nothing behind."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import StartRtspServer
from tests.proof.again import Held
from tests.proof.conftest import MakeStreet
from tests.proof.runs import settings_of

TIMES, WARM_UP = 20, 5
GROWTH_MB = 1.5
LIVELY = ("live", "file", "drawn")
REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.needs("rtsp")
def test_twenty_starts_and_stops_leave_no_thread_descriptor_or_memory(
    rtsp_server: StartRtspServer, street: MakeStreet, silent_port: int, tmp_path: Path
) -> None:
    """In a process of its own, with one malloc arena: several grow by chance, and hide what is lost."""
    server = rtsp_server({"live": street(1).path})
    cameras: dict[str, dict[str, object]] = {
        "live": {"url": server.url("live")},
        "silent": {"url": f"rtsp://127.0.0.1:{silent_port}/stream", "open_timeout_s": 0.5},
        "file": {"url": str(street(2).path), "loop": True},
        "drawn": {"url": "synthetic://street?size=320x180&fps=25"},
    }
    sheet = {"kind": "contact_sheet", "path": str(tmp_path / "sheet.png")}
    worker = {"model": {"kind": "motion"}, "sinks": [sheet, {"kind": "preview", "port": 0}]}
    site = tmp_path / "site.yaml"
    site.write_text(json.dumps(settings_of(cameras, tmp_path, w=worker)))
    done = subprocess.run(
        [sys.executable, "-m", "tests.proof.again", str(site), str(TIMES), *LIVELY],
        cwd=REPOSITORY,
        env={**os.environ, "MALLOC_ARENA_MAX": "1"},
        capture_output=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    held = [Held(*json.loads(line)) for line in done.stdout.splitlines() if line.startswith(b"[")]
    print(*held, sep="\n")
    assert len(held) == TIMES
    warm = held[WARM_UP]
    assert held[-1].threads <= warm.threads
    assert held[-1].descriptors <= warm.descriptors
    # What is lost stays; what is more at one moment and not at another is not lost.
    early_mb, late_mb = (min(one.memory_mb for one in some) for some in (held[WARM_UP:-5], held[-5:]))
    assert late_mb - early_mb < GROWTH_MB, held
