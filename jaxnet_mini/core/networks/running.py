"""How a layer in Keras's form is looked at once, and called on a copy ever after."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.core import inspection, precision, random, tracing
from jaxnet_mini.core.networks import added, alone, calls, holding, sources
from jaxnet_mini.core.networks.calls import Looked, Scope
from jaxnet_mini.core.networks.sources import as_inputs
from jaxnet_mini.core.types import Shape, as_wide, is_shape
from jaxnet_mini.core.variables import plain
from jaxnet_mini.errors import LayerError, ShapeError

ROWS = 2
"""In the batch by which shapes are looked at: one row would be broadcast unnoticed."""


class Running:
    """What runs ``build`` and ``call`` of such a layer."""

    input_shape: Shape | None
    dtype: str | None

    @property
    def _policy(self) -> str | None:
        return self.dtype

    @property
    def has_state(self) -> bool:
        """Whether it is to be asked by ``update``."""
        raise NotImplementedError

    def build(self, input_shape: Any) -> None:
        """Ask for weights; nothing by default.

        Args:
            input_shape: with None for the batch axis; of several inputs a tuple or a
                dictionary of shapes.
        """

    @property
    def _written(self) -> Any:
        """The object that has ``call``, and what ``call`` uses as attributes."""
        return self

    @property
    def _options(self) -> tuple[str, ...]:
        """What its ``call`` takes."""
        return inspection.parameters_of(type(self._written), "call")

    @property
    def _attributes(self) -> dict[str, Any]:
        """What a copy of it holds."""
        passed_over = (alone.ALONE, alone.LOSS, "_looked")
        return {n: v for n, v in vars(self).items() if n not in passed_over}

    @functools.cached_property
    def _looked(self) -> Looked:
        """What `init` has seen; kept as what is kept for speed, and no part of it."""
        raise LayerError(
            f"{self!r} does not know its weights yet: call init of the net, "
            "net.init(key, input_shape), once before what needs them."
        )

    def _new_scope(self, params: Any, state: Any, **options: Any) -> Scope:
        options["remembers"] = self.has_state
        options["policy"] = self._policy
        options["frozen"] = not getattr(self, "trainable", True)
        return Scope(repr(self), params, state, **options)

    def _look(self, input_shape: Any) -> Looked:
        """Find its weights and what comes to its parts, and keep that in mind."""
        self._check(input_shape)
        # What is called in training alone has parameters too.
        both = (True, False) if "training" in self._options else (False,)
        found: list[Looked] = []

        def trace() -> None:
            for training in both:
                key = jax.random.key(0) if training else None
                scope = self._new_scope({}, {}, key=key, training=training)
                scope.first = True
                y = self._run(scope, zeros(input_shape))
                shape = jax.tree.map(lambda leaf: row_shape(self, leaf), y)
                parts = scope.parts, scope.shapes, scope.given, scope.attributes
                places = calls.places_of(scope.held), scope.always_training
                found.append(Looked(scope.specs, *parts, shape, *places))

        tracing.eval_shape(trace)
        first, last = found[0], found[-1]
        looked = last._replace(
            shapes=first.shapes | last.shapes, given=first.given | last.given
        )
        self.__dict__["_looked"] = looked
        for inner in holding.within(self._written):
            if hasattr(inner, "adapt"):
                hash(inner)  # from now on it is what it is, as within other networks
        return looked

    def _check(self, input_shape: Any) -> None:
        if self.input_shape is not None and self.input_shape != tuple(input_shape):
            raise ShapeError(
                f"{self!r} expects inputs of shape {self.input_shape} and got "
                f"{tuple(input_shape)}: change its input_shape or reshape the inputs."
            )

    def _run(self, scope: Scope, x: Any) -> Any:
        """Run ``build`` and ``call`` on a copy."""
        copy = calls.copied(self._written, self._attributes, scope)
        x = jax.tree.map(as_wide, precision.cast(x, scope.policy))
        args, named = sources.arguments(x)
        taken = self._taken(x)
        if type(self).build is not Running.build:
            copy.build(**self.build_shapes(x))
            calls.bind(copy, scope)
        given = {"training": scope.training, "mask": scope.mask, "key": scope.key}
        free = {*self._options} - taken.keys()
        wanted = {n: v for n, v in given.items() if n in free}
        with random.drawing(scope.next_key):
            y = copy.call(*args, **wanted | named)
        return jax.tree.map(lambda leaf: jnp.asarray(plain(leaf)), as_inputs(y))

    def _taken(self, x: Any) -> dict[str, Any]:
        """Return what ``call`` is called with, by name."""
        return inspection.bound(type(self._written), "call", *sources.arguments(x))

    def build_shapes(self, x: Any) -> dict[str, Any]:
        """Return what ``build`` is called with, as in Keras.

        Of a batch that is the shape of the first argument of ``call``, or, where it
        takes several, as ``x_shape`` that of an argument ``x``, but for masks.
        """
        first, *others = inspection.parameters_of(type(self), "build")
        shapes = {
            f"{name}_shape": jax.tree.map(lambda leaf: (None, *leaf.shape[1:]), own)
            for name, own in self._taken(x).items()
            if not name.endswith("mask")
            and all(hasattr(leaf, "shape") for leaf in jax.tree.leaves(own))
        }
        if not others:
            return {first: next(iter(shapes.values()))}
        return {name: shapes[name] for name in (first, *others) if name in shapes}

    def _added(self, scope: Scope, x: Any) -> Any:
        """Return what ``call`` added to the loss; padding counts in none of it."""
        looks = "mask" in self._options or jax.tree.leaves(scope.state)
        if scope.mask is None or not scope.added or looks:
            return sum(scope.added)

        def by_row(row: Any) -> list[Array]:
            fresh: Any = {"specs": {}, "parts": {}, "calls": {}, "keys": 0}
            fresh |= {"mask": None, "added": [], "of_parts": []}
            one = dataclasses.replace(scope, **fresh)
            self._run(one, jax.tree.map(lambda leaf: leaf[None], row))
            return one.added

        return added.of_real_rows(scope.added, by_row, x, scope.mask)


def zeros(shape: Any) -> Any:
    """Return a small batch of zeros, of a shape or of several."""
    floats = jax.dtypes.canonicalize_dtype(float)
    return jax.tree.map(
        lambda own: jnp.zeros((ROWS, *own), floats),
        tuple(shape) if isinstance(shape, list) else shape,
        is_leaf=is_shape,
    )


def row_shape(layer: Any, y: Array) -> Shape:
    """Return the shape of what a layer gives for one row of `zeros`.

    Raises:
        ShapeError: it does not give one row for each.
    """
    if y.shape[:1] != (ROWS,):
        raise ShapeError(
            f"{layer!r} gave outputs of shape {y.shape} for {ROWS} rows: call must "
            "return one row for each, with the batch axis first."
        )
    return y.shape[1:]
