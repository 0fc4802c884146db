"""Every fenced block of every document does what it says."""

from pathlib import Path

import pytest
from sybil import Document
from tests.docs.snippets import DOCUMENTS, ROOT, blocks


@pytest.mark.usefixtures("folder", "around")
@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_snippet_runs(path: Path) -> None:
    for example in Document.parse(str(path), blocks).examples():
        try:
            example.evaluate()
        except Exception as error:
            error.add_note(f"in {path.relative_to(ROOT)}, line {example.line}")
            raise
