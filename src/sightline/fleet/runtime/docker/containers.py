"""A container as it is asked for: its name, its labels, and all else that Docker is told. Pure.

What was asked for is kept in a label, part by part as hashes (`Shape`), and compared with what Docker says
that the container is: so whoever changes a limit or a network by hand is found out, also by the next agent.

A container is given no right that it does not need: no capability, no way to get one, nothing of the machine
but what it is to see, and the user who owns its files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeAlias

from sightline.fleet.runtime.naming import slug
from sightline.fleet.runtime.promise import RunSpec

LABEL: Final = "org.sightline."
NODE: Final = f"{LABEL}node"
PREFIX: Final = f"{LABEL}prefix"
INSTANCE: Final = f"{LABEL}instance"
DIGEST: Final = f"{LABEL}digest"
GENERATION: Final = f"{LABEL}generation"
EXCLUSIVE: Final = f"{LABEL}exclusive"
MAY_END: Final = f"{LABEL}may-end"
CAMERAS: Final = f"{LABEL}cameras"
STOP_S: Final = f"{LABEL}stop-s"
SHAPE: Final = f"{LABEL}shape"
YES: Final = "yes"

Shape: TypeAlias = dict[str, str]
"""Hashes of the parts of a container, by words for people: "memory limit"."""

_MIB: Final = 1 << 20
_NANO: Final = 1_000_000_000
_HASH_CHARACTERS: Final = 16
_OF_THE_IMAGE: Final = "image"


@dataclass(frozen=True, kw_only=True)
class DockerSettings:
    """How containers of an agent are made.

    Attributes:
        node: the agent's number; no agent touches containers of another's.
        prefix: the beginning of their names; on one engine each agent needs its own.
        image, network: of instances that have none of their own; a network is "host", "none" or a name.
        address: of the engine; None: where DOCKER_HOST says, else the usual socket.
        pull: an image that is not there may be fetched from its registry.
        gpus: the machine has graphics cards, and Docker what it takes to give them.
        shares: files and folders of the machine that each container sees, to be read only: models, clips.
        user: whom their programs run as; None: the owner of the instance's files, which no other user can
            read; "image": as the image has it.
        capabilities: what they are given of root's rights.
        shm_mib: the size of `/dev/shm`.
        log_mib: what is kept of what each writes.
        call_s: how long Docker may take to answer.
    """

    node: str
    prefix: str = "sightline"
    image: str | None = None
    network: str = "host"
    address: str | None = None
    pull: bool = False
    gpus: bool = False
    shares: Sequence[Path] = ()
    user: str | None = None
    capabilities: Sequence[str] = ()
    shm_mib: int = 256
    log_mib: int = 20
    call_s: float = 15.0


def container_name(settings: DockerSettings, name: str) -> str:
    return f"{settings.prefix}-{slug(name)}"


def own_labels(settings: DockerSettings) -> list[str]:
    """What Docker is asked for to find those of this agent, and of no other."""
    return [f"{NODE}={settings.node}", f"{PREFIX}={settings.prefix}"]


def labels_of(spec: RunSpec, settings: DockerSettings, shape: Shape) -> dict[str, str]:
    return {
        **spec.labels,
        NODE: settings.node,
        PREFIX: settings.prefix,
        INSTANCE: spec.name,
        DIGEST: spec.digest,
        GENERATION: str(spec.generation),
        EXCLUSIVE: YES if spec.exclusive else "no",
        MAY_END: YES if spec.may_end else "no",
        CAMERAS: json.dumps(list(spec.cameras)),
        STOP_S: f"{spec.stop_s:g}",
        SHAPE: json.dumps(shape),
    }


def network_of(spec: RunSpec, settings: DockerSettings) -> str:
    return spec.network or settings.network


def host_settings(spec: RunSpec, settings: DockerSettings) -> dict[str, Any]:
    """As `APIClient.create_host_config` takes them, but for mounts and cards, which have classes there."""
    limits = spec.limits
    memory = None if limits.memory_mib is None else limits.memory_mib * _MIB
    return {
        "network_mode": network_of(spec, settings),
        "restart_policy": {"Name": restart_of(spec)},
        "nano_cpus": None if limits.cpus is None else round(limits.cpus * _NANO),
        "mem_limit": memory,
        "memswap_limit": memory,  # no swap: it would be slow for all
        "cap_drop": ["ALL"],
        "cap_add": list(settings.capabilities),
        "security_opt": ["no-new-privileges"],
        "privileged": False,
        "shm_size": settings.shm_mib * _MIB,
        "log_config": {
            "Type": "json-file",
            "Config": {"max-size": f"{max(1, settings.log_mib // 2)}m", "max-file": "2"},
        },
    }


def restart_of(spec: RunSpec) -> str:
    """While there is no agent, Docker begins again what may run twice for a moment and has not ended well.

    Not "unless-stopped": an engine that was killed takes what it finds at its next begin for stopped by hand.
    """
    if spec.exclusive:
        return "no"
    return "on-failure" if spec.may_end else "always"


def mounts_of(spec: RunSpec, settings: DockerSettings) -> list[tuple[str, bool]]:
    """Places of the machine that it sees at the same place, and whether it may only read them."""
    writable = [*spec.writes, *([spec.work] if spec.work else [])]
    readable = {*settings.shares, *spec.reads, *([spec.folder] if spec.folder else [])}
    return sorted([*((str(path), False) for path in writable), *((str(path), True) for path in readable)])


def user_of(spec: RunSpec, settings: DockerSettings) -> str | None:
    """None: as the image has it."""
    if settings.user is not None:
        return None if settings.user == _OF_THE_IMAGE else settings.user
    owned = spec.folder or spec.work
    if owned is None:
        return None
    there = owned.stat()
    return f"{there.st_uid}:{there.st_gid}"


def asked_shape(spec: RunSpec, settings: DockerSettings, image: Mapping[str, Any], user: str | None) -> Shape:
    """Of what is asked for; `image` as Docker describes it."""
    config = image.get("Config") or {}
    environment = _environment(config.get("Env")) | dict(spec.environment)
    host = host_settings(spec, settings)
    return _hashes(
        {
            "image": image["Id"],
            "command": list(spec.command) or list(config.get("Cmd") or []),
            "environment": environment,
            "user": config.get("User") or "" if user is None else user,
            "mounts": [list(mount) for mount in mounts_of(spec, settings)],
            "network": host["network_mode"],
            "restart policy": host["restart_policy"]["Name"],
            "cpu limit": host["nano_cpus"] or 0,
            "memory limit": host["mem_limit"] or 0,
            "rights": [False, sorted(settings.capabilities)],
        }
    )


def found_shape(container: Mapping[str, Any]) -> Shape:
    """Of a container as Docker describes it."""
    config, host = container["Config"], container["HostConfig"]
    binds = (mount for mount in container.get("Mounts") or () if mount.get("Type") == "bind")
    mounts = sorted((mount["Source"], not mount["RW"]) for mount in binds)
    capabilities = [one.removeprefix("CAP_") for one in host.get("CapAdd") or ()]
    return _hashes(
        {
            "image": container["Image"],
            "command": list(config.get("Cmd") or []),
            "environment": _environment(config.get("Env")),
            "user": config.get("User") or "",
            "mounts": [list(mount) for mount in mounts],
            "network": _network(container),
            "restart policy": (host.get("RestartPolicy") or {}).get("Name") or "no",
            "cpu limit": host.get("NanoCpus") or 0,
            "memory limit": host.get("Memory") or 0,
            "rights": [bool(host.get("Privileged")), sorted(capabilities)],
        }
    )


def drift_of(labels: Mapping[str, str], container: Mapping[str, Any]) -> str:
    """The parts that are not as they were asked for; "" if all are."""
    try:
        asked = json.loads(labels.get(SHAPE, ""))
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        return "labels"
    found = found_shape(container)
    return ", ".join(part for part, hashed in found.items() if asked.get(part) != hashed)


def _network(container: Mapping[str, Any]) -> str:
    """The one that it was made with; where it was put into others, or taken out of that, all that it has."""
    mode: str = container["HostConfig"].get("NetworkMode") or ""
    networks = sorted(container.get("NetworkSettings", {}).get("Networks") or ())
    return mode if networks in ([mode], []) else f"{mode} and {networks}"


def _environment(entries: Sequence[str] | None) -> dict[str, str]:
    return dict(entry.partition("=")[::2] for entry in entries or ())


def _hashes(parts: Mapping[str, Any]) -> Shape:
    return dict(_hashed(parts))


def _hashed(parts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in parts.items():
        text = json.dumps(value, sort_keys=True)
        yield name, sha256(text.encode()).hexdigest()[:_HASH_CHARACTERS]
