from collections.abc import Iterator

import pytest

from sightline.log import REDACTOR


@pytest.fixture(autouse=True)
def _secrets_forgotten() -> Iterator[None]:
    """Site files tell the redactor their passwords; those of one test must not blot out another's words."""
    forms, known = set(REDACTOR._forms), REDACTOR._known
    yield
    REDACTOR._forms, REDACTOR._known = forms, known
