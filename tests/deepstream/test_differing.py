"""Two files differ where DeepStream would do something else, and nowhere else."""

from pathlib import Path

import pytest

from sightline.deepstream.comparing.differing import Difference, How, diff, same
from sightline.deepstream.document import ConfigFile, Form
from sightline.deepstream.reading.loading import load, loads

# Where NVIDIA's twins say different things: which twin, and why.
TABLE = "the YAML's sources stand in a table that is not in the folder"
NVIDIA = {
    "dstest2_pgie_config": "the YAML's keys below class-attrs-all: are not indented, so nobody reads them",
    "test5_config_file_src_infer": TABLE,
    "test5_config_file_src_infer_azure_iotedge": TABLE,
    "test5_config_file_src_infer_tiler_demux": TABLE,
    "test5_config_file_src_infer_tracker_sgie": TABLE,
    "test5_dec_infer-resnet_tracker_sgie_tiled_display": TABLE,
}


def of(first: str, second: str, form: Form = Form.TXT) -> tuple[Difference, ...]:
    return diff(loads(first.encode(), Form.TXT), loads(second.encode(), form))


def _text(source: str) -> ConfigFile:
    return loads(source.encode(), Form.TXT)


def _yaml(source: str) -> ConfigFile:
    return loads(source.encode(), Form.YML)


def twins(configs: Path) -> list[Path]:
    return sorted(path for path in configs.rglob("*.txt") if path.with_suffix(".yml").exists())


def test_nvidia_s_twins_mean_the_same_but_for_what_is_named(configs: Path) -> None:
    found = twins(configs)
    assert len(found) == 12
    for path in found:
        differences = diff(load(path), load(path.with_suffix(".yml")))
        counting = [difference for difference in differences if difference.counts]
        reason = NVIDIA.get(path.stem)
        if reason is None:
            assert not counting, path
        elif reason is TABLE:
            assert [difference.how for difference in counting] == [How.UNREADABLE], path
        else:
            assert {difference.key for difference in counting} == {"topk", "nms-iou-threshold"}, path
            outside = {difference.key for difference in differences if difference.how is How.PASSED_OVER}
            assert outside == {"pre-cluster-threshold", "topk", "nms-iou-threshold"}


def test_a_real_file_is_no_different_from_itself(configs: Path) -> None:
    for path in configs.rglob("*.*"):
        if path.suffix in {".txt", ".yml"}:
            assert diff(load(path), load(path)) == ()


def test_how_it_is_written_is_no_difference() -> None:
    text = "# a\n[class-attrs-all]\ntopk=20\n[property]\nonnx-file=a.onnx\noffsets=1;2;3;\nonnx-file=b.onnx\n"
    yaml = "property:\n  offsets: 1.0;2;3\n  onnx-file: ./b.onnx\nclass-attrs-all: {topk: 20}\n"
    assert of(text, yaml, Form.YML) == ()


def test_another_value_is_told_with_both_lines() -> None:
    (difference,) = of("[property]\n\nnetwork-mode=1\n", "[property]\nnetwork-mode=2 # FP16\n")
    assert difference.how is How.OTHER
    assert (difference.first, difference.second) == ("1", "2 # FP16")
    assert (difference.first_line, difference.second_line) == (3, 2)
    assert difference.message == "[property] network-mode is 1 in the first and 2 # FP16 in the second"


@pytest.mark.parametrize(("swapped", "how"), [(False, How.ONLY_FIRST), (True, How.ONLY_SECOND)])
def test_what_stands_in_one_alone_is_told(swapped: bool, how: How) -> None:
    files = ["[property]\nnetwork-mode=2\n[class-attrs-0]\ntopk=5\n", "[property]\n"]
    differences = of(*(reversed(files) if swapped else files))
    assert [(each.how, each.group, each.key) for each in differences] == [
        (how, "property", "network-mode"),
        (how, "class-attrs-0", None),
    ]
    assert not same(differences)


def test_a_default_that_is_written_out_is_told_and_does_not_count() -> None:
    (difference,) = of("[property]\nbatch-size=1\n", "[property]\n")
    assert (difference.how, difference.counts) == (How.DEFAULT, False)
    assert "it is the default" in difference.message
    (other,) = of("[property]\nbatch-size=2\n", "[property]\n")
    assert other.counts


def test_a_group_that_is_turned_off_is_as_good_as_none() -> None:
    off = "[application]\n[sink0]\nenable=0\ntype=2\n"
    (difference,) = of(off, "[application]\n")
    assert (difference.how, difference.group) == (How.DEFAULT, "sink0")
    (on,) = of(off.replace("enable=0", "enable=1"), "[application]\n")
    assert on.how is How.ONLY_FIRST


