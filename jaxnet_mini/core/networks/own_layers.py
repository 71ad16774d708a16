"""Layers in Keras's form: `Layer`, from which users derive classes with ``call``.

What such a class says is turned into the functions of every layer here. ``init`` looks
once, at shapes alone, which weights ``build`` asks for and what comes to the layers
that ``call`` calls, and makes them; ``apply`` and ``update`` run ``build`` and ``call``
on a copy that has these weights, see `jaxnet_mini.core.networks.calls`.
"""

import abc
from typing import Any

import jax
from jax import Array

from jaxnet_mini.base.absent import calls as absent_calls
from jaxnet_mini.base.arguments import check_flag, check_positive
from jaxnet_mini.base.policies import COMPUTE_DTYPES, check_policy
from jaxnet_mini.core import inspection, regularizers
from jaxnet_mini.core.inspection import Configured
from jaxnet_mini.core.layers.base import check_name, remembers
from jaxnet_mini.core.layers.penalties import constrained, total_penalty
from jaxnet_mini.core.networks import added, alone, calls, holding, protocol
from jaxnet_mini.core.networks.alone import Alone
from jaxnet_mini.core.networks.running import Running
from jaxnet_mini.core.types import Params, RandomKey, Shape, State, check_shape
from jaxnet_mini.errors import ArgumentError, LayerError


