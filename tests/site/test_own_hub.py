"""The hub of a site: whether one answers, and the one that is begun where none does."""

import os
import re
import signal
import socket
import stat
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
from tests.conftest import WaitFor

from sightline.bus import open_bus
from sightline.errors import ConfigError
from sightline.hub.address import HubAddress
from sightline.hub.broker.server import StreamServer
from sightline.site import own_hub
from sightline.site.own_hub import (
    OwnHub,
    answers,
    begun_where_none_answers,
    hub_of,
    may_begin,
    meeting_at,
)
from sightline.site.talk import supervised


def test_a_bus_within_a_process_has_no_hub() -> None:
    assert hub_of("memory://") is None
    assert hub_of("hub://127.0.0.1:4821") == HubAddress.of("hub://127.0.0.1:4821")


def test_a_hub_answers_and_nobody_else_is_taken_for_one(
    no_leaks: None, free_port: Callable[[], int], silent_port: int, tmp_path: Path
) -> None:
    path = tmp_path / "hub.sock"
    with StreamServer(port=0, unix_path=str(path)) as server:
        assert answers(HubAddress.of(server.url))
        assert answers(HubAddress.of(f"hub://{path}"))
    assert not answers(HubAddress.of(server.url))
    assert not answers(HubAddress.of(f"hub://{path}"))
    assert not answers(HubAddress(port=free_port()))
    assert not answers(HubAddress(port=silent_port), timeout_s=0.2)
    with socket.create_server(("127.0.0.1", 0)) as other, socket.socket() as client:
        client.connect(other.getsockname())
        assert not answers(HubAddress(port=other.getsockname()[1]), timeout_s=0.2)


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("hub://127.0.0.1", True),
        ("hub://localhost:4821", True),
        ("hub:///run/hub.sock", True),
        ("hub://10.0.0.5", False),
        ("hub://127.0.0.1?tls_ca=ca.pem", False),
    ],
)
def test_a_hub_is_begun_on_this_machine_alone(url: str, may: bool) -> None:
    assert may_begin(HubAddress.of(url)) is may


def test_one_is_begun_where_none_answers_and_used_where_one_does(
    no_leaks: None, free_port: Callable[[], int]
) -> None:
    url = f"hub://:Tulip-77@127.0.0.1:{free_port()}"
    hub = begun_where_none_answers(url)
    assert hub is not None
    assert (hub.shown, answers(HubAddress.of(url))) == (re.sub(":Tulip-77@", "", url), True)
    assert begun_where_none_answers(url) is None
    assert hub.pid is not None
    assert "Tulip-77" not in " ".join(psutil.Process(hub.pid).cmdline())
    hub.stop()
    assert not answers(HubAddress.of(url))
    assert begun_where_none_answers("memory://") is None


def test_where_something_else_listens_it_is_said(no_leaks: None, silent_port: int) -> None:
    with pytest.raises(ConfigError, match=f"port {silent_port} of 127.0.0.1 is in use"):
        begun_where_none_answers(f"hub://127.0.0.1:{silent_port}")


def test_it_logs_what_it_is_told_to(
    no_leaks: None, free_port: Callable[[], int], capfd: pytest.CaptureFixture[str]
) -> None:
    talk = own_hub.hub_talk(HubAddress(port=free_port()), log_level="info")
    with supervised({talk: own_hub.hub_child(talk)}) as supervisor:
        own_hub.await_hub(supervisor)
    assert "hub listens" in capfd.readouterr().err
    talk.join(10)


def test_one_that_is_killed_is_begun_again(
    no_leaks: None, free_port: Callable[[], int], wait_for: WaitFor
) -> None:
    hub = OwnHub(HubAddress(port=free_port()))
    hub.start()
    first = hub.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: hub.pid not in (first, None) and answers(HubAddress.of(hub.shown)), 20, "another hub")
    hub.stop()
    assert hub.pid is None


def test_one_that_hangs_is_begun_again(
    no_leaks: None, free_port: Callable[[], int], wait_for: WaitFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_hub, "_HUNG_S", 2.0)
    hub = OwnHub(HubAddress(port=free_port()))
    hub.start()
    first = hub.pid
    assert first is not None
    os.kill(first, signal.SIGSTOP)
    wait_for(lambda: hub.pid not in (first, None) and answers(HubAddress.of(hub.shown)), 30, "another hub")
    hub.stop()


def test_processes_that_share_memory_as_a_bus_meet_where_nobody_else_can(no_leaks: None) -> None:
    with ExitStack() as opened:
        meeting = meeting_at("memory://", opened)
        assert meeting.hub is not None
        assert meeting.private
        path = Path(meeting.hub.unix_path or "")
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        hub = OwnHub(meeting.hub)
        hub.start()
        with open_bus(meeting.url):
            assert answers(HubAddress.of(meeting.url))
        hub.stop()
    assert not path.parent.exists()


def test_processes_meet_at_the_bus_of_their_site_else(free_port: Callable[[], int]) -> None:
    with ExitStack() as opened:
        assert meeting_at("kafka://127.0.0.1:9", opened) == ("kafka://127.0.0.1:9", None, False)
        url = f"hub://127.0.0.1:{free_port()}"
        assert meeting_at(url, opened) == (url, HubAddress.of(url), False)
