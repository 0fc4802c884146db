"""A laptop is a fleet of one: its site runs as ever, and its cameras change while it does."""

import os
import re
import signal
import stat
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any, Self

import psutil
import pytest
from pydantic import SecretStr
from tests.conftest import WaitFor
from tests.fleet.one.site_of_one import LIMIT_S, LIVE, begun, fleet_of_one, seen, with_api, write

from sightline import Size
from sightline.errors import ConfigError, StoreError
from sightline.fleet.agent.service import AgentService
from sightline.fleet.agent.settings import AgentSettings
from sightline.fleet.api.client import FleetClient
from sightline.fleet.one.up import FleetOfOne
from sightline.scene import Scene, write_clip
from sightline.site.supervised_site import SupervisedSite

FRAMES = 30
MISSING = ("docker", "fastapi", "httpx", "psutil", "pydantic_settings", "pynvml")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("one") / "street.mp4"
    write_clip(Scene(size=Size(320, 180), fps=10), path, FRAMES, gop=10, b_frames=2)
    return path


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def shows(running: FleetOfOne, *names: str) -> bool:
    """These cameras, and no others, have results that it tells of."""
    cameras = running.status().cameras
    return set(cameras) == set(names) and all(of.results > 0 for of in cameras.values())


def test_its_agent_runs_the_site_until_its_files_are_played(
    no_leaks: None, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = begun(monkeypatch)
    starts: list[SupervisedSite] = []
    start = SupervisedSite.start

    def started(self: SupervisedSite, *told: Any) -> None:
        starts.append(self)
        start(self, *told)

    monkeypatch.setattr(SupervisedSite, "start", started)
    path = write(tmp_path, {"b": {"url": str(clip)}, "a": {"url": str(clip)}})
    with fleet_of_one(path) as running:
        assert [spec.name for spec in asked] == ["hall"]
        assert list(running.status().cameras) == ["b", "a"]
        assert set(running.status().processes) == {"hub", "capture-1", "worker-w"}
        assert running.wait(60)
        assert (running.faults, running.hub, running.pages) == ([], None, [])
    assert len(starts) == 1  # what was begun early is just what the agent was told
    assert seen(tmp_path) == {"a": FRAMES, "b": FRAMES}
    assert {of.state for of in running.status().processes.values()} == {"ended"}
    assert running.status().cameras["a"].results == FRAMES
    assert set(re.findall(r"\"term\":\d+", (tmp_path / "results.jsonl").read_text())) == {'"term":0'}


def test_what_stands_in_the_way_of_the_site_is_raised_as_it_is(no_leaks: None, tmp_path: Path) -> None:
    worker = {"model": {"kind": "python", "class": "tests.site.broken_model:NoSuchModel"}}
    path = write(tmp_path, {"a": {"url": LIVE}}, workers={"w": worker})
    before = children()
    with pytest.raises(ConfigError, match="NoSuchModel") as alone:
        SupervisedSite(fleet_of_one(path).site).start()
    running = fleet_of_one(path)
    with pytest.raises(ConfigError) as raised, running:
        pass
    assert str(raised.value) == str(alone.value)
    assert children() <= before


def test_a_site_without_a_camera_to_look_at_is_refused_as_ever(no_leaks: None, tmp_path: Path) -> None:
    path = write(tmp_path, {"a": {"url": LIVE, "enabled": False}})
    with pytest.raises(ConfigError, match="a camera that is enabled"), fleet_of_one(path):
        pass


def test_it_can_be_asked_to_stop_while_it_begins(no_leaks: None, tmp_path: Path) -> None:
    path = write(tmp_path, {"a": {"url": LIVE}})
    running = fleet_of_one(path)
    running.request_stop()
    before = children()
    with running:
        assert running.wait(0)
    assert children() <= before


def test_a_camera_that_is_added_over_http_is_looked_at_while_the_others_go_on(
    no_leaks: None, tmp_path: Path, wait_for: WaitFor
) -> None:
    with with_api(write(tmp_path, {"a": {"url": LIVE}, "off": {"url": LIVE, "enabled": False}})) as (
        running,
        client,
    ):
        wait_for(lambda: shows(running, "a"), LIMIT_S, "results")
        revision = client.get("/api/v1/plan")["revision"]
        client.post("/api/v1/cameras", {"camera_id": "b", "address": LIVE})
        assert client.get("/api/v1/plan")["revision"] == revision + 1
        client.post("/api/v1/update-config")
        wait_for(lambda: shows(running, "a", "b"), LIMIT_S, "results of both")
        assert not running.wait(0)
        client.ask("DELETE", "/api/v1/cameras/a")
        client.post("/api/v1/update-config")
        wait_for(lambda: shows(running, "b"), LIMIT_S, "results of the other one alone")
        assert not running.wait(0)
        instance = client.get("/api/v1/instances/hall")
        wait_for(
            lambda: client.get("/api/v1/instances/hall")["status"] == "running", LIMIT_S, "it to be told"
        )
        assert (instance["kind"], instance["run"]["runtime"]) == ("worker", "process")
    assert running.faults == []
    assert set(seen(tmp_path)) == {"a", "b"}


def test_what_cannot_be_begun_is_told_and_what_ran_before_comes_back(
    no_leaks: None, tmp_path: Path, wait_for: WaitFor, caplog: pytest.LogCaptureFixture
) -> None:
    with with_api(write(tmp_path, {"a": {"url": LIVE}})) as (running, client):
        wait_for(lambda: is_verified(client), LIMIT_S, "the site to have run for a while")
        assert "where that command does" in client.get("/api/v1/instances/hall/logs")["log"]
        broken = {"model": {"kind": "python", "class": "tests.site.broken_model:NoSuchModel"}}
        client.ask("PATCH", "/api/v1/instances/hall", json={"config": {"workers": {"w": broken}}})
        client.post("/api/v1/update-config")
        wait_for(lambda: "what was verified before comes back" in caplog.text, LIMIT_S, "a word")
        assert "NoSuchModel" in caplog.text
        before = seen(tmp_path)["a"]
        wait_for(lambda: seen(tmp_path)["a"] > before + 10, LIMIT_S, "results again")
        assert not running.wait(0)
    assert running.faults == []


def is_verified(client: FleetClient) -> bool:
    """The site is what comes back: it ran for a while."""
    hall = client.get("/api/v1/instances/hall")
    runs = hall["status"] == "running" and hall["observed_generation"] == hall["generation"]
    (agent,) = client.all_of("/api/v1/agents")
    newest = agent["verified_generation"] == agent["config_generation"]
    is_so = client.get("/api/v1/status")["as_desired"]
    return bool(runs and newest and is_so and agent["deployment"] == "done")


def test_what_users_changed_is_kept_and_what_the_file_says_goes_before_it(
    no_leaks: None, tmp_path: Path, wait_for: WaitFor
) -> None:
    path, state = write(tmp_path, {"a": {"url": LIVE}}), tmp_path / "state"
    with with_api(path, state=state) as (running, client):
        client.post("/api/v1/cameras", {"camera_id": "b", "address": LIVE})
        client.post("/api/v1/update-config")
        wait_for(lambda: shows(running, "a", "b"), LIMIT_S, "results of both")
        revision = client.get("/api/v1/plan")["revision"]
    assert stat.S_IMODE((state / "fleet.db").stat().st_mode) == 0o600
    with with_api(path, state=state) as (running, client):
        wait_for(lambda: shows(running, "a", "b"), LIMIT_S, "results of both, again")
        assert client.get("/api/v1/plan")["revision"] == revision
        assert client.get("/api/v1/agents")["total"] == 1
    write(tmp_path, {"c": {"url": LIVE}})
    with with_api(path, state=state) as (running, client):
        wait_for(lambda: shows(running, "b", "c"), LIMIT_S, "results of what the file says now")
        assert client.get("/api/v1/plan")["revision"] == revision + 1


def test_how_soon_a_site_of_this_process_is_ready_is_not_kept(
    no_leaks: None, tmp_path: Path, wait_for: WaitFor
) -> None:
    path, state = write(tmp_path, {"a": {"url": LIVE}}), tmp_path / "state"
    with with_api(path, state=state) as (_, client):
        assert client.get("/api/v1/instances/hall")["run"]["ready_s"] == 60.0
        old = {"run": {"ready_s": 5.0}}  # as it was written before
        client.ask("PATCH", "/api/v1/instances/hall", json=old)
    with with_api(path, state=state) as (_, client):
        assert client.get("/api/v1/instances/hall")["run"]["ready_s"] == 60.0


def test_two_cannot_have_one_state(no_leaks: None, tmp_path: Path) -> None:
    path, state = write(tmp_path, {"a": {"url": LIVE}}), tmp_path / "state"
    with (
        fleet_of_one(path, state=state),
        pytest.raises((ConfigError, StoreError), match="another"),
        fleet_of_one(path, state=state),
    ):
        pass


def test_an_agent_of_another_machine_joins_over_the_hub(
    no_leaks: None, tmp_path: Path, wait_for: WaitFor, free_port: Any
) -> None:
    hub = f"hub://127.0.0.1:{free_port()}"
    path = write(tmp_path, {"a": {"url": LIVE}}, bus=hub)
    with with_api(path, shared=True) as (running, client):
        assert running.hub is not None
        wait_for(lambda: shows(running, "a"), LIMIT_S, "results")
        token = client.post("/api/v1/enrolment-tokens")["token"]
        told = {
            "bus": hub,
            "token": SecretStr(token),
            "state": tmp_path / "other",
            "name": "other",
            "runtimes": ("process",),
            "gpulist": (),
        }
        with AgentService(AgentSettings.model_validate(told)) as other:
            wait_for(lambda: has_agent(client, str(other.node_id)), LIMIT_S, "it to be let in")
            worker = {
                "model": {"kind": "motion"},
                "sinks": [{"kind": "jsonl", "path": str(tmp_path / "there.jsonl")}],
            }
            instance = {
                "instance_name": "there",
                "kind": "worker",
                "config": {"workers": {"w": worker}},
                "agent_name": str(other.node_id),
            }
            client.post("/api/v1/instances", instance)
            client.post("/api/v1/cameras", {"camera_id": "b", "address": LIVE, "instance_name": "there"})
            client.post("/api/v1/update-config")
            there = tmp_path / "there.jsonl"
            wait_for(lambda: there.exists() and there.stat().st_size > 0, LIMIT_S, "its results")
            assert '"b"' in there.read_text()
            wait_for(lambda: shows(running, "a"), LIMIT_S, "the site to be as it was")
        hub_pid = running.hub.pid
    assert hub_pid is not None
    assert not psutil.pid_exists(hub_pid)


def has_agent(client: FleetClient, node_id: str) -> bool:
    return any(
        row["node_id"] == node_id and row["state"] == "connected" for row in client.all_of("/api/v1/agents")
    )


def test_others_cannot_join_over_a_bus_that_is_within_the_process(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"reaches other machines.*got memory://"):
        fleet_of_one(write(tmp_path, {"a": {"url": LIVE}}), shared=True)


def test_a_base_install_runs_a_site(clip: Path, tmp_path: Path) -> None:
    """Nothing of the extra `fleet` is there."""
    path = write(tmp_path, {"a": {"url": str(clip)}})
    code = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({MISSING!r}))\n"
        "from sightline.cli import main\n"
        "sys.argv[0] = 'sightline'\n"
        "main()"
    )
    command = [sys.executable, "-c", code, "up", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert seen(tmp_path) == {"a": FRAMES}
    asked = subprocess.run([*command, "--api", "0"], capture_output=True, text=True, timeout=60, check=False)
    assert asked.returncode != 0
    assert "pip install 'sightline[fleet]'" in asked.stderr


def test_a_process_of_it_imports_no_more_than_it_uses() -> None:
    code = "import sightline.fleet.one.up, sightline.fleet.one.fleet, sys; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    unwanted = {*MISSING, "rich", "av", "cv2", "uvicorn", "starlette", "sightline.hub.broker.machine"}
    assert set(shown.stdout.split()) & unwanted == set()


class Typed:
    """`sightline up` as it is typed, and the lines that it says first, on standard error."""

    def __init__(self, path: Path, *options: str) -> None:
        command = [str(Path(sysconfig.get_path("scripts"), "sightline")), "up", str(path), *options]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=pipe, text=True)
        assert self.process.stderr is not None
        self.lines = [self.process.stderr.readline().strip() for _ in range(2)]
        if not self.lines[0].startswith("fleet: "):
            self.process.kill()
            pytest.fail("\n".join([*self.lines, self.process.communicate()[1]]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.process.kill()
        self.process.communicate()


def test_the_command_says_where_the_api_is_and_where_its_token(tmp_path: Path) -> None:
    path = write(tmp_path, {"a": {"url": LIVE}})
    with Typed(path, "--json", "--api", "127.0.0.1:0") as typed:
        url = typed.lines[0].removeprefix("fleet: ")
        token = Path(typed.lines[1].removeprefix("token: in "))
        assert stat.S_IMODE(token.stat().st_mode) == 0o600
        with FleetClient(url, token.read_text().strip()) as client:
            assert [row["camera_id"] for row in client.all_of("/api/v1/cameras")] == ["a"]
        typed.process.send_signal(signal.SIGTERM)
        assert typed.process.wait(30) == 0
        assert not token.exists()


def test_a_killed_one_leaves_no_process_behind(tmp_path: Path, wait_for: WaitFor) -> None:
    path = write(tmp_path, {"a": {"url": LIVE}})
    with Typed(path, "--json", "--api", "0") as typed:
        wait_for(lambda: seen(tmp_path), LIMIT_S, "results")
        all_of_it = psutil.Process(typed.process.pid).children(recursive=True)
        assert len(all_of_it) >= 3
        os.kill(typed.process.pid, signal.SIGKILL)
        _, left = psutil.wait_procs(all_of_it, 20)
        assert left == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--api", "here"], "expected a port"),
        (["--api", "0", "--token-env", "NOT_SET_AT_ALL"], "NOT_SET_AT_ALL"),
        (["--fleet"], "reaches other machines"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_begins(
    tmp_path: Path, options: list[str], told: str
) -> None:
    path = write(tmp_path, {"a": {"url": LIVE}})
    command = [str(Path(sysconfig.get_path("scripts"), "sightline")), "up", str(path), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert told in done.stderr
    assert not seen(tmp_path)
