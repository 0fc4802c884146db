"""What the tables say of applications' keys: real defaults, what is refused, and the two parsers' ways."""

import pytest
from tests.deepstream.app_files import Changes, judged

from sightline.deepstream.document import Form
from sightline.deepstream.findings import Finding, Severity, What, would_load
from sightline.deepstream.keys.key import GroupTable, Outside
from sightline.deepstream.keys.opening import tables_of
from sightline.deepstream.kinds import Kind

OWN = (Kind.APP, Kind.TRACKER, Kind.TEST_APP)
TABLES = [(kind, table) for kind in OWN for table in tables_of(kind)]


def only(changes: Changes, form: Form) -> Finding:
    found = judged(changes, form)
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize(("kind", "table"), TABLES, ids=lambda value: getattr(value, "name", str(value)))
def test_a_table_is_whole(kind: Kind, table: GroupTable) -> None:
    for form in table.forms:
        names = [key.name for key in table.keys if form in key.forms]
        assert len(names) == len(set(names)), kind
    assert table.source.startswith(("src/", "docs.nvidia.com/"))
    for key in table.keys:
        assert set(key.forms) & set(table.forms), key.name
        assert (key.outside is Outside.REPLACED) <= (key.instead is not None), key.name
        assert key.heir is None or table.find(key.heir), key.name
        assert not (key.low is not None and key.high is not None and key.low > key.high), key.name


def test_there_is_a_table_for_every_group_of_an_application() -> None:
    names = {table.name for table in tables_of(Kind.APP)}
    assert len(names) == len(tables_of(Kind.APP))
    assert names >= {
        "application",
        "source{N}",
        "source-list",
        "source-attr-all",
        "sink{N}",
        "streammux",
        "osd",
    }
    assert names >= {"primary-gie", "secondary-gie{N}", "tracker", "tiled-display", "nvds-analytics", "tests"}
    assert names >= {"message-converter", "message-consumer{N}", "pre-process", "dewarper{N}", "img-save"}


@pytest.mark.parametrize("form", Form)
def test_an_unknown_key_is_passed_over_and_the_nearest_told(form: Form) -> None:
    found = only({"osd": {"text-siz": "3"}}, form)
    assert (found.severity, found.what, found.key) == (Severity.WARNING, What.UNKNOWN, "text-siz")
    assert "text-size" in found.message


def test_an_unknown_key_of_the_mux_gives_up_yaml_and_not_text() -> None:
    assert only({"streammux": {"widht": "3"}}, Form.TXT).severity is Severity.WARNING
    assert only({"streammux": {"widht": "3"}}, Form.YML).severity is Severity.REFUSED


@pytest.mark.parametrize(
    ("key", "form"),
    [("attach-sys-ts-as-ntp", Form.YML), ("attach-sys-ts", Form.TXT), ("sort-batch", Form.YML)],
)
def test_each_parser_has_its_own_keys_of_the_mux(key: str, form: Form) -> None:
    other = Form.TXT if form is Form.YML else Form.YML
    assert judged({"streammux": {key: "1"}}, other) == ()
    assert only({"streammux": {key: "1"}}, form).what is What.UNKNOWN


@pytest.mark.parametrize(
    ("group", "key"), [("source-list", "list"), ("visionencoder", "device"), ("text-embedder", "model-name")]
)
def test_yaml_has_not_all_groups(group: str, key: str) -> None:
    assert [each.group for each in judged({group: {"enable": "1", key: "a"}}, Form.YML)] == [group]


@pytest.mark.parametrize(
    ("value", "text", "yaml"),
    [
        ("0", True, True),
        ("1", True, True),
        ("true", False, False),
        ("7 # seven", True, True),  # where the one reads a comment, and the other stops at the blank
        ("7x", False, False),
        ("0x10", False, True),
        ("", False, False),
        ("2147483648", False, False),
    ],
)
def test_numbers_are_read_as_each_parser_does(value: str, text: bool, yaml: bool) -> None:
    changes = {"osd": {"border-width": value}}
    assert would_load(judged(changes, Form.TXT)) is text
    assert would_load(judged(changes, Form.YML)) is yaml


