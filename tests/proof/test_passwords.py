"""A wrong password: named by camera and user, tried again slowly, and shown nowhere."""

import json
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from tests.conftest import StartRtspServer, WaitFor
from tests.proof.conftest import MakeStreet, StartUp
from tests.proof.runs import results_in, settings_of
from tools.services import Mount

from sightline.capture import CameraInput, probe
from sightline.errors import AccessDenied

pytestmark = pytest.mark.needs("rtsp")
WRONGLY = ("yard", "lane")
RIGHT, WRONG = "r1ght:p@ss/w#rd%x", "wr0ng:p@ss/w#rd%x"


def test_a_wrong_password_is_said_and_neither_it_nor_the_right_one_is_shown(
    no_leaks: None,
    rtsp_server: StartRtspServer,
    street: MakeStreet,
    up: StartUp,
    tmp_path: Path,
    wait_for: WaitFor,
) -> None:
    mount = Mount(street(1).path, user="viewer", password=RIGHT)
    server = rtsp_server({"gate": mount, "yard": mount, "lane": mount})
    cameras = {
        "gate": {"url": server.url("gate"), "username": "viewer", "password": RIGHT},
        "yard": {"url": server.url("yard"), "username": "viewer", "password": WRONG},
        "lane": {"url": server.url("lane").replace("//", f"//viewer:{quote(WRONG, safe='')}@")},
    }
    sinks = [{"kind": "preview", "port": 0}]
    settings = settings_of(cameras, tmp_path, w={"model": {"kind": "motion"}, "sinks": sinks})
    started = up(settings, "-vv")
    page = wait_for(lambda: _page(started.out), 20, "the page's address")

    def told() -> dict[str, dict[str, object]]:
        with urlopen(page + "status.json", timeout=5) as answer:
            shown.append(answer.read().decode())
        cameras: dict[str, dict[str, object]] = json.loads(shown[-1])["cameras"]
        return cameras if cameras["gate"]["results"] and all(cameras[c]["reason"] for c in WRONGLY) else {}

    shown: list[str] = []
    status = wait_for(told, 20, "one camera to be live and two to be refused")
    with urlopen(page, timeout=5) as answer:
        shown.append(answer.read().decode())
    wait_for(lambda: "yard: backing off" in started.out.read_text(), 10, "a line about it in the terminal")
    started.process.terminate()
    assert started.ends(5) == 0

    assert status["gate"]["state"] == "live"
    for name in WRONGLY:
        assert status[name]["state"] == "backing_off"
        assert "'viewer'" in str(status[name]["reason"])
        retry_in_s = status[name]["retry_in_s"]
        assert isinstance(retry_in_s, float)
        assert retry_in_s > 30  # a camera locks an account that is tried too often
    said = started.err.read_text()
    for name in WRONGLY:
        assert sum(f"camera={name}" in line and "backing_off" in line for line in said.splitlines()) == 1, (
            said
        )
    lines = tmp_path / "w.jsonl"
    assert {result.camera_id for result in results_in(lines)} == {"gate"}
    for secret in (RIGHT, WRONG):
        for form in (secret, quote(secret, safe=""), quote(secret), json.dumps(secret)[1:-1]):
            for text in (*shown, said, started.out.read_text(), lines.read_text()):
                assert form not in text


def test_the_error_names_camera_and_user(rtsp_server: StartRtspServer, street: MakeStreet) -> None:
    server = rtsp_server({"yard": Mount(street(1).path, user="viewer", password=RIGHT)})
    camera = CameraInput(camera_id="yard", url=server.url("yard"), username="viewer", password=WRONG)
    with pytest.raises(AccessDenied) as caught:
        probe(camera)
    assert "camera yard" in str(caught.value)
    assert "'viewer'" in str(caught.value)
    for text in (str(caught.value), repr(caught.value), repr(camera)):
        assert WRONG not in text
        assert quote(WRONG, safe="") not in text


def _page(out: Path) -> str:
    """The address that `up` prints."""
    words = out.read_text().split()
    return next((word for word in words if word.startswith("http://127.0.0.1:")), "")
