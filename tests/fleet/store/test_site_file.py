"""A site file into the fleet and out again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from tests.fleet.store.filled import camera, deepstream, worker

from sightline.errors import FleetError
from sightline.fleet.store import Database, Refused
from sightline.fleet.store.site_file import export_site, import_site, import_site_rows
from sightline.fleet.store.site_rows import SiteRows, read_site_rows
from sightline.site import Site, SiteError, load_site

SITE = """
x-limits: &slow {rate: 5}
bus: hub://:${TOKEN}@10.0.0.1:4820
cameras:
  gate: {url: "rtsp://root:geheim@10.0.0.5/main", transport: udp, detect_url: "rtsp://10.0.0.5/sub"}
  yard: {url: "rtsp://10.0.0.6/main", username: root, password: "${YARD}"}
  file: {url: clips/a.mp4, loop: true, enabled: false}
  alone: {url: "http://10.0.0.7/x.mjpg?user=a&pwd=geheim-query"}
workers:
  people: {cameras: [gate, yard], model: {kind: hog}, <<: *slow}
  motion: {cameras: [file], model: {kind: motion}}
  shapes: {cameras: [yard], model: {kind: onnx, path: models/a.onnx}, sinks: [{kind: jsonl, path: out.jsonl}]}
"""
ENVIRON = {"TOKEN": "geheim-token-geheim", "YARD": "geheim$${yard"}


@pytest.fixture
def site_file(tmp_path: Path) -> Path:
    (tmp_path / "site.yaml").write_text(SITE)
    return tmp_path / "site.yaml"


def test_workers_that_share_cameras_become_one_instance(database: Database, site_file: Path) -> None:
    made = import_site(database, site_file, environ=ENVIRON)
    assert made.instances.added == ["people", "motion"]
    assert made.cameras.added == ["gate", "yard", "file", "alone"]
    on = {each.camera_id: each.instance_name for each in database.cameras.page().items}
    assert on == {"gate": "people", "yard": "people", "file": "motion", "alone": "people"}
    config = database.apply()[1].instances["people"].config
    assert config == {
        "bus": "hub://:geheim-token-geheim@10.0.0.1:4820",
        "workers": {
            "people": {"cameras": ["gate", "yard"], "model": {"kind": "hog"}, "rate": 5},
            "shapes": {
                "cameras": ["yard"],
                "model": {"kind": "onnx", "path": str(site_file.parent / "models/a.onnx")},
                "sinks": [{"kind": "jsonl", "path": str(site_file.parent / "out.jsonl")}],
            },
        },
    }
    motion = database.applied()[1].instances["motion"].config["workers"]["motion"]
    assert motion == {"model": {"kind": "motion"}}, "a worker that looks at all of its instance names none"


def test_cameras_of_a_site_come_with_login_and_settings(database: Database, site_file: Path) -> None:
    import_site(database, site_file, environ=ENVIRON)
    cameras = database.apply()[1].cameras
    gate, yard, clip = cameras["gate"], cameras["yard"], cameras["file"]
    assert (gate.address, gate.username, gate.password) == ("rtsp://10.0.0.5/main", "root", "geheim")
    assert gate.settings == {"transport": "udp", "detect_url": "rtsp://10.0.0.5/sub"}
    assert (yard.username, yard.password) == ("root", "geheim$${yard")
    assert (clip.address, clip.settings) == (str(site_file.parent / "clips/a.mp4"), {"loop": True})
    assert not database.cameras.get("file").enabled


def test_the_same_file_again_changes_nothing(database: Database, site_file: Path) -> None:
    import_site(database, site_file, environ=ENVIRON)
    database.cameras.change("gate", {"labels": {"room": "a"}})
    before = database.inventory()
    again = import_site(database, site_file, environ=ENVIRON, prune=True)
    assert again.is_nothing
    assert again.cameras.unchanged == ["gate", "yard", "file", "alone"]
    assert database.inventory() == before


def test_a_dry_run_says_all_and_changes_nothing(database: Database, site_file: Path) -> None:
    told = import_site(database, site_file, environ=ENVIRON, dry_run=True)
    assert (told.instances.added, database.instances.page().total) == (["people", "motion"], 0)
    import_site(database, site_file, environ=ENVIRON)
    site_file.write_text(SITE.replace("10.0.0.6", "10.0.0.9").replace("motion: {cam", "moved: {cam"))
    told = import_site(database, site_file, environ=ENVIRON, prune=True, dry_run=True)
    assert (told.cameras.changed, told.instances.added, told.instances.removed) == (
        ["yard", "file"],
        ["moved"],
        ["motion"],
    )
    assert database.cameras.get("yard").ip_address == "10.0.0.6"
    assert [(one.change, one.name) for one in told.rows] == [
        ("added", "moved"),
        ("changed", "yard"),
        ("changed", "file"),
        ("removed", "motion"),
    ]
    assert told.rows[2].fields == {"instance_name": ("motion", "moved")}
    done = import_site(database, site_file, environ=ENVIRON, prune=True)
    assert (done.rows, done.model_copy(update={"rows": told.rows})) == ([], told)


def test_only_what_the_same_file_brought_is_removed(database: Database, site_file: Path) -> None:
    database.cameras.add(camera("mine"))
    import_site(database, site_file, environ=ENVIRON, origin="a")
    other = site_file.with_name("other.yaml")
    other.write_text("cameras: {new: {url: synthetic://}}\nworkers: {new: {model: {kind: motion}}}\n")
    made = import_site(database, other, origin="a")
    assert made.cameras.left == ["gate", "yard", "file", "alone"]
    import_site(database, site_file, environ=ENVIRON, origin="a")
    made = import_site(database, other, origin="b", adopt=True, prune=True)
    assert (made.cameras.unchanged, made.cameras.removed) == (["new"], [])
    made = import_site(database, site_file, environ=ENVIRON, origin="a", prune=True)
    assert made.cameras.removed == []
    assert {each.camera_id for each in database.cameras.page().items} == {
        "mine",
        "gate",
        "yard",
        "file",
        "alone",
        "new",
    }


def test_rows_of_others_are_not_taken_over_unasked(database: Database, site_file: Path) -> None:
    database.cameras.add(camera("gate"))
    database.instances.add(worker("people", origin="site:b.yaml"))
    with pytest.raises(Refused) as refused:
        import_site(database, site_file, environ=ENVIRON)
    told = str(refused.value)
    assert "camera gate, camera_id: there is one already, which a user made" in told
    assert "instance people, instance_name: there is one already, which import 'site:b.yaml' made" in told
    assert database.cameras.page().total == 1
    made = import_site(database, site_file, environ=ENVIRON, adopt=True)
    assert made.cameras.changed == ["gate"]


def test_a_wrong_file_is_told_with_its_lines(database: Database, tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text("cameras: {gate: {ur: x}}\n")
    with pytest.raises(SiteError, match=r"site.yaml:1:18 cameras.gate.ur: unknown key"):
        import_site(database, tmp_path / "site.yaml")


def _meaning(site: Site) -> Any:
    """A site as it works, whatever the order and the names of lists."""
    cameras = {name: camera.as_input(name) for name, camera in site.cameras.items()}
    detect = {name: camera.detect_url for name, camera in site.cameras.items()}
    workers = {}
    for name, each in site.workers.items():
        looked = set(each.cameras or site.cameras)
        workers[name] = (looked, each.model_copy(update={"cameras": None}))
    queue = site.frame_queue
    looked = set() if queue is None else set(queue.cameras or site.cameras)
    queue = queue and queue.model_copy(update={"cameras": None})
    return (
        cameras,
        detect,
        workers,
        looked,
        queue,
        site.bus,
        site.topics,
        {n: c.enabled for n, c in site.cameras.items()},
    )


def _loaded(database: Database, path: Path) -> Site:
    """The exported file, with what its variables are for out of the database."""
    exported = export_site(database)
    sources = database.apply()[1]
    environ: dict[str, str] = {}
    for name, what in exported.variables.items():
        if what.startswith("the password of camera "):
            environ[name] = sources.cameras[what.removeprefix("the password of camera ")].password or ""
        elif name.startswith("CAMERA_ALONE_URL"):
            environ[name] = sources.cameras["alone"].address
        else:
            environ[name] = ENVIRON["TOKEN"].join(("hub://:", "@10.0.0.1:4820"))
    path.write_text(exported.text)
    return load_site(path, environ)


def test_what_is_exported_loads_again_and_means_the_same(
    database: Database, site_file: Path, tmp_path: Path
) -> None:
    import_site(database, site_file, environ=ENVIRON)
    exported = export_site(database)
    assert "geheim" not in exported.text + repr(exported)
    assert set(exported.variables) >= {"CAMERA_GATE_PASSWORD", "CAMERA_YARD_PASSWORD", "CAMERA_ALONE_URL"}
    again = _loaded(database, tmp_path / "again.yaml")
    assert _meaning(again) == _meaning(load_site(site_file, ENVIRON))


def test_of_deepstream_a_site_file_knows_nothing(database: Database) -> None:
    database.instances.add(deepstream())
    database.cameras.add(camera("gate", instance_name="hall"))
    with pytest.raises(FleetError, match="expected an instance of Sightline's own workers"):
        export_site(database)
    database.instances.add(worker())
    with pytest.raises(FleetError, match="none has one"):
        export_site(database)
    database.cameras.add(camera("yard", instance_name="motion"))
    exported = export_site(database)
    assert list(YAML(typ="safe").load(exported.text)["cameras"]) == ["yard"]


def test_instances_of_different_buses_do_not_fit_in_one_file(database: Database) -> None:
    for name, bus in (("a", "memory://"), ("b", "kafka://h:9092")):
        config = {"bus": bus, "workers": {name: {"model": {"kind": "motion"}}}}
        database.instances.add(worker(name, config=config))
        database.cameras.add(camera(name, instance_name=name))
    with pytest.raises(FleetError, match="one bus for all, and the instances a and b"):
        export_site(database)
    assert "kafka" in export_site(database, ["b"]).text


def test_what_samples_for_a_frame_queue_is_a_worker_too(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(
        "cameras: {a: {url: synthetic://}, b: {url: synthetic://}, c: {url: synthetic://}}\n"
        "workers: {people: {cameras: [a], model: {kind: hog}}}\n"
        "frame_queue: {cameras: [b, c], store: 'redis://10.0.0.1', queue: 'amqp://u:geheim@10.0.0.1/v',\n"
        "  groups: {fast: [c]}}\n"
    )
    assert import_site(database, path).instances.added == ["people", "frame_queue"]
    exported = export_site(database)
    (secret,) = exported.variables
    assert "geheim" not in exported.text
    again = tmp_path / "again.yaml"
    again.write_text(exported.text)
    assert _meaning(load_site(again, {secret: "amqp://u:geheim@10.0.0.1/v"})) == _meaning(load_site(path))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with Database(tmp_path_factory.mktemp("shared") / "fleet.db") as database:
        yield database


names = st.sampled_from(["a", "b", "c", "001", "no", "x.y", "A-1"])
texts = st.text(min_size=1, max_size=12).filter(lambda text: text.isprintable())
passwords = texts | st.sampled_from(["${X}", "$$", "a: b", "'#", "geheim"])
cameras: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"url": st.sampled_from(["rtsp://h/x", "http://h/y$z", "clip.mp4", "synthetic://street"])},
    optional={
        "transport": st.sampled_from(["tcp", "udp"]),
        "enabled": st.booleans(),
        "open_timeout_s": st.floats(1, 9),
    },
)


@st.composite
def sites(draw: st.DrawFn) -> dict[str, Any]:
    all_ = draw(st.dictionaries(names, cameras, min_size=1, max_size=5))
    for one in all_.values():
        if one["url"].startswith(("rtsp", "http")) and draw(st.booleans()):
            one.update(username="us$er", password=draw(passwords))
    workers: dict[str, dict[str, Any]] = {}
    for name in draw(st.lists(names, min_size=1, max_size=4, unique=True)):
        workers[name] = {"model": {"kind": "motion"}}
        if draw(st.booleans()):
            chosen = st.lists(st.sampled_from(sorted(all_)), min_size=1, unique=True)
            workers[name]["cameras"] = draw(chosen)
    return {"cameras": all_, "workers": workers}


def _escape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _escape(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_escape(each) for each in value]
    return value.replace("$", "$$") if isinstance(value, str) else value


@settings(max_examples=40, deadline=None)
@given(site=sites())
def test_any_site_goes_in_and_comes_out_the_same(site: dict[str, Any], shared: Database) -> None:
    folder = shared.path.parent
    path = folder / "site.yaml"
    with path.open("w") as file:
        YAML().dump(_escape(site), file)
    rows = read_site_rows(path, {})
    import_site_rows(shared, SiteRows([], []), "a", prune=True)
    first = import_site_rows(shared, rows, "a")
    assert first.cameras.added == list(site["cameras"])
    assert import_site_rows(shared, rows, "a", prune=True).is_nothing
    again = _loaded(shared, folder / "again.yaml")
    assert _meaning(again) == _meaning(load_site(path, {}))
