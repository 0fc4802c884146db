"""A laptop shows its cameras live, over the bus of its own site."""

import time
from pathlib import Path

import httpx
from tests.fleet.one.site_of_one import LIMIT_S, LIVE, with_api, write

from sightline.fleet.viewing.framing import Kind, Parser


def test_a_laptop_shows_its_cameras_and_ends_at_once_all_the_same(tmp_path: Path) -> None:
    path = write(tmp_path, {"gate": {"url": LIVE}})
    with with_api(path) as (running, client):
        seen, parser, end_s = set[Kind](), Parser(), time.monotonic() + LIMIT_S
        token = client._http.headers["authorization"]
        with httpx.stream(
            "GET",
            f"{client.url}/api/v1/cameras/gate/live",
            headers={"authorization": token},
            trust_env=False,
        ) as answer:
            for data in answer.iter_raw():
                seen |= {kind for kind, _ in parser.add(data)}
                if {Kind.INIT, Kind.MEDIA, Kind.BOXES} <= seen:
                    break
                assert time.monotonic() < end_s, seen
        assert running.status().cameras["gate"].state == "live"
