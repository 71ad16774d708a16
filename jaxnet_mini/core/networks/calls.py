"""A call of a layer in Keras's form, as the layer sees it from within.

The layer's ``build`` and ``call`` run on a copy of it, made for one call and thrown
away: its weights are arrays there, and the layers that it holds can be called. So
what a user writes as if it changed the object changes nothing, and no tracer is left
behind.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.core import precision, random
from jaxnet_mini.core.networks import activity, protocol
from jaxnet_mini.core.networks.composed import naming
from jaxnet_mini.core.networks.serial import unique_names
from jaxnet_mini.core.networks.sources import called_with
from jaxnet_mini.core.types import Layer, Params, RandomKey, State, as_float
from jaxnet_mini.core.values import MADE_OF, mapped
from jaxnet_mini.core.variables import Spec, Variable, plain, spec_of
from jaxnet_mini.errors import ArgumentError, LayerError

SCOPE = "_scope"
"""Where a copy keeps what its call computes with; no other object has one."""


FIRST_WEIGHT = 2**31
"""What is folded into the key of the first own weight; layers count from 0."""

RESERVED = frozenset(
    {"apply", "constrain", "init", "init_state", "penalty", "trainable_mask", "update"}
)
"""What networks ask of a layer, and a user's attribute would hide."""

NOT_APPLIED = {"add_loss", "assign", "assign_add", "assign_sub"}
"""What ``call`` says where more comes of it than outputs."""


@dataclasses.dataclass(eq=False)
class Scope:
    """What a call computes with, and what comes of it.

    Attributes:
        owner: what messages call the layer.
        params: its parameters.
        state: what it remembers, and afterwards what it remembers next.
        key: of the random numbers it draws, or None.
        training: whether it learns from the batch.
        mask: ``(batch,)``, 0 for padding, or None.
        remembers: whether what is not trained is state.
        policy: in what it computes, see `jaxnet_mini.core.precision`.
        first: whether parameters are not there yet, and are made up: by its weights
            and by the layers that it calls.
        frozen: whether nothing in it is trained.
        specs: its weights.
        parts: the layers that it holds, by the names of their parameters.
        shapes: of what came to each of these first.
        given: of what each gave last.
        attributes: the names of weights, by those of the attributes that hold them.
        held: the attributes of the copy that is called.
        added: what it adds to the loss, and of its layers what ``of_parts`` has.
        calls: how often each part was called.
        keys: how many keys ``call`` has drawn itself.
        always_training: whether one was called in training where this is not, or
            random numbers were drawn there.
    """

    owner: str
    params: dict[str, Params]
    state: dict[str, State]
    key: RandomKey | None = None
    training: bool = False
    mask: Array | None = None
    remembers: bool = False
    policy: str | None = None
    first: bool = False
    frozen: bool = False
    specs: dict[str, Spec] = dataclasses.field(default_factory=dict)
    parts: dict[str, Layer] = dataclasses.field(default_factory=dict)
    shapes: dict[str, Any] = dataclasses.field(default_factory=dict)
    given: dict[str, Any] = dataclasses.field(default_factory=dict)
    attributes: dict[str, str] = dataclasses.field(default_factory=dict)
    held: dict[str, Any] = dataclasses.field(default_factory=dict)
    calls: dict[str, int] = dataclasses.field(default_factory=dict)
    added: list[Array] = dataclasses.field(default_factory=list)
    of_parts: list[Array] = dataclasses.field(default_factory=list)
    keys: int = 0
    always_training: bool = False

    def add(self, spec: Spec) -> Any:
        """Take in a weight; return what its layer sees of it."""
        self.specs[spec.name] = spec
        there = self.values_of(spec)
        if self.first:
            there[spec.name] = spec.zeros()
        elif spec.name not in there:
            raise LayerError(
                f"{self.owner} asks for a weight {spec.name!r}, which is not among "
                f"those it was made with, {', '.join(there) or 'none'}: begin with "
                "net.init, and compile anew after a change."
            )
        return (
            Variable(spec, there, self.owner)
            if there is self.state
            else precision.cast(there[spec.name], self.policy)
        )

    def check_adding(self) -> None:
        """Raise a LayerError where the layer is not known to add to the loss."""
        if not self.remembers:
            raise LayerError(
                f"{self.owner} adds to the loss, and that could not be seen "
                "beforehand: write has_state = True into the class."
            )

    def values_of(self, spec: Spec) -> dict[str, Any]:
        """Return where the value of a weight belongs."""
        return self.state if self.remembers and not spec.trainable else self.params

    def drawn(self, name: str) -> RandomKey | None:
        """Return a key for a layer that it holds: another one at each of its calls."""
        place, number = list(self.parts).index(name), self.calls.get(name, 0)
        self.calls[name] = number + 1
        key = jax.random.key(0) if self.key is None and self.first else self.key
        if key is None:
            return None
        own = jax.random.fold_in(key, place)
        return jax.random.fold_in(own, number) if number else own

    def next_key(self) -> RandomKey:
        """Return a key for random numbers that ``call`` draws itself.

        Raises:
            ArgumentError: it is called without a key.
        """
        self.always_training |= not self.training
        key = jax.random.key(0) if self.key is None and self.first else self.key
        drawn = random.drawn_as(FIRST_WEIGHT + self.keys, key, self.owner)
        self.keys += 1
        return drawn


