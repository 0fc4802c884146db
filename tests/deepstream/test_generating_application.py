"""The file of deepstream-app: which groups stand there, and that they agree with all other files."""

from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from tests.deepstream.generated import FILM, GATE, YARD, instance, seen

from sightline.deepstream.document import Entry, Form
from sightline.deepstream.generating import Debug, Layout, SourceStyle, generate
from sightline.deepstream.generating.messaging import connection
from sightline.deepstream.reading import keyfile_values
from sightline.errors import ConfigError

APPS = ("mot_app.txt", "face_app.txt")


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("debug", [False, True])
def test_every_file_that_is_named_is_one_of_the_set(form: Form, debug: bool) -> None:
    made = generate(instance(app={"app_type": "VISUAL"}), form=form, debug=debug)
    named = {
        entry.text
        for name in made.applications
        for group in made[name].groups
        for entry in group.entries
        if entry.key in {"config-file", "msg-conv-config", "msg-broker-config", "csv-file-path"}
    }
    assert named == {*made, *made.tables} - {*made.applications}


def test_each_pipeline_has_its_models_wired_by_their_numbers() -> None:
    said = instance(
        mot_pgie={"gie_unique_id": 7},
        mot_sgie={"operate_on_gie_id": 7, "operate_on_class_ids": (0, 2)},
        face_sgie={"operate_on_class_ids": 0},
    )
    made = generate(said)
    mot, face = (seen(made[name]) for name in APPS)
    assert (mot["primary-gie"]["gie-unique-id"], mot["primary-gie"]["config-file"]) == ("7", "mot_pgie.txt")
    assert mot["secondary-gie0"] == {
        "enable": "1",
        "gpu-id": "0",
        "gie-unique-id": "2",
        "operate-on-gie-id": "7",
        "input-tensor-meta": "0",
        "config-file": "mot_sgie.txt",
    }
    assert (face["primary-gie"]["gie-unique-id"], face["primary-gie"]["config-file"]) == (
        "3",
        "face_pgie.txt",
    )
    assert face["secondary-gie0"]["input-tensor-meta"] == "1"
    assert face["secondary-pre-process0"] == {
        "enable": "1",
        "operate-on-gie-id": "3",
        "config-file": "face_align.txt",
    }
    assert "secondary-pre-process0" not in mot


