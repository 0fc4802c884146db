"""The end of cameras that the coordinator reads itself, where they do not answer."""

import socket
import threading
import time
from contextlib import ExitStack

from sightline.fleet.documents.sources import CameraSource
from sightline.fleet.viewing.read_here import ReadHere

MANY = 12


def test_cameras_that_do_not_answer_are_left_together_and_none_is_begun_later() -> None:
    with ExitStack() as held:
        server = held.enter_context(socket.create_server(("127.0.0.1", 0)))
        server.settimeout(20)
        address = f"rtsp://127.0.0.1:{server.getsockname()[1]}/1"
        wanted = {
            f"gate-{number}": CameraSource(camera_id=f"gate-{number}", address=address)
            for number in range(MANY)
        }
        reading = ReadHere(lambda _name, _packet: None)
        reading.want(wanted)
        for _ in wanted:
            held.enter_context(server.accept()[0])  # each is asked, and says nothing
        begun_s = time.monotonic()
        reading.close()
        assert time.monotonic() - begun_s < 1.5
        threads = threading.active_count()
        reading.want(wanted)
        assert threading.active_count() <= threads
