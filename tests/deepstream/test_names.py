"""What the package names is there, and comes when it is used."""

import subprocess
import sys

import pytest

import sightline.deepstream


@pytest.mark.parametrize("name", sightline.deepstream.__all__)
def test_every_name_is_there(name: str) -> None:
    assert getattr(sightline.deepstream, name) is not None


def test_the_package_alone_brings_nothing_heavy() -> None:
    code = (
        "import sys, sightline.deepstream\n"
        "heavy = {'pydantic', 'google.protobuf', 'ruamel.yaml', 'typer', 'rich', 'cv2', 'av'}\n"
        "print(sorted(heavy & sys.modules.keys()))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_file_is_judged_converted_and_compared_without_pydantic() -> None:
    code = (
        "import sys\n"
        "from sightline.deepstream import Form, convert, diff, lint, loads, same\n"
        "file = loads(b'[property]\\nonnx-file=a.onnx\\n', Form.TXT)\n"
        "lint(file)\n"
        "assert same(diff(file, convert(file, Form.YML)))\n"
        "print(sorted({'pydantic', 'google.protobuf', 'cv2', 'av'} & sys.modules.keys()))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
