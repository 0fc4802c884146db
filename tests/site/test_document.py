import pytest

from sightline.site.document import Document, parse
from sightline.site.syntax import NotYaml


def parsed(text: str, **environ: str) -> Document:
    return parse(text, environ)


def messages(text: str, **environ: str) -> list[str]:
    return [f"{f.place.line}:{f.place.column} {f.message}" for f in parsed(text, **environ).findings]


def refusal(text: str) -> str:
    with pytest.raises(NotYaml) as caught:
        parsed(text)
    finding = caught.value.finding
    return f"{finding.place.line}:{finding.place.column} {finding.message}"


def test_plain_values_come_out_with_their_places() -> None:
    document = parsed("a: 1\nb:\n  - 2.5\n  - {c: yes, d: ~, e: 'x'}\n")

    assert document.value == {"a": 1, "b": [2.5, {"c": "yes", "d": None, "e": "x"}]}
    assert document.keys["b",] == (2, 1)
    assert document.values["b", 0] == (3, 5)
    assert document.keys["b", 1, "e"] == (4, 20)
    assert document.values["b", 1, "e"] == (4, 23)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0x10", 16),
        ("1_000", 1000),
        ("012", 12),
        ("-3", -3),
        ("1e3", 1000.0),
        ("2026-11-20", "2026-11-20"),
        ("1280x720", "1280x720"),
        ("'007'", "007"),
        ("true", True),
        ("!!str 5", "5"),
        ("!!int x", "x"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_scalars_are_read_as_yaml_1_2_has_them(text: str, value: object) -> None:
    assert parsed(f"a: {text}").value == {"a": value}


def test_keys_are_texts_as_written() -> None:
    assert parsed("{001: a, true: b, 1.50: c}").value == {"001": "a", "true": "b", "1.50": "c"}


def test_an_empty_text_is_nothing() -> None:
    assert parsed("").value is None
    assert parsed("# only a comment\n").value is None


def test_anchors_and_merge_keys_work_and_the_nearest_wins() -> None:
    text = "one: &one {x: 1, y: 1}\ntwo: &two {y: 2, z: 2}\nboth: {z: 3, <<: [*one, *two]}\nsame: *one\n"

    value = parsed(text).value

    assert isinstance(value, dict)
    assert value["both"] == {"x": 1, "y": 1, "z": 3}
    assert value["same"] == {"x": 1, "y": 1}


def test_a_merge_of_something_else_is_a_mistake() -> None:
    assert messages("a: {<<: 5}") == [
        "1:9 expected an alias (*name) of a mapping after <<, or a list of them"
    ]


def test_a_duplicate_key_is_told_with_both_lines() -> None:
    assert messages("a: 1\nb: 2\na: 3\n") == [
        "3:1 this key stands here a second time; the first is in line 1"
    ]
    assert parsed("a: 1\na: 3\n").value == {"a": 1}


def test_variables_are_filled_in_and_remembered() -> None:
    document = parsed('a: "${X}-${X}"\nb: [$$5]', X="v")

    assert document.value == {"a": "v-v", "b": ["$5"]}
    assert document.variables == {("a",): ("X", "X")}


def test_missing_variables_and_tags_and_odd_keys_are_all_told() -> None:
    assert messages('a: "${NONE}"\nb: !secret x\n? [c]\n: 1\n') == [
        "1:4 the variable NONE is not set",
        "2:4 tags (words that begin with !) are not used in a site file",
        "3:3 expected a word as key, got a list or a mapping",
    ]


def test_tags_construct_nothing() -> None:
    document = parsed("a: !!python/object/apply:os.system [echo hacked]\n")

    assert document.value == {"a": ["echo hacked"]}
    assert len(document.findings) == 1


BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))
MERGE_BOMB = "a0: &a0 {x: 1}\n" + "".join(
    f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 12)
)


@pytest.mark.parametrize("bomb", [BOMB, MERGE_BOMB])
def test_an_alias_bomb_is_refused(bomb: str) -> None:
    assert "more than 100,000 values" in refusal(bomb)


@pytest.mark.parametrize("text", ["&a [*a]", "&a {b: *a}", "&a {<<: *a}", "&a {b: {<<: [*a]}}"])
def test_an_anchor_within_itself_is_refused(text: str) -> None:
    assert "holds an alias (*name) to itself" in refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 40,
        "[" * 20_000,
        "- " * 20_000 + "x",
        "".join(f"a{i}: &a{i} [{f'*a{i - 1}' if i else 'x'}]\n" for i in range(50)),
    ],
)
def test_too_deep_a_text_is_refused(text: str) -> None:
    assert "nested more than 32 levels deep" in refusal(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: b: c", "1:5 a colon where no key can be"),
        ("a:\n  password:hunter2\n  url: x", "3:6 a colon where no key can be"),
        ("a:\n\tb: 1", "2:1 a tab"),
        ("a: @x", "1:4 a text cannot begin with this character"),
        ("a: %hunter2", "1:4 a text cannot begin with this character"),
        ("a: *hunter2", "1:4 an alias (*name) that no anchor (&name) above it defines"),
        ("a: {p: ${X}}", "1:9 a { within a text: inside braces"),
        ("a: [1, 2", "1:9 the file ends before this bracket or brace is closed"),
        ("a: 'x", "1:6 the file ends before this quote is closed"),
        ('a: "\\q"', "1:6 an unknown escape"),
        ("a: 1\n---\nb: 2", "2:1 a second document"),
        ("- a\nb: 1", "2:1 this does not fit what stands above it"),
        ("a: !h!unter2 z", "1:4 tags (words that begin with !)"),
        ("a: 1\nb: \x07", "2:4 a character that may not stand in YAML"),
        ("%YAML 9.9\n---\na: 1", "1:1 this is not YAML: found incompatible YAML document"),
    ],
)
def test_what_is_no_yaml_is_told_with_its_place_and_without_quoting_it(text: str, said: str) -> None:
    message = refusal(text)

    assert message.startswith(said)
    assert "unter2" not in message
