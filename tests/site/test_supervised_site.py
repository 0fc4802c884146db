"""A site as processes: what comes out is what one process gives, and no process takes another along."""

import json
import os
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil
import pytest
from tests.conftest import WaitFor

from sightline import Size
from sightline.errors import ConfigError, ModelError, SinkError
from sightline.scene import Scene, write_clip
from sightline.site import RunningSite, Site, talk
from sightline.site.status import CameraView
from sightline.site.supervised_site import SupervisedSite
from sightline.supervise import Restart

FRAMES = 40


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("supervised") / "street.mp4"
    write_clip(Scene(size=Size(320, 180), fps=10), path, FRAMES, gop=10, b_frames=2)
    return path


def site(folder: Path, cameras: dict[str, Any], **workers: Any) -> Site:
    named = workers or {"w": {}}
    return Site.model_validate(
        {
            "cameras": cameras,
            "workers": {
                name: {
                    "model": {"kind": "motion"},
                    "sinks": [{"kind": "jsonl", "path": folder / f"{name}.jsonl"}],
                    **worker,
                }
                for name, worker in named.items()
            },
        }
    )


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def seen(path: Path) -> list[tuple[str, int, list[Any]]]:
    return sorted((line["camera_id"], line["index"], line["detections"]) for line in lines(path))


def pid_of(running: SupervisedSite, name: str) -> int:
    pid = running.status().processes[name].pid
    assert pid is not None
    return pid


def folder_of(running: SupervisedSite) -> Path:
    """Where its hub listens."""
    sockets = psutil.Process(pid_of(running, "hub")).net_connections(kind="unix")
    (path,) = {Path(str(one.laddr)).parent for one in sockets if "sightline-up-" in str(one.laddr)}
    return path


def test_processes_come_to_what_one_process_comes_to(no_leaks: None, clip: Path, tmp_path: Path) -> None:
    cameras = {name: {"url": str(clip)} for name in ("a", "b")}
    cameras["b"]["detect_url"] = str(clip)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    for folder in (whole, parts):
        folder.mkdir()
    with RunningSite(site(whole, cameras, w={}, keys={"pictures": "key"})) as alone:
        assert alone.wait(30)
    with SupervisedSite(site(parts, cameras, w={}, keys={"pictures": "key"})) as running:
        assert set(running.status().processes) == {"hub", "capture-1", "worker-w", "worker-keys"}
        folder = folder_of(running)
        assert folder.exists()
        assert running.wait(60)
        assert running.faults == []
        assert running.hub is None
    for name in ("w.jsonl", "keys.jsonl"):
        assert seen(parts / name) == seen(whole / name)
    status, expected = running.status(), alone.status()
    for name, camera in expected.cameras.items():
        now = status.cameras[name]
        for what in ("state", "packets", "results", "unwanted", "dropped"):
            assert getattr(now, what) == getattr(camera, what), (name, what)
    assert {of.state for of in status.processes.values()} == {"ended"}
    assert {of.ends for of in status.processes.values()} == {0}
    assert not folder.exists()


@pytest.mark.parametrize("killed", ["hub", "capture-1", "worker-w"])
def test_one_that_is_killed_comes_back_and_counts_go_on(
    no_leaks: None, clip: Path, tmp_path: Path, wait_for: WaitFor, killed: str
) -> None:
    cameras = {"a": {"url": str(clip), "loop": True, "realtime": True}}
    with SupervisedSite(site(tmp_path, cameras)) as running:

        def more() -> None:
            before = running.status().cameras["a"].results
            wait_for(lambda: running.status().cameras["a"].results > before + 5, 60, f"more than {before}")

        more()
        pids = {name: of.pid for name, of in running.status().processes.items()}
        os.kill(pid_of(running, killed), signal.SIGKILL)
        wait_for(lambda: running.status().processes[killed].ends == 1, 20, "its end to be seen")
        wait_for(lambda: running.status().processes[killed].state == "running", 30, "another one")
        more()
        now = running.status().processes
        assert {name for name, of in now.items() if of.pid != pids[name]} == {killed}
    written = lines(tmp_path / "w.jsonl")
    assert len({(line["epoch"], line["index"]) for line in written}) == len(written)
    camera = running.status().cameras["a"]
    assert camera.results >= len(written)
    # Nothing is told twice, and nothing is missing, although it was stopped in the middle.
    assert camera.packets == adds_up(camera)