def test_a_file_and_its_twin_are_one_as_nvidia_names_them() -> None:
    app = "[application]\n[primary-gie]\nconfig-file={}\n"
    (difference,) = of(app.format("a/pgie.txt"), app.format("a/pgie.yml"))
    assert (difference.how, difference.counts) == (How.FORM, False)
    (other,) = of(app.format("a/pgie.txt"), app.format("b/pgie.yml"))
    assert other.counts


def test_another_order_of_sources_is_told() -> None:
    source = "[source{}]\nenable=1\ntype=4\nuri=rtsp://a/{}\n"
    one, two = source.format(0, 0), source.format(1, 1)
    (difference,) = of(f"[application]\n{one}{two}", f"[application]\n{two}{one}")
    assert (difference.how, difference.counts) == (How.ORDER, False)


def test_a_colour_that_yaml_s_reader_cuts_is_told() -> None:
    text = "[application]\n[osd]\nenable=1\ntext-bg-color=0.3;0.3;0.3;1\ntext-color=1;1;1;1\n"
    yaml = "application:\nosd:\n  enable: 1\n  text-bg-color: 0.3;0.3;0.3;1\n  text-color: 1;1;1;1\n"
    (difference,) = of(text, yaml, Form.YML)
    assert (difference.how, difference.key, difference.counts) == (How.CUT, "text-bg-color", False)


def test_no_password_is_in_a_difference() -> None:
    app = "[application]\n[source0]\nenable=1\ntype=4\nuri=rtsp://me:{}@10.0.0.5/1\n"
    (difference,) = of(app.format("tulip77"), app.format("rose88"))
    assert difference.counts
    assert "tulip77" not in repr(difference)
    assert "rose88" not in repr(difference)


def test_files_of_two_kinds_are_told_apart_at_once() -> None:
    (difference,) = of("[property]\nonnx-file=a\n", "[sensor0]\nenable=1\n")
    assert difference.how is How.KIND
    assert "nvinfer" in difference.message


def test_a_program_gets_all_of_it() -> None:
    (difference,) = of("[property]\ntopk=1\n", "[property]\n")
    assert b'"how":"only in the first"' in difference.to_json()
    assert b'"counts":true' in difference.to_json()


def test_a_group_that_nobody_reads_in_one_form_is_a_difference() -> None:
    one = _text("[application]\n[source0]\nenable=1\ntype=4\nuri=rtsp://a/1\n[streammux]\nbatch-size=1\n")
    other = _yaml(
        "application:\nsource0:\n  enable: 1\n  type: 4\n  uri: rtsp://a/1\nstreammux:\n  batch-size: 1\n"
    )
    for first, second, how in ((one, other, How.ONLY_FIRST), (other, one, How.ONLY_SECOND)):
        (difference,) = diff(first, second)
        assert (difference.how, difference.group) == (how, "source0")
        assert not same((difference,))


def test_a_table_without_its_file_beside_a_group_that_nobody_reads_is_told_as_the_table() -> None:
    table = "application:\nsource0:\n  enable: 1\nsource:\n  csv-file-path: none.csv\n"
    (difference,) = (each for each in diff(_yaml(table), _yaml("application:\n")) if each.counts)
    assert "none.csv" in difference.message


def test_a_group_that_one_form_alone_reads_is_told_as_such() -> None:
    one, other = _text("[property]\nsymmetric-padding=1\n"), _yaml("property:\n  symmetric-padding: 1\n")
    assert diff(one, other) == ()
    one = _text("[osd]\nenable=1\n[application]\n[source-list]\nuse-nvmultiurisrcbin=1\n")
    other = _yaml("osd:\n  enable: 1\napplication:\nsource-list:\n  use-nvmultiurisrcbin: 1\n")
    (difference,) = diff(one, other)
    assert difference.message == "[source-list] is read in the first alone"
    assert (difference.how, difference.first_line, difference.second_line) == (How.ONLY_FIRST, 5, 5)
    assert diff(other, other) == ()


@pytest.mark.parametrize("value", ["nan", "0;nan;1;1"])
def test_no_number_is_the_same_as_itself(value: str) -> None:
    file = loads(
        f"[property]\nnet-scale-factor=nan\n[class-attrs-all]\nborder-color={value}\n".encode(), Form.TXT
    )
    assert diff(file, file) == ()


@pytest.mark.parametrize("in_first", [True, False])
def test_a_key_that_only_the_other_forms_parser_knows_says_nothing_where_it_stands(in_first: bool) -> None:
    files = [
        _yaml("property:\n  gie-unique-id: 1\n  input-dims: 3;9;9;0\n"),
        _yaml("property:\n  gie-unique-id: 1\n"),
    ]
    (found,) = diff(*(files if in_first else reversed(files)))
    assert (found.how, found.key, found.counts) == (How.PASSED_OVER, "input-dims", False)
    (read,) = of("[property]\ngie-unique-id=1\ninfer-dims=3;9;9\n", "[property]\ngie-unique-id=1\n")
    assert read.counts
