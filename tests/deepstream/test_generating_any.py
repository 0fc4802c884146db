"""Any instance: what is generated is what DeepStream takes, and means the same in both forms."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.deepstream.generated import FILM, GATE, YARD, instance

from sightline.deepstream.comparing.differing import diff, same
from sightline.deepstream.document import ConfigFile, Form
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.generating import Debug, Generated, Layout, SourceStyle, generate
from sightline.deepstream.generating.addresses import with_login
from sightline.deepstream.judging.linting import lint, lint_path
from sightline.deepstream.models import (
    ClusterMode,
    DsAppConfig,
    DsAppType,
    DsInstance,
    DsInstanceConfig,
    EncodeType,
    FACE_align_config,
    FACE_pgie_config,
    FACE_sgie_config,
    MemoryType,
    MOT_pgie_config,
    MOT_sgie_config,
    NetworkMode,
    NetworkType,
    SingleSourceConfig,
    SourcesConfig,
)
from sightline.deepstream.reading.loading import load, loads
from sightline.deepstream.standin.plan import read_plan
from sightline.errors import ConfigError

NEVER = {What.UNKNOWN, What.MISPLACED, What.SYNTAX, What.VALUE, What.DUPLICATE}
DEBUGS = [False, True, Debug(file=None, rtsp_port=8554)]

odd = st.text(st.characters(exclude_categories=["C"], include_characters="\t"), min_size=1, max_size=12)
paths = odd.map(lambda name: f"models/{name}") | odd.map(lambda name: f"/srv/{name}.engine")
hosts = st.sampled_from(["10.0.0.5", "cam.example:554", "[2001:db8::5]:8554"])
ids = st.integers(0, 9999).map(str) | odd
rtsp = st.builds(with_login, hosts.map(lambda host: f"rtsp://{host}/main?a=1&b=2;3"), odd, odd)
plain = st.sampled_from([YARD["address"], FILM["address"], "http://h/a.mp4", "file://near/a%20b.mp4"])
chances = st.floats(0.001, 1)


def _source(camera_id: str, address: str, encode_type: EncodeType) -> SingleSourceConfig:
    kind = address.partition(":")[0]
    said = {"camera_id": camera_id, "address": address, "encode_type": encode_type, "type": kind}
    return SingleSourceConfig.model_validate(said)


sources = st.builds(_source, ids, rtsp | plain, st.sampled_from(EncodeType))
few = st.lists(sources, min_size=1, max_size=4)
detectors: dict[str, Any] = {
    "labelfile_path": paths,
    "model_engine_file": st.none() | paths,
    "onnx_file": paths,
    "custom_lib_path": paths,
    "network_mode": st.sampled_from([NetworkMode.FP32, NetworkMode.FP16]),
    "batch_size": st.integers(1, 200),
    "num_detected_classes": st.integers(1, 90),
    "cluster_mode": st.sampled_from(ClusterMode),
    "nms_iou_threshold": chances,
    "pre_cluster_threshold": chances,
    "interval": st.integers(0, 30),
}
instances = st.builds(
    DsInstance,
    name=odd,
    config=st.builds(
        DsInstanceConfig,
        appconfig=st.builds(
            DsAppConfig,
            app_type=st.sampled_from(DsAppType),
            kafka_connection_str=st.sampled_from(["kafka", "kafka;9092", "k1:9092,k2:9093", "[::1]:9092"]),
            mot_raw_meta_topic=st.sampled_from(["RawMotMeta", "a.b-c_d"]),
            streammux_output_width=st.integers(64, 7680),
            streammux_output_height=st.integers(64, 4320),
            streammux_buffer_pool=st.none() | st.integers(1, 64),
            streammux_nvbuf_memory_type=st.sampled_from([*MemoryType][:4]),
            face_confidence_threshold=chances,
            mot_confidence_threshold=chances,
        ),
        sourceconfig=st.builds(SourcesConfig, sources=few),
        mot_pgie=st.builds(MOT_pgie_config, **detectors),
        face_pgie=st.builds(FACE_pgie_config, **detectors, post_cluster_threshold=st.none() | chances),
        mot_sgie=st.builds(
            MOT_sgie_config,
            onnx_file=paths,
            network_type=st.just(NetworkType.OTHER),
            operate_on_class_ids=st.just(0) | st.lists(st.integers(0, 90), min_size=1, max_size=4).map(tuple),
        ),
        face_sgie=st.builds(FACE_sgie_config, onnx_file=paths, batch_size=st.integers(16, 64)),
        face_align=st.builds(FACE_align_config, enable=st.booleans(), custom_lib_path=paths),
    ),
)


@contextmanager
def written(made: Generated) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield made.write(Path(folder)).folder


def numbered(file: ConfigFile) -> ConfigFile:
    """Sources from 0: a table has no numbers, and the second pipeline's groups go on from the first's."""
    names = [name for name in file.names if re.fullmatch(r"source\d+", name)]
    new = {name: f"source{number}" for number, name in enumerate(names)}
    return replace(
        file, groups=tuple(replace(each, name=new.get(each.name, each.name)) for each in file.groups)
    )


def wrong(found: tuple[Finding, ...]) -> list[Finding]:
    """What must not be said of a file that is generated."""
    return [each for each in found if each.severity is Severity.REFUSED or each.what in NEVER]


@settings(max_examples=30)
@given(instances, st.sampled_from(DEBUGS))
def test_any_instance_means_the_same_in_both_forms(said: DsInstance, debug: bool | Debug) -> None:
    check_both_forms(said, debug=debug)


def test_two_hundred_cameras_mean_the_same_in_both_forms() -> None:
    check_both_forms(instance(*({**GATE, "camera_id": number} for number in range(200))), debug=True)


def check_both_forms(said: DsInstance, *, debug: bool | Debug) -> None:
    made = {form: generate(said, form=form, debug=debug) for form in Form}
    with written(made[Form.TXT]) as txt, written(made[Form.YML]) as yml:
        for name in made[Form.TXT]:
            twin = name if (yml / name).exists() else name.replace(".txt", ".yml")
            first, second = load(txt / name), load(yml / twin)
            assert first.groups == made[Form.TXT][name].groups
            assert second.groups == made[Form.YML][twin].groups
            found = diff(numbered(first), numbered(second))
            assert same(found), [each for each in found if each.counts]
            assert not wrong(lint(first)), name
            assert not wrong(lint(second)), twin


@settings(max_examples=25)
@given(st.lists(st.sampled_from([GATE, YARD, FILM]), min_size=1, max_size=30), st.sampled_from(DEBUGS))
def test_any_list_of_sources_is_taken(said: list[dict[str, Any]], debug: bool | Debug) -> None:
    cameras = [{**each, "camera_id": f"{each['camera_id']} {number}"} for number, each in enumerate(said)]
    made = generate(instance(*cameras), debug=debug, layout=Layout(sources=SourceStyle.LIST))
    for file in made.values():
        assert not wrong(lint(file))


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("debug", DEBUGS)
def test_the_files_that_a_file_names_are_followed_and_taken(form: Form, debug: bool | Debug) -> None:
    made = generate(instance(app={"app_type": "VISUAL"}), form=form, debug=debug)
    with written(made) as folder:
        for name in made:
            assert not wrong(lint_path(folder / name)), name


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("style", SourceStyle)
@pytest.mark.parametrize("debug", DEBUGS)
def test_the_stand_in_takes_every_set(form: Form, style: SourceStyle, debug: bool | Debug) -> None:
    said = instance(GATE, YARD, FILM, app={"app_type": "VISUAL"})
    made = generate(said, form=form, debug=debug, layout=Layout(sources=style))
    with written(made) as folder:
        plan = read_plan([folder / name for name in made.applications])
    assert len(plan.cameras) == 6  # three in each pipeline
    assert {broker.address for broker in plan.brokers} == {
        f"kafka;9092;{topic}" for topic in ("RawMotMeta", "RawFaceMeta", "RawImage")
    }


ODD_WORDS = [
    "~",
    "null",
    "#x",
    "a: b",
    "- a",
    "[x]",
    "{",
    "'",
    '"',
    "%",
    "\t x",
    "x ",
    "\\",
    "\n",
    "&a",
    "---",
]


@given(odd | st.text(min_size=1, max_size=8) | st.sampled_from(ODD_WORDS), st.sampled_from(Form))
def test_any_name_reads_as_it_was_meant_or_is_refused(word: str, form: Form) -> None:
    said = instance({"camera_id": word, "address": YARD["address"]}, mot_pgie={"parse_bbox_func_name": word})
    if "\0" in word:
        with pytest.raises(ConfigError, match="without NUL"):
            generate(said, form=form)
        return
    if word.startswith("\f") and form is Form.TXT:  # GLib strips it and has no escape for it
        with pytest.raises(ConfigError, match="what a key file can say"):
            generate(said, form=form)
        return
    for content in generate(said, form=form).contents.values():
        if content.file is not None:
            assert loads(content.data, content.file.form).groups == content.file.groups


@settings(max_examples=25)
@given(instances)
def test_the_order_of_mappings_is_no_change(said: DsInstance) -> None:
    plain = said.model_dump(mode="json")
    turned = DsInstance.model_validate(_turned(plain))
    assert generate(turned).digest == generate(said).digest
    assert {name: content.data for name, content in generate(turned).contents.items()} == {
        name: content.data for name, content in generate(said).contents.items()
    }


def _turned(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _turned(value[key]) for key in reversed(value)}
    return [_turned(each) for each in value] if isinstance(value, list) else value
