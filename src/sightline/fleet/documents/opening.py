"""What an agent makes of the message that tells it what to run: instances whole again, each with its digest.

Promises: an instance whose meaning is the same has the same digest, whatever else of the message changed;
one whose cameras, logins or settings changed has another one. A worker is made anew for a new term, which its
results carry; DeepStream knows of none. What only says how an agent goes about it (`ready_s` and the like)
and the number of a row change no digest. What is opened is told to the redactor; `Desired.document` is the
message as it came, its logins sealed, and opens again.

Deliberately not here: whether its files can be made; that is seen when they are.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

import msgspec
from pydantic import ValidationError

from sightline.deepstream.importing.logins import take_login, written_password
from sightline.errors import ConfigError, FleetError
from sightline.fleet.deciding.agent.desired import Desired, DesiredInstance
from sightline.fleet.documents.building import SEAL
from sightline.fleet.documents.secret_parts import Secret, put_back, texts
from sightline.fleet.keys.identity import Identity
from sightline.fleet.messages.parts import FleetDsInstance, NodeConfig, WorkerInstance
from sightline.fleet.messages.topics import AgentConfig
from sightline.log import hide_secret

_OF_NO_MATTER: Final = frozenset({"generation", "ready_s", "settle_s", "one_at_a_time"})
_Instance = FleetDsInstance | WorkerInstance


def open_config(config: AgentConfig, identity: Identity, node_id: UUID) -> Desired:
    """What the agent `node_id` is to run by this message.

    Raises:
        FleetError: it says nothing of this agent, its logins are sealed for another one, or it is no whole.
    """
    node = _own(config, node_id)
    secrets = _opened(node.sealed, identity, node_id)
    found: list[_Instance] = [*node.node_config_list, *node.worker_list]
    names = Counter(each.name for each in found)
    for name in names | secrets.keys():
        if names[name] != 1:
            raise FleetError(
                f"expected instance {name!r} once in a configuration, got it {names[name]} times"
            )
    whole = {each.name: _whole(each, secrets.get(each.name, [])) for each in found}
    document = AgentConfig(agent_info_list=[node]).to_json()
    instances = {name: _desired(instance) for name, instance in whole.items()}
    return Desired(generation=node.generation, instances=instances, document=document)


def open_document(document: bytes, identity: Identity, node_id: UUID) -> Desired:
    """That of `Desired.document`. Raises FleetError, WireError."""
    return open_config(AgentConfig.from_json(document), identity, node_id)


class _OfNode(msgspec.Struct):
    node_id: str
    generation: int = 0


class _Outline(msgspec.Struct):
    agent_info_list: list[_OfNode]


def generation_of(value: bytes, node_id: UUID) -> int:
    """That of what may be a configuration of another version, as far as it can be told; 0: it cannot."""
    try:
        outline = msgspec.json.decode(value, type=_Outline)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return 0
    return max((one.generation for one in outline.agent_info_list if one.node_id == str(node_id)), default=0)


def own_generation(nodes: Iterable[NodeConfig], node_id: UUID) -> int:
    """The newest that is said of this agent; 0: nothing is."""
    return max((node.generation for node in nodes if node.node_id == node_id), default=0)


def digest_of(instance: FleetDsInstance | WorkerInstance) -> str:
    """Of all that makes an instance what it is.

    Defaults are left out of it, so that an agent of a newer version, which knows more of them, begins nothing
    anew.
    """
    said: dict[str, Any] = instance.model_dump(mode="json", exclude_defaults=True)
    left_out = _OF_NO_MATTER | ({"terms"} if isinstance(instance, FleetDsInstance) else frozenset())
    run = {key: value for key, value in said.pop("run", {}).items() if key not in left_out}
    kind = type(instance).__name__
    canonical = json.dumps([kind, said, run], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode(errors="surrogatepass")).hexdigest()


def _own(config: AgentConfig, node_id: UUID) -> NodeConfig:
    own = [node for node in config.agent_info_list if node.node_id == node_id]
    if len(own) != 1:
        raise FleetError(f"expected a configuration to name agent {node_id} once, got it {len(own)} times")
    return own[0]


def _opened(sealed: str, identity: Identity, node_id: UUID) -> dict[str, list[Secret]]:
    if not sealed:
        return {}
    try:
        data = identity.open(base64.b64decode(sealed, validate=True), SEAL + str(node_id).encode())
        return msgspec.json.decode(data, type=dict[str, list[Secret]])
    except (binascii.Error, msgspec.DecodeError, RecursionError):
        raise FleetError("expected the sealed logins of a configuration, got something else") from None


def _whole(instance: _Instance, secrets: list[Secret]) -> _Instance:
    if not secrets:
        return instance
    for _, value in secrets:
        _hide(value)
    try:
        return type(instance).model_validate(put_back(instance.model_dump(mode="json"), secrets))
    except (ConfigError, ValidationError):  # neither is shown: it may be of a password
        raise FleetError(f"instance {instance.name!r} is none with its logins") from None


def _hide(value: Any) -> None:
    for text in texts(value):
        login = take_login(text)
        hide_secret(text if login.url == text else login.password or "")
        hide_secret(written_password(text) or "")


def _desired(instance: _Instance) -> DesiredInstance:
    run = instance.run
    return DesiredInstance(
        name=instance.name,
        digest=digest_of(instance),
        generation=run.generation,
        exclusive=run.exclusive,
        one_at_a_time=run.one_at_a_time,
        ready_s=run.ready_s,
        settle_s=run.settle_s,
        terms=dict(run.terms),
        payload=instance,
    )
