"""Cameras over TLS: real servers, certificates good and bad, and what is said of them."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.capture.conftest import Make, Run
from tests.capture.tls import HERE, Authority
from tests.capture.web import Handler, Web
from tests.conftest import StartRtspServer

from sightline.capture import CameraInput, probe
from sightline.capture.retry import delay_s
from sightline.errors import AccessDenied, ConfigError, Unreachable, Untrusted

pytestmark = pytest.mark.needs("openssl", "ffmpeg")


@pytest.fixture
def folder_port(h264_clip: Path) -> Iterator[int]:
    """A plain web server of the folder that the clips are in."""
    with Web(h264_clip.parent) as web:
        yield web.port


def fault(url: str, error: type[Exception], **settings: Any) -> str:
    with pytest.raises(error) as raised:
        probe(CameraInput(camera_id="gate", url=url, **settings))
    assert raised.value.__context__ is None
    return str(raised.value)


@pytest.mark.needs("rtsp")
def test_a_camera_over_tls_is_read_if_its_certificate_is_good(
    run: Run, rtsp_server: StartRtspServer, h264_clip: Path, front: Callable[..., int], authority: Authority
) -> None:
    port = front(rtsp_server({"cam": h264_clip}).port)
    packets = run(f"rtsps://127.0.0.1:{port}/cam", tls_ca_file=authority.file).has(20)
    assert [packet.index for packet in packets[:20]] == list(range(20))
    assert packets[0].keyframe


@pytest.mark.needs("rtsp")
@pytest.mark.parametrize(
    ("names", "days", "known", "why"),
    [
        (HERE, 2, False, "unable to get local issuer certificate"),
        ("DNS:other.example", 2, True, "IP address mismatch"),
        (HERE, -1, True, "certificate has expired"),
    ],
)
def test_a_certificate_that_is_not_to_be_believed_is_named_and_can_be_trusted_all_the_same(
    front: Callable[..., int],
    rtsp_server: StartRtspServer,
    h264_clip: Path,
    authority: Authority,
    names: str,
    days: int,
    known: bool,
    why: str,
) -> None:
    port = front(rtsp_server({"cam": h264_clip}).port, names, days=days)
    url = f"rtsps://127.0.0.1:{port}/cam"
    said = fault(url, Untrusted, tls_ca_file=authority.file if known else None)
    assert why in said
    assert "tls: trust" in said
    assert "gate" in said
    assert probe(CameraInput(camera_id="gate", url=url, tls="trust"), watch_s=1).codec == "h264"


def test_no_password_is_sent_to_who_is_not_believed(
    front: Callable[..., int], authority: Authority, folder_port: int
) -> None:
    port = front(folder_port, "DNS:other.example")
    for scheme in ("rtsps", "https"):
        url = f"{scheme}://127.0.0.1:{port}/cam"
        said = fault(url, Untrusted, username="viewer", password="Tulip/7@x", tls_ca_file=authority.file)
        assert "Tulip" not in said


def test_a_server_without_tls_is_named(
    silent_port: int, folder_port: int, free_port: Callable[[], int]
) -> None:
    for settings in ({}, {"tls": "trust"}):
        assert "no TLS is spoken" in fault(f"rtsps://127.0.0.1:{folder_port}/s", Unreachable, **settings)
    assert "connection refused" in fault(f"rtsps://127.0.0.1:{free_port()}/s", Unreachable)
    fault(f"rtsps://127.0.0.1:{silent_port}/s", Exception, open_timeout_s=0.5)
    assert "unknown host" in fault("rtsps://no-such-camera.invalid/s", Unreachable)


def test_a_recording_over_https_is_read_whole(
    run: Run, make_clip: Make, folder_port: int, front: Callable[..., int], authority: Authority
) -> None:
    make_clip("fast.mp4", "-c:v", "libx264", "-movflags", "faststart")
    url = f"https://127.0.0.1:{front(folder_port)}/fast.mp4"
    assert len(run(url, tls_ca_file=authority.file).finished()) == 50
    assert "issuer" in fault(url, Untrusted)
    assert "no such stream" in fault(f"{url}4", Unreachable, tls_ca_file=authority.file)


@pytest.fixture
def recorded(h264_clip: Path) -> Iterator[Callable[[str], str]]:
    """`recorded(prefix)` is the name of a list of the clip, whose segments have that before their names."""
    made: list[Path] = []

    def record(prefix: str) -> str:
        place = h264_clip.parent / f"list{len(made)}.m3u8"
        made.append(place)
        cut = ["-c", "copy", "-f", "hls", "-hls_time", "0.4", "-hls_playlist_type", "vod"]
        flags = ["-hls_segment_filename", f"{place.with_suffix('')}-%d.ts"]
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", h264_clip, *cut, *flags, place], check=True)
        text = place.read_text()
        place.write_text(text.replace(place.stem + "-", f"{prefix}{place.stem}-"))
        return place.name

    yield record
    for place in made:
        for file in place.parent.glob(f"{place.stem}*"):
            file.unlink()


def test_of_a_list_the_segments_are_checked_too(
    run: Run,
    front: Callable[..., int],
    authority: Authority,
    folder_port: int,
    recorded: Callable[[str], str],
    h264_clip: Path,
) -> None:
    good, bad = front(folder_port), front(folder_port, "DNS:other.example")
    here, elsewhere = f"https://127.0.0.1:{good}/", f"https://127.0.0.1:{bad}/"
    for prefix in ("", here):
        url = here + recorded(prefix)
        one = run(url, tls_ca_file=authority.file, username="viewer", password="p@ss:w/rd")
        assert len(one.finished()) == 50
        assert Handler.logins[-1] == ("" if prefix else "viewer:p@ss:w/rd")
    crossed = here + recorded(elsewhere)
    assert "IP address mismatch" in fault(crossed, Untrusted, tls_ca_file=authority.file)
    nameless = crossed.removesuffix(".m3u8")
    (h264_clip.parent / crossed.rpartition("/")[2]).rename(h264_clip.parent / nameless.rpartition("/")[2])
    assert "IP address mismatch" in fault(nameless, Untrusted, tls_ca_file=authority.file)
    assert len(run(nameless, tls="trust").finished()) == 50


def test_faults_of_a_list_over_tls_are_told_apart(
    front: Callable[..., int],
    authority: Authority,
    folder_port: int,
    free_port: Callable[[], int],
    capfd: pytest.CaptureFixture[str],
) -> None:
    here, known = f"https://127.0.0.1:{front(folder_port)}", {"tls_ca_file": authority.file}
    assert "issuer" in fault(f"{here}/x.m3u8", Untrusted)
    assert "no such stream" in fault(f"{here}/x.m3u8", Unreachable, **known)
    assert "none are set" in fault(f"{here}/login/x.m3u8", AccessDenied, **known)
    assert "not allowed" in fault(f"{here}/forbidden/x.m3u8", AccessDenied, username="viewer", **known)
    assert "refused" in fault(f"https://127.0.0.1:{free_port()}/x.m3u8", Unreachable, **known)
    assert "name" in fault("https://no-such-camera.invalid/x.m3u8", Unreachable)
    assert "no TLS is spoken" in fault(f"https://127.0.0.1:{folder_port}/x.m3u8", Unreachable)
    assert "PyAV" not in capfd.readouterr().err


def test_a_list_cannot_make_us_open_files(
    front: Callable[..., int],
    authority: Authority,
    folder_port: int,
    recorded: Callable[[str], str],
    h264_clip: Path,
) -> None:
    name = recorded(f"file://{h264_clip.parent}/")
    url = f"https://127.0.0.1:{front(folder_port)}/{name}"
    assert "got file://" in fault(url, Unreachable, tls_ca_file=authority.file)


def test_a_file_of_certificates_that_is_none_is_named(
    folder_port: int, front: Callable[..., int], tmp_path: Path
) -> None:
    empty = tmp_path / "empty.pem"
    for file in (empty, tmp_path / "none.pem"):
        said = fault(f"https://127.0.0.1:{front(folder_port)}/x.mp4", ConfigError, tls_ca_file=file)
        assert f"expected certificates in PEM in the file {file}" in said
        empty.write_text("nothing")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"tls": "maybe"}, "expected tls verify or trust, got 'maybe'"),
        ({"tls": "trust", "tls_ca_file": Path("a.pem")}, "expected tls verify with tls_ca_file"),
        ({"transport": "udp"}, "expected transport tcp with rtsps://"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        CameraInput(camera_id="gate", url="rtsps://h/s", **settings)


def test_who_is_not_believed_is_asked_again_now_and_then() -> None:
    assert 2 <= delay_s(Untrusted("x"), 1) <= delay_s(Untrusted("x"), 100) + 5
    assert not isinstance(Untrusted("x"), AccessDenied)
