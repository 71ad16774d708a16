"""Repetition: one layer many times in a row, in a program of the size of one.

A `serial` of 128 layers is 128 layers to trace and to compile. Here the compiler sees
one, in a loop over parameters that are stacked along a first axis.
"""

import dataclasses
import functools
from typing import Annotated, Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.core import origins
from jaxnet_mini.core.fields import Checked, Positive, accepted
from jaxnet_mini.core.networks import outline, protocol, serial
from jaxnet_mini.core.types import Layer, Params, RandomKey, Shape, State
from jaxnet_mini.errors import ShapeError


@dataclasses.dataclass(frozen=True, repr=False)
class Repeat(protocol._ByUpdate):
    """One layer ``n`` times in a row, itself a layer; see `repeat`.

    Args:
        layer: keeps the shape of its inputs.
        n: how many times.
    """

    layer: Annotated[Layer, Checked(accepted, by=serial.check_layer)]
    n: Positive

    def __repr__(self) -> str:
        name = "" if self.name is None else f", name={self.name!r}"
        return f"repeat({self.layer!r}, {self.n}{name})"

    def init(self, key: RandomKey, input_shape: Shape) -> tuple[Shape, Params]:
        self.check(input_shape)
        shape = tuple(input_shape)
        (one,) = outline.outline(serial.serial(self.layer), shape)
        if tuple(one.output_shape) != shape:
            raise ShapeError(
                f"{self!r} repeats a layer that keeps the shape of its inputs, and "
                f"this one makes {tuple(one.output_shape)} of {shape}: put "
                f"{self.layer!r} once before it, or repeat another layer."
            )

        def fresh(place: Array) -> Params:
            return self.layer.init(jax.random.fold_in(key, place), shape)[1]

        # Not vmap, under which not every kind of key draws what it draws alone.
        params = jax.lax.map(fresh, jnp.arange(self.n, dtype=jnp.int32))
        return shape, serial.in_order_of(one.params, params)

    @property
    def has_state(self) -> bool:
        """Whether the layer remembers something."""
        return protocol.has_state(self.layer)

    def init_state(self, input_shape: Shape) -> State:
        """Return what the layer remembers, once for each repetition."""
        one = protocol.init_state(self.layer, tuple(input_shape))
        return jax.tree.map(lambda leaf: jnp.stack([leaf] * self.n), one)

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
        """Return the outputs, and what each repetition remembers afterwards."""
        for leaf in jax.tree.leaves((params, state)):
            if jnp.shape(leaf)[:1] != (self.n,):
                raise ShapeError(
                    f"{self!r} got a parameter of shape {jnp.shape(leaf)}, and the "
                    f"first axis of each must be {self.n}, one entry a repetition: "
                    "give it parameters that its own init made, or stack them."
                )
        run: Any = _run
        if not origins.is_known(self.layer) and any(
            isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves((params, x))
        ):
            run = run.__wrapped__  # what is being traced is traced anew
        after: tuple[Array, State] = run(
            self, (params, state), x, (key, mask), training, origins.at_hand()
        )
        return after

    @property
    def always_training(self) -> bool:
        """See `jaxnet_mini.core.networks.protocol.always_training`."""
        return protocol.always_training(self.layer)

    @property
    def acts_by_row(self) -> bool:
        """See `jaxnet_mini.core.networks.protocol.acts_by_row`."""
        return type(self) is Repeat and protocol.acts_by_row(self.layer)

    def penalty(self, params: Params) -> Array | float:
        return protocol.stacked_penalty(self.layer, params, self.n)

    def constrain(self, params: Params) -> Params:
        one = functools.partial(protocol.constrain, self.layer)
        return jax.vmap(one, axis_size=self.n)(params)

    def trainable_mask(self, params: Params) -> Any:
        """See `jaxnet_mini.core.networks.protocol.trainable_mask`."""
        return protocol.trainable_mask(self.layer, params)


# Compiled, so that a call outside of any jit compiles its loop once, not every time.
@functools.partial(jax.jit, static_argnums=(0, 4, 5), inline=True)
def _run(
    net: Repeat,
    variables: tuple[Params, State],
    x: Array,
    key_and_mask: tuple[RandomKey | None, Array | None],
    training: bool,
    _trace: origins.Trace | None,
) -> tuple[Array, State]:
    """Run the layer in a loop, compiled once for each trace."""
    key, mask = key_and_mask
    layer = net.layer if net.trainable else protocol.frozen(net.layer)

    def once(
        x: Array, repetition: tuple[tuple[Params, State], Array]
    ) -> tuple[Array, State]:
        own, place = repetition
        own_key = None if key is None else jax.random.fold_in(key, place)
        how: dict[str, Any] = {"training": training, "mask": mask, "within": net.dtype}
        return protocol.run(layer, *own, x, key=own_key, **how)

    repetitions = (variables, jnp.arange(net.n, dtype=jnp.int32))
    first: Any = jax.tree.map(lambda leaf: leaf[0], repetitions)
    y = jax.eval_shape(lambda: once(x, first)[0])
    if y.shape != x.shape:
        raise ShapeError(
            f"{net!r} got a batch of shape {x.shape}, of which its layer makes "
            f"{y.shape}: give it inputs of the shape that its parameters are made for."
        )
    # What goes round in a loop has one dtype: that of the outputs, to which layers
    # cast what comes in.
    after: tuple[Array, State] = jax.lax.scan(once, x.astype(y.dtype), repetitions)
    return after


def repeat(layer: Layer, n: int, name: str | None = None) -> Repeat:
    """Apply a layer ``n`` times in a row, each time with parameters of its own.

    It computes what ``serial(layer, ..., layer)`` computes. The compiled program does
    not grow with ``n``, nor does the time that its compilation takes.

    Parameters are those of the layer, each with another first axis of length ``n``.
    Repetition ``i``, from 0, is initialised with the key ``fold_in(key, i)``, and so
    are the layers of a `serial`; with the same key both start from the same numbers.
    Dropout likewise draws anew in each repetition. Regularizers are summed over all.
    What an optimizer does to a weight as a whole, as by ``clipnorm``, in `Lamb` or in
    `Adafactor`, it does to the kernels of all repetitions together, as to one weight.

    Inputs of another dtype than that of the outputs, such as images in ``uint8``, are
    cast to it first.

    Args:
        layer: keeps the shape of its inputs, such as ``Dense(64)`` for 64 features; a
            `serial` or another `repeat` are layers too.
        n: how many times, a positive integer.
        name: in place of ``repeat``, ``repeat_1`` and so on.

    Raises:
        LayerError: ``layer`` is none.
        ArgumentError: ``n`` is no positive integer.
        ShapeError: ``init`` where the layer changes the shape of its inputs, and
            ``apply`` to parameters of another number of repetitions.

    >>> import jaxnet_mini as jn
    >>> from jaxnet_mini.layers import Dense
    >>> net = jn.serial(Dense(64), repeat(Dense(64, "relu"), 128), Dense(10))
    >>> output_shape, params = net.init(jax.random.key(0), (784,))
    >>> params["repeat"]["kernel"].shape
    (128, 64, 64)
    >>> net.apply(params, jnp.zeros((5, 784))).shape
    (5, 10)
    """
    return Repeat(layer, n, name=name)
