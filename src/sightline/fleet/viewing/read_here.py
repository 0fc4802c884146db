"""Cameras that the coordinator itself reads, for those who look: those of instances that pass no packets on,
such as DeepStream's. Each is read once, however many look, and only while somebody does.

Promises: nothing of this machine is opened for it. What is a file or a device, or needs certificates in a
file, is the instance's machine's. However many cameras do not answer, they are left in a moment, together:
what still waits for one then ends by itself.

Deliberately not here: what these instances see in them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from sightline.errors import ConfigError, SightlineError
from sightline.fleet.documents.sources import CameraSource, is_one_machines
from sightline.log import redact
from sightline.packet import Packet

if TYPE_CHECKING:
    from sightline.capture import Capture

_STOP_S: Final = 0.2


class ReadHere:
    """For one thread, but that any may close it; `deliver` is called with a camera's name and packet in
    threads of its own.
    """

    def __init__(self, deliver: Callable[[str, Packet], None]) -> None:
        self._deliver = deliver
        self._reading: dict[str, tuple[CameraSource, Capture]] = {}
        self.faults: dict[str, str] = {}
        self._lock = threading.Lock()
        self._closed = False

    def want(self, cameras: Mapping[str, CameraSource]) -> None:
        """Read these, and no others; once it is closed, none."""
        with self._lock:
            if not self._closed:
                self._want(cameras)

    def close(self) -> None:
        """Read none any more. Again is allowed."""
        with self._lock:
            self._closed = True
            self._want({})

    def _want(self, cameras: Mapping[str, CameraSource]) -> None:
        over = [name for name, (source, _) in self._reading.items() if cameras.get(name) != source]
        _stop([self._reading.pop(name)[1] for name in over])
        self.faults = {name: why for name, why in self.faults.items() if name in cameras}
        for name in cameras.keys() - self._reading.keys():
            self._begin(name, cameras[name])

    def why(self, name: str) -> str:
        """Why nothing comes of it; "": something does, or may."""
        if name in self.faults:
            return self.faults[name]
        reading = self._reading.get(name)
        return reading[1].status().reason if reading else ""

    def _begin(self, name: str, source: CameraSource) -> None:
        try:
            capture = _capture(name, source, partial(self._deliver, name))
            capture.start()
        except (SightlineError, ValidationError) as error:
            told = "its settings cannot be used" if isinstance(error, ValidationError) else str(error)
            self.faults[name] = redact(told)
            return
        self.faults.pop(name, None)
        self._reading[name] = source, capture


def _stop(captures: Sequence[Capture]) -> None:
    """All at once, and then wait for them together."""
    for capture in captures:
        capture.stop(0)
    until_s = time.monotonic() + _STOP_S
    for capture in captures:
        capture.stop(max(0.0, until_s - time.monotonic()))


def _capture(name: str, source: CameraSource, deliver: Callable[[Packet], None]) -> Capture:
    if is_one_machines(source.address, source.settings):
        raise ConfigError("a file, a device or a tls_ca_file is its machine's, and the coordinator reads it")
    from sightline.capture import Capture  # noqa: PLC0415 - libav, where such a camera is looked at
    from sightline.site.camera import Camera  # noqa: PLC0415

    login = {"username": source.username, "password": source.password}
    given = {key: value for key, value in login.items() if value is not None}
    camera = Camera.model_validate({**source.settings, "realtime": True, "url": source.address, **given})
    return Capture(camera.as_input(name), deliver)
