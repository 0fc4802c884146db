"""What an application's mux, inference and tracker come to."""

import pytest
from tests.deepstream.app_files import Case, Changes, each, judged

from sightline.deepstream.document import Form
from sightline.deepstream.findings import Severity, What, would_load

REFUSED, WARNING, NOTE = Severity.REFUSED, Severity.WARNING, Severity.NOTE
TXT, YML = (Form.TXT,), (Form.YML,)
LIST = {"num-source-bins": "1", "list": "rtsp://a/b", "sensor-id-list": "a", "sensor-name-list": "A"}
MUX, FIRST, SECOND, TRACKER = "streammux", "primary-gie", "secondary-gie0", "tracker"


def mux(**keys: str | None) -> Changes:
    return {MUX: {key.replace("_", "-"): value for key, value in keys.items()}}


def first(**keys: str | None) -> Changes:
    return {FIRST: {key.replace("_", "-"): value for key, value in keys.items()}}


def second(**keys: str | None) -> Changes:
    return {SECOND: {key.replace("_", "-"): value for key, value in keys.items()}}


def tracker(**keys: str | None) -> Changes:
    return {TRACKER: {key.replace("_", "-"): value for key, value in keys.items()}}


def listed(by: dict[str, str], **others: dict[str, str]) -> Changes:
    shared = {"source0": None, "source-list": {**LIST, **by}, "source-attr-all": {"enable": "1", "type": "4"}}
    return {**shared, **{name.replace("_", "-"): keys for name, keys in others.items()}}


MULTI = {"use-nvmultiurisrcbin": "1", "max-batch-size": "4", "sgie-batch-size": "9"}
TWO = {"source1": {"enable": "1", "type": "2", "uri": "file:///b.mp4"}}
MANY = {
    f"secondary-gie{n}": {
        "enable": "1",
        "gie-unique-id": str(n + 2),
        "config-file": "s.txt",
        "operate-on-gie-id": "1",
    }
    for n in range(17)
}

