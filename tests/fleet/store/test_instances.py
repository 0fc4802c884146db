"""Instances in the database: DeepStream's and Sightline's own, and what hangs on them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from tests.fleet.store.filled import MODELS, camera, deepstream, worker

from sightline.deepstream.models.instance import DsInstanceConfig
from sightline.fleet.deciding.coordinator.actions import Save
from sightline.fleet.inventory import Placement
from sightline.fleet.store import Database, Refused
from sightline.fleet.store.instance_rows import APP_FIELDS
from sightline.fleet.store.observing import InstanceSeen
from sightline.fleet.store.rows import DsInstanceBody

TOKEN = "geheim-geheim-geheim"
SECRET_WORKER: dict[str, Any] = {
    "bus": f"hub://:{TOKEN}@10.0.0.1:4820",
    "workers": {
        "people": {
            "model": {"kind": "motion"},
            "sinks": [{"kind": "preview", "token": TOKEN}],
        }
    },
}


def test_an_instance_has_the_documents_fields_with_what_holds(database: Database) -> None:
    made = database.instances.add(deepstream(streammux_output_width=1280))
    assert (made.streammux_output_width, made.streammux_output_height) == (1280, 1080)
    assert set(APP_FIELDS) | {"id", "agent_id", "instance_name", "status"} <= set(made.model_dump())


def test_what_the_fleet_makes_of_it_is_a_configuration_of_deepstream(database: Database) -> None:
    database.instances.add(
        deepstream(face_confidence_threshold=0.7, config={**MODELS, "appconfig": {"app_type": "DEBUG"}})
    )
    source = database.apply()[1].instances["hall"]
    made = DsInstanceConfig.model_validate({**source.config, "sourceconfig": {}})
    assert made.appconfig.face_confidence_threshold == 0.7
    assert made.appconfig.app_type == "VISUAL"
    assert source.run.runtime == "docker"


def test_fields_of_appconfig_may_stand_in_the_configuration(database: Database) -> None:
    whole = {**MODELS, "appconfig": {"kafka_connection_str": "k;1", "visual_topic": "See"}}
    made = database.instances.add({"instance_name": "hall", "config": whole})
    assert (made.kafka_connection_str, made.visual_topic, made.config) == ("k;1", "See", MODELS)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (deepstream(kafka_connection_str=None), "appconfig.kafka_connection_str: missing"),
        (deepstream(config={**MODELS, "mot_pgie": {"labelfil": "x"}}), "mot_pgie.labelfil: unknown field"),
        (deepstream(config={**MODELS, "sourceconfig": {}}), "config.sourceconfig: cameras are rows"),
        (deepstream(mot_confidence_threshold=2), "mot_confidence_threshold"),
        (deepstream(name="a/b"), "instance_name"),
        (worker(visual_topic="x"), "visual_topic: expected of an instance of DeepStream alone"),
        (worker(config={"cameras": {}}), "config.cameras: cameras are rows"),
        (worker(config={}), "config.workers: missing"),
        (
            worker(config={"workers": {"a": {"model": {"kind": "motoin"}}}}),
            "config.workers.a.model: expected as kind",
        ),
        (worker(run={"runtime": "podman"}), "run.runtime: expected 'docker' or 'process'"),
        (worker(kind="other"), "kind: expected"),
    ],
)
def test_a_wrong_instance_is_refused_in_words(database: Database, wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(Refused) as refused:
        database.instances.add(wrong)
    assert told in str(refused.value)


def test_secrets_of_a_worker_do_not_come_out_and_may_be_written_back(database: Database) -> None:
    made = database.instances.add(worker(config=SECRET_WORKER))
    assert TOKEN not in repr(made) + made.model_dump_json()
    body = {name: value for name, value in made.model_dump().items() if name in DsInstanceBody.model_fields}
    assert database.instances.replace("motion", DsInstanceBody(**body)).generation == 1
    assert database.apply()[1].instances["motion"].config == SECRET_WORKER
    assert TOKEN not in repr(database.applied())


def test_a_secret_of_a_worker_can_be_changed_beside_one_that_stays(database: Database) -> None:
    made = database.instances.add(worker(config=SECRET_WORKER))
    config: dict[str, Any] = {**made.config, "bus": "memory://"}
    assert database.instances.change("motion", {"config": config}).generation == 2
    assert database.apply()[1].instances["motion"].config == {**SECRET_WORKER, "bus": "memory://"}


def test_a_hidden_value_in_a_new_instance_is_refused(database: Database) -> None:
    made = database.instances.add(worker(config=SECRET_WORKER))
    with pytest.raises(Refused, match="expected the value itself"):
        database.instances.add(worker("other", config=dict(made.config) | {"bus": "memory://"}))


def test_how_it_is_run_goes_to_the_deciding_parts_and_the_agents(database: Database) -> None:
    run = {"image": "app:1", "limits": {"cpus": 2, "memory_mib": 512}, "one_at_a_time": True}
    database.instances.add(worker(run=run, exclusive=True, gpus=1, labels={"room": "a"}, capacity=4))
    inventory, sources = database.apply()
    spec, options = inventory.instances["motion"], sources.instances["motion"].run
    assert (spec.runtime, spec.exclusive, spec.gpus, spec.labels, spec.capacity) == (
        "process",
        True,
        1,
        {"room": "a"},
        4,
    )
    assert (options.exclusive, options.limits.gpus, options.limits.cpus, options.image) == (
        True,
        1,
        2,
        "app:1",
    )


def test_an_instance_that_goes_leaves_its_cameras(database: Database) -> None:
    database.instances.add(deepstream())
    before = database.cameras.add(camera(instance_name="hall"))
    database.instances.remove("hall")
    after = database.cameras.get("gate")
    assert (before.dsInstance_id is None, after.dsInstance_id) == (False, None)
    assert after.generation == before.generation + 1


def test_an_instance_keeps_name_and_kind(database: Database) -> None:
    database.instances.add(deepstream())
    with pytest.raises(Refused, match="an instance keeps its kind"):
        database.instances.replace("hall", worker("hall"))


def test_instances_are_found_by_what_and_where_they_are(database: Database) -> None:
    node_id = UUID(database.agents.add({"agent_name": "box"}).node_id)
    database.instances.add(deepstream("by-hand", agent_name="box", labels={"room": "a"}))
    database.instances.add(worker("placed", pool="outside", enabled=False))
    database.save(Save(placement=Placement(instances={"placed": node_id})))
    database.observed.observe(instances={"placed": InstanceSeen(status="failed", reason="no such model")})
    database.observed.write(now=True)

    def found(**by: Any) -> list[str]:
        return [each.instance_name for each in database.instances.page(**by).items]

    assert found(agent="box") == found(agent=str(node_id)) == ["by-hand", "placed"]
    assert found(kind="deepstream") == found(label="room=a") == found(label="room") == ["by-hand"]
    assert found(enabled=True) == found(name="by-hand") == found(text="HAND") == ["by-hand"]
    assert found(kind="worker") == found(pool="outside") == found(enabled=False) == ["placed"]
    assert found(state="failed") == found(text="no such MODEL") == ["placed"]
    assert found(agent="nobody") == found(label="room=b") == found(state="running") == []
