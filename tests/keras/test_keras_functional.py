"""Models that are written by calling layers, against Keras's own."""

import inspect
import json
import random

import numpy as np
import pytest
from conftest import keras_on_jax

import jaxnet_mini as jn
from jaxnet_mini.core.networks import protocol
from jaxnet_mini.core.operations import Operation
from jaxnet_mini.files import keras_steps

pytestmark = pytest.mark.usefixtures("quick_compilation")

X = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)


def written(library, seed):
    """A model of layers that are called in an order of chance, some of them twice."""
    rng, layers = random.Random(seed), library.layers
    x = library.Input((3,))
    made, known = [x], []
    for _ in range(rng.randint(3, 8)):
        one, other = rng.choice(made), rng.choice(made)
        fitting = [layer for layer, size in known if size == one.shape[-1]]
        kind = rng.choice(["dense", "dense", "again", "add", "join"])
        if kind == "again" and fitting and one is not x:
            made.append(rng.choice(fitting)(one))
        elif kind == "add" and one.shape[-1] == other.shape[-1] and one is not other:
            made.append(layers.Subtract()([one, other]))
        elif kind == "join":
            made.append(layers.Concatenate()([one, other]))
        else:
            # Zeros compile sooner than random numbers: the test sets the weights.
            settings = {"activation": "tanh", "kernel_initializer": "zeros"}
            layer = layers.Dense(rng.randint(2, 4), **settings)
            known.append((layer, one.shape[-1]))
            made.append(layer(one))
    return library.Model(x, layers.Concatenate()([*made[1:], made[-1]]))


@pytest.mark.parametrize("seed", range(8))
def test_layers_stand_and_compute_as_in_keras(seed, tmp_path):
    ours = written(jn, seed)
    with keras_on_jax() as keras:
        theirs = written(keras, seed)
        order = [type(layer).__name__ for layer in theirs.layers]
        draws = np.random.default_rng(seed)
        weights = [draws.normal(0.0, 0.5, w.shape) for w in theirs.get_weights()]
        theirs.set_weights(weights)
        expected = np.asarray(theirs(X))
        theirs.save(tmp_path / "theirs.keras")
    assert [layer.__class__.__name__ for layer in ours.layers] == order
    ours.set_weights(weights)
    np.testing.assert_allclose(ours(X), expected, rtol=1e-5, atol=1e-6)
    read = jn.models.load_model(tmp_path / "theirs.keras")
    np.testing.assert_allclose(read(X), expected, rtol=1e-5, atol=1e-6)
    ours.save(tmp_path / "ours.keras")
    with keras_on_jax() as keras:
        again = keras.models.load_model(tmp_path / "ours.keras")
        np.testing.assert_allclose(again(X), expected, rtol=1e-5, atol=1e-6)


def named(library):
    """Models of which no two have their inputs and branches at the same depths."""
    layers, Input, Model = library.layers, library.Input, library.Model
    a, c = Input((3,), name="a"), Input((3,), name="c")
    b = Input((3,), dtype="int32")
    numbers = iter(range(1000))

    def dense(units=3):
        return layers.Dense(units, name=f"d{next(numbers)}")

    def add(*parts):
        return layers.Add(name=f"s{next(numbers)}")([*parts])

    shared, deep = dense(), dense()(dense()(dense()(a)))
    row = library.Sequential([Input((3,)), dense(), dense()], name="row")
    x = Input((3,), name="within")
    inner = Model(x, add(x, dense()(x)), name="inner")
    twice = shared(dense()(shared(a)))
    hidden = Model(a, deep).layers[-2].output
    yield Model(a, deep)
    yield Model([c, a], dense()(add(a, dense()(c))))
    yield Model([a, c], add(dense()(a), dense()(dense()(c))))
    yield Model([a, c, b], add(deep, c, dense()(b)))
    yield Model([c, a], [dense()(a), dense()(dense()(c))])
    yield Model([c, a], {"z": dense()(a), "b": dense()(dense()(c))})
    yield Model({"a": a, "within": x}, add(deep, dense()(x)))
    yield Model([a, c], add(shared(c), twice))
    yield Model([c, a], [shared(a), twice, dense()(c)])
    yield Model([a, c], inner(add(inner(a), row(c))))
    yield Model([a, c], row(a + 2 * library.ops.tanh(c)))
    yield Model([a, c], dense()(library.ops.add(dense()(a), c)))
    yield Model(inner.inputs, dense()(inner.layers[-2].output))
    yield Model(hidden, dense()(dense()(hidden)))
    yield library.models.clone_model(Model([c, a], dense()(add(a, dense()(c)))))


