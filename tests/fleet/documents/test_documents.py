"""What the coordinator says and an agent makes of it: the same, and no login for anybody else."""

import base64
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, quote_plus, unquote
from uuid import uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fleet.documents.shares import DEEPSTREAM, NODE, WORKER, nodes

from sightline.errors import FleetError
from sightline.fleet.deciding.coordinator.actions import CameraShare, InstanceShare, NodeShare
from sightline.fleet.documents.building import Built, config_for
from sightline.fleet.documents.opening import open_config, open_document
from sightline.fleet.documents.secret_parts import put_back, taken_out
from sightline.fleet.documents.sources import CameraSource, InstanceSource, Sources
from sightline.fleet.keys.identity import Identity
from sightline.fleet.messages.parts import FleetDsInstance, RunOptions, WorkerInstance
from sightline.fleet.messages.topics import AgentConfig
from sightline.log import REDACTOR, redact

AGENT, OTHER = Identity.made(), Identity.made()
GATE = CameraSource(
    camera_id="gate", address="rtsp://10.0.0.5/main", username="admin", password="ge#heim@4711 ü"
)
YARD = CameraSource(camera_id="yard", address="rtsp://10.0.0.6/live", settings={"transport": "udp"})


def built(share: NodeShare, sources: Sources) -> Built:
    return config_for(share, sources, hostname="one", key=AGENT.public)


def sources(*instances: InstanceSource, cameras: tuple[CameraSource, ...] = (GATE, YARD)) -> Sources:
    return Sources(
        cameras={each.camera_id: each for each in cameras}, instances={each.name: each for each in instances}
    )


def share(*instances: tuple[str, int, dict[str, int]], generation: int = 7) -> NodeShare:
    return NodeShare(
        node_id=NODE,
        generation=generation,
        instances=tuple(
            InstanceShare(name, of, False, tuple(CameraShare(each, 1, term) for each, term in terms.items()))
            for name, of, terms in instances
        ),
    )


WEST = InstanceSource(name="west", kind="deepstream", config=DEEPSTREAM)
LOOK = InstanceSource(name="look", kind="worker", config=WORKER)
BOTH = share(("west", 3, {"gate": 5, "yard": 1}), ("look", 4, {"gate": 6}))


def digests(of: NodeShare, *instances: InstanceSource, **more: Any) -> dict[str, str]:
    opened = open_config(built(of, sources(*(instances or (WEST, LOOK)), **more)).config, AGENT, NODE)
    return {name: instance.digest for name, instance in opened.instances.items()}


@given(nodes())
def test_what_was_meant_is_what_is_opened(of: tuple[NodeShare, Sources]) -> None:
    node, there = of
    made = built(node, there)
    assert made.mistakes == ()
    opened = open_config(AgentConfig.from_json(made.config.to_json()), AGENT, NODE)
    assert opened.generation == node.generation
    assert opened.instances.keys() == {one.name for one in node.instances}
    for one in node.instances:
        instance, source = opened.instances[one.name], there.instances[one.name]
        assert (instance.generation, instance.exclusive) == (one.generation, one.exclusive)
        assert instance.terms == {camera.camera_id: camera.term for camera in one.cameras}
        assert (instance.ready_s, instance.one_at_a_time) == (source.run.ready_s, source.run.one_at_a_time)
        for camera in one.cameras:
            _opens_as_meant(instance.payload, there.cameras[camera.camera_id], camera.term)


def _opens_as_meant(payload: object, camera: CameraSource, term: int) -> None:
    login = (camera.username, camera.password)
    if isinstance(payload, FleetDsInstance):
        (found,) = [
            each for each in payload.config.sourceconfig.sources if each.camera_id == camera.camera_id
        ]
        address = found.address
        assert address.unicode_string().rpartition("@")[2].endswith(camera.address.removeprefix("rtsp://"))
        spoken = (
            address.username and unquote(address.username),
            address.password and unquote(address.password),
        )
        assert spoken == login
    else:
        assert isinstance(payload, WorkerInstance)
        there: Any = payload.site["cameras"]
        said = there[camera.camera_id]
        assert (said["url"], said["term"]) == (camera.address, term)
        assert (said.get("username"), said.get("password")) == login
        assert said.items() >= camera.settings.items()


@given(nodes())
def test_a_kept_document_opens_as_the_message_did(of: tuple[NodeShare, Sources]) -> None:
    opened = open_config(built(*of).config, AGENT, NODE)
    again = open_document(opened.document, AGENT, NODE)
    assert again.instances == opened.instances
    assert again.generation == opened.generation


def forms(password: str) -> Iterator[str]:
    yield from (password, quote(password), quote(password, safe=""), quote_plus(password))
    yield from (json.dumps(password)[1:-1], json.dumps(password, ensure_ascii=False)[1:-1])
    yield base64.b64encode(password.encode()).decode()[:-4]


