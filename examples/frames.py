"""Two pictures a second of a camera or a file: capture gives packets, a decoder makes frames of them.

python examples/frames.py rtsp://viewer@10.0.0.5/stream1
"""

import sys
from collections.abc import Iterator

from sightline import Frame, Packet
from sightline.buffer import Buffer, Capacity, Overflow
from sightline.capture import CameraInput, Capture
from sightline.codec import Decoder


def frames_of(url: str, rate: float) -> Iterator[Frame]:
    # A camera does not wait: whoever is too slow goes on at its newest keyframe. A file does.
    overflow = Overflow.DROP_TO_KEYFRAME if "://" in url else Overflow.BLOCK
    packets = Buffer[Packet](Capacity(count=500), overflow, keyframe=lambda packet: packet.keyframe)
    capture = Capture(CameraInput(camera_id="camera", url=url), packets.put)
    decoder = Decoder(rate=rate)
    capture.start()
    try:
        while not capture.done or len(packets):
            for packet in packets.take(timeout_s=0.1):
                yield from decoder.feed(packet)
        yield from decoder.flush()
    finally:
        packets.close()
        capture.stop()
    if capture.fault:
        raise capture.fault


if __name__ == "__main__":
    for frame in frames_of(sys.argv[1], rate=2):
        print(f"{frame.identity}  {frame.size}  mean level {frame.image.mean():.0f}")
