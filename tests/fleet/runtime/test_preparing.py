"""Instances made ready: what stands in their folders, and who may see it."""

import os
import shutil
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fleet.runtime.instances import PROGRAMS, STANDIN, deepstream, worker

from sightline.errors import ConfigError, RuntimeFault
from sightline.fleet.deciding.agent.desired import DesiredInstance
from sightline.fleet.messages.parts import FleetDsInstance, WorkerInstance
from sightline.fleet.runtime.docker.containers import DockerSettings, mounts_of
from sightline.fleet.runtime.preparing import Preparing, Programs
from sightline.fleet.runtime.site_text import site_text
from sightline.fleet.timing import Timing
from sightline.site.document import parse

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=20), inner, max_size=4)
    ),
    max_leaves=12,
)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_worker_is_a_site_file_that_its_owner_alone_reads(tmp_path: Path) -> None:
    spec = Preparing(tmp_path / "instances").prepare(worker("/clips/a.mp4"))
    assert spec.folder is not None
    assert spec.work is not None
    file = spec.folder / "site.yaml"
    assert mode(file) == 0o600
    assert [mode(tmp_path / "instances"), mode(spec.folder.parent), mode(spec.work)] == [0o700] * 3
    assert spec.command[-4:] == ("sightline.fleet.instance", str(file), "--folder", str(spec.work))
    assert (spec.name, spec.digest, spec.generation) == ("eyes", "w1", 5)


def test_deepstream_gets_its_files_in_the_order_of_its_program(tmp_path: Path) -> None:
    spec = Preparing(tmp_path, PROGRAMS).prepare(deepstream())
    assert spec.folder is not None
    assert tuple(spec.command[: len(STANDIN)]) == STANDIN
    files = [Path(each) for each in spec.command if each.endswith((".txt", ".yml"))]
    assert files
    assert all(each.is_file() and each.parent == spec.folder for each in files)
    assert spec.cameras == ("gate", "yard")
    assert spec.stop_signal == "SIGINT"


def test_what_must_not_run_twice_is_gone_within_the_margin_of_a_lease(tmp_path: Path) -> None:
    """Its ordinary end may be under way when the lease runs out, and is not hurried then."""
    preparing = Preparing(tmp_path, PROGRAMS)
    for instance in (deepstream(), worker("/a.mp4")):
        alone = msgspec.structs.replace(instance, exclusive=True)
        assert preparing.prepare(alone).stop_s < Timing().margin_s <= preparing.prepare(instance).stop_s


def test_a_container_is_given_the_arguments_of_its_image_alone(tmp_path: Path) -> None:
    preparing = Preparing(tmp_path, PROGRAMS)
    assert preparing.prepare(deepstream(runtime="docker")).command[0] in {"-t", "-c"}
    assert preparing.prepare(worker("/a.mp4", runtime="docker")).command[0].endswith("/site.yaml")
    nvidia = Preparing(tmp_path, Programs(deepstream_image=("deepstream-app",)))
    assert nvidia.prepare(deepstream(runtime="docker")).command[0] == "deepstream-app"


def test_files_that_the_url_of_a_kafka_names_are_seen_by_a_container(tmp_path: Path) -> None:
    ca, password = tmp_path / "ca.pem", tmp_path / "password"
    ca.touch()
    password.touch(0o600)
    password.write_text("geheim")
    url = f"kafka://me@h?sasl=PLAIN&tls_ca={ca}&password_file={password}"
    asked = worker("/a.mp4", runtime="docker")
    payload = asked.payload
    assert isinstance(payload, WorkerInstance)
    site = {**payload.site, "bus": f"{url}&settings=/nowhere"}
    asked = msgspec.structs.replace(asked, payload=payload.model_copy(update={"site": site}))
    spec = Preparing(tmp_path / "a").prepare(asked)
    assert spec.reads == (ca, password)
    seen = mounts_of(spec, DockerSettings(node="n", shares=[ca]))
    assert [each for each in seen if each[0] in {str(ca), str(password)}] == [
        (str(ca), True),
        (str(password), True),
    ]

    of_deepstream = deepstream(runtime="docker")
    document = of_deepstream.payload
    assert isinstance(document, FleetDsInstance)
    document.config.appconfig.kafka_connection_str = url
    made = Preparing(tmp_path / "b", PROGRAMS).prepare(of_deepstream)
    assert made.reads == (ca,)
    assert made.folder is not None
    holding = [path for path in made.folder.iterdir() if "sasl.password=geheim" in path.read_text()]
    assert "cfg_kafka.txt" in {path.name for path in holding}
    assert {mode(path) for path in holding} == {0o600}


def test_no_login_is_in_a_command_an_environment_or_a_name(tmp_path: Path) -> None:
    spec = Preparing(tmp_path, PROGRAMS).prepare(deepstream())
    assert "geheim" not in repr(spec)
    written = [path for path in tmp_path.rglob("*") if path.is_file() and b"geheim" in path.read_bytes()]
    assert written
    assert all(mode(path) == 0o600 for path in written)


def test_no_path_has_a_digest_that_guesses_could_be_tried_against(tmp_path: Path) -> None:
    digest = "5e88489873da"
    spec = Preparing(tmp_path / "a").prepare(worker("/a.mp4", digest=digest))
    other = Preparing(tmp_path / "b").prepare(worker("/a.mp4", digest=digest))
    assert digest not in str(spec.folder)
    assert spec.folder
    assert other.folder
    assert spec.folder.parent.name != other.folder.parent.name


def test_one_digest_has_one_folder_also_for_the_next_agent(tmp_path: Path) -> None:
    first = Preparing(tmp_path).prepare(worker("/a.mp4"))
    assert Preparing(tmp_path).prepare(worker("/a.mp4")) == first
    assert Preparing(tmp_path).prepare(worker("/a.mp4", digest="w2")).folder != first.folder
    assert first.folder
    assert (first.folder / "site.yaml").is_file()


