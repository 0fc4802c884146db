"""No password of a file is shown, whatever is said of the file."""

import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sightline.deepstream.comparing.differing import diff
from sightline.deepstream.document import Form
from sightline.deepstream.judging.linting import lint
from sightline.deepstream.reading.loading import load, loads
from sightline.deepstream.reading.passwords import hide_passwords
from sightline.deepstream.reading.source_table import sources_of
from sightline.deepstream.refusal import Refused
from sightline.log import redact

TEXTS = st.text(st.characters(min_codepoint=33, max_codepoint=0x24F, exclude_characters="\x7f"), min_size=4)


@given(TEXTS)
@example("tulip garden")  # a blank, which ends an address for who knows it by its look alone
@example("tu'lip")
@example("tu<l>ip")
@example("p@ss/w#rd?1")
@example("a\\tbcd")
def test_the_password_of_an_address_is_not_shown(password: str) -> None:
    for line in (f"uri=rtsp://viewer:{password}@10.0.0.5:554/1", f"msg-broker-conn-str=bob:{password}@kafka"):
        loads(f"[source0]\n{line}\n".encode(), Form.TXT)
        assert redact(f"it is {password}") == "it is ***"
        assert redact(f"got {password!r}").strip("\"'") in {"got '***", 'got "***'}


@pytest.mark.parametrize(
    "text",
    [
        "password=tulip garden",
        "password = tulip garden",
        'proto-cfg="sasl.username=bob;sasl.password=tulip garden;x=y"',
        "connection_str=HostName=a;SharedAccessKey=tulip garden",
        "list=rtsp://10.0.0.1/1;rtsp://a:tulip garden@10.0.0.2/1;rtsp://10.0.0.3/1",
        "#uri=rtsp://a:tulip%20garden@10.0.0.2/1",
    ],
)
def test_a_secret_is_found_where_it_stands(text: str) -> None:
    loads(f"[g]\n{text}\n".encode(), Form.TXT)
    assert redact("it is tulip garden") == "it is ***"


@pytest.mark.parametrize("text", ["  password: 'tulip garden' # old", '  "password" : "tulip garden"'])
def test_and_in_yaml(text: str) -> None:
    loads(f"g:\n{text}\n".encode(), Form.YML)
    assert redact("it is tulip garden") == "it is ***"


def test_a_file_that_cannot_be_read_shows_none() -> None:
    with pytest.raises(Refused) as told:
        loads(b"[g]\nrtsp://admin:br[ack et@10.0.0.1/s=1\n", Form.TXT)
    assert "br[ack" not in str(told.value)
    assert "br[ack" not in told.value.reason


def test_a_table_of_sources_shows_none(tmp_path: Path) -> None:
    (tmp_path / "app.yml").write_text("application:\nsource:\n  csv-file-path: s.csv\n")
    (tmp_path / "s.csv").write_text("enable,type,uri\n1,4,rtsp://viewer:tulip garden@10.0.0.5/1\n")
    assert sources_of(load(tmp_path / "app.yml"))
    assert redact("tulip garden") == "***"


def test_a_difference_shows_neither_of_two_passwords() -> None:
    one, other = (
        loads(f"[message-broker]\nusername=bob\npassword={password}\n".encode(), Form.TXT)
        for password in ("tulip77", "crocus88")
    )
    (difference,) = diff(one, other)
    assert difference.message == "[message-broker] password is *** in the first and *** in the second"
    assert (difference.first, difference.second) == ("***", "***")


def test_short_words_that_stand_for_a_password_blot_out_nothing() -> None:
    loads(b"[g]\npassword=1\n", Form.TXT)
    assert redact("[g] x: expected 1 or 0") == "[g] x: expected 1 or 0"


def test_a_file_of_nothing_but_passwords_is_judged_at_once() -> None:
    lines = (f"[source{n}]\nenable=1\ntype=rtsp://a:p-{n}@10.0.0.5/1\n" for n in range(20_000))
    begun = time.monotonic()
    assert lint(loads(f"[application]\n{''.join(lines)}".encode(), Form.TXT))
    assert redact("rtsp://a:p-1@10.0.0.5/1") == "rtsp://***@10.0.0.5/1"
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize(
    "part", ["a.", "a:", "://a", "rtsp://a:", "password", "pass=", "api-", "[", "a@", "b:a@"]
)
def test_a_long_line_takes_no_square_of_its_length(part: str) -> None:
    begun = time.monotonic()
    hide_passwords(f"{part * (1_000_000 // len(part))}@".encode())
    assert time.monotonic() - begun < 10
