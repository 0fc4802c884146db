"""The folder of one agent: who it is, whom it believes, and that it is the only one there.

    agent.lock     held as long as an agent runs here
    node_id        the number that it goes by, made once
    identity       its keys (0600), made once
    coordinator    the public keys of the coordinator that it believes: those of its first token
    boot           the number of its last begin
    stages/        what it was told (`disk`)
    instances/     files of what runs (`runtime.preparing`)
    lease.json     for the guard (`runtime.lease`)
    given.json     what may run without an agent (`given`)

Deliberately not here: what stands in the last four.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final, Self
from uuid import UUID, uuid4

from sightline.clock import NS_PER_MS, Clock
from sightline.errors import ConfigError, WireError
from sightline.fleet.keys.identity import Identity, PublicKey
from sightline.fleet.keys.private_file import make_private, read_private
from sightline.fleet.keys.tokens import Token

_MOST_BYTES: Final = 1024


class StateFolder:
    """See the module. One at a time for a folder; a `with` block closes it.

    Attributes:
        is_new: no agent began here before.

    Raises:
        ConfigError: another agent runs here, or something in it is not as it is to be.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.is_new = not (self.path / "boot").exists()
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)
            self._lock = _locked(self.path / "agent.lock")
        except OSError as error:
            raise ConfigError(f"cannot use the folder {self.path}: {error.strerror}") from None
        try:
            self.node_id = self._node_id()
            self.identity = Identity.load_or_make(self.path / "identity")
        except ConfigError:
            os.close(self._lock)
            raise
        self.stages = self.path / "stages"
        self.instances = self.path / "instances"

    def coordinator(self, token: Token | None) -> PublicKey:
        """Whom to believe: the coordinator of the first token that there was.

        Raises:
            ConfigError: there was none yet, or this one is another coordinator's.
        """
        path = self.path / "coordinator"
        if token is not None:
            make_private(path, f"{token.coordinator}\n".encode())
        text = read_private(path, _MOST_BYTES)
        if text is None:
            raise ConfigError(
                "expected an enrolment token, as this agent is in no fleet yet: --token-file, or "
                "SIGHTLINE_AGENT_TOKEN; `sightline fleet token` makes one"
            )
        try:
            known = PublicKey.parse(text.decode("ascii", "replace").strip())
        except WireError as error:
            raise ConfigError(f"{path}: {error}") from None
        if token is not None and token.coordinator != known:
            raise ConfigError(
                f"expected a token of the coordinator that this agent believes, got another one's; to leave "
                f"its fleet for that one, remove {path}"
            )
        return known

    def next_boot(self, clock: Clock) -> int:
        """A number above those of all begins before: the UTC millisecond, or more. Raises ConfigError."""
        path = self.path / "boot"
        try:
            last = int(path.read_text("ascii"))
        except (OSError, ValueError):  # the clock alone will do, as long as nobody sets it back
            last = 0
        boot = max(clock.utc_ns() // NS_PER_MS, last + 1)
        new = self.path / "boot.new"
        try:
            new.write_text(str(boot), "ascii")
            new.replace(path)
        except OSError as error:
            raise ConfigError(f"cannot write {path}: {error.strerror}") from None
        return boot

    def close(self) -> None:
        """Another agent may begin here. Once."""
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _node_id(self) -> UUID:
        path = self.path / "node_id"
        make_private(path, f"{uuid4()}\n".encode())
        text = (read_private(path, _MOST_BYTES) or b"").decode("ascii", "replace").strip()
        try:
            found = UUID(text)
        except ValueError:
            found = None
        if found is None or found.version != 4:
            raise ConfigError(
                f"expected {path} to hold a random UUID (version 4); to have a new one, remove it"
            )
        return found


def _locked(path: Path) -> int:
    """Raises ConfigError where somebody has it, OSError where it cannot be made."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise ConfigError(
            f"expected no other agent with the folder {path.parent}: one runs already; give this one another "
            "--state"
        ) from None
    return lock