def test_layers_stand_where_they_stand_in_keras():
    """Each `Input` too, by its depth; so that an index means the same layer."""

    networks = {"Graph": "Functional", "Serial": "Sequential"}

    def shown(model):
        kinds = [layer.__class__.__name__ for layer in model.layers]
        names = [layer.name for layer in model.layers]
        kinds = [networks.get(kind, kind) for kind in kinds]
        layers = [*zip(names, kinds, strict=True)]
        found = [model.get_layer(index=n).name for n in range(len(layers))]
        assert found == names
        inputs = [
            (layer.batch_shape, layer.dtype, layer.input, layer.weights)
            for layer, kind in zip(model.layers, kinds, strict=True)
            if kind == "InputLayer"
        ]
        outputs = [tuple(output.shape) for output in model.outputs]
        return layers, inputs, outputs, model.output_names

    ours = [shown(model) for model in [*named(jn)]]
    with keras_on_jax() as keras:
        keras.backend.clear_session()
        theirs = [shown(model) for model in [*named(keras)]]
    assert theirs[13][0][0][0].endswith("CLONE")  # of what is no input by itself
    theirs[13][0][0] = ("input_layer", "InputLayer")
    assert len(ours) == 15
    for own, other in zip(ours, theirs, strict=True):
        assert own == other


def in_training(library):
    """A model of which one part is always in training and another never is."""
    x = library.Input((3,))
    y = library.layers.BatchNormalization()(x, training=True)
    inner = library.Sequential([library.layers.Dropout(0.9), library.layers.Dense(2)])
    return library.Model(x, inner(y, training=False))


def test_files_say_which_calls_are_in_training(tmp_path):
    ours = in_training(jn)
    ours.save(tmp_path / "ours.keras")
    with keras_on_jax() as keras:
        again = keras.models.load_model(tmp_path / "ours.keras")
        # Where Keras is told of no training, for else it passes over what calls say.
        expected = np.asarray(again(X))
        again.save(tmp_path / "again.keras")
    read = jn.models.load_model(tmp_path / "again.keras")
    for model in (ours, read):
        np.testing.assert_allclose(model.predict(X), expected, rtol=1e-5, atol=1e-6)
        assert [call.training for call in model.net.calls] == [True, False]


def computed(library):
    """A model in which operators and functions are steps, some with several results."""
    ops = library.ops
    x = library.Input((3,), batch_size=2, dtype="float32", name="x")
    y = library.layers.Dense(3)(x)
    y = (x + y) * (1.0 - y / 4.0) - 2 * -x
    one, other = ops.split(ops.concatenate([y, x**2], axis=-1), 2, axis=-1)
    one = ops.clip(one, -1.0, 2.0) - ops.mean(x, axis=-1, keepdims=True)
    other = ops.where(other > 1.0, ops.leaky_relu(other), y * np.float32([[1, 2, 3]]))
    both = ops.reshape(ops.stack([one, other], axis=1), (-1, 6))
    taken = ops.einsum("ij,ij->i", both, both)[:, None, ...]
    return library.Model(
        x,
        library.layers.Dense(2)(both)
        + ops.pad(ops.log1p(taken), ((0, 0), (1, 0)), constant_values=0.5),
    )


def test_operators_and_functions_are_steps(tmp_path):
    """Named, computed, trained for 20 steps and written as in Keras."""
    ours, targets = computed(jn), X[:, :2]
    first = ours.get_weights()
    with keras_on_jax() as keras:
        keras.backend.clear_session()  # which numbers layers from the start
        theirs = computed(keras)
        theirs.set_weights(first)
        named = [step.name for step in theirs.operations[1:]]
        kinds = [type(layer).__name__ for layer in theirs.layers]
        theirs.compile(keras.optimizers.SGD(0.01), "mse")
        theirs.fit(X, targets, batch_size=3, epochs=10, shuffle=False, verbose=0)
        expected = np.asarray(theirs(X))
    assert [part.name for part in ours.outline] == named
    assert [layer.__class__.__name__ for layer in ours.layers] == kinds
    ours.compile(jn.optimizers.SGD(0.01), "mse")
    ours.fit(X, targets, batch_size=3, epochs=10, shuffle=False, verbose=0)
    np.testing.assert_allclose(ours.predict(X), expected, rtol=1e-4, atol=1e-5)
    ours.save(tmp_path / "ours.keras")
    with keras_on_jax() as keras:
        again = keras.models.load_model(tmp_path / "ours.keras")
        np.testing.assert_allclose(again(X), ours.predict(X), rtol=1e-5, atol=1e-5)


def test_functions_take_what_they_take_in_keras():
    """By position and by name, what the classes of Keras are made and called with."""
    with keras_on_jax():
        from keras.src import ops

        for name, form in keras_steps.FORMS.items():
            kind = getattr(
                getattr(ops, form.module), protocol.class_name(Operation(name))
            )
            names = [own.strip("*") for own in form.names]
            taken = list(inspect.signature(getattr(ops, name)).parameters)
            made = inspect.signature(kind.__init__).parameters
            called = inspect.signature(kind.call).parameters
            assert names == taken[: len(names)]
            assert all(own in (called if form.takes(own) else made) for own in names)


