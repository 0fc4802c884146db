"""What rows cannot say of nvinfer's files: the element itself, and the rules of the other modules together.

Read from gstnvinfer.cpp and gstnvinfer_property_parser.cpp.
"""

from __future__ import annotations

from collections.abc import Iterable

from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.judging.rules import nvinfer_input, nvinfer_model, nvinfer_output
from sightline.deepstream.judging.rules.nvinfer_facts import CLASSIFIER, SEGMENTATION, Facts, of_facts
from sightline.deepstream.judging.rules.opening import Rule

unread = nvinfer_output.unread

_OF_OBJECTS = (
    "secondary-reinfer-interval",
    "operate-on-class-ids",
    "input-object-min-width",
    "input-object-min-height",
    "input-object-max-width",
    "input-object-max-height",
)


def _unique_id(it: Facts) -> Iterable[Finding]:
    number = it.settings.value("gie-unique-id")
    if number is None and not it.settings.has("gie-unique-id"):
        told = "not set: nvinfer stops at its start unless the application sets unique-id"
        yield it.settings.tell(Severity.WARNING, What.MISSING, "gie-unique-id", told)
    elif number == 0:
        yield it.settings.tell(Severity.REFUSED, What.VALUE, "gie-unique-id", "expected more than 0, got 0")
    elif number is not None and number < 0:
        told = f"expected more than 0, got {number}, which is taken as {number % 2**32}"
        yield it.settings.tell(Severity.WARNING, What.VALUE, "gie-unique-id", told)


def _modes(it: Facts) -> Iterable[Finding]:
    if it.secondary:
        if not it.from_meta:
            yield from it.idle(["interval"], "with process-mode 2 (secondary)")
        if not it.settings.has("operate-on-gie-id"):
            told = "not set: objects of every detector before this one are taken"
            yield it.settings.tell(Severity.NOTE, What.DEFAULT, "operate-on-gie-id", told)
    else:
        yield from it.idle(_OF_OBJECTS, "with process-mode 1 (primary)")
        if it.settings.value("operate-on-gie-id", -1) > -1:
            yield from it.idle(["operate-on-gie-id"], "with process-mode 1 (primary)")


def _asynchronous(it: Facts) -> Iterable[Finding]:
    if it.settings.on("classifier-async-mode") and not (it.secondary and it.network_type == CLASSIFIER):
        told = "is turned off: it is for secondary classifiers alone"
        yield it.settings.tell(Severity.WARNING, What.REPLACED, "classifier-async-mode", told)


def _pool(it: Facts) -> Iterable[Finding]:
    keeps = it.settings.on("output-tensor-meta") or it.network_type == SEGMENTATION
    least, size = 6 if keeps else 2, it.settings.value("tensor-meta-pool-size")
    if size is not None and 0 <= size < least:
        told = f"expected {least} or more, got {size}; {least} is taken instead"
        yield it.settings.tell(Severity.WARNING, What.REPLACED, "tensor-meta-pool-size", told)


RULES: tuple[Rule, ...] = (
    *map(of_facts, (_unique_id, _modes, _asynchronous, _pool)),
    *nvinfer_input.RULES,
    *nvinfer_model.RULES,
    *nvinfer_output.RULES,
)
