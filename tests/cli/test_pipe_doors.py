"""Where the pipe of a file takes requests and calls: what cannot be is refused before anything begins."""

import pytest
from tests.cli.conftest import Invoke

from sightline.cli.pipe_run import Doors
from sightline.errors import ConfigError
from sightline.pipe import Pipe


@pytest.mark.parametrize("api", ["here", "70000", "127.0.0.1:", ""])
def test_an_address_that_is_none_is_wrong_usage(invoke: Invoke, api: str) -> None:
    done = invoke("pipe", "run", "yard.py", "--api", api)
    assert done.exit_code == 2
    assert f"--api: expected PORT or HOST:PORT, got {api!r}" in done.stderr


@pytest.mark.parametrize(
    ("api", "rpc", "token_env", "says"),
    [
        (None, "tcp://0.0.0.0:4242", None, "token"),
        (None, "smoke://signals", None, "expected where a pipe is called"),
        ("0.0.0.0:0", None, None, "can be seen by other machines: expected a token"),
        ("0", None, "NOT_THERE", "expected a token in the environment variable NOT_THERE"),
    ],
)
def test_a_door_that_cannot_be_is_refused(
    api: str | None, rpc: str | None, token_env: str | None, says: str
) -> None:
    with pytest.raises(ConfigError, match=says), Doors.of(api, rpc, token_env).open_to(Pipe()):
        pass