MUXES = (
    Case("a width without a height", mux(height=None), MUX, "width", WARNING, What.INAPPLICABLE),
    Case("a height without a width", mux(width="0"), MUX, "height", WARNING, What.INAPPLICABLE),
    Case("a mux without a size", mux(height=None, width=None), MUX, None, WARNING, What.MISSING),
    Case("too few buffers", mux(buffer_pool_size="3"), MUX, "buffer-pool-size", WARNING, What.REPLACED),
    Case(
        "both muxes' keys",
        mux(config_file_path="mux.txt"),
        MUX,
        "config-file-path",
        WARNING,
        What.INAPPLICABLE,
    ),
    Case("a batch of another size", mux(batch_size="3"), MUX, "batch-size", NOTE, What.VALUE),
    Case(
        "no batch size for two",
        {**TWO, **mux(batch_size=None), "tiled-display": {"columns": "2"}},
        MUX,
        "batch-size",
        NOTE,
        What.DEFAULT,
    ),
    Case(
        "cameras that are not live",
        {"source0": {"type": "4", "uri": "rtsp://a/b"}},
        MUX,
        "live-source",
        NOTE,
        What.DEFAULT,
    ),
    Case(
        "an interpolation that nobody is told",
        mux(interpolation_method="1"),
        MUX,
        "interpolation-method",
        WARNING,
        What.INAPPLICABLE,
        "",
        TXT,
    ),
    Case(
        "a batch that a list beats",
        listed({}, streammux={"batch-size": "8"}),
        MUX,
        "batch-size",
        WARNING,
        What.REPLACED,
        "number of sources",
        YML,
    ),
    Case(
        "the inference's batch that a list beats",
        listed({}, primary_gie={"batch-size": "8"}),
        FIRST,
        "batch-size",
        WARNING,
        What.REPLACED,
        "",
        YML,
    ),
    Case(
        "a second batch that a list beats",
        listed({"sgie-batch-size": "3"}, secondary_gie0={"batch-size": "8"}),
        SECOND,
        "batch-size",
        WARNING,
        What.REPLACED,
        "",
        YML,
    ),
    Case(
        "a batch that nvmultiurisrcbin beats",
        listed(MULTI, primary_gie={"batch-size": "8"}),
        FIRST,
        "batch-size",
        WARNING,
        What.REPLACED,
        "max-batch-size",
        YML,
    ),
    Case(
        "a second batch that nvmultiurisrcbin beats",
        listed(MULTI, secondary_gie0={"batch-size": "8"}),
        SECOND,
        "batch-size",
        WARNING,
        What.REPLACED,
        "",
        YML,
    ),
    Case(
        "what nvmultiurisrcbin is not told",
        listed(MULTI, streammux={"async-process": "1"}),
        MUX,
        "async-process",
        WARNING,
        What.INAPPLICABLE,
        "",
        YML,
    ),
)
GIES = (
    Case("no file", first(config_file=None), FIRST, "config-file", REFUSED, What.MISSING),
    Case("no second file", second(config_file=None), SECOND, "config-file", REFUSED, What.MISSING),
    Case(
        "preparation without a file",
        {"pre-process": {"enable": "1"}},
        "pre-process",
        "config-file",
        REFUSED,
        What.MISSING,
    ),
    Case(
        "analytics without a file",
        {"nvds-analytics": {"enable": "1"}},
        "nvds-analytics",
        "config-file",
        REFUSED,
        What.MISSING,
    ),
    Case(
        "one id for two",
        second(gie_unique_id="1"),
        SECOND,
        "gie-unique-id",
        REFUSED,
        What.DUPLICATE,
        "[primary-gie]",
    ),
    Case(
        "two ids that are not set",
        {**first(gie_unique_id=None), **second(gie_unique_id=None)},
        SECOND,
        "gie-unique-id",
        REFUSED,
        What.DUPLICATE,
        "not set",
    ),
    Case(
        "an id that is not set beside a first one that is off",
        {**first(enable="0"), **second(gie_unique_id=None)},
        SECOND,
        "gie-unique-id",
        REFUSED,
        What.DUPLICATE,
    ),
    Case("too many of them", MANY, "secondary-gie16", None, REFUSED, What.VALUE, "at most 16"),
    Case("a second without a first", first(enable="0"), SECOND, None, WARNING, What.INAPPLICABLE),
    Case(
        "a second that works on nobody's objects",
        second(operate_on_gie_id="7"),
        SECOND,
        "operate-on-gie-id",
        WARNING,
        What.INAPPLICABLE,
    ),
    Case(
        "a second that works on its own objects",
        second(operate_on_gie_id="2"),
        SECOND,
        "operate-on-gie-id",
        WARNING,
        What.INAPPLICABLE,
    ),
    Case("an encoder in the first place", first(plugin_type="3"), FIRST, "plugin-type", REFUSED, What.VALUE),
    Case(
        "a template in the second place", second(plugin_type="2"), SECOND, "plugin-type", REFUSED, What.VALUE
    ),
    Case("no such plugin", first(plugin_type="9"), FIRST, "plugin-type", REFUSED, What.VALUE),
    Case(
        "an engine of nvinferserver",
        first(plugin_type="1", model_engine_file="a"),
        FIRST,
        "model-engine-file",
        WARNING,
        What.INAPPLICABLE,
    ),
    Case("an encoder's key", first(backend="triton"), FIRST, "backend", WARNING, What.INAPPLICABLE, "", YML),
    Case("a key of sound", first(audio_framesize="4"), FIRST, "audio-framesize", WARNING, What.INAPPLICABLE),
    Case(
        "objects of a first inference",
        first(operate_on_gie_id="4"),
        FIRST,
        "operate-on-gie-id",
        WARNING,
        What.INAPPLICABLE,
    ),
    Case("replay in its place", {"replay": {"enable": "1"}}, FIRST, None, WARNING, What.INAPPLICABLE),
    Case(
        "a ground of all classes",
        first(bbox_bg_color="1;0;0;1"),
        FIRST,
        "bbox-bg-color",
        WARNING,
        What.INAPPLICABLE,
    ),
    Case(
        "tensors that nobody prepares",
        first(input_tensor_meta="1"),
        FIRST,
        "input-tensor-meta",
        WARNING,
        What.VALUE,
    ),
    Case(
        "tensors that nobody takes",
        {"pre-process": {"enable": "1", "config-file": "p.txt"}},
        "pre-process",
        None,
        WARNING,
        What.INAPPLICABLE,
    ),
    Case(
        "preparation of other objects",
        {"secondary-pre-process0": {"enable": "1", "config-file": "p.txt", "operate-on-gie-id": "4"}},
        "secondary-pre-process0",
        None,
        WARNING,
        What.INAPPLICABLE,
        "primary GIE's 1",
        YML,
    ),
    Case(
        "preparation without inference",
        {
            **first(enable="0"),
            "secondary-pre-process0": {"enable": "1", "config-file": "p.txt", "operate-on-gie-id": "1"},
        },
        "secondary-pre-process0",
        None,
        WARNING,
        What.INAPPLICABLE,
        "no primary GIE",
        YML,
    ),
)
TRACKERS = (
    Case("no library", tracker(ll_lib_file=None), TRACKER, "ll-lib-file", REFUSED, What.MISSING),
    Case(
        "no file of the library", tracker(ll_config_file=None), TRACKER, "ll-config-file", NOTE, What.DEFAULT
    ),
    Case("no width", tracker(tracker_width=None), TRACKER, "tracker-width", WARNING, What.DEFAULT),
    Case(
        "an odd height", tracker(tracker_height="540"), TRACKER, "tracker-height", WARNING, What.VALUE, "32"
    ),
    Case(
        "a surface that nobody is told",
        tracker(tracker_surface_type="1"),
        TRACKER,
        "tracker-surface-type",
        WARNING,
        What.INAPPLICABLE,
    ),
    Case(
        "tensors' GIE without tensors",
        tracker(tensor_meta_gie_id="1"),
        TRACKER,
        "tensor-meta-gie-id",
        WARNING,
        What.INAPPLICABLE,
    ),
    Case("batches that are none", tracker(sub_batches="a"), TRACKER, "sub-batches", WARNING, What.REPLACED),
    Case(
        "a source in two batches", tracker(sub_batches="0;0"), TRACKER, "sub-batches", REFUSED, What.DUPLICATE
    ),
    Case(
        "a source in no batch",
        {**TWO, **tracker(sub_batches="1,2")},
        TRACKER,
        "sub-batches",
        WARNING,
        What.MISSING,
        "source 0",
    ),
    Case(
        "too small batches",
        {**TWO, **tracker(sub_batches="1")},
        TRACKER,
        "sub-batches",
        WARNING,
        What.VALUE,
        "room for 1",
    ),
    Case(
        "classes without their end",
        tracker(operate_on_class_ids="0"),
        TRACKER,
        "operate-on-class-ids",
        WARNING,
        What.VALUE,
        "",
        TXT,
    ),
)


