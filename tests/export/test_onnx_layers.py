"""All layers, activations and steps in ONNX Runtime, and nets made at random."""

import inspect

import jax
import numpy as np
import pytest
from in_onnx import ROWS, compare, in_openvino

import jaxnet_mini as jn
from jaxnet_mini import layers, ops
from jaxnet_mini.core.activations import ACTIVATIONS
from jaxnet_mini.errors import LayerError
from jaxnet_mini.export import to_onnx
from jaxnet_mini.layers import Dense

pytestmark = pytest.mark.usefixtures("quick_compilation")

OF_SHAPES = {
    (): [layers.Flatten(), layers.Reshape((1, 1))],
    (4,): [
        Dense(3, "relu"),
        Dense(3, use_bias=False),
        layers.ELU(2.0),
        layers.LeakyReLU(),
        layers.PReLU(),
        layers.ReLU(),
        layers.ReLU(1.0),
        layers.ReLU(1.0, 0.1),
        layers.ReLU(None, 0.1),
        layers.ReLU(1.0, 0.1, 0.5),
        layers.ReLU(None, 0.0, 0.5),
        layers.Rescaling(0.5, 1.0),
        layers.Activation(jax.nn.gelu),
        layers.Activation(jax.nn.leaky_relu),
        layers.Activation(jax.nn.relu),
        layers.Activation(ops.gelu),
        layers.Base(),
        layers.Identity(),
        layers.Input((4,)),
        layers.ActivityRegularization(0.1),
        layers.AlphaDropout(0.5),
        layers.Dropout(0.5),
        layers.GaussianDropout(0.5),
        layers.GaussianNoise(0.5),
        layers.BatchNormalization(),
        layers.BatchNormalization(center=False, epsilon=0.1),
        layers.LayerNormalization(),
        layers.LayerNormalization(scale=False, epsilon=0.1),
        layers.Normalization(),
        layers.Normalization(axis=None),
        layers.RMSNormalization(),
        layers.UnitNormalization(),
        layers.RepeatVector(3),
        jn.residual(Dense(4)),
        jn.parallel(Dense(4), Dense(3)),
        jn.repeat(jn.serial(Dense(4, "relu"), layers.BatchNormalization()), 3),
    ],
    (3, 4): [
        Dense(3, "tanh"),
        Dense(3, layers.LeakyReLU(0.1), use_bias=False),
        layers.PReLU(shared_axes=1),
        layers.Softmax(),
        layers.BatchNormalization(),
        layers.BatchNormalization(axis=1),
        layers.LayerNormalization(center=False),
        layers.LayerNormalization(axis=1),
        layers.LayerNormalization(axis=(1, 2)),
        layers.Normalization(axis=1),
        layers.Normalization(mean=1.0, variance=4.0),
        layers.Normalization(mean=[1.0] * 4, variance=[4.0] * 4, invert=True),
        layers.RMSNormalization(axis=1),
        layers.UnitNormalization(axis=(1, 2)),
        layers.Flatten(),
        layers.Reshape((2, -1)),
    ],
    (3, 4, 5): [
        layers.BatchNormalization(axis=2, scale=False),
        layers.LayerNormalization(axis=(1, 2), center=False),
        layers.Permute((3, 1, 2)),
    ],
}
OF_SEVERAL = [
    (layers.Add(), "a b"),
    (layers.Add(), "a b c"),
    (layers.Subtract(), "a c"),
    (layers.Multiply(), "a b c"),
    (layers.Average(), "a b c"),
    (layers.Maximum(), "a c"),
    (layers.Minimum(), "c a"),
    (layers.Concatenate(), "a b"),
    (layers.Concatenate(axis=1), "c d"),
    (layers.Dot(1), "a b"),
    (layers.Dot(1, normalize=True), "a b"),
    (layers.Dot((2, 1)), "c a"),
    (layers.Dot((1, 2), normalize=True), "c e"),
    (layers.Dot(-1), "c d"),
]
OF_CATEGORIES = [
    layers.Embedding(5, 2),
    layers.CategoryEncoding(5),
    layers.CategoryEncoding(5, "count"),
    layers.CategoryEncoding(5, "one_hot"),
]


def numbers(rng, shape):
    return rng.normal(size=(ROWS[-1], *shape)).astype(np.float32)


def side_by_side(own, name="x"):
    nodes = {f"{n}_{type(one).__name__}": (one, name) for n, one in enumerate(own)}
    return jn.graph(nodes, name, tuple(nodes))


