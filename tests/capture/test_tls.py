"""Cameras over TLS: real servers, certificates good and bad, and what is said of them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.capture.conftest import Make, Run
from tests.capture.tls import Authority, TlsFront
from tests.capture.web import Web
from tests.conftest import StartRtspServer

from sightline.capture import CameraInput, probe
from sightline.capture.retry import delay_s
from sightline.errors import AccessDenied, ConfigError, Unreachable, Untrusted

pytestmark = pytest.mark.needs("openssl", "ffmpeg")
HERE = "IP:127.0.0.1"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory, found_at: Callable[[str], str]) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), found_at("openssl"))


@pytest.fixture
def front(no_leaks: None, authority: Authority) -> Iterator[Callable[..., int]]:
    """`front(port, names)`: the port of a TLS server before another one, with a certificate for `names`."""
    with ExitStack() as running:
        yield (
            lambda port, names=HERE, **how: (
                running.enter_context(TlsFront(port, authority.certificate(names, **how))).port
            )
        )


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
