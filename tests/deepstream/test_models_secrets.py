"""A planted password is in no text of a model; it is where it is needed."""

import copy
import logging
import pickle
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AnyUrl, TypeAdapter, ValidationError
from tests.deepstream.modelled import CAMERA, INSTANCE, NODE, made, outcome, sources

from sightline.deepstream.models import (
    Address,
    DsAppConfig,
    DsInstanceConfig,
    NodeInfo,
    SingleSourceConfig,
    SourcesConfig,
)
from sightline.errors import ConfigError
from sightline.log import REDACTOR, Redactor

PLANTED = "planted-5e2c"
SECRET = f"rtsp://admin:{PLANTED}@10.0.0.5:554/main"


@pytest.fixture(autouse=True)
def untold(monkeypatch: pytest.MonkeyPatch) -> None:
    """The redactor knows nothing, so that nothing is hidden because another test told of it."""
    monkeypatch.setattr(REDACTOR, "_forms", set())
    monkeypatch.setattr(REDACTOR, "_known", None)


def forget() -> None:
    REDACTOR._forms, REDACTOR._known = set(), None


def texts(value: Any) -> Iterator[str]:
    yield from (str(value), repr(value), f"{value}", f"{value!r:>3}", str([value]), str({"of": value}))


def node_with(address: str) -> NodeInfo:
    config = {**INSTANCE, "sourceconfig": {"sources": [{**CAMERA, "address": address}]}}
    return NodeInfo.model_validate(
        {"hostname": "box", "node_id": NODE, "node_config_list": [{"name": "yard", "config": config}]}
    )


def test_no_text_of_a_model_has_it() -> None:
    node = node_with(SECRET)
    forget()
    source = node.node_config_list[0].config.sourceconfig.sources[0]
    for value in (node, node.node_config_list, source, source.address, node.model_dump(), vars(source)):
        assert not [text for text in texts(value) if PLANTED in text]
    assert repr(source.address) == "Address('rtsp://***@10.0.0.5:554/main')"


def test_it_is_where_it_is_needed() -> None:
    source = made(SingleSourceConfig, address=SECRET)
    assert source.address.unicode_string() == source.address.encoded_string() == SECRET
    assert (source.address.username, source.address.password) == ("admin", PLANTED)
    assert isinstance(source.address, AnyUrl)
    assert SECRET in source.model_dump_json()
    assert source.model_dump(mode="json")["address"] == SECRET
    for again in (
        SingleSourceConfig.model_validate_json(source.model_dump_json()),
        SingleSourceConfig.model_validate(source.model_dump()),
        copy.deepcopy(source),
        source.model_copy(deep=True),
        pickle.loads(pickle.dumps(source)),
        made(SingleSourceConfig, address=AnyUrl(SECRET)),
        made(SingleSourceConfig, address=Address(SECRET)),
    ):
        assert again == source
        assert again.address.unicode_string() == SECRET


def test_an_address_that_pydantic_never_read_is_not_shown_either() -> None:
    source = made(SingleSourceConfig, address="rtsp://cam/1")
    for address in (SECRET, AnyUrl(SECRET)):
        for unread in (
            source.model_copy(update={"address": address}),
            SingleSourceConfig.model_construct(camera_id="gate", address=address),
        ):
            assert not [text for text in texts(unread) if PLANTED in text]


def test_the_redactor_of_another_process_is_told_when_an_address_comes_there() -> None:
    sent = pickle.dumps(made(SingleSourceConfig, address=SECRET))
    forget()
    assert PLANTED in REDACTOR.text(PLANTED)
    assert pickle.loads(sent).address.unicode_string() == SECRET
    assert REDACTOR.text(PLANTED) == "***"


@given(sources)
def test_every_password_is_hidden_and_kept(source: SingleSourceConfig) -> None:
    password = str(source.address.password)
    forget()
    assert not [text for text in texts(source) if password in text]
    assert password in source.model_dump_json()


# As people write them; where the address cannot be read so, it is refused without being shown.
HARD = [
    f"rtsp://admin:{PLANTED}'x@cam/1",
    f'rtsp://admin:{PLANTED}"x@cam/1',
    f"rtsp://admin:{PLANTED}@x@cam/1",
    f"rtsp://admin:{PLANTED}/x@cam/1",
    f"rtsp://admin:12/{PLANTED}'x@cam/1",
    f"rtsp://admin:12/a@'{PLANTED}@cam/1",
    f"rtsp://admin:12?{PLANTED}<x@cam/1",
    f"rtsp://admin:12#{PLANTED}@cam/1",
    f"rtsp://admin:{PLANTED}%40%2F@cam/1",
    f"rtsp://admin:{PLANTED} x@cam/1",
    f"rtsp://{PLANTED}@cam/1",
    f"rtsp://:{PLANTED}@cam/1",
    f"rtsp://cam/1?user=admin&password={PLANTED}",
    f"rtsp://cam/1?token={PLANTED}",
    f"admin:{PLANTED}@cam/1",
    f"//admin:{PLANTED}@cam/1",
    f"rtsp:/admin:{PLANTED}@cam/1",
    f"rtsp:// admin:{PLANTED}@cam/1",
    f"rtsp://admin:{PLANTED}@cam:port/1",
    f" rtsp://admin:{PLANTED}@cam/1\n",
]


