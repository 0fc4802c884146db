"""Every link within the documentation leads somewhere, and every page can be found."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from tests.docs.snippets import DOCUMENTS, ROOT

PICTURE_BYTES = 300_000
PAGES = sorted(ROOT.glob("docs/*.md"))


def prose(path: Path) -> str:
    return re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)


def links(path: Path) -> set[str]:
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(path))
    return {target for target in targets if "://" not in target}


def anchors(path: Path) -> set[str]:
    """As MkDocs and forges make them of headings."""
    heads = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    return {re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", head).strip().lower()) for head in heads}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files_and_headings_that_are_there(path: Path) -> None:
    for link in links(path):
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), f"{path.name}: {link}"
        assert not anchor or anchor in anchors(target), f"{path.name}: {link}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_links_to_nothing_outside_of_what_mkdocs_builds(path: Path) -> None:
    assert not {link for link in links(path) if link.startswith("..")}


def test_every_page_is_in_the_navigation_once() -> None:
    settings = YAML(typ="safe").load((ROOT / "mkdocs.yml").read_text())
    named = [name for entry in settings["nav"] for name in entry.values()]
    assert sorted(named) == [page.name for page in PAGES]


def test_pictures_are_small_and_all_of_them_are_shown() -> None:
    shown = {(path.parent / link).resolve() for path in DOCUMENTS for link in links(path)}
    pictures = [*(ROOT / "docs/pictures").iterdir(), *(ROOT / "docs/images").rglob("*.png")]
    for picture in pictures:
        assert picture.stat().st_size < PICTURE_BYTES, picture.name
        assert picture in shown, picture.name
