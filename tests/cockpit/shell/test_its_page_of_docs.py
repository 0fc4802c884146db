"""The page of the documentation says what the pages say."""

import html

from tests.docs.snippets import ROOT
from tests.docs.test_reference import rows

from sightline.cockpit.news import TOPICS
from sightline.cockpit.security import HEADERS


def test_every_header_is_told_with_its_value() -> None:
    told = {name: value.strip("`") for name, value in rows("cockpit.md", "## What a browser is told").items()}
    assert told.pop("cache-control") == "no-store"
    assert {name: html.unescape(value) for name, value in told.items()} == HEADERS


def test_every_topic_of_news_is_named() -> None:
    text = (ROOT / "docs" / "cockpit.md").read_text()
    named = ", ".join(f"`{topic}`" for topic in TOPICS[:-1]) + f" and `{TOPICS[-1]}`"
    assert named in text.replace("\n", " ")
