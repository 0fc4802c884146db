"""`sightline fleet users`, as it is typed, against a coordinator that runs."""

import json
import logging
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from tests.fleet.api.rig import bus_url, coordinator
from typer.testing import CliRunner, Result

from sightline.cli import app
from sightline.fleet.api.serving import CoordinatorServer
from sightline.fleet.people.principal import Role

SIGHTLINE = str(Path(sys.executable).with_name("sightline"))
PASSWORD = "planted-correct-horse"
HOME = "127.0.0.1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CoordinatorServer]:
    with coordinator(tmp_path_factory.mktemp("users"), bus_url()) as (server, _):
        yield server


@pytest.fixture
def typed(server: CoordinatorServer) -> Iterator[Callable[..., Result]]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level

    def run(*arguments: str, said: str = "", token: str = server.token) -> Result:
        known = {"SIGHTLINE_FLEET_URL": server.url, "SIGHTLINE_FLEET_TOKEN": token, "COLUMNS": "120"}
        done = CliRunner().invoke(app, ["fleet", *arguments], input=said, env=known)
        assert PASSWORD not in done.output
        assert token not in done.output
        return done

    yield run
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()


def told(done: Result) -> Any:
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_user_is_added_changed_and_removed(server: CoordinatorServer, typed: Callable[..., Result]) -> None:
    added = told(typed("users", "add", "ada", "--role", "admin", "--json", said=f"{PASSWORD}\n"))
    assert (added["name"], added["role"], added["has_password"]) == ("ada", "admin", True)
    assert server.entrance.login("ada", PASSWORD, HOME)  # type: ignore[truthy-bool]  # it raises else
    told(typed("users", "add", "bob", "--json", said=f"{PASSWORD}\n"))
    assert "bob has role operator" in typed("users", "role", "bob", "operator").stdout
    assert "bob is disabled" in typed("users", "disable", "bob").stdout
    listed = typed("users", "list").stdout
    assert "disabled" in listed
    assert "operator" in listed
    assert "bob is enabled" in typed("users", "enable", "bob").stdout
    done = typed("users", "password", "bob", said=f"{PASSWORD}-2\n")
    assert done.exit_code == 0, done.output
    assert server.entrance.login("bob", f"{PASSWORD}-2", HOME).asked.principal.role is Role.OPERATOR
    last = typed("users", "disable", "ada")
    assert (last.exit_code, "last admin" in last.output) == (1, True)
    assert typed("users", "remove", "bob", said="n\n").exit_code == 1
    assert "bob is removed" in typed("users", "remove", "bob", "--yes").stdout
    assert [one["name"] for one in told(typed("users", "list", "--json"))] == ["ada"]


def test_a_token_of_a_user_is_taken_by_the_command_as_the_coordinators_own(
    typed: Callable[..., Result],
) -> None:
    told(typed("users", "add", "nightly", "--no-password", "--role", "operator", "--json"))
    made = typed("users", "token", "nightly", "--role", "viewer", "--description", "at night").stdout.strip()
    assert made.startswith("slt_")
    assert told(typed("status", "--json", token=made))["revision"] == 0
    refused = typed("refresh", token=made)
    assert (refused.exit_code, "is for role operator" in refused.output) == (1, True)
    (row,) = told(typed("users", "tokens", "nightly", "--json"))
    assert (row["role"], row["description"], row["used_at"] is not None) == ("viewer", "at night", True)
    assert row["token_id"] in typed("users", "tokens", "nightly").stdout
    assert "holds no more" in typed("users", "revoke", "nightly", row["token_id"]).stdout
    assert typed("status", token=made).exit_code == 1


@pytest.mark.parametrize("said", ["", "\n", "short\n"])
def test_no_password_or_a_short_one_is_refused(typed: Callable[..., Result], said: str) -> None:
    done = typed("users", "add", "eve", said=said)
    assert (done.exit_code, "password" in done.output) == (1, True)


def test_in_a_terminal_a_password_is_asked_for_twice_and_never_shown(server: CoordinatorServer) -> None:
    ours, its = pty.openpty()
    known = {**os.environ, "SIGHTLINE_FLEET_URL": server.url, "SIGHTLINE_FLEET_TOKEN": server.token}
    command = [SIGHTLINE, "fleet", "users", "add", "typist"]
    process = subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env=known, start_new_session=True)
    os.close(its)
    shown = b""
    try:
        for _ in range(2):
            while not shown.endswith(b": "):  # what is typed before the blank is thrown away
                shown += os.read(ours, 4096)
            shown += b"\n"
            os.write(ours, f"{PASSWORD}\n".encode())
        assert process.wait(30) == 0, shown
        shown += os.read(ours, 4096)
    finally:
        process.kill()
        process.wait(20)
        os.close(ours)
    assert PASSWORD.encode() not in shown
    assert b"typist is a user, with role viewer" in shown
    assert server.entrance.login("typist", PASSWORD, HOME).asked.principal.name == "typist"
