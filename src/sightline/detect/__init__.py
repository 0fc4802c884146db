"""Models: frames of several cameras in, what was seen in each out.

`open_model("motion")`, `open_model("hog")`, `open_model("onnx", path=...)` and
`open_model("python:package.module:Class")` give a `Model`; `infer` makes results with it. Every model is
watched: an answer that is not what `Model` promises, or an exception, becomes a `ModelError` that names the
model and the frames. `Tracked(model)` says which detections are the same thing as before.

Deliberately not here: batching (`sightline.mux`), and downloading weights.
"""

from typing import TYPE_CHECKING

from sightline.later import import_later

if TYPE_CHECKING:
    from sightline.detect.checked import Checked, infer
    from sightline.detect.model import Model
    from sightline.detect.opening import model_maker, open_model
    from sightline.detect.track import Tracker
    from sightline.detect.tracked import Tracked
    from sightline.interop import from_supervision, to_supervision

__all__ = [
    "Checked",
    "Model",
    "Tracked",
    "Tracker",
    "from_supervision",
    "infer",
    "model_maker",
    "open_model",
    "to_supervision",
]

import_later(
    __name__,
    {
        "sightline.detect.checked": "Checked infer",
        "sightline.detect.model": "Model",
        "sightline.detect.opening": "model_maker open_model",
        "sightline.detect.track": "Tracker",
        "sightline.detect.tracked": "Tracked",
        "sightline.interop": "from_supervision to_supervision",
    },
)
