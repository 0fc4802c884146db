"""Behind a proxy with TLS: which requests came by it, and who asked."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.fleet.api.rig import bus_url

from sightline.errors import ConfigError
from sightline.fleet.api import serving
from sightline.fleet.api.app import PageParts
from sightline.fleet.api.proxied import Proxy, whose
from sightline.fleet.api.serving import CoordinatorServer
from sightline.pages.guarded import App

FLEET = Proxy.of("https://fleet.example")


@pytest.mark.parametrize("host", ["fleet.example", "FLEET.example:443"])
def test_the_address_that_people_use_is_known(host: str) -> None:
    assert FLEET.is_meant(host)


@pytest.mark.parametrize("host", ["", "fleet.example:8420", "x.fleet.example", "127.0.0.1:8420", "[::1]:443"])
def test_another_one_is_not_it(host: str) -> None:
    assert not FLEET.is_meant(host)
    assert Proxy.of("https://[::1]:8443").is_meant("[::1]:8443")


@pytest.mark.parametrize(
    ("peer", "forwarded", "who"),
    [
        ("127.0.0.1", "203.0.113.9, 10.0.0.7", "10.0.0.7"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "10.0.0.7, ???", "127.0.0.1"),
        ("10.0.0.9", "10.0.0.7", "10.0.0.9"),
        ("", "10.0.0.7", ""),
    ],
)
def test_the_proxy_alone_is_believed_and_its_last_word_alone(peer: str, forwarded: str, who: str) -> None:
    assert FLEET.who(peer, forwarded) == who
    assert Proxy.of("https://f", ["10.0.0.9"]).who("10.0.0.9", "10.0.0.7") == "10.0.0.7"


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "fleet.example",
        "ftp://f",
        "https://",
        "https://f/path",
        "https://u@f",
        "https://f:x",
        "https://[f",
    ],
)
def test_what_is_no_origin_is_refused(origin: str) -> None:
    with pytest.raises(ConfigError, match="expected the origin"):
        Proxy.of(origin)
    with pytest.raises(ConfigError, match="expected a proxy's network"):
        Proxy.of("https://f", ["10.0.0.1/8/8"])


@pytest.mark.parametrize(
    ("peer", "who"),
    [
        ("127.0.0.1", None),
        ("::1", None),
        ("10.0.0.9", None),
        ("10.0.0.10", "10.0.0.10"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("", ""),
    ],
)
def test_connections_count_but_this_machines_and_the_proxys(peer: str, who: str | None) -> None:
    assert whose(peer, Proxy.of("https://f", ["10.0.0.9"])) == who
    assert whose("10.0.0.9", None) == "10.0.0.9"


def test_of_one_address_there_are_half_of_the_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "MOST_CONNECTIONS", 16)
    monkeypatch.setattr(
        serving, "whose", lambda peer, proxy: f"{peer} {proxy}"
    )  # the sockets of a test are local
    with ExitStack() as opened, CoordinatorServer(bus=bus_url(), database=tmp_path / "fleet.db") as server:

        def came() -> int:
            client = opened.enter_context(httpx.Client(base_url=server.url, trust_env=False))
            return client.get("/healthz").status_code

        assert [came() for _ in range(9)] == [200] * 8 + [503]


def _mirror(_: PageParts) -> App:
    async def app(scope: Any, _receive: Any, send: Any) -> None:
        told = f"{scope['scheme']} {scope['client'][0]}".encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": told})

    return app


def test_a_request_by_it_is_taken_for_one_over_tls(tmp_path: Path) -> None:
    with CoordinatorServer(
        bus=bus_url(), database=tmp_path / "fleet.db", pages=_mirror, proxy=FLEET
    ) as server:

        def got(host: str | None, **more: str) -> tuple[int, str]:
            headers = {"x-forwarded-for": "198.51.100.7", **({} if host is None else {"host": host}), **more}
            answer = httpx.get(server.url, headers=headers, trust_env=False)
            return answer.status_code, answer.text

        assert got("fleet.example") == (200, "https 198.51.100.7")
        assert got("fleet.example", origin="https://fleet.example") == (200, "https 198.51.100.7")
        assert got(None) == (200, "http 127.0.0.1")
        assert got("other.example")[0] == 400
        assert got("fleet.example", origin="https://other.example")[0] == 403
