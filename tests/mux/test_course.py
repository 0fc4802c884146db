"""Whatever the units of messages meet with, each message leaves once, in order, and none waits for ever.

The decoder here is chance: of the packets that it was given, any become pictures, in any order, any are
dropped, and any are kept until it is flushed.
"""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sightline import Frame, Packet
from sightline.bus import Message
from sightline.codec import Decoder, DropReason
from sightline.mux.batch import Batcher
from sightline.mux.course import CHANGED, REPLACED, Course, Picture, Step, assembler_for
from sightline.mux.forward import MOST_MESSAGES, Answer
from sightline.mux.settings import CameraSettings
from sightline.wire import Headers, packet_to_message

IMAGE = np.zeros((2, 2, 3), np.uint8)
DECODER = Decoder().stats()
END: Headers = (("sightline.end", b""),)
MAX_WAIT_NS = 2_000_000_000
QUIET_NS = 5 * MAX_WAIT_NS
# Of H.264: a whole keyframe, the beginning of one, its rest, two pictures and a bit of the third.
_KEY = b"\0\0\0\1\x67\x42x\0\0\1\x68x\0\0\1\x65\x88x"
_P = b"\0\0\0\1\x41\x88x"
PIECES = [_KEY, _KEY[:20], _KEY[20:], _P + _P + _P[:4], _P[4:], b""]


def packet(index: int, *, keyframe: bool) -> Packet:
    return Packet(
        camera_id="a",
        epoch=1,
        index=index,
        data=b"%d" % index,
        codec="h264",
        keyframe=keyframe,
        pts=index,
        dts=index,
        time_base=Fraction(1, 25),
        captured_at_ns=0,
        captured_at_source="arrival",
    )


def picture_of(packet: Packet) -> Frame:
    return Frame(
        camera_id="a",
        epoch=packet.epoch,
        index=packet.index,
        pts=packet.pts,
        time_base=packet.time_base,
        captured_at_ns=0,
        captured_at_source="arrival",
        decoded_at_ns=0,
        image=IMAGE,
    )