def test_classes_are_nvinfers_alone_because_the_application_cuts_them_short() -> None:
    every = tuple(range(80))
    made = generate(instance(mot_sgie={"operate_on_class_ids": every}))
    assert "operate-on-class-ids" not in seen(made["mot_app.txt"])["secondary-gie0"]
    assert seen(made["mot_sgie.txt"])["property"]["operate-on-class-ids"] == ";".join(map(str, every))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"mot_sgie": {"operate_on_gie_id": 9}}, "mot_sgie.operate_on_gie_id: expected 1"),
        ({"face_sgie": {"operate_on_gie_id": 1}}, "face_sgie.operate_on_gie_id: expected 3"),
        ({"face_align": {"operate_on_gie_id": 1}}, "face_align.operate_on_gie_id: expected 3"),
        ({"face_align": {"target_unique_ids": (2, 8)}}, "face_align.target_unique_ids: expected 4"),
        (
            {"face_align": {"unique_id": 2}},
            "face_align.unique_id: expected a number that no model has, got 2",
        ),
        ({"face_align": {"src_ids": (0, 2)}}, "face_align.src_ids: expected numbers below 2"),
        ({"face_sgie": {"batch_size": 4}}, "face_align.network_input_shape: expected at most 4, face_sgie's"),
        ({"face_align": {"process_on_frame": 1}}, "face_align.txt: .*process-on-roi must be there"),
        (
            {"face_align": {"process_on_all_objects": 0}},
            "face_align.txt: .*roi-params-src-0 .* must be there",
        ),
        ({"face_align": {"processing_width": 100}}, "face_align.txt: .*processing-width: expected 112"),
    ],
)
def test_models_that_do_not_find_one_another_are_refused(said: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        generate(instance(**said))


def test_an_instance_without_cameras_is_refused() -> None:
    said = instance()
    said.config.sourceconfig.sources = []
    with pytest.raises(ConfigError, match=r"sourceconfig\.sources: expected at least one camera, got none"):
        generate(said)


def test_sources_keep_their_order_and_the_second_pipeline_numbers_on() -> None:
    made = generate(instance(GATE, YARD, FILM))
    mot, face = (seen(made[name]) for name in APPS)
    expected = [
        ("4", "rtsp://admin:geheim%40@10.0.0.5:554/main?channel=1&subtype=0"),
        ("4", "rtsp://10.0.0.6/live"),
        ("2", "file:///data/a%20film.mp4"),
    ]
    assert [(mot[f"source{n}"]["type"], mot[f"source{n}"]["uri"]) for n in range(3)] == expected
    assert [(face[f"source{n}"]["type"], face[f"source{n}"]["uri"]) for n in range(3, 6)] == expected
    assert not any(name in face for name in ("source0", "source1", "source2"))


@pytest.mark.parametrize(
    ("sources", "told"),
    [
        ((GATE, FILM), False),
        ((FILM, GATE), True),
        ((FILM, FILM), False),
        ((FILM,), False),
        (({**GATE, "encode_type": "mpeg4"},), True),
    ],
)
def test_it_is_told_where_a_camera_that_fails_ends_its_pipeline(
    sources: tuple[dict[str, str], ...], told: bool
) -> None:
    """deepstream-app asks its first source alone whether it is one that may be connected to again."""
    for form, style, expected in [
        (Form.TXT, SourceStyle.GROUPS, told),
        (Form.TXT, SourceStyle.LIST, False),
        (Form.YML, SourceStyle.LIST, told),
    ]:
        notes = generate(instance(*sources), form=form, layout=Layout(sources=style)).notes
        assert any("a camera that fails ends its pipeline" in note for note in notes) is expected


def test_the_list_of_sources_has_the_cameras_ids() -> None:
    film = {**FILM, "camera_id": "a;b"}
    made = generate(instance(GATE, film), layout=Layout(sources=SourceStyle.LIST))["mot_app.txt"]
    listed = {entry.key: entry.text or "" for entry in made.entries("source-list")}
    words = {key: keyfile_values.strings(text) for key, text in listed.items()}
    assert words["list"] == (GATE["address"], FILM["address"])
    assert words["sensor-id-list"] == words["sensor-name-list"] == ("gate", "a;b")
    assert listed["num-source-bins"] == listed["max-batch-size"] == "2"
    assert (listed["use-nvmultiurisrcbin"], listed["http-port"]) == ("1", "0")
    assert made.entry("source-attr-all", "type") == Entry("type", "4")
    assert "source0" not in made.names


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"camera_id": "a,b", "address": "rtsp://h/s"}, "camera 'a,b': expected a camera_id without a comma"),
        ({"camera_id": "a", "address": "http://h/s", "type": "http"}, "expected rtsp:// or file:///"),
    ],
)
def test_a_camera_that_no_list_can_hold_is_refused(source: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        generate(instance(source), layout=Layout(sources=SourceStyle.LIST))
    generate(instance(source))


def test_a_camera_behind_v4l2_is_refused() -> None:
    with pytest.raises(ConfigError, match="camera 'a': expected an RTSP, file or HTTP source"):
        generate(instance({"camera_id": "a", "address": "rtsp://h/s", "type": "v4l2"}))


@pytest.mark.parametrize("scheme", ["rtsp", "rtsps"])
@pytest.mark.parametrize("word", ["rtsp", "uri", "multiuri", "anything"])
def test_an_address_of_rtsp_is_live_whichever_word_the_document_has(scheme: str, word: str) -> None:
    app = seen(
        generate(instance({"camera_id": "a", "address": f"{scheme}://h/s", "type": word}))["mot_app.txt"]
    )
    assert (app["source0"]["type"], app["source0"]["rtsp-reconnect-attempts"]) == ("4", "-1")
    assert app["streammux"]["live-source"] == "1"


def test_a_camera_of_mpeg_4_is_of_the_type_that_decodes_it() -> None:
    app = seen(generate(instance({**YARD, "encode_type": "MPEG4"}))["mot_app.txt"])
    assert app["source0"] == {
        "enable": "1",
        "type": "2",
        "uri": YARD["address"],
        "gpu-id": "0",
        "cudadec-memtype": "0",
    }
    assert (app["streammux"]["live-source"], app["streammux"]["drop-pipeline-eos"]) == ("1", "1")


@pytest.mark.parametrize("address", ["file:///data/a.mp4", "http://h/a.mp4"])
def test_another_address_is_refused_as_rtsp_which_is_what_the_type_is_if_left_out(address: str) -> None:
    with pytest.raises(ConfigError, match=r"camera 'a': expected rtsp:// for the type rtsp, or another type"):
        generate(instance({"camera_id": "a", "address": address}))


def test_a_pattern_of_addresses_goes_through_printf_unharmed() -> None:
    source = {"camera_id": "a", "address": "file:///data/a%20b_%d.mp4", "type": "multiuri"}
    made = seen(generate(instance(source))["mot_app.txt"])["source0"]
    assert (made["type"], made["uri"]) == ("3", "file:///data/a%%20b_%d.mp4")


def test_relative_paths_of_the_document_are_seen_from_the_folder_of_the_set() -> None:
    said = instance({**FILM, "address": "file://videos/a.mp4"}, mot_pgie={"labelfile_path": "labels/mot.txt"})
    made = generate(said)
    assert seen(made["mot_pgie.txt"])["property"]["labelfile-path"] == "../labels/mot.txt"
    assert seen(made["mot_app.txt"])["source0"]["uri"] == "file://../videos/a.mp4"
    near = generate(said, layout=Layout(relative_to=PurePosixPath("/srv/models")))
    assert seen(near["mot_pgie.txt"])["property"]["labelfile-path"] == "/srv/models/labels/mot.txt"


def test_a_film_in_the_folder_itself_has_no_slash_at_its_end() -> None:
    made = generate(instance({**FILM, "address": "file://a.mp4"}))
    assert seen(made["mot_app.txt"])["source0"]["uri"] == "file://../a.mp4"


@pytest.mark.parametrize("address", ["file://Videos/a.mp4", "file://Örtlich/a.mp4"])
def test_a_relative_film_whose_name_would_be_changed_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match=r"address: expected file:///path, as the first part of a relative"):
        instance({**FILM, "address": address})


