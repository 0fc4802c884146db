"""Cameras, machines and instances over HTTP: made, read in pages, changed by generation, deleted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from tests.conftest import WaitFor
from tests.fleet.api.rig import bus_url, camera, coordinator, worker

from sightline.fleet.api.client import FleetClient, Refused
from sightline.fleet.deciding.coordinator.views import InstanceShown
from sightline.fleet.store.events import Events


@pytest.fixture
def client(tmp_path: Path, no_leaks: None) -> Iterator[FleetClient]:
    with coordinator(tmp_path, bus_url()) as (_, client):
        yield client


def refused(act: Any, *args: Any, **named: Any) -> Refused:
    with pytest.raises(Refused) as error:
        act(*args, **named)
    return error.value


@pytest.mark.parametrize(
    ("path", "body", "name", "change"),
    [
        ("cameras", camera("gate"), "gate", {"labels": {"room": "a"}}),
        ("instances", worker("one"), "one", {"pool": "hall"}),
        ("agents", {"agent_name": "hall"}, "hall", {"labels": {"room": "a"}}),
    ],
)
def test_a_row_is_made_changed_by_its_generation_and_deleted(
    client: FleetClient, path: str, body: dict[str, Any], name: str, change: dict[str, Any]
) -> None:
    http, place = client._http, f"/api/v1/{path}/{name}"
    made = http.post(f"/api/v1/{path}", json=body)
    assert (made.status_code, made.headers["location"], made.headers["etag"]) == (201, place, '"1"')
    again = http.post(f"/api/v1/{path}", json=body)
    assert (again.status_code, again.json()["type"]) == (409, "urn:sightline:fleet:exists")

    changed = http.patch(place, json=change, headers={"if-match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    late = http.patch(place, json=change, headers={"if-match": '"1"'})
    assert (late.status_code, late.headers["etag"]) == (412, '"2"')
    assert http.patch(place, json=change, headers={"if-match": "nonsense"}).status_code == 412
    assert http.put(place, json=body, headers={"if-match": '"1"'}).status_code == 412
    replaced = http.put(place, json=body, headers={"if-match": '"2"'})
    assert (replaced.status_code, replaced.json()["generation"]) == (200, 3)
    same = http.put(place, json=body)
    assert same.json()["generation"] == 3, "what changes nothing is no change"

    assert http.get(place).headers["etag"] == '"3"'
    assert http.get(f"/api/v1/{path}/{made.json()['id']}").json() == http.get(place).json()
    assert http.delete(place, headers={"if-match": '"1"'}).status_code == 412
    gone = http.delete(place, headers={"if-match": '"3"'})
    assert (gone.status_code, gone.content) == (204, b"")
    assert http.get(place).status_code == http.delete(place).status_code == 404


def test_lists_come_in_pages_that_name_each_other(client: FleetClient) -> None:
    for number in range(7):
        client.post("/api/v1/cameras", camera(f"c{number}", pool="a" if number % 2 else "b"))
    answer = client._http.get("/api/v1/cameras", params={"limit": 2, "offset": 2})
    page = answer.json()
    assert [one["camera_id"] for one in page["items"]] == ["c2", "c3"]
    assert (page["total"], page["limit"], page["offset"]) == (7, 2, 2)
    found = httpx.Response(200, headers={"link": answer.headers["link"]}).links
    offsets = {name: httpx.URL(one["url"]).params["offset"] for name, one in found.items()}
    assert offsets == {"first": "0", "last": "6", "prev": "0", "next": "4"}
    assert [one["camera_id"] for one in client.all_of("/api/v1/cameras", pool="a")] == ["c1", "c3", "c5"]
    assert client.get("/api/v1/cameras", text="C6")["total"] == 1
    last = client._http.get("/api/v1/cameras", params={"pool": "a", "limit": 2, "offset": 2})
    assert "next" not in last.links
    assert httpx.URL(last.links["prev"]["url"]).params["pool"] == "a"


def test_lists_are_sorted_as_asked(client: FleetClient) -> None:
    for name in ("b", "c", "a"):
        client.post("/api/v1/cameras", camera(name))
    client.ask("PATCH", "/api/v1/cameras/c", json={"pool": "z"})

    def names(sort: str) -> list[str]:
        return [one["camera_id"] for one in client.get("/api/v1/cameras", sort=sort)["items"]]

    assert names("id") == ["b", "c", "a"]
    assert names("camera_id") == ["a", "b", "c"]
    assert names("-camera_id") == ["c", "b", "a"]
    assert names("-generation")[0] == "c"
    assert refused(client.get, "/api/v1/cameras", sort="password").status == 422


def test_a_token_in_the_address_lets_nobody_in(client: FleetClient) -> None:
    token = client._http.headers.pop("authorization").removeprefix("Bearer ")
    assert client._http.get("/api/v1/cameras", params={"token": token}).status_code == 401


def test_a_wrong_value_is_named_by_its_place(client: FleetClient) -> None:
    answer = client._http.post("/api/v1/instances", json=worker("one", gpus=-1, run={"limits": {"cpus": 0}}))
    assert answer.status_code == 422
    assert {one["pointer"] for one in answer.json()["errors"]} == {"/gpus", "/run/limits/cpus"}
    answer = client._http.post("/api/v1/cameras", json=camera("gate", instance_name="nowhere"))
    assert [one["pointer"] for one in answer.json()["errors"]] == ["/instance_name"]


def test_a_password_is_kept_when_left_out_and_gone_when_null(client: FleetClient) -> None:
    client.post("/api/v1/cameras", camera("gate", username="viewer", password="planted-1"))
    assert client.get("/api/v1/cameras/gate")["has_password"]
    assert client.ask("PATCH", "/api/v1/cameras/gate", json={"pool": "a"})["has_password"]
    assert not client.ask("PATCH", "/api/v1/cameras/gate", json={"password": None})["has_password"]


def test_a_plan_says_what_would_change_and_applying_makes_it_empty(client: FleetClient) -> None:
    client.post("/api/v1/instances", worker("one"))
    client.post("/api/v1/cameras", camera("gate"))
    plan = client.get("/api/v1/plan")
    assert (plan["is_empty"], plan["revision"]) == (True, 1), "there is no machine: nothing would begin"
    assert [one["change"] for one in plan["instances"]] == ["unplaced"]
    assert client.get("/api/v1/status")["draft_revision"] == 1
    assert client.post("/api/v1/update-config", {"desc": "try"})["revision"] == 1
    assert client.post("/api/v1/update-config")["revision"] == 1, "the same again is the same"
    status = client.get("/api/v1/status")
    assert (status["revision"], status["draft_revision"], status["as_desired"]) == (1, 1, False)
    told = client.get("/api/v1/explain/camera/gate")
    assert (told["ok"], told["kind"]) == (False, "camera")
    assert refused(client.get, "/api/v1/explain/instance/gate").status == 404
    assert refused(client.get, "/api/v1/plan", lose="nobody").status == 404


def test_a_token_is_shown_once_and_can_be_taken_back(client: FleetClient, tmp_path: Path) -> None:
    made = client.post("/api/v1/enrolment-tokens", {"description": "hall", "uses": 2})
    kind, token_id, secret, _ = made["token"].split(".")
    assert (kind, token_id) == ("slt1", made["token_id"])
    files = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert any(token_id.encode() in data for data in files.values())
    assert [path for path, data in files.items() if secret.encode() in data] == [], "its hash alone is kept"
    (row,) = client.get("/api/v1/enrolment-tokens")["items"]
    assert row == {name: value for name, value in made.items() if name != "token"}
    client.ask("DELETE", f"/api/v1/enrolment-tokens/{made['token_id']}")
    assert client.get("/api/v1/enrolment-tokens")["items"][0]["revoked"]


def test_streams_are_added_and_removed_as_at_deepstream(client: FleetClient) -> None:
    client.post("/api/v1/instances", worker("one"))

    def message(change: str, **value: Any) -> dict[str, Any]:
        said = {"camera_id": "gate", "camera_url": "rtsp://viewer:planted-2@10.0.0.5/main", **value}
        return {"key": "sensor", "value": {**said, "change": change}, "headers": {"source": "vst"}}

    metadata = {"resolution": "1920 x1080", "codec": "h265", "framerate": 30}
    done = client.post("/api/v1/stream/add", message("camera_add", metadata=metadata))
    assert done == {"status": "HTTP/1.1 200 OK", "reason": "STREAM_ADD_SUCCESS"}
    row = client.get("/api/v1/cameras/gate")
    assert (row["width"], row["height"], row["encodeType"]) == (1920, 1080, "h265")
    assert (row["username"], row["has_password"]) == ("viewer", True)
    assert client.get("/api/v1/status")["revision"] == 1
    info = client.get("/api/v1/stream/get-stream-info")
    listed = [{"camera_id": "gate", "camera_name": "gate", "source_id": 0}]
    assert info["stream-info"] == {"stream-count": 1, "stream-info": listed}
    assert info["reason"] == "GET_LIVE_STREAM_INFO_SUCCESS"
    assert refused(client.post, "/api/v1/stream/add", message("camera_add")).status == 409
    assert refused(client.post, "/api/v1/stream/add", message("camera_remove")).status == 422
    wrong = refused(
        client.post, "/api/v1/stream/add", message("camera_add", camera_id="a b/", camera_url="x://y")
    )
    assert (wrong.status, "planted-2" in str(wrong)) == (422, False)
    number = str(row["id"])
    assert (
        refused(client.post, "/api/v1/stream/remove", message("camera_remove", camera_id=number)).status
        == 404
    )
    done = client.post("/api/v1/stream/remove", message("camera_remove"))
    assert done["reason"] == "STREAM_REMOVE_SUCCESS"
    assert client.get("/api/v1/stream/get-stream-info")["stream-info"]["stream-count"] == 0


def test_a_state_that_there_is_not_is_told_with_those_that_there_are(client: FleetClient) -> None:
    wrong = refused(client.get, "/api/v1/agents", state="gone")
    assert (wrong.status, "connected" in str(wrong)) == (422, True)
    assert client.get("/api/v1/agents", state="lost")["items"] == []


def test_a_state_of_instances_that_there_is_not_is_told_with_those_that_there_are(
    client: FleetClient,
) -> None:
    wrong = refused(client.get, "/api/v1/instances", state="runing")
    assert (wrong.status, wrong.kind) == (422, "invalid")
    assert "query:state" in str(wrong)
    for state in get_args(InstanceShown):
        assert f"'{state}'" in str(wrong)
        assert client.get("/api/v1/instances", state=state)["items"] == []


def test_a_stream_holds_at_once_and_nothing_else_of_the_draft_does(client: FleetClient) -> None:
    def stream(change: str, name: str) -> None:
        value = {"camera_id": name, "camera_url": f"rtsp://10.0.0.5/{name}", "change": change}
        client.post(f"/api/v1/stream/{change}", {"key": "sensor", "value": value})

    def applied() -> list[str]:
        info = client.get("/api/v1/stream/get-stream-info")
        return sorted(one["camera_id"] for one in info["stream-info"]["stream-info"])

    client.post("/api/v1/instances", worker("one"))
    for name in ("old", "going"):
        client.post("/api/v1/cameras", camera(name))
    client.post("/api/v1/update-config")
    client.post("/api/v1/cameras", camera("draft"))
    client.ask("DELETE", "/api/v1/cameras/going")
    assert client._http.patch("/api/v1/cameras/old", json={"labels": {"room": "a"}}).status_code == 200
    stream("add", "gate")
    assert applied() == ["gate", "going", "old"]
    waiting = client.get("/api/v1/plan")["revision"] - client.get("/api/v1/status")["revision"]
    assert waiting == 1, "the rest of the draft is to be applied"
    stream("remove", "old")
    assert applied() == ["gate", "going"]
    revision = client.get("/api/v1/status")["revision"]
    stream("remove", "draft")
    assert client.get("/api/v1/status")["revision"] == revision, "what was never applied changes nothing"
    client.post("/api/v1/cameras", camera("later"))
    client.post("/api/v1/update-config")
    assert applied() == ["gate", "later"]


def test_a_fault_of_ours_is_a_problem_that_says_nothing_of_it(
    client: FleetClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, wait_for: WaitFor
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("password=planted-9")

    monkeypatch.setattr(Events, "page", broken)
    error = refused(client.get, "/api/v1/events")
    assert (error.status, error.kind) == (500, "fault")
    assert "planted-9" not in str(error)
    wait_for(lambda: "a request failed" in caplog.text, 10, "the fault in the log")
