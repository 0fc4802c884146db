"""Our reader of YAML against yaml-cpp itself: real files, edges by hand, and a thousand that are made up."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random

import pytest
from tests.deepstream import test_yaml_values
from tests.deepstream.fuzz.oracle import fuzz
from tests.deepstream.fuzz.yaml_cpp import YamlCpp, yaml_cpp
from tests.deepstream.fuzz.yaml_making import WORDS
from tests.deepstream.fuzz.yaml_oracle import disagreement, unlike_values, yaml_cpp_oracle

from sightline.deepstream.reading import cpp_numbers, yaml_values
from sightline.deepstream.reading.yamlcpp import nesting, parser, patterns, scalars, text

pytestmark = pytest.mark.needs("yaml-cpp")
FILES = 1000
EDGES = [
    b"",
    b"\n# only\n",
    b"%YAML 1.2\n",
    b"a: 1\nb",  # a key without its colon, at the end: yaml-cpp takes it
    b"a: 1\nb\n",
    b"a: 1\nb\nc: 2",
    b"<<: *a",
    b"a: &x {b: 1}\nc:\n  <<: *x\n",
    b"a: &x [*x]",  # it holds itself
    b"&a [&b [&c [*a, *b, *c]]]",
    b"a: 1\na: 2\n",
    b"[]: 1\n? {a: b}\n: 2\n",
    b"a: b: c",
    b"a:\tb\n\tc: d",
    b"a:\n\t- b",
    b"- - a\n  - b\n-\n- ~\n",
    b"a\n b\n\n c",
    b"a: >\n x\n  y\n\n z\n\nb: |+\n x\n\n",
    b"a: |2\n   x\n  y\n z",
    b'"a\\\n   b\\x41\\u00e9\\U0001F600\\N"',
    b"'it''s\n\n more'",
    b"a: 'x' y",
    b"[a, b: c, ? d, : e, {f, g: }]",
    b'{"a":1,b:2, c:3}',
    b"--- a\n--- b\n",
    b"... \na: 1",
    b"\xef\xbb\xbfa: 1",
    b"\xff\xfea\x00:\x00 \x001\x00",
    b"a\x00:\x00 \x001\x00\n",
    b"a: \xff\xfe\n\x80: \xc3",
    b"a: x\x04y\nb: 1",
    b"a: x\x00ny",
    b"a: b\rc: d\r\n",
    b"%TAG !e! tag:e,\n---\na: !e!x 1\nb: !!y 2\nc: !<v> 3\nd: ! 4\ne: !\n",
    b"a" * 1024 + b": 1",
    b"a" * 1025 + b": 1",
    b"[" * 498 + b"]" * 498,
    b"[" * 499 + b"]" * 499,
    b"[" * 9999,
    b"- " * 499,
    b"- " * 3000,
    b"a: " + b"&x [" * 3000,
    b"".join(b"a%d: &x%d [%s]\n" % (n, n, b", ".join([b"*x%d" % (n - 1)] * 9)) for n in range(1, 30)).replace(
        b"*x0", b"1"
    ),
]


@pytest.fixture(scope="module")
def theirs() -> Iterator[YamlCpp]:
    with yaml_cpp() as running:
        yield running


def test_real_files_are_read_alike(theirs: YamlCpp, configs: Path) -> None:
    paths = sorted(configs.rglob("*.yml"))
    assert len(paths) >= 15
    assert [found for path in paths if (found := disagreement(theirs, path.read_bytes()))] == []


@pytest.mark.parametrize("data", EDGES, ids=lambda data: repr(data[:30]))
def test_an_edge_is_read_alike(data: bytes) -> None:
    with yaml_cpp_oracle() as oracle:
        assert oracle.disagreement(data) is None


def test_scalars_are_converted_alike(theirs: YamlCpp) -> None:
    random = Random(11)
    pairs = [
        a + space + b for a in WORDS for b in ("", *random.sample(WORDS, 4)) for space in ("", " ", "\n")
    ]
    assert not [found for text in pairs if (found := unlike_values(theirs, text.encode().decode("latin-1")))]


def test_what_is_tested_by_hand_is_so(theirs: YamlCpp) -> None:
    texts = {text for _, text, _ in (*test_yaml_values.TAKEN, *test_yaml_values.REFUSED)}
    assert [
        found for text in texts if (found := unlike_values(theirs, text.encode().decode("latin-1")))
    ] == []


def test_made_up_files_are_read_alike() -> None:
    with yaml_cpp_oracle() as oracle:
        assert not list(islice(map(str, fuzz(oracle, FILES, seed=11)), 3))


@pytest.mark.parametrize(
    ("module", "name", "broken"),
    [
        (nesting, "KEY_AT_MOST", 5),
        (parser, "NULLS", frozenset({"", "~", "null"})),
        (scalars, "ESCAPES", {}),
        (patterns, "AFTER_NAME", patterns.VALUE),
        (text, "REPLACEMENT", 0xFFFC),
        (yaml_values, "_MOST_DIGITS", 9),
        (cpp_numbers, "_DOUBLES", cpp_numbers._FLOATS),
    ],
)
def test_a_reader_that_is_slightly_wrong_is_found_out(
    monkeypatch: pytest.MonkeyPatch, module: object, name: str, broken: object
) -> None:
    monkeypatch.setattr(module, name, broken)
    with yaml_cpp_oracle() as oracle:
        assert next(fuzz(oracle, FILES, seed=11), None) is not None
