"""Lists of YAML in a text file: words with `;` between, and a word of who reads lists at all."""

from sightline.deepstream.comparing.converting import convert
from sightline.deepstream.document import Form
from sightline.deepstream.reading.loading import loads


def of_lists(source: str) -> tuple[str | None, list[str]]:
    """What became of the first value, and what is said of lists."""
    made = convert(loads(source.encode(), Form.YML), Form.TXT)
    told = [finding.message for finding in made.findings if "is a list" in finding.message]
    return made.groups[0].entries[0].text, told


def test_a_list_where_words_are_split_is_no_list_to_deepstream() -> None:
    text, told = of_lists("property:\n  infer-dims: [3, 544, 960]\n  onnx-file: a\n")
    assert text == "3;544;960"
    assert len(told) == 1
    assert "DeepStream's own YAML parsers take no list" in told[0]


def test_the_trackers_library_has_lists() -> None:
    text, told = of_lists("ReID:\n  inferDims: [3, 256, 128]\nBaseConfig:\n  minDetectorConfidence: 0\n")
    assert text == "3;256;128"
    assert told == ["[ReID] inferDims: is a list, which became words with ; between"]
