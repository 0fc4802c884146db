"""An application behind its guard, told of requests as a server would: what it sees, and what others get."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, MutableMapping
from typing import Any, NamedTuple

import pytest

from sightline.pages import guarded
from sightline.pages.guard import Guard
from sightline.pages.guarded import SECURITY, Guarded, Receive, Scope, Send, Wording, as_line

Message = MutableMapping[str, Any]
END: Message = {"type": "http.request", "body": b"", "more_body": False}
GONE: Message = {"type": "http.disconnect"}


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: str


async def echo(_scope: Scope, receive: Receive, send: Send) -> None:
    """Answers what came with the request, and whether it all came at once."""
    got = await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-own", b"yes")]})
    await send({"type": "http.response.body", "body": got["body"] + str(got["more_body"]).encode()})
    assert (await receive())["type"] == "http.disconnect"


def ask(
    messages: Iterable[Message],
    *headers: tuple[str, str],
    guard: Guard | None = None,
    most_body: int = 10,
    wording: Wording = as_line,
) -> Answer | None:
    """What is answered; None: nothing."""
    answers: list[Message] = []

    async def told() -> AsyncGenerator[Message, None]:
        for message in messages:
            yield message
        await asyncio.Event().wait()

    async def run() -> None:
        coming = told()

        async def send(message: Message) -> None:
            answers.append(message)

        named = [(name.encode(), value.encode()) for name, value in (("host", "localhost"), *headers)]
        scope = {"type": "http", "path": "/", "query_string": b"", "headers": named}
        app = Guarded(echo, guard or Guard("127.0.0.1"), most_body=most_body, wording=wording)
        await app(scope, coming.__anext__, send)
        await coming.aclose()

    asyncio.run(run())
    if not answers:
        return None
    start, body = answers
    return Answer(
        start["status"],
        {name.decode(): value.decode() for name, value in start["headers"]},
        body["body"].decode(),
    )


def part(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def test_the_application_has_the_whole_body_and_hears_when_its_asker_goes() -> None:
    answer = ask([part(b"abc"), part(b"defg"), part(b"hij", more=False), GONE])
    assert answer is not None
    assert (answer.status, answer.body) == (200, "abcdefghijFalse")
    assert answer.headers == {"x-own": "yes", **SECURITY}


@pytest.mark.parametrize("parts", [[b"abcdefghijk"], [b"abcdefghij", b"k"], [b""] * 50 + [b"a" * 11]])
def test_more_than_it_takes_is_refused_wherever_it_is_cut(parts: list[bytes]) -> None:
    answer = ask(map(part, parts))
    assert answer is not None
    assert (answer.status, answer.body) == (413, "expected at most 10 bytes with a request\n")


def test_a_page_takes_nothing_unless_it_says_so() -> None:
    nothing, something = [END, GONE], [part(b"a", more=False)]
    for messages, status in ((nothing, 200), (something, 413)):
        answer = ask(messages, most_body=0)
        assert answer is not None
        assert answer.status == status


def test_a_body_whose_end_does_not_come_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded, "BODY_S", 0.01)
    answer = ask([part(b"abc")])
    assert answer is not None
    assert (answer.status, answer.body) == (408, "the rest did not come within 0.01 s\n")


def test_who_goes_before_the_end_gets_no_answer() -> None:
    assert ask([part(b"abc"), GONE]) is None


@pytest.mark.parametrize(
    ("headers", "status"), [([("origin", "http://evil.example")], 403), ([("host", "evil.example")], 400)]
)
def test_who_is_refused_gets_a_line_and_the_application_hears_nothing(
    headers: list[tuple[str, str]], status: int
) -> None:
    answer = ask([], *headers)
    assert answer is not None
    assert answer.status == status
    assert answer.body.endswith("\n")
    assert answer.headers == {
        "content-type": "text/plain; charset=utf-8",
        "content-length": str(len(answer.body)),
        **SECURITY,
    }


def test_a_missing_token_is_asked_for() -> None:
    answer = ask([], guard=Guard("127.0.0.1", "only-for-this-test"))
    assert answer is not None
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_refusal_may_be_worded_for_programs() -> None:
    answer = ask(
        [END],
        guard=Guard("127.0.0.1", "long-enough"),
        wording=lambda refusal: ("application/problem+json", b'{"status": %d}' % refusal.status),
    )
    assert answer is not None
    assert (answer.status, answer.body) == (401, '{"status": 401}')
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["content-length"] == "15"
    assert answer.headers["www-authenticate"] == "Bearer"


def test_nothing_but_requests_is_served() -> None:
    async def run() -> None:
        async def never() -> Message:
            raise AssertionError("asked for a message")

        async def said(message: Message) -> None:
            raise AssertionError(message)

        await Guarded(echo, Guard("127.0.0.1"))({"type": "websocket"}, never, said)

    asyncio.run(run())
