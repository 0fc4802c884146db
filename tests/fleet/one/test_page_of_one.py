"""The page of a laptop's fleet, as `sightline up --api` serves it and its terminal leads to it."""

import os
import pty
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from tests.fleet.one.site_of_one import LIVE, write

PASSWORD = "a long sentence, for tests"


@contextmanager
def typed(folder: Path, *options: str, terminal: str) -> Iterator[IO[str]]:
    """`sightline up` with a terminal as `stdout` or `stderr` alone; what it says there where it is asked to:
    on standard error with `--json`, else on standard output.
    """
    path = write(folder, {"a": {"url": LIVE}})
    command = [str(Path(sysconfig.get_path("scripts"), "sightline")), "up", str(path), "--api", "0", *options]
    ours, its = pty.openpty()
    other = "stdout" if terminal == "stderr" else "stderr"
    read, write_to = os.pipe()
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "TERM": "dumb"},
        start_new_session=True,
        **{terminal: its, other: write_to},  # type: ignore[call-overload]  # each is a number
    )
    os.close(its)
    os.close(write_to)
    said, kept = os.fdopen(ours, encoding="utf-8", newline="\n"), os.fdopen(read, encoding="utf-8")
    is_there = (terminal == "stderr") == ("--json" in options)
    try:
        yield said if is_there else kept
    finally:
        process.terminate()
        said.close()
        kept.close()
        process.wait(30)


def page_line(said: IO[str]) -> str:
    return next(line.strip() for line in said if line.startswith("page"))


@pytest.mark.parametrize(("options", "terminal"), [((), "stdout"), (("--json",), "stderr")])
def test_who_has_the_link_of_the_terminal_is_served_the_page_and_becomes_its_admin(
    tmp_path: Path, options: tuple[str, ...], terminal: str
) -> None:
    with typed(tmp_path, *options, terminal=terminal) as said:
        link = urlsplit(page_line(said).rpartition(" ")[2])
        code = parse_qs(link.query)["code"][0]
        with httpx.Client(base_url=f"http://{link.netloc}", trust_env=False) as browser:
            assert browser.get("/login").headers["location"] == "/first"
            page = browser.get("/first", params={"code": code})
            assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
            assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
            filled = {"code": code, "name": "ada", "password": PASSWORD, "again": PASSWORD}
            assert browser.post("/first", data=filled).headers["location"] == "/"
            assert 'href="/cameras/a"' in browser.get("/cameras").text


@pytest.mark.parametrize(("options", "terminal"), [((), "stderr"), (("--json",), "stdout")])
def test_what_keeps_its_lines_is_told_no_link_whatever_the_other_stream_is(
    tmp_path: Path, options: tuple[str, ...], terminal: str
) -> None:
    with typed(tmp_path, *options, terminal=terminal) as said:
        line = page_line(said)
    assert "sightline fleet users add" in line
    assert "code=" not in line
