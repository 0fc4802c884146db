"""URLs as people write them."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.capture import CameraInput, Kind
from sightline.capture.address import host, kind, take_credentials, with_credentials
from sightline.errors import ConfigError
from sightline.log import redact


@pytest.mark.parametrize(
    ("url", "clean", "username", "password"),
    [
        ("rtsp://10.0.0.5/s", "rtsp://10.0.0.5/s", None, None),
        ("rtsp://u@10.0.0.5/s", "rtsp://10.0.0.5/s", "u", None),
        ("rtsp://u:p@10.0.0.5:554/s", "rtsp://10.0.0.5:554/s", "u", "p"),
        ("rtsp://u:p%40ss@host/s", "rtsp://host/s", "u", "p@ss"),
        ("rtsp://u:p@ss@host/s", "rtsp://host/s", "u", "p@ss"),
        ("rtsp://u:p:q@host/s", "rtsp://host/s", "u", "p:q"),
        ("rtsp://u:p/w@host/s", "rtsp://host/s", "u", "p/w"),
        ("rtsp://u:p#w@host:8554", "rtsp://host:8554", "u", "p#w"),
        ("rtsp://u:100%@host/s", "rtsp://host/s", "u", "100%"),
        ("rtsp://u:p@ss/w#rd? 1%@10.0.0.5/s", "rtsp://10.0.0.5/s", "u", "p@ss/w#rd? 1%"),
        ("rtsp://u:p@ss/w@camera.local:554/s", "rtsp://camera.local:554/s", "u", "p@ss/w"),
        ("rtsp://u:pässwörd@host/s", "rtsp://host/s", "u", "pässwörd"),
        ("rtsp://u:p@[fe80::1]:554/s", "rtsp://[fe80::1]:554/s", "u", "p"),
        ("rtsp://u:22#/x@10.0.0.5/s", "rtsp://10.0.0.5/s", "u", "22#/x"),
        # An @ in the path or in the query is none before a host.
        ("rtsp://u:p@host/stream@2", "rtsp://host/stream@2", "u", "p"),
        ("http://host:8080/v?user=me@example.com", "http://host:8080/v?user=me@example.com", None, None),
        ("http://u:p@host/v?user=me@example.com", "http://host/v?user=me@example.com", "u", "p"),
        (
            "http://h:1984/v?src=rtsp://u:p@10.0.0.5/s",
            "http://h:1984/v?src=rtsp://u:p@10.0.0.5/s",
            None,
            None,
        ),
        ("http://a:b@h/v?src=rtsp://u:p@10.0.0.5/s", "http://h/v?src=rtsp://u:p@10.0.0.5/s", "a", "b"),
        ("http://10.0.0.9:8080/@name/stream", "http://10.0.0.9:8080/@name/stream", None, None),
        ("http://u:p@10.0.0.9/@name/stream", "http://10.0.0.9/@name/stream", "u", "p"),
        ("http://u:22/x@10.0.0.9/@name/stream", "http://10.0.0.9/@name/stream", "u", "22/x"),
        ("rtsp://u:p@ss/w@camera/s", "rtsp://camera/s", "u", "p@ss/w"),
        ("clips/a@b.mp4", "clips/a@b.mp4", None, None),
    ],
)
def test_credentials_are_found(url: str, clean: str, username: str | None, password: str | None) -> None:
    assert take_credentials(url) == (clean, username, password)


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(username=ANY_TEXT.filter(lambda text: ":" not in text), password=ANY_TEXT)
def test_any_credentials_travel_encoded_and_come_back(username: str, password: str) -> None:
    full = with_credentials("rtsp://10.0.0.5:8554/s?x=1", username, password)
    assert urlsplit(full).hostname == "10.0.0.5"
    assert take_credentials(full) == ("rtsp://10.0.0.5:8554/s?x=1", username, password)


@given(password=st.text("@:/#%? abc&=+", min_size=1).filter(lambda text: "://" not in text))
def test_a_raw_password_is_found_before_an_ip_address(password: str) -> None:
    found = take_credentials(f"rtsp://user:{password}@10.0.0.5:554/stream")
    assert found.url == "rtsp://10.0.0.5:554/stream"
    assert found.username == "user"


# Long and strange: every password that a camera is given is hidden in all texts of this process.
@pytest.mark.parametrize(
    "password", ["Qx@7:w/3#9%k?z", "@@@Qx7w@@@", "22#//Qx7w//%41", "Qx 7w  9k", "Qx7wü9k日本"]
)
def test_no_password_is_in_the_repr_or_the_url(password: str) -> None:
    for camera in (
        CameraInput(camera_id="c", url=f"rtsp://u:{password}@10.0.0.5/s"),
        CameraInput(camera_id="c", url="rtsp://10.0.0.5/s", username="u", password=password),
    ):
        assert camera.url == "rtsp://10.0.0.5/s"
        assert "password" not in repr(camera)
        assert repr(camera).count("u'") == 1


def test_a_password_in_a_field_wins_over_one_in_the_url() -> None:
    camera = CameraInput(camera_id="c", url="rtsp://u:Qx7-old@h/s", username="u", password="Qx7-new")
    assert camera.full_url == "rtsp://u:Qx7-new@h/s"


def test_the_redactor_knows_the_password_once_it_was_given() -> None:
    CameraInput(camera_id="c", url="rtsp://h/s", username="u", password="Tulip/7@x")
    assert "Tulip" not in redact("it said Tulip/7@x, and Tulip%2F7%40x")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("rtsp://h/s", Kind.CAMERA),
        ("RTSPS://h/s", Kind.CAMERA),
        ("https://h/s.mp4", Kind.WEB),
        ("clips/a.mp4", Kind.FILE),
        ("file:///clips/a.mp4", Kind.FILE),
        ("/dev/video0", Kind.DEVICE),
        ("v4l2:///dev/video1", Kind.DEVICE),
        ("synthetic://street", Kind.SYNTHETIC),
    ],
)
def test_the_kind_of_a_source_is_in_its_url(url: str, expected: Kind) -> None:
    assert kind(url) is expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("rtsp://u:Qx@7w/3@10.0.0.5:554/s", "10.0.0.5"),
        ("rtsp://u:p[x@camera.local/s", "camera.local"),
        ("rtsp://[fe80::1]:554/s", "[fe80::1]"),
        ("rtsp://[fe80/s", None),
        ("file:///clips/a.mp4", None),
        ("clips/a.mp4", None),
    ],
)
def test_the_host_is_what_follows_the_credentials(url: str, expected: str | None) -> None:
    assert host(url) == expected


def test_an_unknown_scheme_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ConfigError, match=r"rtsp://.*got the scheme gopher://"):
        CameraInput(camera_id="c", url="gopher://u:secret@h/s")


@pytest.mark.parametrize(
    "wrong",
    [
        {"camera_id": ""},
        {"url": ""},
        {"username": "a:b"},
        {"password": "Qx7w-9k"},
        {"transport": "pigeon"},
        {"stall_after_s": 0},
        {"read_timeout_s": -1},
        {"open_timeout_s": float("nan")},
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="expected"):
        CameraInput(**{"camera_id": "c", "url": "rtsp://h/s", **wrong})  # type: ignore[arg-type]
