"""`Normalization`: features brought to mean 0 and variance 1 of known data."""

import dataclasses
import functools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, TypeAlias

import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from jaxnet_mini.base.arguments import as_finite
from jaxnet_mini.core.fields import Checked, Flag
from jaxnet_mini.core.layers.base import along
from jaxnet_mini.core.layers.normalization import _Normalizing, check_axes
from jaxnet_mini.core.types import Params, RandomKey, Shape, State, as_float
from jaxnet_mini.core.values import _KEY
from jaxnet_mini.errors import ArgumentError, LayerError, ShapeError, short

LEAST = 1e-7
"""Of a standard deviation that is divided by, as in Keras."""

CHUNK = 2**24
"""How many numbers are looked at at a time; an array may be larger than memory."""


def _check_axis(argument: str, value: Any) -> Any:
    if isinstance(value, tuple | list) and not value:
        return None  # as Keras writes it
    return check_axes(argument, value)


def _check_numbers(argument: str, value: Any) -> Any:
    numbers = as_finite(value)
    if numbers is None:
        raise ArgumentError(
            f"{argument} must be a finite number or an array of them, one for each "
            f"entry of axis, not {short(value)}."
        )
    # A file has numbers as they are, and arrays as lists.
    return numbers if numbers.ndim else float(numbers)


def _check_adapted(argument: str, value: Any) -> NDArray[np.float32]:
    found = np.asarray(_check_numbers(argument, value))
    if found.shape[:1] != (2,):
        raise ArgumentError(
            f"{argument} is what Normalization().adapted(x) puts there, a mean and a "
            f"variance, not {short(value)}."
        )
    return found


class Statistic(np.ndarray[Any, np.dtype[np.float32]]):
    """A mean or a variance as Keras shows it: with as many axes as a batch."""

    def numpy(self) -> NDArray[np.float32]:
        """Return it as a plain NumPy array."""
        return np.array(self)


class _Shown:
    """A field that shows what a layer was adapted to where nothing was given.

    Files, comparisons and copies go by what the field holds.
    """

    def __set_name__(self, kind: type, name: str) -> None:
        self.name = name

    def __get__(self, layer: Any, kind: Any) -> Any:
        if layer is None:
            return None  # the default of the field
        given = vars(layer)[self.name]
        found = layer._statistics() if given is None else None
        return given if found is None else layer.shown(found[self.name])

    def __set__(self, layer: Any, value: Any) -> None:
        vars(layer)[self.name] = value


Numbers: TypeAlias = Annotated[Any, Checked(_check_numbers)]
Adapted: TypeAlias = Annotated[Any, Checked(_check_adapted)]


