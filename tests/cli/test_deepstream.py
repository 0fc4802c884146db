"""`sightline deepstream`, as it is typed."""

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import Invoke, Run
from tests.conftest import missing
from tests.deepstream.conftest import CONFIGS
from tests.deepstream.generated import instance as drawn_instance

SIGHTLINE = str(Path(sys.executable).with_name("sightline"))
PGIE = (
    "[property]\ngie-unique-id=1\nonnx-file=people.onnx\nnetwork-mode=2\ncluster-mode=2\nnet-scale-factor=1\n"
)
APP = """\
[application]
[source0]
enable=1
type=4
uri=rtsp://viewer:tulip77@10.0.0.5/1
[streammux]
width=1280
height=720
batch-size=1
live-source=1
batched-push-timeout=40000
[primary-gie]
enable=1
gie-unique-id=1
config-file=pgie.txt
[sink0]
enable=1
type=1
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "app.txt").write_text(APP)
    (tmp_path / "pgie.txt").write_text(PGIE)
    (tmp_path / "people.onnx").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def instance(folder: Path) -> Path:
    """An instance of the fleet's document, with a camera that has a password."""
    path = folder / "instance.json"
    made = drawn_instance({"camera_id": "gate", "address": "rtsp://viewer:tulip77@10.0.0.5/1"})
    path.write_text(made.model_dump_json())
    return path


@pytest.fixture
def configs() -> Path:
    if not CONFIGS.is_dir():
        missing(f"DeepStream's sample configurations: not found in {CONFIGS}")
    return CONFIGS


# lint


def test_a_file_that_would_load_ends_with_0_and_its_warnings(sightline_command: Run, folder: Path) -> None:
    (folder / "pgie.txt").write_text(PGIE + "no-such-key=1\n")
    done = sightline_command("deepstream", "lint", folder / "pgie.txt")
    assert (done.returncode, done.stderr) == (0, "")
    assert "pgie.txt: nvinfer, loads, " in done.stdout
    assert "no-such-key" in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines()[1:])


def test_a_file_that_would_be_refused_ends_with_1_and_the_reason(
    sightline_command: Run, folder: Path
) -> None:
    (folder / "pgie.txt").write_text(PGIE.replace("network-mode=2", "network-mode=9"))
    done = sightline_command("deepstream", "lint", folder / "pgie.txt")
    assert done.returncode == 1
    assert "is refused" in done.stdout
    assert "FP16" in done.stdout


def test_the_files_that_it_names_are_judged_with_it(invoke: Invoke, folder: Path) -> None:
    (folder / "pgie.txt").write_text("[property\n")
    done = invoke("deepstream", "lint", "app.txt")
    assert done.exit_code == 1
    assert "pgie.txt:" in done.stdout


def test_a_folder_is_all_the_files_of_deepstream_in_it(invoke: Invoke, folder: Path) -> None:
    (folder / "labels.txt").write_text("person\nbag\n")
    (folder / "sub").mkdir()
    (folder / "sub" / "broken.txt").write_text("[property]\nx\n")
    done = invoke("deepstream", "lint", folder)
    assert done.exit_code == 1
    assert done.stdout.splitlines()[-1] == "3 files, 1 of them refused"
    assert "labels.txt" not in done.stdout


def test_programs_get_findings_as_json(invoke: Invoke, folder: Path) -> None:
    done = invoke("deepstream", "lint", "pgie.txt", "nowhere.txt", "--json")
    assert done.exit_code == 1
    answer = json.loads(done.stdout)
    assert answer["loads"] is False
    assert [(file["path"], file["kind"], file["loads"]) for file in answer["files"]] == [
        ("pgie.txt", "nvinfer", True),
        ("nowhere.txt", None, False),
    ]
    assert answer["files"][1]["findings"][0]["severity"] == "refused"


def test_notes_can_be_left_out(invoke: Invoke, folder: Path) -> None:
    (folder / "pgie.txt").write_text(PGIE.replace("net-scale-factor=1\n", ""))
    assert " note " in invoke("deepstream", "lint", "pgie.txt").stdout
    assert " note " not in invoke("deepstream", "lint", "pgie.txt", "--no-notes").stdout


