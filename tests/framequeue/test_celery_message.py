"""A key as a task: as Celery would have sent it."""

import msgspec
from tests.framequeue.working import frame

from sightline.framequeue.tasks.message import PROCESS, body_of, headers_of, lasting, text_of

TEXT = str(frame()[0])


def test_a_message_is_what_celery_makes() -> None:
    from celery import Celery  # noqa: PLC0415

    theirs = Celery(set_as_current=False).amqp.as_task_v2(TEXT, PROCESS, args=(TEXT,))
    ours = headers_of(TEXT)
    unset = {"shadow", "group_index", "replaced_task_nesting", "stamped_headers", "stamps"}
    assert theirs.headers.keys() - ours.keys() == unset
    assert {name: theirs.headers[name] for name in ours if name != "origin"} == {
        name: value for name, value in ours.items() if name != "origin"
    }
    assert msgspec.json.decode(body_of(TEXT)) == msgspec.json.decode(msgspec.json.encode(theirs.body))


def test_no_frame_is_within_a_message() -> None:
    assert len(body_of(TEXT)) < len(TEXT) + 100


def test_the_key_is_found_again() -> None:
    assert text_of(body_of(TEXT)) == TEXT


def test_what_is_no_task_has_no_key() -> None:
    for body in (b"", b"\xff", b"{}", b"[]", b"[[]]", b"[[1]]", b'[["a", "b"], {}]', b'"a"', b"7"):
        assert text_of(body) is None, body


def test_what_a_broker_said_of_one_hand_over_is_not_said_of_the_next() -> None:
    headers = {**headers_of(TEXT), "x-death": [], "x-delivery-count": 2, "sightline-reason": "old"}
    assert lasting(headers).keys() == headers_of(TEXT).keys()
