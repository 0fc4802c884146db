"""What Prometheus reads of a frame queue."""

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from tests.framequeue.filmed import filmed
from tests.framequeue.working import TIMEOUT_S, ended, frame, working

from sightline.framequeue.feeding import FrameFeed
from sightline.framequeue.metrics import registry_of
from sightline.framequeue.queues.memory import MemoryQueue
from sightline.framequeue.sampling import FrameSampler, SamplerStats
from sightline.framequeue.store import CameraUsage
from sightline.framequeue.stores.memory import MemoryStore
from sightline.framequeue.sweeping import Sweeper
from sightline.framequeue.work.verdicts import Ending
from sightline.framequeue.work.worker import Worker


class Sampled:
    @property
    def samplers(self) -> dict[str, SamplerStats]:
        sampler = FrameSampler(filmed(30))
        assert len(list(sampler)) == 2
        return {"cam3": sampler.stats()}


@pytest.fixture(scope="module")
def registry() -> CollectorRegistry:
    store, queue = MemoryStore(limit_bytes=10_000), MemoryQueue()
    worker, sweeper = Worker(store, queue), Sweeper(store, queue)
    worker.on_frame(lambda _taken: None)
    with FrameFeed(store, queue, wait_s=0) as feed:
        feed.offer(*frame(0))
        feed.offer(*frame(1, "Tür 1", b"poison"))
        feed.offer(frame(2)[0], b"short")
        assert feed.flush(TIMEOUT_S)
    with working(worker):
        ended(worker, 2)
    sweeper.sweep()
    return registry_of(
        sampling=Sampled(), store=store, queue=queue, feed=feed, worker=worker, sweeper=sweeper
    )


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("sampler_packets_total", {"camera": "cam3"}, 30),
        ("sampler_sampled_frames_total", {"camera": "cam3"}, 2),
        ("sampler_unreadable_packets_total", {"camera": "cam3"}, 0),
        ("store_frames", {"camera": "gate"}, 0),
        ("store_frames", {"camera": "Tür 1"}, 1),
        ("store_bytes", {"camera": "Tür 1"}, 6),
        ("store_stored_frames_total", {"camera": "gate"}, 1),
        ("store_refused_frames_total", {"camera": "gate"}, 0),
        ("store_left_frames_total", {"camera": "gate", "how": "finished"}, 1),
        ("store_left_frames_total", {"camera": "gate", "how": "evicted"}, 0),
        ("store_limit_bytes", {}, 10_000),
        ("store_claimed_frames", {}, 0),
        ("store_marks", {}, 1),
        ("queue_keys", {"state": "ready"}, 0),
        ("queue_keys", {"state": "dead"}, 1),
        ("queue_accepted_keys_total", {}, 2),
        ("queue_acked_keys_total", {}, 1),
        ("feed_offered_frames_total", {"camera": "gate"}, 2),
        ("feed_sent_frames_total", {"camera": "gate"}, 1),
        ("feed_sent_bytes_total", {"camera": "Tür 1"}, 6),
        ("feed_dropped_frames_total", {"camera": "gate", "reason": "invalid"}, 1),
        ("feed_dropped_frames_total", {"camera": "Tür 1", "reason": "queue_full"}, 0),
        ("feed_held_frames", {"camera": "gate"}, 0),
        ("feed_retried_frames_total", {}, 0),
        ("worker_received_keys_total", {}, 2),
        ("worker_ended_keys_total", {"ending": "processed"}, 1),
        ("worker_ended_keys_total", {"ending": "dead_undecodable"}, 1),
        ("worker_ended_keys_total", {"ending": "late"}, 0),
        ("worker_handled_frames_total", {}, 1),
        ("worker_held", {}, 0),
        ("worker_unsettled_keys_total", {}, 0),
        ("sweeper_rounds_total", {}, 1),
        ("sweeper_sent_keys_total", {}, 0),
        ("up", {"part": "store"}, 1),
    ],
)
def test_each_figure_is_told(
    registry: CollectorRegistry, name: str, labels: dict[str, str], value: int
) -> None:
    assert registry.get_sample_value(f"sightline_framequeue_{name}", labels) == value


def test_it_is_what_prometheus_reads(registry: CollectorRegistry) -> None:
    text = generate_latest(registry).decode()
    assert 'sightline_framequeue_worker_ended_keys_total{ending="processed"} 1.0' in text
    assert text.count("_ended_keys_total{") == len(Ending)


def test_all_ways_in_which_pictures_leave_a_store_are_told() -> None:
    """So what was stored is what is held and what left, as in the store itself."""
    kinds = set(CameraUsage.__struct_fields__) - {"frames", "bytes", "stored", "refused"}
    store = MemoryStore()
    store.put([frame(0)], None)
    registry = registry_of(store=store)
    for kind in kinds:
        labels = {"camera": "gate", "how": kind}
        assert registry.get_sample_value("sightline_framequeue_store_left_frames_total", labels) == 0


def test_what_cannot_be_asked_is_down_and_the_rest_is_told() -> None:
    store, queue = MemoryStore(), MemoryQueue()
    store.close()
    registry = registry_of(store=store, queue=queue)
    assert registry.get_sample_value("sightline_framequeue_up", {"part": "store"}) == 0
    assert registry.get_sample_value("sightline_framequeue_up", {"part": "queue"}) == 1
    assert registry.get_sample_value("sightline_framequeue_queue_keys", {"state": "ready"}) == 0
    assert registry.get_sample_value("sightline_framequeue_store_marks") is None