def test_every_real_file_gets_an_answer(sightline_command: Run, configs: Path) -> None:
    done = sightline_command("deepstream", "lint", configs, "--json", timeout_s=120)
    answer = json.loads(done.stdout)
    assert len(answer["files"]) == 34
    refused = {Path(file["path"]).name for file in answer["files"] if not file["loads"]}
    assert done.returncode == (1 if refused else 0)
    assert done.stderr == ""


# convert


def test_a_file_is_written_beside_in_the_other_form(sightline_command: Run, folder: Path) -> None:
    done = sightline_command("deepstream", "convert", folder / "pgie.txt", "--to", "yml")
    assert (done.returncode, done.stdout) == (0, f"wrote {folder}/pgie.yml\n")
    assert (folder / "pgie.yml").read_text().startswith("property:\n  gie-unique-id: 1\n")
    again = sightline_command(
        "deepstream", "convert", folder / "pgie.yml", "--to", "txt", "-o", folder / "b.txt"
    )
    assert again.returncode == 0
    assert (folder / "b.txt").read_text() == PGIE


def test_an_application_is_written_with_its_table_and_what_it_names(invoke: Invoke, folder: Path) -> None:
    (folder / "app.txt").chmod(0o600)
    done = invoke("deepstream", "convert", "app.txt", "--to", "yml", "--follow", "-o", "yaml/app.yml")
    assert done.exit_code == 0, done.stderr
    files = sorted(str(path.relative_to(folder)) for path in (folder / "yaml").iterdir())
    assert files == ["yaml/app.yml", "yaml/app_sources.csv", "yaml/pgie.yml"]
    for path in (folder / "yaml").iterdir():  # they hold what app.txt held
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "tulip77" not in done.output
    assert invoke("deepstream", "diff", "app.txt", "yaml/app.yml").exit_code == 0


def test_paths_that_are_meant_from_elsewhere_now_are_told(invoke: Invoke, folder: Path) -> None:
    done = invoke("deepstream", "convert", "pgie.txt", "--to", "yml", "-o", "yaml/pgie.yml")
    assert done.exit_code == 0
    assert "relative paths are meant from yaml now: people.onnx" in done.stderr
    assert invoke("deepstream", "convert", "pgie.txt", "--to", "yml").stderr == ""


def test_nothing_is_written_over_without_force(invoke: Invoke, folder: Path) -> None:
    (folder / "pgie.yml").write_text("mine: {}\n")
    done = invoke("deepstream", "convert", "pgie.txt", "--to", "yml")
    assert (done.exit_code, done.stderr) == (1, "pgie.yml: is there already; --force writes over it\n")
    assert (folder / "pgie.yml").read_text() == "mine: {}\n"
    assert invoke("deepstream", "convert", "pgie.txt", "--to", "yml", "--force").exit_code == 0
    assert "onnx-file" in (folder / "pgie.yml").read_text()
    assert {path.name for path in folder.iterdir()} == {"app.txt", "people.onnx", "pgie.txt", "pgie.yml"}


def test_what_the_other_form_cannot_say_is_refused_until_it_is_wanted(invoke: Invoke, folder: Path) -> None:
    (folder / "app.txt").write_text(APP.replace("5/1", "5/1,2"))
    done = invoke("deepstream", "convert", "app.txt", "--to", "yml")
    assert done.exit_code == 1
    assert "comma" in done.stderr
    assert "nothing was written" in done.stderr
    assert not (folder / "app.yml").exists()
    told = json.loads(invoke("deepstream", "convert", "app.txt", "--to", "yml", "--json").stdout)
    assert told["written"] == []
    assert {"refused"} <= {finding["severity"] for finding in told["findings"]}
    assert invoke("deepstream", "convert", "app.txt", "--to", "yml", "--lossy").exit_code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("pgie.txt", "--to", "txt"),
        ("pgie.txt", "--to", "yml", "-o", "out.txt"),
        ("pgie.txt",),
        ("pgie.txt", "--to", "json"),
    ],
)
def test_a_wrong_form_is_wrong_usage(invoke: Invoke, folder: Path, words: tuple[str, ...]) -> None:
    assert invoke("deepstream", "convert", *words).exit_code == 2


# diff