def test_the_muxer_is_as_the_document_has_it() -> None:
    said = instance(
        GATE,
        FILM,
        app={
            "streammux_output_width": 3840,
            "streammux_output_height": 2160,
            "streammux_nvbuf_memory_type": 3,
            "streammux_buffer_pool": 40,
        },
    )
    assert seen(generate(said)["mot_app.txt"])["streammux"] == {
        "gpu-id": "0",
        "live-source": "1",
        "buffer-pool-size": "40",
        "batch-size": "2",
        "batched-push-timeout": "40000",
        "width": "3840",
        "height": "2160",
        "enable-padding": "0",
        "nvbuf-memory-type": "3",
        "drop-pipeline-eos": "1",
    }
    still = seen(generate(instance(FILM, app={"streammux_batch_size": 8}))["mot_app.txt"])["streammux"]
    assert (still["live-source"], still["drop-pipeline-eos"], still["batch-size"]) == ("0", "0", "8")


def test_results_go_to_the_topic_of_their_pipeline() -> None:
    made = generate(instance(app={"mot_raw_meta_topic": "mot", "face_raw_meta_topic": "face"}))
    for word in ("mot", "face"):
        app = seen(made[f"{word}_app.txt"])
        assert app["sink1"] == {
            "enable": "1",
            "type": "6",
            "msg-conv-config": f"{word}_msgconv.txt",
            "msg-conv-payload-type": "1",
            "msg-conv-comp-id": "1",
            "msg-conv-msg2p-new-api": "1",
            "msg-conv-frame-interval": "1",
            "msg-broker-proto-lib": "/opt/nvidia/deepstream/deepstream/lib/libnvds_kafka_proto.so",
            "msg-broker-conn-str": f"kafka;9092;{word}",
            "msg-broker-comp-id": "1",
            "topic": word,
            "msg-broker-config": "cfg_kafka.txt",
            "source-id": "0",
        }
        sensors = seen(made[f"{word}_msgconv.txt"])
        assert [sensors[f"sensor{n}"]["id"] for n in range(2)] == ["gate", "yard"]
    assert seen(made["cfg_kafka.txt"]) == {"message-broker": {"partition-key": "sensorId"}}


