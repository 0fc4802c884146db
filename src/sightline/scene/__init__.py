"""A street that draws itself: moving, labelled shapes as real encoded video, with exact ground truth.

What it promises: the same scene, size and frame number give the same bytes of picture on every run; the
truth of a frame is what was drawn into it; camera and frame number stand in the picture as blocks that
survive poor encoding and scaling, so that loss, order, pairing and latency can be counted.
What it does not do: pace itself to a clock (capture's work), nor look like a photograph.

    scene = Scene(seed=7, camera=3)
    for unit in encode(scene, 100, b_frames=2):
        ...                                     # unit.data holds frame number unit.frame
    read_mark(scene.frame(41))                  # Mark(camera=3, frame=41)
"""

from typing import TYPE_CHECKING

from sightline.later import import_later

if TYPE_CHECKING:
    from sightline.scene.clip import write_clip
    from sightline.scene.encode import Codec, EncodedUnit, Encoding, encode
    from sightline.scene.mark import Mark, read_mark
    from sightline.scene.settings import CODECS
    from sightline.scene.street import Scene
    from sightline.scene.traffic import LABELS
    from sightline.scene.url import Synthetic, parse_url

__all__ = [
    "CODECS",
    "LABELS",
    "Codec",
    "EncodedUnit",
    "Encoding",
    "Mark",
    "Scene",
    "Synthetic",
    "encode",
    "parse_url",
    "read_mark",
    "write_clip",
]

import_later(
    __name__,
    {
        "sightline.scene.clip": "write_clip",
        "sightline.scene.encode": "Codec EncodedUnit Encoding encode",
        "sightline.scene.mark": "Mark read_mark",
        "sightline.scene.settings": "CODECS",
        "sightline.scene.street": "Scene",
        "sightline.scene.traffic": "LABELS",
        "sightline.scene.url": "Synthetic parse_url",
    },
)
