"""`sightline hub cert`, as it is typed, and the commands that it says."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

SIGHTLINE = str(Path(sys.executable).with_name("sightline"))


def run(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [SIGHTLINE, *words], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def cert(folder: Path, *options: str) -> str:
    done = run(folder, "hub", "cert", *options)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def said(printed: str) -> list[str]:
    """The words of the one command that is printed for use."""
    (line,) = re.findall(r"^    sightline (.+)$", printed, re.MULTILINE)
    return shlex.split(line)


def test_what_it_says_works_with_what_it_made(tmp_path: Path, no_leaks: None) -> None:
    to_serve = said(cert(tmp_path, "--host", "127.0.0.2"))
    to_look = said(cert(tmp_path, "--client", "my-office"))
    assert to_look[:2] == ["hub", "top"]
    assert to_look[2].startswith("hub://127.0.0.2?tls_ca=ca.pem&tls_certificate=client-my-office.pem&")
    with subprocess.Popen(
        [SIGHTLINE, *to_serve, "--port", "0"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as hub:
        try:
            assert hub.stdout is not None
            port = hub.stdout.readline().strip().rpartition(":")[2]
            at = to_look[2].replace("127.0.0.2?", f"127.0.0.2:{port}?")
            shown = run(tmp_path / "certificates", "hub", "top", at, "--once")
            assert (shown.returncode, shown.stderr) == (0, "")
            refused = run(tmp_path / "certificates", "hub", "top", at.partition("&")[0], "--once")
            assert refused.returncode == 1
            assert "it asks for a certificate" in refused.stderr
        finally:
            hub.terminate()


def test_a_second_run_keeps_and_says_so(tmp_path: Path) -> None:
    first = cert(tmp_path, "--folder", "here")
    assert re.search(r"^made  here/ca\.pem  valid until \d{4}-\d\d-\d\d$", first, re.MULTILINE)
    assert re.search(r"^made  here/hub\.pem  valid until \S+  for .*localhost, 127", first, re.MULTILINE)
    files = {file: file.read_bytes() for file in (tmp_path / "here").iterdir()}
    second = cert(tmp_path, "--folder", "here")
    assert second.splitlines()[:2] == [line.replace("made", "kept") for line in first.splitlines()[:2]]
    assert {file: file.read_bytes() for file in files} == files
    third = cert(tmp_path, "--folder", "here", "--client", "a", "--client", "b", "--days", "1")
    assert [line.split()[:2] for line in third.splitlines()[:3]] == [
        ["kept", "here/ca.pem"],
        ["made", "here/client-a.pem"],
        ["made", "here/client-b.pem"],
    ]
    assert said(cert(tmp_path, "--folder", "here", "--renew"))[:1] == ["hub"]
    changed = {file.name for file in files if file.read_bytes() != files[file]}
    assert changed == {"hub.pem", "hub.key"}


def test_a_client_is_told_the_hub_s_name_when_the_hub_has_its_key(tmp_path: Path) -> None:
    cert(tmp_path, "--host", "hub.example.org")
    (tmp_path / "certificates" / "hub.key").unlink()
    assert said(cert(tmp_path, "--client", "gate"))[2].startswith("hub://hub.example.org?")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--host", "10.0.0.5:4820"], "expected the name or address of a host without a port"),
        (["--client", "../ca"], "expected a client's name"),
        (["--folder", "/proc/nowhere"], "cannot write certificates into /proc/nowhere"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, options: list[str], complaint: str) -> None:
    done = run(tmp_path, "hub", "cert", *options)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert complaint in done.stderr
