"""Real YAML files of DeepStream."""

from pathlib import Path

import pytest

from sightline.deepstream.yamlfile import parse

CONFIGS = Path(__file__).resolve().parents[3] / "shared" / "deepstream-configs"
FILES = sorted(CONFIGS.rglob("*.yml"))


@pytest.mark.skipif(not FILES, reason=f"real files: not found in {CONFIGS}")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_real_file_is_read(path: Path) -> None:
    file = parse(path.read_bytes(), path)
    assert file.groups
    assert all(group.line for group in file.groups)
