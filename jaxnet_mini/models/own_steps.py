"""What a model's class has in place of the usual steps, in Keras's form."""

import functools
import inspect
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import Array

from jaxnet_mini.core.training.listed_step import Method, Steps
from jaxnet_mini.errors import ArgumentError
from jaxnet_mini.models.held import Held
from jaxnet_mini.models.weights import listed


def steps_of(model: Any, train_step: Any) -> Steps:
    """Return the steps that a model's class defines, in Keras's form.

    Args:
        model: which.
        train_step: what `Model.compile` was given by that name, or None.

    Raises:
        ArgumentError: both are given, or a method takes other arguments.
    """
    train, test = (_method(model, word) for word in ("train_step", "test_step"))
    if train is not None and train_step is not None:
        raise ArgumentError(
            f"compile was given train_step, and {type(model).__name__} has a method of "
            "that name: leave one of them out."
        )
    return Steps(train, test)


def _method(model: Any, word: str) -> Method | None:
    method = getattr(type(model), word, None)
    if not callable(method):
        return None
    try:
        inspect.signature(method).bind(model, "state", "data")
    except TypeError:
        raise ArgumentError(
            f"{type(model).__name__}.{word}{inspect.signature(method)} must be "
            f"{word}(self, state, data), as Keras has it on JAX: a function that "
            "returns logs and the new state, and assigns nothing. Without state it is "
            "what Keras has on TensorFlow."
        ) from None
    # No closures: these go with the model where it is copied.
    lists = functools.partial(_lists, model._held)
    return Method(getattr(model, word), word, lists, functools.partial(_begun, model))


def _lists(held: Held) -> tuple[Sequence[str], Sequence[str]]:
    shapes = held.blueprint.shapes
    trained, others = (
        [weight.path for weight in listed(held, shapes, trainable)]
        for trainable in (True, False)
    )
    return trained, others


def _begun(model: Any) -> list[Array]:
    return [
        jnp.asarray(value)
        for metric in model.metrics
        for value in metric.stateless_reset_state()
    ]