def test_files_that_mean_the_same_end_with_0(sightline_command: Run, folder: Path) -> None:
    (folder / "pgie.yml").write_text(
        "property:\n  network-mode: 2\n  onnx-file: people.onnx\n  gie-unique-id: 1\n  batch-size: 1\n"
        "  cluster-mode: 2\n  net-scale-factor: 1.0\n"
    )
    done = sightline_command("deepstream", "diff", folder / "pgie.txt", folder / "pgie.yml")
    assert (done.returncode, done.stderr) == (0, "")
    assert "it is the default" in " ".join(done.stdout.replace("│", " ").split())
    assert done.stdout.splitlines()[-1] == "they mean the same"


def test_files_that_differ_end_with_1_and_the_lines(invoke: Invoke, folder: Path) -> None:
    (folder / "other.txt").write_text(PGIE.replace("network-mode=2", "network-mode=1"))
    done = invoke("deepstream", "diff", "pgie.txt", "other.txt")
    assert done.exit_code == 1
    assert "[property] network-mode is 2 in the first and 1 in the second" in done.stdout
    assert done.stdout.splitlines()[-1] == "1 difference in what they mean"
    answer = json.loads(invoke("deepstream", "diff", "pgie.txt", "other.txt", "--json").stdout)
    assert answer["same"] is False
    assert (answer["differences"][0]["first_line"], answer["differences"][0]["counts"]) == (4, True)


def test_a_password_is_in_no_difference(invoke: Invoke, folder: Path) -> None:
    (folder / "other.txt").write_text(APP.replace("tulip77", "rose88"))
    for options in ((), ("--json",)):
        done = invoke("deepstream", "diff", "app.txt", "other.txt", *options)
        assert done.exit_code == 1
        assert "tulip77" not in done.output
        assert "rose88" not in done.output


# import


def test_the_site_that_is_made_is_one_that_check_takes(folder: Path) -> None:
    def run(*words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [SIGHTLINE, *words],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, **variables},
        )

    done = run("deepstream", "import", "app.txt", "-o", "site.yaml")
    assert (done.returncode, done.stdout) == (0, "wrote site.yaml\n")
    assert "set SOURCE0_PASSWORD: the password of source0" in done.stderr
    assert "tulip77" not in done.stderr + (folder / "site.yaml").read_text()
    checked = run("check", "site.yaml", SOURCE0_USERNAME="viewer", SOURCE0_PASSWORD="tulip77")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "onnx looks at every picture at 1280x720 of source0" in checked.stdout
    unset = run("check", "site.yaml")
    assert "the variable SOURCE0_PASSWORD is not set" in unset.stderr
    assert run("deepstream", "import", "app.txt", "-o", "site.yaml").returncode == 1
    assert run("deepstream", "import", "app.txt", "-o", "site.yaml", "--force").returncode == 0


def test_without_an_output_the_site_is_printed_with_its_notes(invoke: Invoke, folder: Path) -> None:
    done = invoke("deepstream", "import", "app.txt")
    assert done.exit_code == 0
    assert done.stdout.startswith("# Made of app.txt by sightline deepstream import.\n")
    assert "# - [sink0] shows nothing, and becomes no sink" in done.stdout
    assert "cameras:\n  source0:\n    url: rtsp://10.0.0.5/1\n" in done.stdout


def test_programs_get_the_site_as_json(invoke: Invoke, folder: Path) -> None:
    answer = json.loads(invoke("deepstream", "import", "app.txt", "--json").stdout)
    assert answer["site"]["cameras"]["source0"]["password"] == "${SOURCE0_PASSWORD}"
    assert answer["written"] is None
    assert set(answer["variables"]) == {"SOURCE0_USERNAME", "SOURCE0_PASSWORD"}


def test_a_file_of_another_kind_is_one_line(invoke: Invoke, folder: Path) -> None:
    (folder / "msgconv.txt").write_text("[sensor0]\nenable=1\n")
    done = invoke("deepstream", "import", "msgconv.txt")
    assert (done.exit_code, len(done.stderr.splitlines())) == (1, 1)
    assert "got nvmsgconv" in done.stderr


# generate


def test_an_instance_becomes_files_that_deepstream_would_load(
    invoke: Invoke, instance: Path, folder: Path
) -> None:
    for form in ("txt", "yml"):
        done = invoke("deepstream", "generate", instance, "-o", form, "--to", form)
        assert done.exit_code == 0, done.output
        assert "deepstream-app -c" in done.stdout
        assert "tulip77" not in done.output
        answer = json.loads(invoke("deepstream", "lint", f"{form}/current", "--json").stdout)
        assert answer["files"]
        syntax = [
            finding
            for file in answer["files"]
            for finding in file["findings"]
            if finding["severity"] == "refused" and finding["what"] != "missing"
        ]
        assert syntax == []