@given(nodes())
def test_no_password_is_in_any_byte_that_is_published_or_kept(of: tuple[NodeShare, Sources]) -> None:
    made = built(*of)
    opened = open_config(made.config, AGENT, NODE)
    for data in (made.config.to_json(), opened.document, repr(made).encode(), repr(of[1].cameras).encode()):
        for camera in of[1].cameras.values():
            for form in forms(camera.password) if camera.password else ():
                assert form.encode() not in data


PLANTED = {
    "bus": "kafka://me:planted-1@10.0.0.9:9092?sasl=PLAIN",
    "workers": {
        "look": {
            "model": {"kind": "motion"},
            "sinks": [
                {
                    "kind": "webhook",
                    "url": "https://hooks.example/planted-2/go",
                    "secret": "planted-3-and-more",
                },
                {
                    "kind": "fields",
                    "token": "planted-4",
                    "url": "https://example",
                    "headers": {"x": ["planted-5"]},
                },
            ],
            "x-more": {
                "password": 4711_0006,
                "api_key": ["planted-7"],
                "note": "see rtsp://u:planted-8@host/",
            },
        }
    },
}


def test_secrets_are_sealed_wherever_they_stand() -> None:
    camera = CameraSource(
        camera_id="gate",
        address="rtsp://admin:planted-9@10.0.0.5/main",
        settings={"detect_url": "rtsp://admin:planted-9@10.0.0.5/sub", "password": "planted-10"},
    )
    there = sources(InstanceSource(name="look", kind="worker", config=PLANTED), WEST, cameras=(camera, YARD))
    made = built(BOTH, there)
    assert made.mistakes == ()
    data = made.config.to_json()
    assert b"planted" not in data
    assert b"47110006" not in data
    assert b"rtsp://10.0.0.5/sub" in data
    opened = open_config(AgentConfig.from_json(data), AGENT, NODE)
    payload = opened.instances["look"].payload
    assert {**payload.site, "cameras": None} == {**PLANTED, "cameras": None}
    assert payload.site["cameras"]["gate"]["detect_url"] == "rtsp://admin:planted-9@10.0.0.5/sub"
    for planted in ("planted-1", "planted-3-and-more", "planted-4", "planted-7", "planted-9", "planted-10"):
        assert planted not in redact(f"it is {planted} now")


def test_names_that_look_like_a_secret_are_still_names() -> None:
    camera = CameraSource(camera_id="token", address="rtsp://10.0.0.5/main")
    there = sources(
        InstanceSource(name="password=x", kind="worker", config=WORKER),
        InstanceSource(name="west", kind="deepstream", config=DEEPSTREAM),
        cameras=(camera,),
    )
    made = built(share(("password=x", 1, {"token": 3}), ("west", 1, {"token": 4})), there)
    assert made.mistakes == ()
    opened = open_config(made.config, AGENT, NODE)
    assert opened.instances["password=x"].terms == {"token": 3}
    assert opened.instances["west"].terms == {"token": 4}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["rtsp://u:p@h/", "token=1"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=5) | st.sampled_from(["password", "sinks", "kind", "url"]), inner, max_size=4
        )
    ),
    max_leaves=20,
)


@given(json_values)
def test_what_was_taken_out_is_put_back_where_it_was(document: Any) -> None:
    shown, secrets = taken_out(document)
    if secrets and secrets[0][0] == ():  # the document is one text
        return
    assert put_back(shown, secrets) == document
    assert REDACTOR.value(shown) == REDACTOR.value(put_back(shown, []))


def test_an_instance_is_another_one_only_where_something_of_it_changed() -> None:
    was = digests(BOTH)
    assert was["west"] != was["look"]
    for same in (
        share(("west", 8, {"gate": 5, "yard": 1}), ("look", 9, {"gate": 6}), generation=99),
        share(("look", 4, {"gate": 6}), ("west", 3, {"gate": 5, "yard": 1})),
        share(("west", 3, {"gate": 50, "yard": 10}), ("look", 4, {"gate": 6})),
    ):
        assert digests(same) == was
    patient = RunOptions(ready_s=5, settle_s=0, one_at_a_time=True)
    assert digests(BOTH, *(msgspec.structs.replace(each, run=patient) for each in (WEST, LOOK))) == was


def test_a_new_term_is_told_to_a_worker_and_not_to_deepstream() -> None:
    was, now = digests(BOTH), digests(share(("west", 3, {"gate": 6, "yard": 2}), ("look", 4, {"gate": 7})))
    assert now["west"] == was["west"]
    assert now["look"] != was["look"]


@pytest.mark.parametrize(
    "changed",
    [
        {"cameras": (msgspec.structs.replace(GATE, password="another"), YARD)},
        {"cameras": (msgspec.structs.replace(GATE, username="root"), YARD)},
        {"cameras": (msgspec.structs.replace(GATE, address="rtsp://10.0.0.7/main"), YARD)},
    ],
)
def test_a_camera_that_changed_makes_another_instance(changed: dict[str, Any]) -> None:
    was, now = digests(BOTH), digests(BOTH, **changed)
    assert now["west"] != was["west"]
    assert now["look"] != was["look"]


