"""Models that are written by calling layers."""

import copy
import dataclasses
import gc
import pickle

import jax.numpy as jnp
import numpy as np
import pytest
from oracles import raises_text

import jaxnet_mini as jn
from jaxnet_mini import layers, ops
from jaxnet_mini.core.networks import protocol
from jaxnet_mini.errors import ArgumentError, LayerError, ShapeError

pytestmark = pytest.mark.usefixtures("quick_compilation")

X = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
FIT = {"batch_size": 8, "epochs": 2, "verbose": 0}


def written(seed=3):
    """Two branches of one shared layer, and a way around both."""
    x, shared = jn.Input((3,), name="x"), jn.Dense(4, "tanh", name="shared")
    narrow = jn.Dense(3, name="narrow")(x)
    both = layers.Add(name="both")([shared(narrow), shared(x)])
    joined = layers.Concatenate(name="joined")([both, x])
    model = jn.Model(inputs=x, outputs=jn.Dense(3, name="last")(joined), seed=seed)
    model.compile("sgd", "mse")
    return model


NODES = {
    "narrow": (jn.Dense(3), "x"),
    "shared": (jn.Dense(4, "tanh"), "narrow"),
    "shared_call_1": ("shared", "x"),
    "both": (layers.Add(), ("shared", "shared_call_1")),
    "joined": (layers.Concatenate(), ("both", "x")),
    "last": (jn.Dense(3), "joined"),
}


@pytest.fixture(scope="module")
def trained():
    model = written()
    model.fit(X, X, **FIT)
    return model


def test_it_learns_what_the_graph_that_says_the_same_learns(trained):
    stack = jn.Sequential([jn.Input((3,)), jn.graph(NODES)], seed=3)
    stack.compile("sgd", "mse")
    own = stack.params["graph"]
    stack.params = {"graph": {name: written().params[name] for name in own}}
    expected = stack.fit(X, X, **FIT).history
    assert trained.history.history == expected
    names = [part.name for part in trained.outline]
    assert names == [name for name in NODES if name in own]
    np.testing.assert_array_equal(trained.predict(X), stack.predict(X))
    assert trained.evaluate(X, X, verbose=0) == stack.evaluate(X, X, verbose=0)


def test_layers_are_named_and_shapes_known_as_it_is_written():
    x = jn.Input((3,))
    hidden = jn.Dense(4)(x)
    assert hidden.shape == (None, 4)
    product = layers.Multiply()([hidden, jn.Dense(4)(hidden)])
    total = layers.Add()((product, hidden))
    total = layers.Subtract()([total, jn.Dense(4)(x)])
    model = jn.Model(x, total, name="wide")
    assert (model.name, model.input_shape, model.output_shape) == (
        "wide",
        (None, 3),
        (None, 4),
    )
    names = [part.name for part in model.outline]
    assert names == ["dense", "dense_1", "multiply", "add", "dense_2", "subtract"]
    (dense, one, two) = (model.params[f"dense{end}"] for end in ("", "_1", "_2"))
    first = X @ dense["kernel"]
    wanted = first * (first @ one["kernel"]) + first - X @ two["kernel"]
    np.testing.assert_allclose(model.predict(X), wanted, rtol=1e-5, atol=1e-5)


def stepped(x, y, library):
    """What operators and functions give: of symbols what they give of arrays."""
    first, last = library.split(library.concatenate([x, y], axis=-1), [4], axis=-1)
    return [
        *(x + y, y - x, x * y, x / 255.0, 1 - y, -y, 2 + x, 3 * x, 1 / (y * y + 1)),
        *(y**2, 2.0**y, y - np.float32(3), y * np.float32([[1.0, 2.0, 3.0]])),
        *(x[:, 1:], y[:, None, ..., 0], library.abs(y), first, last),
        library.sum(y, axis=-1, keepdims=True),
        library.where(x > 0.5, y, -1.0),
        library.reshape(library.stack([x, y], axis=1), (-1, 6)),
        library.matmul(y, np.ones((3, 2), np.float32)),
        library.einsum("ij,ij->i", x, y)[:, None],
    ]


