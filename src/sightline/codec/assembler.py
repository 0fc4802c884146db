"""Messages of a log to packets, whoever wrote them.

Pure. With our header a message is its packet. Without it, messages hold H.264, H.265 or MJPEG, whole access
units or pieces of any size; what comes out are whole units, H.264 and H.265 in Annex B with parameter sets
before each keyframe, whatever form they came in. Such a packet is of epoch 0, and its index is the offset of
the message in which it *begins* (see `sightline.codec.units`). Of several that begin in one message the last
alone is `wanted`: only one can have that message's identity.

A message of which a whole unit is known to be, and that holds none, is a packet without bytes: its index does
not show that one is missing, and a decoder that is given it knows that it has to wait for a keyframe.

Whoever forwards messages learns at once whether a unit begins in one, and then hears of each such identity
exactly once: as a wanted packet, or among those `lost`.

Does not do: time stamps that the messages have not (a packet was captured when its message says), pictures in
lengths from the middle of a stream on (see `sightline.codec.lengths`).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple, get_args

import msgspec

from sightline.codec.forms import CODECS, LOOK_BACK, Form, find_form, form_of
from sightline.codec.lengths import read_record
from sightline.codec.nal import is_keyframe
from sightline.codec.parameters import ParameterSets
from sightline.codec.trial import Framing, Trial
from sightline.codec.units import MAX_UNIT_BYTES, Cut, Units
from sightline.errors import ConfigError, WireError
from sightline.packet import Identity, Packet
from sightline.wire import FOREIGN_TIME_BASE, HEADER, Headers, packet_from_message


class AssembledPacket(NamedTuple):
    """A packet, and whether its picture is to be given out: `Decoder.feed(packet, wanted=wanted)`."""

    packet: Packet
    wanted: bool


class Assembled(NamedTuple):
    """What came of a message.

    Attributes:
        identity: of the access unit that begins in it; None where none does. Where several begin, the last.
        packets: complete now, in order.
        lost: identities told before, or this one, of which no packet will come.
    """

    identity: Identity | None
    packets: list[AssembledPacket]
    lost: list[Identity]

    @property
    def begins(self) -> bool:
        """Whether an access unit begins in the message."""
        return self.identity is not None


class AssemblerStats(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of one camera's messages and units.

    Attributes:
        messages: fed.
        malformed: of them, those whose header of ours is not one.
        strays: of them, those that hold nothing of any unit that can be read.
        begun: units that began.
        packets: given out; `unwanted` among them because another began in the same message.
        lost: units that were too large, broke off in lengths, or with messages that were lost.
        held: units that have begun and not ended, 0 or 1: begun = packets + lost + held.
        cut: times that messages which had held whole units went on to hold pieces.
        codec: of messages without our header; None where not known yet.
        whole: whether such a message ends its unit.
    """

    messages: int
    malformed: int
    strays: int
    begun: int
    packets: int
    unwanted: int
    lost: int
    held: int
    cut: int
    codec: str | None
    whole: bool

    @property
    def balanced(self) -> bool:
        """Whether the counts add up; they do in any snapshot."""
        return self.begun == self.packets + self.lost + self.held


class _Origin(NamedTuple):
    """The message in which a unit began."""

    offset: int
    timestamp_ns: int


@dataclass
class _Counts:
    messages: int = 0
    malformed: int = 0
    strays: int = 0
    begun: int = 0
    packets: int = 0
    unwanted: int = 0
    lost: int = 0


