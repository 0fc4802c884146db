"""`sightline hub`, as it is typed: it serves, it can be watched, and it ends when it is told to."""

import json
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from sightline.hub import StreamClient
from sightline.hub.address import HubAddress

SIGHTLINE = str(Path(sys.executable).with_name("sightline"))
TOKEN = "planted-9c1f"


class Served:
    """A `sightline hub` that runs, and what it printed first."""

    def __init__(self, *options: str, environ: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [
                SIGHTLINE,
                "-vv",
                "hub",
                "--port",
                "0",
                "--metrics-port",
                "0",
                "--statistics-every",
                "0.1",
                *options,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environ,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        self.metrics = self.process.stdout.readline().strip()

    def client(self, name: str) -> StreamClient:
        return StreamClient(name, **HubAddress.of(self.url).client_settings())

    def end(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGINT)
        _, said = self.process.communicate(timeout=10)
        return self.process.returncode, said


@pytest.fixture
def served(no_leaks: None, request: pytest.FixtureRequest) -> Iterator[Served]:
    served = Served(*getattr(request, "param", ()))
    yield served
    code, said = served.end()
    assert (code, "Traceback" in said) == (0, False), said


def run(*command: str) -> str:
    done = subprocess.run(
        [SIGHTLINE, *command], capture_output=True, text=True, timeout=30, check=True, env={"COLUMNS": "100"}
    )
    return done.stdout


def test_it_says_where_it_is_and_carries_data(served: Served) -> None:
    assert re.fullmatch(r"hub://127\.0\.0\.1:\d+", served.url)
    with served.client("writer") as writer, served.client("reader") as reader:
        writer.create_new_channel("x")
        reader.subscribe_read_channel("x")
        writer.wait_for_active("x", 10)
        writer.put_data("x", 1)
        assert reader.get_data("x", 10) == 1


def test_it_can_be_watched(served: Served) -> None:
    with served.client("writer") as writer, served.client("slow reader") as reader:
        writer.create_new_channel("x")
        reader.subscribe_read_channel("x", server_buffer_size=1, prefetch=0)
        writer.wait_for_active("x", 10)
        writer.put_many("x", [b"message"] * 5)
        writer.flush("x", 10)
        shown = run("hub", "top", served.url, "--once")
        assert "slow reader" in shown
        assert "overflow 4" in shown
        for line in run("hub", "top", served.url, "--json", "--seconds", "0.5").splitlines():
            assert json.loads(line)["dropped"] == {"overflow": 4}


@pytest.mark.parametrize(
    ("served", "shown", "pools"),
    [((), r"\d\d%", 1), (("--no-sharing",), r" - ", 0)],
    indirect=["served"],
)
def test_what_is_shared_is_shown(served: Served, shown: str, pools: int) -> None:
    with served.client("writer") as writer, served.client("reader") as reader:
        writer.create_new_channel("pictures")
        reader.subscribe_read_channel("pictures")
        writer.wait_for_active("pictures", 10)
        for _ in range(200):  # until both have the memory, and most was shared
            writer.put_data("pictures", np.zeros(200_000, np.uint8), timeout_s=10)
            reader.get_data("pictures", 10)
        table = run("hub", "top", served.url, "--once").splitlines()
        channel, _reader = (line for line in table if "pictures" in line)
        assert re.search(shown, channel)
        assert run("hub", "metrics", served.url).count("sightline_hub_shared_pools 1.0") == pools


def test_its_figures_are_prometheus_text(served: Served) -> None:
    with urllib.request.urlopen(served.metrics, timeout=10) as answer:
        over_http = answer.read().decode()
    for text in (over_http, run("hub", "metrics", served.url)):
        families = {family.name: family for family in text_string_to_metric_families(text)}
        assert families["sightline_hub_uptime_seconds"].samples[0].value > 0
        assert families["sightline_hub_channel_messages"].samples[0].labels == {
            "channel": "sightline.statistics"
        }


def test_a_page_of_another_site_reads_no_figures(served: Served) -> None:
    asked = urllib.request.Request(served.metrics, headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(asked, timeout=10)
    assert refused.value.code == 400
    refused.value.close()


def test_its_figures_come_on_a_channel_too(served: Served) -> None:
    with served.client("watcher") as watcher:
        watcher.subscribe_read_channel("sightline.statistics")
        first, second = (watcher.get_data("sightline.statistics", 10) for _ in range(2))
        assert first["uptime_s"] < second["uptime_s"]
        assert [client["name"] for client in second["clients"]] == ["watcher"]


def test_nobody_has_the_hub_s_own_name(served: Served) -> None:
    with pytest.raises(Exception, match="is another client's"), served.client("sightline.hub"):
        pass


def test_wider_than_this_machine_it_needs_a_token() -> None:
    done = subprocess.run(
        [SIGHTLINE, "hub", "--host", "0.0.0.0"], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 1
    assert "anybody in the network" in done.stderr


def test_a_token_lets_in_who_knows_it_and_is_never_shown(no_leaks: None) -> None:
    served = Served("--token-env", "HUB_TOKEN", environ={"HUB_TOKEN": TOKEN})
    with pytest.raises(Exception, match="token") as refused, served.client("stranger"):
        pass
    assert TOKEN not in str(refused.value)
    served.url = served.url.replace("hub://", f"hub://:{TOKEN}@")
    with served.client("friend") as friend:
        assert friend.is_alive
    shown = run("hub", "top", served.url, "--once")
    assert "friend" in shown or "clients" in shown
    code, said = served.end()
    assert code == 0
    assert TOKEN not in said + shown


def test_a_token_that_is_not_there_is_told() -> None:
    done = subprocess.run(
        [SIGHTLINE, "hub", "--token-env", "NO_SUCH"], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (
        1,
        "expected a token in the environment variable NO_SUCH, which is not set or empty\n",
    )


@pytest.mark.parametrize("command", [["top", "--once"], ["metrics"]])
def test_a_hub_that_does_not_answer_is_one_line(free_port: Callable[[], int], command: list[str]) -> None:
    url = f"hub://127.0.0.1:{free_port()}"
    words = [SIGHTLINE, "hub", *command, url]
    told = subprocess.run(words, capture_output=True, check=False, text=True, timeout=30)
    assert (told.returncode, told.stdout) == (1, "")
    (line,) = told.stderr.splitlines()
    assert f"no hub answers at {url[6:]}" in line
    assert "Connection refused" in line
