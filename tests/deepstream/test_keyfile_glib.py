"""GLib itself as the judge of our reader and writer; `make fuzz` does the same a hundred times as often."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.deepstream import test_keyfile, test_keyfile_values
from tests.deepstream.fuzz.glib import GLib, GLibFile, no_language
from tests.deepstream.fuzz.glib_oracle import disagreement, glib_oracle, seen, seen_by_glib
from tests.deepstream.fuzz.oracle import Oracle, fuzz, made
from tests.deepstream.test_keyfile_writing import FILES

from sightline.deepstream.document import ConfigFile
from sightline.deepstream.reading import keyfile, keyfile_values
from sightline.deepstream.reading.keyfile import write
from sightline.deepstream.reading.keyfile_values import escape
from sightline.deepstream.refusal import Refused

pytestmark = pytest.mark.needs("glib")
FILES_IN_THE_SUITE = 1000
SEED = 11


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    with glib_oracle() as oracle:
        yield oracle


@pytest.fixture(scope="module")
def glib(found_at: Callable[[str], str]) -> Iterator[GLib]:
    glib = GLib(found_at("glib"))
    with no_language(), glib.in_silence():
        yield glib


def test_glib_and_ours_agree_on_a_thousand_made_up_files(oracle: Oracle) -> None:
    assert [str(each) for each in fuzz(oracle, FILES_IN_THE_SUITE, SEED)] == []


def test_made_up_files_are_refused_and_loaded_alike_often(glib: GLib) -> None:
    loaded = 0
    with glib_oracle() as oracle:
        for number in range(FILES_IN_THE_SUITE):
            with closing(GLibFile(glib, made(oracle, SEED, number))) as file:
                loaded += file.loaded
    assert 300 < loaded < 700


def test_glib_and_ours_agree_on_each_real_file(oracle: Oracle, configs: Path) -> None:
    paths = sorted(path for path in configs.rglob("*") if path.suffix in {".txt", ".yml"})
    assert len(paths) >= 34
    assert [(path, said) for path in paths if (said := oracle.disagreement(path.read_bytes()))] == []


def test_what_is_tested_by_hand_is_so(oracle: Oracle) -> None:
    by_hand = [case[0] for case in test_keyfile.TAKEN] + [case[0] for case in test_keyfile.REFUSED]
    texts = [text for _, text, _ in (*test_keyfile_values.TAKEN, *test_keyfile_values.REFUSED)]
    values = [b"[a]\nk=" + text.encode(errors="surrogateescape") for text in texts]
    assert [said for data in (*by_hand, *values) if (said := oracle.disagreement(data))] == []


def test_glib_and_ours_agree_on_noise(oracle: Oracle) -> None:
    random = Random(SEED)
    for _ in range(300):
        data = b"[g]\nk=" + bytes(random.choices(b"\\;= \t\r\v\0sntr#[]01.exp\xc3\xa9", k=8))
        assert oracle.disagreement(data) is None


@given(FILES)
def test_glib_reads_what_we_write(glib: GLib, file: ConfigFile) -> None:
    try:
        written = write(file)
    except Refused:
        return
    with closing(GLibFile(glib, written)) as theirs:
        assert theirs.loaded
        assert seen_by_glib(theirs) == seen(file)


@given(st.text(st.sampled_from("a; \\\n\r\t\fé"), max_size=6))
def test_a_text_is_escaped_as_glib_does(glib: GLib, text: str) -> None:
    with closing(GLibFile(glib, b"")) as theirs:
        assert theirs.set_string("k", text).decode() == escape(text)
        assert theirs.set_words("k", [text]).decode() == escape(text, in_list=True) + ";"


@pytest.mark.parametrize(
    ("module", "name", "broken"),
    [
        (keyfile, "_is_kept", lambda pair: True),
        (keyfile, "_check_encoding", lambda pair: None),
        (keyfile_values, "_MOST_DIGITS", 18),
        (keyfile_values, "_SPACES", " \t\n\r\f\v"),
        (keyfile_values, "_check_utf8", lambda text: None),
    ],
)
def test_a_reader_that_is_slightly_wrong_is_found_out(
    oracle: Oracle, monkeypatch: pytest.MonkeyPatch, module: object, name: str, broken: object
) -> None:
    monkeypatch.setattr(module, name, broken)
    assert next(fuzz(oracle, FILES_IN_THE_SUITE, SEED), None) is not None


def test_a_disagreement_is_cut_down_to_its_lines(glib: GLib, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyfile, "_is_kept", lambda pair: True)
    oracle = Oracle("one", lambda random: b"[a]\nj=1\nk[de]=2\n[b]\n", lambda data: disagreement(glib, data))
    (found,) = fuzz(oracle, 1, SEED)
    assert found.data == b"[a]\nk[de]=2\n"
    assert "k[de]" in str(found)