def adds_up(camera: CameraView) -> int:
    """What became of the packets of a camera that one worker looks at."""
    unsent = sum(camera.unsent.values())
    return unsent + camera.results + camera.unwanted + sum(camera.dropped.values())


def test_what_captures_could_not_send_is_told(no_leaks: None, clip: Path, tmp_path: Path) -> None:
    """Where the hub stands still, those of a live camera have nowhere to go."""
    url = "synthetic://street?size=160x90&fps=50&gop=10"
    with SupervisedSite(site(tmp_path, {"a": {"url": url}})) as running:
        assert not running.wait(0.5)
        os.kill(pid_of(running, "hub"), signal.SIGSTOP)
        assert not running.wait(7)  # an age that the line of a camera does not have
        os.kill(pid_of(running, "hub"), signal.SIGCONT)
        assert not running.wait(0.5)
    camera = running.status().cameras["a"]
    assert sum(camera.unsent.values()) > 50
    assert camera.packets == adds_up(camera)


def test_a_worker_that_is_slow_sees_a_file_whole_whoever_died(
    no_leaks: None, clip: Path, tmp_path: Path, wait_for: WaitFor
) -> None:
    """That no result came for a while does not mean that none will."""
    slow = {"model": {"kind": "python", "class": "tests.site.slow_model:FourSeconds"}}
    url = "synthetic://street?frames=2&size=160x90&gop=2"
    with SupervisedSite(site(tmp_path, {"a": {"url": url}}, w=slow, other={})) as running:
        wait_for(lambda: lines(tmp_path / "other.jsonl"), 60, "a result of the quick one")
        os.kill(pid_of(running, "worker-other"), signal.SIGKILL)
        assert running.wait(120)
    assert [line["index"] for line in lines(tmp_path / "w.jsonl")] == [0, 1]
    assert running.faults == []


def test_a_file_waits_for_a_worker_that_is_begun_again(
    no_leaks: None, clip: Path, tmp_path: Path, wait_for: WaitFor
) -> None:
    """What died with it is lost and counted; the rest is seen, and the site ends by itself."""
    url = "synthetic://street?frames=600&size=320x180&gop=10"
    with SupervisedSite(site(tmp_path, {"a": {"url": url}})) as running:
        wait_for(lambda: len(lines(tmp_path / "w.jsonl")) > 20, 60, "results")
        os.kill(pid_of(running, "worker-w"), signal.SIGKILL)
        assert running.wait(120)
    written = lines(tmp_path / "w.jsonl")
    indices = [line["index"] for line in written]
    assert len(set(indices)) == len(indices)
    assert max(indices) == 599
    camera = running.status().cameras["a"]
    assert (camera.state, camera.packets) == ("done", 600)
    assert adds_up(camera) == 600
    assert len(indices) <= camera.results
    assert len(indices) < 600
    assert running.status().processes["worker-w"].ends == 1


def test_a_model_that_does_not_load_is_said_at_the_start(no_leaks: None, clip: Path, tmp_path: Path) -> None:
    model = {"kind": "python", "class": "tests.site.broken_model:Broken"}
    with pytest.raises(ModelError, match="no weights"):
        SupervisedSite(site(tmp_path, {"a": {"url": str(clip)}}, good={}, w={"model": model})).start()


