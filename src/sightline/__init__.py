"""Sightline: many cameras from stream to decision, on a laptop or a fleet.

The values that everything is made of are here; the parts are packages of their own
(`sightline.capture`, `sightline.codec`, `sightline.bus`, ...), imported by whoever uses them.
"""

from sightline.errors import SightlineError
from sightline.fence import Fence
from sightline.frame import Frame, Size
from sightline.packet import Identity, Packet
from sightline.result import Detection, Result

__version__ = "0.1.0"

__all__ = [
    "Detection",
    "Fence",
    "Frame",
    "Identity",
    "Packet",
    "Result",
    "SightlineError",
    "Size",
    "__version__",
]
