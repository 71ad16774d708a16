"""Networks in which a layer takes what any others give, each itself a layer.

A `graph` says by names what takes what; `residual` and `parallel` are graphs that are
needed often.
"""

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, TypeAlias

from jaxnet_mini.core.fields import Checked, Flag, Newer
from jaxnet_mini.core.layers import Add, Concatenate
from jaxnet_mini.core.layers.base import check_name
from jaxnet_mini.core.networks.composed import Call, Composed
from jaxnet_mini.core.networks.serial import Serial, check_layers, check_some, serial
from jaxnet_mini.core.networks.sources import check_sources, filled, giver
from jaxnet_mini.core.types import Layer
from jaxnet_mini.core.values import Value
from jaxnet_mini.errors import ArgumentError, ShapeError

Names: TypeAlias = str | tuple[Any, ...]
"""One name, several, or pairs of a key and a name, which stand for a dictionary."""


def _check_names(argument: str, value: Any) -> Names:
    """Return one name, or a tuple of names or of pairs."""
    if isinstance(value, str):
        return value
    entries: tuple[Any, ...] = ()
    if isinstance(value, Mapping):
        entries = tuple(value.items())
    elif isinstance(value, tuple | list):
        entries = tuple(value)
    pairs = [isinstance(e, tuple) and list(map(type, e)) == [str, str] for e in entries]
    names = all(isinstance(entry, str) for entry in entries)
    if not entries or not (names or all(pairs)):
        raise ArgumentError(
            f"{argument} must be a name, a tuple of names or a dictionary of names, "
            f"not {value!r}."
        )
    return entries


def names_in(names: Names) -> tuple[str, ...]:
    """Return all names, in order, of outputs or of what a call takes.

    >>> names_in("x"), names_in(("a", "b")), names_in((("left", "a"),))
    (('x',), ('a', 'b'), ('a',))
    """
    if not isinstance(names, str) and isinstance(names[0], tuple):
        return tuple(name for _, name in names)
    found: list[str] = []
    filled(names, found.append)
    return tuple(found)


def output_names(net: Any) -> tuple[str, ...]:
    """Return what several outputs are called: their keys, or what gives them.

    There is none for a network whose output is one.
    """
    if isinstance(net, Graph) and not isinstance(net.outputs, str):
        if not isinstance(net.outputs[0], str):
            return tuple(key for key, _ in net.outputs)
        givers = [giver(own)[0] for own in net.outputs]
        numbers = [givers[:place].count(own) for place, own in enumerate(givers)]
        return tuple(map(call_name, givers, numbers))
    names: tuple[str, ...] = getattr(_last(net), "output_names", ())
    return names


def names_are_given(net: Any) -> bool:
    """Return whether several outputs have names, and not their places alone."""
    return getattr(_last(net), "output_names_are_given", True)


def outputs_are_keyed(net: Any) -> bool:
    """Return whether outputs come in a dictionary."""
    if isinstance(net, Graph) and not isinstance(net.outputs, str):
        return not isinstance(net.outputs[0], str)
    return bool(output_names(net)) and names_are_given(net)


def _last(net: Any) -> Any:
    """Return the layer that gives the outputs; None of several or no layers."""
    calls = net.calls if isinstance(net, Composed) else ()
    name = net.outputs if isinstance(net, Graph) else calls and calls[-1].name
    return next((call.layer for call in calls if call.name == name), None)


def call_name(name: str, number: int) -> str:
    """Return what the outputs of a further call of a layer are called.

    >>> call_name("dense", 0), call_name("dense", 1)
    ('dense', 'dense_call_1')
    """
    return name if number == 0 else f"{name}_call_{number}"


def put_together(names: Names, values: Mapping[str, Any]) -> Any:
    """Return values as names stand for them: one, a tuple of them or a dictionary."""
    if isinstance(names, str):
        return values[names]
    if isinstance(names[0], str):
        return tuple(values[name] for name in names)
    return {key: values[name] for key, name in names}


@dataclasses.dataclass(frozen=True)
class Node(Value):
    """One layer of a `Graph`.

    Args:
        name: of its outputs, and of its parameters.
        layer: a layer, or the name of a node before it whose layer and weights it
            shares.
        sources: the name of an input or a node before it, or a tuple or a dictionary of
            such names, see `jaxnet_mini.core.networks.sources`. The second of several
            arrays that a node gives is ``"node/1"``.
        training: whether the layer acts as in training, whatever the graph does; None
            for what the graph does.
    """

    name: Annotated[str, Checked(check_name)]
    layer: Any
    sources: Annotated[Any, Checked(check_sources)]
    training: Newer[Flag | None] = None


def _check_nodes(argument: str, value: Any) -> tuple[Node, ...]:
    nodes = tuple(value) if isinstance(value, tuple | list) else ()
    if not all(isinstance(node, Node) for node in nodes) or len(nodes) < len(value):
        raise ArgumentError(f"{argument} must be a tuple of nodes, not {value!r}.")
    check_layers(node.layer for node in nodes if not isinstance(node.layer, str))
    return nodes


