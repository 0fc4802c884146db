"""No secret gets out: planted ones are searched for in all that is written."""

import copy
import io
import json
import logging
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.log import HIDDEN, Redactor, Repeated, configure, get_logger, hide_secret, redact
from sightline.testing import ManualClock

PLANTED = [
    "s3cr3t-pass",
    "p@ss:w/rd#1%",
    'quo"te\\back',
    "pass word",
    "пароль",
    "a?b&c=d",
    "**/..//",
    "é{}[]",
]


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)


def written(as_json: bool, write: Any) -> str:
    stream = io.StringIO()
    configure("debug", as_json=as_json, stream=stream)
    write()
    return stream.getvalue()


@pytest.mark.parametrize("secret", PLANTED)
@pytest.mark.parametrize("as_json", [False, True])
def test_a_planted_secret_is_in_no_line(secret: str, as_json: bool) -> None:
    hide_secret(secret)

    def write() -> None:
        log = get_logger("sightline.test")
        log.info("opening", url=f"rtsp://viewer:{secret}@10.0.0.5/stream1", other=[{"deep": (secret,)}])
        log.warning("refused %s", secret)
        logging.getLogger("some.library").error("with %r", {"x": secret})
        try:
            raise ValueError(f"cannot use {secret!r}")
        except ValueError:
            log.exception("failed")

    text = written(as_json, write)
    assert text.count("\n") >= 4
    for form in (secret, repr(secret)[1:-1], json.dumps(secret)[1:-1]):
        assert form not in text
    assert "10.0.0.5/stream1" in text


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("rtsp://user:pw@10.0.0.5/s1", "rtsp://***@10.0.0.5/s1"),
        ("open 'rtsp://u:p@ss@h/1' failed", "open 'rtsp://***@h/1' failed"),
        ("http://admin@h:80/x", "http://***@h:80/x"),
        ("rtsp://10.0.0.5/s1 by a@b.example", "rtsp://10.0.0.5/s1 by a@b.example"),
        ("GET /x?token=abc&n=1", "GET /x?token=***&n=1"),
        ("GET /first?code=abc-D_e", "GET /first?code=***"),
        ("cookie: a=1; sightline_session=abc; b=2", "cookie: a=1; sightline_session=***; b=2"),
        ("asked by slt_0a1b2c3d4e5f.abc-D_e, twice", "asked by slt_***, twice"),
        ("password: hunter2, n", "password: ***, n"),
        ('{"password": "hun\\"ter2", "n": 1}', '{"password": "***", "n": 1}'),
        ("sasl_password = 'a b'", "sasl_password = '***'"),
        ("Authorization: Basic dXNlcjpwdw==", "Authorization: ***"),
        ("the tokenizer=on, passing=3", "the tokenizer=on, passing=3"),
        ("http://h/v?pw=abc&user_pw=x&n=1", "http://h/v?pw=***&user_pw=***&n=1"),
        ("http://h/v?auth=YWJj&n=1 auth: x", "http://h/v?auth=***&n=1 auth: ***"),
        ("http://h/v?key=abc&n=1&key=d", "http://h/v?key=***&n=1&key=***"),
        ("pwm=1, author=me, oauthor: x", "pwm=1, author=me, oauthor: x"),
        ("key=gate/1 keyframe=True", "key=gate/1 keyframe=True"),
        ("http://h/v?keyframe=1&monkey=2&key_frames=3", "http://h/v?keyframe=1&monkey=2&key_frames=3"),
    ],
)
def test_what_looks_like_a_secret_is_hidden_and_the_rest_is_kept(text: str, safe: str) -> None:
    assert redact(text) == safe