@pytest.mark.parametrize(("value", "text"), [("true", True), ("1", True), ("yes", False), ("2", False)])
def test_booleans_are_words_in_text_and_numbers_in_yaml(value: str, text: bool) -> None:
    changes = {"osd": {"display-bbox": value}}
    assert would_load(judged(changes, Form.TXT)) is text
    assert would_load(judged(changes, Form.YML)) is value.isdigit()


@pytest.mark.parametrize(
    ("group", "key", "value", "instead"),
    [
        ("osd", "process-mode", "3", "the element's own 1"),
        ("tracker", "tracking-id-reset-mode", "4", "0"),
        ("tracker", "user-meta-pool-size", "0", "32"),
        ("primary-gie", "nvbuf-memory-type", "9", "0"),
    ],
)
@pytest.mark.parametrize("form", Form)
def test_some_values_are_replaced_and_nothing_is_said(
    group: str, key: str, value: str, instead: str, form: Form
) -> None:
    found = only({group: {key: value}}, form)
    assert (found.severity, found.what, found.key) == (Severity.WARNING, What.REPLACED, key)
    assert instead in found.message


@pytest.mark.parametrize("form", Form)
def test_a_wrong_value_of_what_is_off_counts_where_the_parser_reads_on(form: Form) -> None:
    assert not would_load(judged({"osd": {"enable": "0", "border-width": "x"}}, form))
    assert would_load(judged({"sink0": {"enable": "0", "bitrate": "x"}}, form))


@pytest.mark.parametrize("form", Form)
def test_a_key_of_another_group_is_told_where_it_belongs(form: Form) -> None:
    found = only({"osd": {"batched-push-timeout": "1"}}, form)
    assert found.what is What.MISPLACED
    assert "[streammux]" in found.message


@pytest.mark.parametrize(
    ("group", "key", "says"),
    [
        ("streammux", "batch_size", 'did you mean "batch-size"?'),
        ("streammux", "LiveSource", 'did you mean "live-source"?'),
        ("osd", "live_source", 'it belongs in [streammux], as "live-source"'),
        ("primary-gie", "Cluster_Mode", "deepstream-app has no key"),
        ("osd", "bbox-bg-color3", "it belongs in [primary-gie] or [secondary-gie]"),
        ("osd", "roi-params-src-2", "it belongs in a file of nvdspreprocess"),
        ("Tracker", "enable", 'did you mean "tracker"?'),
        ("secondary_gie3", "enable", 'did you mean "secondary-gie3"?'),
        ("Class_Attrs_0", "topk", 'it belongs in a file of nvinfer, as "class-attrs-0"'),
    ],
)
@pytest.mark.parametrize("form", Form)
def test_other_letters_and_separators_are_seen_through(group: str, key: str, says: str, form: Form) -> None:
    found = only({group: {key: "1"}}, form)
    assert found.what in {What.UNKNOWN, What.MISPLACED}
    assert says in found.message


@pytest.mark.parametrize(
    ("key", "form", "says"),
    [
        ("attach-sys-ts", Form.TXT, "only YAML's reader knows it (text calls it attach-sys-ts-as-ntp)"),
        ("attach-sys-ts-as-ntp", Form.YML, "only text's reader knows it (YAML calls it attach-sys-ts)"),
    ],
)
def test_a_key_of_the_other_format_is_told_as_such(key: str, form: Form, says: str) -> None:
    found = only({"streammux": {key: "1"}}, form)
    assert found.severity is (Severity.WARNING if form is Form.TXT else Severity.REFUSED)
    assert says in found.message