@pytest.mark.parametrize("form", Form)
def test_no_broker_sends_what_is_for_another_topic(form: Form) -> None:
    """All sinks of a pipeline share the frames that converters hang their messages on."""
    made = generate(instance(app={"app_type": "VISUAL"}), form=form)
    for name in made.applications:
        app = seen(made[name])
        pairs = [
            (app[sink]["msg-conv-comp-id"], app[sink]["msg-broker-comp-id"]) for sink in ("sink1", "sink2")
        ]
        assert pairs == [("1", "1"), ("2", "2")]


@pytest.mark.parametrize("form", Form)
def test_a_converter_of_ones_own_may_send_vectors_which_nvidias_leaves_out(form: Form) -> None:
    note = "leaves out the vectors of mot_sgie and face_sgie"
    assert [each for each in generate(instance(), form=form).notes if note in each]
    made = generate(instance(), form=form, layout=Layout(converter_library=PurePosixPath("/opt/own.so")))
    assert not [each for each in made.notes if note in each]
    assert {seen(made[name])["sink1"]["msg-conv-msg2p-lib"] for name in made.applications} == {"/opt/own.so"}


def test_a_visual_application_sends_objects_as_well() -> None:
    made = generate(instance(app={"app_type": "VISUAL", "visual_topic": "seen"}), debug=False)
    sink = seen(made["mot_app.txt"])["sink2"]
    assert (sink["topic"], sink["msg-conv-payload-type"]) == ("seen", "0")
    assert seen(made[sink["msg-broker-config"]])["message-broker"]["partition-key"] == "sensor.id"
    full = seen(made[sink["msg-conv-config"]])
    assert {name.rstrip("01") for name in full} == {"sensor", "place", "analytics"}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("kafka:9092", "kafka;9092;t"),
        ("kafka;9092", "kafka;9092;t"),
        ("kafka;9092;other", "kafka;9092;t"),
        ("kafka", "kafka;9092;t"),
        (" kafka:19092 ", "kafka;19092;t"),
        ("k1:9092,k2:9093", "k1:9092,k2;9093;t"),
        ("[2001:db8::5]:9092", "[2001:db8::5];9092;t"),
        ("kafka://gate@k1:9093,k2?sasl=PLAIN&password_file=/x", "k1:9093,k2;9092;t"),
    ],
)
def test_the_broker_is_written_as_deepstream_has_it(said: str, expected: str) -> None:
    assert connection(said, "t") == expected


@pytest.mark.parametrize("said", ["", ",", "kafka:port", "a b:9092", ":9092", "u:p@kafka:9092", "k;123456"])
def test_a_broker_that_is_none_is_refused(said: str) -> None:
    with pytest.raises(ConfigError, match=r"kafka_connection_str: expected host;port"):
        connection(said, "t")


