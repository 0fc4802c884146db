"""How long to wait before a camera is tried again.

Delays grow with the failures in a row, are jittered at every length (a hundred cameras behind one switch
must not come back in step) and are capped. How fast depends on what went wrong: an address that does not
answer may answer any moment; a wrong password, tried often, locks the account of a camera; a recording
that cannot be read will not be readable a second later.
"""

from __future__ import annotations

from tenacity import RetryCallState, Retrying
from tenacity.wait import wait_base, wait_exponential, wait_random

from sightline.capture.address import Kind
from sightline.capture.camera import CameraInput
from sightline.capture.machine import Delay
from sightline.clock import ns
from sightline.errors import AccessDenied, NoVideo, SightlineError, SourceError, UnknownCodec, Untrusted

# At most 3 s, so that pictures come within 5 s of a server's return, connecting included.
_SOON = wait_exponential(multiplier=0.25, max=2.5) + wait_random(0, 0.5)
_LATER = wait_exponential(multiplier=2, max=30) + wait_random(0, 3)
_RARELY = wait_exponential(multiplier=60, max=300) + wait_random(0, 15)


def delay_s(fault: SightlineError, failures: int, *, recording: bool = False) -> float:
    """Seconds to wait after the `failures`th failure in a row, the last of which was `fault`."""
    state = RetryCallState(Retrying(), None, (), {})
    state.attempt_number = failures
    return float(_wait(fault, recording)(state))


def policy(camera: CameraInput) -> Delay:
    """The delays of `camera`; None where trying again would not help.

    A recording on disk that is not looped is tried once, so that whoever waits for its end gets one; with
    `loop` it is asked to be there for ever, and a disk that is mounted later is found.
    """
    recording = camera.kind is Kind.FILE

    def delay_ns(fault: SightlineError, failures: int) -> int | None:
        if not isinstance(fault, SourceError) or (recording and not camera.loop):
            return None
        return ns(delay_s(fault, failures, recording=recording))

    return delay_ns


def _wait(fault: SightlineError, recording: bool) -> wait_base:
    if isinstance(fault, AccessDenied):
        return _RARELY
    return _LATER if recording or isinstance(fault, NoVideo | UnknownCodec | Untrusted) else _SOON
