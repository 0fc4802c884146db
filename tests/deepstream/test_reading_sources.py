"""The sources of an application's file, from groups, from a list and from a table."""

from pathlib import Path

import pytest

from sightline.deepstream.document import Form
from sightline.deepstream.reading.loading import load, loads
from sightline.deepstream.reading.sources import Source, group_number, number_of_pictures, sources_of


def text(said: str) -> tuple[Source, ...]:
    return sources_of(loads(said.encode(), Form.TXT))


def table(folder: Path, rows: str) -> tuple[Source, ...]:
    (folder / "sources.csv").write_bytes(rows.encode())
    path = folder / "app.yml"
    path.write_text("source:\n  csv-file-path: sources.csv\n", "utf-8")
    return sources_of(load(path))


def test_groups_are_sources_in_the_order_of_the_file() -> None:
    found = text(
        "[source2]\nenable=1\ntype=4\nuri=rtsp://a/b\nlatency=7\n[application]\n"
        "[source0]\nenable=1\ntype=2\nuri=file:///b\\sc.mp4\ncamera-id=9\n"
    )
    assert [(each.index, each.group, each.line, each.type, each.uris, each.camera_id) for each in found] == [
        (0, "source2", 1, 4, ("rtsp://a/b",), 2),
        (1, "source0", 7, 2, ("file:///b c.mp4",), 9),
    ]
    assert found[0].keys == {"enable": "1", "type": "4", "uri": "rtsp://a/b", "latency": "7"}
    assert number_of_pictures(found) == 2


@pytest.mark.parametrize(
    ("said", "enabled"), [("enable=1", True), ("enable=0", False), ("", False), ("enable=true", False)]
)
def test_a_group_is_on_where_its_switch_is_a_number_but_0(said: str, enabled: bool) -> None:
    (found,) = text(f"[source0]\n{said}\ntype=2\nuri=file:///a\n")
    assert found.enabled is enabled
    assert number_of_pictures((found,)) == int(enabled)


def test_several_sources_have_the_number_in_their_uri() -> None:
    (found,) = text("[source0]\nenable=1\ntype=3\nnum-sources=3\nuri=rtsp://a/%d\n")
    assert found.uris == ("rtsp://a/0", "rtsp://a/1", "rtsp://a/2")
    assert number_of_pictures((found,)) == 3


def test_the_same_uri_may_be_several_sources() -> None:
    (found,) = text("[source0]\nenable=1\ntype=3\nnum-sources=3\nuri=rtsp://a\n")
    assert (found.uris, found.num_sources) == (("rtsp://a",), 3)


def test_a_number_of_sources_that_nobody_reads_does_not_count() -> None:
    (found,) = text("[source0]\nenable=1\ntype=4\nnum-sources=3\nuri=rtsp://a\n")
    assert found.num_sources == 1


def test_a_great_number_of_sources_does_not_fill_the_memory() -> None:
    (found,) = text("[source0]\nenable=1\ntype=3\nnum-sources=2000000000\nuri=rtsp://a/%d\n")
    assert len(found.uris) == 1024
    assert found.num_sources == 2000000000


def test_a_camera_has_no_uri() -> None:
    (found,) = text("[source0]\nenable=1\ntype=1\nuri=file:///a\ncamera-v4l2-dev-node=2\n")
    assert (found.type, found.uris, found.keys["camera-v4l2-dev-node"]) == (1, (), "2")


def test_a_list_has_its_sensors_and_what_all_share() -> None:
    found = text(
        "[source-list]\nnum-source-bins=4\nlist=rtsp://a/b;file:///c;csi:3;usb:5;\n"
        "sensor-id-list=one;two;three;four\nsensor-name-list=One;Two\n"
        "[source-attr-all]\nenable=1\ntype=3\nlatency=50\n"
    )
    assert [(each.type, each.uris, each.sensor_id, each.sensor_name) for each in found] == [
        (4, ("rtsp://a/b",), "one", "One"),
        (2, ("file:///c",), "two", "Two"),
        (5, (), "three", None),
        (1, (), "four", None),
    ]
    assert {each.keys["latency"] for each in found} == {"50"}
    assert found[2].keys["camera-csi-sensor-id"] == "3"
    assert all(each.group == "source-list" and each.enabled for each in found)


