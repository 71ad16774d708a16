"""Steps of optimizers on lists of arrays, as Keras has parameters, and not trees."""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxnet_mini.core import transformations
from jaxnet_mini.core.networks.paths import by_path
from jaxnet_mini.core.types import Params
from jaxnet_mini.core.variables import Spec, Variable, plain
from jaxnet_mini.errors import ArgumentError


class Lists(NamedTuple):
    """An optimizer with the parameters that it is to train.

    Args:
        optimizer: one of this library, or of optax.
        like: the tree of the parameters, or of their shapes and dtypes.
        paths: of the parameters in this tree, in the order of the lists.
        variables: what has these paths; of one with a method ``constraint`` that is
            what an update is brought back by.
    """

    optimizer: Any
    like: Params
    paths: tuple[str, ...]
    variables: tuple[Any, ...]

    @classmethod
    def of(cls, optimizer: Any, variables: Sequence[Any]) -> "Lists":
        """Return an optimizer of variables, whose paths are theirs or their places."""
        paths = [getattr(v, "path", str(place)) for place, v in enumerate(variables)]
        if len({*paths}) < len(paths):  # of several models
            paths = [f"{place}/{path}" for place, path in enumerate(paths)]
        arrays = [jnp.asarray(plain(variable)) for variable in variables]
        like = [jax.ShapeDtypeStruct(array.shape, array.dtype) for array in arrays]
        tree = dict(zip(paths, like, strict=True))
        return cls(optimizer, tree, tuple(paths), tuple(variables))

    def _tree(self, argument: str, values: Sequence[Any]) -> Params:
        if len(values) != len(self.paths):
            raise ArgumentError(
                f"{argument} has {len(values)} arrays, and the optimizer is for "
                f"{len(self.paths)}: {', '.join(self.paths)}."
            )
        found = dict(zip(self.paths, map(plain, values), strict=True))
        own: Any = jax.tree.structure(self.like)
        return jax.tree.unflatten(own, [found[path] for path in by_path(self.like)])

    def init(self, values: Sequence[Any]) -> list[Array]:
        """Return the state of a first step."""
        params = self._tree("trainable_variables", values)
        return jax.tree.leaves(transformations.init(self.optimizer, params))

    def apply(
        self, state: Sequence[Any], gradients: Sequence[Any], values: Sequence[Any]
    ) -> tuple[list[Array], list[Array]]:
        """Return the parameters and the state after a step.

        Raises:
            ArgumentError: there are more or fewer arrays than of either.
        """
        init = functools.partial(transformations.init, self.optimizer)
        structure: Any = jax.tree.structure(jax.eval_shape(init, self.like))
        if len(state) != structure.num_leaves:
            raise ArgumentError(
                f"optimizer_variables has {len(state)} arrays, and the optimizer keeps "
                f"{structure.num_leaves}: start from its variables."
            )
        params = self._tree("trainable_variables", values)
        transformation = getattr(self.optimizer, "transformation", None)
        none = jnp.zeros(()), jnp.ones(())
        updates, after = transformations.update(
            transformation() if transformation else self.optimizer,
            self._tree("grads", gradients),
            jax.tree.unflatten(structure, map(plain, state)),
            params,
            none,
            lambda _: none[0],
        )
        found = by_path(optax.apply_updates(params, updates))
        trained = [
            variable.constraint(found[path])
            if hasattr(variable, "constraint")
            else found[path]
            for path, variable in zip(self.paths, self.variables, strict=True)
        ]
        return trained, jax.tree.leaves(after)


def variables_of(state: Sequence[Array], owner: str) -> list[Variable]:
    """Return the arrays of a state as variables."""
    found = []
    for place, array in enumerate(state):
        spec = Spec(
            str(place), array.shape, array.dtype.name, "zeros", None, None, False
        )
        found.append(Variable(spec, {spec.name: array}, owner))
    return found
