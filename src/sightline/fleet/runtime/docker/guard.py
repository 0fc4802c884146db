"""A small process that outlives its agent, and ends what must not run twice once the agent's lease is over.

    python -m sightline.fleet.runtime.docker.guard STATE

An agent that is alive does that itself. Where it was killed, hangs, or the machine was asleep, containers go
on, and the coordinator gives them to another machine a while after the lease: by then they have to be gone.

Promises: one guard a folder, whoever begins how many (flock); begun in a session of its own, so that no
terminal takes it along; it asks again until Docker answers, and ends what it knows without (`guarding`); and
it ends by itself once the lease is over and nothing exclusive runs, or where Docker does not answer and the
agent's folder is gone too. It never touches what another agent runs, or what may run twice.

After an upgrade, or the way back, the agent has the guard of another edition leave, and begins its own; in
between the agent itself is there.

Deliberately not here: granting or renewing a lease, and instances that are processes, which the kernel ends
with the agent. A service manager that kills all that an agent began kills this too: tell systemd
`KillMode=process`.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sightline.errors import RuntimeFault
from sightline.fleet.runtime.docker.editions import (
    LOCK,
    edition_there,
    is_relieved,
    own_edition,
    say_edition,
    want_edition,
)
from sightline.fleet.runtime.docker.guarding import Guarding, is_over
from sightline.fleet.runtime.lease import read_lease
from sightline.supervise.spec import python_module

LOG: Final = "guard.log"
_EDITION: Final = "--edition="
_LEAVES_S: Final = 10.0
_BEGUN_S: Final = 15.0
_TRIES: Final = 5
_TRY_S: Final = 0.05
_MOST_LOG_BYTES: Final = 256 * 1024


def begin_guard(folder: Path) -> None:
    """See to it that one is there; write the lease first. Cheap where it is: call it as often as you like.

    Raises RuntimeFault where none can be begun.
    """
    own = own_edition()
    if is_guarded(folder) and not _made_room(folder, own):
        return
    command, environment = python_module("sightline.fleet.runtime.docker.guard")
    try:
        # It leaves at once, and what it leaves behind is nobody's child.
        subprocess.run(  # noqa: S603 - our own program
            [*command, f"{_EDITION}{own}", "--leave", str(folder)],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            check=True,
            timeout=_BEGUN_S,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise RuntimeFault(f"{folder}: the guard cannot be begun: {error}") from None


def is_guarded(folder: Path) -> bool:
    lock = _locked(folder)
    if lock is None:
        return True
    os.close(lock)
    return False


def _made_room(folder: Path, own: str) -> bool:
    """Whether the guard that is there was of another edition, and left."""
    if edition_there(folder) in {"", own}:
        return False
    until_s = time.monotonic() + _LEAVES_S
    try:
        want_edition(folder, own)
    except OSError:  # the one that is there goes on
        return False
    while time.monotonic() < until_s and edition_there(folder) != own:
        if not is_guarded(folder):
            return True
        time.sleep(_TRY_S)
    return False


def main(arguments: Sequence[str] | None = None) -> int:
    """Guards until there is nothing to guard any more."""
    *options, place = sys.argv[1:] if arguments is None else arguments
    folder = Path(place).absolute()
    lock = _lock_of(folder)
    if lock is None:
        return 0  # another one is there
    own = next((one.removeprefix(_EDITION) for one in options if one.startswith(_EDITION)), "")
    say_edition(lock, own)
    if "--leave" in options:
        if os.fork():
            # Not by way of sys.exit: the lock is the child's now, and given back by the last who closes it.
            os._exit(0)
        os.chdir(folder)
    _to_its_log(folder)
    while lock is not None:
        Guarding(folder, own).run()
        os.close(lock)
        # Whoever wrote a lease while we still had the lock took us to be there: so we are.
        left = read_lease(folder)
        ends = left is None or is_over(left) or is_relieved(folder, own)
        lock = None if ends else _locked(folder)
    return 0


def _lock_of(folder: Path) -> int | None:
    """Asked for again for a moment: somebody may only have looked whether it is taken."""
    for _ in range(_TRIES):
        lock = _locked(folder)
        if lock is not None:
            return lock
        time.sleep(_TRY_S)
    return None


def _locked(folder: Path) -> int | None:
    """A descriptor that holds the lock; None: somebody has it."""
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock


def _to_its_log(folder: Path) -> None:
    path = folder / LOG
    long = path.exists() and path.stat().st_size > _MOST_LOG_BYTES
    mode = os.O_TRUNC if long else os.O_APPEND
    log = os.open(path, os.O_WRONLY | os.O_CREAT | mode, 0o600)
    os.dup2(log, 2)
    os.close(log)


if __name__ == "__main__":
    sys.exit(main())
