"""A handler to begin with: how bright a picture is. Put your own beside it, and name it in config.env."""

from sightline.framequeue import TakenFrame


def describe(frame: TakenFrame) -> str:
    """The mean of all pixels, 0 to 255, as the result of the frame's key."""
    return f"{frame.image.mean():.1f}"
