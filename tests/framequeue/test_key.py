"""The key of a picture: one text for one key, whatever the camera is called."""

import random
import re
import string
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from sightline.errors import ConfigError, WireError
from sightline.framequeue.key import FORMATS, MAX_KEY_CHARS, FrameKey, checked_format
from sightline.packet import Identity

KEY = FrameKey(
    camera_id="front-door",
    epoch=1_788_999_990_000,
    index=250,
    captured_at_ms=1_789_000_000_123,
    width=1920,
    height=1080,
    size=183_245,
    format="jpeg",
)
TEXT = "frames:front-door:1789000000123:1788999990000:250:1920x1080:183245:jpeg"

ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=10)
letters = string.ascii_letters + string.digits
namespaces = st.builds(
    str.__add__, st.sampled_from(letters), st.text(st.sampled_from(letters + "._-"), max_size=31)
)
keys = st.builds(
    FrameKey,
    camera_id=ids,
    epoch=st.integers(0, 10**14 - 1),
    index=st.integers(0, 2**63 - 1),
    captured_at_ms=st.integers(0, 10**14 - 1),
    width=st.integers(1, 16384),
    height=st.integers(1, 16384),
    size=st.integers(1, 2**31 - 1),
    format=st.sampled_from(FORMATS),
    namespace=namespaces,
)


def test_a_key_reads_as_documented() -> None:
    assert str(KEY) == TEXT
    assert FrameKey.parse(TEXT) == KEY
    assert KEY.identity == Identity("front-door", 1_788_999_990_000, 250)
    assert KEY.captured_at == datetime(2026, 9, 10, 0, 26, 40, 123_000, tzinfo=UTC)
    assert KEY.captured_at_ns == 1_789_000_000_123_000_000


@given(keys)
def test_every_key_comes_back_from_its_text(key: FrameKey) -> None:
    assert FrameKey.parse(str(key)) == key


@given(keys)
@example(
    FrameKey(
        camera_id="x" * 128,
        epoch=10**14 - 1,
        index=2**63 - 1,
        captured_at_ms=10**14 - 1,
        width=16384,
        height=16384,
        size=2**31 - 1,
        format="jpeg",
        namespace="n" * 32,
    )
)
def test_a_text_is_safe_anywhere_and_bounded(key: FrameKey) -> None:
    text = str(key)
    assert re.fullmatch(r"[A-Za-z0-9._~%:-]+", text)
    assert not text.startswith((".", "-"))
    assert len(text) <= MAX_KEY_CHARS


@pytest.mark.parametrize(
    "camera_id",
    ["Tür", "入口", "a/b", "../..", "a:b", "a\nb", "100%", "%41", "a b", "\0", "*?[x]{y}", "🚪", "."],
)
def test_any_camera_may_be_named(camera_id: str) -> None:
    key = msgspec.structs.replace(KEY, camera_id=camera_id)
    assert FrameKey.parse(str(key)).camera_id == camera_id
    assert str(key).count(":") == 7
    assert "/" not in str(key)


@given(keys, keys)
def test_two_keys_have_two_texts(one: FrameKey, other: FrameKey) -> None:
    assume(one != other)
    assert str(one) != str(other)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.integers(0, 3)), unique=True))
def test_keys_sort_in_the_order_of_capture(identities: list[tuple[str, int, int]]) -> None:
    made = [
        msgspec.structs.replace(
            KEY, camera_id=camera, epoch=epoch, index=index, captured_at_ms=random.randrange(10**13)
        )
        for camera, epoch, index in identities
    ]
    assert [key.identity for key in sorted(made)] == sorted(identities)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("camera_id", ""),
        ("camera_id", "x" * 129),
        ("camera_id", "門" * 15),
        ("camera_id", "\ud800"),
        ("namespace", ""),
        ("namespace", ".hidden"),
        ("namespace", "a:b"),
        ("namespace", "n" * 33),
        ("epoch", -1),
        ("index", 2**63),
        ("captured_at_ms", -1),
        ("captured_at_ms", 10**14),
        ("width", 0),
        ("height", 16385),
        ("size", 0),
        ("size", 2**31),
        ("format", "bmp"),
    ],
)
def test_a_field_out_of_bounds_is_refused(field: str, value: object) -> None:
    with pytest.raises(ConfigError, match="expected"):
        msgspec.structs.replace(KEY, **{field: value})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "frames",
        TEXT + "\n",
        " " + TEXT,
        TEXT.replace(":250:", ":0250:"),
        TEXT.replace(":250:", ":+250:"),
        TEXT.replace(":250:", ":٢٥٠:"),
        TEXT.replace("front-door", "%66ront-door"),
        TEXT.replace("front-door", "t%c3%bcr"),
        TEXT.replace("front-door", "t%ZZr"),
        TEXT.replace("front-door", "t%FFr"),
        TEXT.replace("front-door", "front door"),
        TEXT.replace("front-door", ""),
        TEXT.replace("front-door", "Tür"),
        TEXT.replace("jpeg", "gif"),
        TEXT.replace("1920x1080", "1920x0"),
        TEXT.replace("1920x1080", "99999x99999"),
        TEXT + ":more",
        "x" * 10_000_000,
    ],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(WireError, match="expected a frame's key") as error:
        FrameKey.parse(text)
    assert len(str(error.value)) < 1000


@given(st.text() | st.from_regex(r"[a-z%]{0,9}(:[0-9x%a-z]{0,4}){5,9}"))
def test_text_of_any_kind_gives_a_key_or_a_wire_error(text: str) -> None:
    try:
        key = FrameKey.parse(text)
    except WireError:
        return
    assert str(key) == text


def test_a_format_is_checked_by_name() -> None:
    assert [checked_format(name) for name in FORMATS] == list(FORMATS)
    with pytest.raises(ConfigError, match="got 'gif'"):
        checked_format("gif")
