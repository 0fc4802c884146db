"""What was shown without its secrets is written back as it was shown, and loses none."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fleet.api.rig import bus_url, coordinator
from tests.fleet.store.filled import worker
from tests.fleet.store.test_instances import SECRET_WORKER, TOKEN

from sightline.fleet.api.client import FleetClient
from sightline.fleet.store.rows import CameraBody, DsInstanceBody

ADDRESS = "http://10.0.0.5/x.mjpg?user=a&pwd=geheim-geheim"


@pytest.fixture
def client(tmp_path: Path, no_leaks: None) -> Iterator[FleetClient]:
    with coordinator(tmp_path, bus_url()) as (_, client):
        yield client


def test_a_camera_and_an_instance_may_be_put_back_as_they_were_got(client: FleetClient) -> None:
    http = client._http
    camera = {"camera_id": "gate", "address": ADDRESS}
    for path, name, body, fields in (
        ("cameras", "gate", camera, CameraBody.model_fields),
        ("instances", "motion", worker(config=SECRET_WORKER), DsInstanceBody.model_fields),
    ):
        assert http.post(f"/api/v1/{path}", json=body).status_code == 201
        got = http.get(f"/api/v1/{path}/{name}")
        assert "***" in got.text
        assert TOKEN not in got.text
        back = {field: value for field, value in got.json().items() if field in fields}
        put = http.put(f"/api/v1/{path}/{name}", json=back)
        assert (put.status_code, put.json()["generation"]) == (200, 1), put.text
