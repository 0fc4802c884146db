"""Where a receiver is, by the environment, by a file, by a URL."""

from pathlib import Path

import pytest

from sightline.errors import ConfigError
from sightline.log import redact
from sightline.pipe.outside.log_address import VARIABLE, LogAddress


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)


def test_the_documents_file_names_the_receiver() -> None:
    Path(".env").write_text(f'{VARIABLE}="http://localhost:3000/api/socketio"\n')
    assert LogAddress.from_surroundings() == LogAddress(
        "http://localhost:3000", ("socket.io", "api/socketio")
    )


def test_the_environment_comes_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text(f"{VARIABLE}=http://localhost:3000\n")
    monkeypatch.setenv(VARIABLE, "https://logs.example:8443")
    assert LogAddress.from_surroundings().url == "https://logs.example:8443"


def test_a_file_further_up_is_somebody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text(f"{VARIABLE}=http://elsewhere:3000\n")
    Path("within").mkdir()
    monkeypatch.chdir("within")
    with pytest.raises(ConfigError, match=f"{VARIABLE}, in the environment or in the file .env"):
        LogAddress.from_surroundings()


def test_a_token_goes_from_the_url_and_is_never_shown() -> None:
    address = LogAddress.of("ws://localhost:3000/?room=2&token=sesame-seeds")
    assert address == LogAddress("http://localhost:3000?room=2", ("socket.io",), "sesame-seeds")
    assert redact("sesame-seeds") == "***"


@pytest.mark.parametrize(
    "url",
    [
        "localhost:3000",
        "http://",
        "ftp://localhost",
        "http://localhost:port",
        "http://localhost:99999",
        "",
        "http://[::1",
    ],
)
def test_what_is_no_url_of_a_receiver_is_told(url: str) -> None:
    with pytest.raises(ConfigError, match="expected the URL of a receiver of logs, such as"):
        LogAddress.of(url)


def test_a_user_in_the_url_is_refused_without_showing_it() -> None:
    with pytest.raises(ConfigError, match=r"a token comes as \?token=") as caught:
        LogAddress.of("http://me:hunter2@localhost:3000")
    assert "hunter2" not in str(caught.value)


def test_a_path_of_its_own_comes_before_the_usual_one() -> None:
    assert LogAddress.of("http://localhost:3000/logs/").paths == ("logs", "socket.io")


def test_a_file_that_cannot_be_read_is_named() -> None:
    Path(".env").write_bytes(b"\xff\xfeS")
    with pytest.raises(ConfigError, match=r"a file \.env of lines NAME=value, which cannot be read"):
        LogAddress.from_surroundings()
