"""Networks in ONNX: one operator of the standard for each thing that a layer does.

Source: https://onnx.ai/onnx/operators/.
"""

import json
import operator
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from jaxnet_mini.base.arguments import check_flag
from jaxnet_mini.base.version import __version__
from jaxnet_mini.core.networks import protocol
from jaxnet_mini.core.networks.composed import Composed
from jaxnet_mini.core.networks.ensemble import Ensemble
from jaxnet_mini.core.networks.graph import NETWORKS
from jaxnet_mini.core.networks.repeat import Repeat
from jaxnet_mini.core.networks.sources import results
from jaxnet_mini.core.operations import Operation
from jaxnet_mini.core.types import Layer, Params, State, Variables
from jaxnet_mini.errors import LayerError, import_extra
from jaxnet_mini.export.described import Described, class_names, describe
from jaxnet_mini.export.nodes import ROWS, Nodes, Tensor
from jaxnet_mini.export.onnx_functions import refused
from jaxnet_mini.export.onnx_layers import WRITERS, WrittenLayer
from jaxnet_mini.export.onnx_operations import operation

OPSET = 20
"""The version of the operators: the first with `Gelu`; ONNX Runtime has it from 1.17
on."""


def to_onnx(
    net: Layer,
    params: Params,
    input_shape: Any,
    state: State = {},  # noqa: B006  (never changed)
    *,
    name: str | None = None,
    classes: Sequence[str] = (),
    trace: bool = False,
) -> Any:
    """Return a network as an ``onnx.ModelProto``, for any number of rows.

    Inputs and outputs have the names of the layers that take and give them, and
    parameters those of their paths, ``dense/kernel``. What acts in training alone, such
    as dropout, is left out. It computes in the dtype of the parameters.

    Args:
        net: layers of this library; one, or a network of them.
        params: its parameters.
        input_shape: of one example, without the batch axis; of several inputs a tuple
            in order or a dictionary by name.
        state: what it remembers.
        name: of the graph.
        classes: what outputs stand for, in order; kept in the metadata.
        trace: whether jax2onnx traces the whole, functions of your own too, and chooses
            the operators, which then are many small ones.

    Raises:
        LayerError: a layer computes what no operator of the standard does, such as a
            function of your own, and nothing is to be traced; or an input and an output
            have one name.
        ArgumentError: ``classes`` is a text, or ``trace`` no flag.
        MissingExtraError: onnx is not installed, or to trace jax2onnx.

    >>> import jaxnet_mini as jn
    >>> net = jn.serial(jn.Dense(8, "relu"), jn.Dense(3, "softmax"))
    >>> _, params = net.init(jax.random.key(0), (4,))
    >>> model = to_onnx(net, params, (4,))
    >>> [node.op_type for node in model.graph.node]
    ['Gemm', 'Relu', 'Gemm', 'Softmax']
    """
    described = describe(net, params, input_shape, state, name=name)
    return proto(described, classes, trace)


def proto(model: Described, classes: Sequence[str] = (), trace: bool = False) -> Any:
    """Return the ``onnx.ModelProto`` of what is described; see `to_onnx`."""
    onnx = import_extra("onnx", "onnx")
    names = class_names(classes)
    for name in model.inputs.keys() & {*model.outputs}:
        raise LayerError(
            f"an input and an output are both called {name!r}, and ONNX has one value "
            "of a name: give the Input another one."
        )
    made = (_traced if check_flag("trace", trace) else _of_layers)(model)
    metadata = {"jaxnet_mini": __version__}
    if names:
        metadata["classes"] = json.dumps(names)
    made.producer_name, made.producer_version = "jaxnet_mini", __version__
    onnx.helper.set_model_props(made, metadata)
    return made


def encoded(
    model: Described, classes: Sequence[str] = (), trace: bool = False
) -> bytes:
    """Return a file's contents."""
    contents: bytes = proto(model, classes, trace).SerializeToString()
    return contents


def _traced(model: Described) -> Any:
    jax2onnx = import_extra("jax2onnx", "jax2onnx")
    given = jax.tree.leaves(model.batch(ROWS))

    def run(*x: Any) -> Any:
        return jax.tree.leaves(model.predict(x if len(x) > 1 else x[0]))

    named = {"input_names": [*model.inputs], "output_names": [*model.outputs]}
    return jax2onnx.to_onnx(run, given, model_name=model.name, opset=OPSET, **named)