def test_a_login_of_kafka_is_in_a_file_for_its_owner_alone(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.touch(0o600)
    password.write_text("ge\\heim=1")
    url = f"kafka://gate@k:9093?sasl=SCRAM-SHA-512&tls_ca=system&password_file={password}"
    made = generate(instance(YARD, app={"kafka_connection_str": url}))
    assert seen(made["cfg_kafka.txt"])["message-broker"]["proto-cfg"] == (
        '"security.protocol=SASL_SSL;sasl.mechanism=SCRAM-SHA-512;sasl.username=gate;'
        'sasl.password=ge\\heim=1;ssl.ca.location=probe"'
    )
    assert [name for name, content in made.contents.items() if content.secret] == ["cfg_kafka.txt"]
    for cutting in ("a;b=c", 'a"b'):
        password.write_text(cutting)
        with pytest.raises(ConfigError, match=r"expected sasl\.password without ;") as refused:
            generate(instance(YARD, app={"kafka_connection_str": url}))
        assert cutting not in str(refused.value)


@pytest.mark.parametrize("said", ["kafka://me:geheim@h?sasl=PLAIN", "hub://:geheim@h"])
def test_no_password_is_taken_within_a_connection(said: str) -> None:
    with pytest.raises(ConfigError, match="password_file=|another scheme") as refused:
        instance(app={"kafka_connection_str": said})
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize("topic", ["", "a;b", "a b", "ä", "x" * 250])
def test_a_topic_that_kafka_does_not_take_is_refused(topic: str) -> None:
    with pytest.raises(ConfigError, match=r"topic: expected 1 to 249 of"):
        connection("kafka", topic)


def test_without_debug_nothing_is_drawn() -> None:
    made = generate(instance())
    for name in APPS:
        app = seen(made[name])
        assert app["application"]["enable-perf-measurement"] == "0"
        assert app["tiled-display"]["enable"] == app["osd"]["enable"] == "0"
        assert app["sink0"] == {"enable": "1", "type": "1", "sync": "0", "source-id": "0", "gpu-id": "0"}
    assert made.environment == {}


def test_with_debug_boxes_labels_and_clock_are_drawn_into_a_film() -> None:
    made = generate(instance(GATE, YARD, FILM), debug=True)
    app = seen(made["face_app.txt"])
    assert app["application"] == {"enable-perf-measurement": "1", "perf-measurement-interval-sec": "5"}
    tiles = app["tiled-display"]
    assert (tiles["enable"], tiles["rows"], tiles["columns"]) == ("1", "2", "2")
    drawn = app["osd"]
    assert drawn["enable"] == drawn["display-text"] == drawn["display-bbox"] == drawn["show-clock"] == "1"
    sink = app["sink0"]
    assert (sink["type"], sink["container"], sink["output-file"]) == ("3", "1", "debug-face.mp4")
    assert made.environment["GST_DEBUG"] == "3,NVDS_APP:5,NVDS_CFG_PARSER:5"
    assert app["sink1"]["type"] == "6"


def test_with_debug_to_rtsp_each_pipeline_has_a_port() -> None:
    made = generate(instance(), debug=Debug(file=None, rtsp_port=9000, gst_level=4, app_level=6))
    ports = [(seen(made[name])["sink0"]["rtsp-port"], seen(made[name])["sink0"]["udp-port"]) for name in APPS]
    assert ports == [("9000", "9000"), ("9001", "9001")]
    assert made.environment["GST_DEBUG"] == "4,NVDS_APP:6,NVDS_CFG_PARSER:6"
    assert [note for note in made.notes if "no login" in note]


def test_the_document_chooses_debug_mode() -> None:
    assert generate(instance(app={"app_type": "VISUAL"})).environment
    assert not generate(instance(app={"app_type": "NORMAL"})).environment
    assert not generate(instance(app={"app_type": "VISUAL"}), debug=False).environment


@pytest.mark.parametrize(
    "said",
    [
        {"file": None},
        {"rtsp_port": 8554},
        {"file": None, "rtsp_port": 0},
        {"file": None, "rtsp_port": 65535},
        {"gst_level": 10},
        {"app_level": -1},
    ],
)
def test_a_debug_mode_that_cannot_be_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="debug: expected"):
        Debug(**said)


