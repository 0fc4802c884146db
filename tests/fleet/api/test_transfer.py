"""Rows as files, in and out over HTTP."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fleet.api.rig import bus_url, camera, coordinator, worker

from sightline.fleet.api.client import FleetClient, Refused
from sightline.site import load_site

SITE = """
cameras:
  gate: {url: "rtsp://10.0.0.5/main", username: viewer, password: planted-3}
  yard: {url: "rtsp://10.0.0.6/main"}
workers:
  look:
    model: {kind: motion}
"""


@pytest.fixture
def client(tmp_path: Path, no_leaks: None) -> Iterator[FleetClient]:
    with coordinator(tmp_path, bus_url()) as (_, client):
        yield client


def test_a_site_file_goes_in_twice_and_out_again(client: FleetClient, tmp_path: Path) -> None:
    dry = client.ask("POST", "/api/v1/import/site", content=SITE.encode(), query={"dry_run": True})
    assert dry["cameras"]["added"] == ["gate", "yard"]
    assert client.get("/api/v1/cameras")["total"] == 0
    assert [one["name"] for one in dry["rows"]] == ["look", "gate", "yard"]
    assert {one["change"] for one in dry["plan"]["instances"]} == {"unplaced"}
    done = client.ask("POST", "/api/v1/import/site", content=SITE.encode())
    assert {**dry, "rows": [], "plan": None} == done
    again = client.ask("POST", "/api/v1/import/site", content=SITE.encode())
    assert (again["cameras"]["unchanged"], again["instances"]["unchanged"]) == (["gate", "yard"], ["look"])
    out = client.get("/api/v1/export/site")
    assert "planted-3" not in json.dumps(out)
    (variable,) = out["variables"]
    path = tmp_path / "out.yaml"
    path.write_text(out["text"])
    site = load_site(path, {variable: "planted-3"})
    assert set(site.cameras) == {"gate", "yard"}


def test_a_wrong_site_file_is_told_by_its_lines_and_its_values_are_not(client: FleetClient) -> None:
    with pytest.raises(Refused) as refused:
        client.ask("POST", "/api/v1/import/site", content=SITE.replace("url:", "uri:").encode())
    assert refused.value.status == 422
    assert "line 3" in str(refused.value)
    assert "planted-3" not in str(refused.value)
    with pytest.raises(Refused):
        client.ask("POST", "/api/v1/import/site", content=b"cameras: {a: {url: '${HOME}'}}\n")
    assert client.get("/api/v1/cameras")["total"] == 0


def test_tables_go_out_as_csv_and_in_again(client: FleetClient) -> None:
    client.post("/api/v1/instances", worker("one"))
    client.post("/api/v1/cameras", camera("gate", instance_name="one", password="planted-4", username="v"))
    client.post("/api/v1/agents", {"agent_name": "hall"})
    for kind in ("cameras", "instances", "agents"):
        text = client.get(f"/api/v1/export/{kind}.csv")
        assert "planted-4" not in text
        told = client.ask("POST", f"/api/v1/import/{kind}.csv", content=text.encode())
        assert len(told[kind]["unchanged"]) == 1
    with pytest.raises(Refused) as refused:
        client.ask("POST", "/api/v1/import/cameras.csv", content=b"camera_id,width\r\nyard,wide\r\n")
    assert refused.value.status == 422
    with pytest.raises(Refused) as refused:
        client.get("/api/v1/export/nothing.csv")
    assert refused.value.status in {404, 422}


def test_rows_of_an_origin_that_are_not_named_any_more_can_be_pruned(client: FleetClient) -> None:
    rows = {"origin": "site:a", "cameras": [camera("gate"), camera("yard")], "instances": [worker("one")]}
    assert client.post("/api/v1/import", rows)["cameras"]["added"] == ["gate", "yard"]
    fewer = {**rows, "cameras": [camera("gate")]}
    assert client.post("/api/v1/import", fewer)["cameras"]["left"] == ["yard"]
    assert client.post("/api/v1/import", {**fewer, "prune": True})["cameras"]["removed"] == ["yard"]
    with pytest.raises(Refused) as refused:
        client.post("/api/v1/import", {**rows, "origin": "site:b"})
    assert refused.value.status == 422
