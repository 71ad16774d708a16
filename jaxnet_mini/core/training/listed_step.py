"""Steps as classes in Keras's form write them: methods on lists of variables.

``train_step(state, data)`` of such a class returns its logs, and the lists after a
step. Among the lists are the variables of its metrics, which begin anew in each epoch:
both go from step to step with the sums of the compiled loop, where those of loss and
metrics are otherwise.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.tree_util import Partial

from jaxnet_mini.core.networks import weights
from jaxnet_mini.core.training import own_step
from jaxnet_mini.core.training.state import Batch, TrainState
from jaxnet_mini.core.training.sums import Sums
from jaxnet_mini.core.training.update import step_key
from jaxnet_mini.core.types import Variables
from jaxnet_mini.core.values import Value
from jaxnet_mini.core.variables import plain
from jaxnet_mini.errors import ArgumentError

NAME = "step"
"""By what name the sums have what a `Method` has counted."""


@dataclasses.dataclass(frozen=True, eq=False)
class Method:
    """A ``train_step`` or a ``test_step`` of a user's class.

    Args:
        call: the method, ``(state, data) -> (logs, state)``.
        word: its name.
        lists: returns the paths of the variables that are trained, and of the others.
        begun: returns the variables of the metrics before the first batch.
        logs: shapes and dtypes of what it logs; None before it was tried out.
    """

    call: Callable[..., Any]
    word: str
    lists: Callable[[], tuple[Sequence[str], Sequence[str]]]
    begun: Callable[[], list[Array]]
    logs: Mapping[str, Any] | None = None

    name = NAME
    is_carried = True  # see `Sums.of_nothing`

    def zeros(self) -> dict[str, Any]:
        """Return what there is before the first batch."""
        logs = {n: jnp.zeros(v.shape, v.dtype) for n, v in (self.logs or {}).items()}
        return {"variables": self.begun(), "logs": logs}

    @functools.cached_property
    def no_sums(self) -> Sums:
        """The sums of no batch, on the host."""
        return Sums.of_nothing((), (self,))

    def __call__(
        self,
        variables: Variables,
        optimizer: Sequence[Array] | None,
        batch: Batch,
        before: Mapping[str, Any] | None,
    ) -> tuple[Variables, list[Array], dict[str, Any]]:
        """Return the variables, the optimizer's, and the sums after one batch.

        Args:
            variables: before it.
            optimizer: likewise; None in an evaluation.
            batch: the examples, without padding.
            before: what was counted before; None for nothing.

        Raises:
            ArgumentError: the method returns something else.
        """
        found = weights.of(variables)
        paths = self.lists()
        counted = self.begun()
        if before is not None:  # which the sums have as floats
            pairs = zip(before["variables"], counted, strict=True)
            counted = [value.astype(like.dtype) for value, like in pairs]
        lists = [[found[path] for path in own] for own in paths]
        given = [*lists, *([] if optimizer is None else [[*optimizer]]), counted]
        logs, after = self._checked(self.call(tuple(given), _data(batch)), given)
        named = dict(zip([*paths[0], *paths[1]], [*after[0], *after[1]], strict=True))
        own = {"variables": after[-1], "logs": logs}
        sums = {NAME: Partial(_instead, own)}
        return weights.unflattened(variables, named), after[-2], sums

    def _checked(
        self, made: Any, given: Sequence[list[Array]]
    ) -> tuple[dict[str, Any], list[list[Array]]]:
        """Return the logs, and the lists with the dtypes of those that were given."""
        names = ["trainable", "non-trainable", "metric"]
        if len(given) == 4:
            names.insert(2, "optimizer")
        expected = (
            f"{self.word} must return (logs, state): a dictionary of numbers by name, "
            f"and lists of the {', '.join(names)} variables as it was given them"
        )
        if not (isinstance(made, tuple | list) and len(made) == 2):
            raise ArgumentError(f"{expected}, not {type(made).__name__}.")
        logs, state = made
        if not isinstance(logs, Mapping) or not all(isinstance(n, str) for n in logs):
            raise ArgumentError(f"{expected}; its logs are {type(logs).__name__}.")
        if not isinstance(state, tuple | list) or len(state) != len(given):
            raise ArgumentError(
                f"{expected}; its state is no tuple of {len(given)} lists."
            )
        after = []
        for name, own, old in zip(names, state, given, strict=True):
            new = [jnp.asarray(plain(value)) for value in own]
            shapes = [[value.shape for value in of] for of in (old, new)]
            if shapes[0] != shapes[1]:
                raise ArgumentError(
                    f"{expected}; the {name} variables had the shapes {shapes[0]} "
                    f"and have {shapes[1]}."
                )
            pairs = zip(new, old, strict=True)
            after.append([value.astype(before.dtype) for value, before in pairs])
        return {name: jnp.asarray(plain(v)) for name, v in logs.items()}, after


@dataclasses.dataclass(frozen=True, repr=False)
class Steps(Value):
    """What a user's class does in place of the usual step and evaluation.

    Args:
        train: its ``train_step``; None for the usual step.
        test: its ``test_step``; likewise.
    """

    train: Method | None = None
    test: Method | None = None

    @property
    def methods(self) -> list[Method]:
        """Those that there are."""
        return [own for own in (self.train, self.test) if own is not None]


def trained(
    method: Method, state: TrainState, batch: Batch, sums: Sums | None
) -> tuple[TrainState, dict[str, Any]]:
    """Return the state after a step, and its sums, given those before it."""
    optimizer, structure = jax.tree.flatten(state.optimizer_state)
    with own_step.drawing(step_key(state)):
        variables, optimizer, new = method(
            state.variables, optimizer, batch, _before(sums)
        )
    after = state.with_variables(variables)
    return after._replace(
        optimizer_state=jax.tree.unflatten(structure, optimizer), step=state.step + 1
    ), new


def evaluated(
    method: Method, variables: Variables, index: Any, batch: Batch, sums: Sums | None
) -> dict[str, Any]:
    """Return the sums after the batch of an index, given those before it."""
    batch = batch._replace(mask=None)
    with own_step.drawing(jax.random.fold_in(jax.random.key(0), index)):
        return method(variables, None, batch, _before(sums))[2]


def loss_in(new: Mapping[str, Any]) -> Array:
    """Return the loss among the sums of a batch; 0 where a step of one's own has none.

    Of such a step it is what the logs have by this name.
    """
    if NAME not in new:
        loss: Array = new["loss"][0]
        return loss
    logs = new[NAME]()["logs"]
    return jnp.sum(logs["loss"]) if "loss" in logs else jnp.zeros(())


def _before(sums: Sums | None) -> Any:
    return None if sums is None else sums.value()[NAME]


NO_STEPS = Steps()


def _data(batch: Batch) -> Any:
    """Return a batch as Keras hands it on: inputs, targets and weights in a tuple."""
    x, y, weight = (
        list(own) if isinstance(own, tuple) else own
        for own in (batch.x, batch.y, batch.weight)
    )
    if weight is not None:
        return x, y, weight
    without = y is None or not jax.tree.leaves(y)
    return (x,) if without else (x, y)


def _instead(new: dict[str, Any], _: Any = None) -> dict[str, Any]:
    """Return what has been counted after a batch, in place of what had before."""
    return new
