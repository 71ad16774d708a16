"""A trainer with scikit-learn's penalty on the kernels, divided by a batch's rows."""

import copy
import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.core.types import Params, RandomKey, State, Variables


@jax.tree_util.register_pytree_node_class
@dataclasses.dataclass(frozen=True)
class Ridge(Trainer):
    """A trainer whose programs take the strength of a penalty as an argument.

    The loss of a batch has besides ``alpha / 2 * sum(kernel**2) / rows``, as in
    scikit-learn. As a pytree it has ``alpha`` as its leaf: another one is the same
    program, and under ``jax.vmap`` many train at once.

    Args:
        alpha: the strength.
        outputs_in_mean: by what the losses are divided in the logs, and there alone:
            scikit-learn learns squared errors by their sum over the outputs, and tells
            their mean.

    >>> from jaxnet_mini.layers import Dense
    >>> trainer = Ridge(Dense(1, use_bias=False), "mse", "sgd", alpha=1.0)
    >>> state = trainer.init(jax.random.key(0), (1,))
    >>> state = state._replace(params={"kernel": jnp.ones((1, 1))})
    >>> _, logs = trainer.step(state, (jnp.ones((4, 1)), jnp.ones((4, 1))))
    >>> float(logs["loss"])  # no error, and 1 / 2 * 1 / 4
    0.125
    """

    alpha: Any = dataclasses.field(default=0.0, kw_only=True)
    outputs_in_mean: int = dataclasses.field(default=1, kw_only=True)

    def gradients_of(
        self, variables: Variables, batch: Any, key: RandomKey, whole: Any = None
    ) -> tuple[Params, dict[str, Any], State]:
        """Return those with the penalty, see `Trainer.gradients_of`.

        Args:
            variables: this and the following as there.
            batch: likewise.
            key: likewise.
            whole: likewise.
        """
        gradients, totals, state = super().gradients_of(variables, batch, key, whole)
        total, rows = totals["loss"]
        params = self.trained(variables.params)
        kernels = filter(_is_kernel, jax.tree.leaves(params))
        squares = sum(jnp.sum(jnp.square(kernel)) for kernel in kernels)
        total = total / self.outputs_in_mean + 0.5 * self.alpha * squares
        gradients = jax.tree.map(
            lambda g, w: g + self.alpha / rows * w if _is_kernel(w) else g,
            gradients,
            params,
        )
        return gradients, totals | {"loss": (total, rows)}, state

    @functools.cached_property
    def _template(self) -> "Ridge":
        """All but the number, the same for all that share a program."""
        return dataclasses.replace(self, alpha=0.0)

    def tree_flatten(self) -> tuple[tuple[Any, ...], "Ridge"]:
        """Return the number, and the rest."""
        return (self.alpha,), self._template

    @classmethod
    def tree_unflatten(cls, template: "Ridge", leaves: Sequence[Any]) -> "Ridge":
        """Return the trainer with a number that may be a tracer."""
        filled = copy.copy(template)
        object.__setattr__(filled, "alpha", leaves[0])
        vars(filled)["_template"] = template
        return filled


def _is_kernel(leaf: Any) -> bool:
    return bool(leaf.ndim == 2)
