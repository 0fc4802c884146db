"""What a file says is the same, however it is written."""

from pathlib import Path

import pytest

from sightline.deepstream.comparing.meaning import Meaning, meaning_of
from sightline.deepstream.document import Form
from sightline.deepstream.kinds import Kind
from sightline.deepstream.reading.loading import load, loads


def text(source: str) -> Meaning:
    return meaning_of(loads(source.encode(), Form.TXT))


def yaml(source: str) -> Meaning:
    return meaning_of(loads(source.encode(), Form.YML))


def test_every_real_file_has_a_meaning(configs: Path) -> None:
    files = [path for path in configs.rglob("*") if path.suffix in {".txt", ".yml"}]
    assert len(files) >= 34
    for path in files:
        meaning = meaning_of(load(path))
        assert meaning.kind is not Kind.UNKNOWN, path
        assert meaning.groups, path


def test_values_are_what_the_parser_of_each_form_makes_of_them() -> None:
    keys = text(
        "[property]\n"
        "gie-unique-id=007\n"
        "net-scale-factor=1\n"
        "batch-size=4 # four\n"
        "offsets=1;2;3;\n"
        "onnx-file=./a/../b.onnx\n"
        "enable-dla=true\n"
        "output-blob-names=a\\;b;c\n"
    ).groups["property"]
    assert keys["gie-unique-id"].value == 7
    assert keys["net-scale-factor"].value == 1.0
    assert keys["batch-size"].value == 4
    assert keys["offsets"].value == (1.0, 2.0, 3.0)
    assert keys["onnx-file"].value == "b.onnx"
    assert keys["enable-dla"].value == 1
    assert keys["output-blob-names"].value == ("a;b", "c")
    assert yaml("property:\n  gie-unique-id: 007\n").groups["property"]["gie-unique-id"].value == 7
    assert yaml("property:\n  gie-unique-id: 010\n").groups["property"]["gie-unique-id"].value == 8


def test_the_line_and_the_words_of_a_setting_are_kept() -> None:
    setting = text("# of a street\n[property]\n\nbatch-size=4 # four\n").groups["property"]["batch-size"]
    assert (setting.line, setting.written) == (4, "4 # four")


def test_what_cannot_be_read_is_its_own_text() -> None:
    keys = text("[property]\nbatch-size=many\nno-such-key=a b\n").groups["property"]
    assert (keys["batch-size"].value, keys["no-such-key"].value) == ("many", "a b")
    assert keys["no-such-key"].row is None


def test_of_duplicates_the_one_that_is_read_counts_and_the_others_are_told() -> None:
    meaning = text("[property]\nbatch-size=1\n[class-attrs-all]\n[property]\nbatch-size=2\n")
    assert meaning.values()["property"] == {"batch-size": 2}
    assert list(meaning.groups) == ["property", "class-attrs-all"]
    assert [(note.line, note.key) for note in meaning.notes] == [(2, "batch-size")]
    twice = yaml("property:\n  batch-size: 1\n  batch-size: 2\nproperty:\n  batch-size: 3\n")
    assert twice.values()["property"] == {"batch-size": 2}
    assert [note.line for note in twice.notes] == [2, 5]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("is-classifier=1", {"network-type": 1}),
        ("is-classifier=false", {"network-type": 0}),
        ("is-classifier=1\nnetwork-type=100", {"network-type": 100}),
        ("enable-dbscan=1", {"cluster-mode": 1}),
        ("enable-dbscan=0", {}),
        ("cluster-mode=4\nenable-dbscan=1", {"cluster-mode": 4}),
        ("input-dims=3;544;960;0", {"infer-dims": (3, 544, 960), "uff-input-order": 0}),
        ("uff-input-dims=3;544;960;1\ninfer-dims=1;2;3", {"infer-dims": (1, 2, 3)}),
        ("is-classifier=maybe", {"is-classifier": "maybe"}),
    ],
)
def test_an_old_key_is_its_heir(old: str, new: dict[str, object]) -> None:
    assert text(f"[property]\n{old}\n").values()["property"] == new


def test_of_an_old_key_and_its_heir_that_set_the_same_the_later_one_holds() -> None:
    def threshold(lines: str) -> object:
        return text(f"[property]\n[class-attrs-all]\n{lines}\n").values()["class-attrs-all"]

    assert threshold("threshold=0.1\npre-cluster-threshold=0.2") == {"pre-cluster-threshold": 0.2}
    assert threshold("pre-cluster-threshold=0.2\nthreshold=0.1") == {"pre-cluster-threshold": 0.1}


