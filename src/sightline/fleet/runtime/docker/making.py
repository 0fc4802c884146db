"""Makes a container of a `RunSpec`; it is not begun yet. What it is asked for stands in `containers`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from docker.types import DeviceRequest, Mount

from sightline.errors import RuntimeFault
from sightline.fleet.runtime.docker.containers import (
    DockerSettings,
    asked_shape,
    container_name,
    host_settings,
    labels_of,
    mounts_of,
    network_of,
    user_of,
)
from sightline.fleet.runtime.docker.engine import Engine, Missing, Taken
from sightline.fleet.runtime.promise import RunSpec

Inspected = Mapping[str, Any]
_OF_DOCKER: Final = ("host", "none", "bridge")
_PULL_S: Final = 1800.0


class Making:
    """Of one agent's containers."""

    def __init__(self, engine: Engine, settings: DockerSettings) -> None:
        self._engine = engine
        self._settings = settings

    def image(self, spec: RunSpec) -> Inspected:
        """As Docker describes it. Raises RuntimeFault where it is not there, and may not be fetched."""
        name = spec.image or self._settings.image
        if name is None:
            raise RuntimeFault(
                f"instance {spec.name!r}: expected an image, got none: set IMAGE_NAME in the agent's "
                "settings, or an image of the instance's own"
            )
        try:
            return self._inspected(self._engine, name)
        except Missing:
            if not self._settings.pull:
                raise RuntimeFault(
                    f"instance {spec.name!r}: image {name} is not on this machine: build it here, or fetch "
                    f"it by `docker pull {name}`, or let the agent do so by its setting `pull`"
                ) from None
        return self._pulled(spec, name)

    def check_network(self, spec: RunSpec) -> None:
        """Raises RuntimeFault where it is not there."""
        name = network_of(spec, self._settings)
        if name in _OF_DOCKER:
            return
        try:
            self._engine.ask(f"network {name}", lambda client: client.inspect_network(name))
        except Missing:
            raise RuntimeFault(
                f"instance {spec.name!r}: network {name} is not on this machine: make it by "
                f"`docker network create {name}`, or name another"
            ) from None

    def make(self, spec: RunSpec, image: Inspected) -> str:
        """The id of the container. Raises RuntimeFault."""
        name = container_name(self._settings, spec.name)
        try:
            asked = self._asked(spec, image)
        except OSError as error:
            raise RuntimeFault(f"instance {spec.name!r}: {error.filename}: {error.strerror}") from None
        try:
            made = self._engine.ask(
                f"make {spec.name!r}",
                lambda client: client.create_container(
                    image["Id"],
                    name=name,
                    host_config=client.create_host_config(**self.host(spec)),
                    **asked,
                ),
            )
        except Taken as error:
            raise RuntimeFault(
                f"instance {spec.name!r}: the name {name} is taken by a container that is not this agent's: "
                f"give each agent of an engine a prefix of its own ({error})"
            ) from None
        return str(made["Id"])

    def _inspected(self, engine: Engine, name: str) -> Inspected:
        image: Inspected = engine.ask(f"image {name}", lambda client: client.inspect_image(name))
        return image

    def _pulled(self, spec: RunSpec, name: str) -> Inspected:
        pulling = Engine(self._settings.address, call_s=_PULL_S)
        try:
            pulling.ask(f"fetching image {name}", lambda client: _pull(client, name))
            return self._inspected(pulling, name)
        except RuntimeFault as error:
            raise RuntimeFault(f"instance {spec.name!r}: image {name} cannot be fetched: {error}") from None
        finally:
            pulling.close()

    def _asked(self, spec: RunSpec, image: Inspected) -> dict[str, Any]:
        """As `APIClient.create_container` takes it. Raises OSError."""
        user = user_of(spec, self._settings)
        shape = asked_shape(spec, self._settings, image, user)
        return {
            "command": list(spec.command) or None,
            "user": user,
            "environment": dict(spec.environment),
            "working_dir": str(spec.work) if spec.work else None,
            "labels": labels_of(spec, self._settings, shape),
            # With none, deepstream-app reads the end of its keyboard 25 times a second, and says so.
            "stdin_open": True,
            "stop_signal": spec.stop_signal,
        }

    def host(self, spec: RunSpec) -> dict[str, Any]:
        """As `APIClient.create_host_config` takes it."""
        cards = spec.limits.gpus
        return {
            **host_settings(spec, self._settings),
            "mounts": [
                Mount(target=place, source=place, type="bind", read_only=read_only)
                for place, read_only in mounts_of(spec, self._settings)
            ],
            "device_requests": [DeviceRequest(count=cards, capabilities=[["gpu"]])] if cards else None,
        }


def _pull(client: Any, name: str) -> None:
    repository, _, tag = name.rpartition(":")
    if not repository or "/" in tag:
        repository, tag = name, "latest"
    for line in client.pull(repository, tag=tag, stream=True, decode=True):
        if "error" in line:
            raise RuntimeFault(str(line["error"]))
