"""RTSP cameras that are not there: drawn streets and files, good and bad, for any software to be tested with.

    with FakeCameras({"gate": FakeCamera(url="synthetic://street?b_frames=2")}) as server:
        server.misbehave("gate", Stall(seconds=5))

What it promises: RTSP 1.0 with RTP over TCP and UDP, H.264, H.265 and JPEG, sender reports that are right,
logins, many cameras and many clients at once, none of which slows another; and faults, by script and on
command. What it does not do: sound, multicast, RTSP over TLS or HTTP, and being a good server for the world.
"""

from sightline.fakecam.auth import Login
from sightline.fakecam.fakecameras import FakeCameras, FakeCameraStatus
from sightline.fakecam.faults import (
    Fault,
    HalfOpen,
    Kill,
    LongGop,
    Loss,
    PtsJump,
    Reorder,
    Reset,
    Resize,
    SlowStart,
    Stall,
    WrongClock,
    WrongPassword,
)
from sightline.fakecam.script import load_script, parse_script
from sightline.fakecam.settings import FakeCamera
from sightline.fakecam.timetable import EVERYBODY, Entry

__all__ = [
    "EVERYBODY",
    "Entry",
    "FakeCamera",
    "FakeCameraStatus",
    "FakeCameras",
    "Fault",
    "HalfOpen",
    "Kill",
    "Login",
    "LongGop",
    "Loss",
    "PtsJump",
    "Reorder",
    "Reset",
    "Resize",
    "SlowStart",
    "Stall",
    "WrongClock",
    "WrongPassword",
    "load_script",
    "parse_script",
]