class Looked(NamedTuple):
    """What is known of a layer once it has been made for some inputs.

    Attributes:
        specs: its weights, by name.
        parts: the layers that it calls, by name.
        shapes: of what comes to each.
        given: of what each gives.
        attributes: the names of weights, by those of the attributes that hold them.
        output_shape: of one example.
        places: the names of parts, in place of these in the attributes that hold them.
        always_training: whether a part acts as in training where this does not.
    """

    specs: dict[str, Spec]
    parts: dict[str, Layer]
    shapes: dict[str, Any]
    given: dict[str, Any]
    attributes: dict[str, str]
    output_shape: Any
    places: dict[str, Any]
    always_training: bool = False


class HeldLayer:
    """A layer that another holds, within a call of that one.

    It is called with arrays alone, and what else is asked of it the layer answers.
    """

    def __init__(self, layer: Layer, name: str, scope: Scope) -> None:
        self._layer, self._name, self._scope = layer, name, scope

    def __call__(self, *given: Any, training: bool | None = None, **named: Any) -> Any:
        """Return the outputs, with the layer's own part of the parameters.

        Args:
            *given: one array, or a tuple, list or dictionary of them, and what else
                the layer's ``call`` takes.
            training: None for that of the layer around it.
            **named: likewise.
        """
        scope, layer, name = self._scope, self._layer, self._name
        x, training = called_with(layer, given, named, training)
        x = jax.tree.map(lambda leaf: jnp.asarray(plain(leaf)), x)
        if scope.first and name not in scope.shapes:
            shape = scope.shapes[name] = jax.tree.map(lambda leaf: leaf.shape[1:], x)
            with naming(name):
                made = protocol.init(layer, jax.random.key(0), shape)
            scope.params[name] = made.params
            if protocol.has_state(layer):
                scope.state[name] = made.state
        has_state = protocol.has_state(layer)
        if has_state and not scope.remembers:
            raise LayerError(
                f"{scope.owner} calls {layer!r}, which remembers something, and that "
                "could not be seen beforehand: write has_state = True into the class "
                "of the former."
            )
        if name not in scope.params or (has_state and name not in scope.state):
            raise LayerError(
                f"{scope.owner} calls its layer {name!r}, which it did not call when "
                "its parameters were made: let call() use the same layers each time."
            )
        training = scope.training if training is None else bool(training)
        scope.always_training |= training and not scope.training
        rows = {leaf.shape[:1] for leaf in jax.tree.leaves(x)}
        padded = scope.mask is not None and rows == {scope.mask.shape}
        with naming(name):
            y, after, of_outputs, more = activity.run(
                protocol.frozen(layer) if scope.frozen else layer,
                scope.params[name],
                scope.state.get(name, {}),
                x,
                key=scope.drawn(name),
                training=training,
                mask=scope.mask if padded else None,
                within=scope.policy,
            )
        if has_state:
            scope.state[name] = after
        if isinstance(of_outputs, Array):
            ones = jnp.ones(rows.pop()) if not padded else scope.mask
            real = jnp.sum(jnp.asarray(ones).astype(of_outputs.dtype))
            more = more + of_outputs / real
        if isinstance(more, Array):
            scope.check_adding()
            scope.of_parts.append(more)
        scope.given[name] = jax.tree.map(lambda leaf: leaf.shape[1:], y)
        return y

    def build(self, _: Any = None) -> None:
        """Do nothing: parameters are made where it is called first."""

    def __getattr__(self, name: str) -> Any:
        for there in (self._scope.params, self._scope.state):
            own = there.get(self._name, {})
            if isinstance(own, dict) and name in own:
                return own[name]
        return getattr(self._layer, name)

    def __repr__(self) -> str:
        return repr(self._layer)


