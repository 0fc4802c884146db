"""What tests of DeepStream's files may ask for: the real ones, which are not part of the project."""

from pathlib import Path

import pytest
from tests.conftest import missing

CONFIGS = Path(__file__).resolve().parents[3] / "shared" / "deepstream-configs"


@pytest.fixture(scope="session")
def configs() -> Path:
    """The folder of NVIDIA's sample configurations, beside the checkout."""
    if not CONFIGS.is_dir():
        missing(f"DeepStream's sample configurations: not found in {CONFIGS}")
    return CONFIGS