class Layer(Running, Alone, Configured, abc.ABC):
    """A layer in Keras's form; derive a class with ``call``, and ``build`` for weights.

    - ``build(self, input_shape)`` asks for weights by `add_weight` and keeps them as
      attributes. The shape begins with None, for the batch.
    - ``call(self, x)`` returns outputs, ``(batch, ...)``. It may take ``training``,
      whether it is called by ``fit``; ``key``, for random numbers, None where there is
      none; and ``mask``, ``(batch,)``, 0 for rows that fill up the last batch, or None.
    - Layers that are kept as attributes, also in lists and dictionaries, are called
      like functions there: ``self.hidden(x)``. Their parameters are part of this one's.
    - A weight with ``trainable=False`` that ``call`` assigns to is remembered from
      batch to batch. All rows of a batch come to ``call``, the padding too: what
      remembers something should take ``mask``.

    Weights belong to a model, and have values within ``call``: the object itself stays
    as it is, and is equal to itself alone. Called by itself, ``layer(x)``, it has
    weights of its own, which a model then begins with; from then on it is called with
    that model's, and answers for them. Change it before ``compile``.

    Args:
        name: a word without ``/``; by default the class in snake case.
        trainable: False freezes all weights.
        input_shape: of one example, without the batch axis; None for any.
        input_dim: short for an ``input_shape`` of one axis.
        activity_regularizer: a penalty on its outputs, see `jaxnet_mini.regularizers`.
        dtype: in what it computes, ``"float32"`` or ``"mixed_bfloat16"``; None for
            what the network around it does. The layers that it calls go by it too.

    Raises:
        ArgumentError: one is none of these.

    Source: https://keras.io/api/layers/base_layer/

    >>> import jax.numpy as jnp
    >>> import jaxnet_mini as jn
    >>> class Linear(Layer):
    ...     def __init__(self, units, **options):
    ...         super().__init__(**options)
    ...         self.units = units
    ...     def build(self, input_shape):
    ...         self.kernel = self.add_weight((input_shape[-1], self.units))
    ...     def call(self, x):
    ...         return x @ self.kernel
    >>> model = jn.Sequential([Linear(3, input_dim=2), jn.Dense(1)])
    >>> model(jnp.ones((5, 2))).shape, model.count_params()
    ((5, 1), 10)
    """

    name: str | None = None
    trainable: bool = True
    input_shape: Shape | None = None
    given_to_all = "name", "trainable"
    dtype: str | None = None
    _casts = "inner"
    sees_outputs = True  # of its parts, see `jaxnet_mini.core.networks.activity`

    @absent_calls.of("", "layers")
    def __init__(
        self,
        *,
        name: str | None = None,
        trainable: bool = True,
        input_shape: Any = None,
        input_dim: int | None = None,
        activity_regularizer: Any = None,
        dtype: Any = None,
    ) -> None:
        if dtype is not None:
            self.dtype = check_policy("dtype", dtype)
        if name is not None:
            self.name = check_name("name", name)
        self.trainable = check_flag("trainable", trainable)
        if regularizers.get(activity_regularizer) is not None:
            self.activity_regularizer = activity_regularizer
        if input_dim is not None:
            if input_shape is not None:
                raise ArgumentError("give input_shape or input_dim, not both.")
            input_shape = (check_positive("input_dim", input_dim),)
        if input_shape is not None:
            self.input_shape = check_shape(input_shape, "input_shape")

    def __setattr__(self, name: str, value: Any) -> None:
        inspection.check_free(self, name, calls.RESERVED)
        scope = vars(self).get(calls.SCOPE)
        object.__setattr__(
            self, name, value if scope is None else calls.bound(value, scope)
        )

    @classmethod
    def __subclasshook__(cls, other: type) -> Any:
        """Count everything that is a layer here, derived from this class or not."""
        if cls is not Layer:
            return NotImplemented
        return all(callable(getattr(other, name, None)) for name in ("init", "apply"))

    @property
    def compute_dtype(self) -> str:
        """Of its inputs and, within ``call``, of its weights."""
        return COMPUTE_DTYPES[self.dtype or "float32"]

    # What a user's class defines and calls

    def call(self, x: Any) -> Any:
        """Return the outputs for a batch.

        Raises:
            LayerError: the class does not say how.
        """
        raise LayerError(
            f"{type(self).__name__} has no call: give it def call(self, x), which "
            "returns the outputs."
        )

    def add_weight(
        self,
        shape: Any = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        **named: Any,
    ) -> Any:
        """Return a new weight, to be kept as an attribute and used in ``call``.

        Args:
            shape: a tuple of integers; () for one number.
            initializer: a name, one of `jaxnet_mini.initializers` or a callable
                ``(key, shape) -> array``; by default ``"glorot_uniform"``, and
                ``"zeros"`` for what is no float.
            dtype: of its numbers; ``"float32"`` by default, in x64 ``"float64"``.
            trainable: whether gradients change it.
            **named: ``regularizer``, ``constraint``, and ``name``, by default
                ``"variable"``; a name that is there already is numbered.

        Raises:
            ArgumentError, UnknownNameError: one is none of these.
        """
        given = shape, initializer, dtype, trainable
        return calls.add_weight(self, repr(self), *given, **named)

    def add_variable(self, *given: Any, **named: Any) -> Any:
        """See `add_weight`."""
        return self.add_weight(*given, **named)

    def add_loss(self, loss: Any) -> None:
        """Add to the loss of a batch, in training and evaluation; within ``call``.

        Args:
            loss: a number or an array, or several in a list; all of it is summed up.
                Where the last batch is filled up, it is what it were without padding,
                if it is a sum or a mean over the rows. Where it is neither, or the
                layer remembers something, and ``call`` does not look at ``mask``, a
                last, shorter batch comes as it is.

        Raises:
            LayerError: it is called elsewhere.

        >>> import jax.numpy as jnp
        >>> import jaxnet_mini as jn
        >>> class Small(Layer):
        ...     __module__ = "script"  # as in one of a user's own
        ...
        ...     def call(self, x):
        ...         self.add_loss(0.1 * jnp.mean(x**2))
        ...         return x
        >>> model = jn.Sequential([Small(input_dim=1)])
        >>> model.compile(loss="mse")
        >>> round(model.evaluate(jnp.ones((4, 1)), jnp.ones((4, 1)), verbose=0), 4)
        0.1
        """
        calls.add_loss(self, loss)

    # What every layer is asked

    def init(self, key: RandomKey, input_shape: Any) -> tuple[Any, Params]:
        """Return the output shape and the parameters; see `jaxnet_mini.core.types`."""
        looked, own = self._look(input_shape), alone.of(self)
        if own is not None:  # it was called by itself, and brings its weights
            return looked.output_shape, own.params
        params: dict[str, Any] = {}
        for place, spec in enumerate(looked.specs.values()):
            if spec.trainable or not self.has_state:
                own_key = jax.random.fold_in(key, calls.FIRST_WEIGHT + place)
                params[spec.name] = spec.first(own_key)
        for place, (name, layer) in enumerate(looked.parts.items()):
            if name in looked.shapes:
                own_key = jax.random.fold_in(key, place)
                params[name] = layer.init(own_key, looked.shapes[name])[1]
        return looked.output_shape, params

    def apply(
        self,
        params: Params,
        x: Any,
        *,
        key: RandomKey | None = None,
        training: bool = False,
    ) -> Any:
        """Return the outputs for a batch.

        Raises:
            LayerError: the layer has a state, and is called by ``update``.
        """
        if self.has_state:
            raise remembers(self)
        return self.update(params, {}, x, key=key, training=training)[0]

    @property
    def has_state(self) -> bool:
        """Whether it is to be asked by ``update``.

        So it is where ``call`` assigns to a weight or adds to the loss, or a part
        remembers something or has its outputs penalized. A class may say so itself by
        ``has_state = True``.
        """
        if calls.NOT_APPLIED & inspection.names_in(type(self._written)):
            return True
        parts = calls.parts_of(self._attributes)
        return any(map(protocol.has_state, parts)) or any(
            getattr(inner, "activity_regularizer", None) is not None
            for part in parts
            for inner in holding.within(part)
        )

    @property
    def always_training(self) -> bool:
        """See `jaxnet_mini.core.networks.protocol.always_training`."""
        looked = vars(self).get("_looked")
        if looked is None:
            return False
        parts = map(protocol.always_training, looked.parts.values())
        return looked.always_training or any(parts)

    def init_state(self, input_shape: Any) -> State:
        """Return what it remembers before its first batch."""
        own = alone.of(self)
        if own is not None or not self.has_state:
            return {} if own is None else own.state
        looked, state = self._look(input_shape), {}
        for place, spec in enumerate(looked.specs.values(), calls.FIRST_WEIGHT):
            if not spec.trainable:
                own_key = jax.random.fold_in(jax.random.key(0), place)
                state[spec.name] = spec.first(own_key)
        for name, layer in looked.parts.items():
            if name in looked.shapes and protocol.has_state(layer):
                state[name] = protocol.init_state(layer, looked.shapes[name])
        return state

    def update(
        self,
        params: Params,
        state: State,
        x: Any,
        *,
        key: RandomKey | None = None,
        training: bool = False,
        mask: Array | None = None,
    ) -> tuple[Any, State]:
        """Return the outputs, and what it remembers next."""
        scope = self._new_scope(dict(params), dict(state), key=key, training=training)
        scope.mask = mask
        y = self._run(scope, x)
        if scope.added or scope.of_parts:
            total = sum([*scope.of_parts, self._added(scope, x)])
            scope.state[added.ADDED] = total + state.get(added.ADDED, 0.0)
        return y, scope.state

    def penalty(self, params: Params) -> Array | float:
        """Return what the regularizers of its weights and its parts add to the loss."""
        looked = self._looked
        wanted = {n: s.regularizer for n, s in looked.specs.items() if s.trainable}
        total = total_penalty(params, wanted)
        for name in looked.shapes:
            total = total + protocol.penalty(looked.parts[name], params[name])
        return total

    def constrain(self, params: Params) -> Params:
        """Return the parameters, brought back to the constraints of its weights."""
        looked = self._looked
        wanted = {name: spec.constraint for name, spec in looked.specs.items()}
        parts = {
            name: protocol.constrain(looked.parts[name], params[name])
            for name in looked.shapes
        }
        return constrained(params | parts, wanted)

    def trainable_mask(self, params: Params) -> Any:
        """Return a tree like ``params``, with True for what is trained."""
        looked = self._looked
        return {
            name: looked.specs[name].trainable
            if name in looked.specs
            else protocol.trainable_mask(looked.parts[name], own)
            for name, own in params.items()
        }


def is_own(value: Any) -> bool:
    """Tell whether a value, or a class, derives from `Layer`."""
    kind = value if isinstance(value, type) else type(value)
    return Layer in kind.__mro__