def _of_layers(model: Described) -> Any:
    onnx = import_extra("onnx", "onnx")
    nodes = Nodes((*model.inputs, *model.outputs))
    inputs = [
        Tensor(name, own.shape, np.dtype(own.dtype))
        for name, own in model.inputs.items()
    ]
    x: Any = tuple(inputs) if isinstance(model.batch(1), tuple) else inputs[0]
    given = jax.tree.leaves(_network(nodes, model.net, model.variables, x))
    pairs = zip(model.outputs, given, strict=True)
    outputs = [nodes.output(name, own) for name, own in pairs]
    graph = onnx.helper.make_graph(
        nodes.nodes,
        model.name,
        [nodes.info(own) for own in inputs],
        [nodes.info(own) for own in outputs],
        nodes.constants,
    )
    opsets = [onnx.helper.make_opsetid("", OPSET)]
    version = onnx.helper.find_min_ir_version_for(opsets)
    made = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=version)
    _check_types(made)
    return made


def _check_types(made: Any) -> None:
    """Check that each operator takes numbers of the types that it is given.

    Raises:
        LayerError: one does not by the standard, and no program would load the file.
    """
    inference = import_extra("onnx", "onnx").shape_inference
    try:
        inference.infer_shapes(made, check_type=True, strict_mode=True)
    except inference.InferenceError as error:
        raise LayerError(
            f"{error}. No operator of the standard computes that: cast to float32 "
            'before, ops.cast(x, "float32"), or export to StableHLO.'
        ) from None


def _written(nodes: Nodes, layer: Any, own: Variables, x: Any, training: bool) -> Any:
    """Write a layer; return what it gives, one tensor or several."""
    if type(layer) in NETWORKS:
        return _network(nodes, layer, own, x, training)
    if type(layer) is Repeat:
        for place in range(layer.n):
            with nodes.within(str(place)):
                one = jax.tree.map(operator.itemgetter(place), own)
                x = _written(nodes, layer.layer, one, x, training)
        return x
    if type(layer) is Ensemble:
        return _mean(nodes, layer, own, x)
    write = operation if type(layer) is Operation else WRITERS.get(type(layer))
    if write is None:
        raise refused(nodes, repr(layer))
    if training and (protocol.has_state(layer) or hasattr(layer, "strength")):
        raise LayerError(
            f"layer {nodes.path!r}: {layer!r} is called with training=True, and acts "
            "so in every prediction, at random or by the other rows of a batch, which "
            "no operator does: call it without."
        )

    def run(params: Params, state: State, x: Any) -> Any:
        # In the dtype of the parameters, whatever a policy says.
        if protocol.has_state(layer):
            return layer.update(params, state, x)[0]
        return layer.apply(params, x)

    y = jax.eval_shape(run, *own, jax.tree.map(Tensor.like, x))
    name = write(WrittenLayer(nodes, layer, {**own.params, **own.state}, y), x)
    return Tensor(name, y.shape[1:], np.dtype(y.dtype))


def _network(
    nodes: Nodes, net: Composed, own: Variables, x: Any, training: bool = False
) -> Any:
    """Write the layers of a network, each after what it takes."""
    params, state = own
    values = net.named_inputs(x)
    for call in net.calls:
        with nodes.within(call.weights):
            parts = Variables(params[call.weights], state.get(call.weights, {}))
            acts = call.trains(training)
            y = _written(nodes, call.layer, parts, call.inputs(values), acts)
        values |= results(call.name, y)
    return net.outputs_of(values)


def _mean(nodes: Nodes, layer: Ensemble, own: Variables, x: Any) -> Tensor:
    """Write the networks of an ensemble, and the mean of their outputs."""
    params, state = own
    given: list[Tensor] = []
    for name, net, count in layer._named():
        parts = Variables(params[name], state.get(name, {}))
        for place in range(count):
            with nodes.within(name), nodes.within(str(place)):
                one = jax.tree.map(operator.itemgetter(place), parts)
                given.append(_written(nodes, net, one, x, False))
    mean = nodes.add("Mean", *(one.name for one in given))
    return Tensor(mean, given[0].shape, given[0].dtype)
