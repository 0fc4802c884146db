"""Adding services to this machine: the commands of their rows, run as root, the package lists read once."""

import os
import shutil
import subprocess
from collections.abc import Sequence

from tools.services.service import Command, Service

UPDATE: Command = ("apt-get", "update")


class CannotInstall(RuntimeError):
    """What is missing was not added. The message says why, and what to do about it."""


def plan(services: Sequence[Service]) -> list[Command]:
    """The commands that add these services, in order, with `apt-get update` first where one needs it."""
    commands = [command for service in services for command in service.install]
    update = any(command[0] == UPDATE[0] for command in commands)
    return [UPDATE, *commands] if update else commands


def install(services: Sequence[Service]) -> None:
    """Adds those of the services that are missing.

    Raises:
        CannotInstall: not run as root, a command is not known here or fails, or a service is still not found.
    """
    lacking = [service for service in services if service.find() is None]
    commands = plan(lacking)
    if commands and os.geteuid() != 0:
        by_hand = " && ".join(service.install_commands() for service in lacking)
        raise CannotInstall(f"only root may install; by hand:\n  sudo sh -c '{by_hand}'")
    for command in commands:
        _run(command)
    if still := [service.name for service in lacking if service.find() is None]:
        raise CannotInstall(f"installed without an error, and yet not found: {', '.join(still)}")


def _run(command: Command) -> None:
    if shutil.which(command[0]) is None:
        raise CannotInstall(f"{command[0]}: not found on this machine; it was to run: {' '.join(command)}")
    done = subprocess.run(command, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, check=False)
    if done.returncode != 0:
        raise CannotInstall(f"ended with {done.returncode}: {' '.join(command)}")
