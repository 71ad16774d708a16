"""Steps of transformations of optax, with all that they may ask for.

Some look at more than the gradients: a line search computes the loss at other
parameters, others read its value. They are given ``value``, the loss that is
minimised, ``grad``, its gradients, and ``value_fn``, the loss of the same batch as a
function of the parameters.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from jaxnet_mini.core.types import Float, Params
from jaxnet_mini.errors import ArgumentError

Transformation: TypeAlias = optax.GradientTransformation | optax.MultiSteps
"""What optax makes."""

Loss: TypeAlias = Callable[[Params], Float[Array, ""]]
"""The loss of a batch, of parameters."""


class OwnTransformation(optax.GradientTransformation):  # type: ignore[misc]
    """A transformation of this library: it looks at gradients and parameters alone."""


@contextlib.contextmanager
def as_optax_computes() -> Iterator[None]:
    """Let code of optax mix dtypes and ranks, as it does with its counts of steps.

    JAX's strict modes are for the code of who turns them on.
    """
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def lenient(
    transformation: optax.GradientTransformation,
) -> optax.GradientTransformation:
    """Return a transformation of optax that JAX's strict modes do not stop."""

    def update(gradients: Params, state: Any, params: Params = None) -> Any:
        with as_optax_computes():
            return transformation.update(gradients, state, params)

    return optax.GradientTransformation(transformation.init, update)


def update(
    transformation: optax.GradientTransformation,
    gradients: Params,
    state: Any,
    params: Params,
    loss: tuple[Array, Array],
    value_fn: Loss,
) -> Any:
    """Return the updates and the next state of a transformation.

    Args:
        transformation: one of this library, or of optax.
        gradients: of the loss, of the shape of ``params``.
        state: that of the transformation.
        params: before the step.
        loss: the sum of the losses and what to divide it by.
        value_fn: gives the loss of other parameters.
    """
    if isinstance(transformation, OwnTransformation):
        return transformation.update(gradients, state, params)
    with as_optax_computes():
        if not isinstance(transformation, optax.GradientTransformationExtraArgs):
            return transformation.update(gradients, state, params)

        def step(value: Any) -> Any:
            return transformation.update(
                gradients, state, params, value=value, grad=gradients, value_fn=value_fn
            )

        dtype = jax.dtypes.canonicalize_dtype(float)
        try:
            used = _uses(step, dtype)
        except TypeError:  # a part of it knows no such arguments
            return transformation.update(gradients, state, params)
        # What most ignore is no part of their programs.
        total, rows = loss
        return step(total / rows if used else np.zeros((), dtype))


def _uses(step: Callable[[Any], Any], dtype: Any) -> bool:
    """Return whether a function of a number computes with it."""
    program = jax.make_jaxpr(step)(jax.ShapeDtypeStruct((), dtype)).jaxpr
    (number,) = program.invars
    read = [*program.outvars, *(v for e in program.eqns for v in e.invars)]
    return any(variable is number for variable in read)


def init(transformation: Any, params: Params) -> Any:
    """Return the state of a first step of a transformation or an optimizer."""
    with as_optax_computes():
        return transformation.init(params)


def started(trainer: Any, params: Params) -> Any:
    """Return the state before a first step of what trains parameters.

    Args:
        trainer: whose optimizer it is.
        params: what is trained of a network.

    Raises:
        ArgumentError: it cannot take that step.
    """
    check(trainer.optimizer, trainer.transformation, params)
    return init(trainer.optimizer, params)


def check(optimizer: Any, transformation: Any, params: Params) -> None:
    """Check that a transformation can take steps with parameters of these shapes.

    Args:
        optimizer: what makes the first state.
        transformation: what takes the steps.
        params: arrays, or their shapes and dtypes.

    Raises:
        ArgumentError: it cannot.
    """
    if isinstance(transformation, OwnTransformation):
        return

    structure: Any = jax.tree.structure(params)

    def squares(given: Params) -> Float[Array, ""]:
        """Return a loss that has a gradient everywhere: its values change no shape."""
        if jax.tree.structure(given) != structure:
            raise ValueError("it asks for the loss of a part of the parameters")
        leaves = [jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(given)]
        return sum(leaves, jnp.zeros(()))

    def two_steps(params: Params) -> Any:
        state = init(optimizer, params)
        value, gradients = jax.value_and_grad(squares)(params)
        updates, after = update(
            transformation, gradients, state, params, (value, jnp.ones(())), squares
        )
        return (params, state), (updates, after)

    try:
        before, after = jax.eval_shape(two_steps, params)
    except Exception as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise _refusal(transformation, said[0].rstrip(".")) from error
    for what, first, second in zip(("updates", "state"), before, after, strict=True):
        structures: list[Any] = [jax.tree.structure(tree) for tree in (first, second)]
        if structures[0] != structures[1]:
            raise _refusal(transformation, f"a step gives {what} of another structure")
        pairs = zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True)
        for one, other in pairs:
            if one.shape != other.shape:
                raise _refusal(
                    transformation,
                    f"a step makes {what} of shape {other.shape} of {one.shape}",
                )


def _refusal(transformation: Any, reason: str) -> ArgumentError:
    given, advice = "the gradients of a batch, its own state and the parameters", ""
    if isinstance(transformation, optax.GradientTransformationExtraArgs):
        given += ", and value, grad and value_fn"
    elif isinstance(getattr(transformation.update, "__self__", None), optax.MultiSteps):
        advice = "give fit a larger batch_size in place of MultiSteps, or "
    return ArgumentError(
        f"optimizer: this transformation of optax cannot train the model ({reason}). "
        f"It is given {given}: {advice}choose one that needs no more, such "
        "as optax.adam(1e-3), or write the loop around jax.grad yourself."
    )
