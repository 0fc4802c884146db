"""Acts on a fleet's database without end, to be killed: `python acting_without_end.py DATABASE`.

Each round brings a camera, changes it, applies, deletes it and takes that back; what is on disk is told on
standard output before the next begins.
"""

from __future__ import annotations

import sys

from tests.fleet.audit.acts import by

from sightline.fleet.store import Database


def main() -> None:
    with Database(sys.argv[1]) as database:
        begin = database.cameras.page(limit=1).total
        for number in range(begin, begin + 100_000):
            with by("create_camera"):
                database.cameras.add(
                    {
                        "camera_id": f"c{number}",
                        "address": f"rtsp://h/{number}",
                        "username": "u",
                        "password": "p",
                    }
                )
            with by("change_camera"):
                database.cameras.change(f"c{number}", {"password": f"q{number}", "pool": str(number)})
            with by("update_config"):
                database.apply()
            with by("delete_camera"):
                database.cameras.remove(f"c{number}")
            with by("undo"):
                database.undo()
            print(number, flush=True)


if __name__ == "__main__":
    main()
