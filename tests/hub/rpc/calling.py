"""A dispatcher with a wire of one's own: calls go in as frames, answers come out read."""

from collections.abc import Callable
from typing import Any

from sightline.clock import ns
from sightline.errors import CallError
from sightline.hub.rpc import Dispatcher, find_served
from sightline.hub.rpc.messages import Out, call_frame, error_of, value_of
from sightline.hub.wire.header import Frame, Head, Kind

MOST_BYTES = 1 << 16


def frame_of(out: Out) -> Frame:
    head, pieces = out
    return Frame(Head.unpacked(head.packed()), b"".join(pieces))


class Wire:
    """`answers`: by call number, the value or the error, in the order in which they came."""

    def __init__(self, service: object, *, most: int = 100) -> None:
        self.answers: dict[int, list[Any]] = {}
        self.dispatcher = Dispatcher(find_served(service), self._sent, most=most, most_bytes=MOST_BYTES)
        self._number = 0

    def call(self, method: str, *args: Any, left_s: float = 0.0, **kwargs: Any) -> int:
        """Gives the call's number."""
        self._number += 1
        made = call_frame(1, self._number, method, args, kwargs, left_ns=ns(left_s), most_bytes=1 << 20)
        self.dispatcher.call(frame_of(made))
        return self._number

    def error(self, number: int) -> CallError:
        (error,) = self.answers[number]
        assert isinstance(error, CallError)
        return error

    def answered(self, *numbers: int) -> Callable[[], bool]:
        return lambda: all(number in self.answers for number in numbers)

    def _sent(self, out: Out) -> None:
        frame = frame_of(out)
        answer = (
            value_of(frame, most_bytes=MOST_BYTES)
            if frame.head.kind == Kind.REPLY
            else error_of(frame, "other")
        )
        self.answers.setdefault(frame.head.seq, []).append(answer)
