"""Frame queue: a picture a second of each camera, processed once, by as many workers as it takes.

Pictures lie in a store (memory, a folder, Redis), their keys go over a queue (memory, SQLite, the hub,
RabbitMQ), and workers of ours or of Celery take them. Nothing here opens cameras: it takes packets from
whoever has them, and gives pictures to whatever is called.
"""

from typing import TYPE_CHECKING

from sightline.later import import_later

if TYPE_CHECKING:
    from sightline.framequeue.budget import Budget
    from sightline.framequeue.feeding import FrameFeed
    from sightline.framequeue.feeding_line import CameraFeed, FeedStats
    from sightline.framequeue.grid import SecondGrid
    from sightline.framequeue.image import decode, encode
    from sightline.framequeue.key import FrameKey, PictureFormat
    from sightline.framequeue.opening import open_queue, open_store
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
    from sightline.framequeue.store_folder import FolderStore
    from sightline.framequeue.store_memory import MemoryStore
    from sightline.framequeue.sweeping import Sweeper, SweepStats
    from sightline.framequeue.taking import Ending
    from sightline.framequeue.worker import Worker
    from sightline.framequeue.worker_call import TimeLimitExceeded
    from sightline.framequeue.worker_hand import TakenFrame
    from sightline.framequeue.worker_jobs import WorkerStats

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
        "sightline.framequeue.budget": "Budget",
        "sightline.framequeue.feeding": "FrameFeed",
        "sightline.framequeue.feeding_line": "CameraFeed FeedStats",
        "sightline.framequeue.grid": "SecondGrid",
        "sightline.framequeue.image": "decode encode",
        "sightline.framequeue.key": "FrameKey PictureFormat",
        "sightline.framequeue.opening": "open_queue open_store",
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
        "sightline.framequeue.store_folder": "FolderStore",
        "sightline.framequeue.store_memory": "MemoryStore",
        "sightline.framequeue.sweeping": "Sweeper SweepStats",
        "sightline.framequeue.taking": "Ending",
        "sightline.framequeue.worker": "Worker",
        "sightline.framequeue.worker_call": "TimeLimitExceeded",
        "sightline.framequeue.worker_hand": "TakenFrame",
        "sightline.framequeue.worker_jobs": "WorkerStats",
    },
)
