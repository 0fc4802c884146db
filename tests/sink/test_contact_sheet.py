"""The contact sheet: complete or not there, a row a camera, bounded."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from sightline import Detection, Frame, Result
from sightline.errors import Closed, SinkError
from sightline.sink import contact_sheet, open_sink
from sightline.sink.annotate import colour_of
from sightline.sink.contact_sheet import CAPTION, GAP, ContactSheet

MakeShown = Callable[..., tuple[Result, Frame]]


def test_it_has_a_row_a_camera_and_a_column_a_moment(tmp_path: Path, make_shown: MakeShown) -> None:
    path = tmp_path / "new" / "sheet.png"
    sheet = open_sink("contact_sheet", path=path, columns=3, tile_width=192)
    for index in range(50):
        for camera in ("gate", "yard"):
            sheet.write(*make_shown(camera, index))
    assert not path.exists()
    sheet.close()
    sheet.close()
    picture = cv2.imread(str(path))
    assert picture is not None
    assert picture.shape == (2 * (108 + CAPTION) + 3 * GAP, 3 * (192 + GAP) + GAP, 3)
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o644


def test_the_surest_whole_thing_of_a_stretch_is_shown(tmp_path: Path, make_shown: MakeShown) -> None:
    cut = Detection(label="cut", score=0.99, x1=0, y1=10, x2=60, y2=60)
    whole = Detection(label="whole", score=0.6, x1=20, y1=40, x2=60, y2=80)
    sheet = ContactSheet(tmp_path / "s.png", columns=1, tile_width=192)
    for index, seen in enumerate([(), (cut,), (whole,), (cut,), ()]):
        sheet.write(*make_shown(index=index, detections=seen))
    sheet.close()
    picture = cv2.imread(str(tmp_path / "s.png"))
    assert picture is not None
    assert (picture == colour_of("whole")).all(axis=2).sum() > 50


def test_cameras_of_other_shapes_stand_side_by_side(tmp_path: Path, make_shown: MakeShown) -> None:
    sheet = ContactSheet(tmp_path / "s.png", columns=2, tile_width=100)
    for index, (width, height) in enumerate([(64, 200), (400, 40), (1, 1)]):
        sheet.write(*make_shown("gate", index, (), width=width, height=height))
        sheet.write(*make_shown("äöü\n", index, (), width=height, height=width))
    sheet.close()
    assert cv2.imread(str(tmp_path / "s.png")) is not None


def test_a_run_without_pictures_leaves_no_file(tmp_path: Path) -> None:
    ContactSheet(tmp_path / "s.png").close()
    assert list(tmp_path.iterdir()) == []


def test_cameras_beyond_the_bound_are_named(
    tmp_path: Path, make_shown: MakeShown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contact_sheet, "MAX_CAMERAS", 2)
    sheet = ContactSheet(tmp_path / "s.png")
    for camera in ("a", "b", "c", "c", "a"):
        sheet.write(*make_shown(camera))
    assert sheet.cameras_left_out == {"c"}


def test_where_it_cannot_be_written_it_says_so_at_once_and_at_the_end(
    tmp_path: Path, make_shown: MakeShown
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match=r"file/s\.png"):
        ContactSheet(tmp_path / "file" / "s.png")
    folder = tmp_path / "folder"
    sheet = ContactSheet(folder / "s.png")
    sheet.write(*make_shown())
    folder.rmdir()
    with pytest.raises(SinkError, match=r"folder/s\.png: No such file"):
        sheet.close()
    with pytest.raises(Closed):
        sheet.write(*make_shown())


def test_an_older_sheet_stays_until_the_new_one_is_whole(tmp_path: Path, make_shown: MakeShown) -> None:
    path = tmp_path / "s.png"
    path.write_bytes(b"older")
    sheet = ContactSheet(path)
    sheet.write(*make_shown(shade=0))
    assert path.read_bytes() == b"older"
    sheet.close()
    assert np.any(cv2.imread(str(path)))
