"""An agent's runtimes, made of its settings. What each needs is imported where there is one to be made."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from sightline.errors import MissingExtra
from sightline.fleet.agent.about import cards, runtimes
from sightline.fleet.agent.files import Prepares
from sightline.fleet.agent.settings import AgentSettings
from sightline.fleet.runtime.promise import Runtime

if TYPE_CHECKING:
    from sightline.fleet.runtime.preparing import Programs


class Equipment(NamedTuple):
    """What an agent runs instances with.

    Attributes:
        runtimes: by name.
        preparing: makes instances ready for them.
    """

    runtimes: Mapping[str, Runtime]
    preparing: Prepares


def equipment(settings: AgentSettings, node_id: UUID, folder: Path, opened: ExitStack) -> Equipment:
    """That of its settings, until `opened` is closed; files of instances in `folder`. Raises MissingExtra."""
    from sightline.fleet.runtime.preparing import Preparing  # noqa: PLC0415 - not for `up`
    from sightline.fleet.runtime.viewed_site import view_bus  # noqa: PLC0415

    made = {name: opened.enter_context(make_runtime(name, settings, node_id)) for name in runtimes(settings)}
    preparing = Preparing(folder, programs(settings), view=view_bus(settings.bus, settings.prefix))
    return Equipment(made, preparing)


def make_runtime(name: str, settings: AgentSettings, node_id: UUID) -> Runtime:
    """Raises MissingExtra."""
    gpus = bool(cards(settings))
    if name == "process":
        from sightline.fleet.runtime.process.runtime import ProcessRuntime  # noqa: PLC0415 - where it is used

        return ProcessRuntime(gpus=gpus)
    return _docker(settings, node_id, gpus=gpus)


def _docker(settings: AgentSettings, node_id: UUID, *, gpus: bool) -> Runtime:
    try:
        from sightline.fleet.runtime.docker.containers import DockerSettings  # noqa: PLC0415 - see the module
        from sightline.fleet.runtime.docker.runtime import DockerRuntime  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name != "docker":
            raise
        raise MissingExtra(
            "docker is not installed; it comes with: pip install 'sightline[fleet]'"
        ) from error
    return DockerRuntime(
        DockerSettings(
            node=str(node_id),
            prefix=settings.container_prefix,
            image=settings.image_name,
            network=settings.network,
            address=settings.docker,
            pull=settings.pull,
            gpus=gpus,
            shares=settings.shares,
            user=settings.user,
            capabilities=settings.capabilities,
            shm_mib=settings.shm_mib,
            log_mib=settings.log_mib,
        )
    )


def programs(settings: AgentSettings) -> Programs:
    """What instances are begun with."""
    from sightline.fleet.runtime.preparing import Programs  # noqa: PLC0415 - see above

    return Programs(
        deepstream=settings.deepstream,
        deepstream_image=settings.deepstream_image,
        worker_image=settings.worker_image,
    )
