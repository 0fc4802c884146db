"""The two pipelines of an instance.

deepstream-app has one primary model a pipeline: whatever stands in `[secondary-gieN]` looks at objects,
because the application sets `process-mode` itself, and `[secondary-pre-processN]` is only built for objects
of that primary model. The document has two models that look at whole frames. So an instance is two pipelines
in one process, as `deepstream-app -c mot_app.txt -c face_app.txt` runs them:

- `mot`: MOT_pgie, tracker, MOT_sgie; results go to `mot_raw_meta_topic`.
- `face`: FACE_pgie, tracker, FACE_align, FACE_sgie; results go to `face_raw_meta_topic`.

Each decodes every camera by itself. That is the price of what NVIDIA's application can do.

Deliberately not here: what the files of a pipeline say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sightline.deepstream.document import Form
from sightline.deepstream.generating.choices import Debug, Layout
from sightline.deepstream.models.align import FACE_align_config
from sightline.deepstream.models.instance import DsInstanceConfig
from sightline.deepstream.models.primary import FACE_pgie_config, MOT_pgie_config
from sightline.deepstream.models.secondary import FACE_sgie_config, MOT_sgie_config

Primary = MOT_pgie_config | FACE_pgie_config
Secondary = MOT_sgie_config | FACE_sgie_config


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """One of the two.

    Attributes:
        word: what the names of its files begin with.
        number: 0 for the first; what must not be the same in both is told apart by it.
        align: None where nothing is prepared for the secondary model.
        threshold: the least confidence of what is sent.
    """

    word: str
    number: int
    config: DsInstanceConfig
    primary: Primary
    secondary: Secondary
    align: FACE_align_config | None
    topic: str
    threshold: float
    form: Form
    layout: Layout
    debug: Debug | None

    @property
    def app_form(self) -> Form:
        """The YAML of deepstream-app knows no `[secondary-pre-processN]`: such a file stays a key file."""
        return Form.TXT if self.align is not None else self.form

    @property
    def app_name(self) -> str:
        return f"{self.word}_app.{self.app_form}"

    def name(self, part: str) -> str:
        """The name of one of its other files."""
        return f"{self.word}_{part}.{self.form}"


def pipelines(
    config: DsInstanceConfig, form: Form, layout: Layout, debug: Debug | None
) -> Iterator[Pipeline]:
    app = config.appconfig
    yield Pipeline(
        word="mot",
        number=0,
        config=config,
        primary=config.mot_pgie,
        secondary=config.mot_sgie,
        align=None,
        topic=app.mot_raw_meta_topic,
        threshold=app.mot_confidence_threshold,
        form=form,
        layout=layout,
        debug=debug,
    )
    yield Pipeline(
        word="face",
        number=1,
        config=config,
        primary=config.face_pgie,
        secondary=config.face_sgie,
        align=config.face_align if config.face_align.enable else None,
        topic=app.face_raw_meta_topic,
        threshold=app.face_confidence_threshold,
        form=form,
        layout=layout,
        debug=debug,
    )
