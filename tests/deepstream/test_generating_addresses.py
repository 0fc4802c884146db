"""Logins in addresses, encoded once and never shown."""

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.deepstream.generated import GATE, instance, seen

from sightline.deepstream.document import Form
from sightline.deepstream.generating import Layout, SourceStyle, generate
from sightline.deepstream.generating.addresses import encoded, has_login, with_login, without
from sightline.errors import ConfigError

ODD = st.text(st.sampled_from("aZ9-._~@:/#;?, %&=+[]()'\"<>é日\U0001f600"), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ("rtsp://10.0.0.5/s", "rtsp://10.0.0.5/s"),
        ("rtsp://admin:123456a%40@172.21.111.101/main", "rtsp://admin:123456a%40@172.21.111.101/main"),
        ("rtsp://admin:p@ss@10.0.0.5/s", "rtsp://admin:p%40ss@10.0.0.5/s"),
        ("rtsp://admin:a:b@10.0.0.5:554/s", "rtsp://admin:a%3Ab@10.0.0.5:554/s"),
        ("rtsp://u:p/w#r?d@10.0.0.5/s", "rtsp://u:p%2Fw%23r%3Fd@10.0.0.5/s"),
        ("rtsp://u:a;b@10.0.0.5/s", "rtsp://u:a%3Bb@10.0.0.5/s"),
        ("rtsp://u:a,b@10.0.0.5/s", "rtsp://u:a%2Cb@10.0.0.5/s"),
        ("rtsp://u:two words@10.0.0.5/s", "rtsp://u:two%20words@10.0.0.5/s"),
        ("rtsp://ü:ß日@10.0.0.5/s", "rtsp://%C3%BC:%C3%9F%E6%97%A5@10.0.0.5/s"),
        ("rtsp://u:100%@10.0.0.5/s", "rtsp://u:100%25@10.0.0.5/s"),
        ("rtsp://u:%zz%41@10.0.0.5/s", "rtsp://u:%25zz%41@10.0.0.5/s"),
        ("rtsp://u@10.0.0.5/s", "rtsp://u@10.0.0.5/s"),
        ("rtsp://:p@10.0.0.5/s", "rtsp://:p@10.0.0.5/s"),
        ("rtsp://u:p@[fe80::1%25eth0]:554/s", "rtsp://u:p@[fe80::1%25eth0]:554/s"),
        ("rtsp://10.0.0.5:554/cam@home?x=a;b&y=1", "rtsp://10.0.0.5:554/cam@home?x=a;b&y=1"),
        ("rtsp://10.0.0.5/ö lane", "rtsp://10.0.0.5/%C3%B6%20lane"),
        ("file:///data/a b.mp4", "file:///data/a%20b.mp4"),
    ],
)
def test_an_address_is_encoded_once(given_: str, expected: str) -> None:
    assert encoded(given_) == expected
    assert encoded(expected) == expected


@given(ODD, ODD, st.sampled_from(["10.0.0.5", "cam.example:554", "[2001:db8::5]:8554"]))
@example("admin", "p@s/s#;? é%", "10.0.0.5")
def test_any_login_comes_back_from_its_address(user: str, password: str, host: str) -> None:
    address = with_login(f"rtsp://{host}/main?channel=1", user, password)
    parts = urlsplit(address)
    assert (unquote(parts.username or ""), unquote(parts.password or "")) == (user, password)
    assert encoded(address) == address
    assert has_login(address)
    assert not set(address) & set(' ;,#"<>é日')


@given(st.text(max_size=40))
def test_encoding_twice_is_encoding_once(rest: str) -> None:
    once = encoded(f"rtsp://{rest}")
    assert encoded(once) == once


def test_letters_that_a_file_gives_a_meaning_are_encoded_everywhere() -> None:
    assert without(",\n", "rtsp://h/a,b\n") == "rtsp://h/a%2Cb%0A"


@pytest.mark.parametrize("password", ["p%40ss", "a%3Bb", "%2F%23", "%C3%A9", "two%20words"])
def test_an_encoded_password_stands_in_every_kind_of_file_as_it_is(password: str) -> None:
    address = f"rtsp://admin:geheim{password}@10.0.0.5/main"
    said = instance({"camera_id": "gate", "address": address})
    assert seen(generate(said)["mot_app.txt"])["source0"]["uri"] == address
    assert address in generate(said, form=Form.YML).tables["sources.csv"].decode()
    listed = generate(said, layout=Layout(sources=SourceStyle.LIST))
    assert listed["mot_app.txt"].entry("source-list", "list").text == address  # type: ignore[union-attr]


def test_what_is_refused_and_what_is_shown_has_no_password() -> None:
    secret = "geheim-17"
    said = instance(
        {"camera_id": "gate", "address": f"rtsps://u:{secret}@10.0.0.5/main"},
        {"camera_id": "b", "address": f"rtsp://u:{secret}@h/{'x' * 1100}"},
    )
    shown = [repr(generate(said)), str(generate(said).notes), repr(said)]
    for style, form in ((SourceStyle.LIST, Form.TXT), (SourceStyle.GROUPS, Form.YML)):
        with pytest.raises(ConfigError) as refused:
            generate(said, form=form, layout=Layout(sources=style))
        shown += [str(refused.value), repr(refused.value)]
    assert not any(secret in each for each in shown)
    assert "camera 'gate'" in shown[3]


@pytest.mark.parametrize("form", Form)
def test_files_with_logins_are_known(form: Form) -> None:
    expected = {Form.TXT: {"mot_app.txt", "face_app.txt"}, Form.YML: {"sources.csv", "face_app.txt"}}
    assert generate(instance(GATE), form=form).secret == expected[form]
    assert generate(instance({**GATE, "address": "rtsp://10.0.0.5/s"}), form=form).secret == frozenset()
