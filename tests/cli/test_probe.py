import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import pytest
from tests.cli.conftest import Invoke, Run
from tests.conftest import StartRtspServer
from tools.services.rtsp import Mount

from sightline.frame import Size
from sightline.scene import Scene, encode

DRAWN = "synthetic://street?size=320x180&fps=25&gop=10&frames=60"


def test_a_real_clip_is_told_in_a_table(sightline_command: Run, clips: Path) -> None:
    done = sightline_command("probe", clips / "car-detection.mp4")

    assert done.stderr == ""
    assert done.returncode == 0
    for told in (
        "h264 (Baseline)",
        "768x432",
        "12.5 pictures/s",
        "60 pictures, 4.8 s",
        "the file's own time",
    ):
        assert told in done.stdout


def test_a_still_is_saved_and_facts_come_as_json(invoke: Invoke, tmp_path: Path) -> None:
    still = tmp_path / "still.png"

    result = invoke("probe", DRAWN, "--still", still, "--json")

    assert result.exit_code == 0
    facts = json.loads(result.stdout)
    assert facts["codec"] == "h264"
    assert (facts["width"], facts["height"], facts["gop_packets"]) == (320, 180, 10)
    assert facts["still"] == str(still)
    image = cv2.imread(str(still))
    assert image is not None
    assert image.shape == (180, 320, 3)


def test_no_password_of_a_query_is_shown(invoke: Invoke, tmp_path: Path) -> None:
    class Clip(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"".join(unit.data for unit in encode(Scene(size=Size(320, 180)), 20)))

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Clip) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/v?user=a&password=hunter2"
        table, facts = invoke("probe", url), invoke("probe", url, "--json")
        server.shutdown()

    for result in (table, facts):
        assert result.exit_code == 0, result.output
        assert "hunter2" not in result.output
        assert "/v?user=a&password=***" in result.stdout


def test_a_still_that_cannot_be_written_is_one_line(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("probe", DRAWN, "--still", tmp_path / "none" / "still.png")

    assert result.exit_code == 1
    assert result.stderr == f"cannot write {tmp_path}/none/still.png: No such file or directory\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--still", "still.gif"], "expected a name that ends in .png, .jpg, .jpeg"),
        (["--password-env", "NOT_SET_AT_ALL"], "the variable NOT_SET_AT_ALL is not set"),
        (["--transport", "tpc"], "tpc"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_opened(
    invoke: Invoke, arguments: list[str], said: str
) -> None:
    result = invoke("probe", "rtsp://192.0.2.1/x", *arguments)

    assert result.exit_code == 2
    assert said in result.stderr


def test_faults_are_one_line_each(invoke: Invoke, tmp_path: Path, free_port: Callable[[], int]) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not a video\n" * 100)
    port = free_port()

    for url, said in (
        (tmp_path / "none.mp4", "no such file: "),
        (text, "expected video"),
        (f"rtsp://viewer:hunter2@127.0.0.1:{port}/x", "connection refused"),
        ("rstp://h/x", "got the scheme rstp://"),
        ("synthetic://street?sed=1", 'did you mean "seed"?'),
    ):
        result = invoke("probe", url)

        assert result.exit_code == 1, url
        assert said in result.stderr
        assert result.stderr.count("\n") == 1
        assert "hunter2" not in result.output
        assert "probe" not in result.stderr.replace(str(tmp_path), "")


@pytest.mark.needs("rtsp")
def test_a_camera_wants_its_password(invoke: Invoke, rtsp_server: StartRtspServer, clips: Path) -> None:
    password = "p@ss/w#d:1"
    clip = clips / "one-by-one-person-detection.mp4"
    server = rtsp_server({"gate": Mount(clip, user="viewer", password=password)})
    given = [server.url("gate"), "--username", "viewer", "--password-env", "GATE", "--watch-s", "2"]

    right = invoke("probe", *given, env={"GATE": password})
    assert right.exit_code == 0
    assert "transport" in right.stdout
    assert "768x432" in right.stdout

    wrong = invoke("probe", *given, env={"GATE": "not-" + password})
    assert wrong.exit_code == 1
    assert "viewer" in wrong.stderr
    assert password not in wrong.output

    none = invoke("probe", server.url("gate"))
    assert none.exit_code == 1
    assert "password" in none.stderr


def test_ctrl_c_ends_it_quietly() -> None:
    with socket.create_server(("127.0.0.1", 0)) as camera:
        url = f"rtsp://127.0.0.1:{camera.getsockname()[1]}/x"
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "from sightline.cli import main; main()",
                "probe",
                url,
                "--timeout-s",
                "60",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        camera.settimeout(20)
        with camera.accept()[0]:
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=20)

    assert process.returncode == 130
    assert output.strip() == ""
    assert errors.strip() == ""