class Assembler:
    """Packets of one camera. One thread at a time.

    Args:
        camera_id: what the packets' is to be, also of those that say another.
        codec: `h264`, `hevc` or `mjpeg` of messages without our header; None: found out, from the first
            parameter sets, delimiter or JPEG on.
        framing: how such messages hold access units.
        extradata: parameter sets that the stream lacks: an avcC or hvcC record, or NAL units in Annex B. Such
            a record may also come as a message of its own.

    Raises:
        ConfigError: the codec or the framing is none of these, or `extradata` is not of the codec.
    """

    def __init__(
        self,
        camera_id: str,
        *,
        codec: str | None = None,
        framing: Framing = "auto",
        extradata: bytes | None = None,
    ) -> None:
        if codec is not None and codec not in CODECS:
            raise ConfigError(f"expected codec to be one of {', '.join(CODECS)}, got {codec!r}")
        if framing not in get_args(Framing):
            raise ConfigError(
                f"expected framing to be one of {', '.join(get_args(Framing))}, got {framing!r}"
            )
        self._camera_id = camera_id
        self._codec = codec
        self._framing = framing
        self._trial = Trial(framing)
        self._form: Form | None = None
        self._units: Units | None = None
        self._sets = ParameterSets("")
        self._begun: deque[_Origin] = deque()  # units that have not ended
        self._tail = b""  # of the message before: a form is looked for across both; or sets without a picture
        self._counts = _Counts()
        if codec is not None:
            self._take(Form(codec))
        if extradata is not None:
            self._take_extradata(extradata)

    def feed(self, value: bytes, headers: Headers, offset: int, timestamp_ns: int) -> Assembled:
        """Takes the next message of the camera's topic: its value, headers, offset and UTC time in ns."""
        self._counts.messages += 1
        here = _Origin(offset, timestamp_ns)
        if any(name == HEADER for name, _ in headers):
            return self._ours(value, headers, here)
        made = Assembled(None, [], [])
        form = form_of(value)
        if form is not None and form != self._form and self._codec in {None, form.codec}:
            self._end_all(made)
            self._take(form)
        record = read_record(value)
        if record is not None and self._form == Form(record.codec, record.length_bytes):
            self._sets = ParameterSets(record.codec, record.sets)
            return made
        return self._foreign(value, here, made)

    def flush(self) -> Assembled:
        """What is held, as at the end of the topic or after a long silence: what was to go on is cut."""
        made = Assembled(None, [], [])
        self._end_all(made)
        return made

    def break_off(self) -> Assembled:
        """Where messages were lost: with what was in them the unit that has not ended is lost."""
        made = Assembled(None, [], [])
        while self._begun:
            self._lose(self._begun.popleft(), made, wanted=True)
        self._units, self._tail = None if self._form is None else self._form.units(), b""
        return made

    def stats(self) -> AssemblerStats:
        """The counts."""
        return AssemblerStats(
            **vars(self._counts),
            held=len(self._begun),
            cut=self._trial.cut,
            codec=None if self._form is None else self._form.codec,
            whole=self._trial.whole,
        )

    def _take(self, form: Form) -> None:
        if self._form is None or form.codec != self._form.codec:
            self._sets = ParameterSets(form.codec)
        self._form, self._units, self._tail = form, form.units(), b""

    def _take_extradata(self, extradata: bytes) -> None:
        record = read_record(extradata)
        form = form_of(extradata)
        if form is None or self._codec not in {None, form.codec}:
            raise ConfigError(
                f"expected extradata to be an avcC or hvcC record of {self._codec or 'H.264 or H.265'}, "
                f"got {extradata[:8].hex(' ')}..."
            )
        self._take(form)
        self._sets = ParameterSets(form.codec, extradata if record is None else record.sets)

    def _ours(self, value: bytes, headers: Headers, here: _Origin) -> Assembled:
        made = Assembled(None, [], [])
        try:
            packet = packet_from_message(
                value, headers, camera_id=self._camera_id, offset=here.offset, timestamp_ns=here.timestamp_ns
            )
        except WireError:
            self._counts.malformed += 1
            return made
        if packet.camera_id != self._camera_id:
            packet = msgspec.structs.replace(packet, camera_id=self._camera_id)
        if self._begun:
            self._end_all(made)
        self._counts.begun += 1
        self._give(packet, made, wanted=True)
        return made._replace(identity=packet.identity)

    def _foreign(self, value: bytes, here: _Origin, made: Assembled) -> Assembled:
        value = self._from_the_first(value)
        if self._units is None:
            self._counts.strays += 1
            return made
        goes_on = self._units.open and not self._units.coded
        cut = self._whole(value) if self._framing == "whole" else self._units.feed(value)
        if self._trial.whole and not (cut.begun or goes_on) and self._is_damaged(value):
            cut = Cut([b""], 1, aligned=False)
        self._counts.begun += cut.begun
        self._counts.strays += not cut.begun and not self._begun
        self._begun += [here] * cut.begun
        keyframe = self._end(cut.ended, here, made)
        self._trial.see(cut, goes_on=goes_on, keyframe=keyframe)
        if self._trial.whole and (unit := self._units.end()) is not None:
            self._end([unit], here, made)
        return made._replace(identity=self._identity(here)) if cut.begun else made

    def _from_the_first(self, value: bytes) -> bytes:
        """`value` from the beginning of the first form that is found in it on, where none was known."""
        if self._units is not None:
            return value
        seen = self._tail + value
        found = find_form(seen)
        self._tail = seen[-LOOK_BACK:]
        if found is None:
            return value
        form, at = found
        self._take(form)
        return seen[at:]

    def _whole(self, value: bytes) -> Cut:
        """A message that is one unit, whatever it holds; without a picture it goes with the next."""
        assert self._form is not None
        units, seen = self._form.units(), self._tail + value
        cut = units.feed(seen)
        ended = [*cut.ended, units.end()]
        pictures = [unit for unit in ended if unit is not None]
        self._tail = seen if units.open and not pictures and len(seen) <= MAX_UNIT_BYTES else b""
        return Cut([b"".join(pictures)], 1, aligned=True) if pictures else Cut([], 0, aligned=False)

    def _is_damaged(self, value: bytes) -> bool:
        return self._form is not None and self._form.is_damaged(value)

    def _end(self, units: list[bytes | None], here: _Origin, made: Assembled) -> bool:
        """Gives out those that ended; says whether a keyframe was among them."""
        keyframe = False
        for unit in units:
            origin = self._begun.popleft()
            wanted = origin is not here or not self._begun
            if unit is not None:
                packet = self._packet(unit, origin)
                keyframe = keyframe or packet.keyframe
                self._give(packet, made, wanted=wanted)
            else:
                self._lose(origin, made, wanted=wanted)
        return keyframe

    def _end_all(self, made: Assembled) -> None:
        if self._units is None or self._form is None:
            return
        for origin in list(self._begun):
            self._end([self._units.end()], origin, made)
        self._units, self._tail = self._form.units(), b""

    def _give(self, packet: Packet, made: Assembled, *, wanted: bool) -> None:
        self._counts.packets += 1
        self._counts.unwanted += not wanted
        made.packets.append(AssembledPacket(packet, wanted))

    def _lose(self, origin: _Origin, made: Assembled, *, wanted: bool) -> None:
        self._counts.lost += 1
        if wanted:
            made.lost.append(self._identity(origin))

    def _identity(self, origin: _Origin) -> Identity:
        return Identity(self._camera_id, 0, origin.offset)

    def _packet(self, unit: bytes, origin: _Origin) -> Packet:
        assert self._form is not None
        codec = self._form.codec
        keyframe = bool(unit) and (codec == "mjpeg" or is_keyframe(unit, codec))
        return Packet(
            camera_id=self._camera_id,
            epoch=0,
            index=origin.offset,
            data=self._sets.complete(unit) if keyframe else unit,
            codec=codec,
            keyframe=keyframe,
            pts=None,
            dts=None,
            time_base=FOREIGN_TIME_BASE,
            captured_at_ns=origin.timestamp_ns,
            captured_at_source="arrival",
        )
