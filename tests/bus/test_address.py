"""What stands behind the scheme of a bus's URL."""

import pytest

from sightline.bus.address import options, size_bytes
from sightline.errors import ConfigError


def test_options_are_read_by_name() -> None:
    assert options("", ["history"]) == {}
    assert options("history=64MiB&tls_ca=%2Fa%20b", ["history", "tls_ca"]) == {
        "history": "64MiB",
        "tls_ca": "/a b",
    }


@pytest.mark.parametrize("query", ["histroy=1", "history", "history=", "history=1&history=2", "="])
def test_a_wrong_option_is_refused_and_its_value_not_shown(query: str) -> None:
    with pytest.raises(ConfigError, match="history") as refused:
        options(f"{query}&secret=hunter2", ["history"])
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "size"), [("1", 1), ("512KiB", 512 * 1024), ("64MiB", 64 * 1024**2), ("2GiB", 2 * 1024**3)]
)
def test_a_size_has_a_unit_or_is_bytes(text: str, size: int) -> None:
    assert size_bytes(text) == size


@pytest.mark.parametrize("text", ["", "0", "0MiB", "64MB", "64 MiB", "-1", "1.5GiB", "MiB", "9" * 16, "٣"])
def test_another_size_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="such as 64MiB"):
        size_bytes(text)