def test_a_group_beside_a_list_overwrites_its_entry() -> None:
    found = text(
        "[source-list]\nlist=rtsp://a;rtsp://b\n[source-attr-all]\nenable=1\nlatency=50\n"
        "[source1]\nenable=1\nlatency=70\ncamera-id=4\n[source0]\nenable=0\nlatency=90\n"
    )
    assert [(each.keys["latency"], each.camera_id) for each in found] == [("50", 0), ("70", 4)]


def test_a_list_is_off_where_what_all_share_does_not_switch_it_on() -> None:
    assert not any(
        each.enabled for each in text("[source-list]\nlist=rtsp://a;rtsp://b\n[source-attr-all]\n")
    )


def test_a_list_may_give_a_number_alone() -> None:
    found = text("[source-list]\nnum-source-bins=3\n[source-attr-all]\nenable=1\ntype=2\nuri=file:///a\n")
    assert [each.uris for each in found] == [("file:///a",)] * 3


def test_a_table_has_a_source_in_each_line(tmp_path: Path) -> None:
    found = table(
        tmp_path,
        "# cameras\n\nenable,type,uri,num-sources,latency,camera-id\n"
        "1,4,rtsp://a/b,1,200,3\n0,2,file:///c.mp4,1,100,0\n1 # on,3,file:///%d.mp4,2 films,100,0\n",
    )
    assert [(each.line, each.enabled, each.type, each.uris, each.camera_id) for each in found] == [
        (4, True, 4, ("rtsp://a/b",), 3),
        (5, False, 2, ("file:///c.mp4",), 0),
        (6, True, 3, ("file:///0.mp4", "file:///1.mp4"), 0),
    ]
    assert number_of_pictures(found) == 3
    assert found[0].keys["latency"] == "200"


@pytest.mark.parametrize("rows", ["", "enable,type,uri\n", "enable,type,uri\n1,2\n"])
def test_a_table_that_has_nothing_to_read_gives_no_source(tmp_path: Path, rows: str) -> None:
    assert table(tmp_path, rows) == ()


def test_a_table_that_is_not_there_gives_no_source(tmp_path: Path) -> None:
    path = tmp_path / "app.yml"
    path.write_text("source:\n  csv-file-path: nowhere.csv\n", "utf-8")
    assert sources_of(load(path)) == ()


def test_the_list_of_a_test_program_is_read() -> None:
    found = sources_of(loads(b"source-list:\n  list: file:///a;rtsp://b;\n", Form.YML))
    assert [each.uris for each in found] == [("file:///a",), ("rtsp://b",)]


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("source0", 0),
        ("source007", 7),
        ("source", None),
        ("source-list", None),
        ("source-attr-all", None),
        ("sourceX", None),
        ("source1_0", None),
        ("source1x", None),
        ("sink0", None),
    ],
)
def test_a_group_of_a_source_ends_in_its_number(name: str, number: int | None) -> None:
    assert group_number(name) == number


def test_what_cannot_be_read_is_not_there() -> None:
    (found,) = text("[source0]\nenable=1\ntype=four\nnum-sources=x\nuri=a\\qb\n")
    assert (found.type, found.num_sources, found.uris) == (None, 1, ("a\\qb",))


def test_the_real_lists_are_read(configs: Path) -> None:
    path = configs / "deepstream-test5" / "test5_config_file_nvmultiurisrcbin_src_list_attr_all.txt"
    found = sources_of(load(path))
    assert [each.sensor_id for each in found] == ["UniqueSensorId1", "UniqueSensorId2"]
    assert all(each.enabled and each.type == 2 for each in found)
