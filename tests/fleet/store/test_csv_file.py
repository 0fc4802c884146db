"""The three tables as CSV and back."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fleet.store.filled import camera, deepstream, worker
from tests.fleet.store.test_instances import SECRET_WORKER, TOKEN

from sightline.errors import ConfigError
from sightline.fleet.store import Database, Refused, importing
from sightline.fleet.store.csv_file import Kind, export_csv, import_csv
from sightline.fleet.store.importing import import_rows

ALL: tuple[Kind, ...] = ("cameras", "instances", "agents")


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def filled(database: Database) -> Database:
    database.agents.add({"agent_name": "box", "labels": {"room": "a"}, "capacity": 3, "drained": True})
    database.instances.add(deepstream(agent_name="box", gpus=1))
    database.instances.add(worker(config=SECRET_WORKER, exclusive=True))
    database.cameras.add(camera(username="root", password="geheim", instance_name="hall", width=640))
    database.cameras.add(camera("yard", settings={"transport": "udp"}, enabled=False, pool="=1+1"))
    return database


def test_a_file_has_the_documents_names_and_no_password(filled: Database) -> None:
    text = export_csv(filled, "cameras")
    header = text.splitlines()[0].split(",")
    document = [
        "id",
        "agent_id",
        "dsInstance_id",
        "camera_id",
        "ip_address",
        "username",
        "encodeType",
        "type",
    ]
    assert {*document, "width", "height", "has_password"} <= {*header}
    assert "password" not in header
    gate, yard = table(text)
    assert (gate["has_password"], yard["has_password"], gate["instance_name"]) == ("true", "false", "hall")
    everything = "".join(export_csv(filled, kind) for kind in ALL)
    assert "geheim" not in everything
    assert TOKEN not in everything


@pytest.mark.parametrize("kind", ALL)
def test_what_was_exported_goes_in_again_and_changes_nothing(filled: Database, kind: Kind) -> None:
    before = filled.apply()
    again = import_csv(filled, kind, export_csv(filled, kind).encode(), prune=True)
    assert again.is_nothing
    assert filled.apply() == before
    assert before[1].cameras["gate"].password == "geheim"
    assert before[1].instances["motion"].config == SECRET_WORKER


def test_a_password_goes_in_by_a_column_of_its_own(filled: Database) -> None:
    text = (
        "camera_id,address,username,password\r\ngate,rtsp://10.0.0.5/gate,root,neu\r\nnew,rtsp://h/x,a,b\r\n"
    )
    made = import_csv(filled, "cameras", text)
    assert (made.cameras.changed, made.cameras.added) == (["gate"], ["new"])
    sources = filled.apply()[1].cameras
    assert (sources["gate"].password, sources["new"].password) == ("neu", "b")


def test_a_row_of_another_address_says_its_password_again(filled: Database) -> None:
    head, row = "camera_id,address,password", "gate,rtsp://10.0.0.9/gate"
    with pytest.raises(Refused) as refused:
        import_csv(filled, "cameras", f"{head}\nyard,rtsp://10.0.0.7/yard,\n{row},\n")
    (mistake,) = refused.value.mistakes
    assert (mistake.where, mistake.message.partition(":")[0]) == ("line 3, password", "missing")
    assert filled.cameras.get("gate").ip_address == "10.0.0.5", "nothing of the file came in"
    assert import_csv(filled, "cameras", f"{head}\n{row},neu\n").cameras.changed == ["gate"]


def test_cells_that_would_be_formulas_are_guarded(filled: Database) -> None:
    (_, yard) = table(export_csv(filled, "cameras"))
    assert yard["pool"] == "'=1+1"
    import_csv(filled, "cameras", export_csv(filled, "cameras"))
    assert filled.cameras.get("yard").pool == "=1+1"


def test_every_wrong_line_is_told_and_nothing_changes(filled: Database) -> None:
    text = (
        "camera_id,address,width,settings,enabled,username,password\n"
        "new,rtsp://h/x,640,,true,,\n"
        "gate,rtsp://h/x,wide,,perhaps,,\n"
        '"x y",rtsp://h/x,,"{""a"": 1",,,\n'
        "\n"
        "short,rtsp://h/x\n"
        "new,rtsp://h/x,,,,,\n"
        ",rtsp://h/x,,,,,\n"
    )
    with pytest.raises(Refused) as refused:
        import_csv(filled, "cameras", text)
    assert [str(mistake) for mistake in refused.value.mistakes] == [
        "line 3, width: expected a whole number",
        "line 3, enabled: expected true or false",
        'line 4, settings: expected a JSON object such as {"key": "value"}',
        "line 6: expected 7 cells, got 2",
        "line 7, camera_id: it stands in line 2 already",
        "line 8, camera_id: missing",
    ]
    wrong = (
        "camera_id,address,settings\n"
        "new,rtsp://a:geheim@h/x,\n"
        '"one\ntwo",rtsp://h/x,\n'
        'last,gopher://h,"{""tls"": 1}"\n'
    )
    with pytest.raises(Refused) as refused:
        import_csv(filled, "cameras", wrong)
    told = [mistake.where for mistake in refused.value.mistakes]
    assert told == ["line 3, camera_id", "line 5, address", "line 5, settings.tls"]
    assert "geheim" not in str(refused.value)
    assert filled.cameras.page().total == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "expected a header with the column camera_id"),
        ("camera_id,addres\n", "line 1, column 2: unknown column 'addres'; did you mean \"address\""),
        ("camera_id,pool,pool\n", "the column pool stands there twice"),
        ('camera_id\n"open', "line 2: expected CSV"),
        (b"camera_id\n\xff\n", "expected text in UTF-8"),
    ],
)
def test_what_is_no_such_file_is_told(database: Database, text: str | bytes, told: str) -> None:
    with pytest.raises(Refused) as refused:
        import_csv(database, "cameras", text)
    assert told in str(refused.value)


def test_only_the_three_tables_are_files(database: Database) -> None:
    with pytest.raises(ConfigError, match="expected cameras, instances, agents, got 'camera'; did you mean"):
        export_csv(database, "camera")  # type: ignore[arg-type]


def test_rows_of_others_may_be_left_alone(filled: Database) -> None:
    with pytest.raises(Refused, match="line 2, camera_id: there is one already, which a user made"):
        import_csv(filled, "cameras", "camera_id,address\ngate,rtsp://h/x\n", edit=False)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with Database(tmp_path_factory.mktemp("shared") / "fleet.db") as database:
        yield database


texts = st.text(max_size=12) | st.sampled_from(
    ["=1", "'", "'=", "''x", "-1", "@a", "\t", "a\nb", 'a"b', ",", "\r"]
)
texts = texts.filter(lambda text: "\x00" not in text and text.isascii() | text.isprintable())
ids = st.sampled_from(["a", "b", "001", "A.b-c"])
rows = st.fixed_dictionaries(
    {"address": st.just("rtsp://10.0.0.5/x")},
    optional={
        "username": st.text("ab-='\"@,", min_size=1),
        "pool": texts,
        "labels": st.dictionaries(texts.filter(bool), texts, max_size=2),
        "enabled": st.booleans(),
        "width": st.integers(1, 9999),
        "encodeType": st.sampled_from(["h264", "h265"]),
        "type": st.sampled_from(["", "rtsp", "uri"]),
    },
)


@settings(max_examples=60, deadline=None)
@given(cameras=st.dictionaries(ids, rows, min_size=1))
def test_any_cameras_come_back_as_they_went_out(shared: Database, cameras: dict[str, dict[str, Any]]) -> None:
    import_rows(shared, "csv:cameras", prune=True)
    import_rows(shared, "csv:cameras", cameras=[{"camera_id": name, **row} for name, row in cameras.items()])
    text, before = export_csv(shared, "cameras"), shared.inventory()
    sources = shared.apply()[1].cameras
    assert import_csv(shared, "cameras", text, prune=True).is_nothing
    assert shared.inventory().cameras == before.cameras
    import_rows(shared, "csv:cameras", prune=True)
    assert import_csv(shared, "cameras", text).cameras.added == list(cameras)
    assert shared.apply()[1].cameras == sources


def test_a_dry_run_tells_row_by_row_what_would_change_and_no_secret(database: Database) -> None:
    database.cameras.add(camera("gate", username="viewer", password="planted-77", pool="a"))
    database.cameras.add(camera("yard"))
    text = "camera_id,address,username,password,pool\ngate,rtsp://10.0.0.9/x,viewer,planted-78,b\nnew,rtsp://h/n,eye,planted-79,\nyard,,,,\n"
    told = import_csv(database, "cameras", text, dry_run=True)
    assert [(one.kind, one.change, one.name) for one in told.rows] == [
        ("camera", "changed", "gate"),
        ("camera", "added", "new"),
    ]
    fields = told.rows[0].fields
    assert fields["pool"] == ("a", "b")
    assert fields["password"] == ("***", "***"), "it is another, and that is all that is said"
    named = {"address": (None, "rtsp://h/n"), "username": (None, "eye"), "password": (None, "***")}
    assert told.rows[1].fields == named
    assert "planted" not in told.model_dump_json()
    assert database.cameras.get("gate").pool == "a"
    assert not import_csv(database, "cameras", text).rows


def test_of_new_rows_beyond_the_first_ones_a_dry_run_tells_the_names(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "_MOST_NEW", 1)
    text = "camera_id,address\na,rtsp://h/a\nb,rtsp://h/b\n"
    first, second = import_csv(database, "cameras", text, dry_run=True).rows
    assert first.fields
    assert (second.name, second.change, second.fields) == ("b", "added", {})
