"""Which kind a file is of: told by what no other kind has, and UNKNOWN rather than a guess."""

from pathlib import Path

import pytest

from sightline.deepstream.document import Form
from sightline.deepstream.findings import Severity, What
from sightline.deepstream.judging.linting import lint, lint_path
from sightline.deepstream.judging.rules.opening import rules_of
from sightline.deepstream.keys.opening import judged, tables_of
from sightline.deepstream.kinds import Kind, kind_of, looks_like_protobuf
from sightline.deepstream.reading.loading import loads

_POSTPROCESS = """property:
  gpu-id: 0
  process-mode: 1
  num-detected-classes: 4
  gie-unique-id: 1
  cluster-mode: 2
  output-blob-names: output_cov/Sigmoid
  network-type: 0
class-attrs-all:
  topk: 20
"""


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("[property]\nonnx-file=a\n", Kind.NVINFER),
        ("[property]\nbatchsize=1\ngie-unique-id=1\n", Kind.NVINFER),
        ("[class-attrs-all]\ntopk=1\n", Kind.NVINFER),
        ("[property]\n", Kind.NVINFER),
        ("[property]\nnonsense=1\n", Kind.UNKNOWN),
        ("[property]\ntensor-name=a\n", Kind.PREPROCESS),
        ("[property]\nenable=1\n[group-0]\nsrc-ids=0\n", Kind.PREPROCESS),
        ("[property]\nenable=1\nconfig-width=1\n", Kind.ANALYTICS),
        ("[overcrowding-stream-3]\nenable=1\n", Kind.ANALYTICS),
        ("[sensor0]\nenable=1\n", Kind.MSGCONV),
        ("[message-broker]\n", Kind.BROKER),
        ("[application]\n", Kind.APP),
        ("[primary-gie]\nenable=1\n", Kind.APP),
        ("[source0]\nenable=1\n[tracker]\nenable=1\n", Kind.APP),
        ("[tracker]\nenable=1\n", Kind.TRACKER),
        ("[source0]\n[sink0]\n[streammux]\n[property]\nonnx-file=a\n[class-attrs-all]\ntopk=1\n", Kind.APP),
        ("[application]\n[property]\nonnx-file=a\n[streammux]\n", Kind.NVINFER),
        ("[property]\noutput-width=1\nnum-batch-buffers=1\n[surface0]\nprojection-type=1\n", Kind.UNKNOWN),
        ("[property]\nalgorithm-type=1\nbatch-size=4\noverall-min-fps-n=5\n", Kind.UNKNOWN),
        ("[property]\nbatch-size=4\n[source-config-0]\nmax-fps-n=3\n", Kind.UNKNOWN),
        ("[property]\nenable=1\nactive-pad=sink_0\n[group-0]\nsrc-ids-model-1=0\n", Kind.UNKNOWN),
        ("[multimodel]\nbatch-size=10\n", Kind.UNKNOWN),
        ("[application]\nseed=A\n[receiver0]\nenable=1\n[primary-gie]\nenable=1\n", Kind.UNKNOWN),
        ("[application]\nseed=A\n[sender1]\nenable=1\n", Kind.UNKNOWN),
        ("", Kind.UNKNOWN),
    ],
)
def test_text_is_told_by_its_groups_and_keys(text: str, kind: Kind) -> None:
    assert kind_of(loads(text.encode(), Form.TXT)) is kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("property:\n  onnx-file: a\n", Kind.NVINFER),
        ("property:\n  output-blob-names: a\n  network-type: 1\n  batch-size: 2\n", Kind.NVINFER),
        ("property:\n  onnx-file: a\nsource-list:\n  list: file:///a.mp4\n", Kind.NVINFER),
        (_POSTPROCESS, Kind.UNKNOWN),
        ("property:\n  batch-size: 1\n  parse-bbox-func-name: NvDsPostProcessParseX\n", Kind.UNKNOWN),
        ("property:\n  enable: 1\ngroup:\n  - src-ids: 0\n", Kind.PREPROCESS),
        ("source:\n  location: a.h264\nstreammux:\n  width: 1\n", Kind.TEST_APP),
        ("source:\n  csv-file-path: a.csv\nstreammux:\n  width: 1\n", Kind.APP),
        ("application:\n  perf-measurement-interval-sec: 5\nsource:\n  csv-file-path: a.csv\n", Kind.APP),
        ("BaseConfig:\n  minDetectorConfidence: 0\n", Kind.TRACKER),
        ("ds3d::datamap:\n  lidar_element_size: 4\n", Kind.MSGCONV),
        ("infer_config:\n  unique_id: 1\n", Kind.NVINFERSERVER),
        ("application:\n  perf: 1\nprimary-gie0:\n  enable: 1\nbranch0:\n  pgie-id: 1\n", Kind.UNKNOWN),
        ("sink0:\n  enable: 1\nmeta-mux:\n  enable: 1\n", Kind.UNKNOWN),
        ("source-list:\n- uri: file:///a.mp4\nsource-config:\n  source-bin: nvurisrcbin\n", Kind.UNKNOWN),
        ("source:\n  uri: file:///a.jpg\nvideo_template:\n  a: b\nsink:\n  sync: true\n", Kind.UNKNOWN),
        ("tracker:\n  tracker-width: 640\n  ll-lib-file: a.so\n", Kind.TEST_APP),
    ],
)
def test_yaml_is_told_by_its_groups_and_keys(text: str, kind: Kind) -> None:
    assert kind_of(loads(text.encode(), Form.YML)) is kind


def test_what_is_not_judged_is_said_in_a_note() -> None:
    for kind in (Kind.UNKNOWN, Kind.NVINFERSERVER):
        (finding,) = lint(loads(b"", Form.TXT), kind)
        assert (finding.severity, finding.what) == (Severity.NOTE, What.UNKNOWN)
        assert "not judged" in finding.message


def test_protobuf_is_not_told_as_a_wrong_key_file(tmp_path: Path) -> None:
    path = tmp_path / "config_inferserver.txt"
    path.write_text('# nvinferserver\ninfer_config {\n  backend { triton { model_name: "a" } }\n}\n')
    (finding,) = lint_path(path)
    assert finding.severity is Severity.NOTE
    assert "nvinferserver" in finding.message


def test_a_word_alone_is_no_protobuf() -> None:
    assert looks_like_protobuf(b"infer_config {\n")
    assert looks_like_protobuf(b"a\n  input_control: {")
    assert not looks_like_protobuf(b"infer_config = {\n")
    assert not looks_like_protobuf(b"[infer_config]\n")


@pytest.mark.parametrize("kind", judged())
def test_every_judged_kind_has_tables_and_rules(kind: Kind) -> None:
    assert tables_of(kind)
    assert all(map(callable, rules_of(kind)))


@pytest.mark.parametrize("kind", judged())
def test_no_key_stands_twice_in_a_group_for_one_form(kind: Kind) -> None:
    for table in tables_of(kind):
        for form in Form:
            names = [row.name for row in table.keys if form in row.forms]
            assert len(names) == len(set(names)), (table.name, form)