def test_functions_and_operators_are_steps_of_a_model(tmp_path):
    x = jn.Input((3,))
    model = jn.Model(x, ops.concatenate(stepped(x, jn.Dense(3)(x), ops), axis=-1))
    assert [type(layer.pure) for layer in model.layers] == [jn.Input, jn.Dense]
    assert isinstance(model.get_layer("dense"), jn.Dense)
    names = {part.name for part in model.outline}
    assert {"add", "add_1", "power_1", "get_item", "split"} <= names
    kernel, bias = model.get_weights()
    wanted = np.concatenate(stepped(X, X @ kernel + bias, np), axis=-1)
    np.testing.assert_allclose(model.predict(X), wanted, rtol=1e-5, atol=1e-5)
    model.save(tmp_path / "model.safetensors")
    assert jn.models.load_model(tmp_path / "model.safetensors").net == model.net
    assert jn.models.clone_model(model).net == model.net
    assert "split (Split)" in model._repr_html_()


def test_whole_numbers_are_floats_where_an_input_says_nothing_else():
    pixels = np.array([[200, 100]], np.uint8)
    x, codes = jn.Input((2,)), jn.Input((2,), dtype="int32")
    np.testing.assert_array_equal(jn.Model(x, x + 100).predict(pixels), [[300, 200]])
    found = jn.Model(codes, ops.one_hot(codes, 3)).predict(pixels // 100)
    np.testing.assert_array_equal(found, [np.eye(3)[[2, 1]]])


def test_a_model_with_steps_is_trained_and_swept():
    def regression():
        x = jn.Input((3,))
        y = ops.relu(jn.Dense(4)(x)) - ops.mean(x, axis=-1, keepdims=True)
        model = jn.Model(x, jn.Dense(3)(ops.square(y)), seed=3)
        model.compile("sgd", "mse")
        return model

    alone = regression()
    alone.fit(X, X, **FIT)
    best = jn.sweep(regression(), {"seed": [3]}, X, X, **FIT)[0].model
    for mine, other in zip(best.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-6)


@pytest.mark.slow
def test_a_call_keeps_whether_it_is_in_training(tmp_path):
    """A frozen base as it was, and dropout that is always on."""
    base = jn.Sequential([layers.BatchNormalization()], name="base")
    x = jn.Input((3,))
    shown = layers.BatchNormalization(name="shown")(x, training=True)
    dropped = jn.Dropout(0.5, name="dropped")(base(x, training=False), training=True)
    model = jn.Model(x, [layers.Identity()(dropped), jn.Dense(1)(dropped), shown])
    model.compile("sgd", "mse")
    targets = [X, X[:, :1], X]
    model.fit(X + 5, targets, **FIT)
    moved = model.layer_state
    assert not moved["base"]["batch_normalization"]["moving_mean"].any()
    assert moved["shown"]["moving_mean"].all()
    once, again = (model.predict(X[:5])[0] for _ in range(2))
    assert (once != again).any()
    gamma, beta = base.get_weights()[:2]
    kept, wanted = once != 0.0, X[:5] / 1.001**0.5 * gamma + beta
    np.testing.assert_allclose(once[kept], 2 * wanted[kept], rtol=1e-5)
    drawn = [model.predict(X, batch_size=5, verbose=2)[0], model(X)[0]]
    assert all(0.2 < np.mean(y == 0.0) < 0.8 for y in drawn)
    results = [model.evaluate(X, targets, verbose=0) for _ in range(2)]
    assert results[0] == results[1]
    # Rows that fill up a batch of 8 do not count.
    mean = model.predict(X[:5])[2].mean(axis=0)
    np.testing.assert_allclose(mean, model.params["shown"]["beta"], atol=1e-6)
    with raises_text(ArgumentError, "Dropout(0.5, name='dropped') draws random"):
        protocol.run(model.net, model.params, model.layer_state, X)
    model.save(tmp_path / "model.safetensors")
    assert jn.models.load_model(tmp_path / "model.safetensors").net == model.net
    nodes = {"a": (jn.Dropout(0.5), "x", True), "b": (jn.Dense(1), "a")}
    names = {"graph": jn.graph, "Dense": jn.Dense, "Dropout": jn.Dropout}
    assert eval(repr(jn.graph(nodes)), names) == jn.graph(nodes)
    assert jn.graph(nodes) != jn.graph(nodes | {"a": (jn.Dropout(0.5), "x")})


def test_normalization_is_adapted_where_it_stands():
    """Before the input shape is known, before there are weights, and afterwards."""
    norm = layers.Normalization()
    first = jn.Sequential([norm, layers.Identity()], name="first")
    norm.adapt(X)
    second = jn.Sequential([jn.Input((3,)), *first.layers])
    norm.adapt(2 * X)
    first.build((None, 3))
    wanted = (X - 2 * X.mean(axis=0)) / (2 * X.std(axis=0))
    np.testing.assert_allclose(second.predict(X), wanted, rtol=1e-4, atol=1e-5)
    norm.adapt(X)
    twin = copy.deepcopy(second)
    second.layers[0].adapt(X + 1)
    wanted = (X - X.mean(axis=0)) / X.std(axis=0)
    for model, apart in ((twin, 0.0), (second, 1.0), (first, 1.0)):
        y = model.predict(X) + apart / X.std(axis=0)
        np.testing.assert_allclose(y, wanted, rtol=1e-4, atol=1e-4)
    twin.layers[0].adapt(X[:, :1])
    mean = twin.layer_state["normalization"]["mean"]
    np.testing.assert_allclose(mean, X[:, 0].mean(), rtol=1e-5)
    with raises_text(ShapeError, "with statistics of shape (2,), and in the model"):
        norm.adapt(X[:, :2])
    del first, second, model
    gc.collect()
    with raises_text(LayerError, "adapt the layer first"):
        norm.adapt(X)


def test_a_part_in_the_middle_is_a_model_too():
    x = jn.Input((3,))
    hidden = jn.Dense(4)(x)
    y = jn.Dense(2)(layers.ReLU()(hidden))
    head = jn.Model(hidden, y)
    assert (head.input_shape, head.output_shape) == ((None, 4), (None, 2))
    assert [part.name for part in head.outline] == ["re_lu", "dense"]


def test_models_are_layers_and_share_their_weights():
    """An encoder and a decoder, which are trained as one."""
    encoder = jn.Sequential([jn.Dense(4, "tanh"), jn.Dense(2)], name="encoder")
    decoder = jn.Sequential([jn.Dense(4, "tanh"), jn.Dense(3)], name="decoder")
    x = jn.Input((3,))
    code = encoder(x)
    model = jn.Model(x, decoder(code))
    model.compile("adam", "mse")
    before = encoder.get_weights()
    model.fit(X, X, **FIT)
    assert [part.name for part in model.outline] == ["encoder", "decoder"]
    assert (encoder.get_weights()[0] != before[0]).any()
    parts = [*encoder.get_weights(), *decoder.get_weights()]
    for mine, weight in zip(model.get_weights(), parts, strict=True):
        np.testing.assert_array_equal(mine, weight)
    outputs = decoder.predict(encoder.predict(X))
    np.testing.assert_allclose(model.predict(X), outputs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("known", [True, False])
def test_a_model_called_twice_has_its_weights_once(known, tmp_path):
    first = {"input_shape": (3,)} if known else {}
    eye = jn.Sequential([jn.Dense(2, "tanh", **first)], name="eye", seed=1)
    left, right = jn.Input((3,), name="left"), jn.Input((3,), name="right")
    joined = layers.Concatenate()([eye(left), eye(right)])
    model = jn.Model([left, right], jn.Dense(1)(joined))
    model.compile("sgd", "mse")
    assert model.count_params() == 3 * 2 + 2 + 4 + 1
    model.fit([X, -X], X[:, :1], **FIT)
    kernel, bias, last, offset = (w.astype(float) for w in model.get_weights())
    np.testing.assert_array_equal(eye.get_weights()[0], kernel)
    both = [np.tanh(x.astype(float) @ kernel + bias) for x in (X, -X)]
    expected = np.concatenate(both, axis=1) @ last + offset
    np.testing.assert_allclose(model.predict([X, -X]), expected, atol=1e-6)
    file = tmp_path / "twice.safetensors"
    model.save(file)
    again = jn.models.load_model(file)
    np.testing.assert_array_equal(again.predict([X, -X]), model.predict([X, -X]))


@pytest.mark.parametrize("stack", [False, True], ids=["written", "in a row"])
def test_what_a_layer_within_gives_is_looked_at(stack):
    x = jn.Input((3,))
    hidden = jn.Dense(4, "tanh", name="hidden")
    if stack:
        model = jn.Sequential([x, hidden, jn.Dense(3)])
    else:
        model = jn.Model(x, jn.Dense(3)(hidden(x)))
    model.compile("sgd", "mse")
    looks = [
        jn.Model(model.inputs, model.layers[-2].output),
        jn.Model(model.input, model.get_layer("hidden").output),
        jn.Sequential([x, *model.layers[-2:-1]]),
        jn.Sequential([*([x] if stack else []), *model.layers[:-1]]),
    ]
    model.fit(X, X, **FIT)
    kernel, bias = model.get_weights()[:2]
    wanted = np.tanh(X @ kernel + bias)
    for look in looks:
        np.testing.assert_allclose(look.predict(X), wanted, rtol=1e-5, atol=1e-6)
    outputs = model.get_layer("hidden")(X)
    np.testing.assert_allclose(outputs, wanted, rtol=1e-5, atol=1e-6)


def test_a_layer_of_a_model_has_its_weights_there(trained):
    hidden = trained.get_layer("shared")
    assert isinstance(hidden, jn.Dense)
    assert hidden == jn.Dense(4, "tanh", name="shared")
    assert jn.Dense(4, "tanh", name="shared") == hidden
    assert (hidden.name, hidden.units, repr(hidden)) == (
        "shared",
        4,
        repr(hidden.pure),
    )
    np.testing.assert_array_equal(hidden.kernel, trained.params["shared"]["kernel"])
    kernel, bias = hidden.get_weights()
    assert [weight.shape for weight in hidden.weights] == [(3, 4), (4,)]
    hidden.set_weights([2 * kernel, bias])
    np.testing.assert_array_equal(trained.params["shared"]["kernel"], 2 * kernel)
    hidden.set_weights([kernel, bias])
    with raises_text(ShapeError, "was given 1 arrays and the model has 2"):
        hidden.set_weights([kernel])
    with pytest.raises(AttributeError):
        hidden.trainabel = False
    for twin in (copy.deepcopy(hidden), pickle.loads(pickle.dumps(hidden))):
        assert type(twin) is jn.Dense


def test_freezing_holds_in_all_models_that_share():
    """A trained base, a new head; then all of it, at a small rate."""
    base = written()
    base.fit(X, X, **FIT)
    head = jn.Sequential([base, jn.Dense(1)])
    head.compile("adam", "mse")
    head.fit(X, X[:, :1], **FIT)
    base.trainable = False
    assert not any(layer.trainable for layer in base.layers)
    assert (base.trainable, len(head.trainable_weights)) == (False, 2)
    before, new = base.get_weights(), head.get_weights()[-1]
    head.fit(X, X[:, :1], **FIT)
    for mine, weight in zip(base.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, weight)
    assert (head.get_weights()[-1] != new).any()
    # What was written before means the layer as it is now.
    late = jn.Model(base.input, jn.Dense(1)(base.get_layer("both").output))
    assert [layer.trainable for layer in late.layers[:3]] == [False, False, False]
    assert len(late.trainable_weights) == 2
    first = base.layers[1]
    base.layers[1].trainable = True
    assert first.trainable  # which was asked for before
    assert [len(m.trainable_weights) for m in (base, head, late)] == [2, 4, 4]
    head.fit(X, X[:, :1], **FIT)
    assert (base.get_weights()[0] != before[0]).any()
    np.testing.assert_array_equal(base.get_weights()[2], before[2])
    with raises_text(ArgumentError, "trainable must be True or False"):
        base.layers[0].trainable = "no"


def test_an_own_layer_and_a_network_are_called_likewise():
    class Twice(layers.Layer):
        def call(self, x):
            return 2 * x

    x = jn.Input((3,))
    net = jn.serial(jn.Dense(3, use_bias=False), layers.ReLU())
    model = jn.Model(x, Twice()(net(x)))
    wanted = 2 * np.maximum(X @ model.params["serial"]["dense"]["kernel"], 0)
    np.testing.assert_allclose(model.predict(X), wanted, rtol=1e-5, atol=1e-6)


def test_it_is_kept_cloned_and_swept(trained, tmp_path):
    trained.save(tmp_path / "model.safetensors")
    again = jn.models.load_model(tmp_path / "model.safetensors")
    assert type(again) is jn.Model
    assert again.net == trained.net
    copy, fresh = (
        jn.models.clone_model(trained),
        jn.Model.from_config(trained.get_config()),
    )
    for model in (copy, fresh):
        model.set_weights(trained.get_weights())
    for model in (again, copy, fresh):
        np.testing.assert_array_equal(model.predict(X), trained.predict(X))
    trained.save_weights(tmp_path / "w.weights.safetensors")
    copy.load_weights(tmp_path / "w.weights.safetensors")
    best = jn.sweep(written(), {"seed": [3, 4]}, X, X, **FIT)[0].model
    assert best.net == trained.net
    for mine, other in zip(best.get_weights(), trained.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-6)


def bad(case):
    x, other = jn.Input((3,), name="x"), jn.Input((3,), name="other")
    dense = jn.Dense(3)
    y = dense(x)
    cases = {
        "inputs alone": lambda: jn.Model(inputs=x),
        "no layer's": lambda: jn.Model(X, y),
        "a layer": lambda: jn.Model(x, dense),
        "not an input": lambda: jn.Model(x, layers.Add()([y, other])),
        "unused": lambda: jn.Model([x, other], y),
        "twice": lambda: jn.Model([x, x], y),
        "nothing between": lambda: jn.Model(x, x),
        "mask": lambda: dense(x, mask=None),
        "no flag": lambda: jn.Dropout(0.5)(x, training="yes"),
        "over examples": lambda: ops.sum(y),
        "widths": lambda: y + jn.Dense(2)(x),
        "a function": lambda: ops.cond(y, len, len),
        "no name": lambda: ops.sum(y, keep_dims=True),
        "one name": lambda: jn.Model(
            x, jn.Dense(3, name="a")(jn.Dense(3, name="a")(x))
        ),
        "shape": lambda: jn.Dense(3, input_dim=2, name="last")(y),
        "several": lambda: layers.Add()(x),
        "numpy": lambda: np.square(y),
    }
    cases[case]()


@pytest.mark.parametrize(
    ("case", "kind", "text"),
    [
        ("inputs alone", ArgumentError, "give both"),
        ("no layer's", ArgumentError, "inputs must be an Input"),
        ("a layer", ArgumentError, "outputs must be what a layer gives"),
        ("not an input", ArgumentError, "name='other'"),
        ("unused", ArgumentError, "no node takes the input 'other'"),
        ("twice", ArgumentError, "among the inputs twice"),
        ("nothing between", ArgumentError, "layers.Identity()(x)"),
        ("mask", LayerError, "with more than its inputs, mask: call it with these"),
        ("no flag", ArgumentError, "training must be True or False, not 'yes'"),
        ("over examples", ShapeError, "along others, such as axis=-1"),
        ("widths", ShapeError, "ops.add does not take inputs of the shapes [(None, 3)"),
        ("a function", ArgumentError, "layers.Lambda(function)(x)"),
        ("no name", ShapeError, "unexpected keyword argument 'keep_dims'"),
        ("one name", ArgumentError, "two layers have the name 'a'"),
        ("shape", ShapeError, "layer 'last': "),
        ("several", ShapeError, "got one alone"),
        ("numpy", LayerError, "layers.Lambda(function)(x)"),
    ],
)
def test_what_is_wrong_is_said_at_once(case, kind, text):
    with raises_text(kind, text):
        bad(case)


@dataclasses.dataclass(frozen=True)
class Scaled:
    """A layer of a user's own, with a weight or without."""

    weight: bool

    def init(self, key, input_shape):
        return input_shape, {"w": jnp.ones(())} if self.weight else {}

    def apply(self, params, x, *, key=None, training=False):
        return x * params.get("w", 2.0)


def test_what_cannot_be_frozen_is_said_before_anything_is():
    model = jn.Sequential([jn.Input((3,)), jn.Dense(3), Scaled(True)])
    for freeze in (model, model.layers[1]):
        with raises_text(LayerError, "trainable: bool = True"):
            freeze.trainable = False
    assert model.layers[0].trainable
    free = jn.Sequential([jn.Input((3,)), jn.Dense(3), Scaled(False)])
    free.trainable = False
    assert not free.trainable_weights


def test_models_without_a_name_are_numbered_within_another():
    x = jn.Input((4,))
    parts = [
        jn.Sequential([jn.Dense(4)]),
        jn.Model(x, jn.Dense(3)(x)),
        jn.Sequential([jn.Dense(2)]),
    ]
    model = jn.Sequential([jn.Input((4,)), *parts])
    names = ["sequential", "functional", "sequential_1"]
    assert [layer.name for layer in model.layers] == names
    y = jn.Sequential([jn.Dense(4)])(jn.Sequential([jn.Dense(5)])(x))
    names = [layer.name for layer in jn.Model(x, y).layers[1:]]
    assert names == ["sequential", "sequential_1"]
    same = [jn.Sequential([jn.Dense(3)], name="same") for _ in range(2)]
    with pytest.raises(ArgumentError, match="two layers have the name 'same'"):
        jn.Sequential(same)


def test_what_a_model_says_of_itself_is_not_assigned():
    """Layers neither, which other attributes of a model may hold."""
    x = jn.Input((2,))
    model = jn.Model(x, jn.Dense(1)(x))
    with raises_text(AttributeError, "model.layers cannot be assigned"):
        model.layers = [jn.Dense(2)]
    with pytest.raises(AttributeError):
        model.net = jn.Dense(2)
