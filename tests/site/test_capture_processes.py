"""Many cameras: shared out over processes, begun again when one dies or hangs, none left behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import psutil
import pytest
from tests.conftest import WaitFor

from sightline import Size
from sightline.bus import PacketTopics, Stream
from sightline.capture import CameraInput, CameraStatus, Counts
from sightline.clock import SYSTEM_CLOCK
from sightline.scene import Scene, write_clip
from sightline.site import captured, talk
from sightline.site.capture_process import Order, Report, order_line, order_of
from sightline.site.captured import Captured
from sightline.site.capturing import Inputs, StreamStatus
from sightline.site.capturing_processes import CapturingProcesses, shared_out
from sightline.site.sending import Sent
from sightline.supervise import ChildStatus, Restart, State

FRAMES = 30
NOWHERE = "memory://of-each-process-its-own"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("captured") / "street.mp4"
    write_clip(Scene(size=Size(160, 90), fps=10), path, FRAMES, gop=10)
    return path


def inputs(
    url: Path | str,
    *names: str,
    streams: tuple[Stream, ...] = ("main",),
    realtime: bool = False,
    loop: bool = False,
) -> Inputs:
    def one(name: str) -> CameraInput:
        return CameraInput(camera_id=name, url=str(url), realtime=realtime, loop=loop)

    return {name: {stream: one(name) for stream in streams} for name in names}


def cams(count: int) -> list[str]:
    return [f"cam{number}" for number in range(count)]


def test_inputs_are_shared_out_and_the_streams_of_a_camera_stay_together() -> None:
    two = inputs("a.mp4", "x", "y", streams=("main", "detect"))
    groups = shared_out({**inputs("a.mp4", *cams(7)), **two}, most=8)
    assert [list(group) for group in groups] == [cams(7), ["x", "y"]]
    assert [len(group) for group in shared_out(inputs("a.mp4", *cams(5)), most=2)] == [2, 2, 1]


def test_what_is_ended_while_it_waits_to_be_begun_again_is_not_tried_again(no_leaks: None) -> None:
    order = Order(
        cameras={name: dict(of) for name, of in inputs("a.mp4", "cam").items()},
        topics=PacketTopics(),
        log_level="warning",
    )
    part = Captured("capture-1", order, lambda: None, SYSTEM_CLOCK)

    def told(state: State, due_ns: int | None) -> CameraStatus:
        part.talk.changed(ChildStatus(state=state, reason="killed by SIGKILL", due_ns=due_ns))
        part.talk.join(10)
        return part.status()["cam", "main"].capture

    waiting = told(State.WAITING, SYSTEM_CLOCK.monotonic_ns() + 10**9)
    assert (waiting.state, waiting.next_retry_at_ns is None) == ("backing_off", False)
    ended = told(State.ENDED, None)
    assert (ended.state, ended.next_retry_at_ns) == ("idle", None)


def test_what_a_process_did_to_its_very_end_is_counted_although_it_did_not_tell(no_leaks: None) -> None:
    order = Order(
        cameras={name: dict(of) for name, of in inputs("a.mp4", "cam").items()},
        topics=PacketTopics(),
        log_level="warning",
    )
    part = Captured("capture-1", order, lambda: NOWHERE, SYSTEM_CLOCK)
    told = StreamStatus(
        capture=CameraStatus(camera_id="cam", state="live", counts=Counts(received=4, delivered=3, failed=1)),
        sent=Sent(published=3, failed=1),
    )
    for taken, published in ((9, 6), (2, 2)):
        with part.child.sockets()["talk"] as process, process.makefile("rb") as lines:
            assert order_of(lines.readline()).url == NOWHERE
            process.sendall(msgspec.json.encode(Report(streams=[("cam", "main", told, False)])) + b"\n")
        done = {"": 0, "taken 0": taken, "published 0": published}
        part.talk.changed(ChildStatus(state=State.WAITING, reason="killed by SIGKILL", done=done))
        part.talk.join(10)
        told = StreamStatus(capture=CameraStatus(camera_id="cam", state="connecting"))
    status = part.status()["cam", "main"]
    assert status.sent == Sent(published=8, failed=1, dropped={"killed": 2})
    counts = status.capture.counts
    assert (counts.received, counts.delivered, counts.failed) == (11, 10, 1)


def test_an_order_comes_out_as_it_went_in() -> None:
    camera = CameraInput(
        camera_id="gate", url="rtsps://h/1", username="viewer", password="Tulip-7", tls_ca_file=Path("ca.pem")
    )
    order = Order(
        url="hub://h",
        cameras={"gate": {"main": camera}},
        topics=PacketTopics(main="a.:camera_id"),
        log_level="info",
    )
    assert order_of(order_line(order)) == order
    assert order_line(order).count(b"\n") == 1


def test_files_in_many_processes_are_read_whole_and_then_all_is_over(no_leaks: None, clip: Path) -> None:
    with CapturingProcesses(NOWHERE, inputs(clip, *cams(9))) as captures:
        assert len(captures.processes) == 2
        assert captures.wait(30)
        assert captures.processes == []
    status = captures.status()
    assert [of.capture.state for of in status.values()] == ["done"] * 9
    assert {of.capture.counts.received for of in status.values()} == {FRAMES}
    assert all(of.sent == Sent(published=FRAMES) for of in status.values())


def test_a_process_that_is_killed_is_begun_again_and_harms_no_other(
    no_leaks: None, clip: Path, wait_for: WaitFor
) -> None:
    captures = CapturingProcesses(NOWHERE, inputs(clip, *cams(9), realtime=True, loop=True))
    with captures:

        def packets(name: str) -> int:
            return captures.status()[name, "main"].sent.published

        def state(name: str) -> CameraStatus:
            return captures.status()[name, "main"].capture

        wait_for(lambda: packets("cam0") > 5 and packets("cam8") > 5, 20, "packets of both processes")
        killed, other = captures.processes  # in the order of their cameras
        os.kill(killed, signal.SIGKILL)
        wait_for(
            lambda: captures.status()["cam0", "main"].capture.state == "backing_off", 5, "the loss to be seen"
        )
        assert captures.status()["cam0", "main"].capture.reason == "its process was killed (SIGKILL)"
        before, of_the_other = packets("cam0"), packets("cam8")
        wait_for(lambda: packets("cam0") > before + 5, 20, "packets of a process that was begun again")
        assert state("cam0").state == "live"
        assert (other in captures.processes, killed in captures.processes) == (True, False)
        assert packets("cam8") > of_the_other
    for status in captures.status().values():
        assert status.capture.counts.received == status.sent.taken


def test_a_process_that_hangs_is_noticed_and_begun_again(
    no_leaks: None, clip: Path, wait_for: WaitFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captured, "HUNG_S", 1.0)
    monkeypatch.setattr(captured, "STOP_S", 0.2)
    with CapturingProcesses(NOWHERE, inputs(clip, "cam0", realtime=True, loop=True)) as captures:
        wait_for(lambda: captures.status()["cam0", "main"].sent.published, 20, "packets")
        (hung,) = captures.processes
        epoch = captures.status()["cam0", "main"].capture.epoch
        os.kill(hung, signal.SIGSTOP)
        wait_for(lambda: captures.processes not in ([], [hung]), 30, "another process")
        wait_for(
            lambda: captures.status()["cam0", "main"].capture.epoch not in (None, epoch), 20, "packets again"
        )


def test_one_that_ends_too_often_is_left_alone_and_said(
    no_leaks: None, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = Restart(delay_s=0.0, most_ends=2)
    monkeypatch.setattr(talk, "RESTART", quick)
    monkeypatch.setattr(captured, "MODULE", "sightline.site.no_such_module")
    with CapturingProcesses(NOWHERE, inputs(clip, "cam0")) as captures:
        assert captures.wait(30)
        (fault,) = captures.faults
    assert fault.startswith("cam0: its process: ended 2 times within 60 s, the last time: exit code 1")


def test_files_that_are_over_are_not_read_again_when_their_process_dies(
    no_leaks: None, clip: Path, wait_for: WaitFor
) -> None:
    mixed = {**inputs(clip, "cam0"), **inputs(clip, "live", realtime=True, loop=True)}
    captures = CapturingProcesses(NOWHERE, mixed)
    with captures:
        wait_for(lambda: captures.status()["cam0", "main"].capture.state == "done", 20, "the end of the file")
        wait_for(lambda: captures.status()["live", "main"].sent.published, 20, "packets")
        (killed,) = captures.processes
        os.kill(killed, signal.SIGKILL)
        wait_for(lambda: captures.processes not in ([], [killed]), 20, "another process")
        epoch = captures.status()["live", "main"].capture.epoch
        wait_for(lambda: captures.status()["live", "main"].capture.epoch != epoch, 20, "packets again")
        assert captures.status()["cam0", "main"].sent.published == FRAMES


def test_processes_end_when_whoever_began_them_is_killed(clip: Path, wait_for: WaitFor) -> None:
    script = (
        "import sys\n"
        "from sightline.capture import CameraInput\n"
        "from sightline.site.capturing_processes import CapturingProcesses\n"
        "camera = CameraInput(camera_id='a', url=sys.argv[1], username='viewer', password='Tulip-7',"
        " loop=True, realtime=True)\n"
        f"captures = CapturingProcesses({NOWHERE!r}, {{'a': {{'main': camera}}}})\n"
        "captures.start()\n"
        "print(*captures.processes, flush=True)\n"
        "captures.wait()\n"
    )
    command = [sys.executable, "-c", script, str(clip)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        assert "Tulip-7" not in " ".join(child.cmdline())
        parent.kill()
    wait_for(lambda: not _runs(child), 10, "the end of the process that captured")


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
