"""`save_frame_loop`: one camera into a frame queue, as the document calls it that this grew out of.

A picture a second goes into the store, then its key to the queue, and each is told; where a folder is named,
the picture is written there as well. The loop ends with the recording, with the camera that cannot be read,
at Ctrl-C, or when its time is up. `Sampling` is for several cameras, and for more settings.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sightline.capture import CameraInput
from sightline.errors import SourceError
from sightline.framequeue.document import HOST, QUEUE, queue_url, write_picture
from sightline.framequeue.feeding import TTL_S
from sightline.framequeue.opening import open_queue, open_store
from sightline.framequeue.sampling import Sampled
from sightline.log import get_logger
from sightline.site.frame_queue_sampling import Sampling


def save_frame_loop(
    rtsp_link: str,
    camera_id: str | int,
    *,
    redis_url: str = f"redis://{HOST}",
    rabbitmq_host: str = HOST,
    queue_name: str = QUEUE,
    folder: Path | str | None = None,
    rate: float = 1.0,
    ttl_s: float | None = TTL_S,
    seconds: float | None = None,
    on_saved: Callable[[Sampled], Any] | None = None,
    **sampler: Any,
) -> int:
    """Samples a camera until it is over; gives how many pictures were handed over.

    Args:
        rtsp_link: the camera: any URL that `CameraInput` takes, or a file.
        camera_id: its name; a number will do.
        redis_url: where pictures go, as for `open_store`.
        rabbitmq_host: the broker, `host`, `host:port` or a URL, also of a queue of another kind.
        queue_name: of the queue.
        folder: where pictures are written to as well, as files that are called as their keys.
        rate: pictures a second.
        ttl_s: when one is too old to be of use; None: never.
        seconds: how long; None: until it is over.
        on_saved: told of each picture that was sampled; None: the log is, of its key.
        sampler: other settings of `FrameSampler`.

    Raises:
        SourceError: the camera cannot be read, and trying again does not help.
        BusError: the store or the broker cannot be reached.
        ConfigError: a setting is wrong.
    """
    camera = CameraInput(camera_id=str(camera_id), url=rtsp_link)
    place = None if folder is None else Path(folder)
    if place is not None:
        place.mkdir(parents=True, exist_ok=True)
    told = on_saved or _tell

    def saved(sampled: Sampled) -> None:
        if place is not None:
            write_picture(sampled.key, sampled.data, place)
        told(sampled)

    with open_store(redis_url) as store, open_queue(queue_url(rabbitmq_host, queue_name)) as queue:
        sampling = Sampling(
            [camera],
            store,
            lambda _camera: queue,
            sampler={"rate": rate, **sampler},
            ttl_s=ttl_s,
            on_sampled=saved,
        )
        with sampling:
            sampling.wait(seconds)
        status = sampling.status()[camera.camera_id]
        if status.capture.state == "disabled":
            raise SourceError(status.capture.reason, camera_id=camera.camera_id)
        return status.feed.sent


def _tell(sampled: Sampled) -> None:
    get_logger("sightline.framequeue").info("saved", key=str(sampled.key))
