"""What tests of DeepStream's files may ask for: the real ones, which are not part of the project."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import missing

from sightline.log import REDACTOR

CONFIGS = Path(__file__).resolve().parents[3] / "shared" / "deepstream-configs"


@pytest.fixture(scope="session")
def configs() -> Path:
    """The folder of NVIDIA's sample configurations, beside the checkout."""
    if not CONFIGS.is_dir():
        missing(f"DeepStream's sample configurations: not found in {CONFIGS}")
    return CONFIGS


@pytest.fixture(autouse=True)
def _secrets_forgotten() -> Iterator[None]:
    """Passwords of one test's files must not blot out another's words."""
    forms, known = set(REDACTOR._forms), REDACTOR._known
    yield
    REDACTOR._forms, REDACTOR._known = forms, known
