"""A process at a folder of pictures, to be killed: `store_folder_hand.py ROLE FOLDER [ARGUMENT ...]`.

Each line that it prints is the JSON of what happened, after it did. It ends with its standard input at the
latest.

    put CAMERA      puts a picture after the other: {"put": key}
    work NAME       finishes whatever is there: {"finished": key}; gives back some, and sweeps: {"swept": ...}
    fill FOLDER     puts until the disk is full, then makes room: {"full": ...}, {"again": ...}
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from itertools import count
from shutil import disk_usage

from sightline.framequeue.key import FrameKey
from sightline.framequeue.store import Claimed, Refusal
from sightline.framequeue.stores.folder import FolderStore

SIZE = 20_000
FILL = 1500


def key_of(camera_id: str, index: int) -> FrameKey:
    return FrameKey(
        camera_id=camera_id,
        epoch=1,
        index=index,
        captured_at_ms=index,
        width=64,
        height=64,
        size=SIZE,
        format="jpeg",
    )


def picture_of(key: FrameKey) -> bytes:
    return f"{key} ".encode().ljust(SIZE, b"x")


def main() -> None:
    role, folder, *arguments = sys.argv[1:]
    if role != "fill":  # which ends by itself
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    with FolderStore(folder, limit_bytes=None) as store:
        roles: dict[str, Callable[..., None]] = {"put": _put, "work": _work, "fill": _fill}
        roles[role](store, *arguments)


def _put(store: FolderStore, camera_id: str) -> None:
    begin = store.last_captured_ms(camera_id)
    for index in count(0 if begin is None else begin + 1):
        key = key_of(camera_id, index)
        assert store.put([(key, picture_of(key))], None)[0].stored
        _tell(put=str(key))


def _work(store: FolderStore, name: str) -> None:
    for turn in count(1):
        for key in store.overdue(0.001, 5):
            answer = store.claim(key, name, 0.5)
            if not isinstance(answer, Claimed):
                continue
            assert answer.data == picture_of(key)
            if key.index % 5 == 0 and answer.claim.attempt == 1:
                store.give_back(answer.claim, "once")
            elif store.finish(answer.claim, name.encode()):
                _tell(finished=str(key))
        if turn % 10 == 0:
            store.sweep()


def _fill(store: FolderStore, folder: str) -> None:
    keys = [key_of("a", index) for index in range(FILL)]
    refused = [store.put([(key, picture_of(key))], None)[0].refused for key in keys]
    held = [key for key, why in zip(keys, refused, strict=True) if why is None]
    assert all(store.peek(key) == picture_of(key) for key in held)
    _tell(full=[len(held), refused.count(Refusal.FULL)], usage=_usage(store), free=disk_usage(folder).free)
    deleted = store.delete(held[:10])
    # No more than half of them: the table may have grown meanwhile.
    again = [store.put([(key, picture_of(key))], None)[0].stored for key in keys[-5:]]
    _tell(again=[deleted, sum(again)], usage=_usage(store))


def _usage(store: FolderStore) -> list[object]:
    total = store.usage().total
    return [total.frames, total.refused, total.balanced]


def _tell(**what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _end_with_stdin() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
