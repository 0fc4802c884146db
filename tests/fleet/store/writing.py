"""Writes to a fleet's database without end, to be killed in the middle: `python writing.py DATABASE`.

Each round is one transaction of several parts that belong together; what is on disk is told on standard
output before the next begins.
"""

from __future__ import annotations

import sys
from uuid import UUID

from sightline.fleet.deciding.coordinator.actions import NodeShare, Save
from sightline.fleet.inventory import Placement
from sightline.fleet.store import Database

NODES = [UUID(int=number, version=4) for number in range(20)]


def main() -> None:
    with Database(sys.argv[1]) as database:
        begin = database.memory().terms.get("round", 0)
        for number in range(begin + 1, begin + 100_000):
            database.save(
                Save(
                    shares={node: NodeShare(node_id=node, generation=number) for node in NODES},
                    placement=Placement(cameras={f"camera{each}": f"on{number}" for each in range(50)}),
                    terms={"round": number},
                )
            )
            name = "gate"
            if number == 1:
                database.cameras.add({"camera_id": name, "address": "rtsp://h/1", "pool": "1"})
            else:
                database.cameras.change(name, {"address": f"rtsp://h/{number}", "pool": str(number)})
            database.apply()
            print(number, flush=True)


if __name__ == "__main__":
    main()
