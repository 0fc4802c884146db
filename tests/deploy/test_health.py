"""The check of samplers and of our own workers: by what they serve for Prometheus."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from tests.deploy.files import check, compose

UP = 'sightline_framequeue_up{{part="{part}"}} {value}\n'
WELL = UP.format(part="store", value="1.0") + UP.format(part="queue", value="1.0")


def test_samplers_and_workers_are_asked_where_they_answer() -> None:
    served = compose()["services"]
    for name in ("sampler", "celery-sampler", "worker"):
        assert "--metrics-port 9100" in " ".join(served[name]["command"]).replace("=", " ")
        assert "http://127.0.0.1:9100/metrics" in served[name]["healthcheck"]["test"][-1]


@pytest.mark.parametrize(
    ("figures", "well"),
    [
        (WELL, True),
        (WELL.replace("1.0", "0.0", 1), False),
        (WELL + UP.format(part="worker", value="0.0"), False),
        ("node_cpu_seconds_total 1.0\n", False),
    ],
)
def test_a_part_that_is_out_of_reach_is_told(figures: str, well: bool) -> None:
    with serving(figures) as address:
        assert (check("worker", {}, address) == 0) is well


def test_nobody_who_answers_is_not_well() -> None:
    assert check("worker", {}, "127.0.0.1:1") != 0


@contextmanager
def serving(figures: str) -> Iterator[str]:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(figures.encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        answering = Thread(target=server.serve_forever, args=(0.01,))
        answering.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        answering.join()