ROWS = np.random.default_rng(1).uniform(-2.0, 2.0, (5, 3, 4)).astype(np.float32)
WEIGHTS = np.arange(8, dtype=np.float32).reshape(4, 2)
CALLS = {
    "append": lambda f, x, y: f(x, y, axis=-1),
    "cast": lambda f, x, y: f(x, "int32"),
    "clip": lambda f, x, y: f(x, -0.5, 0.5),
    "concatenate": lambda f, x, y: f([x, y], axis=1),
    "det": lambda f, x, y: f(x[:, :, :3]),
    "diagonal": lambda f, x, y: f(x, 1, axis1=1, axis2=2),
    "dot": lambda f, x, y: f(x, WEIGHTS),
    "einsum": lambda f, x, y: f("bij,bkj->bik", x, y),
    "full_like": lambda f, x, y: f(x, 2.0),
    "get_item": lambda f, x, y: x[:, ::2, None, ..., 1:],
    "glu": lambda f, x, y: f(x, axis=-1),
    "inner": lambda f, x, y: f(x, WEIGHTS.T),
    "inv": lambda f, x, y: f(x[:, :, :3]),
    "matmul": lambda f, x, y: f(x, WEIGHTS),
    "moveaxis": lambda f, x, y: f(x, 1, 2),
    "outer": lambda f, x, y: f(x[:, 0, 0], WEIGHTS[1]),
    "pad": lambda f, x, y: f(x, ((0, 0), (1, 0), (0, 2)), constant_values=0.5),
    "ravel": lambda f, x, y: f(x[:, 0, 0]),
    "repeat": lambda f, x, y: f(x, 2, axis=1),
    "reshape": lambda f, x, y: f(x, (-1, 2, 6)),
    "roll": lambda f, x, y: f(x, 1, axis=1),
    "round": lambda f, x, y: f(x, 1),
    "solve": lambda f, x, y: f(x[:, :, :3], y),
    "split": lambda f, x, y: f(x, [1, 3], axis=-1)[::2],
    "squeeze": lambda f, x, y: f(x[:, :, :1], axis=-1),
    "stack": lambda f, x, y: f([x, y, x], axis=1),
    "swapaxes": lambda f, x, y: f(x, 1, 2),
    "take": lambda f, x, y: f(x, [2, 0], axis=-1),
    "take_along_axis": lambda f, x, y: f(x, np.zeros((1, 1, 4), "int32"), axis=1),
    "tensordot": lambda f, x, y: f(x, WEIGHTS, axes=1),
    "tile": lambda f, x, y: f(x, (1, 2, 1)),
    "top_k": lambda f, x, y: f(x, 2)[1:],
    "trace": lambda f, x, y: f(x, axis1=1, axis2=2),
    "transpose": lambda f, x, y: f(x, (0, 2, 1)),
    "unstack": lambda f, x, y: f(x, axis=1)[1:],
    "vstack": lambda f, x, y: f([x]),
    "where": lambda f, x, y: f(x > 0.0, x, y),
}
"""How functions are called that take neither arrays alone nor these and an axis."""


PARTS = 8


def stepping(library, part):
    """A model whose steps are a part of the functions that files know."""
    x, y = (library.Input((3, 4), name=name) for name in "xy")
    outputs = []
    for name, form in [*keras_steps.FORMS.items()][part::PARTS]:
        function = getattr(library.ops, name, None)
        if name == "norm":  # of which Keras 3.15 makes a step that fails on JAX
            continue
        if name in CALLS:
            given = CALLS[name](function, x, y)
        elif name == "one_hot":
            given = function(library.ops.argmax(x, axis=-1), 3, dtype="float32")
        elif form.takes("xs"):
            given = function([x, y])
        else:
            several = [x, y] if form.takes("x2") else [x]
            given = function(*several, **{"axis": -1} if "axis" in form.names else {})
        outputs += given if isinstance(given, list | tuple) else [given]
    return library.Model([x, y], outputs)


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.one_in(PARTS)
def test_all_functions_that_are_written_are_read(tmp_path, part):
    """Keras's file of all of them, and ours, which says the same in the same words."""
    with keras_on_jax() as keras:
        keras.backend.clear_session()
        theirs = stepping(keras, part)
        theirs.save(tmp_path / "theirs.keras")
        inputs = [ROWS, ROWS[::-1].copy()]
        expected = [np.asarray(one) for one in theirs(inputs)]
        wanted = worded(theirs)
    read = jn.models.load_model(tmp_path / "theirs.keras").predict(inputs)
    for name, own, one in zip(theirs.output_names, read, expected, strict=True):
        np.testing.assert_allclose(own, one, rtol=1e-4, atol=1e-5, err_msg=name)
    stepping(jn, part).save(tmp_path / "ours.keras")
    jn.models.load_model(tmp_path / "ours.keras").save(tmp_path / "again.keras")
    with keras_on_jax() as keras:
        for name in ("ours", "again"):
            assert worded(keras.models.load_model(tmp_path / f"{name}.keras")) == wanted


def worded(model):
    """What a model of Keras says of its steps, by name."""
    layers = model.get_config()["layers"]
    said = {own["name"]: (own["class_name"], own["config"]) for own in layers}
    return json.loads(json.dumps(said))
