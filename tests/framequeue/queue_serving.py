"""A process that serves a queue over a hub, to be killed: `queue_serving.py URL LEASE_S FILE LIMITS`.

FILE is a path, or empty for one in memory; LIMITS are JSON. It prints a line when it serves, and ends when
its standard input does.
"""

import sys

import msgspec

from sightline.framequeue.queues.host import QueueHost
from sightline.framequeue.queues.limits import QueueLimits
from sightline.framequeue.queues.memory import MemoryQueue
from sightline.framequeue.queues.sqlite import SqliteQueue


def main() -> None:
    url, lease_s, path, told = sys.argv[1:]
    limits = msgspec.json.decode(told, type=QueueLimits)
    queue = SqliteQueue(path, limits) if path else MemoryQueue("", limits)
    with queue, QueueHost(url, queue, lease_s=float(lease_s)):
        sys.stdout.write("serves\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
