"""A file says the same in the other form, and what it cannot say there is told."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sightline.deepstream.comparing.converting import Converted, convert, write
from sightline.deepstream.comparing.differing import diff, same
from sightline.deepstream.comparing.meaning import Meant, meaning_of
from sightline.deepstream.document import ConfigFile, Entry, Form, Group
from sightline.deepstream.findings import Finding, Severity, What, would_load
from sightline.deepstream.keys.key import Key, Type
from sightline.deepstream.keys.opening import judged, tables_of
from sightline.deepstream.kinds import Kind, kind_of
from sightline.deepstream.reading.loading import load, loads

OTHER = {Form.TXT: Form.YML, Form.YML: Form.TXT}


def text(source: str) -> ConfigFile:
    return loads(source.encode(), Form.TXT)


def yaml(source: str) -> ConfigFile:
    return loads(source.encode(), Form.YML)


def written(made: Converted) -> str:
    return write(made).decode()


def again(made: Converted) -> Converted:
    """The converted file as it is read again, with the table beside it."""
    read = loads(write(made), made.form)
    return replace(made, groups=read.groups, tail=read.tail)


def told(made: Converted, severity: Severity) -> list[str]:
    return [finding.message for finding in made.findings if finding.severity is severity]


def is_of_the_folder(finding: Finding) -> bool:
    """NVIDIA's tables of sources are not in the folder."""
    return "stand in the table" in finding.message or finding.group == "source"


def real(configs: Path) -> list[Path]:
    return sorted(path for path in configs.rglob("*") if path.suffix in {".txt", ".yml"})


def test_every_real_file_goes_there_and_back_and_means_the_same(configs: Path) -> None:
    for path in real(configs):
        file = load(path)
        there = again(convert(file, OTHER[file.form]))
        back = again(convert(there, file.form))
        differences = diff(file, back)
        counting = [difference for difference in differences if difference.counts]
        assert not counting, (path, counting)


def test_every_real_file_means_the_same_in_the_other_form(configs: Path) -> None:
    for path in real(configs):
        file = load(path)
        made = again(convert(file, OTHER[file.form]))
        found, expected = meaning_of(made, kind_of(file)).values(), meaning_of(file).values()
        unknown = {finding.group for finding in made.findings if finding.what is What.UNKNOWN}
        if kind_of(file) in {Kind.TEST_APP, Kind.TRACKER}:
            continue  # which nothing reads in the other form
        for group, settings in expected.items():
            for key, value in settings.items() if group not in unknown else ():
                assert found[group][key] == value, (path, group, key)


def test_what_cannot_be_said_of_the_real_files_is_told(configs: Path) -> None:
    refused = {
        path.name: [finding for finding in made.findings if finding.severity is Severity.REFUSED]
        for path in real(configs)
        if not would_load((made := convert(file := load(path), OTHER[file.form])).findings)
    }
    nvmultiurisrcbin = refused.pop("test5_config_file_nvmultiurisrcbin_src_list_attr_all.txt")
    assert "source-list" in {finding.group for finding in nvmultiurisrcbin}
    assert all(name.endswith(".yml") for name in refused), refused
    assert all(is_of_the_folder(finding) for findings in refused.values() for finding in findings)


def test_comments_go_along() -> None:
    made = convert(text("# of the file\n[property]\n# of the size\nbatch-size=4\n# the end\n"), Form.YML)
    assert [line for line in written(made).splitlines() if "#" in line] != []
    back = again(convert(again(made), Form.TXT))
    assert back.groups[0].comment == (" of the file",)
    assert back.groups[0].entries[0].comment == (" of the size",)


def test_values_are_rewritten_where_the_other_parser_would_read_another() -> None:
    made = convert(
        text("[property]\nbatch-size=010 # ten\noffsets=1;2;3;\ntlt-model-key=a\\sb\\n\nonnx-file=\n"),
        Form.YML,
    )
    values = {entry.key: entry.value for entry in made.groups[0].entries}
    assert values == {"batch-size": "10", "offsets": "1;2;3", "tlt-model-key": "a b\n", "onnx-file": ""}
    back = convert(again(made), Form.TXT)
    assert {entry.key: entry.value for entry in back.groups[0].entries}["tlt-model-key"] == "a b\\n"


def test_duplicates_and_old_keys_are_resolved_with_a_word() -> None:
    made = convert(text("[property]\nis-classifier=1\nbatch-size=1\nbatch-size=2\n"), Form.YML)
    assert [(entry.key, entry.value) for entry in made.groups[0].entries] == [
        ("network-type", "1"),
        ("batch-size", "2"),
    ]
    words = told(made, Severity.NOTE)
    assert any("batch-size = '1' is left out" in word for word in words)
    assert any("is-classifier" in word for word in words)


