"""Cameras in the database: what is taken, what comes out, and when a generation rises."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from tests.fleet.store.filled import camera, deepstream

from sightline.fleet.deciding.coordinator.actions import Save
from sightline.fleet.inventory import Placement
from sightline.fleet.store import Conflict, Database, Missing, Refused
from sightline.fleet.store.observing import CameraSeen
from sightline.fleet.store.rows import CameraBody, CameraChange


def test_a_camera_comes_out_with_the_documents_fields(database: Database) -> None:
    made = database.cameras.add(camera(username="root", password="geheim", encodeType="H265", width=640))
    assert {
        "id",
        "agent_id",
        "dsInstance_id",
        "camera_id",
        "ip_address",
        "username",
        "encodeType",
        "type",
    } <= set(made.model_dump())
    assert (made.camera_id, made.ip_address, made.encodeType, made.width) == ("gate", "10.0.0.5", "h265", 640)
    assert made.has_password
    assert "geheim" not in repr(made) + made.model_dump_json()


def test_a_login_in_an_address_is_taken_apart(database: Database) -> None:
    made = database.cameras.add(camera(address="rtsp://root:p@ss/w#rd@10.0.0.7:554/main"))
    assert (made.address, made.username, made.has_password) == ("rtsp://10.0.0.7:554/main", "root", True)
    database.apply()
    source = database.applied()[1].cameras["gate"]
    assert (source.address, source.username, source.password) == (made.address, "root", "p@ss/w#rd")


def test_a_camera_may_be_said_by_its_ip_address_alone(database: Database) -> None:
    made = database.cameras.add({"camera_id": "gate", "ip_address": "10.0.0.9"})
    assert (made.address, made.ip_address, made.type) == ("rtsp://10.0.0.9", "10.0.0.9", "rtsp")


def test_a_new_ip_address_moves_the_address_with_it(database: Database) -> None:
    database.cameras.add(camera())
    made = database.cameras.change("gate", {"ip_address": "10.0.0.6"})
    assert (made.address, made.ip_address) == ("rtsp://10.0.0.6/gate", "10.0.0.6")


def test_a_new_address_has_its_own_ip_address(database: Database) -> None:
    database.cameras.add(camera())
    assert database.cameras.change("gate", {"address": "rtsp://cam.lan/x"}).ip_address == "cam.lan"


def test_a_camera_that_comes_again_under_its_name_is_not_taken_for_the_one_that_runs(
    database: Database,
) -> None:
    database.cameras.add(camera())
    before = database.apply()[0]
    for address in ("rtsp://10.0.0.8/b", "rtsp://10.0.0.9/c"):
        database.cameras.remove("gate")
        database.cameras.add(camera(address=address))
    after = database.apply()[0]
    assert before.cameras["gate"].generation < after.cameras["gate"].generation == 3


def test_a_change_that_changes_nothing_leaves_the_generation(database: Database) -> None:
    made = database.cameras.add(camera(password="geheim", username="a"))
    same = database.cameras.change("gate", CameraChange(pool="", password="geheim"))  # type: ignore[arg-type]
    assert same.generation == made.generation == 1
    assert database.cameras.change("gate", {"pool": "a"}).generation == 2
    assert database.cameras.change("gate", {"password": "anders"}).generation == 3


def test_a_camera_that_is_written_back_as_it_came_keeps_its_password(database: Database) -> None:
    made = database.cameras.add(camera(password="geheim", username="a", settings={"transport": "udp"}))
    body = {name: value for name, value in made.model_dump().items() if name in CameraBody.model_fields}
    assert database.cameras.replace("gate", body).generation == 1
    least = {"camera_id": "gate", "address": made.address}
    assert database.cameras.replace("gate", {**least, "username": "a"}).has_password
    assert not database.cameras.replace("gate", least).has_password


def test_a_password_goes_where_it_is_null(database: Database) -> None:
    database.cameras.add(camera(password="geheim", username="a"))
    assert not database.cameras.change("gate", {"password": None}).has_password


def test_what_is_hidden_of_an_address_may_come_back_as_it_was_shown(database: Database) -> None:
    address = "http://10.0.0.5/stream.mjpg?user=a&pwd=geheim"
    made = database.cameras.add(camera(address=address))
    assert "geheim" not in made.model_dump_json()
    assert database.cameras.change("gate", {"address": made.address, "pool": "b"}).generation == 2
    database.apply()
    assert database.applied()[1].cameras["gate"].address == address


def test_a_hidden_value_that_hides_nothing_is_refused(database: Database) -> None:
    with pytest.raises(Refused, match=r"expected the value itself where \*\*\* stands"):
        database.cameras.add(camera(address="http://10.0.0.5/x?pwd=***"))


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"address": "gopher://h/x"}, 'address: unknown scheme "gopher"'),
        ({"address": ""}, "address: missing"),
        ({"settings": {"transprt": "udp"}}, 'settings.transprt: unknown key; did you mean "transport"'),
        ({"settings": {"tls": "never"}}, "settings.tls: expected 'verify' or 'trust'"),
        ({"settings": {"url": "rtsp://h/x"}}, "settings.url: expected as a field of the camera"),
        ({"username": "a:b"}, "username: expected a user without a colon"),
        ({"camera_id": "a b"}, "camera_id: expected a name of 1 to 64"),
        ({"width": 0}, "width: expected a number of at least 1"),
        ({"encodeType": "h26"}, "encodeType: expected"),
        ({"instance_name": "nowhere"}, "instance_name: there is no instance 'nowhere'"),
        ({"agent_id": 77}, "agent_id: there is no agent '77'"),
        ({"addres": "x"}, 'addres: unknown key; did you mean "address"'),
    ],
)
def test_a_wrong_camera_is_refused_in_words(database: Database, more: dict[str, Any], told: str) -> None:
    with pytest.raises(Refused) as refused:
        database.cameras.add(camera(**more))
    assert told in str(refused.value)
    assert database.cameras.page().total == 0


def test_all_mistakes_are_told_at_once_and_no_secret(database: Database) -> None:
    wrong = camera(address="rtsp://a:geheim@h/x", settings={"tls": "x", "transport": "geheim"}, password=None)
    with pytest.raises(Refused) as refused:
        database.cameras.add(wrong)
    assert [mistake.where for mistake in refused.value.mistakes] == ["settings.transport", "settings.tls"]
    assert "geheim" not in str(refused.value)


def test_a_name_stands_once(database: Database) -> None:
    database.cameras.add(camera())
    with pytest.raises(Conflict, match="there is a camera 'gate' already"):
        database.cameras.add(camera())
    assert database.cameras.page().total == 1


def test_a_name_stays(database: Database) -> None:
    database.cameras.add(camera())
    with pytest.raises(Refused, match="a camera keeps its name"):
        database.cameras.replace("gate", camera("other"))


def test_a_change_meant_for_another_generation_is_a_conflict(database: Database) -> None:
    database.cameras.add(camera())
    database.cameras.change("gate", {"pool": "a"}, expected=1)
    with pytest.raises(Conflict) as conflict:
        database.cameras.change("gate", {"pool": "b"}, expected=1)
    assert conflict.value.generation == 2
    with pytest.raises(Conflict):
        database.cameras.remove("gate", expected=1)
    assert database.cameras.get("gate").pool == "a"


def test_what_is_not_there_is_missing(database: Database) -> None:
    for do in (database.cameras.get, database.cameras.remove):
        with pytest.raises(Missing, match="there is no camera 'gate'"):
            do("gate")


def test_a_number_names_a_camera_too_and_is_nobody_elses_later(database: Database) -> None:
    first = database.cameras.add(camera())
    assert (
        database.cameras.get(first.id) == database.cameras.get(str(first.id)) == database.cameras.get("gate")
    )
    database.cameras.remove(first.id)
    assert database.cameras.add(camera()).id > first.id


def test_cameras_are_found_by_what_they_are(database: Database) -> None:
    database.instances.add(deepstream("hall"))
    database.cameras.add(camera("gate", instance_name="hall", labels={"room": "a", "floor": "1"}))
    database.cameras.add(camera("yard", enabled=False, pool="outside", labels={"room": "b"}))
    database.cameras.add(camera("100%_a"[0:3]))

    def found(**by: Any) -> list[str]:
        return [each.camera_id for each in database.cameras.page(**by).items]

    assert found() == ["gate", "yard", "100"]
    assert found(instance="hall") == ["gate"]
    assert found(label="room=b") == ["yard"]
    assert found(label="room") == ["gate", "yard"]
    assert found(label="room=c") == []
    assert found(enabled=False) == ["yard"] == found(pool="outside")
    assert found(text="GAT") == ["gate"]
    assert found(text="%") == []
    assert found(name="yard") == ["yard"]
    assert found(name="yard", enabled=True) == []
    assert found(state="live") == []
    database.observed.observe(cameras={"gate": CameraSeen(status="live")})
    database.observed.write(now=True)
    assert found(state="live") == ["gate"]
    page = database.cameras.page(offset=1, limit=1)
    assert ([each.camera_id for each in page.items], page.total) == (["yard"], 3)


def test_cameras_are_found_by_where_they_are_by_hand_or_not(database: Database) -> None:
    hall, yard = database.agents.add({"agent_name": "hall"}), database.agents.add({"agent_name": "yard"})
    database.instances.add(deepstream("one"))
    database.cameras.add(camera("by-hand", agent_name="hall"))
    database.cameras.add(camera("placed"))
    there = Placement(cameras={"placed": "one"}, instances={"one": UUID(yard.node_id)})
    database.save(Save(placement=there))

    def found(**by: Any) -> list[str]:
        return [each.camera_id for each in database.cameras.page(**by).items]

    assert found(agent="hall") == found(agent=hall.node_id) == ["by-hand"]
    assert found(agent="yard") == found(agent=yard.node_id) == found(instance="one") == ["placed"]
    assert found(agent="nobody") == []


LOGIN = {"username": "root", "password": "geheim"}


@pytest.mark.parametrize(
    "change",
    [
        {"address": "rtsp://10.0.0.6/gate"},
        {"address": "rtsp://10.0.0.5:555/gate"},
        {"address": "rtsps://10.0.0.5/gate"},
        {"address": "rtsp://root@10.0.0.6/gate"},
        {"ip_address": "10.0.0.6"},
        {"username": "admin"},
        {"settings": {"detect_url": "rtsp://10.0.0.6/small"}},
    ],
)
def test_a_saved_password_goes_to_nobody_else_without_being_said_again(
    database: Database, change: dict[str, Any]
) -> None:
    made = database.cameras.add(camera(**LOGIN))
    whole = {"camera_id": "gate", "address": made.address, "username": "root"}
    for store in (database.cameras.change, database.cameras.replace):
        values = change if store == database.cameras.change else {**whole, **change}
        if "ip_address" in change and store == database.cameras.replace:
            values = {"ip_address": "10.0.0.6", "username": "root"}
        with pytest.raises(Refused) as refused:
            store("gate", values)
        assert refused.value.mistakes == (
            ("password", "missing: the one that is saved is for another address or user"),
        )
    assert database.cameras.get("gate") == made
    moved = database.cameras.change("gate", {**change, "password": "another"})
    assert (moved.has_password, moved.generation) == (True, 2)


def test_a_saved_password_stays_where_only_the_path_is_another_and_goes_where_it_is_null(
    database: Database,
) -> None:
    database.cameras.add(camera(**LOGIN))
    small = {"settings": {"detect_url": "rtsp://10.0.0.5/small"}}
    changed = database.cameras.change("gate", {"address": "RTSP://10.0.0.5/other?x=1", **small})
    assert changed.has_password
    gone = database.cameras.change(
        "gate", {"address": "rtsp://10.0.0.6/gate", "password": None, "settings": {}}
    )
    assert (gone.has_password, gone.ip_address) == (False, "10.0.0.6")


def test_a_camera_that_was_a_file_meanwhile_has_its_password_sent_to_nobody_else(database: Database) -> None:
    database.cameras.add(camera(**LOGIN))
    for address in ("synthetic://", "rtsp://10.0.0.6/gate"):
        with suppress(Refused):
            database.cameras.change("gate", {"address": address, "settings": {}})
    assert database.cameras.get("gate").ip_address != "10.0.0.6"


def test_a_login_in_a_new_address_is_its_own(database: Database) -> None:
    database.cameras.add(camera(**LOGIN))
    database.cameras.change("gate", {"address": "rtsp://ada:neu@10.0.0.6/gate"})
    source = database.apply()[1].cameras["gate"]
    assert (source.address, source.username, source.password) == ("rtsp://10.0.0.6/gate", "ada", "neu")


def test_what_is_hidden_of_an_address_moves_to_no_other_host(database: Database) -> None:
    database.cameras.add(camera(address="http://10.0.0.5/stream.mjpg?user=a&pwd=geheim"))
    with pytest.raises(Refused, match="address: missing"):
        database.cameras.change("gate", {"ip_address": "10.0.0.6"})
    assert database.cameras.change("gate", {"ip_address": "10.0.0.5", "pool": "b"}).generation == 2
