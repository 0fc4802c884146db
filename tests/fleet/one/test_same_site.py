"""What the agent of a fleet of one is told to run is what the site file says, whatever that is."""

from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from tests.fleet.one.site_of_one import fleet_of_one

from sightline.fleet.deciding.coordinator.actions import CameraShare, InstanceShare, NodeShare
from sightline.fleet.documents.building import config_for
from sightline.fleet.documents.opening import open_config
from sightline.fleet.keys.identity import Identity
from sightline.fleet.messages.topics import AgentConfig
from sightline.fleet.one.here import SitePreparing
from sightline.fleet.one.up import FleetOfOne, instance_of
from sightline.fleet.store.database import Database
from sightline.fleet.store.row import AnyName
from sightline.fleet.store.site_file import import_site_rows
from sightline.fleet.store.site_rows import rows_as_one
from sightline.site.model import Site

SIGNED = "https://files.example/street.mp4?signature=" + "s" * 6000
SITE = f"""
x-file: &file {{kind: jsonl, path: out/../results.jsonl}}
topics: {{main: "cam.:camera_id"}}
cameras:
  login: {{url: "rtsp://us%40er:p%3Aw@10.0.0.5:554/x?token=abc$${{X}}",
          detect_url: "rtsp://us%40er:p%3Aw@10.0.0.5/low"}}
  apart: {{url: "rtsp://10.0.0.6/s", username: "a$$b", password: "pa$$ss\\"'ü", transport: udp}}
  nobody: {{url: "rtsps://10.0.0.6/s", username: viewer, tls_ca_file: ca.pem}}
  recording: {{url: clip.mp4, loop: true, realtime: null}}
  web: {{url: "{SIGNED}"}}
  drawn: {{url: "synthetic://street?size=160x90", term: 3}}
  device: {{url: "v4l2:///dev/video0"}}
workers:
  some:
    cameras: [login, recording]
    size: 320x240
    model: {{kind: motion}}
    track: true
    sinks:
      - *file
      - {{kind: webhook, url: "https://me:pw@x.example/hook?sig=1", outbox: out, secret: 0123456789abcdef}}
  all:
    model: {{kind: onnx, path: model.onnx, labels: labels.txt, mean: [1, 2.5, 3]}}
    sinks: [{{kind: preview, token: geheim12345}}, {{kind: bus, url: "kafka://u:p@10.0.0.9?sasl=PLAIN"}}]
  own:
    model:
      kind: python
      class: models:Mine
      options: {{a: null, b: [1, 2.5, true, "x", 1.0e+300, 12345678901234567890123], "": {{}}, path: rel/x,
                password: sesame, deep: {{token: q, url: "http://a:b@c"}}, day: 2020-01-01}}
"""


def told(running: FleetOfOne, folder: Path) -> Site:
    """By way of the database, the coordinator's message and the agent that opens it."""
    with ExitStack() as opened:
        database = Database(folder / "fleet.db")
        opened.callback(database.close)
        node, identity = uuid4(), Identity.load_or_make(folder / "identity")
        database.agents.add({"agent_name": "here", "node_id": str(node)})
        rows = rows_as_one(running.site, dict(running._document), running.instance)
        import_site_rows(database, rows, "up")
        enabled = [name for name, camera in running.site.cameras.items() if camera.enabled]
        cameras = tuple(CameraShare(camera_id=name, generation=1, term=1) for name in enabled)
        instance = InstanceShare(name=running.instance, generation=1, cameras=cameras)
        share = NodeShare(node_id=node, generation=1, instances=(instance,))
        built = config_for(share, database.apply()[1], hostname="here", key=identity.public)
        assert built.mistakes == ()
        desired = open_config(AgentConfig.from_json(built.config.to_json()), identity, node)
        return running._site(SitePreparing().prepare(desired.instances[running.instance]))


def test_nothing_of_a_site_file_is_lost_on_its_way_to_the_agent(tmp_path: Path) -> None:
    path = tmp_path / "whole.yaml"
    path.write_text(SITE)
    running = fleet_of_one(path)
    assert told(running, tmp_path) == running.site


def test_without_its_cameras_that_are_off_it_is_the_same_too(tmp_path: Path) -> None:
    path = tmp_path / "off.yaml"
    path.write_text(SITE.replace("realtime: null", "enabled: false"))
    running = fleet_of_one(path)
    made = told(running, tmp_path)
    assert made.cameras == {name: one for name, one in running.site.cameras.items() if name != "recording"}
    assert made.workers["some"].cameras == ("login",)
    assert made.workers["all"] == running.site.workers["all"]


@given(st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=255))
def test_a_site_file_may_have_any_name(name: str) -> None:
    assert TypeAdapter(AnyName).validate_python(instance_of(f"{name}.yaml"))


@pytest.mark.parametrize(
    ("name", "instance"),
    [
        ("hall.yaml", "hall"),
        ("the hall (2).v3.yml", "the hall (2).v3"),
        (" .yaml", "site"),
        ("hall\nof\udcfcs.yaml", "hall-of-s"),
        ("x" * 250, "x" * 200),
    ],
)
def test_its_instance_is_named_after_its_file(name: str, instance: str) -> None:
    assert instance_of(name) == instance
