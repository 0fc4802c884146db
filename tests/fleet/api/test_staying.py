"""Answers that go on, of a coordinator that runs: they end with the login of who asked for them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.responses import StreamingResponse
from tests.fleet.api.rig import bus_url, coordinator

from sightline.fleet.api import staying
from sightline.fleet.api.app import PageParts
from sightline.fleet.api.serving import CoordinatorServer
from sightline.fleet.entrance.secret_texts import COOKIE
from sightline.fleet.people.principal import Role
from sightline.pages.guarded import App, Receive, Scope, Send

PASSWORD = "correct horse battery"
ended = list[str]()


def endless(_parts: PageParts) -> App:
    """Pages that go on until who asked is gone."""

    async def said() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"on\n"
                await asyncio.sleep(0.01)
        finally:
            ended.append("ended")

    async def asked(scope: Scope, receive: Receive, send: Send) -> None:
        await StreamingResponse(said())(scope, receive, send)

    return asked


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CoordinatorServer]:
    monkeypatch.setattr(staying, "ASK_AGAIN_S", 0.05)
    ended.clear()
    with coordinator(tmp_path, bus_url(), pages=endless) as (server, _):
        server.entrance.users.add("boss", Role.ADMIN, PASSWORD)
        server.entrance.users.add("ada", Role.OPERATOR, PASSWORD)
        yield server


def by_cookie(server: CoordinatorServer) -> dict[str, str]:
    return {"cookie": f"{COOKIE}={server.entrance.login('ada', PASSWORD, '127.0.0.1').cookie}"}


def by_token(server: CoordinatorServer) -> dict[str, str]:
    return {"authorization": f"Bearer {server.entrance.tokens.make('ada').text}"}


def no_more(server: CoordinatorServer, how: str) -> None:
    if how == "disabled":
        server.entrance.users.change("ada", disabled=True)
    elif how == "less":
        server.entrance.users.change("ada", role=Role.VIEWER)
    else:
        server.entrance.users.set_password("ada", f"{PASSWORD}s")


@pytest.mark.parametrize(
    ("shown", "how"),
    [(by_cookie, "password"), (by_cookie, "less"), (by_token, "disabled"), (by_token, "less")],
)
def test_an_answer_ends_when_who_asked_is_let_in_no_more(
    server: CoordinatorServer, shown: Any, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        httpx.Client(base_url=server.url, headers=shown(server), trust_env=False, timeout=20) as client,
        client.stream("GET", "/") as answer,
    ):
        lines = answer.iter_lines()
        for _ in range(30):
            assert next(lines) == "on", "it goes on while they are"
        no_more(server, how)
        assert len(list(islice(lines, 1000))) < 1000, "and ends as an answer does"
    assert ended == ["ended"]
    assert not [one for one in caplog.records if one.levelno >= logging.WARNING]


def test_who_goes_by_themselves_ends_it_too(server: CoordinatorServer, wait_for: Any) -> None:
    with (
        httpx.Client(base_url=server.url, headers=by_cookie(server), trust_env=False, timeout=20) as client,
        client.stream("GET", "/") as answer,
    ):
        assert next(answer.iter_lines()) == "on"
    wait_for(lambda: ended, 10, "the application is told")