def test_debug_mode_shows_pictures_where_it_is_told_to(invoke: Invoke, instance: Path, folder: Path) -> None:
    for where, word in (("rtsp", "rtsp-port"), ("file", "output-file")):
        done = invoke("deepstream", "generate", instance, "-o", where, "--debug", where, "--json")
        answer = json.loads(done.stdout)
        assert "GST_DEBUG" in answer["environment"]
        files = [(Path(answer["folder"]) / name).read_text() for name in answer["files"]]
        assert any(word in text for text in files)
    off = json.loads(
        invoke("deepstream", "generate", instance, "-o", "off", "--debug", "off", "--json").stdout
    )
    assert off["environment"] == {}


def test_an_instance_that_changed_moves_on_with_force_alone(
    invoke: Invoke, instance: Path, folder: Path
) -> None:
    words = ("deepstream", "generate", instance, "-o", "out")
    assert "changed" in invoke(*words).stdout
    assert "nothing changed" in invoke(*words).stdout
    instance.write_text(instance.read_text().replace('"gate"', '"yard"').replace("10.0.0.5", "10.0.0.6"))
    refused = invoke(*words)
    assert refused.exit_code == 1
    assert "--force moves on" in refused.stderr
    assert invoke(*words, "--force").exit_code == 0


def test_a_document_in_yaml_has_variables(invoke: Invoke, instance: Path, folder: Path) -> None:
    document = json.loads(instance.read_text())
    document["config"]["sourceconfig"]["sources"][0]["address"] = "rtsp://viewer:${GATE}@10.0.0.5/1"
    (folder / "instance.yaml").write_text(json.dumps(document, indent=1))
    missing = invoke("deepstream", "generate", "instance.yaml", "-o", "out")
    assert missing.exit_code == 1
    assert "the variable GATE is not set" in missing.stderr
    done = invoke("deepstream", "generate", "instance.yaml", "-o", "out", env={"GATE": "tulip77"})
    assert done.exit_code == 0, done.stderr
    assert "tulip77" in "".join(path.read_text() for path in (folder / "out" / "current").iterdir())


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{}", "name: missing"),
        ("[", "expected JSON"),
        ('{"name": "a", "config": {}, "colour": 1}', "unknown field"),
    ],
)
def test_a_wrong_document_is_told_in_one_line(
    invoke: Invoke, folder: Path, content: str, complaint: str
) -> None:
    (folder / "wrong.json").write_text(content)
    done = invoke("deepstream", "generate", "wrong.json", "-o", "out")
    assert done.exit_code == 1
    assert complaint in done.stderr
    assert not (folder / "out").exists()


@pytest.mark.parametrize("command", ["lint", "convert", "diff", "import", "generate"])
def test_help_has_examples(invoke: Invoke, command: str) -> None:
    done = invoke("deepstream", command, "--help")
    assert done.exit_code == 0
    assert f"sightline deepstream {command} " in done.stdout


def test_an_unreadable_file_is_one_line(invoke: Invoke, folder: Path) -> None:
    for words in (("convert", "no.txt", "--to", "yml"), ("diff", "no.txt", "app.txt"), ("import", "no.txt")):
        done = invoke("deepstream", *words)
        assert (done.exit_code, len(done.stderr.splitlines())) == (1, 1)
        assert "no.txt" in done.stderr


# what goes wrong with files


@pytest.mark.parametrize("name", ["loop.txt", f"{'x' * 300}.txt"])
def test_a_name_that_leads_nowhere_is_a_finding(invoke: Invoke, folder: Path, name: str) -> None:
    (folder / "loop.txt").symlink_to("loop.txt")
    done = invoke("deepstream", "lint", name)
    assert done.exit_code == 1
    assert "expected a file, got: " in done.stdout


def test_a_folder_without_any_file_of_deepstream_is_not_in_order(invoke: Invoke, folder: Path) -> None:
    (folder / "sub").mkdir()
    done = invoke("deepstream", "lint", "sub")
    assert (done.exit_code, done.stderr) == (1, "sub: there is no file of DeepStream in this folder\n")


