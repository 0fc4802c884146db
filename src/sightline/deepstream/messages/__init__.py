"""Messages as DeepStream sends them (nvmsgconv), from our results and into them.

`read(payload)` gives the `Result` of a minimal message or an `nv.Frame`; `write_minimal` and `write_nv_frame`
say a result in either. What a foreign message leaves open is chosen with `Unsaid`. Moving them (Kafka, Redis,
MQTT, ...) is the work of a bus or of the caller.
"""

from sightline.deepstream.messages.minimal import read_minimal, write_minimal
from sightline.deepstream.messages.nv_frame import read_nv_frame, write_nv_frame
from sightline.deepstream.messages.reading import read
from sightline.deepstream.messages.unsaid import Unsaid

__all__ = ["Unsaid", "read", "read_minimal", "read_nv_frame", "write_minimal", "write_nv_frame"]
