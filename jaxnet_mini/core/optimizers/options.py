"""What every optimizer can do besides: clipping, decay, accumulation, averages.

Each is a part of the program only where it is asked for.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.tree_util import keystr, tree_map_with_path

from jaxnet_mini.core.types import Params


class OptionsState(NamedTuple):
    """What is kept besides, None where nobody asks for it.

    ``steps`` counts all steps, those that only add up gradients too.
    """

    inner: Any
    steps: Array | None
    accumulated: Params | None
    average: Params | None


def with_options(
    inner: optax.GradientTransformation,
    learning_rate: Any,
    options: dict[str, Any],
    undecayed: Sequence[str] = (),
) -> optax.GradientTransformationExtraArgs:
    """Return a transformation with the options of `Optimizer` around it.

    Args:
        inner: the optimizer itself.
        learning_rate: of the step.
        options: those that are asked for, by name.
        undecayed: what does not decay, see `decaying`.
    """
    take = _update(inner, learning_rate, options, undecayed)
    period = options.get("gradient_accumulation_steps")
    averaging = "ema_momentum" in options

    def init(params: Params) -> OptionsState:
        def zeros(asked: bool, tree: Any) -> Any:
            return jax.tree.map(jnp.zeros_like, tree) if asked else None

        accumulating, step = period is not None, jnp.zeros((), jnp.int32)
        return OptionsState(
            inner.init(params),
            zeros(accumulating or averaging, step),
            zeros(accumulating, params),
            zeros(averaging, params),
        )

    def update(
        gradients: Params, state: OptionsState, params: Params = None, **extra: Any
    ) -> tuple[Params, OptionsState]:
        if period is None:
            updates, own = take(gradients, state.inner, params, extra)
            total = None
        else:
            total = jax.tree.map(jnp.add, state.accumulated, gradients)

            def due() -> Any:
                mean = jax.tree.map(lambda g: g / period.astype(g.dtype), total)
                updates, own = take(mean, state.inner, params, extra)
                return updates, own, jax.tree.map(jnp.zeros_like, total)

            def wait() -> Any:
                none = jax.tree.map(jnp.zeros_like, gradients)
                return none, state.inner, total

            now = (jnp.asarray(state.steps) + 1) % period == 0
            updates, own, total = jax.lax.cond(now, due, wait)
        average = None
        if averaging:
            updates, average = averaged(updates, state, params, options)
        steps = None if state.steps is None else optax.safe_increment(state.steps)
        return updates, OptionsState(own, steps, total, average)

    return optax.GradientTransformationExtraArgs(init, update)


def _update(
    inner: optax.GradientTransformation,
    learning_rate: Any,
    options: dict[str, Any],
    undecayed: Sequence[str],
) -> Callable[[Params, Any, Params, Any], Any]:
    """Return the update of a transformation, with clipping and decay before it."""
    inner, decay = optax.with_extra_args_support(inner), options.get("weight_decay")

    def take(gradients: Params, state: Any, params: Params, extra: Any) -> Any:
        gradients = clipped(gradients, options)
        if decay is None:
            return inner.update(gradients, state, params, **extra)
        share = decay * learning_rate

        def less(of: Params) -> Params:
            return jax.tree.map(
                lambda value, p, on: value - p * share if on else value,
                of,
                params,
                decaying(params, undecayed),
            )

        # The optimizer sees what is left: some look at the parameters.
        updates, state = inner.update(gradients, state, less(params), **extra)
        return less(updates), state

    return take


def decaying(params: Params, undecayed: Sequence[str]) -> Any:
    """Return a tree like the parameters, False for those that do not decay.

    Args:
        params: the parameters.
        undecayed: of one with a ``/`` in it the path of an array, of another a regular
            expression that is found in its name, the last part of the path.

    >>> decaying({"dense": {"kernel": 1.0, "bias": 2.0}}, ["dense/kernel", "^b"])
    {'dense': {'bias': False, 'kernel': False}}
    """

    def decays(path: Any, _: Any) -> bool:
        whole = keystr(path, simple=True, separator="/")
        name = whole.rsplit("/", 1)[-1]
        return not any(
            word == whole if "/" in word else re.search(word, name)
            for word in undecayed
        )

    return tree_map_with_path(decays, params)


def decaying_in_part(
    inner: optax.GradientTransformation, undecayed: Sequence[str]
) -> optax.GradientTransformation:
    """Return a transformation that decays itself, without the decay of some.

    Args:
        inner: it looks at the parameters for the decay alone.
        undecayed: see `decaying`.
    """

    def update(
        gradients: Params, state: Any, params: Params = None
    ) -> tuple[Params, Any]:
        seen = jax.tree.map(
            lambda p, on: p if on else jnp.zeros_like(p),
            params,
            decaying(params, undecayed),
        )
        updates, state = inner.update(gradients, state, seen)
        return updates, state

    return optax.GradientTransformation(inner.init, update)


def clipped(gradients: Params, options: dict[str, Any]) -> Params:
    """Return the gradients, by one of the three options clipped."""
    if "clipvalue" in options:
        most = options["clipvalue"]
        return jax.tree.map(lambda g: jnp.clip(g, -most, most), gradients)
    if "clipnorm" in options:
        most = options["clipnorm"]
        return jax.tree.map(lambda g: g * most / jnp.maximum(_norm(g), most), gradients)
    if "global_clipnorm" in options:
        most = options["global_clipnorm"]
        norms = [jnp.square(_norm(g)) for g in jax.tree.leaves(gradients)]
        scale = most / jnp.maximum(jnp.sqrt(sum(norms[1:], norms[0])), most)
        return jax.tree.map(lambda g: g * scale, gradients)
    return gradients


def _norm(array: Array) -> Array:
    return jnp.sqrt(jnp.sum(jnp.square(array)))


def averaged(
    updates: Params, state: OptionsState, params: Params, options: dict[str, Any]
) -> tuple[Params, Params]:
    """Return the updates and the moving average after them.

    Args:
        updates: of the step.
        state: before it.
        params: before it.
        options: see `with_options`.
    """
    done = jnp.asarray(state.steps)
    if "gradient_accumulation_steps" in options:
        done = done // options["gradient_accumulation_steps"]
    momentum = options["ema_momentum"]
    old = jnp.where(done == 0, jnp.zeros_like(momentum), momentum)
    after = jax.tree.map(jnp.add, params, updates)
    average = jax.tree.map(
        lambda a, p: old * a + (jnp.ones_like(old) - old) * p, state.average, after
    )
    if "ema_overwrite_frequency" not in options:
        return updates, average
    now = (done + 1) % options["ema_overwrite_frequency"] == 0
    updates = jax.tree.map(
        lambda u, a, p: jnp.where(now, a - p, u), updates, average, params
    )
    return updates, average


def average_of(state: Any) -> Params | None:
    """Return the moving average in the state of an optimizer, None for none."""
    own = getattr(state, "inner_state", None)
    return own.average if isinstance(own, OptionsState) else None