def test_a_key_that_the_other_parser_does_not_know_is_told_and_kept() -> None:
    made = convert(text("[application]\n[tests]\nfile-loop=1\npipeline-recreate-sec=3\n"), Form.YML)
    assert told(made, Severity.WARNING) == [
        "[tests] pipeline-recreate-sec: is not known to the parser of yml files"
    ]
    assert made.groups[1].entries[1] == Entry("pipeline-recreate-sec", "3")


def test_a_key_that_the_other_parser_refuses_is_an_error() -> None:
    made = convert(text("[application]\n[streammux]\nwidth=640\nsort-batch=1\n"), Form.YML)
    (finding,) = [finding for finding in made.findings if finding.key == "sort-batch"]
    assert (finding.severity, finding.what, finding.line) == (Severity.REFUSED, What.UNKNOWN, 4)


def test_a_colour_that_yaml_s_reader_cuts_is_told() -> None:
    made = convert(text("[application]\n[osd]\ntext-color=0.5;1;1;1\n"), Form.YML)
    assert told(made, Severity.WARNING) == [
        "[osd] text-color: only the whole parts of a colour are read in YAML"
    ]


def test_no_password_is_in_a_finding() -> None:
    source = "[application]\n[source0]\nenable=1\nuri=rtsp://me:tulip,77@h/1\nuri=rtsp://me:rose88@h/1,2\n"
    made = convert(text(source), Form.YML)
    assert made.findings
    assert "tulip" not in str(made.findings)
    assert "rose88" not in str(made.findings)


SOURCES = """\
[application]
# the gate
[source0]
enable=1
type=4
uri=rtsp://10.0.0.5/1
[source3]
enable=1
type=2
uri=file://a.mp4
num-sources=2
latency=300
[streammux]
width=640
"""


def test_sources_become_a_table_beside_the_file_and_groups_again() -> None:
    made = convert(text(SOURCES), Form.YML, name="app.yml")
    (table,) = made.beside
    assert table.name == "app_sources.csv"
    assert table.data.decode().splitlines() == [
        "enable,type,uri,camera-id,rtsp-reconnect-attempts,num-sources,latency",
        "1,4,rtsp://10.0.0.5/1,0,-1,1,100",
        "1,2,file://a.mp4,3,-1,2,300",
    ]
    assert made.groups[1].entries == (Entry("csv-file-path", "app_sources.csv"),)
    assert made.groups[1].comment == (" the gate",)
    back = convert(again(made), Form.TXT)
    assert [group.name for group in back.groups] == ["application", "source0", "source3", "streammux"]
    assert same(diff(text(SOURCES), back))


def test_thousands_of_sources_are_converted_at_once() -> None:
    sources = (f"[source{n}]\nenable=1\ntype=4\nuri=rtsp://10.0.0.5/{n}\n" for n in range(6000))
    begun = time.monotonic()
    made = convert(text("[application]\n" + "".join(sources)), Form.YML)
    assert made.rows is not None
    assert len(made.rows) == 6000
    assert time.monotonic() - begun < 6  # half of it is plenty; by its square it was ten


