"""Keras's words for loops of one's own: pure functions of lists of variables."""

from typing import Any

import jax
from jax import Array

from jaxnet_mini.core import random
from jaxnet_mini.core.networks import activity, protocol, weights
from jaxnet_mini.core.networks import outline as outlines
from jaxnet_mini.core.types import RandomKey, Variables
from jaxnet_mini.core.variables import plain
from jaxnet_mini.errors import ArgumentError
from jaxnet_mini.models import inference
from jaxnet_mini.models.held import Held
from jaxnet_mini.models.weights import listed


def call(
    held: Held, lists: tuple[Any, Any], x: Any, training: bool, key: RandomKey | None
) -> tuple[Any, list[Array], list[Array]]:
    """Return outputs, what is not trained, and losses, see `Model.stateless_call`.

    Args:
        held: what the model holds.
        lists: the variables that are trained, and those that are not.
        x: inputs.
        training: whether layers act as in training.
        key: of the random numbers that layers draw; None within a step of ``fit`` for
            the step's.
    """
    blueprint, values = held.blueprint, dict[str, Any]()
    kinds = "trainable_variables", "non_trainable_variables"
    for kind, given in zip(kinds, lists, strict=True):
        own = listed(held, blueprint.shapes, kind == kinds[0])
        if len(given) != len(own):
            raise ArgumentError(
                f"{kind} has {len(given)} arrays and the model {len(own)}: start from "
                f"model.{kind}."
            )
        values |= {w.path: plain(v) for w, v in zip(own, given, strict=True)}
    like = outlines.variables(blueprint.shapes)
    params, state = weights.unflattened(like, values)
    x = inference.called_with(blueprint, x)
    key = random.within() if key is None else key
    net = blueprint.traced
    outputs, state, of_outputs, of_batch = activity.run(
        net, params, state, x, key=key, training=training
    )
    rows = len(jax.tree.leaves(x)[0])
    added = protocol.penalty(net, params), of_batch, of_outputs / rows
    found = weights.of(Variables(params, state))
    rest = [found[weight.path] for weight in own]
    return (
        inference.as_listed(outputs),
        rest,
        [loss for loss in added if isinstance(loss, Array)],
    )


def compute_loss(held: Held, y: Any, y_pred: Any, weight: Any) -> Array:
    """Return the sum of the losses of the outputs, see `Model.compute_loss`.

    Raises:
        StateError: the model is not compiled.
        ArgumentError: it was given no loss.
    """
    total: Array | None = None
    for goal in held.compiled().goals:
        if goal.loss is not None:
            loss: Array = goal.loss(goal.of(y), goal.of(y_pred), goal.of(weight))
            loss = loss if goal.weight is None else loss * goal.weight
            total = loss if total is None else total + loss
    if total is None:
        raise ArgumentError('compile was given no loss: give loss=, such as "mse".')
    return total