@pytest.mark.parametrize(
    "run", [RunOptions(image="other"), RunOptions(runtime="process"), RunOptions(network="a")]
)
def test_another_way_to_run_makes_another_instance(run: RunOptions) -> None:
    now = digests(BOTH, *(msgspec.structs.replace(each, run=run) for each in (WEST, LOOK)))
    assert not set(now.values()) & set(digests(BOTH).values())


def test_what_cannot_be_made_is_left_out_and_told_and_all_else_is_there() -> None:
    bad = InstanceSource(name="bad", kind="deepstream", config={"appconfig": {}, "mot_pgie": {"no": 1}})
    odd = InstanceSource(name="odd", kind="robot", config={})
    own = InstanceSource(name="own", kind="worker", config={**WORKER, "cameras": {}})
    of = share(
        ("west", 1, {"gate": 1, "lost": 2}),
        ("bad", 1, {"gate": 1}),
        ("odd", 1, {"gate": 1}),
        ("own", 1, {"gate": 1}),
        ("none", 1, {"gate": 1}),
        ("look", 1, {}),
    )
    made = built(of, sources(WEST, bad, odd, own, LOOK))
    opened = open_config(made.config, AGENT, NODE)
    assert opened.instances.keys() == {"west"}
    assert opened.instances["west"].terms == {"gate": 1}
    told = {(each.instance, each.camera_id): each.reason for each in made.mistakes}
    assert told.keys() == {("west", "lost"), *((name, "") for name in ("bad", "odd", "own", "none", "look"))}
    assert told["west", "lost"] == "expected a camera that was applied, it is not known"
    assert "kafka_connection_str" in told["bad", ""]
    assert "deepstream or worker, got 'robot'" in told["odd", ""]
    assert "a site without cameras" in told["own", ""]
    assert "at least one camera" in told["look", ""]


def test_a_camera_with_a_wrong_address_is_told_without_its_password() -> None:
    wrong = CameraSource(camera_id="gate", address="no scheme", username="admin", password="geheim4711")
    twice = CameraSource(
        camera_id="yard", address="rtsp://a:b@host/x", username="admin", password="geheim4711"
    )
    made = built(share(("west", 1, {"gate": 1, "yard": 1})), sources(WEST, cameras=(wrong, twice)))
    assert [each.camera_id for each in made.mistakes] == ["gate", "yard", ""]
    assert "geheim4711" not in repr(made)
    assert made.config.agent_info_list[0].node_config_list == []


# What comes from outside


def test_a_configuration_of_others_or_sealed_for_others_is_refused() -> None:
    config = built(BOTH, sources(WEST, LOOK)).config
    with pytest.raises(FleetError, match="once, got it 0 times"):
        open_config(config, AGENT, uuid4())
    with pytest.raises(FleetError, match="cannot open a seal"):
        open_config(config, OTHER, NODE)
    (node,) = config.agent_info_list
    twice = AgentConfig(agent_info_list=[node, node])
    with pytest.raises(FleetError, match="once, got it 2 times"):
        open_config(twice, AGENT, NODE)
    stranger = node.model_copy(update={"node_id": uuid4()})
    assert open_config(AgentConfig(agent_info_list=[stranger, node]), AGENT, NODE).instances.keys() == {
        "west",
        "look",
    }


def test_a_seal_that_is_changed_or_of_another_message_is_refused() -> None:
    (node,) = built(BOTH, sources(WEST, LOOK)).config.agent_info_list
    sealed = base64.b64decode(node.sealed)
    for at in (0, 40, len(sealed) - 1):
        changed = base64.b64encode(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]).decode()
        with pytest.raises(FleetError, match="cannot open a seal"):
            open_config(
                AgentConfig(agent_info_list=[node.model_copy(update={"sealed": changed})]), AGENT, NODE
            )
    for wrong in ("-", AGENT.public.seal(b"x", b"other").hex()):
        with pytest.raises(FleetError):
            open_config(AgentConfig(agent_info_list=[node.model_copy(update={"sealed": wrong})]), AGENT, NODE)
    fewer = node.model_copy(update={"worker_list": []})
    with pytest.raises(FleetError, match="instance 'look' once in a configuration, got it 0 times"):
        open_config(AgentConfig(agent_info_list=[fewer]), AGENT, NODE)
    doubled = node.model_copy(update={"worker_list": node.worker_list * 2})
    with pytest.raises(FleetError, match="got it 2 times"):
        open_config(AgentConfig(agent_info_list=[doubled]), AGENT, NODE)


def test_logins_that_have_no_place_are_refused_and_not_shown() -> None:
    (node,) = built(BOTH, sources(WEST, LOOK)).config.agent_info_list
    moved = node.model_copy(update={"worker_list": [node.worker_list[0].model_copy(update={"site": {}})]})
    with pytest.raises(FleetError, match=r"expected a place for a secret at site\.") as caught:
        open_config(AgentConfig(agent_info_list=[moved]), AGENT, NODE)
    assert "4711" not in str(caught.value)