@dataclasses.dataclass(frozen=True, repr=False)
class Graph(Composed):
    """Layers that take what others give, itself a layer; see `graph`.

    Args:
        nodes: in an order in which each comes after what it takes.
        inputs: the name of the input, or of several; pairs of each name with itself
            where their order says nothing.
        outputs: likewise, pairs being of a key and a name.
    """

    nodes: Annotated[tuple[Node, ...], Checked(_check_nodes)]
    inputs: Annotated[Any, Checked(_check_names)]
    outputs: Annotated[Any, Checked(_check_names)]

    def __post_init__(self, input_dim: int | None) -> None:
        super().__post_init__(input_dim)
        _check_graph(self)

    def __repr__(self) -> str:
        def shown(names: Any) -> str:
            pairs = not isinstance(names, str) and isinstance(names[0], tuple)
            return repr(dict(names) if pairs else names)

        nodes = (
            f"{n.name!r}: ({n.layer!r}, {n.sources!r}"
            f"{'' if n.training is None else f', {n.training}'})"
            for n in self.nodes
        )
        given = {n: getattr(self, n) for n in ("name", "dtype")}
        name = "".join(f", {n}={v!r}" for n, v in given.items() if v is not None)
        return (
            f"graph({{{', '.join(nodes)}}}, inputs={shown(self.inputs)}, "
            f"outputs={shown(self.outputs)}{name})"
        )

    @functools.cached_property
    def calls(self) -> tuple[Call, ...]:
        """See `jaxnet_mini.core.networks.composed.Composed`."""
        calls: dict[str, Call] = {}
        for node in self.nodes:
            layer, weights = node.layer, node.name
            if isinstance(node.layer, str):
                layer, weights = calls[node.layer].layer, calls[node.layer].weights
            call = Call(node.name, weights, layer, node.sources, node.training)
            calls[node.name] = call
        return tuple(calls.values())

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """One name per layer, of its first node."""
        return tuple(call.name for call in self.calls if call.owns)

    @functools.cached_property
    def layers(self) -> tuple[Layer, ...]:  # type: ignore[override]
        """The layers, each once."""
        return tuple(call.layer for call in self.calls if call.owns)

    def named_inputs(self, x: Any) -> dict[str, Any]:
        """Return inputs, or their shapes, by name.

        Several come as a tuple in order, or as a dictionary by name.

        Raises:
            ShapeError: there are others.
        """
        if isinstance(self.inputs, str):
            return {self.inputs: x}
        names = names_in(self.inputs)
        if isinstance(x, Mapping):
            if x.keys() != {*names}:
                raise ShapeError(
                    f"the inputs are {', '.join(map(repr, names))}, and "
                    f"{', '.join(map(repr, x)) or 'none'} came: give each by its name."
                )
            return {name: x[name] for name in names}
        several = isinstance(x, tuple | list)
        # The shape of one input is a tuple too, of integers.
        if not several or len(x) != len(names) or any(isinstance(e, int) for e in x):
            raise ShapeError(
                f"there are {len(names)} inputs, {', '.join(map(repr, names))}: give "
                "a tuple of them in this order, or a dictionary."
            )
        return dict(zip(names, x, strict=True))

    def outputs_of(self, values: dict[str, Any]) -> Any:
        """See `jaxnet_mini.core.networks.composed.Composed`."""
        return put_together(self.outputs, values)


NETWORKS: tuple[type[Composed], ...] = (Serial, Graph)
"""What is known to be no more than its layers; a subclass may be more."""


def _check_graph(net: Graph) -> None:
    """Check that each node takes what is there, and leads somewhere."""
    known: dict[str, bool] = {}  # whether an input
    for name in names_in(net.inputs):
        if name in known:
            raise ArgumentError(f"two inputs have the name {name!r}: rename one.")
        known[name] = True
    for key, name in (own for own in net.inputs if isinstance(own, tuple)):
        if key != name:
            raise ArgumentError(
                f"the input {name!r} has the key {key!r}: write {{{name!r}: {name!r}}}."
            )
    for node in net.nodes:
        if node.name in known:
            raise ArgumentError(
                f"two nodes or inputs have the name {node.name!r}: rename one."
            )
        for source in names_in(node.sources):
            _check_known(f"node {node.name!r} takes", source, known)
        if isinstance(node.layer, str) and known.get(node.layer) is not False:
            raise ArgumentError(
                f"node {node.name!r} shares the layer of {node.layer!r}, which is no "
                "node before it: give a layer, or the name of such a node."
            )
        known[node.name] = False
    for name in names_in(net.outputs):
        _check_known("an output is", name, known)
    wanted = {*_givers(net.outputs)}
    for node in reversed(net.nodes):
        if node.name not in wanted:
            raise ArgumentError(
                f"node {node.name!r} leads to no output, and would learn nothing: "
                "leave it out, or name it in outputs."
            )
        wanted |= {*_givers(node.sources)}
    for name in names_in(net.inputs):
        if name not in wanted:
            raise ArgumentError(f"no node takes the input {name!r}: leave it out.")