@pytest.mark.parametrize(
    ("written", "password"),
    [
        (f"rtsp://admin:{PLANTED}#x@cam/1", f"{PLANTED}%23x"),
        (f"rtsp://admin:{PLANTED}/x?y@cam/1", f"{PLANTED}%2Fx%3Fy"),
        (f"rtsp://admin:{PLANTED}@x@cam/1", f"{PLANTED}%40x"),
        (f"rtsp://admin:{PLANTED}%40x@cam/1", f"{PLANTED}%40x"),
        (f"rtsp://admin:{PLANTED} x@cam/1", f"{PLANTED}%20x"),
    ],
)
def test_what_people_leave_unencoded_is_one_login(written: str, password: str) -> None:
    address = Address(written)
    assert address.unicode_string() == f"rtsp://admin:{password}@cam/1"
    assert (address.username, address.password, address.host) == ("admin", password, "cam")


@pytest.mark.parametrize("address", HARD)
def test_hard_ones_are_not_shown_either(address: str) -> None:
    came = outcome(lambda: node_with(address))
    forget()
    if isinstance(came, ConfigError):
        assert PLANTED not in "".join(traceback.format_exception(came))
        assert "sources[0].address: expected" in str(came)
    else:
        assert not [text for text in texts(came) if PLANTED in text]
        assert NodeInfo.model_validate_json(came.model_dump_json()) == came


@pytest.mark.parametrize("address", HARD)
def test_an_address_by_itself_is_as_quiet(address: str) -> None:
    came = outcome(lambda: Address(address))
    forget()
    assert isinstance(came, Address | ConfigError)
    assert not [text for text in texts(came) if PLANTED in text]


@pytest.mark.parametrize(
    "fields",
    [
        {"address": SECRET, "encode_type": "vp9"},
        {"address": SECRET, "camera_id": None},
        {"address": f"rtsp://admin:{PLANTED}@cam:99999/1"},
        {"address": {"url": SECRET}},
        {"address": [SECRET]},
        {"address": f"admin:{PLANTED}"},
        {"address": f"rtsp://admin:{PLANTED}"},
        {"address": f"admin:{PLANTED}://cam"},
        {"address": SECRET, "camera_id": ["x", SECRET]},
        {"adress": SECRET},
        {"address": SECRET, SECRET: 1},
        {"address": SECRET, "encode_type": SECRET},
        {"address": SECRET.encode()[:-9] + b"\xff"},
    ],
    ids=str,
)
def test_no_error_shows_it(fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        made(SourcesConfig, sources=[{"camera_id": "gate", **fields}])
    assert PLANTED not in "".join(traceback.format_exception(caught.value))


def test_the_error_of_pydantic_itself_does_not_show_it() -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(SourcesConfig).validate_python({"sources": [{"address": SECRET, "encode_type": SECRET}]})
    assert PLANTED not in str(caught.value)
    assert PLANTED not in repr(caught.value)


def test_the_redactor_is_told_of_it(caplog: pytest.LogCaptureFixture) -> None:
    node_with(f"rtsp://admin:{PLANTED}%2Fx@cam/1")
    assert REDACTOR.text(f"login failed for {PLANTED}/x") == "login failed for ***"
    assert REDACTOR.text(f"login failed for {PLANTED}%2Fx") == "login failed for ***"
    assert PLANTED in Redactor().text(PLANTED)
    logging.getLogger("sightline.test").warning("%s", node_with(SECRET))
    assert PLANTED not in caplog.text


def test_a_password_of_kafka_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigError, match="name a file on the machine") as caught:
        made(DsAppConfig, kafka_connection_str=f"kafka://user:{PLANTED}@broker:9092")
    assert PLANTED not in str(caught.value)


@given(st.text(max_size=30))
def test_no_address_is_taken_that_has_no_scheme(text: str) -> None:
    came = outcome(lambda: Address(text))
    assert isinstance(came, ConfigError) or came.unicode_string().startswith(f"{came.scheme}://")


@given(st.text(max_size=30))
def test_an_address_is_the_same_when_it_is_read_again(text: str) -> None:
    came = outcome(lambda: Address(f"rtsp://{text}"))
    if isinstance(came, Address):
        assert Address(came.unicode_string()) == Address(came.encoded_string()) == came
    forget()


def test_an_instance_does_not_show_what_was_assigned() -> None:
    config = made(DsInstanceConfig)
    config.sourceconfig.sources[0].address = SECRET
    forget()
    assert PLANTED not in repr(config)
    assert config.sourceconfig.sources[0].address.password == PLANTED
