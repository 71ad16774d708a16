"""How far an optimizer is, where layers of its model are frozen and thawed again."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

from jax import Array

from jaxnet_mini.core import optimizers
from jaxnet_mini.core.networks.outline import LayerOutline
from jaxnet_mini.core.training.state import TrainState
from jaxnet_mini.devices import transfers
from jaxnet_mini.models import weights


class Begun(NamedTuple):
    """The state of an optimizer, and what it is for.

    Attributes:
        trained: the paths of the weights that it trains.
        state: that of the optimizer.
        step: of the model at that time, by its identity.
    """

    trained: frozenset[str]
    state: Any
    step: Array


def before(
    last: Begun | None, outline: Sequence[LayerOutline], state: TrainState | None
) -> Begun | None:
    """Return how far the optimizer is before other layers are trained.

    Args:
        last: what this returned the time before.
        outline: of the layers as they are.
        state: of the model. Where no step was taken since, ``last`` stays: several
            layers are frozen one by one.
    """
    if state is None or (last is not None and last.step is state.step):
        return last
    if state.optimizer_state is None:
        return None
    trained = frozenset(weights.trained_paths(outline))
    return Begun(trained, state.optimizer_state, state.step)


def after(
    last: Begun | None, outline: Sequence[LayerOutline], state: TrainState
) -> TrainState:
    """Return the state of a model of which other layers are trained.

    The optimizer goes on where no step was taken since the same weights were trained;
    else it has to begin afresh.

    Args:
        last: what `before` returned.
        outline: of the layers as they are now.
        state: before.
    """
    same = (
        last is not None
        and last.step is state.step
        and last.trained == weights.trained_paths(outline)
    )
    return state._replace(optimizer_state=last.state if last and same else None)


def at_rate(optimizer: Any, state: Any) -> Any:
    """Return an optimizer with the learning rate that its state has, set by hand.

    A transformation of optax and a schedule stay as they are.

    Args:
        optimizer: of a model.
        state: its state; None before the first step.
    """
    rate = getattr(optimizer, "learning_rate", None)
    if state is None or not isinstance(rate, int | float):
        return optimizer
    now = transfers.to_host(optimizers.get_learning_rate(state))
    if now == now.dtype.type(rate):
        return optimizer
    return dataclasses.replace(optimizer, learning_rate=float(now))


def keep_rate(held: Any) -> None:
    """Let the optimizer of a model begin afresh at the learning rate that it has now.

    Args:
        held: what the model holds.
    """
    trainer, state = held.trainer, held.state
    if trainer is not None and state is not None:
        now = at_rate(trainer.optimizer, state.optimizer_state)
        if now is not trainer.optimizer:
            held.tune(now)


def put_aside(held: Any) -> None:
    """Keep how far the optimizer of a model is before other layers are trained.

    Args:
        held: what the model holds.
    """
    keep_rate(held)
    held.begun = before(held.begun, held.blueprint.shapes, held.state)
