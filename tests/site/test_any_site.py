"""Any text gives a site or a `SiteError`, and nothing else."""

import json
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sightline.site import Site, SiteError, parse_site

GOOD = """\
cameras: {gate: {url: "rtsp://h/x", username: u, password: "${X}"}}
workers: {w: {cameras: [gate], size: 64x64, model: {kind: hog}, sinks: [{kind: jsonl, path: p}]}}
"""
WORDS = (
    "cameras workers gate url x.mp4 rtsp://h/x model kind hog motion python class sinks jsonl path preview "
    "port 8765 rate size 1280x720 password username ${X} ${ &a *a << [ ] { } : , - ? | > ' \" # ! % @ ~ "
    "true 1 .inf track lost_s all x- bus memory://"
)
words = st.sampled_from(WORDS.split())


def read(text: str, **environ: str) -> Site:
    return parse_site(text, environ, name="site.yaml", folder=Path("/sites"))


yamlish = st.lists(st.one_of(words, st.sampled_from([" ", "\n", "\n  ", "\n    ", ": ", "- "]))).map("".join)


@given(st.one_of(st.text(), yamlish, yamlish.map(lambda text: GOOD + text)))
@settings(max_examples=400, deadline=None)
def test_any_text_is_a_site_or_a_site_error(text: str) -> None:
    try:
        site = read(text, X="1")
    except SiteError as error:
        assert error.mistakes  # noqa: PT017
    else:
        assert isinstance(site, Site)


plain = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), words),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(words, inner, max_size=6)),
    max_leaves=30,
)


@given(plain)
@settings(max_examples=300, deadline=None)
@example({"kind": "cameras"})
@example({"workers": {"kind": {"kind": "kind"}}})
def test_any_values_are_a_site_or_a_site_error(value: object) -> None:
    try:
        read(json.dumps(value), X="1")
    except SiteError as error:
        assert error.mistakes  # noqa: PT017


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_any_value_in_any_place_is_a_site_or_a_mistake_at_its_line(data: st.DataObject) -> None:
    site = {
        "cameras": {"gate": {"url": "x.mp4", "username": "u", "password": "p", "loop": True}},
        "workers": {
            "w": {
                "cameras": ["gate"],
                "rate": 5,
                "model": {"kind": "hog", "nms": 0.5},
                "track": {"lost_s": 2, "low": 0.2, "same_label": False},
                "sinks": [{"kind": "preview", "port": 1}, {"kind": "jsonl", "path": "p"}],
            }
        },
    }
    part: Any = site
    while True:
        step = data.draw(st.sampled_from(list(part) if isinstance(part, dict) else list(range(len(part)))))
        if not isinstance(part[step], dict | list) or data.draw(st.booleans()):
            part[step] = data.draw(plain)
            break
        part = part[step]
    try:
        read(json.dumps(site, indent=1), X="1")
    except SiteError as error:
        assert all(mistake.line for mistake in error.mistakes)  # noqa: PT017
