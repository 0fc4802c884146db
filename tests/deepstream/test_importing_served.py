"""Programs whose sources nvmultiurisrcbin opens: their lists of addresses become cameras."""

from pathlib import Path

import pytest

from sightline.deepstream.importing.site import import_file

BOTH_LISTS = """\
server-app-ctx:
  uri_list: file:///of-the-program.mp4
multiurisrcbin:
  uri-list: file:///of-the-element.mp4
sink:
  sync: 1
"""


def urls(folder: Path, text: str) -> list[str]:
    path = folder / "server.yml"
    path.write_text(text)
    return [camera["url"] for camera in import_file(path).site["cameras"].values()]


@pytest.mark.parametrize(
    "text",
    [
        "source:\n  uri-list: file:///a.mp4,rtsp://camera/1\n  port: 9010\n",
        "multiurisrcbin:\n  uri-list: file:///a.mp4, rtsp://camera/1\nsink:\n  sync: 1\n",
    ],
)
def test_each_address_of_a_list_is_a_camera(tmp_path: Path, text: str) -> None:
    assert urls(tmp_path, text) == ["/a.mp4", "rtsp://camera/1"]


@pytest.mark.parametrize(
    ("head", "name"),
    [
        ("rest-server:\n  within_multiurisrcbin: 1\n", "/of-the-element.mp4"),
        ("rest-server:\n  within_multiurisrcbin: 0\n", "/of-the-program.mp4"),
        ("", "/of-the-program.mp4"),
    ],
)
def test_the_list_of_the_one_that_serves_is_taken(tmp_path: Path, head: str, name: str) -> None:
    assert urls(tmp_path, head + BOTH_LISTS) == [name]
