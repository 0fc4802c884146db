"""What is to be opened, as a worker's process is told."""

from sightline.site.opening import Wanted


def test_options_are_not_shown() -> None:
    assert "hunter22" not in repr(Wanted("webhook", {"secret": "hunter22"}))
