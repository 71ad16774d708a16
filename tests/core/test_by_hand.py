"""What is called by hand with anything takes it, or names what it cannot take.

One loop over all public functions and classes of a room, each argument in turn: what
comes is a result, or one of our own errors that names the argument and what came.
"""

import inspect
import itertools
import warnings
from collections.abc import Iterator
from types import FunctionType
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from oracles import unchecked_types

from jaxnet_mini import (
    activations,
    constraints,
    initializers,
    losses,
    metrics,
    random,
    regularizers,
)
from jaxnet_mini.errors import JaxnetError

pytestmark = pytest.mark.usefixtures("quick_compilation")

# What most refuse: what is taken has JAX compile something each time.
BAD = (None, "text", [], [[1], [1, 2]], object())
ARRAY = np.array([[0.25, 0.75], [0.5, 0.5]], np.float32)
CLASSES = np.array([0, 1])


def first_of_rows(y_true, y_pred):
    return jnp.asarray(y_pred)[:, 0]


# Bases, and what metrics of one's own are made with.
PASSED_OVER = {
    initializers.Initializer,
    regularizers.Regularizer,
    metrics.zeros,
    metrics.mean_per_row,
}

# What a class or a function needs, by the names of arguments.
NEEDED: dict[str, Any] = {
    "alpha": 1.0,
    "beta": 1.0,
    "counts": 3.0,
    "probabilities": 0.5,
    "rate": 0.5,
    "default_value": 0.0,
    "fn": first_of_rows,
    "function": first_of_rows,
    "inputs": ARRAY,
    "k": 1,
    "logits": ARRAY,
    "maxval": 5,
    "minval": 0,
    "num_classes": 2,
    "num_samples": 2,
    "precision": 0.5,
    "recall": 0.5,
    "sensitivity": 0.5,
    "shape": (2,),
    "specificity": 0.5,
    "threshold": 0.5,
    "target_class_ids": [0],
    "values": ARRAY,
    "x": ARRAY,
    "y_pred": ARRAY,
}


ROOMS = (activations, initializers, constraints, regularizers, losses, metrics, random)


def parameters(function: Any) -> dict[str, inspect.Parameter]:
    own = inspect.signature(function).parameters
    several = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
    return {name: p for name, p in own.items() if p.kind not in several}


def callables(room: Any) -> Iterator[tuple[str, Any]]:
    """All that a room lists and that is called, once, and what its classes make."""
    values = {name: getattr(room, name) for name in room.__all__}
    listed = {v: n for n, v in values.items() if isinstance(v, type | FunctionType)}
    for value, name in listed.items():
        if value in PASSED_OVER or inspect.isabstract(value):
            continue
        yield name, value
        if isinstance(value, type) and callable(made := call(value, {})):
            yield f"{name}()", made


def call(function: Any, given: dict[str, Any]) -> Any:
    """Call it with some arguments, and with what else it needs."""
    own = parameters(function)
    given = {n: NEEDED.get(n) for n, p in own.items() if p.default is p.empty} | given
    ordered = {name: given[name] for name in own if name in given}
    bound = inspect.BoundArguments(inspect.signature(function), ordered)
    return function(*bound.args, **bound.kwargs)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.__name__.split(".")[-1])
def test_what_is_called_with_anything_names_what_it_cannot_take(room):
    raw, refused = [], []
    with unchecked_types(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, function in callables(room):
            sparse = "parse" in name or "MeanIoU" in name
            given = {"y_true": CLASSES} if sparse else {}
            for argument, bad in itertools.product(parameters(function), BAD):
                try:
                    call(function, given | {argument: bad})
                except JaxnetError as error:
                    refused.append(str(error))
                except Exception as error:
                    raw.append(f"{name}({argument}={bad!r}): {error!r}"[:120])
    assert raw == []
    assert len(refused) > 20
    assert all(refused)