@pytest.mark.parametrize("shape", OF_SHAPES, ids=str)
def test_layers(shape):
    rng = np.random.default_rng(0)
    compare(side_by_side(OF_SHAPES[shape]), shape, numbers(rng, shape), rng)


def of_several():
    shapes = {"a": (4,), "b": (4,), "c": (2, 4), "d": (3, 4), "e": (5, 2)}
    nodes = {f"{n}": (own, tuple(of.split())) for n, (own, of) in enumerate(OF_SEVERAL)}
    return jn.graph(nodes, tuple(shapes), tuple(nodes)), shapes


def test_layers_of_several_inputs():
    rng, (net, shapes) = np.random.default_rng(0), of_several()
    x = {name: numbers(rng, shape) for name, shape in shapes.items()}
    x["b"][0], x["a"][1] = 0.0, 0.0  # lengths that nothing is divided by
    compare(net, shapes, x, rng)


def test_layers_of_categories_tell_what_they_do_not_know():
    """-1 is the last of all to ONNX, and 6 an error or 0."""
    rng = np.random.default_rng(0)
    x = rng.integers(-1, 7, size=(ROWS[-1], 3)).astype(np.int32)
    model = compare(side_by_side(OF_CATEGORIES), (3,), x, rng)
    assert model.graph.input[0].type.tensor_type.elem_type == 6  # int32
    one = layers.CategoryEncoding(5, "one_hot")
    compare(one, (1,), x[:, :1], rng, check=False)


def activations():
    edges = [[-1, -0.5, 0, 0.5, 1], [-3, 3, 6, -6, 2], [-9, 9, -15, 15, 1], [0] * 5]
    x = np.concatenate([edges, np.random.default_rng(0).normal(size=(996, 5)) * 3])
    net = side_by_side(layers.Activation(name) for name in ACTIVATIONS)
    return net, x.astype(np.float32)


def test_activations():
    net, x = activations()
    compare(net, (5,), x, np.random.default_rng(0))


def test_every_layer_is_tried_or_refused():
    public = {getattr(layers, name) for name in layers.__all__}
    kinds = {kind for kind in public if inspect.isclass(kind)} - {layers.Layer}
    singles = [layer for own in OF_SHAPES.values() for layer in own] + OF_CATEGORIES
    tried = {*map(type, singles), *(type(layer) for layer, _ in OF_SEVERAL)}
    assert kinds - tried == {layers.Lambda}
    with pytest.raises(LayerError, match=r"layer 'lambda'.*Lambda\(.*trace=True"):
        to_onnx(layers.Lambda(lambda x: x), {}, (4,))


STEPS = {
    "arithmetic": lambda x, z: 2.0 * x + 1.0 - x / 3.0 + (-x) + abs(x),
    "power": lambda x, z: (x * x) ** 2,
    "maximum": lambda x, z: ops.maximum(x, np.full((1, 4), 0.5, np.float32)),
    "where": lambda x, z: ops.where(ops.logical_and(x > 0.0, x < 1.0), x, -x),
    "cast": lambda x, z: ops.cast(x >= 0.0, "float32"),
    "sum": lambda x, z: ops.sum(z, axis=(1, -1)),
    "mean": lambda x, z: ops.mean(x, axis=1, keepdims=True),
    "logsumexp": lambda x, z: ops.logsumexp(z, axis=-1),
    "clip": lambda x, z: ops.clip(x, -1.0, 1.0),
    "square": lambda x, z: ops.rsqrt(ops.square(x) + 1.0),
    "einsum": lambda x, z: ops.einsum("nij,nkj -> nik", z, z),
    "matmul": lambda x, z: ops.matmul(z, np.ones((4, 2), np.float32)),
    "argmax": lambda x, z: ops.argmax(z, axis=-1),
    "reshape": lambda x, z: ops.reshape(z, (-1, 12)),
    "expand_dims": lambda x, z: ops.squeeze(ops.expand_dims(x, 1), 1),
    "transpose": lambda x, z: ops.transpose(z, (0, 2, 1)),
    "swapaxes": lambda x, z: ops.swapaxes(z, 1, 2),
    "moveaxis": lambda x, z: ops.moveaxis(z, 1, -1),
    "concatenate": lambda x, z: ops.concatenate([x, x], axis=-1),
    "stack": lambda x, z: ops.stack([x, x], axis=1),
    "slices": lambda x, z: z[:, 1:],
    "places": lambda x, z: z[:, -1, None, ::-1],
    "ellipsis": lambda x, z: z[..., 2],
    "backwards": lambda x, z: z[:, 2::-1],
    "gelu": lambda x, z: ops.gelu(x, approximate=False),
    "softmax": lambda x, z: ops.softmax(x, axis=-1),
    "sin": lambda x, z: ops.sin(x),
}