class Camera(RuleBasedStateMachine):
    """A course, the batch beside it, and everybody else as chance has it."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = 0
        self.inside: list[Packet] = []
        self.step: Step | None = None
        self.messages: list[Message] = []
        self.left: list[Message] = []
        self.units = 0
        self.given: list[Picture] = []
        self.taken: dict[tuple[int, int], Headers] = {}

    @initialize(live=st.booleans())
    def begin(self, live: bool) -> None:
        self.course = Course(CameraSettings(camera_id="a", max_offset_diff=4 if live else None))
        self.batch: Batcher[Picture] = Batcher()
        self.batch.add("a", live=live)

    def enter(self, value: bytes, headers: Headers, lag: int = 0) -> None:
        message = Message("raw_a", value, None, headers, len(self.messages), 0)
        self.messages.append(message)
        self.course.enter([message], lag, self.now_ns)

    @rule(keyframe=st.booleans(), lag=st.integers(0, 3))
    def unit(self, keyframe: bool, lag: int) -> None:
        self.enter(*packet_to_message(packet(self.units, keyframe=keyframe)), lag)
        self.units += 1

    @precondition(lambda self: self.units)
    @rule(data=st.data())
    def unit_again(self, data: st.DataObject) -> None:
        back = data.draw(st.integers(1, min(self.units, 3)))
        self.enter(*packet_to_message(packet(self.units - back, keyframe=False)))

    @rule(headers=st.sampled_from([END, (("sightline", b"no header"),), ()]))
    def other_message(self, headers: Headers) -> None:
        self.enter(b"", headers)

    @rule(value=st.sampled_from(PIECES))
    def piece(self, value: bytes) -> None:
        self.enter(value, ())

    @rule()
    def gap(self) -> None:
        self.course.gap(self.now_ns)

    @rule()
    def decode_begins(self) -> None:
        if self.step is None and self.course.ready:
            self.step = self.course.next()
            assert self.step is not None

    @precondition(lambda self: self.step is not None)
    @rule(data=st.data())
    def decode_ends(self, data: st.DataObject) -> None:
        assert self.step is not None
        if self.step.waiter is not None:
            self.inside.append(self.step.waiter.packet)
            if not self.step.waiter.wanted:  # never becomes a picture, and no other reason is told
                self.inside.pop()
                self.settle([], [(self.step.waiter.packet, DropReason.UNWANTED)])
                return
        out = data.draw(st.permutations(self.inside))
        kept = 0 if self.step.waiter is None else data.draw(st.integers(0, len(out)))
        out = out[kept:]
        frames = data.draw(st.integers(0, len(out)))
        reasons = st.sampled_from([DropReason.CORRUPT, DropReason.SKIPPED, DropReason.RATE])
        self.settle(
            [picture_of(one) for one in out[:frames]], [(one, data.draw(reasons)) for one in out[frames:]]
        )

    def settle(self, frames: list[Frame], fallen: list[tuple[Packet, DropReason]]) -> None:
        fell, shown = {id(one) for one, _ in fallen}, {frame.identity for frame in frames}
        self.inside = [one for one in self.inside if id(one) not in fell and one.identity not in shown]
        self.step = None
        replaced = []
        for picture in self.course.decoded(frames, fallen, self.now_ns):
            replaced += self.batch.offer(picture, self.now_ns)
        self.course.gave_way(replaced, REPLACED)

    @rule()
    def take(self) -> None:
        for picture in self.batch.take(self.now_ns):
            self.course.delivered(picture, self.now_ns)
            self.given.append(picture)

    @precondition(lambda self: self.given)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        newest = self.given[-1]
        picture = data.draw(st.sampled_from([newest, *self.given[-3:]]))
        key, headers = (picture.epoch, picture.index), (("n", b"%d" % len(self.messages)),)
        outcome = self.course.answer(key, headers)
        if outcome is Answer.TAKEN:
            assert picture is newest
            assert key not in self.taken
            self.taken[key] = headers
        assert outcome is not Answer.UNKNOWN

    @rule(ns=st.sampled_from([0, MAX_WAIT_NS, QUIET_NS]))
    def wait(self, ns: int) -> None:
        self.now_ns += ns

    @rule()
    def forward(self) -> None:
        self.course.look_round(self.now_ns)
        for message, headers in self.course.release(self.now_ns):
            if headers is not None:
                key = (1, int(message.value)) if message.headers else (0, message.offset)
                assert self.taken.get(key) == headers
            self.left.append(message)

    @precondition(lambda self: self.step is None)
    @rule()
    def begin_anew(self) -> None:
        fallen, self.inside = [(one, DropReason.CLOSED) for one in self.inside], []
        self.course.decoded([], fallen, self.now_ns)
        self.course.gave_way(self.batch.remove("a"), CHANGED)
        self.course.begin_anew(assembler_for(self.course.settings), CHANGED)
        self.batch.add("a", live=self.course.live)

    @invariant()
    def counts_add_up(self) -> None:
        if not hasattr(self, "course"):
            return
        stats = self.course.stats(DECODER, self.now_ns)
        assert stats.balanced
        assert stats.forward.entered == len(self.messages)
        assert self.left == self.messages[: len(self.left)]

    def teardown(self) -> None:
        """Nothing comes any more; with or without somebody who takes pictures, all messages leave."""
        if not hasattr(self, "course"):
            return
        for _ in range(2 * len(self.messages) + 5):
            while self.step is not None or self.course.ready:
                if self.step is None:
                    self.step = self.course.next()
                assert self.step is not None
                if self.step.waiter is not None:
                    self.inside.append(self.step.waiter.packet)
                ends = self.step.waiter is None
                self.settle([picture_of(one) for one in self.inside] if ends else [], [])
            if not self.course.live:
                self.take()
            self.forward()
            due_ns = self.course.due_ns()
            self.now_ns = max(self.now_ns, due_ns or 0)
        assert self.left == self.messages
        assert self.course.due_ns() is None
        untaken = sum(isinstance(picture, Frame) for picture in self.batch.discard())
        assert self.course.live or not untaken
        assert self.course.stats(DECODER, self.now_ns).held == len(self.inside) + untaken


def test_a_packet_that_takes_long_to_decode_is_not_given_up() -> None:
    course = Course(CameraSettings(camera_id="a"))
    value, headers = packet_to_message(packet(0, keyframe=True))
    course.enter([Message("raw_a", value, None, headers, 0, 0)], 0, 0)
    assert course.next() is not None
    assert course.due_ns() is None
    course.look_round(9 * QUIET_NS)
    course.decoded([picture_of(packet(0, keyframe=True))], [], 9 * QUIET_NS)
    course.delivered(picture_of(packet(0, keyframe=True)), 9 * QUIET_NS)
    assert course.answer((1, 0), ()) is Answer.TAKEN


def test_a_unit_of_which_messages_were_lost_is_not_decoded() -> None:
    course = Course(CameraSettings(camera_id="a", framing="chunks"))
    pieces = [_KEY, _P, _P[:6]]
    messages = [Message("raw_a", value, None, (), offset, 0) for offset, value in enumerate(pieces)]
    course.enter(messages, 0, 0)
    course.gap(0)
    course.enter([Message("raw_a", _KEY + _P, None, (), 9, 0)], 0, 0)
    taken = []
    while (step := course.next()) is not None and step.waiter is not None:
        taken.append((step.waiter.packet.index, step.waiter.seam))
        course.decoded([], [(step.waiter.packet, DropReason.SKIPPED)], 0)
    assert taken == [(0, False), (1, False), (9, True)]
    assert [message.offset for message, _ in course.release(0)] == [0, 1, 2, 9]


def test_a_unit_that_begins_behind_the_end_is_had_out_too() -> None:
    course = Course(CameraSettings(camera_id="a", framing="chunks", max_offset_diff=None))
    course.enter([Message("raw_a", b"", None, END, 0, 0), Message("raw_a", _KEY, None, (), 1, 0)], 0, 0)
    assert course.next() is None
    course.look_round(QUIET_NS)
    step = course.next()
    assert step is not None
    assert step.waiter is not None
    assert step.waiter.packet.index == 1


@pytest.mark.parametrize("taken", [True, False])
def test_a_picture_of_a_full_line_is_had_out_and_may_be_taken_for_a_while(taken: bool) -> None:
    course = Course(CameraSettings(camera_id="a", max_offset_diff=4))
    value, headers = packet_to_message(packet(0, keyframe=True))
    rest = [Message("raw_a", b"", None, (), offset, 0) for offset in range(1, MOST_MESSAGES + 1)]
    course.enter([Message("raw_a", value, None, headers, 0, 0)], 0, 0)
    assert course.next() is not None
    course.decoded([], [], 0)  # the decoder keeps it
    course.enter(rest, 0, 0)
    assert course.due_ns() == 0
    course.look_round(0)
    assert course.next() == Step(None)
    course.decoded([picture_of(packet(0, keyframe=True))], [], 0)
    assert course.due_ns() == MAX_WAIT_NS
    course.look_round(0)
    assert course.release(0) == []
    if taken:
        course.delivered(picture_of(packet(0, keyframe=True)), 0)
        assert course.answer((1, 0), "seen") is Answer.TAKEN
    course.look_round(MAX_WAIT_NS)
    assert [result for _, result in course.release(MAX_WAIT_NS)] == [
        "seen" if taken else None,
        *[None] * len(rest),
    ]


TestWhateverComes = Camera.TestCase
TestWhateverComes.settings = settings(max_examples=200, stateful_step_count=60)