def test_yaml_never_knew_the_old_keys() -> None:
    assert yaml("property:\n  is-classifier: 1\n").values()["property"] == {"is-classifier": "1"}


SOURCES = """\
[application]
[source0]
enable=1
type=4
uri=rtsp://10.0.0.5/1
[source1]
enable=1
type=4
uri=rtsp://10.0.0.6/1
latency=300
[streammux]
batch-size=2
[primary-gie]
enable=1
batch-size=2
"""


def test_sources_in_groups_in_a_list_and_in_a_table_are_the_same(tmp_path: Path) -> None:
    listed = """\
[application]
[source-list]
num-source-bins=2
list=rtsp://10.0.0.5/1;rtsp://10.0.0.6/1;
sensor-id-list=a;b
sensor-name-list=a;b
[source-attr-all]
enable=1
type=3
[source1]
enable=1
latency=300
[streammux]
batch-size=30
[primary-gie]
enable=1
"""
    (tmp_path / "sources.csv").write_text(
        "\n# two cameras\nenable,type,uri,latency\n1,4,rtsp://10.0.0.5/1,100\n1,4,rtsp://10.0.0.6/1,300\n"
    )
    path = tmp_path / "app.yml"
    path.write_text(
        "application:\nsource:\n  csv-file-path: sources.csv\nstreammux:\n  batch-size: 2\n"
        "primary-gie:\n  enable: 1\n  batch-size: 2\n"
    )
    groups = text(SOURCES).values()
    assert text(listed).values() == groups
    table = meaning_of(load(path)).values()
    assert table["source0"].pop("latency") == 100
    assert table == groups


def test_a_source_has_the_number_that_is_its_camera_id() -> None:
    meaning = text("[application]\n[source4]\nenable=1\ncamera-id=7\n[source2]\nenable=1\n")
    assert list(meaning.groups) == ["application", "source7", "source2"]
    assert meaning.values()["source7"] == {"enable": 1}


def test_a_table_that_is_not_there_is_told() -> None:
    meaning = yaml("application:\nsource:\n  csv-file-path: nowhere.csv\n")
    assert meaning.table_missing
    assert [(note.line, "nowhere.csv" in note.message) for note in meaning.notes] == [(3, True)]


def test_a_list_for_nvmultiurisrcbin_stays_a_list() -> None:
    meaning = text(
        "[application]\n[source-list]\nuse-nvmultiurisrcbin=1\nlist=rtsp://a/1\n[source-attr-all]\nenable=1\n"
    )
    assert list(meaning.groups) == ["application", "source-list", "source-attr-all"]


def test_groups_of_nvdspreprocess_are_the_same_in_yaml_s_list() -> None:
    head = "processing-width"
    in_text = text(f"[property]\n{head}=640\ntensor-name=x\n[group-3]\nsrc-ids=1;2\n[group-1]\nsrc-ids=0;\n")
    in_yaml = yaml(f"property:\n  {head}: 640\n  tensor-name: x\ngroup:\n  - src-ids: 0\n  - src-ids: 1;2\n")
    assert in_text.kind is in_yaml.kind is Kind.PREPROCESS
    assert in_text.values() == in_yaml.values()
    assert in_yaml.values()["group-1"] == {"src-ids": (1, 2)}


def test_keys_of_no_group_are_outside() -> None:
    meaning = yaml("property:\n  batch-size: 1\nclass-attrs-all:\ntopk: 20\n")
    assert meaning.values() == {"property": {"batch-size": 1}, "class-attrs-all": {}}
    assert meaning.outside["topk"].value == "20"


def test_nothing_is_the_word_that_yaml_cpp_makes_of_it_where_a_text_is_read() -> None:
    keys = yaml("property:\n  onnx-file:\n  no-such-key:\n").values()["property"]
    assert keys == {"onnx-file": "null", "no-such-key": ""}


def test_a_default_that_is_written_out_is_known_as_one() -> None:
    keys = text("[property]\nbatch-size=1\nnetwork-mode=2\n").groups["property"]
    assert keys["batch-size"].is_default
    assert not keys["network-mode"].is_default