def test_steps_of_models():
    x, z = jn.Input((4,), name="x"), jn.Input((3, 4), name="z")
    made = {name: make(x, z) for name, make in STEPS.items()}
    model = jn.Model([x, z], made)
    rng = np.random.default_rng(0)
    given = {"x": numbers(rng, (4,)), "z": numbers(rng, (3, 4))}
    found = compare(model.net, {"x": (4,), "z": (3, 4)}, given, rng)
    assert [own.name for own in found.graph.output] == sorted(STEPS)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (lambda x: ops.var(x, axis=1, keepdims=True), r"'var'.*ops\.var"),
        (lambda x: ops.sum(x, axis=1, where=None, keepdims=True), r"ops\.sum"),
        (lambda x: ops.elu(x, alpha=2.0), r"ops\.elu"),
        (lambda x: x[:, np.array([0, 2], np.int32)], "the indices"),
    ],
)
def test_steps_without_an_operator_are_refused_by_name(step, words, tmp_path):
    x = jn.Input((4,))
    with pytest.raises(LayerError, match=words):
        jn.Model(x, step(x)).export(tmp_path / "model.onnx")


# But for one that jumps and one that is a small difference of larger numbers. What
# divides by next to nothing has an epsilon, too: rounding must not be all there is.
NAMES = sorted({*ACTIVATIONS} - {"hard_shrink", "tanh_shrink"})


def at_random(rng):
    """A net of vectors, and the shape of its inputs."""
    size = first = int(rng.integers(1, 9))
    stack = []
    for _ in range(rng.integers(1, 7)):
        activation, units = str(rng.choice(NAMES)), int(rng.integers(1, 9))
        normal = layers.LayerNormalization(epsilon=0.1)
        same, other = Dense(size, activation), Dense(units, activation)
        kinds = {
            "dense": (other, units),
            "residual": (
                jn.residual(normal, same),
                size,
            ),
            "parallel": (jn.parallel(same, other), size + units),
            "repeat": (jn.repeat(jn.serial(same, layers.Dropout(0.2)), 2), size),
            "reshape": (
                jn.serial(layers.RepeatVector(2), other, layers.Flatten()),
                2 * units,
            ),
            "batch": (layers.BatchNormalization(), size),
            "rms": (layers.RMSNormalization(epsilon=0.1), size),
            "prelu": (layers.PReLU(), size),
            "normalization": (layers.Normalization(), size),
        }
        layer, size = kinds[str(rng.choice([*kinds]))]
        stack.append(layer)
    return jn.serial(*stack), (first,)


@pytest.mark.one_in(100)
@pytest.mark.parametrize("seed", range(200))
def test_nets_at_random(seed):
    rng = np.random.default_rng(seed)
    net, shape = at_random(rng)
    compare(net, shape, numbers(rng, shape), rng)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(20))
def test_nets_at_random_in_openvino(seed):
    pytest.importorskip("openvino")
    rng = np.random.default_rng(seed)
    net, shape = at_random(rng)
    compare(net, shape, numbers(rng, shape), rng, run=in_openvino)


@pytest.mark.long
@pytest.mark.parametrize("shape", OF_SHAPES, ids=str)
def test_layers_in_openvino(shape):
    pytest.importorskip("openvino")
    rng = np.random.default_rng(0)
    net = side_by_side(OF_SHAPES[shape])
    compare(net, shape, numbers(rng, shape), rng, run=in_openvino)


@pytest.mark.long
def test_layers_of_several_inputs_and_categories_in_openvino():
    pytest.importorskip("openvino")
    rng, (net, shapes) = np.random.default_rng(0), of_several()
    x = {name: numbers(rng, shape) for name, shape in shapes.items()}
    compare(net, shapes, x, rng, run=in_openvino)
    x = rng.integers(-1, 7, size=(ROWS[-1], 3)).astype(np.int32)
    compare(side_by_side(OF_CATEGORIES), (3,), x, rng, run=in_openvino)
    net, x = activations()
    compare(net, (5,), x, rng, run=in_openvino)
