"""Several networks that answer together: the mean of their outputs, as one layer."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Annotated, Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.base.arguments import check_positive
from jaxnet_mini.core import precision
from jaxnet_mini.core.fields import Checked, accepted
from jaxnet_mini.core.networks import outline, protocol, serial
from jaxnet_mini.core.types import Layer, Params, RandomKey, State
from jaxnet_mini.errors import ArgumentError, ShapeError


def _check_counts(argument: str, value: Any) -> tuple[int, ...]:
    return tuple(check_positive(f"every one of {argument}", count) for count in value)


@dataclasses.dataclass(frozen=True, repr=False)
class Ensemble(protocol._ByUpdate):
    """The mean of the outputs of networks, itself a layer.

    Parameters: for each network, under ``net``, ``net_1`` and so on, its own with
    another first axis, along which those of its ``counts`` copies are stacked.

    Args:
        nets: networks of the same shapes of inputs and outputs.
        counts: how many sets of parameters each has.
    """

    nets: Annotated[tuple[Layer, ...], Checked(accepted, by=serial.check_layers)]
    counts: Annotated[tuple[int, ...], Checked(_check_counts)]

    def __post_init__(self, input_dim: int | None) -> None:
        super().__post_init__(input_dim)
        if not self.nets or len(self.counts) != len(self.nets):
            raise ArgumentError(
                f"an ensemble needs networks and a number of copies for each, not "
                f"{len(self.nets)} and {len(self.counts)}."
            )

    def init(self, key: RandomKey, input_shape: Any) -> tuple[Any, Params]:
        self.check(input_shape)
        shapes, params = [], {}
        for index, (name, net, count) in enumerate(self._named()):
            (one,) = outline.outline(serial.serial(net), input_shape)
            shapes.append(tuple(one.output_shape))

            def fresh(words: Array, net: Layer = net) -> Params:
                own = jax.random.wrap_key_data(words, impl=jax.random.key_impl(key))
                return net.init(own, input_shape)[1]

            keys = jax.random.split(jax.random.fold_in(key, index), count)
            # Traced once, however many there are. Of keys in a loop JAX's checker does
            # not see that each is used once, hence their words.
            every = jax.lax.map(fresh, jax.random.key_data(keys))
            params[name] = serial.in_order_of(one.params, every)
        if len(set(shapes)) > 1:
            raise ShapeError(
                f"the networks of an ensemble must make outputs of one shape, and make "
                f"{', '.join(map(str, shapes))}."
            )
        return shapes[0], params

    def _named(self) -> list[tuple[str, Layer, int]]:
        names = ["net", *(f"net_{number}" for number in range(1, len(self.nets)))]
        return list(zip(names, self.nets, self.counts, strict=True))

    @property
    def has_state(self) -> bool:
        """Whether one of the networks remembers something."""
        return any(map(protocol.has_state, self.nets))

    def init_state(self, input_shape: Any) -> State:
        """Return what the networks remember, stacked as their parameters are."""
        states = {}
        for name, net, count in self._named():
            if protocol.has_state(net):
                one = protocol.init_state(net, tuple(input_shape))
                states[name] = stacked([one] * count)
        return states

    def update(
        self,
        params: Params,
        state: State,
        x: Array,
        *,
        key: RandomKey | None = None,
        training: bool = False,
        mask: Array | None = None,
    ) -> tuple[Array, State]:
        """Return the mean of the outputs, and what each copy remembers afterwards."""
        how: dict[str, Any] = {"key": key, "training": training, "mask": mask}
        how["within"] = self.dtype
        total: Any = 0.0
        after = {}
        for name, net, _ in self._named():
            inner = net if self.trainable else protocol.frozen(net)

            def run(
                own: Params, remembered: State, net: Layer = inner
            ) -> tuple[Array, State]:
                return protocol.run(net, own, remembered, x, **how)

            has_state = protocol.has_state(net)
            before = state[name] if has_state else {}
            outputs, own = jax.vmap(run)(params[name], before)
            total = total + jnp.sum(precision.widened(outputs), axis=0)
            if has_state:
                after[name] = own
        return total / sum(self.counts), after

    @property
    def always_training(self) -> bool:
        """See `jaxnet_mini.core.networks.protocol.always_training`."""
        return any(map(protocol.always_training, self.nets))

    @property
    def acts_by_row(self) -> bool:
        """See `jaxnet_mini.core.networks.protocol.acts_by_row`."""
        mean = type(self) is Ensemble
        return mean and all(map(protocol.acts_by_row, self.nets))

    def penalty(self, params: Params) -> Array | float:
        parts = self._named()
        penalties = (
            protocol.stacked_penalty(net, params[name], count)
            for name, net, count in parts
        )
        return sum(penalties, 0.0)

    def constrain(self, params: Params) -> Params:
        return {
            name: jax.vmap(functools.partial(protocol.constrain, net), axis_size=count)(
                params[name]
            )
            for name, net, count in self._named()
        }

    def trainable_mask(self, params: Params) -> Any:
        """See `jaxnet_mini.core.networks.protocol.trainable_mask`."""
        return {
            name: protocol.trainable_mask(net, params[name])
            for name, net, _ in self._named()
        }


def stacked(trees: Sequence[Any]) -> Any:
    """Return trees of arrays as one, stacked along a new first axis."""
    first = trees[0]
    if isinstance(first, dict):  # jax.tree.map would sort it
        return {name: stacked([tree[name] for tree in trees]) for name in first}
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)