@dataclasses.dataclass(frozen=True, repr=False)
class Normalization(_Normalizing):
    """Bring each feature to mean 0 and variance 1 of data that were looked at before.

    ``(x - mean) / max(sqrt(variance), 1e-7)``, or ``mean + x * max(sqrt(variance),
    1e-7)`` to undo it. Mean and variance are given, or found by `adapt`; without either
    they are 0 and 1. Training does not change them.

    Where they are not given, the layer remembers ``mean`` and ``variance``, of the
    sizes of ``axis``, and ``count``, 0, which stands in Keras's files. Its attributes
    ``mean`` and ``variance`` are None before it is adapted, and then what was found,
    with as many axes as the batches had.

    Args:
        axis: an axis, or several, each entry of which has a mean of its own; -1 is the
            last, 1 the first of an example; None for one mean of all.
        mean: a number or array that fits ``axis``; None to `adapt`.
        variance: likewise; both or neither.
        invert: whether to undo it.
        adapted_to: what `adapted` has found; not to be given by hand.

    Raises:
        ArgumentError: one is none of these, or one of mean and variance is missing.
        ShapeError: ``init`` for examples that do not fit.

    Source: https://keras.io/api/layers/preprocessing_layers/numerical/normalization/

    >>> layer = Normalization().adapted(np.array([[1.0], [3.0]]))
    >>> state = layer.init_state((1,))
    >>> layer.update({}, state, jnp.array([[1.0], [2.0]]))[0]
    Array([[-1.],
           [ 0.]], dtype=float32)
    """

    axis: Annotated[int | Sequence[int], Checked(_check_axis)] | None = -1
    mean: Numbers | None = _Shown()
    variance: Numbers | None = _Shown()
    invert: Flag = False
    _: dataclasses.KW_ONLY
    adapted_to: Adapted | None = dataclasses.field(default=None, repr=False)

    def __post_init__(self, input_dim: int | None) -> None:
        if self.adapted_to is not None:  # shown, and given by what copies the layer
            vars(self).update(mean=None, variance=None)
        super().__post_init__(input_dim)
        mean, variance = (vars(self)[name] for name in ("mean", "variance"))
        if (mean is None) != (variance is None):
            raise ArgumentError("mean and variance must be given both, or neither.")
        if mean is not None and (
            np.shape(mean) != np.shape(variance) or np.any(np.asarray(variance) < 0.0)
        ):
            raise ArgumentError(
                f"mean and variance must be of one shape, and no variance below 0; "
                f"they are of {np.shape(mean)} and {np.shape(variance)}."
            )

    @property
    def has_state(self) -> bool:
        """Whether the statistics are remembered, and not given."""
        return vars(self)["mean"] is None

    def _statistics(self) -> Mapping[str, Any] | None:
        """Return the mean and variance that were found, here or in a model, if any."""
        if self._ask is not None and (found := self._ask()) is not None:
            return found  # type: ignore[no-any-return]
        return self.found

    @property
    def found(self) -> Mapping[str, Any] | None:
        """The mean and variance that it was adapted to, None where it was not."""
        if self.adapted_to is None:
            return None
        return dict(zip(("mean", "variance"), self.adapted_to, strict=True))

    def shown(self, found: Any, rank: int | None = None) -> Statistic:
        """Return a mean or variance as Keras shows it.

        Args:
            found: of the sizes of ``axis``.
            rank: of a batch; None for that of the data, or where it is not known as
                few axes as fit.
        """
        axis: Any = () if self.axis is None else self.axis
        own = (axis,) if isinstance(axis, int) else axis
        least = max([2, *(a + 1 if a > 0 else 1 - a for a in own)])
        rank = rank or self._rank or least
        axes = {a % rank for a in own}
        others = tuple(a for a in range(rank) if a not in axes)
        return np.expand_dims(np.asarray(found), others).view(Statistic)

    def init(self, key: RandomKey, input_shape: Shape) -> tuple[Shape, Params]:
        self.check(input_shape)
        self._known(input_shape)
        return tuple(input_shape), {}

    def init_state(self, input_shape: Shape) -> State:
        """Return mean and variance as `adapted` has found them."""
        mean, variance = self._known(input_shape)
        return {"mean": mean, "variance": variance, "count": jnp.zeros((), jnp.int32)}

    def _known(self, shape: Shape) -> list[Array]:
        """Return mean and variance for examples of a shape."""
        sizes = self.sizes(shape)
        given = (self.mean, self.variance) if not self.has_state else (0.0, 1.0)
        known = given if self.adapted_to is None else self.adapted_to
        there = np.shape(known[0])
        if there != sizes[len(sizes) - len(there) :]:
            raise ShapeError(
                f"{self!r} has statistics of shape {there} and got examples "
                f"of shape {tuple(shape)}, for which they must be {sizes}."
            )
        floats = jnp.zeros(()).dtype
        return [jnp.broadcast_to(jnp.asarray(one, floats), sizes) for one in known]

    def forward(self, params: Params, x: Array) -> Array:
        return self._scaled(x, *self._known(x.shape[1:]))

    def _alone(self, params: Params, x: Any, training: bool) -> Array:
        if self._tell is not None and self.has_state:
            raise LayerError(
                f"{self!r} stands in a model, and has its statistics there: call "
                "model.get_layer(name)(x)."
            )
        return self.forward(params, x)

    def update(
        self, params: Params, state: State, x: Array, **_: Any
    ) -> tuple[Array, State]:
        """Return the outputs, and the same state."""
        return self._scaled(x, state["mean"], state["variance"]), state

    def _scaled(self, x: Array, mean: Array, variance: Array) -> Array:
        x = as_float(x)
        axes = self.axes(x.shape[1:])
        deviation = jnp.maximum(jnp.sqrt(variance), LEAST)
        mean, deviation = (along(axes, v.astype(x.dtype), x) for v in (mean, deviation))
        return mean + x * deviation if self.invert else (x - mean) / deviation

    def adapted(self, data: Any) -> "Normalization":
        """Return the layer with mean and variance of data.

        Args:
            data: an array ``(rows, ...)``, also one that is mapped from a file, or an
                iterable of batches, whose first entries count where they are tuples.

        Raises:
            ArgumentError: there is nothing in it, or mean and variance are given.
            ShapeError: batches are of several shapes.
        """
        found, rank = self._found(data)
        layer = dataclasses.replace(self, adapted_to=found)
        vars(layer)["_rank"] = rank
        return layer

    def adapt(self, data: Any) -> None:
        """Find mean and variance of data in place, as Keras has it.

        The layer becomes another value by it, the one that `adapted` returns, and so it
        can be adapted until it is put into a network. One that stands in a model stays
        what it is, and the model takes what was found.

        Raises:
            LayerError: it stands in a network and in no model.
            ArgumentError, ShapeError: see `adapted`.
        """
        new = self.adapted(data)
        if self._tell is not None and self._tell(new):
            vars(self)["_rank"] = new._rank
            return
        if _KEY in vars(self):
            raise LayerError(
                f"{self!r} stands in a network, whose programs are found by what its "
                "layers are: adapt the layer first, and then build the network with it."
            )
        object.__setattr__(self, "adapted_to", new.adapted_to)
        vars(self)["_rank"] = new._rank

    @functools.cached_property
    def _tell(self) -> Any:  # passed over by what compares layers
        """What has a model adapted in which it stands, if one is there; put by it."""
        return None

    @functools.cached_property
    def _ask(self) -> Any:  # likewise
        """What returns the statistics that it has in a model, if one is there."""
        return None

    @functools.cached_property
    def _rank(self) -> int | None:  # likewise
        """How many axes the batches had that it was adapted to."""
        return None

    def _found(self, data: Any) -> tuple[NDArray[np.float32], int]:
        """Return mean and variance of data, and how many axes these have."""
        if not self.has_state:
            raise ArgumentError(
                "mean and variance are given, and adapt would change nothing: leave "
                "them out, or do not adapt."
            )
        count, mean, squares, rank = 0, np.zeros(()), np.zeros(()), 0
        for batch in _batches(data):
            axes = self.axes(batch.shape[1:])
            others = tuple(a for a in range(batch.ndim) if a not in axes)
            own = np.mean(batch, axis=others)
            number = math.prod(batch.shape[a] for a in others)
            if count and own.shape != mean.shape:
                raise ShapeError(
                    f"batches to adapt to have means of the shapes {mean.shape} and "
                    f"{own.shape}: all must be of one shape."
                )
            # Chan et al. 1983: sums of squares about each mean lose no digits.
            apart, total = own - mean, count + number
            squares = squares + np.var(batch, axis=others) * number
            squares = squares + apart**2 * (count * number / total)
            mean, count, rank = mean + apart * (number / total), total, batch.ndim
        if not count:
            raise ArgumentError("adapt got no rows: give it an array, or batches.")
        return np.stack([mean, squares / count]).astype(np.float32), rank


