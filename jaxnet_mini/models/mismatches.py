"""Networks that train and cannot learn what was meant: one warning before they do."""

from collections.abc import Iterator, Sequence
from typing import Any

from jaxnet_mini.base import notices
from jaxnet_mini.core import activations, losses
from jaxnet_mini.core.activations import Activation
from jaxnet_mini.core.layers import Flatten, Identity, Reshape, Softmax
from jaxnet_mini.core.networks import outline as outlines
from jaxnet_mini.core.networks import protocol
from jaxnet_mini.core.networks.graph import names_in
from jaxnet_mini.core.networks.outline import LayerOutline, NetOutline
from jaxnet_mini.core.networks.serial import Serial
from jaxnet_mini.core.training.goals import Goal
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.core.types import is_shape
from jaxnet_mini.errors import TrainingWarning

_KEEPING = (Identity, Flatten, Reshape)
"""Layers that hand values on as they are."""

_OVER_UNITS = {
    activations.get(name): name for name in ("softmax", "log_softmax", "sparsemax")
}
"""What makes each unit a share of all: of one unit that is always the same."""

_PROBABILITIES = {
    activations.get(name): name
    for name in ("softmax", "sparsemax", "sigmoid", "hard_sigmoid", "sparse_sigmoid")
}

_OF_CLASSES = losses.CategoricalCrossentropy, losses.SparseCategoricalCrossentropy


def warn(trainer: Trainer, outline: NetOutline) -> None:
    """Warn of what surely is a mistake, at the line of the user's own code.

    Args:
        trainer: what is to be trained.
        outline: of its network.
    """
    for text in found(trainer, outline.parts):
        notices.warn(text, TrainingWarning)


def found(trainer: Trainer, outline: Sequence[LayerOutline]) -> list[str]:
    """Return what is surely a mistake, each with the mend."""
    parts = list(_flat(outline))
    texts = [
        f"layer {part.name!r} applies {_OVER_UNITS[function]} to a single unit, which "
        f"is always {0 if function is activations.log_softmax else 1}, whatever is "
        "learned: use 'sigmoid' for yes or no, no activation for a value, or one unit "
        "for each class."
        for part in parts
        if (function := _activation(part)) in _OVER_UNITS
        and part.output_shape[-1:] == (1,)
    ]
    for goal in trainer.goals if parts else ():
        last = _last(trainer, goal, parts)
        whole = outline[-1] if goal.name is None else last
        texts += _of_goal(goal, last, whole and whole.output_shape, bool(texts))
    return texts


def _last(
    trainer: Trainer, goal: Goal, parts: Sequence[LayerOutline]
) -> LayerOutline | None:
    """Return the layer that gives an output, but for those that only hand it on."""
    if goal.name is None:
        left = (p for p in reversed(parts) if not isinstance(p.layer, _KEEPING))
        return next(left, None)
    outputs = getattr(trainer.net, "outputs", "")
    if isinstance(outputs, str):  # of a class with call, which layer is not known
        return None
    name = names_in(outputs)[goal.place]
    return next((part for part in parts if part.name == name), None)


def _of_goal(
    goal: Goal, last: LayerOutline | None, shape: Any, told: bool
) -> list[str]:
    """Return what is wrong of an output, unless it is ``told`` of its units."""
    texts = []
    units = shape[-1:] if is_shape(shape) else ()
    if isinstance(goal.loss, _OF_CLASSES) and units == (1,) and not told:
        texts.append(
            f"{goal.loss!r} compares classes, and the network has one output, of "
            "which the loss is always 0: use BinaryCrossentropy, or one unit for each "
            "class."
        )
    function = None if last is None else _activation(last)
    if last is not None and function in _PROBABILITIES:
        texts += [
            f"{value!r} expects logits, and layer {last.name!r} ends with "
            f"{_PROBABILITIES[function]}: leave from_logits=True out, or the "
            "activation."
            for value in (goal.loss, *goal.metrics, *goal.weighted_metrics)
            if getattr(value, "from_logits", False)
        ]
    return texts


def _flat(outline: Sequence[LayerOutline]) -> Iterator[LayerOutline]:
    """Yield the outlines of all layers, those within others too."""
    for part in outline:
        if type(part.layer) is Serial:
            yield from _flat(outlines.outline(part.layer, part.input_shape))
        else:
            yield part


def _activation(part: LayerOutline) -> Activation | None:
    """Return the function that a layer of this library ends with, if it is known."""
    layer: Any = part.layer
    if type(layer) not in protocol.OWN_LAYERS:
        return None
    if isinstance(layer, Softmax):
        return activations.softmax
    activation = getattr(layer, "activation", None)
    return None if activation is None else activations.get(activation)
