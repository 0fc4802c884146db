"""Cameras to packets: RTSP, HTTP, files, devices and drawn streets; reconnecting, stamped, never decoded.

    capture = Capture(CameraInput(camera_id="gate", url="rtsp://10.0.0.5/stream1"), deliver=bus_writer)
    capture.start()
    capture.status().state      # "connecting", "live", ...
    capture.stop()

`probe` looks at a source once and says what it sends, or what is wrong with it, in words.
"""

from typing import TYPE_CHECKING

from sightline.later import import_later

if TYPE_CHECKING:
    from sightline.capture.address import Kind
    from sightline.capture.camera import CameraInput
    from sightline.capture.capture import Capture
    from sightline.capture.machine import State
    from sightline.capture.probe import ProbeReport, probe
    from sightline.capture.status import CameraStatus, Counts

__all__ = ["CameraInput", "CameraStatus", "Capture", "Counts", "Kind", "ProbeReport", "State", "probe"]

import_later(
    __name__,
    {
        "sightline.capture.address": "Kind",
        "sightline.capture.camera": "CameraInput",
        "sightline.capture.capture": "Capture",
        "sightline.capture.machine": "State",
        "sightline.capture.probe": "ProbeReport probe",
        "sightline.capture.status": "CameraStatus Counts",
    },
)
