"""What pages show, made of rows: no server is needed for that."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.cockpit.views import camera_form, instance_form
from sightline.cockpit.views.forms import errors_at
from sightline.cockpit.views.listing import Listing
from sightline.cockpit.views.plans import plan_view
from sightline.cockpit.views.rows import Around, camera_line
from sightline.cockpit.views.texts import as_labels, as_yaml, read_labels, read_yaml
from sightline.fleet.deciding.coordinator.planning import CameraPlan, InstancePlan, NodePlan, Plan
from sightline.fleet.inventory import CameraSpec, Inventory
from sightline.fleet.store import Database
from sightline.fleet.store.refusals import Refused
from sightline.fleet.store.rows import CameraOut

MODELS = {"mot_pgie": {"labelfile_path": "/models/mot.txt"}, "face_pgie": {"labelfile_path": "/m/face.txt"}}
WORD = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20)
VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | WORD
    | st.sampled_from(["${A}", "$$", "a$b", "${", "on", "001"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORD, inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(WORD, VALUE, max_size=4))
def test_settings_as_text_come_back_as_the_same_values(values: dict[str, Any]) -> None:
    read = read_yaml(as_yaml(values), "settings")
    assert (read.values, read.mistakes) == (values, [])


@given(st.dictionaries(WORD, st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=4))
def test_labels_as_text_come_back_as_the_same_labels(labels: dict[str, str]) -> None:
    assert read_labels(as_labels(labels)) == (labels, [])


def test_an_alias_bomb_in_settings_is_a_mistake_with_its_line() -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{one}: &{one} [*{before}, *{before}, *{before}, *{before}, *{before}, *{before}, *{before}]\n"
        for before, one in zip("abcdefghi", "bcdefghij", strict=True)
    )
    (mistake,) = read_yaml(bomb, "settings").mistakes
    assert mistake.message.startswith("line ")


@given(st.dictionaries(st.sampled_from(["text", "enabled", "sort", "page", "size", "state"]), st.text()))
def test_whatever_stands_in_an_address_a_list_comes_of_it(query: dict[str, str]) -> None:
    listing = Listing("/cameras", query, filters=("text", "enabled", "state"), sorts=("id", "status"),
                      choices={"enabled": ("yes", "no")})  # fmt: skip
    listing.found(120)
    asked = listing.asked()
    assert 0 <= asked["offset"] < 120
    assert asked["limit"] >= 50
    assert asked["sort"].lstrip("-") in {"id", "status"}
    assert asked.get("enabled") in {None, True, False}


def test_another_filter_begins_at_the_first_page_and_keeps_the_rest() -> None:
    listing = Listing("/cameras", {"text": "a&b=ü", "page": "3", "sort": "-status"}, filters=("text",),
                      sorts=("id", "status"))  # fmt: skip
    assert listing.found(500)
    assert listing.at(page=4) == "/cameras?text=a%26b%3D%C3%BC&sort=-status&page=4"
    assert listing.sorted_by("status") == "/cameras?text=a%26b%3D%C3%BC&sort=status"
    assert not listing.found(10)
    assert listing.page == 1, "a page behind the last one is the last one"


@pytest.fixture
def camera(database: Database) -> CameraOut:
    database.cameras.add({
        "camera_id": "gate", "address": "rtsp://10.0.0.5/main?token=planted-secret", "username": "eye",
        "password": "planted-password", "settings": {"transport": "udp", "stall_after_s": 30.0},
        "labels": {"room": "hall"}, "width": 640,
    })  # fmt: skip
    return database.cameras.get("gate")


def test_a_camera_form_that_is_sent_as_it_was_changes_nothing(camera: CameraOut) -> None:
    texts = camera_form.camera_texts(camera)
    assert "planted" not in repr(texts)
    filled = camera_form.fill_camera(texts, camera)
    assert (filled.values, filled.mistakes) == ({}, [])


def test_a_login_in_an_address_goes_to_its_fields_and_does_not_come_back(camera: CameraOut) -> None:
    texts = {**camera_form.camera_texts(camera), "address": "rtsp://10.0.0.5:554/x", "username": ""}
    texts["address"] = texts["address"].replace("//", "//other:planted-new@")
    filled = camera_form.fill_camera(texts, camera)
    assert filled.values == {
        "address": "rtsp://10.0.0.5:554/x",
        "username": "other",
        "password": "planted-new",
    }
    assert "planted" not in repr(filled.texts)


def test_a_password_goes_with_its_box_and_with_its_user(camera: CameraOut) -> None:
    texts = camera_form.camera_texts(camera)
    assert camera_form.fill_camera({**texts, "remove_password": "yes"}, camera).values == {"password": None}
    gone = camera_form.fill_camera({**texts, "username": ""}, camera).values
    assert gone == {"username": None, "password": None}


def test_what_is_wrong_with_a_camera_stands_at_its_field(database: Database, camera: CameraOut) -> None:
    texts = {**camera_form.camera_texts(camera), "address": "nonsense://x", "transport": "pigeon",
             "settings": "stall_after_s: -1\nwrong_key: 1\n", "width": "wide"}  # fmt: skip
    filled = camera_form.fill_camera(texts, camera)
    with pytest.raises(Refused) as refused:
        database.cameras.change("gate", filled.values)
    errors = errors_at([*filled.mistakes, *refused.value.mistakes], camera_form.FIELDS, camera_form.ALIASES,
                       filled.lines)  # fmt: skip
    assert {"width", "address", "transport", "settings"} <= errors.keys()
    assert "" not in errors
    assert any(told.startswith("line 2: wrong_key") for told in errors["settings"])


@pytest.mark.parametrize("kind", ["worker", "deepstream"])
def test_an_instance_form_that_is_sent_as_it_was_changes_nothing(database: Database, kind: str) -> None:
    config = read_yaml(instance_form.NEW["config"], "config").values if kind == "worker" else MODELS
    made: dict[str, Any] = {"instance_name": "hall 1", "kind": kind, "config": config, "gpus": 1}
    made |= {"run": {"limits": {"cpus": 2.0}}}
    row = database.instances.add(made if kind == "worker" else {**made, "kafka_connection_str": "k;9092"})
    filled = instance_form.fill_instance(instance_form.instance_texts(row), row)
    assert (filled.values, filled.mistakes) == ({}, [])


def test_a_mistake_in_a_configuration_says_its_line(database: Database) -> None:
    texts = {**instance_form.NEW, "instance_name": "hall", "config": instance_form.NEW["config"] + "bus: 7\n"}
    texts["config"] = texts["config"].replace("kind: motion", "kind: notion")
    filled = instance_form.fill_instance(texts)
    with pytest.raises(Refused) as refused:
        database.instances.add(filled.values)
    errors = errors_at(refused.value.mistakes, instance_form.FIELDS, instance_form.ALIASES, filled.lines)
    assert {told.partition(":")[0] for told in errors["config"]} == {"line 3", "line 8"}, errors


def test_a_camera_says_why_it_is_not_as_desired(camera: CameraOut) -> None:
    def line(spec: CameraSpec | None, *, away: bool = False, **seen: Any) -> Any:
        applied = Inventory(cameras={} if spec is None else {"gate": spec})
        return camera_line(camera.model_copy(update=seen), Around(applied, {"n1": "hall"}, away))

    spec = CameraSpec(camera_id="gate", generation=1)
    placed: dict[str, Any] = {"placed_instance": "hall-1", "placed_node": "n1", "observed_generation": 1}
    assert line(None).differences == ("it is new, and not applied yet",)
    assert line(None).word[:2] == ("draft", "off")
    assert (line(spec).word.text, line(spec, instance_name="hall-1").desired) == (
        "no place",
        "runs on hall-1",
    )
    live = line(spec, status="live", **placed, instance_name="hall-1", agent_name="hall", pool="door")
    assert live.desired == "runs", "where it is to be is said where it is not"
    assert line(spec, **placed, agent_name="tower").desired == "runs at tower"
    assert (live.word.text, live.agent, live.differences) == ("live", "hall", ())
    away = line(spec, status="backing_off", **placed)
    assert away.word.text == "away"
    assert "does not answer" in away.differences[0]
    assert "as heard last" in line(spec, away=True, status="backing_off", **placed).differences[0]
    assert line(spec, status="live", **placed, generation=2).differences == (
        "it was changed, and that is not applied yet",
    )
    old = CameraSpec(camera_id="gate", generation=1, enabled=False)
    assert line(old, status="live", **placed).word.text == "stopped", "what was reported before is old"


def test_a_plan_says_what_interrupts_first_and_what_is_as_now_last() -> None:
    node = UUID(int=1)
    places = [CameraPlan(camera_id=name, change="unplaced", instance=None, was=was, why="")
              for name, was in (("a", None), ("b", "hall-1"))]  # fmt: skip
    begun = InstancePlan(name="hall-1", change="change", node=node, was=node, restarts=True, ends=False,
                         cameras=("c",), why="")  # fmt: skip
    plan = Plan(revision=2, instances=(begun,), cameras=tuple(places),
                nodes=(NodePlan(node_id=node, hostname="hall", restarts=1),))  # fmt: skip
    view = plan_view(plan, {str(node): "the hall"})
    assert view.words[0].text.startswith("1 instance is ended and begun anew")
    assert view.words[1:] == (("bad", "1 camera loses its place"), ("busy", "1 camera has no place, as now"))
    assert [row.name for row in view.cameras] == ["b", "a"]
    assert (view.instances[0].then, view.interrupts) == ("the hall", True)