@pytest.mark.parametrize("name", [f"{'x' * 300}.yml", "people.onnx/pgie.yml", "/proc/pgie.yml"])
def test_a_file_that_cannot_be_written_is_told_by_its_own_name(
    invoke: Invoke, folder: Path, name: str
) -> None:
    done = invoke("deepstream", "convert", "pgie.txt", "--to", "yml", "-o", name)
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1].startswith((f"{name}: cannot be written: ", "people.onnx: cannot be"))


def test_a_full_disk_is_told_and_leaves_nothing(folder: Path) -> None:
    limited = (
        f"ulimit -f 0; trap '' XFSZ; exec {SIGHTLINE} deepstream convert pgie.txt --to yml -o full/a.yml"
    )
    done = subprocess.run(["bash", "-c", limited], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "full/a.yml: cannot be written: File too large"
    assert list((folder / "full").iterdir()) == []


def test_a_folder_in_the_way_of_one_file_keeps_all_of_them_from_being_written(
    invoke: Invoke, folder: Path
) -> None:
    (folder / "app_sources.csv").mkdir()
    done = invoke("deepstream", "convert", "app.txt", "--to", "yml", "--force")
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1] == "app_sources.csv: is a folder"
    assert not (folder / "app.yml").exists()


def test_a_site_is_not_written_over_what_it_is_made_of(invoke: Invoke, folder: Path) -> None:
    done = invoke("deepstream", "import", "app.txt", "-o", "../" + folder.name + "/app.txt", "--force")
    assert done.exit_code == 1
    assert "would be written over" in done.stderr
    assert (folder / "app.txt").read_text() == APP


def test_paths_of_all_converted_files_are_told_where_they_mean_other_ones_now(
    invoke: Invoke, folder: Path
) -> None:
    done = invoke("deepstream", "convert", "app.txt", "--to", "yml", "-o", "out/app.yml", "--follow")
    assert done.exit_code == 0
    assert done.stderr.splitlines()[-1] == "relative paths are meant from out now: people.onnx"


def test_what_all_sources_have_is_told_once(invoke: Invoke, folder: Path) -> None:
    cameras = (f"[source{n}]\nenable=1\ntype=4\nuri=rtsp://10.0.0.{n}/1\n" for n in range(40))
    (folder / "forty.txt").write_text(
        APP.partition("[source0]")[0] + "".join(cameras) + "[streammux]\nwidth=640\n"
    )
    assert invoke("deepstream", "convert", "forty.txt", "--to", "yml").exit_code == 0
    done = invoke("deepstream", "diff", "forty.txt", "forty.yml")
    assert done.exit_code == 0
    assert done.stdout.count("rtsp-reconnect-attempts") == 1
    assert "it is the default; 39 more like it" in done.stdout


def test_the_documentation_names_every_member_of_an_answer(
    invoke: Invoke, folder: Path, instance: Path
) -> None:
    page = Path(__file__).parents[2].joinpath("docs", "deepstream.md").read_text()
    part = page.partition("## For programs")[2].partition("\n## ")[0]
    rows = {
        row.split("|")[1].strip(" `"): set(re.findall(r"`(\w+)`", row.split("|")[2]))
        for row in part.split("\n")
        if row.startswith("| `")
    }
    commands = {
        "lint": ("pgie.txt",),
        "convert": ("app.txt", "--to", "yml"),
        "diff": ("app.txt", "pgie.txt"),
        "import": ("app.txt",),
        "generate": (instance, "-o", "out"),
    }
    assert rows.keys() == commands.keys()
    for command, arguments in commands.items():
        answer = json.loads(invoke("deepstream", command, *arguments, "--json").stdout)
        lists = [
            answer.get(name)
            for name in ("files", "differences")
            if isinstance((answer.get(name) or [0])[0], dict)
        ]
        assert rows[command] == answer.keys() | {key for each in lists for item in each for key in item}, (
            command
        )
    said = set(re.findall(r"`(\w+)`", part.partition("A finding has")[2].partition(";")[0]))
    (file,) = json.loads(invoke("deepstream", "lint", "pgie.txt", "--json").stdout)["files"]
    assert all(finding.keys() == said for finding in file["findings"])
    assert file["findings"]
