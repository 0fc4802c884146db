"""`sightline demo` with sources of the user's own, however they are written."""

import subprocess
from pathlib import Path

import pytest
from tests.cli.conftest import Invoke

from sightline.cli.demo import _cameras

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("rtsp://u:hun@ter/2@127.0.0.1/s", "127-0-0-1-1"),
        ("rtsp://u:p[x@host/s", "host-1"),
        ("rtsp://[fe80::1]:554/s", "fe80--1-1"),
        ("clips/car park.mp4", "car-park-1"),
        ("file:///clips/parking.mp4", "parking-1"),
        ("/dev/video0", "video0-1"),
        ("...", "source-1"),
    ],
)
def test_a_camera_is_called_after_its_host_or_its_file(source: str, name: str) -> None:
    assert list(_cameras([source])) == [name]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("foo://bar", "got the scheme foo://"),
        ("rtsp://", 'cameras.rtsp-1.url: expected a host after "rtsp://"'),
        ("synthetic://street?sed=1", "no such setting"),
        ("", "cameras.source-1.url: "),
    ],
)
def test_a_source_that_cannot_be_one_is_a_line_of_plain_words(
    invoke: Invoke, tmp_path: Path, source: str, said: str
) -> None:
    result = invoke("demo", source, "--folder", tmp_path)

    assert result.exit_code == 1
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_make_demo_hands_its_sources_over_as_they_were_written(tmp_path: Path) -> None:
    """Only blanks part them: nothing in a URL is for the shell, nor for make."""
    for name in ("python", "sightline"):
        (tmp_path / "bin" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / ".installed").touch()
    planted = tmp_path / "planted"
    sources = [
        "rtsp://10.0.0.5/s?channel=1&subtype=0",
        f";touch${{IFS}}{planted}",
        f"$(touch${{IFS}}{planted})",
        f"$(shell>{planted})",
        f"`touch${{IFS}}{planted}`",
        "rtsp://u:pa$$w'o\"r\\d@10.0.0.5/*",
    ]
    given = [f"SOURCE={' '.join(sources)}", "SECONDS=7", f"VENV={tmp_path}"]

    done = subprocess.run(
        ["make", "-C", str(ROOT), "--no-print-directory", "demo", *given],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    assert done.stdout.splitlines() == ["demo", "--seconds", "7", *sources]
    assert not planted.exists()


def test_make_demo_alone_has_the_drawn_cameras_alone(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").touch()
    (tmp_path / "bin" / "sightline").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (tmp_path / "bin" / "sightline").chmod(0o755)
    (tmp_path / ".installed").touch()

    done = subprocess.run(
        ["make", "-C", str(ROOT), "--no-print-directory", "demo", f"VENV={tmp_path}"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout.splitlines(), done.stderr) == (["demo", "--seconds", "20"], "")
