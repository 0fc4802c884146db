"""A hub, captures, workers and a page, each a process of its own: as one, and when one of them is killed."""

import json
import os
import signal
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.request import urlopen

import psutil
import pytest
from tests.conftest import WaitFor
from tests.proof.conftest import MakeStreet
from tests.proof.runs import results_in, settings_of

from sightline.hub import StreamServer
from sightline.result import Result
from sightline.site import Site
from sightline.site.running import RunningSite

ROOT: Final = Path(__file__).resolve().parents[2]  # where the model that reads marks is
PATH: Final = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
SIGHTLINE: Final = str(Path(sysconfig.get_path("scripts"), "sightline"))


class Command:
    """A running `sightline`, and what it prints."""

    def __init__(self, folder: Path, *arguments: object) -> None:
        name = f"{arguments[0]}-{len(list(folder.glob('*.out')))}"
        self.out, self.err = folder / f"{name}.out", folder / f"{name}.err"
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                [SIGHTLINE, *map(str, arguments)],
                stdout=out,
                stderr=err,
                stdin=subprocess.DEVNULL,
                cwd=folder,
                env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": PATH},
            )

    def ends(self, timeout_s: float = 60) -> int:
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            pytest.fail(f"runs after {timeout_s} s: {self.out.read_text()}{self.err.read_text()}")

    def told(self) -> dict[str, Any]:
        """The last whole line of JSON; {} before the first."""
        lines = [line for line in self.out.read_text().splitlines(keepends=True) if line.endswith("}\n")]
        last: dict[str, Any] = json.loads(lines[-1]) if lines else {}
        return last

    def camera(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.told().get("cameras", {}).get(name, {})
        return found

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class Begin(Protocol):
    def __call__(self, *arguments: object) -> Command: ...


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """`begin("worker", "site.yaml")` runs the command in the folder of the test."""
    with ExitStack() as stack:

        def start(*arguments: object) -> Command:
            command = Command(tmp_path, *arguments)
            stack.callback(command.kill)
            return command

        yield start


@pytest.fixture
def port(free_port: Callable[[], int]) -> int:
    return free_port()


@contextmanager
def hub_at(port: int) -> Iterator[StreamServer]:
    with StreamServer(port=port) as server:
        yield server


def write_site(folder: Path, port: int, cameras: Mapping[str, Any], **workers: Any) -> dict[str, Any]:
    settings = settings_of(cameras, folder, bus=f"hub://127.0.0.1:{port}", **workers)
    (folder / "site.yaml").write_text(json.dumps(settings))
    return settings


def seen(results: list[Result]) -> list[tuple[str, int, Any]]:
    """What was seen where, without what depends on when it ran."""
    return sorted((r.camera_id, r.index, r.detections) for r in results)


def test_processes_come_to_what_one_process_comes_to(
    clips: Path, tmp_path: Path, port: int, begin: Begin, wait_for: WaitFor
) -> None:
    cameras = {
        "person": {"url": str(clips / "one-by-one-person-detection.mp4")},
        "car": {"url": str(clips / "car-detection.mp4")},
    }
    worker = {"rate": 4, "model": {"kind": "motion"}, "track": True}
    alone = tmp_path / "alone"
    alone.mkdir()
    with RunningSite(Site.model_validate(settings_of(cameras, alone, w=worker))) as running:
        assert running.wait(120)

    write_site(tmp_path, port, cameras, w=worker)
    with hub_at(port):
        workers = begin("worker", "site.yaml", "--json")
        wait_for(lambda: workers.camera("car").get("state") == "waiting", 30, "the worker")
        captures = begin("capture", "--site", "site.yaml", "--json")
        assert (captures.ends(120), workers.ends(120)) == (0, 0)
    for name in cameras:
        sent, got = captures.camera(name), workers.camera(name)
        assert sent["counts"]["received"] == sent["sent"]["published"] == got["packets"] > 300
        assert (sent["state"], got["state"], got["dropped"]) == ("done", "done", {})
        assert got["results"] + got["unwanted"] == got["packets"]
        epochs = {result.epoch for result in results_in(tmp_path / "w.jsonl", name)}
        assert epochs == {sent["epoch"]}
    assert seen(results_in(tmp_path / "w.jsonl")) == seen(results_in(alone / "w.jsonl"))


def test_up_begins_a_hub_where_none_answers_and_ends_it(
    tmp_path: Path, port: int, begin: Begin, street: MakeStreet
) -> None:
    write_site(tmp_path, port, {"a": {"url": str(street(1).path)}})
    up = begin("up", "site.yaml")
    assert up.ends() == 0
    first = up.out.read_text().splitlines()[0]
    assert first.startswith(f"hub: nobody answered at hub://127.0.0.1:{port}, so it runs here, as process ")
    assert not psutil.pid_exists(int(first.split()[-1]))
    assert len(results_in(tmp_path / "w.jsonl")) == 150

    with hub_at(port):
        again = begin("up", "site.yaml")
        assert again.ends() == 0
    assert "nobody answered" not in again.out.read_text()
    assert len(results_in(tmp_path / "w.jsonl")) == 300


def test_whoever_is_killed_comes_back_and_the_rest_goes_on(
    tmp_path: Path, port: int, begin: Begin, wait_for: WaitFor, street: MakeStreet
) -> None:
    cameras = {f"cam{n}": {"url": str(street(n).path), "loop": True, "realtime": True} for n in (1, 2)}
    page = {"model": {"kind": "motion"}, "rate": 5, "sinks": [{"kind": "preview", "port": 0}]}
    write_site(tmp_path, port, cameras, w={}, page=page)

    def results(worker: Command) -> int:
        return sum(worker.camera(name).get("results", 0) for name in cameras)

    def more(worker: Command) -> None:
        """Each camera gives results again, here and now."""
        before = {name: worker.camera(name).get("results", 0) for name in cameras}
        wait_for(
            lambda: all(worker.camera(name).get("results", 0) > n + 5 for name, n in before.items()),
            30,
            f"more results after {before}: {worker.told()} {worker.err.read_text()}",
        )

    with ExitStack() as stack:
        hub = stack.enter_context(hub_at(port))
        work = begin("worker", "site.yaml", "w", "--json")
        shown = begin("worker", "site.yaml", "page", "--json")
        captures = begin("capture", "--site", "site.yaml", "--json")
        more(work)
        more(shown)

        work.kill()
        more(shown)
        work = begin("worker", "site.yaml", "w", "--json")
        more(work)

        captures.kill()
        time.sleep(0.5)
        assert work.process.poll() is None
        captures = begin("capture", "--site", "site.yaml", "--json")
        more(work)
        more(shown)

        shown.kill()
        more(work)
        shown = begin("worker", "site.yaml", "page", "--json")
        more(shown)
        with urlopen(f"{shown.told()['pages'][0]}status.json", timeout=5) as answer:
            assert json.load(answer)["cameras"]["cam1"]["state"] == "live"

        assert hub.pid is not None
        os.kill(hub.pid, signal.SIGKILL)
        hub.stop()
        time.sleep(1)
        assert [one.process.poll() for one in (work, shown, captures)] == [None] * 3
        stack.enter_context(hub_at(port))
        more(work)
        more(shown)

        for one in (captures, work, shown):
            one.process.terminate()
            began_s = time.monotonic()
            assert one.ends() == 0
            assert time.monotonic() - began_s < 2.5
    for name in cameras:
        sent = captures.camera(name)
        assert sent["counts"]["received"] == sum(
            (sent["sent"]["published"], sent["sent"]["failed"], sent["sent"]["waiting"])
        ) + sum(sent["sent"]["dropped"].values())
    epochs = {result.epoch for result in results_in(tmp_path / "w.jsonl", "cam1")}
    assert len(epochs) >= 2
    identities = [result.identity for result in results_in(tmp_path / "w.jsonl")]
    assert len(set(identities)) == len(identities)


def test_cameras_named_on_the_command_line_are_captured(
    tmp_path: Path, port: int, begin: Begin, wait_for: WaitFor, street: MakeStreet
) -> None:
    urls = [street(1).path, street(2).path]
    write_site(tmp_path, port, {name: {"url": "elsewhere.mp4"} for name in ("gate", "yard")})
    with hub_at(port) as hub:
        work = begin("worker", "site.yaml", "--json")
        wait_for(lambda: work.camera("yard"), 30, "the worker")
        captures = begin("capture", *urls, "--camera", "gate", "--camera", "yard", "--to", hub.url)
        assert (captures.ends(), work.ends()) == (0, 0)
    assert {name: len(results_in(tmp_path / "w.jsonl", name)) for name in ("gate", "yard")} == {
        "gate": 150,
        "yard": 150,
    }
    assert captures.out.read_text().splitlines()[-2:] == [
        f"{name}: done, h264 320x180, 0.0 fps in, 150 packets, 150 published, 0 waiting, dropped none"
        for name in ("gate", "yard")
    ]


def test_nine_cameras_are_captured_by_two_processes(
    tmp_path: Path, port: int, begin: Begin, wait_for: WaitFor, street: MakeStreet
) -> None:
    names = [f"cam{n}" for n in range(9)]
    write_site(tmp_path, port, {name: {"url": str(street(1).path)} for name in names})
    with hub_at(port):
        work = begin("worker", "site.yaml", "--json")
        wait_for(lambda: work.camera("cam8"), 30, "the worker")
        captures = begin("capture", "--site", "site.yaml", "--json")
        wait_for(lambda: len(psutil.Process(captures.process.pid).children()) == 2, 20, "two processes")
        assert (captures.ends(), work.ends()) == (0, 0)
    assert {name: captures.camera(name)["sent"]["published"] for name in names} == dict.fromkeys(names, 150)
    assert {name: len(results_in(tmp_path / "w.jsonl", name)) for name in names} == dict.fromkeys(names, 150)


def test_up_goes_on_when_its_hub_is_killed_and_ends_when_there_is_none(
    tmp_path: Path, port: int, begin: Begin, wait_for: WaitFor, street: MakeStreet
) -> None:
    write_site(tmp_path, port, {"a": {"url": str(street(1).path), "loop": True, "realtime": True}})
    up = begin("up", "site.yaml", "--json")

    def more() -> None:
        before = up.camera("a").get("results", 0)
        wait_for(lambda: up.camera("a").get("results", 0) > before + 5, 30, f"more than {before} results")

    more()
    hub = psutil.Process(up.told()["processes"]["hub"]["pid"])
    hub.kill()
    wait_for(lambda: up.told()["processes"]["hub"]["pid"] not in {hub.pid, None}, 20, "another hub")
    more()
    told = up.told()["processes"]["hub"]
    other = psutil.Process(told["pid"])
    assert (told["state"], told["ends"]) == ("running", 1)

    other.suspend()  # it answers nobody any more
    began_s = time.monotonic()
    up.process.terminate()
    assert up.ends() == 0
    assert time.monotonic() - began_s < 12
    assert not other.is_running() or other.status() == psutil.STATUS_ZOMBIE