def test_a_table_on_disk_becomes_groups(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("enable,type,uri\n1,4,rtsp://a/1\n")
    (tmp_path / "app.yml").write_text("application:\nsource:\n  csv-file-path: s.csv\n")
    made = convert(load(tmp_path / "app.yml"), Form.TXT)
    assert written(made) == "[application]\n\n[source0]\nenable=1\ntype=4\nuri=rtsp://a/1\n"


def test_a_comma_is_told_because_no_cell_can_hold_it() -> None:
    made = convert(text(SOURCES.replace("5/1", "5/1,2")), Form.YML)
    assert [finding.line for finding in made.findings if finding.severity is Severity.REFUSED] == [6]
    assert b"5/1%2C2" in made.beside[0].data


def test_a_key_that_no_column_can_be_named_is_left_out_and_told() -> None:
    made = convert(text(SOURCES.replace("latency=300", "late,ncy=300")), Form.YML)
    assert [finding.line for finding in made.findings if finding.severity is Severity.REFUSED] == [12]
    assert b"ncy" not in made.beside[0].data


def test_a_list_of_sources_becomes_a_table() -> None:
    listed = "[application]\n[source-list]\nlist=rtsp://a/1;usb:2\n[source-attr-all]\nenable=1\nlatency=5\n"
    made = convert(text(listed + "[streammux]\nwidth=640\nbatch-size=9\n"), Form.YML)
    assert made.beside[0].data.decode().splitlines() == [
        "enable,latency,type,uri,camera-id,rtsp-reconnect-attempts,camera-v4l2-dev-node",
        "1,5,4,rtsp://a/1,0,-1,0",
        "1,5,1,,1,-1,2",
    ]
    assert {entry.key: entry.value for entry in made.groups[-1].entries}["batch-size"] == "2"


def test_a_list_for_nvmultiurisrcbin_is_an_error_because_yaml_has_none() -> None:
    made = convert(text("[application]\n[source-list]\nuse-nvmultiurisrcbin=1\nlist=rtsp://a/1\n"), Form.YML)
    assert any("source-list" in word and "no sources" in word for word in told(made, Severity.REFUSED))


def test_groups_of_nvdspreprocess_become_yaml_s_list() -> None:
    source = "[property]\ntensor-name=x\n[group-0]\nsrc-ids=0;\n[group-1]\nsrc-ids=1\n"
    made = convert(text(source), Form.YML)
    assert made.groups[-1].name == "group"
    assert same(diff(text(source), again(made)))
    assert same(diff(text(source), convert(again(made), Form.TXT)))


def test_what_text_cannot_say_is_left_out_and_told() -> None:
    made = convert(
        yaml(
            'property:\n  "a=b": 1\n  nested: {a: 1}\n  list: [1, 2]\n  gpu-id: 0\n"a]b":\n  c: 1\ntopk: 2\n'
        ),
        Form.TXT,
    )
    assert written(made) == "[property]\nlist=1;2\ngpu-id=0\n"
    assert sorted(finding.line or 0 for finding in made.findings) == [2, 3, 4, 6, 8]


def test_files_that_it_names_are_told_or_converted_with_it(tmp_path: Path) -> None:
    (tmp_path / "app.txt").write_text(
        "[application]\n[primary-gie]\nenable=1\nconfig-file=sub/pgie.txt\n"
        "[tracker]\nenable=1\nll-config-file=tracker.yml\n"
    )
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "pgie.txt").write_text("[property]\nonnx-file=a.onnx\nbatch-size=1\nbatch-size=2\n")
    alone = convert(load(tmp_path / "app.txt"), Form.YML)
    assert not alone.beside
    assert any("names sub/pgie.txt, which stays as it is" in word for word in told(alone, Severity.NOTE))
    both = convert(load(tmp_path / "app.txt"), Form.YML, with_named=True)
    assert [each.name for each in both.beside] == ["sub/pgie.yml"]
    assert "config-file: sub/pgie.yml" in written(both)
    assert "ll-config-file: tracker.yml" in written(both)
    assert str(tmp_path / "sub" / "pgie.txt") in {finding.file for finding in both.findings}


@pytest.mark.parametrize(
    ("source", "form", "word"),
    [
        (
            "source:\n  location: a.h264\nprimary-gie:\n  plugin-type: 0\n",
            Form.YML,
            "test programs read YAML",
        ),
        ("[message-broker]\npartition-key=a\n", Form.TXT, "brokers read text files alone"),
        ("BaseConfig:\n  minDetectorConfidence: 0.1\n", Form.YML, "trackers read YAML alone"),
        ("[tracker]\nll-lib-file=a.so\n", Form.TXT, "deepstream-test2 its [tracker] in text"),
    ],
)
def test_a_form_that_nothing_reads_is_told(source: str, form: Form, word: str) -> None:
    made = convert(loads(source.encode(), form), OTHER[form])
    assert any(word in warning for warning in told(made, Severity.WARNING))


def test_what_nobody_read_and_somebody_would_is_told() -> None:
    made = convert(yaml("property:\n  is-classifier: 1\nclass-attrs-all:\n  threshold: 0.4\n"), Form.TXT)
    assert told(made, Severity.WARNING) == [
        "[property] is-classifier: is passed over in a yml file, and counts in a txt file",
        "[class-attrs-all] threshold: is passed over in a yml file, and counts in a txt file",
    ]


def test_a_source_of_yaml_that_nobody_reads_is_left_out_and_told() -> None:
    made = convert(yaml("application:\nsource0:\n  enable: 1\nstreammux:\n  width: 640\n"), Form.TXT)
    assert made.names == ("application", "streammux")
    assert any(
        "[source0] is left out: in YAML nobody reads it" in word for word in told(made, Severity.WARNING)
    )


def test_a_file_of_that_form_stays_as_it_is() -> None:
    file = text("[property]\nbatch-size=1\nbatch-size=2\n")
    made = convert(file, Form.TXT)
    assert made.groups == file.groups


