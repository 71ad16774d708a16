"""Several networks that answer together: the mean of their outputs, as one layer."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini import composition
from jaxnet_mini.layers import Base
from jaxnet_mini.types import Layer, Params, RandomKey, Shape


@dataclasses.dataclass(frozen=True, repr=False)
class Ensemble(Base):
    """The mean of the outputs of networks, itself a layer.

    Parameters: for each network, under ``net``, ``net_1`` and so on, its own with
    another first axis, along which those of its ``counts`` copies are stacked.

    Args:
        nets: networks of the same shapes of inputs and outputs.
        counts: how many sets of parameters each has.
    """

    nets: tuple[Layer, ...]
    counts: tuple[int, ...]

    def init(self, key: RandomKey, input_shape: Shape) -> tuple[Shape, Params]:
        self.check(input_shape)
        params = {}
        for index, (name, net, count) in enumerate(self._named()):
            keys = jax.random.split(jax.random.fold_in(key, index), count)
            every = [net.init(own, input_shape) for own in keys]
            shape = every[0][0]
            params[name] = stacked([own for _, own in every])
        return shape, params

    def _named(self) -> list[tuple[str, Layer, int]]:
        names = ["net", *(f"net_{number}" for number in range(1, len(self.nets)))]
        return list(zip(names, self.nets, self.counts, strict=True))

    def apply(
        self,
        params: Params,
        x: Array,
        *,
        key: RandomKey | None = None,
        training: bool = False,
    ) -> Array:
        total: Any = 0.0
        for name, net, _ in self._named():

            def outputs(own: Params, net: Layer = net) -> Array:
                return net.apply(own, x, key=key, training=training)

            total = total + jnp.sum(jax.vmap(outputs)(params[name]), axis=0)
        mean: Array = total / sum(self.counts)
        return mean

    @property
    def acts_by_row(self) -> bool:
        """See `composition.acts_by_row`."""
        return all(map(composition.acts_by_row, self.nets))


def stacked(trees: Sequence[Any]) -> Any:
    """Return trees of arrays as one, stacked along a new first axis."""
    first = trees[0]
    if isinstance(first, dict):  # jax.tree.map would sort it
        return {name: stacked([tree[name] for tree in trees]) for name in first}
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)
