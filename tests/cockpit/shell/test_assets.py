"""What a page loads: all of it ours, of one version, kept for good, and no other file of the machine."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.cockpit.security.rig import asking, served

import sightline.cockpit

PACKAGE = Path(sightline.cockpit.__file__).parent
TEMPLATES = sorted((PACKAGE / "templates").rglob("*.html"))
STATIC = sorted(path.name for path in (PACKAGE / "static").iterdir())

OURS = [name for name in STATIC if name.endswith((".js", ".css")) and not name.startswith("htmx-")]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with served(tmp_path_factory.mktemp("assets")) as server, asking(server.url) as client:
        yield client


@pytest.fixture(scope="module")
def folder(client: httpx.Client) -> str:
    found = re.search(r'href="(/static/[0-9a-f]{16}/)app.css"', client.get("/login").text)
    assert found
    return found[1]


@pytest.mark.parametrize("name", STATIC)
def test_each_file_is_served_to_be_kept_for_good(client: httpx.Client, folder: str, name: str) -> None:
    answer = client.get(folder + name)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.content == (PACKAGE / "static" / name).read_bytes()


def test_who_takes_no_gzip_gets_none(client: httpx.Client, folder: str) -> None:
    answer = client.get(folder + "app.css", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in answer.headers
    assert gzip.compress(answer.content)


@pytest.mark.parametrize(
    "name",
    [
        "nothing.js",
        "../app.py",
        "..%2fapp.py",
        "%2e%2e/app.py",
        "..%5capp.py",
        "/etc/passwd",
        "",
        "app.css%00",
    ],
)
def test_no_address_leads_to_another_file(client: httpx.Client, folder: str, name: str) -> None:
    answer = client.get(folder + name)
    assert answer.status_code == 404
    assert "cache-control" not in answer.headers or answer.headers["cache-control"] == "no-store"


def test_another_version_is_not_served_as_this_one(client: httpx.Client) -> None:
    assert client.get("/static/0123456789abcdef/app.css").status_code == 404


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_nothing_that_the_policy_refuses(template: Path) -> None:
    text = template.read_text()
    assert not re.search(r"""\s(style|on\w+)\s*=\s*["'{]""", text), "an inline style or handler"
    assert not re.search(r"<(style|iframe|object|embed|base)\b", text)
    assert all("src=" in tag for tag in re.findall(r"<script\b[^>]*>", text)), "an inline script"
    assert "|safe" not in re.sub(r"\s", "", text), "text that is not escaped"
    assert not re.search(r"""(src|href|action)\s*=\s*["'](https?:)?//""", text), "something from elsewhere"
    assert not re.search(r"hx-(on|vals|headers)[^=]*=\s*[\"']js:", text)


@pytest.mark.parametrize("name", OURS)
def test_a_script_of_ours_makes_no_code_of_text_and_loads_nothing_from_elsewhere(name: str) -> None:
    text = (PACKAGE / "static" / name).read_text()
    assert not re.search(r"\beval\(|new Function|innerHTML|insertAdjacentHTML|document\.write", text)
    assert not re.search(r"https?://(?!www\.w3\.org/)", text)
