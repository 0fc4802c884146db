from pathlib import Path

import pydantic
import pytest

from sightline.log import redact
from sightline.site import Site, SiteError, parse_site

REST = "workers: {w: {model: {kind: motion}}}\n"


def read(text: str, **environ: str) -> Site:
    return parse_site(text, environ, name="site.yaml", folder=Path("/sites"))


SECRET = "Xk3!hunter2"


@pytest.mark.parametrize(
    "settings",
    [
        f"url: rtsp://h/x, password: [{SECRET}]",
        f"url: rtsp://h/x, password: {{a: {SECRET}}}",
        f"url: rtsp://h/x, pasword: {SECRET}",
        f"url: rtsp://h/x, password:{SECRET}",
        f"url: rtsp://h/x, password: '{SECRET}'",
        f"url: rtsp://h/x, username: 'viewer:{SECRET}'",
        f"url: 'rstp://viewer:{SECRET}@h/x'",
        f"url: 'rtsp:/viewer:{SECRET}@h/x'",
        f"loop: 'rtsp://viewer:pass {SECRET}@h/x', url: x",
        f"loop: 'viewer {SECRET}@10.0.0.5', url: x",
        f"url: ['rtsp://viewer:{SECRET}@h/x']",
        f"url: x, password: *{SECRET}",
        f"url: x, password: !{SECRET} x",
        f"url: x, password: {SECRET}: x",
        'url: x, loop: "${SECRET}"',
    ],
)
def test_no_mistake_shows_a_password(settings: str) -> None:
    with pytest.raises(SiteError) as caught:
        read(f"cameras:\n  gate: {{{settings}}}\n{REST}", SECRET=SECRET)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(caught.value.mistakes)


def test_printing_a_site_shows_no_password_and_the_log_knows_it() -> None:
    site = read(
        "cameras: {a: {url: 'rtsp://v:Tulip%2F7@h/x'}, b: {url: rtsp://h/y, username: v, password: Rose-9}}\n"
        "workers: {w: {model: {kind: hog}, sinks: [{kind: preview, token: Lily-1234}]}}\n"
    )

    shown = f"{site!r} {site} {site.model_dump()} {site.model_dump_json()}"
    for secret in ("Tulip", "Rose-9", "Lily-1234"):
        assert secret not in shown
    assert redact("Tulip/7 Rose-9 Lily-1234") == "*** *** ***"
    assert site.cameras["a"].url == "rtsp://h/x"
    assert site.cameras["a"].as_input("a").password == "Tulip/7"


def test_an_error_of_the_model_itself_shows_no_password() -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        Site.model_validate({"cameras": {"a": {"url": "rtsp://h/x", "password": "hunter2"}}, "workers": {}})
    assert "hunter2" not in str(caught.value)
