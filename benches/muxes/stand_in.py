"""What one would write by hand with kafka-python and PyAV: a consumer and a decoder a camera, in a thread.

Every picture is decoded, those of the rate become BGR and wait for the loop that takes them; packets are kept
until their picture is known, by the offset that goes through the decoder as its time.
"""

from __future__ import annotations

import json
import queue
import threading
from typing import Any, Final

from benches.muxes.job import IDLE_S, Job, module, result

_FPS: Final = 25.0
_WAITING: Final = 8


def run(job: Job) -> None:
    pictures: queue.Queue[tuple[str, int, bytes, Any]] = queue.Queue(_WAITING)
    cameras = [_Camera(job, camera, pictures) for camera in job.cameras]
    producer = module("kafka").KafkaProducer(bootstrap_servers=[job.servers], acks=1, linger_ms=5)
    for camera in cameras:
        camera.start()
    for camera in cameras:
        camera.ready.wait()
    job.begin()
    while True:
        fed = job.fed.is_set()
        try:
            name, offset, packet, picture = pictures.get(timeout=IDLE_S)
        except queue.Empty:
            if fed:
                break
            continue
        told = result(job.show(name, offset, picture))
        headers = [(key, json.dumps(value).encode()) for key, value in told.items()]
        producer.send(f"stream_{name}", packet, None, headers, 0)
    producer.flush()
    for camera in cameras:
        camera.over.set()
    job.end(consumed=sum(camera.packets for camera in cameras))


class _Camera(threading.Thread):
    def __init__(self, job: Job, name: str, pictures: queue.Queue[tuple[str, int, bytes, Any]]) -> None:
        super().__init__(daemon=True)
        self.ready, self.over = threading.Event(), threading.Event()
        self.packets = 0
        self._camera, self._pictures = name, pictures
        self._servers, self._every = job.servers, _FPS / job.rate

    def run(self) -> None:
        kafka, av = module("kafka"), module("av")
        consumer = kafka.KafkaConsumer(
            bootstrap_servers=[self._servers], group_id=None, fetch_max_bytes=8 << 20
        )
        topic = kafka.TopicPartition(f"raw_{self._camera}", 0)
        consumer.assign([topic])
        consumer.seek_to_beginning(topic)
        consumer.position(topic)
        decoder = av.CodecContext.create("h264", "r")
        decoder.thread_type, decoder.thread_count = "NONE", 1
        self.ready.set()
        kept: dict[int, bytes] = {}
        frames, due = 0, 0.0
        while not self.over.is_set():
            for messages in consumer.poll(timeout_ms=200, max_records=50).values():
                for message in messages:
                    self.packets += 1
                    kept[message.offset] = message.value
                    packet = av.Packet(message.value)
                    packet.pts = packet.dts = message.offset
                    for frame in decoder.decode(packet):
                        original = kept.pop(frame.pts)
                        if frames >= due:
                            due += self._every
                            picture = frame.to_ndarray(format="bgr24")
                            self._pictures.put((self._camera, frame.pts, original, picture))
                        frames += 1
        consumer.close()
