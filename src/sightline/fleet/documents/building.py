"""Of what was decided and of what users said: the message that tells one agent all that it is to run.

Promises: no login is in it but in `NodeConfig.sealed`, which opens for the agent's own key alone; the same
share of the same sources says the same. What cannot be made of one instance leaves that out, and of one
camera that camera; each is told by name, and all others are in.

Deliberately not here: deciding what runs where, and whether a worker's site is right beyond its shape: its
models are on the agents' machines.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

import msgspec
from pydantic import ValidationError

from sightline.deepstream.generating.addresses import has_login, with_login
from sightline.errors import ConfigError, SightlineError
from sightline.fleet.deciding.coordinator.actions import CameraShare, InstanceShare, NodeShare
from sightline.fleet.documents.narrowing import narrowed
from sightline.fleet.documents.secret_parts import Json, Secret, taken_out
from sightline.fleet.documents.sources import CameraSource, InstanceSource, Sources
from sightline.fleet.keys.identity import PublicKey
from sightline.fleet.messages.parts import FleetDsInstance, NodeConfig, WorkerInstance, wrong_in
from sightline.fleet.messages.topics import AgentConfig
from sightline.log import redact

SEAL: Final = b"sightline fleet logins 1 "
"""The purpose of the seal of an agent's logins; its node_id stands behind it."""


class Mistake(msgspec.Struct, frozen=True):
    """What could not be made, and why. `camera_id` "": the whole instance."""

    instance: str
    reason: str
    camera_id: str = ""


class Built(msgspec.Struct, frozen=True):
    """A message for one agent, and what is not in it."""

    config: AgentConfig
    mistakes: tuple[Mistake, ...] = ()


def config_for(share: NodeShare, sources: Sources, *, hostname: str, key: PublicKey) -> Built:
    """What tells the agent `share.node_id`, whose public key this is, what it is to run.

    Raises:
        WireError: nothing can be sealed for this key.
    """
    making = _Making(sources)
    found = [making.instance(one) for one in share.instances]
    config = NodeConfig(
        hostname=hostname,
        node_id=share.node_id,
        generation=share.generation,
        node_config_list=[each for each in found if isinstance(each, FleetDsInstance)],
        worker_list=[each for each in found if isinstance(each, WorkerInstance)],
        sealed=_sealed(making.secrets, share.node_id, key),
    )
    return Built(AgentConfig(agent_info_list=[config]), tuple(making.mistakes))


def _sealed(secrets: dict[str, list[Secret]], node_id: UUID, key: PublicKey) -> str:
    if not secrets:
        return ""
    return base64.b64encode(key.seal(msgspec.json.encode(secrets), SEAL + str(node_id).encode())).decode()


class _Making:
    """Makes one instance after the other, and keeps what was wrong and what is secret."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self.secrets: dict[str, list[Secret]] = {}
        self.mistakes: list[Mistake] = []

    def instance(self, one: InstanceShare) -> FleetDsInstance | WorkerInstance | None:
        try:
            return self._instance(one)
        except (SightlineError, ValidationError, TypeError, ValueError) as error:
            self.secrets.pop(one.name, None)
            self._wrong(one.name, error)
            return None

    def _instance(self, one: InstanceShare) -> FleetDsInstance | WorkerInstance:
        source = self._sources.instances.get(one.name)
        if source is None:
            raise ConfigError("expected an instance that was applied, it is not known")
        if source.kind == "worker":
            return self._worker(one, source)
        if source.kind == "deepstream":
            return self._deepstream(one, source)
        raise ConfigError(f"expected the kind deepstream or worker, got {source.kind[:30]!r}")

    def _deepstream(self, one: InstanceShare, source: InstanceSource) -> FleetDsInstance:
        cameras = self._cameras(one, _as_source)
        config = {**source.config, "sourceconfig": {"sources": [made for _, made in cameras]}}
        return FleetDsInstance.model_validate(
            {
                "name": one.name,
                "config": self._open_part(one, "config", config),
                "debug": source.debug,
                "run": _run(one, source, [share for share, _ in cameras]),
            }
        )

    def _worker(self, one: InstanceShare, source: InstanceSource) -> WorkerInstance:
        if "cameras" in source.config:
            raise ConfigError("expected a site without cameras: those of the instance are put there")
        cameras = self._cameras(one, _as_camera)
        there = {share.camera_id: made for share, made in cameras}
        site = {**narrowed(source.config, there), "cameras": there}
        return WorkerInstance.model_validate(
            {
                "name": one.name,
                "site": self._open_part(one, "site", site),
                "debug": source.debug,
                "run": _run(one, source, [share for share, _ in cameras]),
            }
        )

    def _open_part(self, one: InstanceShare, name: str, whole: Json) -> Json:
        """What everybody may see of it; the rest is for the seal."""
        shown, secrets = taken_out(whole, (name,))
        if secrets:
            self.secrets[one.name] = secrets
        return shown

    def _cameras(
        self, one: InstanceShare, make: Callable[[CameraSource, int], Json]
    ) -> list[tuple[CameraShare, Json]]:
        found = []
        for share in one.cameras:
            try:
                source = self._sources.cameras.get(share.camera_id)
                if source is None:
                    raise ConfigError("expected a camera that was applied, it is not known")
                found.append((share, make(source, share.term)))
            except (SightlineError, TypeError, ValueError) as error:
                self._wrong(one.name, error, share.camera_id)
        if not found:
            raise ConfigError("expected at least one camera, it has none")
        return found

    def _wrong(self, instance: str, error: Exception, camera_id: str = "") -> None:
        reason = wrong_in(error) if isinstance(error, ValidationError) else redact(str(error))
        self.mistakes.append(Mistake(instance, reason, camera_id))


def _run(one: InstanceShare, source: InstanceSource, cameras: list[CameraShare]) -> Json:
    return {
        **source.run.model_dump(mode="json"),
        "generation": one.generation,
        "exclusive": one.exclusive,
        "terms": {camera.camera_id: camera.term for camera in cameras},
    }


def _as_source(camera: CameraSource, _term: int) -> Json:
    """A source of DeepStream's, its login in the address."""
    address = camera.address
    if camera.username is not None or camera.password is not None:
        if has_login(address):
            raise ConfigError("expected an address without a login, as the camera has one beside it")
        address = with_login(address, camera.username or "", camera.password or "")
    return {
        "camera_id": camera.camera_id,
        "address": address,
        "encode_type": camera.encode_type,
        "type": camera.type,
    }


def _as_camera(camera: CameraSource, term: int) -> dict[str, Any]:
    """A camera of a site file."""
    login = {"username": camera.username, "password": camera.password}
    given = {name: value for name, value in login.items() if value is not None}
    return {**camera.settings, "url": camera.address, **given, "term": term}
