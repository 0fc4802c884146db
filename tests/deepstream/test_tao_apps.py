"""The YAML of NVIDIA's TAO apps: that of the test programs, with groups of their own."""

import pytest

from sightline.deepstream.document import Form
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.judging.linting import lint
from sightline.deepstream.keys.tao_apps import TABLES
from sightline.deepstream.kinds import Kind, kind_of
from sightline.deepstream.reading.loading import loads

DETECTOR = """\
source-list:
  list: file:///a.mp4
primary-gie:
  plugin-type: 0
  config-file-path: /dev/null
eglsink:
  enable: 0
  window-width: 640
filesink:
  enable: 1
  enc-type: 1
  location: out.mp4
fakesink:
  enable: 0
"""
OUTPUT = """\
source-list:
  list: file:///a.mp4
output:
  type: 1
  codec: 0
  enc-type: 0
  bitrate: 4000000
  filename: test
video-template:
  customlib-props:
    - ocdnet-input-shape:3,736,1280
"""


def judged(text: str) -> tuple[Finding, ...]:
    file = loads(text.encode(), Form.YML)
    assert kind_of(file) is Kind.TEST_APP
    return lint(file)


@pytest.mark.parametrize("text", [DETECTOR, OUTPUT])
def test_groups_of_their_own_are_known(text: str) -> None:
    assert judged(text) == ()


def test_a_chain_after_the_second_model_is_known() -> None:
    after = "secondary-postprocess0:\n  lib-name: /dev/null\n"
    before = "secondary-preprocess1:\n  config-file-path: /dev/null\n"
    assert judged(DETECTOR + after + before) == ()


def test_keys_that_no_app_reads_are_told() -> None:
    found = judged(OUTPUT.replace("codec: 0", "enc: 0"))
    assert [(each.severity, each.what, each.key) for each in found] == [
        (Severity.WARNING, What.UNKNOWN, "enc")
    ]


def test_a_word_for_a_number_ends_them() -> None:
    found = judged(OUTPUT.replace("type: 1", "type: file", 1))
    assert [(each.severity, each.what, each.key) for each in found] == [
        (Severity.REFUSED, What.VALUE, "type")
    ]


def test_every_table_says_where_it_is_read() -> None:
    assert all(table.source.endswith(".cpp") and Form.YML in table.forms for table in TABLES)