def places_of(held: Mapping[str, Any]) -> dict[str, Any]:
    """Return the names of the parts that a copy holds, where these stand in it."""

    def name(value: Any) -> str | None:
        return value._name if isinstance(value, HeldLayer) else None

    return {n: mapped(value, name) for n, value in held.items()}


def layer_of(value: Any) -> Layer | None:
    """Return the layer that an attribute is, of a model its net; None for no layer."""
    if isinstance(value, type):
        return None
    if hasattr(type(value), "net") and hasattr(type(value), "params"):
        value = value.net  # a model
    methods = (getattr(type(value), name, None) for name in ("init", "apply"))
    return value if all(map(callable, methods)) else None


def copied(layer: Any, held: dict[str, Any], scope: Scope) -> Any:
    """Return a copy of an object for one call.

    Args:
        layer: of which class it is.
        held: its attributes.
        scope: what it computes with.
    """
    copy = object.__new__(type(layer))
    vars(copy).update(held)
    vars(copy)[SCOPE], scope.held = scope, vars(copy)
    bind(copy, scope)
    return copy


def bind(copy: Any, scope: Scope) -> None:
    """Let the layers and weights that a copy holds be used in its call."""
    held = {n: v for n, v in vars(copy).items() if n not in (SCOPE, MADE_OF)}
    vars(copy).update(bound(held, scope))
    for spec in scope.specs.values():
        value = scope.values_of(spec)[spec.name]
        for name, own in vars(copy).items():
            if own is value or (isinstance(own, Variable) and own.spec is spec):
                scope.attributes[name] = spec.name


def bound(value: Any, scope: Scope) -> Any:
    """Return what a copy holds in place of a value: layers and weights for its call."""
    old = tuple(scope.parts.values())
    known = set(map(id, old))
    new = tuple(part for part in parts_of(value) if id(part) not in known)
    names = unique_names((*old, *new))
    if names[: len(old)] != tuple(scope.parts):
        raise ArgumentError(
            f"{scope.owner} makes a layer in build() of a name that another has: "
            f"{', '.join(names)}. Give each a name of its own."
        )
    scope.parts |= dict(zip(names[len(old) :], new, strict=True))
    named = {id(layer): name for name, layer in scope.parts.items()}

    def one(value: Any) -> Any:
        layer = layer_of(value)
        if layer is not None:
            return HeldLayer(layer, named[id(layer)], scope)
        if isinstance(value, Variable) and value.values is None:
            return scope.add(value.spec)
        return value

    return mapped(value, one)


def parts_of(value: Any) -> list[Layer]:
    """Return the layers in a value, lists and dictionaries, each once, in order."""
    found: dict[int, Layer] = {}

    def note(value: Any) -> None:
        layer = layer_of(value)
        if layer is not None:
            found.setdefault(id(layer), layer)

    mapped(value, note)
    return list(found.values())


def add_weight(owner: Any, what: str, *given: Any, **named: Any) -> Any:
    """Return the weight that a layer asks for, within a call or before any.

    Args:
        owner: the layer, or the copy of it.
        what: what messages call it.
        *given: see `jaxnet_mini.core.variables.spec_of`.
        **named: likewise.
    """
    scope: Scope | None = vars(owner).get(SCOPE)
    if scope is not None:
        return scope.add(spec_of((*scope.specs, *scope.parts), *given, **named))
    asked = [value for value in vars(owner).values() if isinstance(value, Variable)]
    spec = spec_of([variable.name for variable in asked], *given, **named)
    return Variable(spec, None, what)


def add_loss(owner: Any, loss: Any) -> None:
    """Add to the loss of the batch that is called with, and so of the whole model.

    Args:
        owner: the copy of a layer or a model, within a call.
        loss: arrays, which are summed up.

    Raises:
        LayerError: there is no call.
    """
    scope: Scope | None = vars(owner).get(SCOPE)
    if scope is None:
        raise LayerError(
            f"{owner!r} adds to the loss outside of a call, where nobody asks for it: "
            "call self.add_loss(value) within call(self, x) of a class of your own."
        )
    scope.check_adding()
    leaves = (as_float(jnp.asarray(leaf)) for leaf in jax.tree.leaves(loss))
    scope.added.extend(map(jnp.sum, map(precision.widened, leaves)))
