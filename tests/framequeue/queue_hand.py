"""A process that uses a queue, to be killed: `queue_hand.py ROLE OPENER JSON [ARGUMENT ...]`.

OPENER is `module:name` of what makes the queue, JSON its keyword arguments. Each line that it prints is the
JSON of what happened, after it did. It ends when its standard input does.

    hold COUNT          has so many keys in hand and keeps them: {"held": text}
    send PREFIX COUNT   sends PREFIX0, PREFIX1, ...: {"sent": text}
    work                receives and acknowledges, one by one: {"got": text, "again": bool}, {"acked": text}
"""

import importlib
import json
import os
import sys
import threading
from collections.abc import Callable

from sightline.framequeue.queue import KeyQueue


def main() -> None:
    role, opener, settings, *arguments = sys.argv[1:]
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    module, _, name = opener.partition(":")
    queue: KeyQueue = getattr(importlib.import_module(module), name)(**json.loads(settings))
    roles: dict[str, Callable[..., None]] = {"hold": _hold, "send": _send, "work": _work}
    roles[role](queue, *arguments)
    threading.Event().wait()


def _hold(queue: KeyQueue, count: str) -> None:
    left = int(count)
    while left:
        for delivery in queue.receive(left, 1.0):
            left -= 1
            _tell(held=delivery.text)


def _send(queue: KeyQueue, prefix: str, count: str) -> None:
    for number in range(int(count)):
        for sent in queue.send([f"{prefix}{number}"]):
            _tell(**{"sent" if sent.accepted else "refused": sent.text})


def _work(queue: KeyQueue) -> None:
    while True:
        for delivery in queue.receive(1, 1.0):
            _tell(got=delivery.text, again=delivery.redelivered)
            if queue.ack(delivery):
                _tell(acked=delivery.text)


def _tell(**what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _end_with_stdin() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
