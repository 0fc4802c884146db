"""What judging costs: its calls grow as the lines do, whatever the lines are."""

import sys
from types import FrameType

import pytest

from sightline.deepstream.comparing.plain import plain
from sightline.deepstream.document import ConfigFile, Form
from sightline.deepstream.judging.linting import lint
from sightline.deepstream.kinds import kind_of
from sightline.deepstream.reading.loading import loads

FEW = 400  # more than the unknown words that are looked for elsewhere
HEAD = "[property]\ngie-unique-id=1\nnetwork-mode=1\nnum-detected-classes=100000\n"
SHAPES = {
    "sources": ("[application]\n", "[source{}]\nenable=1\ntype=2\nuri=a\n"),
    "sources that are off": ("[application]\n", "[source{}]\n"),
    "a list of sources": ("[source-attr-all]\nenable=1\n[source-list]\nlist=", "a;"),
    "inferences": ("[application]\n", "[secondary-gie{0}]\nenable=1\ngie-unique-id={0}\n"),
    "sinks": ("[application]\n", "[sink{}]\nenable=1\n"),
    "keys of an application": ("[application]\n", "k{}=1\n"),
    "unknown groups": ("[application]\n", "[g{}]\n"),
    "keys of nvinfer": (HEAD, "k{}=1\n"),
    "one key of nvinfer": (HEAD, "gpu-id=1\n"),
    "one group": (HEAD, "[property]\nk{}=1\n"),
    "classes": (HEAD, "[class-attrs-{}]\ntopk=1\n"),
    "regions": ("[property]\ntensor-name=a\n[group-0]\nprocess-on-roi=1\n", "roi-params-src-{}=0;0;9;9\n"),
    "groups of regions": ("[property]\ntensor-name=a\n", "[group-{}]\nsrc-ids=0\n"),
    "sensors": ("", "[sensor{}]\nenable=1\n"),
}


def _file(shape: str, count: int) -> ConfigFile:
    head, line = SHAPES[shape]
    return loads((head + "".join(line.format(number) for number in range(count)) + "\n").encode(), Form.TXT)


def _calls(file: ConfigFile) -> int:
    count = 0

    def call(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(call)
    try:
        lint(file)
        plain(file, kind_of(file))
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_done_grows_as_the_file_does(shape: str) -> None:
    lint(_file(shape, 1))  # tables and rules are imported once
    few, more, many = (_calls(_file(shape, times * FEW)) for times in (1, 2, 4))
    assert many - more < 3 * (more - few) + 1000  # twice as much for twice the lines; a square has four times
