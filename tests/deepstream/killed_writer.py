"""Writes a set of files in a child that kills itself at each of its steps in turn, and prints what is left.

    python -m tests.deepstream.killed_writer FOLDER

A step is what Python audits: opening, making a folder, linking, renaming, removing. The first child dies
before its first step, the next before its second, until one lives to the end. Each line is JSON: the step,
its name, and which set is current afterwards, if that is a whole one.
"""

import json
import os
import signal
import sys
from pathlib import Path

from tests.deepstream.generated import GATE, YARD, instance

from sightline.deepstream.generating import CURRENT, Generated, generate

STEPS = {"open", "os.mkdir", "os.rename", "os.symlink", "os.remove", "os.rmdir", "shutil.rmtree"}


def main(folder: Path) -> None:
    before, after = generate(instance(GATE)), generate(instance(GATE, YARD), debug=True)
    kept = [before.contents, after.contents]  # made here, so that a child does nothing but write
    assert all(kept)
    step = 0
    while True:
        before.write(folder)
        pid, said = _child(after, folder, step)
        _, status = os.waitpid(pid, 0)
        left = {"step": step, "name": said, "current": _which(folder, before, after)}
        print(json.dumps({**left, "ended": os.WIFEXITED(status)}), flush=True)
        if os.WIFEXITED(status):
            return
        step += 1


def _child(generated: Generated, folder: Path, step: int) -> tuple[int, str]:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _die_at(step, writing)
        generated.write(folder)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        return pid, told.read()


def _die_at(step: int, writing: int) -> None:
    done = 0

    def hook(event: str, _arguments: object) -> None:
        nonlocal done
        if event not in STEPS:
            return
        if done == step:
            os.write(writing, event.encode())
            os.kill(os.getpid(), signal.SIGKILL)
        done += 1

    sys.addaudithook(hook)


def _which(folder: Path, before: Generated, after: Generated) -> str:
    """The set that a reader finds: one of the two, whole, or a mix."""
    there = {each.name: each.read_bytes() for each in (folder / CURRENT).iterdir()}
    for name, generated in (("before", before), ("after", after)):
        if there == {file: content.data for file, content in generated.contents.items()}:
            return name
    return "mix"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