@pytest.mark.parametrize("colors", ["1;0;0", "1;0;0;1;1", "a;b;c;d"])
@pytest.mark.parametrize("form", Form)
def test_a_colour_has_four_numbers(colors: str, form: Form) -> None:
    assert any(each.key == "text-color" for each in judged({"osd": {"text-color": colors}}, form))


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("sourceX", Form.TXT),
        ("source", Form.TXT),
        ("x", Form.TXT),
        ("dewarper", Form.YML),
        ("dewarper", Form.TXT),
    ],
)
def test_a_group_that_is_refused_is_not_said_to_be_passed_over(name: str, form: Form) -> None:
    assert only({name: {"enable": "1"}}, form).severity is Severity.REFUSED


@pytest.mark.parametrize("colors", [".5;0;0;1", "1;-.5;0;1"])
def test_a_part_of_a_yaml_colour_that_begins_with_no_number_ends_deepstream(colors: str) -> None:
    assert judged({"osd": {"clock-color": colors, "show-clock": "1"}}, Form.TXT) == ()
    found = only({"osd": {"clock-color": colors, "show-clock": "1"}}, Form.YML)
    assert (found.severity, found.key) == (Severity.REFUSED, "clock-color")
    assert "DeepStream ends where a part begins with none" in found.message


@pytest.mark.parametrize("key", ["bbox-border-color3", "bbox-border-color-0", "bbox-bg-color+2"])
@pytest.mark.parametrize("form", Form)
def test_a_colour_of_a_class_has_its_number_as_c_reads_it(key: str, form: Form) -> None:
    assert judged({"primary-gie": {key: "1;0;0;1"}}, form) == ()
    found = only({"primary-gie": {key: "1;0;0"}}, form)
    assert (found.severity, found.key) == (Severity.REFUSED, key)


def test_a_colour_of_no_class_is_passed_over_by_text_and_ends_yaml() -> None:
    change = {"primary-gie": {"bbox-border-colors": "1;0;0;1"}}
    assert only(change, Form.TXT).severity is Severity.WARNING
    found = only(change, Form.YML)
    assert (found.severity, found.what) == (Severity.REFUSED, What.UNKNOWN)


def test_a_mux_in_yaml_has_any_whole_number_of_hardware() -> None:
    found = only({"streammux": {"compute-hw": "-1"}}, Form.YML)
    assert (found.severity, found.what) == (Severity.WARNING, What.REPLACED)


def test_yaml_counts_the_id_of_a_primary_gie_that_is_read_and_off() -> None:
    """Without `enable` the parser reads the group on, and what it reads is compared."""
    found = judged({"primary-gie": {"enable": None, "gie-unique-id": "2"}}, Form.YML)
    assert [each.what for each in found if each.severity is Severity.REFUSED] == [What.DUPLICATE]
    assert would_load(judged({"primary-gie": {"enable": None, "gie-unique-id": "2"}}, Form.TXT))


@pytest.mark.parametrize("key", ["model-engine-file", "input-tensor-meta", "infer-raw-output-dir"])
@pytest.mark.parametrize("form", Form)
def test_a_video_template_is_told_nothing_of_nvinfers(key: str, form: Form) -> None:
    found = judged({"primary-gie": {"plugin-type": "2", key: "1"}}, form)
    assert [(each.severity, each.what) for each in found if "nvdsvideotemplate" in each.message] == [
        (Severity.WARNING, What.INAPPLICABLE)
    ]


@pytest.mark.parametrize("form", Form)
def test_classes_that_find_no_room_are_told(form: Form) -> None:
    few, many = (";".join(map(str, range(count))) for count in (45, 46))
    assert judged({"secondary-gie0": {"operate-on-class-ids": few}}, form) == ()
    found = only({"secondary-gie0": {"operate-on-class-ids": many}}, form)
    assert (found.severity, found.what, found.key) == (
        Severity.WARNING,
        What.REPLACED,
        "operate-on-class-ids",
    )