def _givers(names: Any) -> Iterator[str]:
    """Yield names, and of what is one of several arrays that of the node."""
    for name in names_in(names):
        yield from (name, giver(name)[0])


def _check_known(who: str, name: str, known: Mapping[str, Any]) -> None:
    if name not in known and known.get(giver(name)[0]) is not False:
        raise ArgumentError(
            f"{who} {name!r}, which is neither an input nor a node before it. Known "
            f"there: {', '.join(map(repr, known))}."
        )


def graph(
    nodes: Mapping[str, tuple[Any, ...]],
    inputs: Any = "x",
    outputs: Any = None,
    name: str | None = None,
) -> Graph:
    """Compose layers into one in which each takes what any before it give.

    Parameters are a dictionary with one entry per node, under its name. A node whose
    layer is the name of another node shares that one's layer and weights.

    Args:
        nodes: by name, in order, a layer and what it takes: the name of an input or of
            a node before it, or a tuple of them for a layer that takes several. True
            or False may follow: whether the layer acts as in training, whatever is
            asked of the graph.
        inputs: a name, or a tuple of names: ``x`` then is a tuple in this order, or a
            dictionary by name. A dictionary of names by themselves lets models take
            them by name alone.
        outputs: the name of a node; of several a tuple, or a dictionary for outputs
            that are one. None for the last node.
        name: in place of ``graph``, ``graph_1`` and so on, in another network.

    Raises:
        LayerError: a node has no layer.
        ArgumentError: a name is unknown, given twice, or leads nowhere.

    >>> import jax
    >>> from jaxnet_mini.layers import Add, Dense
    >>> net = graph(
    ...     {
    ...         "wide": (Dense(1), "x"),
    ...         "hidden": (Dense(8, "relu"), "x"),
    ...         "deep": (Dense(1), "hidden"),
    ...         "both": (Add(), ("wide", "deep")),
    ...     }
    ... )
    >>> output_shape, params = net.init(jax.random.key(0), (4,))
    >>> output_shape, sorted(params)
    ((1,), ['both', 'deep', 'hidden', 'wide'])
    >>> net.apply(params, jax.numpy.ones((3, 4))).shape
    (3, 1)
    """
    if not isinstance(nodes, Mapping) or not nodes:
        raise ArgumentError(
            "nodes must be a dictionary such as "
            f"{{'hidden': (Dense(8), 'x')}}, not {nodes!r}."
        )
    made = []
    for own, entry in nodes.items():
        if not isinstance(entry, tuple | list) or len(entry) not in (2, 3):
            raise ArgumentError(
                f"nodes[{own!r}] must be a layer and what it takes, such as "
                f"(Dense(8), 'x'), not {entry!r}."
            )
        made.append(Node(own, *entry))
    last = made[-1].name if outputs is None else outputs
    return Graph(tuple(made), inputs, last, name=name)


def residual(*layers: Layer, name: str | None = None) -> Graph:
    """Return layers in a row around which their input is added: ``x + f(x)``.

    Args:
        layers: the last gives the shape that the first takes.
        name: see `graph`.

    Raises:
        ArgumentError: there are no layers.
        ShapeError: ``init``, where the last gives another shape.

    Source: He et al. 2015, https://arxiv.org/abs/1512.03385

    >>> import jax
    >>> from jaxnet_mini.layers import Dense
    >>> net = residual(Dense(4, "relu"), Dense(2, kernel_initializer="zeros"))
    >>> _, params = net.init(jax.random.key(0), (2,))
    >>> net.apply(params, jax.numpy.array([[1.0, 2.0]]))
    Array([[1., 2.]], dtype=float32)
    """
    check_some("residual", layers)
    body = layers[0] if len(layers) == 1 else serial(*layers)
    add = Add(broadcasts=False)
    return graph({"body": (body, "x"), "add": (add, ("x", "body"))}, name=name)


def parallel(
    *layers: Layer, merge: Layer | None = None, name: str | None = None
) -> Graph:
    """Return layers side by side, which all take the same and are then merged.

    Args:
        layers: one or more.
        merge: takes what they give, as a tuple; None for `Concatenate`.
        name: see `graph`.

    Raises:
        ArgumentError: there are no layers.

    >>> import jax
    >>> from jaxnet_mini.layers import Dense
    >>> net = parallel(Dense(3), Dense(2))
    >>> net.init(jax.random.key(0), (4,))[0]
    (5,)
    """
    check_some("parallel", layers)
    names = serial(*layers).names
    pairs = zip(names, layers, strict=True)
    nodes: dict[str, Any] = {own: (layer, "x") for own, layer in pairs}
    nodes["merge"] = (Concatenate() if merge is None else merge, names)
    return graph(nodes, name=name)
