import json
from pathlib import Path

import pytest
from tests.cli.conftest import Invoke, Run

SITE = """\
cameras:
  street: {url: "synthetic://street?size=320x180&fps=25&gop=10&frames=40"}
  gate: {url: "http://viewer:Tulip-77@127.0.0.1:9/x", enabled: false}
workers:
  w: {model: {kind: motion}, sinks: [{kind: jsonl, path: out/results.jsonl}, {kind: preview, port: 0}]}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(SITE)
    return path


def test_a_site_that_can_run_here_ends_with_0(sightline_command: Run, site: Path) -> None:
    done = sightline_command("doctor", site)
    assert done.stderr == ""
    assert done.returncode == 0, done.stdout
    for told in ("machine: python", "video: decoders", "cameras: street", "h264 320x180", "site: bus"):
        assert told in done.stdout
    assert [path.name for path in site.parent.iterdir()] == ["site.yaml"]


def test_a_problem_ends_with_1_and_programs_get_json(invoke: Invoke, site: Path) -> None:
    site.write_text(SITE.replace("enabled: false", "open_timeout_s: 1"))
    result = invoke("doctor", site, "--json")
    assert result.exit_code == 1
    answer = json.loads(result.stdout)
    assert answer["ok"] is False
    (gate,) = (finding for finding in answer["findings"] if finding["state"] == "problem")
    assert gate.keys() == {"area", "name", "state", "told", "do"}
    assert (gate["area"], gate["name"]) == ("cameras", "gate")
    assert "Tulip-77" not in result.output


def test_without_a_site_it_looks_at_the_machine(invoke: Invoke) -> None:
    answer = json.loads(invoke("doctor", "--json").stdout)
    assert {finding["area"] for finding in answer["findings"]} >= {"machine", "limits", "video", "extras"}


def test_a_site_that_is_wrong_is_a_problem_beside_the_others(invoke: Invoke, site: Path) -> None:
    site.write_text(SITE.replace("kind: motion", "kind: moton"))
    result = invoke("doctor", site)
    assert result.exit_code == 1
    assert "machine: python" in result.stdout
    assert f"{site}:5:21 workers.w.model.kind: expected hog, motion" in "".join(result.stdout.split("│"))