def test_a_file_that_was_tampered_with_is_put_right(tmp_path: Path) -> None:
    first = Preparing(tmp_path).prepare(worker("/a.mp4"))
    assert first.folder
    text = (first.folder / "site.yaml").read_text()
    (first.folder / "site.yaml").write_text("cameras: {}")
    again = Preparing(tmp_path).prepare(worker("/a.mp4"))
    assert again.folder
    assert (again.folder / "site.yaml").read_text() == text


@pytest.mark.parametrize(
    ("instance", "file"), [(worker("/a.mp4"), "site.yaml"), (deepstream(), "mot_app.txt")]
)
def test_files_that_were_edited_are_found_also_by_the_next_agent(
    tmp_path: Path, instance: DesiredInstance, file: str
) -> None:
    preparing = Preparing(tmp_path, PROGRAMS)
    folder = preparing.prepare(instance).folder
    assert folder
    assert preparing.drift(instance) == ""
    path = next(each for each in folder.iterdir() if each.name == file)
    text = path.read_text()
    path.touch()
    assert preparing.drift(instance) == "", "it says the same"
    path.write_text(text.replace("rate", "fate") + "\n")
    for looking in (preparing, Preparing(tmp_path, PROGRAMS)):
        assert looking.drift(instance) == f"edited: {file}"
    path.unlink()
    assert preparing.drift(instance) == f"edited: {file}"
    preparing.prepare(instance)
    assert preparing.drift(instance) == ""
    shutil.rmtree(folder.parent)
    assert file in preparing.drift(instance)


@pytest.mark.parametrize(
    ("camera", "may_end"),
    [
        ({"url": "/a.mp4"}, True),
        ("/a.mp4", True),
        ({"url": "/a.mp4", "loop": True}, False),
        ({"url": "rtsp://h/1"}, False),
        ({"url": "v4l2:///dev/video0"}, False),
        ({"url": "ftp://h"}, False),
    ],
)
def test_only_what_plays_recordings_once_may_end(tmp_path: Path, camera: Any, *, may_end: bool) -> None:
    made = worker("/b.mp4")
    made.payload.site["cameras"]["other"] = camera
    assert Preparing(tmp_path).prepare(made).may_end is may_end
    assert not Preparing(tmp_path, PROGRAMS).prepare(deepstream()).may_end


@pytest.mark.parametrize("name", ["../../outside", "/etc", "a" * 200, "Hof Süd ☃", "work", "."])
def test_no_name_leaves_the_folder(tmp_path: Path, name: str) -> None:
    root = tmp_path / "root"
    spec = Preparing(root, PROGRAMS).prepare(deepstream(name))
    assert spec.folder
    assert spec.folder.resolve().is_relative_to(root)
    assert spec.name == name
    assert [each.name for each in tmp_path.iterdir()] == ["root"]


def test_what_is_not_in_use_is_removed_and_what_it_wrote_stays(tmp_path: Path) -> None:
    preparing = Preparing(tmp_path, PROGRAMS)
    kept, old, gone = (
        preparing.prepare(each) for each in (worker("/a"), worker("/b", digest="w0"), deepstream())
    )
    wrote = preparing.prepare(worker("/a", "writer"))
    assert kept.folder
    assert old.folder
    assert gone.folder
    assert gone.work
    assert wrote.folder
    assert wrote.work
    (wrote.work / "seen.jsonl").write_text("{}")
    preparing.prune([("eyes", "w1")])
    assert kept.folder.is_dir()
    assert kept.work is not None
    assert kept.work.is_dir()
    assert not old.folder.parent.exists()
    assert not gone.work.parent.exists()
    assert not wrote.folder.exists()
    assert (wrote.work / "seen.jsonl").is_file()


def test_many_are_made_ready_at_once(tmp_path: Path) -> None:
    preparing = Preparing(tmp_path, PROGRAMS)
    made: list[str] = []

    def make(number: int) -> None:
        made.append(str(preparing.prepare(deepstream(f"n{number}")).folder))

    threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 8


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20), JSON, max_size=5))
def test_a_site_reads_as_just_what_it_was_made_of(site: dict[str, object]) -> None:
    document = parse(site_text(site, {}), {"HOME": "taken", "X": "taken"})
    assert document.findings == []
    assert document.value == site


def test_a_password_with_a_dollar_is_no_variable() -> None:
    cameras = {"a": {"url": "rtsp://h/1", "password": "${HOME}$$x$"}}
    assert parse(site_text({"cameras": cameras}, {}), os.environ).value == {"cameras": cameras}


def test_a_term_goes_to_its_camera() -> None:
    site = {"cameras": {"a": {"url": "x"}, "b": "y", "c": {"url": "z"}}}
    read = parse(site_text(site, {"a": 4, "b": 7}), {}).value
    assert read == {
        "cameras": {"a": {"url": "x", "term": 4}, "b": {"url": "y", "term": 7}, "c": {"url": "z"}}
    }


def test_what_cannot_be_told_deepstream_is_refused_by_its_name(tmp_path: Path) -> None:
    strange = DesiredInstance(name="odd", digest="d", payload={"x": 1})
    with pytest.raises(ConfigError, match="'odd'.*got dict"):
        Preparing(tmp_path).prepare(strange)


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RuntimeFault, match="file"):
        Preparing(tmp_path / "file" / "below")
    preparing = Preparing(tmp_path / "root")
    (tmp_path / "root" / "eyes").write_text("in the way")
    with pytest.raises(RuntimeFault, match="'eyes'.*in the way|'eyes'"):
        preparing.prepare(worker("/a.mp4"))