# Files of any kind, with any keys and any values


def _values(key: Key) -> st.SearchStrategy[str]:
    """What a person may write: right, wrong, and odd."""
    integers = st.integers(-(2**31), 2**31 - 1).map(str) | st.sampled_from(["007", "1 # one", "0", "1"])
    numbers = st.floats(allow_nan=False, allow_infinity=False).map(repr) | st.sampled_from(
        ["1", "0x10", ".5"]
    )
    words = st.text(st.characters(exclude_characters="\n\r\0", exclude_categories=["Cs"]), max_size=20)
    several = {Type.INTEGERS: integers, Type.NUMBERS: numbers, Type.STRINGS: words}
    if key.type in several:
        lists = st.lists(several[key.type], max_size=4).map(";".join)
        return lists | lists.map(lambda joined: joined + ";")
    if key.type is Type.BOOLEAN:
        return st.sampled_from(["0", "1", "true", "false", "1 "])
    if key.type in {Type.STRING, Type.PATH}:
        return words | st.sampled_from(
            ["~", "null", "true", "- a", "a: b", "a#b", "a # b", "'", '"', "{", "\\s"]
        )
    return numbers if key.type is Type.NUMBER else integers


@st.composite
def files(draw: st.DrawFn) -> str:
    """The text of a key file of some kind, duplicates and comments in it."""
    kind = draw(st.sampled_from([each for each in judged() if each is not Kind.TEST_APP]))
    tables = [table for table in tables_of(kind) if Form.TXT in table.forms and table.name != "source"]
    lines = []
    for table in draw(st.lists(st.sampled_from(tables), min_size=1, max_size=5)):
        number = draw(st.integers(0, 3))
        lines.append(f"[{_named(table.name, number)}]")
        for key in draw(st.lists(st.sampled_from(table.keys), max_size=6)):
            value = draw(_values(key))
            lines += draw(st.sampled_from([[], [], ["# a comment"]]))
            lines.append(f"{_named(key.name, number)}={value}")
    return "\n".join(lines) + "\n"


def _named(name: str, number: int) -> str:
    return name.replace("{N}", str(number)).replace("{NAME}", f"n{number}")


@given(files())
def test_text_to_yaml_to_text_means_the_same(source: str) -> None:
    file = text(source)
    kind = kind_of(file)
    there = again(convert(file, Form.YML))
    assume(kind_of(there) is kind)
    back = again(convert(there, Form.TXT))
    findings = (*there.findings, *back.findings)
    assume(not any(finding.what is What.VALUE for finding in findings))
    assert meaning_of(back, kind).values() == meaning_of(file, kind).values() | _made(file, kind)


def _made(file: ConfigFile, kind: Kind) -> dict[str, dict[str, Meant]]:
    """Cells of the table that had to be filled: each holds what would hold anyway."""
    if kind is not Kind.APP:
        return {}
    back = convert(convert(file, Form.YML), Form.TXT)
    sources = meaning_of(back, kind).groups.items()
    before = meaning_of(file, kind).values()
    return {
        group: before[group]
        | {key: each.value for key, each in settings.items() if key not in before[group] and each.is_default}
        for group, settings in sources
        if group.startswith("source") and group[6:].isdigit()
    }


@given(files())
def test_yaml_to_text_to_yaml_means_the_same(source: str) -> None:
    file = again(convert(text(source), Form.YML))
    back = again(convert(again(convert(file, Form.TXT)), Form.YML))
    findings = (*file.findings, *back.findings)
    assume(not any(finding.what is What.VALUE for finding in findings))
    assert same(diff(file, back))


names = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8)


@given(st.dictionaries(names, st.dictionaries(names, st.text(max_size=20), max_size=4), max_size=4))
def test_any_names_and_words_of_yaml_go_there_and_back_or_are_told(groups: dict[str, dict[str, str]]) -> None:
    file = ConfigFile(
        Form.YML,
        tuple(
            Group(name, tuple(Entry(key, value) for key, value in entries.items()))
            for name, entries in groups.items()
        ),
    )
    there = convert(file, Form.TXT)
    back = convert(again(there), Form.YML)
    left_out = {
        (finding.group, finding.key) for finding in there.findings if finding.severity is Severity.REFUSED
    }
    kept = meaning_of(file, Kind.UNKNOWN).values()
    expected = {
        group: {key: value for key, value in entries.items() if (group, key) not in left_out}
        for group, entries in kept.items()
        if (group, None) not in left_out
    }
    assume(kind_of(file) is Kind.UNKNOWN)
    assert meaning_of(back, Kind.UNKNOWN).values() == expected
