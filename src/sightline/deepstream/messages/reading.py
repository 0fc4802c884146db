"""A payload of DeepStream's, of whichever of its two small schemas it is.

The first byte settles it: JSON begins with `{`, after blanks perhaps. As a field of an `nv.Frame` that byte
would open a group, which proto3 does not have; and of the blanks only the line feed begins a field, the
version, whose length `{` would then be: 123, where it is 3.
"""

from __future__ import annotations

from sightline.deepstream.messages.minimal import read_minimal
from sightline.deepstream.messages.nv_frame import read_nv_frame
from sightline.deepstream.messages.unsaid import NOTHING_ELSE, Unsaid
from sightline.result import Result


def read(payload: bytes, unsaid: Unsaid = NOTHING_ELSE) -> Result:
    """The result in a payload of DeepStream's, minimal or `nv.Frame`.

    Raises:
        WireError: it is neither, or is longer than 1 MiB.
        MissingExtra: it is not JSON, and protobuf is not installed.
    """
    if payload.lstrip(b" \t\r\n").startswith(b"{"):
        return read_minimal(payload, unsaid)
    return read_nv_frame(payload, unsaid)
