"""Frame queue: a picture a second of each camera, processed once, by as many workers as it takes.

Pictures lie in a store (memory, a folder, Redis), their keys go over a queue (memory, SQLite, the hub,
RabbitMQ), and workers of ours or of Celery take them. Nothing here opens cameras: it takes packets from
whoever has them, and gives pictures to whatever is called.
"""

from typing import TYPE_CHECKING

from sightline.later import import_later

if TYPE_CHECKING:
    from sightline.framequeue.budget import Budget
    from sightline.framequeue.grid import SecondGrid
    from sightline.framequeue.image import decode, encode
    from sightline.framequeue.key import FrameKey, PictureFormat
    from sightline.framequeue.queue import DeadKey, Delivery, KeyQueue, Outcome, QueueDepth, Sent
    from sightline.framequeue.queue_host import QueueHost
    from sightline.framequeue.queue_hub import HubQueue
    from sightline.framequeue.queue_limits import QueueLimits, WhenFull
    from sightline.framequeue.queue_memory import MemoryQueue
    from sightline.framequeue.queue_sqlite import SqliteQueue
    from sightline.framequeue.sampling import FrameSampler, Sampled, SamplerStats
    from sightline.framequeue.store import (
        Advice,
        Busy,
        CameraUsage,
        Claim,
        Claimed,
        Done,
        FrameStore,
        Gone,
        Put,
        Refusal,
        StoreUsage,
        Swept,
        Taking,
    )
    from sightline.framequeue.store_memory import MemoryStore

__all__ = [
    "Advice",
    "Budget",
    "Busy",
    "CameraUsage",
    "Claim",
    "Claimed",
    "DeadKey",
    "Delivery",
    "Done",
    "FrameKey",
    "FrameSampler",
    "FrameStore",
    "Gone",
    "HubQueue",
    "KeyQueue",
    "MemoryQueue",
    "MemoryStore",
    "Outcome",
    "PictureFormat",
    "Put",
    "QueueDepth",
    "QueueHost",
    "QueueLimits",
    "Refusal",
    "Sampled",
    "SamplerStats",
    "SecondGrid",
    "Sent",
    "SqliteQueue",
    "StoreUsage",
    "Swept",
    "Taking",
    "WhenFull",
    "decode",
    "encode",
]

import_later(
    __name__,
    {
        "sightline.framequeue.budget": "Budget",
        "sightline.framequeue.grid": "SecondGrid",
        "sightline.framequeue.image": "decode encode",
        "sightline.framequeue.key": "FrameKey PictureFormat",
        "sightline.framequeue.queue": "DeadKey Delivery KeyQueue Outcome QueueDepth Sent",
        "sightline.framequeue.queue_host": "QueueHost",
        "sightline.framequeue.queue_hub": "HubQueue",
        "sightline.framequeue.queue_limits": "QueueLimits WhenFull",
        "sightline.framequeue.queue_memory": "MemoryQueue",
        "sightline.framequeue.queue_sqlite": "SqliteQueue",
        "sightline.framequeue.sampling": "FrameSampler Sampled SamplerStats",
        "sightline.framequeue.store": (
            "Advice Busy CameraUsage Claim Claimed Done FrameStore Gone Put Refusal StoreUsage Swept Taking"
        ),
        "sightline.framequeue.store_memory": "MemoryStore",
    },
)
