"""Whether an instance's models refer to one another as they must.

Promises: what deepstream-app would silently leave out (a secondary model whose objects nobody makes, a tensor
for a model that is not there) is refused, with the field, what was expected and what came; and so is a tensor
of more faces than its model takes, at which the pipeline would end with the first crowd.

Deliberately not here: what one field may be (`models`).
"""

from __future__ import annotations

from collections.abc import Iterator

from sightline.deepstream.models.instance import DsInstance, DsInstanceConfig
from sightline.errors import ConfigError


def check(instance: DsInstance) -> DsInstance:
    """The instance, read again. Raises ConfigError with every mistake in it.

    Nobody has looked at the whole since a part of it was assigned to, copied or constructed.
    """
    again = type(instance).model_validate(instance.model_dump(warnings=False))
    wrong = list(_wrong(again.config))
    if wrong:
        raise ConfigError(f"instance {instance.name!r}: " + "; ".join(wrong))
    return again


def _wrong(config: DsInstanceConfig) -> Iterator[str]:
    if not config.sourceconfig.sources:
        yield "sourceconfig.sources: expected at least one camera, got none"
    mot, face = config.mot_pgie.gie_unique_id, config.face_pgie.gie_unique_id
    yield from _same("mot_sgie.operate_on_gie_id", config.mot_sgie.operate_on_gie_id, "mot_pgie", mot)
    yield from _same("face_sgie.operate_on_gie_id", config.face_sgie.operate_on_gie_id, "face_pgie", face)
    if config.face_align.enable:
        yield from _of_align(config, face)


def _of_align(config: DsInstanceConfig, face: int) -> Iterator[str]:
    align, model = config.face_align, config.face_sgie.gie_unique_id
    yield from _same("face_align.operate_on_gie_id", align.operate_on_gie_id, "face_pgie", face)
    targets = align.target_unique_ids
    if model not in (targets if isinstance(targets, tuple) else (targets,)):
        yield f"face_align.target_unique_ids: expected {model}, the number of face_sgie, among them"
    numbers = {each.gie_unique_id for each in (config.mot_pgie, config.face_pgie, config.mot_sgie)} | {model}
    if align.unique_id in numbers:
        yield f"face_align.unique_id: expected a number that no model has, got {align.unique_id}"
    batch, most = int(align.network_input_shape.split(";")[0]), config.face_sgie.batch_size
    if batch > most:
        yield f"face_align.network_input_shape: expected at most {most}, face_sgie's batch_size, got {batch}"
    sources = align.src_ids if isinstance(align.src_ids, tuple) else (align.src_ids,)
    count = len(config.sourceconfig.sources)
    if any(each is not None and each >= count for each in sources):
        yield f"face_align.src_ids: expected numbers below {count}, as there are so many cameras"


def _same(field: str, got: int, owner: str, expected: int) -> Iterator[str]:
    if got != expected:
        yield f"{field}: expected {expected}, the gie_unique_id of {owner}, got {got}"