@each((*MUXES, *GIES, *TRACKERS))
def test_what_stands_behind_the_sources_is_judged(case: Case, form: Form) -> None:
    assert case.shown(form) is (form not in case.quiet)


@pytest.mark.parametrize("form", Form)
def test_inference_that_is_off_may_be_wrong(form: Form) -> None:
    off = {"enable": "0", "plugin-type": "9", "gie-unique-id": "1", "config-file": None}
    found = judged({SECOND: off, "tracker": {"enable": "0", "ll-lib-file": None}}, form)
    assert would_load(found)


@pytest.mark.parametrize("form", Form)
def test_a_second_inference_may_work_on_anothers_objects(form: Form) -> None:
    third = {"enable": "1", "gie-unique-id": "3", "operate-on-gie-id": "2", "config-file": "t.txt"}
    assert judged({"secondary-gie1": third}, form) == ()


@pytest.mark.parametrize("form", Form)
def test_the_models_mux_of_the_newest_deepstream_is_known(form: Form) -> None:
    assert would_load(judged(first(plugin_type="4"), form))


@pytest.mark.parametrize("said", ["0;1", "0,1", "1:1", "2", "0, 1;2"])
@pytest.mark.parametrize("form", Form)
def test_batches_that_hold_every_source_are_right(said: str, form: Form) -> None:
    found = judged({**TWO, **tracker(sub_batches=said)}, form)
    mine = [each for each in found if each.key == "sub-batches" and "without its end" not in each.message]
    assert mine == []


@pytest.mark.parametrize("said", ["9" * 5000, f"0;{'9' * 5000}", "0," * 50000, "0:" * 50000, "\u0663;0"])
@pytest.mark.parametrize("form", Form)
def test_batches_may_be_anything_and_are_judged_at_once(said: str, form: Form) -> None:
    assert any(each.key == "sub-batches" for each in judged(tracker(sub_batches=f"{said}x"), form))


def test_a_great_number_of_groups_is_judged_at_once() -> None:
    many = {
        f"{name}{n}": {"enable": "1"} for name in ("secondary-gie", "source", "sink") for n in range(2000)
    }
    assert not would_load(judged(many, Form.TXT))


@pytest.mark.parametrize("form", Form)
def test_inferences_that_wait_for_each_other_are_not_made(form: Form) -> None:
    third = {"enable": "1", "gie-unique-id": "3", "operate-on-gie-id": "2", "config-file": "t.txt"}
    found = judged({**second(operate_on_gie_id="3"), "secondary-gie1": third}, form)
    assert {each.group for each in found} == {SECOND, "secondary-gie1"}
    assert {each.what for each in found} == {What.INAPPLICABLE}


@pytest.mark.parametrize("form", Form)
def test_a_great_number_of_sources_is_judged_at_once(form: Form) -> None:
    many = {"source0": {"type": "3", "num-sources": "2000000000"}}
    assert not would_load(judged({**many, **tracker(sub_batches="0;1")}, form))