def test_a_film_that_is_no_mp4_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"debug: expected the name of an \.mp4 file"):
        generate(instance(), debug=Debug(file=PurePosixPath("out.mkv")))


def test_yaml_keeps_what_its_reader_would_leave_out_in_a_key_file() -> None:
    made = generate(instance(), form=Form.YML)
    assert made.applications == ("mot_app.yml", "face_app.txt")
    assert [note for note in made.notes if note.startswith("face_app.txt stays a key file")]
    assert seen(made["mot_app.yml"])["source"] == {"csv-file-path": "sources.csv"}
    listed = generate(instance(), form=Form.YML, layout=Layout(sources=SourceStyle.LIST))
    assert "mot_app.yml: DeepStream's YAML has no list of sources, they are in sources.csv" in listed.notes
    plain = generate(instance(face_align={"enable": 0}), form=Form.YML)
    assert plain.applications == ("mot_app.yml", "face_app.yml")


def test_the_table_of_sources_has_a_row_for_each() -> None:
    made = generate(instance(GATE, {**YARD, "address": "rtsp://h/a,b"}), form=Form.YML)
    head, *rows = made.tables["sources.csv"].decode().splitlines()
    assert head.split(",")[:3] == ["enable", "type", "uri"]
    assert [row.split(",")[2] for row in rows] == [GATE["address"], "rtsp://h/a%2Cb"]
    assert all(all(row.split(",")) and len(row.split(",")) == len(head.split(",")) for row in rows)
    assert "a comma in an address is %2C in sources.csv: yard" in made.notes


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("file:///data/my%20films/a.mp4", "file:/data/my%20films/a.mp4"),
        ("file:///data/my films/a%23.mp4", "file:/data/my%20films/a%23.mp4"),
        ("file:///data/films/a%20b.mp4", "file:///data/films/a%20b.mp4"),
        ("http://h/my%20films/a.mp4", "http://h/my%20films/a.mp4"),
    ],
)
def test_no_folder_of_a_film_is_cut_off_by_the_reader_of_the_table(address: str, expected: str) -> None:
    said = instance({"camera_id": "a", "address": address, "type": "uri"})
    assert (
        generate(said, form=Form.YML).tables["sources.csv"].decode().splitlines()[1].split(",")[2] == expected
    )
    assert seen(generate(said)["mot_app.txt"])["source0"]["uri"].startswith(address[:7])


def test_the_command_names_both_files_and_in_debug_mode_asks_for_labels_in_tiles() -> None:
    files = ("-c", "/c/mot_app.txt", "-c", "/c/face_app.txt")
    assert generate(instance()).command(Path("/c")) == ("deepstream-app", *files)
    assert generate(instance(), debug=True).command(Path("/c")) == ("deepstream-app", "-t", *files)


def test_what_is_shown_of_a_set_does_not_help_to_guess_passwords() -> None:
    made = generate(instance(GATE))
    assert "geheim" not in repr(made)
    assert repr(made) == repr(generate(instance({**GATE, "address": "rtsp://admin:other@10.0.0.5/main"})))


def test_the_digest_tells_what_an_instance_is_started_with() -> None:
    one = generate(instance(GATE, YARD))
    assert one.digest == generate(instance(GATE, YARD)).digest
    others = [
        generate(instance(YARD, GATE)),
        generate(instance(GATE, YARD), form=Form.YML),
        generate(instance(GATE, YARD), debug=True),
        generate(instance(GATE, YARD), debug=Debug(gst_level=4)),
        generate(instance(GATE, YARD, mot_pgie={"interval": 1})),
    ]
    assert len({each.digest for each in (one, *others)}) == 6
    assert generate(instance(GATE, YARD), debug=Debug(gst_level=5)).digest != others[3].digest
