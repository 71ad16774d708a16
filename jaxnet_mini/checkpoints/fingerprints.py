"""What is computed, told by the operations that JAX is asked for.

A digest of them is the same in every process; it may differ where the versions do.
"""

import hashlib
import re
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxnet_mini.base.version import __version__
from jaxnet_mini.core.losses import Loss
from jaxnet_mini.core.metrics import Metric
from jaxnet_mini.core.networks import protocol
from jaxnet_mini.core.networks.outline import LayerOutline
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.core.types import without_key

ADDRESS = re.compile(r"0x[0-9a-f]+")


def versions() -> str:
    """Return all that a fingerprint depends on beside what is computed."""
    backend = jax.default_backend()
    return (
        f"jax {jax.__version__} optax {optax.__version__} jaxnet_mini {__version__} "
        f"{backend}"
    )


def of(function: Callable[..., Any], *arguments: Any) -> str | None:
    """Return a digest of what a function computes, or None where it is not traced.

    Args:
        function: what is traced.
        arguments: arrays, or their shapes and dtypes.
    """
    try:
        closed: Any = jax.make_jaxpr(function)(*arguments)
        lines = _lines(closed.jaxpr, closed.consts)
    except Exception:
        # A user's function may want other arguments than those of a step.
        return None
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _lines(jaxpr: Any, constants: Iterable[Any]) -> list[str]:
    """Return an operation a line, with its parameters, constants to the bit."""
    numbers: dict[Any, str] = {}

    def named(variable: Any) -> str:
        if hasattr(variable, "val"):
            return _bits(variable.val)
        return numbers.setdefault(variable, f"v{len(numbers)}:{variable.aval}")

    lines = [" ".join(map(named, (*jaxpr.constvars, *jaxpr.invars)))]
    lines += map(_bits, constants)
    for equation in jaxpr.eqns:
        lines.append(equation.primitive.name)
        for name, parameter in sorted(equation.params.items()):
            if name != "name":  # of a function
                lines += (name, *_shown(parameter))
        lines.append(" ".join(map(named, (*equation.invars, *equation.outvars))))
    return [*lines, " ".join(map(named, jaxpr.outvars))]


def _shown(parameter: Any) -> list[str]:
    if isinstance(parameter, tuple | list):
        return ["(", *(line for item in parameter for line in _shown(item)), ")"]
    if isinstance(parameter, set | frozenset):
        return sorted(map(repr, parameter))
    if hasattr(parameter, "jaxpr"):
        return _lines(parameter.jaxpr, parameter.consts)
    if hasattr(parameter, "eqns"):
        return _lines(parameter, ())
    if isinstance(parameter, np.ndarray | jax.Array):
        return [_bits(parameter)]
    return [ADDRESS.sub("", repr(parameter))]


def _bits(value: Any) -> str:
    array = np.asarray(without_key(value))
    return f"{array.dtype}{array.shape}{hashlib.sha256(array.tobytes()).hexdigest()}"


def of_layer(part: LayerOutline, x: Any) -> str | None:
    """Return the fingerprint of a layer, forwards and backwards.

    Args:
        part: the layer.
        x: a batch of its inputs, of several a tuple.
    """

    def run(params: Any, x: Any, state: Any, **how: Any) -> Any:
        if protocol.always_training(part.layer):
            how = {"key": jax.random.key(0)} | how
        y, after = protocol.run(part.layer, params, state, x, **how)
        return (y, after) if protocol.has_state(part.layer) else y

    def trained(params: Any, x: Any, key: Any, state: Any) -> Any:
        def outputs(params: Any, x: Any) -> Any:
            return run(params, x, state, key=key, training=True)

        penalty = protocol.penalty(part.layer, params)
        if all(jnp.issubdtype(leaf.dtype, jnp.floating) for leaf in jax.tree.leaves(x)):
            y, back = jax.vjp(outputs, params, x)
        else:
            y, back = jax.vjp(lambda params: outputs(params, x), params)
        after = protocol.constrain(part.layer, params)
        # Only where there is a constraint, as runs were kept before there were any.
        leaves = zip(*map(jax.tree.leaves, (after, params)), strict=True)
        kept = all(one is other for one, other in leaves)
        return (penalty, y, back(y)) if kept else (penalty, y, back(y), after)

    key = jax.eval_shape(lambda: jax.random.key(0))
    training = of(trained, part.params, x, key, part.state)
    # What draws without being asked whether it is in training wants a key here too.
    inference = of(run, part.params, x, part.state)
    return training and f"{training} {inference}"


def of_loss(loss: Loss, y: Any, outputs: Any) -> str | None:
    """Return the fingerprint of a loss, forwards and backwards.

    Args:
        loss: the loss.
        y: a batch of targets.
        outputs: a batch of outputs.
    """

    def both(y: Any, outputs: Any) -> Any:
        values, back = jax.vjp(lambda z: loss.per_example(y, z), outputs)
        return values, back(values)

    return of(both, y, outputs)


def of_metric(metric: Metric, y: Any, outputs: Any) -> str | None:
    """Return the fingerprint of a metric's sums; arguments as in `of_loss`."""
    rows = jax.ShapeDtypeStruct(outputs.shape[:1], outputs.dtype)
    return of(metric.totals, y, outputs, rows)


def of_optimizer(trainer: Trainer, params: Any) -> str | None:
    """Return the fingerprint of a step of the optimizer."""

    def update(params: Any) -> Any:
        state = trainer.optimizer.init(params)
        return trainer.transformation.update(params, state, params)

    return of(update, params)
