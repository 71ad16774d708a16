"""A first look at what is to be trained: traced on shapes, before anything changes."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp

from jaxnet_mini.core import tracing, transformations
from jaxnet_mini.core.networks import protocol
from jaxnet_mini.core.networks.paths import by_path
from jaxnet_mini.core.training import listed_step, own_step
from jaxnet_mini.core.training.state import Batch
from jaxnet_mini.core.training.sums import Sums
from jaxnet_mini.core.training.totals import totals_of
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.core.types import State
from jaxnet_mini.errors import LayerError


def rehearse(
    trainer: Trainer, x: Any, y: Any, weight: Any = None, training: bool = True
) -> Trainer:
    """Trace network, loss and metrics on a batch, so that errors come before changes.

    Args:
        trainer: what is to be trained.
        x: shapes and dtypes of a batch of inputs.
        y: likewise of targets.
        weight: likewise of weights, which steps of a user's class may look at.
        training: whether a step is to be taken, or a batch to be evaluated.

    Returns:
        The trainer; one with steps of a user's class knows what these log.

    Raises:
        ShapeError: the loss or a metric does not return one value per example, or a
            constraint makes another shape.
        ArgumentError: the optimizer cannot take a step.
        LayerError: a layer changes the shape or dtype of what it remembers.
    """
    if trainer.own_method(training) is not None:
        leaves, structure = jax.tree.flatten((x, y, weight))
        known: Trainer = _with_logs(trainer, training, structure, *leaves)
        return known
    leaves, structure = jax.tree.flatten((x, y))
    _rehearse(trainer, structure, *leaves)
    return trainer


# The same one every time, or its programs would be compiled anew.
@functools.lru_cache(maxsize=256)
def _with_logs(trainer: Trainer, training: bool, structure: Any, *leaves: Any) -> Any:
    """Return the trainer whose own method, which is traced here, knows its logs."""
    method: Any = trainer.own_method(training)

    def logs() -> Any:
        batch = Batch(
            *jax.tree.map(
                lambda leaf: jnp.zeros(leaf.shape, leaf.dtype),
                jax.tree.unflatten(structure, leaves),
            )
        )
        input_shape = jax.tree.map(lambda leaf: leaf.shape[1:], batch.x)
        state = trainer.init(jax.random.key(0), input_shape)
        if training:
            return trainer.step(state, batch)[1]
        new = listed_step.evaluated(method, state.variables, 0, batch, None)
        return trainer.logs(new)

    method = dataclasses.replace(method, logs=tracing.eval_shape(logs))
    side = "train" if training else "test"
    steps = dataclasses.replace(trainer.steps, **{side: method})
    return dataclasses.replace(trainer, steps=steps)


@functools.lru_cache(maxsize=256)
def _rehearse(trainer: Trainer, structure: Any, *leaves: Any) -> None:
    def forward() -> Sums:
        key = jax.random.key(0)
        given = jax.tree.unflatten(structure, leaves)
        input_shape = jax.tree.map(lambda leaf: leaf.shape[1:], given[0])
        variables = protocol.init(trainer.net, key, input_shape)
        trained = trainer.trained(variables.params)
        protocol.constrain(trainer.net, variables.params)
        transformations.check(trainer.optimizer, trainer.transformation, trained)
        batch = Batch(
            *jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), given)
        )
        *_, totals, after = totals_of(trainer.task, variables, batch, key, True)
        _check_state(variables.state, after)
        if trainer.train_step is not None:
            own_step.run(trainer, trainer.init(key, input_shape), batch)
        # Metrics that are carried from batch to batch are counted by this alone.
        return trainer.no_sums().add(totals)

    tracing.eval_shape(forward)


def _check_state(before: State, after: State) -> None:
    """Check that what layers remember keeps its structure, shapes and dtypes."""
    was, now = by_path(before), by_path(after)
    for path in [*was, *now]:
        there, here = (
            f"{of[path].dtype} {of[path].shape}" if path in of else "nothing"
            for of in (was, now)
        )
        if there != here:
            raise LayerError(
                f"update makes {here} of the {there} that the layer remembers as "
                f"{path!r}: return what init_state made, with the same names, shapes "
                "and dtypes."
            )