def test_a_sink_that_cannot_be_is_said_at_the_start(no_leaks: None, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    sinks = [{"kind": "jsonl", "path": tmp_path / "file" / "results.jsonl"}]
    with pytest.raises(SinkError, match="results.jsonl"):
        SupervisedSite(site(tmp_path, {"a": {"url": str(clip)}}, w={"sinks": sinks})).start()


def test_a_site_without_an_enabled_camera_is_refused(no_leaks: None, clip: Path, tmp_path: Path) -> None:
    idle = site(tmp_path, {"a": {"url": str(clip), "enabled": False}})
    with pytest.raises(ConfigError, match="enabled"):
        SupervisedSite(idle).start()


def test_a_worker_without_a_sink_sees_all_the_same(no_leaks: None, clip: Path, tmp_path: Path) -> None:
    with SupervisedSite(site(tmp_path, {"a": {"url": str(clip)}}, w={"sinks": []})) as running:
        assert running.wait(60)
    assert running.status().cameras["a"].results == FRAMES


def test_what_cannot_be_read_is_a_fault_and_harms_nobody(no_leaks: None, clip: Path, tmp_path: Path) -> None:
    cameras = {"good": {"url": str(clip)}, "gone": {"url": str(tmp_path / "no.mp4")}}
    with SupervisedSite(site(tmp_path, cameras)) as running:
        assert running.wait(60)
        (fault,) = running.faults
    assert fault.startswith("gone: ")
    assert Counter(line["camera_id"] for line in lines(tmp_path / "w.jsonl")) == {"good": FRAMES}


def test_a_camera_that_nobody_looks_at_is_captured_all_the_same(
    no_leaks: None, clip: Path, tmp_path: Path
) -> None:
    cameras = {name: {"url": str(clip)} for name in ("a", "alone")}
    with SupervisedSite(site(tmp_path, cameras, w={"cameras": ["a"]})) as running:
        assert running.wait(60)
        status = running.status()
    assert {name: of.packets for name, of in status.cameras.items()} == dict.fromkeys(cameras, FRAMES)


def test_without_a_hub_that_lives_nothing_more_comes(
    no_leaks: None, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talk, "RESTART", Restart(most_ends=1))
    camera = {"url": str(clip), "loop": True, "realtime": True}
    with SupervisedSite(site(tmp_path, {"a": camera})) as running:
        assert not running.wait(0.2)
        os.kill(pid_of(running, "hub"), signal.SIGKILL)
        assert running.wait(30)
        (fault,) = running.faults
    assert fault == "hub: ended 1 times within 60 s, the last time: killed by SIGKILL"


def test_the_page_tells_of_cameras_and_processes(
    no_leaks: None, clip: Path, tmp_path: Path, wait_for: WaitFor
) -> None:
    camera = {"url": str(clip), "loop": True, "realtime": True}
    page = {"sinks": [{"kind": "preview", "port": 0}], "cameras": ["a"]}
    with SupervisedSite(site(tmp_path, {"a": camera, "b": camera}, w=page)) as running:

        def told() -> dict[str, Any]:
            with urlopen(running.pages[0] + "status.json", timeout=5) as answer:
                found: dict[str, Any] = json.load(answer)
            return found

        assert list(told()["cameras"]) == ["a"]  # at once
        wait_for(lambda: told()["cameras"]["a"].get("state") == "live", 60, "a live camera")
        hub = told()["processes"]["hub"]
        assert (hub["pid"], hub["state"], hub["ends"]) == (pid_of(running, "hub"), "running", 0)


def test_it_can_be_asked_to_stop_while_a_model_loads(
    no_leaks: None, clip: Path, tmp_path: Path, wait_for: WaitFor
) -> None:
    model = {"kind": "python", "class": "tests.site.slow_model:SlowToLoad"}
    running = SupervisedSite(site(tmp_path, {"a": {"url": str(clip)}}, w={"model": model}))
    others = set(psutil.Process().children(recursive=True))  # servers of other tests
    running.request_stop()
    with running:
        assert running.wait(5)
        children = set(psutil.Process().children(recursive=True)) - others
    wait_for(lambda: not [one for one in children if one.is_running()], 10, "no process")


def test_a_hub_that_answers_is_used_and_one_that_does_not_is_begun(
    no_leaks: None, clip: Path, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    url = f"hub://127.0.0.1:{free_port()}"
    camera = {"a": {"url": str(clip), "loop": True, "realtime": True}}
    own = site(tmp_path, camera).model_copy(update={"bus": url})
    with SupervisedSite(own) as first:
        assert first.hub is not None
        assert (first.hub.shown, first.hub.pid) == (url, pid_of(first, "hub"))
        with SupervisedSite(site(tmp_path, camera, other={}).model_copy(update={"bus": url})) as second:
            assert second.hub is None
            assert "hub" not in second.status().processes