def _as_floats(numbers: Any) -> NDArray[np.float64]:
    try:
        array = np.asarray(numbers)
        if isinstance(numbers, np.ma.MaskedArray) or array.dtype.kind in "cmMSU":
            raise TypeError
        return array.astype(np.float64)
    except (TypeError, ValueError):  # also words among objects, and ragged rows
        raise ArgumentError(
            f"adapt needs rows of real numbers and got {short(numbers)}: make numbers "
            "of words and dates, and fill what is masked or missing, first."
        ) from None


def _batches(data: Any) -> Iterator[NDArray[np.float64]]:
    """Yield the rows of arrays and of batches in float64, some at a time."""
    if isinstance(data, list) and not (data and hasattr(data[0], "shape")):
        data = _as_floats(data)
    if hasattr(data, "to_numpy"):
        data = data.to_numpy()
    if not hasattr(data, "shape"):
        if not isinstance(data, Iterable) or isinstance(data, str | bytes | Mapping):
            raise ArgumentError(
                f"adapt needs an array or an iterable of batches, not {short(data)}."
            )
        for batch in data:
            yield from _batches(batch[0] if isinstance(batch, tuple) else batch)
        return
    if len(data.shape) < 2:
        data = _as_floats(data).reshape(-1, 1)
    rows = max(1, CHUNK // max(1, math.prod(data.shape[1:])))
    for first in range(0, len(data), rows):
        chunk = _as_floats(data[first : first + rows])
        if not np.all(np.isfinite(chunk)):
            raise ArgumentError(
                "adapt got NaN or infinity: fill in or leave out such rows first."
            )
        yield chunk
