"""The weights of a model: they are made when first asked for, read and replaced."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from jaxnet_mini.core import origins
from jaxnet_mini.core.networks import weights
from jaxnet_mini.core.networks.outline import LayerOutline
from jaxnet_mini.core.networks.serial import Serial
from jaxnet_mini.core.training.state import TrainState
from jaxnet_mini.core.types import Params, RandomKey, Shape
from jaxnet_mini.data import arrays
from jaxnet_mini.devices import programs, transfers
from jaxnet_mini.errors import ArgumentError, ShapeError, short
from jaxnet_mini.models.building import LayerStack
from jaxnet_mini.models.weights import Weight, fitting
from jaxnet_mini.views import summary, svg


class WeightedStack(LayerStack):
    """A `LayerStack` with weights, which can be applied to a batch."""

    _state: TrainState | None = None

    def _put(
        self, net: Serial, shape: Shape | None, outline: tuple[LayerOutline, ...]
    ) -> None:
        state = None
        if self._state is not None and shape is not None and net.layers:
            # By place: a layer gives up its default name where a new one is given it.
            pairs = zip(self.net.names, net.names, strict=False)
            kept = {new: self._state.params[old] for old, new in pairs}
            expected = weights.shapes(outline)
            for path, value in weights.by_path(kept).items():
                fitting(path, expected[path], value)
            state = programs.untrained(
                origins.retraced(net), shape, np.uint32(self.seed)
            )
            state = state._replace(params=state.params | kept)
        super()._put(net, shape, outline)
        self._state = state

    @property
    def params(self) -> Params:
        """The parameters, ``{"dense": {"kernel": ..., "bias": ...}, ...}``.

        Assigning a tree of the same structure and shapes replaces them.
        """
        return self._untrained().params

    @params.setter
    def params(self, params: Params) -> None:
        structure: Any = jax.tree.structure(self.params)
        if structure != jax.tree.structure(params):
            raise ShapeError(
                f"params must have the structure {structure}, not "
                f"{jax.tree.structure(params)}: start from model.params and change "
                "values only."
            )
        self._replace(weights.by_path(params))

    def _replace(self, values: Mapping[str, Any]) -> None:
        """Put in other weights, given by path."""
        structure = jax.tree.structure(self.params)
        expected = weights.shapes(self._outline)
        paths = weights.by_path(self.params)
        new = [fitting(path, expected[path], values[path]) for path in paths]
        params = jax.tree.unflatten(structure, new)
        with self._turn.making:
            self._turn.check("the weights")
            self._state = self._untrained()._replace(params=params)

    def _untrained(self) -> TrainState:
        """Return the state, made when first asked for; its optimizer may be None."""
        shape = self._known_shape()
        state = self._state
        if state is None:
            with self._turn.making:
                # Meanwhile another thread may have made it.
                state = self._state
                if state is None:
                    seed = np.uint32(self.seed)
                    self._state = state = programs.untrained(
                        self._traced_net, shape, seed
                    )
        return state

    @property
    def weights(self) -> list[Weight]:
        """All weights, in order of the layers, a kernel before its bias."""
        values = weights.by_path(self.params)
        return [Weight(path, values[path]) for path in weights.shapes(self._outline)]

    def get_weights(self) -> list[NDArray[Any]]:
        """Return copies of all weights as NumPy arrays, in the order of `weights`."""
        return [weight.numpy() for weight in self.weights]

    def set_weights(self, arrays: Sequence[Any]) -> None:
        """Replace all weights, given in the order of `weights`.

        Raises:
            ArgumentError: no list.
            ShapeError: another number of arrays, or an array of another shape.
        """
        self._known_shape()
        if not isinstance(arrays, list | tuple):
            raise ArgumentError(
                "set_weights takes a list of arrays, as get_weights returns it, not "
                f"{short(arrays)}."
            )
        paths = list(weights.shapes(self._outline))
        if len(arrays) != len(paths):
            raise ShapeError(
                f"set_weights was given {len(arrays)} arrays and the model has "
                f"{len(paths)}: {', '.join(paths)}."
            )
        self._replace(dict(zip(paths, arrays, strict=True)))

    def count_params(self) -> int:
        """Return the number of numbers in all weights."""
        self._known_shape()
        return summary.count([part.params for part in self._outline])

    def summary(self, print_fn: Callable[[str], Any] | None = None) -> None:
        """Print a table of layers, output shapes and parameters.

        Args:
            print_fn: called once with the whole text instead of printing it.
        """
        summary.print_summary(self.name, self.outline, self.built, print_fn)

    def __call__(
        self, x: Any, *, training: bool = False, key: RandomKey | None = None
    ) -> Array:
        """Return the outputs for a batch as a JAX array; composes with ``jax.grad``.

        Args:
            x: inputs, ``(batch, ...)``.
            training: whether layers such as `Dropout` act as in training.
            key: for these layers.
        """
        given = x
        if not isinstance(x, jax.Array):  # which may be what is being traced
            x = arrays.as_numeric(arrays.without_list(x, row=self._shape), "x")
        shape = np.shape(x)
        if self._net.layers and not self.built:
            self._adopt(self._outlined(tuple(shape[1:])))
        expected, name = self._known_shape(), self._outline[0].name
        arrays.check_features(given, shape, expected, name, "x")
        params = self.params
        with transfers.meant():
            x = jnp.asarray(x)
            return self._traced_net.apply(params, x, key=key, training=training)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows of a model at the end of a cell."""
        return svg.to_html(self)

    def _inputs(self, x: Any) -> NDArray[Any]:
        """Return inputs that the first layer takes, as an array on the host."""
        expected = self._known_shape()
        return arrays.as_inputs(x, expected, self._outline[0].name, "x")
