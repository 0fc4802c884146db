"""RTP and RTCP as bytes: what one client is sent (RFC 3550).

A `Sender` counts what it makes, because a sender report says it. Sequence numbers and time stamps wrap
around. Nothing that a client sends is read: it is a sign of life and no more.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from sightline.clock import NS_PER_S

TICKS: Final = 90_000
"""Ticks a second of the clock of RTP video (RFC 3551 section 5)."""

_HEADER: Final = struct.Struct(">BBHII")
_REPORT: Final = struct.Struct(">BBHIIIIII")
_VERSION: Final = 0x80
_MARKER: Final = 0x80
_SR, _SDES, _BYE = 200, 202, 203
_CNAME: Final = 1
_1900_TO_1970_S: Final = 2_208_988_800


class Sender:
    """The one stream of one client. `sequence` is the number of the next packet."""

    def __init__(self, ssrc: int, sequence: int) -> None:
        self.ssrc = ssrc
        self.sequence = sequence
        self._packets = 0
        self._octets = 0

    def packets(self, payloads: Sequence[bytes], payload_type: int, timestamp: int) -> list[bytes]:
        """One picture: the last packet has the marker (RFC 6184 5.1, RFC 7798 4.1, RFC 2435 3.1)."""
        made = []
        for left, payload in zip(reversed(range(len(payloads))), payloads, strict=True):
            kind = payload_type if left else payload_type | _MARKER
            header = _HEADER.pack(_VERSION, kind, self.sequence, timestamp % 2**32, self.ssrc)
            made.append(header + payload)
            self.sequence = (self.sequence + 1) % 2**16
            self._octets += len(payload)
        self._packets += len(made)
        return made

    def report(self, utc_ns: int, timestamp: int) -> bytes:
        """A sender report (6.4.1), which says that `timestamp` was at `utc_ns`, and who says so (6.5)."""
        seconds, part_ns = divmod(utc_ns, NS_PER_S)
        report = _REPORT.pack(
            _VERSION,
            _SR,
            _REPORT.size // 4 - 1,
            self.ssrc,
            (seconds + _1900_TO_1970_S) % 2**32,
            (part_ns << 32) // NS_PER_S,
            timestamp % 2**32,
            self._packets % 2**32,
            self._octets % 2**32,
        )
        return report + self._description()

    def goodbye(self, utc_ns: int, timestamp: int) -> bytes:
        """The last word (6.6)."""
        return self.report(utc_ns, timestamp) + struct.pack(">BBHI", _VERSION | 1, _BYE, 1, self.ssrc)

    def _description(self) -> bytes:
        name = b"fakecam"
        items = struct.pack(">IBB", self.ssrc, _CNAME, len(name)) + name
        items += b"\0" * (4 - len(items) % 4)  # a list of items ends in at least one zero
        return struct.pack(">BBH", _VERSION | 1, _SDES, len(items) // 4) + items
