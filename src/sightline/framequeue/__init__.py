"""Frame queue: a picture a second of each camera, processed once, by as many workers as it takes.

Pictures lie in a store (memory, a folder, Redis), their keys go over a queue (memory, SQLite, the hub,
RabbitMQ), and workers of ours or of Celery take them. Nothing here opens cameras: it takes packets from
whoever has them, and gives pictures to whatever is called.
"""

from typing import TYPE_CHECKING

from sightline.later import import_later

if TYPE_CHECKING:
    from sightline.framequeue.feeding import FrameFeed
    from sightline.framequeue.feeding_line import CameraFeed, FeedStats
    from sightline.framequeue.grid import SecondGrid
    from sightline.framequeue.image import decode, encode
    from sightline.framequeue.key import FrameKey, PictureFormat
    from sightline.framequeue.opening import open_queue, open_store
    from sightline.framequeue.queue import DeadKey, Delivery, KeyQueue, Outcome, QueueDepth, Sent
    from sightline.framequeue.queues.host import QueueHost
    from sightline.framequeue.queues.hub import HubQueue
    from sightline.framequeue.queues.limits import QueueLimits, WhenFull
    from sightline.framequeue.queues.memory import MemoryQueue
    from sightline.framequeue.queues.sqlite import SqliteQueue
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
    from sightline.framequeue.stores.budget import Budget
    from sightline.framequeue.stores.folder import FolderStore
    from sightline.framequeue.stores.memory import MemoryStore
    from sightline.framequeue.sweeping import Sweeper, SweepStats
    from sightline.framequeue.work.call import TimeLimitExceeded
    from sightline.framequeue.work.hand import TakenFrame
    from sightline.framequeue.work.jobs import WorkerStats
    from sightline.framequeue.work.verdicts import Ending
    from sightline.framequeue.work.worker import Worker

__all__ = [
    "Advice",
    "Budget",
    "Busy",
    "CameraFeed",
    "CameraUsage",
    "Claim",
    "Claimed",
    "DeadKey",
    "Delivery",
    "Done",
    "Ending",
    "FeedStats",
    "FolderStore",
    "FrameFeed",
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
    "SweepStats",
    "Sweeper",
    "Swept",
    "TakenFrame",
    "Taking",
    "TimeLimitExceeded",
    "WhenFull",
    "Worker",
    "WorkerStats",
    "decode",
    "encode",
    "open_queue",
    "open_store",
]

import_later(
    __name__,
    {
        "sightline.framequeue.stores.budget": "Budget",
        "sightline.framequeue.feeding": "FrameFeed",
        "sightline.framequeue.feeding_line": "CameraFeed FeedStats",
        "sightline.framequeue.grid": "SecondGrid",
        "sightline.framequeue.image": "decode encode",
        "sightline.framequeue.key": "FrameKey PictureFormat",
        "sightline.framequeue.opening": "open_queue open_store",
        "sightline.framequeue.queue": "DeadKey Delivery KeyQueue Outcome QueueDepth Sent",
        "sightline.framequeue.queues.host": "QueueHost",
        "sightline.framequeue.queues.hub": "HubQueue",
        "sightline.framequeue.queues.limits": "QueueLimits WhenFull",
        "sightline.framequeue.queues.memory": "MemoryQueue",
        "sightline.framequeue.queues.sqlite": "SqliteQueue",
        "sightline.framequeue.sampling": "FrameSampler Sampled SamplerStats",
        "sightline.framequeue.store": (
            "Advice Busy CameraUsage Claim Claimed Done FrameStore Gone Put Refusal StoreUsage Swept Taking"
        ),
        "sightline.framequeue.stores.folder": "FolderStore",
        "sightline.framequeue.stores.memory": "MemoryStore",
        "sightline.framequeue.sweeping": "Sweeper SweepStats",
        "sightline.framequeue.work.verdicts": "Ending",
        "sightline.framequeue.work.worker": "Worker",
        "sightline.framequeue.work.call": "TimeLimitExceeded",
        "sightline.framequeue.work.hand": "TakenFrame",
        "sightline.framequeue.work.jobs": "WorkerStats",
    },
)
