"""Nets in other programs: what they give there against what they give here."""

import jax
import numpy as np
import onnx
import onnxruntime

from jaxnet_mini.core.networks import protocol
from jaxnet_mini.export import to_onnx

ROWS = 1, 7, 1000


def variables(net, shape, rng):
    """Parameters and statistics of which none is 0 or 1; nothing is compiled."""

    def drawn(leaf):
        numbers = rng.uniform(0.5, 1.0, leaf.shape) * rng.choice([-1, 1], leaf.shape)
        inputs = leaf.shape[-2] if leaf.ndim > 1 else 1
        return (numbers / inputs).astype(leaf.dtype)

    made = jax.eval_shape(lambda: protocol.init(net, jax.random.key(0), shape))
    params = jax.tree.map(drawn, made.params)
    return params, jax.tree.map(lambda leaf: np.abs(drawn(leaf)), made.state)


def compare(net, shape, x, rng, check=True, run=None):
    """Hold a net in ONNX Runtime against the net itself; return it in ONNX.

    Args:
        net: which.
        shape: of its inputs.
        x: 1,000 rows, of several inputs a dictionary by name.
        rng: of its parameters.
        check: whether the checker of onnx looks at it in full.
        run: what runs a model on a dictionary of arrays; by default ONNX Runtime.
    """
    params, state = variables(net, shape, rng)
    model = to_onnx(net, params, shape, state)
    if check:
        onnx.checker.check_model(model, full_check=True)
    expected = jax.tree.leaves(
        jax.jit(protocol.run, static_argnums=0)(net, params, state, x)[0]
    )
    run = (run or in_onnxruntime)(model)
    names = [own.name for own in model.graph.input]
    given = x if isinstance(x, dict) else {names[0]: x}
    for rows in ROWS:
        found = run({name: own[:rows] for name, own in given.items()})
        outputs = zip(model.graph.output, found, expected, strict=True)
        for output, own, there in outputs:
            there = np.asarray(there)[:rows]
            assert own.dtype == there.dtype, output.name
            assert own.shape == there.shape, output.name
            largest = np.nanmax(np.abs(there), initial=0.0)
            np.testing.assert_allclose(
                own, there, rtol=1e-6, atol=1e-6 * largest, err_msg=output.name
            )
    return model


def in_onnxruntime(model):
    """Return what runs a model in ONNX Runtime."""
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return lambda given: session.run(None, given)


def in_openvino(model):
    """Return what runs a model in OpenVINO, in float32 on every processor."""
    import openvino

    core = openvino.Core()
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(
        core.read_model(model.SerializeToString()), "CPU", options
    )
    return lambda given: [*compiled(given).values()]
