"""Muxes in proofs: cameras whose pictures say what they are, and all that comes of them held against it."""

import time
import zlib
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, Self

import av
from tests.proof.plain import Film, Plain, Written

from sightline.frame import Frame, Image, Size
from sightline.mux import Comux
from sightline.scene import Codec, Scene, encode, read_mark

SHOWN = "shown"
ALL_WITHIN_S = 60.0


@cache
def scene(camera: int, codec: Codec = "h264", frames: int = 100, gop: int = 25, b_frames: int = 2) -> Film:
    """Its pictures bear the camera's number and their own."""
    drawn = Scene(size=Size(320, 180), camera=camera, seed=camera)
    units = list(encode(drawn, frames, codec=codec, gop=gop, b_frames=0 if codec == "mjpeg" else b_frames))
    return Film(codec, tuple(u.data for u in units), tuple(f"{camera}:{u.frame}" for u in units))


def mark(image: Image) -> str:
    found = read_mark(image)
    return "unreadable" if found is None else f"{found.camera}:{found.frame}"


def checksum(image: Image) -> str:
    return str(zlib.crc32(image.tobytes()))


class Clip:
    """A real camera's file: samples, avcC record, and each one's picture as libav itself decodes it."""

    def __init__(self, path: Path, most: int) -> None:
        order, shown = list[int](), dict[int, str]()
        self.samples, units = list[bytes](), list[bytes]()
        with av.open(path) as container:
            stream = container.streams.video[0]
            self.record = bytes(stream.codec_context.extradata or b"")
            filters = "h264_mp4toannexb,dump_extra=freq=keyframe"
            to_annex_b = av.BitStreamFilterContext(filters, in_stream=stream)
            for packet in container.demux(stream):
                if packet.pts is None or len(order) == most:
                    break
                order.append(packet.pts)
                self.samples.append(bytes(packet))
                shown |= _checksums(packet.decode())
                units += [bytes(made) for made in to_annex_b.filter(packet)]
            shown |= _checksums(stream.codec_context.decode(None))
        self.film = Film("h264", tuple(units), tuple(shown[pts] for pts in order))


def _checksums(pictures: Iterable[Any]) -> dict[int, str]:
    return {one.pts: checksum(one.to_ndarray(format="bgr24")) for one in pictures}


class Camera:
    """A camera of a mux: what is on its topic, and what its pictures show."""

    def __init__(self, name: str, written: Written, show: Callable[[Image], str] = mark) -> None:
        self.name = name
        self.written = written
        self.show = show
        self.seen: dict[int, str] = {}
        self.undecoded: list[int] = []

    @property
    def raw(self) -> str:
        return f"raw_{self.name}"

    @property
    def out(self) -> str:
        return f"stream_{self.name}"

    @property
    def complete(self) -> bool:
        return len(self.seen) == len(self.written.pictures)


class Muxing:
    """A mux of these cameras: each picture is sent back with what it shows."""

    def __init__(
        self,
        servers: str,  # or a URL
        cameras: Iterable[Camera],
        *,
        max_offset_diff: int | None = None,
        strict_on_fail: bool = True,
        group: str | None = None,
        **settings: Any,
    ) -> None:
        self.cameras = {camera.name: camera for camera in cameras}
        self.mux = Comux(
            list(self.cameras),
            "raw_:cam_id",
            "stream_:cam_id",
            end=False,
            strict_on_fail=strict_on_fail,
            group=group,
            **{"max_wait_s": 0.3} | settings,
        )
        self.mux.setup_consumers(servers, max_offset_diff=max_offset_diff)
        self.mux.setup_decoders()
        self.mux.setup_producer(servers.partition("?")[0])
        self.mux.start()

    def take(self, until: Callable[[], bool], within_s: float = ALL_WITHIN_S) -> None:
        """Works until it is true."""
        deadline = time.monotonic() + within_s
        while not until():
            assert time.monotonic() < deadline, self.mux.stats()
            for name, index, image in self.mux.get_batch(timeout=0.2) or ():
                assert not isinstance(image, Frame)  # none was asked for
                self._send(self.cameras[name], index, image)

    def _send(self, camera: Camera, index: int, image: Image | None) -> None:
        if image is None:
            camera.undecoded.append(int(index))
            return
        assert int(index) not in camera.seen
        camera.seen[int(index)] = camera.show(image)
        assert self.mux.send(camera.name, index, {SHOWN: camera.seen[int(index)]})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.mux.close()


def holds(plain: Plain, camera: Camera) -> None:
    """Every byte in order; each picture is that of its message, and its result on that one alone."""
    assert camera.seen == camera.written.pictures
    went_on(plain, camera)


def went_on(plain: Plain, camera: Camera) -> None:
    """Every byte in order, and what was sent for a picture is on its message and on no other."""
    assert plain.values(camera.out) == b"".join(camera.written.values)
    results = dict[int, str]()
    for number, message in enumerate(plain.messages(camera.out)):
        assert (message.size, message.key) == (len(camera.written.values[number]), camera.raw)
        assert next(iter(message.headers.items())) in {("n", str(number)), ("n", "kcat")}
        if SHOWN in message.headers:
            results[number] = message.headers[SHOWN]
    assert results == camera.seen