@pytest.mark.parametrize("word", ["a.", "a-", "a://", "password", "auth-", "token="])
def test_a_long_word_takes_no_more_than_its_length(word: str) -> None:
    begun_s = time.process_time()
    redact("x@ " + word * (16_384 // len(word)))
    assert time.process_time() - begun_s < 1.0


def test_a_secret_field_is_hidden_by_its_name() -> None:
    shown = Redactor().value({"camera": "gate", "password": "plainword", "nested": {"api_key": 5, "n": 1}})
    assert shown == {"camera": "gate", "password": HIDDEN, "nested": {"api_key": HIDDEN, "n": 1}}


@pytest.mark.parametrize("as_json", [False, True])
def test_an_object_is_shown_without_the_secret_in_its_text(as_json: bool) -> None:
    class Camera:
        def __repr__(self) -> str:
            return "Camera(rtsp://u:hunter2@h/x)"

    def write() -> None:
        error = OSError("rtsp://u:hunter2@h/x")
        get_logger("sightline.test").warning("lost", error=error, of=[Camera()])

    text = written(as_json, write)
    assert "hunter2" not in text
    assert "OSError: rtsp://***@h/x" in text
    assert "Camera(rtsp://***@h/x)" in text


def test_values_that_are_no_text_stay_as_they_are() -> None:
    plain = [0, 1.5, True, False, None]
    shown = Redactor().value(plain)
    assert shown == plain
    assert [type(value) for value in shown] == [type(value) for value in plain]


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("whole", [False, True], ids=["exception", "triple"])
def test_an_exception_that_is_handed_over_keeps_its_traceback(as_json: bool, whole: bool) -> None:
    def fail() -> None:
        raise ValueError("rtsp://u:hunter2@h/x")

    with pytest.raises(ValueError, match="rtsp") as raised:
        fail()
    caught = raised.value
    given = (type(caught), caught, caught.__traceback__) if whole else caught

    def write() -> None:
        get_logger("sightline.test").error("ours", exc_info=given)
        logging.getLogger("some.library").error("theirs", exc_info=given)

    text = written(as_json, write)
    assert text.count("in fail") == 2
    assert "hunter2" not in text


def test_a_very_short_secret_is_hidden_only_where_it_stands_alone() -> None:
    redactor = Redactor()
    redactor.hide("1")
    assert redactor.text("with 1 at 11:01, pid=1") == f"with {HIDDEN} at 11:01, pid={HIDDEN}"


def test_an_empty_secret_hides_nothing() -> None:
    redactor = Redactor()
    redactor.hide("")
    assert redactor.text("as it was") == "as it was"


@given(st.text(min_size=4, max_size=30), st.text(max_size=20), st.text(max_size=20))
def test_no_text_shows_a_secret_that_was_told(secret: str, before: str, after: str) -> None:
    redactor = Redactor()
    redactor.hide(secret)
    shown = redactor.text(f"{before}{secret}{after}")
    if secret not in f"{HIDDEN}{before}{HIDDEN}{after}{HIDDEN}":
        assert secret not in shown


def test_json_lines_stay_json() -> None:
    def write() -> None:
        get_logger("sightline.test").info(
            "x", password="p", headers={"Authorization": "Basic abc"}, text='token="a b" x', n=1
        )

    line = json.loads(written(True, write))
    assert line["password"] == HIDDEN
    assert line["headers"] == {"Authorization": HIDDEN}
    assert (line["event"], line["level"], line["logger"], line["n"]) == ("x", "info", "sightline.test", 1)


def test_a_library_that_does_not_configure_is_left_alone() -> None:
    before = logging.getLogger().handlers[:]
    get_logger("sightline.test")
    assert logging.getLogger().handlers == before


def test_what_says_nothing_imports_nothing_for_it() -> None:
    code = """
import sys
from sightline.log import configure, get_logger
configure("warning")
log = get_logger("sightline.test")
log.info("quiet")
said = ["structlog" in sys.modules]
log.warning("loud")
print(*said, "structlog" in sys.modules)
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "False True\n"
    assert "loud" in shown.stderr


def test_a_logger_can_be_copied() -> None:
    assert copy.deepcopy(get_logger("sightline.test")).info("x") is None


@pytest.mark.parametrize("as_json", [False, True])
def test_a_line_of_another_process_has_its_name(as_json: bool) -> None:
    def write() -> None:
        for process in ("MainProcess", "worker-people"):
            record = logging.makeLogRecord({"name": "a", "levelname": "INFO", "levelno": 20, "msg": "hello"})
            record.processName = process
            logging.getLogger("a").handle(record)

    own, others = written(as_json, write).splitlines()
    assert "MainProcess" not in own
    assert ('"process": "worker-people"' if as_json else "process=worker-people") in others


def test_levels_below_the_asked_one_are_not_written() -> None:
    stream = io.StringIO()
    configure("warning", stream=stream)
    get_logger("sightline.test").info("quiet")
    get_logger("sightline.test").warning("loud")
    assert "quiet" not in stream.getvalue()
    assert "loud" in stream.getvalue()


def test_a_traceback_is_shown_once() -> None:
    def write() -> None:
        try:
            raise ValueError("the cause")
        except ValueError:
            assert "the cause" in traceback.format_exc()
            get_logger("sightline.test").exception("failed")

    assert written(False, write).count("Traceback") == 1


def test_what_repeats_at_camera_rate_is_one_line_a_second() -> None:
    clock = ManualClock()
    stream = io.StringIO()
    configure("info", as_json=True, stream=stream)
    repeated = Repeated(get_logger("sightline.test"), "packet refused", clock=clock)
    for index in range(100):
        repeated.add(index=index)
        clock.move(0.04)
    repeated.flush()
    repeated.flush()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["times"] for line in lines] == [1, 25, 25, 25, 24]
    assert lines[-1]["index"] == 99


def test_used_as_a_library_it_says_warnings_alone_and_no_secret() -> None:
    code = """
from sightline.log import get_logger, hide_secret
hide_secret("s3cr3t-pass")
log = get_logger("sightline.test")
log.info("quiet")
log.warning("refused %s", "s3cr3t-pass", url="rtsp://u:p@h/1", password="word")
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == ""
    assert shown.stderr == "refused *** url='rtsp://***@h/1' password='***'\n"


def test_a_finalizer_may_count_one_more_while_others_are_told() -> None:
    """It runs in the middle of whatever its thread is doing."""
    told: list[int] = []

    class Logger:
        def warning(self, _event: str, *, times: int, number: int) -> None:
            told.append(times)
            if number < 3:
                repeated.add(number=number + 1)
                repeated.flush()

    repeated = Repeated(Logger(), "lost")  # type: ignore[arg-type]
    thread = threading.Thread(target=repeated.add, kwargs={"number": 1}, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    assert told == [1, 1, 1]


def test_of_a_camera_that_is_looked_at_closely_everything_is_shown_and_of_others_not() -> None:
    stream = io.StringIO()
    ours = logging.getLogger("sightline")
    before = ours.level
    configure("warning", as_json=True, stream=stream, cameras={"gate"})
    try:
        log = get_logger("sightline.test")
        log.debug("figures", camera="gate", url="rtsp://viewer:kX9@10.0.0.5/main")
        log.debug("figures", camera="yard")
        log.info("of no camera")
        logging.getLogger("some.library").debug("gate")
        log.warning("of no camera, and important")
    finally:
        ours.setLevel(before)
    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(one["event"], one.get("camera")) for one in told] == [
        ("figures", "gate"),
        ("of no camera, and important", None),
    ]
    assert "kX9" not in stream.getvalue()
