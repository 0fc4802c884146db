"""Acts on a fleet's database without end, to be killed: `python acting_without_end.py DATABASE [N]`.

Each round brings a camera, changes it, applies, deletes it and takes that back; what is on disk is told on
standard output before the next begins. With N it kills itself when it is about to commit the Nth time.
"""

from __future__ import annotations

import os
import signal
import sys

from sqlalchemy import Engine, event
from tests.fleet.audit.acts import by

from sightline.fleet.store import Database


def main() -> None:
    with Database(sys.argv[1]) as database:
        left = int(sys.argv[2]) if len(sys.argv) > 2 else 0

        def die_in_time(_connection: object) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        event.listen(Engine, "commit", die_in_time)
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
                database.cameras.change(f"c{number}", {"password": f"q{os.getpid()}", "pool": str(number)})
            with by("update_config"):
                database.apply()
            with by("delete_camera"):
                database.cameras.remove(f"c{number}")
            with by("undo"):
                database.undo()
            print(number, flush=True)


if __name__ == "__main__":
    main()
