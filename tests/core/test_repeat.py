"""Repetition: one layer many times, in a program that does not grow with the number.

Oracles: `serial` of the same number of layers, float64 NumPy, and the text of the
lowered programs.
"""

import copy
import dataclasses
import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import (
    assert_close,
    assert_trees_close,
    assert_trees_identical,
    float64,
    raises_text,
    unchecked_types,
    x64,
)

import jaxnet_mini as jn
from jaxnet_mini.core.networks import last_activation, outline, serial
from jaxnet_mini.core.networks.repeat import Repeat, repeat
from jaxnet_mini.core.training.state import Data, TrainState
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.core.types import Layer
from jaxnet_mini.data import epoch_order
from jaxnet_mini.devices import programs
from jaxnet_mini.errors import ArgumentError, LayerError, ShapeError
from jaxnet_mini.layers import (
    Activation,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    Identity,
    LayerNormalization,
    PReLU,
    ReLU,
    Rescaling,
)
from jaxnet_mini.regularizers import L1, L2
from jaxnet_mini.views import svg

pytestmark = pytest.mark.usefixtures("quick_compilation")

KEY = jax.random.key(0)
FEATURES = 5
X = np.random.default_rng(0).normal(size=(7, FEATURES)).astype(np.float32)

BLOCK = serial.serial(
    Dense(8, "tanh", bias_initializer="random_normal"),
    Dropout(0.3),
    LayerNormalization(),
    Dense(FEATURES, kernel_regularizer=L2(0.1)),
)
LAYERS = {
    "dense": Dense(FEATURES, "tanh", bias_initializer="random_normal"),
    "named": Dense(FEATURES, "gelu", use_bias=False, name="own"),
    "declared": Dense(FEATURES, "relu", input_shape=(FEATURES,)),
    "block": BLOCK,
    "repeat": repeat(Dense(FEATURES, "tanh"), 2),
    "repeat of a block": repeat(BLOCK, 2),
    "normalization": LayerNormalization(),
    "prelu": PReLU(alpha_initializer="random_uniform"),
    "dropout": Dropout(0.5),
    "noise": GaussianNoise(0.1),
    "without parameters": Activation("tanh"),
    "nothing": serial.serial(),
}


def row(layer, n):
    """The oracle: as many layers in a row, each of a name of its own."""
    if isinstance(layer, Repeat):
        # A key for the outer place and one for the inner, as nested layers have.
        layer = row(layer.layer, layer.n)
    if getattr(layer, "name", None):
        layer = dataclasses.replace(layer, name=None)
    return serial.serial(*[layer] * n)


def stacked(net, params, inner=None):
    """What a row of layers has, as their repetition has it."""
    rows = [params[name] for name in net.names]
    if isinstance(inner, Repeat):
        nets = net.layers
        rows = [stacked(own, p, inner.layer) for own, p in zip(nets, rows, strict=True)]
    return jax.tree.map(lambda *leaves: np.stack(leaves), *rows)


@pytest.fixture
def usual_compilation(quick_compilation):
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


@pytest.fixture(scope="module")
def starts():
    """What init makes of each layer, repeated and in a row: two programs in all."""

    def repeated(key):
        nets = {name: repeat(layer, 2) for name, layer in LAYERS.items()}
        return {name: net.init(key, (FEATURES,))[1] for name, net in nets.items()}

    def in_rows(key):
        nets = {name: row(layer, 2) for name, layer in LAYERS.items()}
        return {name: net.init(key, (FEATURES,))[1] for name, net in nets.items()}

    return jax.jit(repeated)(KEY), jax.jit(in_rows)(KEY)


# What init makes


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["threefry2x32", "rbg"])
@pytest.mark.one_in(4)
def test_init_draws_the_bits_that_single_layers_draw(kind, usual_compilation):
    """Of both, compiled as users do: op by op a single layer's last bits are others.

    One initializer of each kind of draw; those left out scale them otherwise.
    """
    names = ["glorot_uniform", "he_normal", "ones", "orthogonal"]
    names += ["random_normal", "random_uniform", "truncated_normal"]
    layers = {name: Dense(FEATURES, kernel_initializer=name) for name in names}

    def repeated(key):
        return {
            name: repeat(layer, 4).init(key, (FEATURES,))[1]
            for name, layer in layers.items()
        }

    @jax.jit
    def alone(key, place):
        own = jax.random.fold_in(key, place)
        return {name: layer.init(own, (FEATURES,))[1] for name, layer in layers.items()}

    key = jax.random.key(3, impl=kind)
    singles = [alone(key, np.int32(place)) for place in range(4)]
    expected = jax.tree.map(lambda *leaves: np.stack(leaves), *singles)
    assert_trees_identical(jax.jit(repeated)(key), expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.one_in(4)
def test_init_makes_what_serial_makes(starts, name):
    layer = LAYERS[name]
    net, many = repeat(layer, 2), row(layer, 2)
    (part,) = outline.outline(serial.serial(net), (FEATURES,))
    assert part.output_shape == (FEATURES,)
    made, expected = (params[name] for params in starts)
    assert_trees_identical(made, stacked(many, expected, layer))
    assert jax.tree.structure(part.params) == jax.tree.structure(made)


@pytest.mark.slow
def test_repetitions_start_differently(starts):
    first, second = starts[0]["dense"]["kernel"]
    assert np.all(first != second)


def test_parameters_are_in_the_layers_own_order():
    _, params = repeat(BLOCK, 2).init(KEY, (FEATURES,))
    order = ["dense", "dropout", "layer_normalization", "dense_1"]
    assert list(params) == order
    assert [list(params[name]) for name in order] == [
        ["kernel", "bias"],
        [],
        ["gamma", "beta"],
        ["kernel", "bias"],
    ]


@pytest.mark.slow
def test_a_model_starts_from_the_bits_of_serial():
    """Models run init in a way of their own."""
    dense = Dense(FEATURES, kernel_initializer="he_normal")
    ours = jn.Sequential([Dense(FEATURES, input_dim=3), repeat(dense, 4)])
    theirs = [Dense(FEATURES, input_dim=3), row(copy.deepcopy(dense), 4)]
    theirs = jn.Sequential(theirs)
    expected = stacked(row(dense, 4), theirs.params["serial"])
    assert_trees_identical(ours.params["repeat"], expected)


# What apply computes


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.one_in(6)
def test_outputs_and_gradients_are_those_of_serial(starts, name, training):
    """In float64, where rounding hides nothing; the row of layers op by op."""
    layer = LAYERS[name]
    net, many = repeat(layer, 2), row(layer, 2)
    params = float64(starts[1][name])

    def total(params, x, net):
        y = net.apply(params, x, key=KEY, training=training)
        return jnp.sum(jnp.sin(y)) + net.penalty(params), y

    derivatives = jax.grad(total, argnums=(0, 1), has_aux=True)
    with x64():
        x = jnp.asarray(float64(X))
        own = stacked(many, params, layer)
        (by_params, by_x), y = jax.jit(derivatives, static_argnums=2)(own, x, net)
        (expected, expected_by_x), expected_y = derivatives(
            jax.tree.map(jnp.asarray, params), x, many
        )
        assert y.dtype == np.float64
        assert_close(y, expected_y, 1e-13)
        assert_close(by_x, expected_by_x, 1e-12)
        assert_trees_close(by_params, stacked(many, expected, layer), 1e-12)


def test_the_forward_pass_is_that_of_numpy():
    net = repeat(Dense(FEATURES, "tanh", bias_initializer="random_normal"), 6)
    many = row(net.layer, 6)
    _, params = net.init(KEY, (FEATURES,))
    exact, y = float64(params), float64(X)
    for kernel, bias in zip(exact["kernel"], exact["bias"], strict=True):
        y = np.tanh(y @ kernel + bias)
    assert_close(net.apply(params, jnp.asarray(X)), y)
    single = {
        name: jax.tree.map(lambda leaf, place=place: leaf[place], params)
        for place, name in enumerate(many.names)
    }
    assert_close(net.apply(params, jnp.asarray(X)), many.apply(single, jnp.asarray(X)))


def test_dropout_drops_anew_in_each_repetition():
    ones = jnp.ones((1000, FEATURES))
    y = repeat(Dropout(0.5), 3).apply({}, ones, key=KEY, training=True)
    # One mask three times would leave half of them.
    assert 0.1 < np.mean(np.asarray(y) != 0.0) < 0.15
    assert np.all(np.isin(np.asarray(y), [0.0, 8.0]))


def test_dropout_without_a_key_is_told_so():
    net = repeat(Dropout(0.5), 3)
    assert_close(net.apply({}, jnp.asarray(X)), X)
    with raises_text(ArgumentError, "Dropout(0.5) draws random numbers in training"):
        net.apply({}, jnp.asarray(X), training=True)


DTYPES = [np.uint8, np.int32, np.bool_, np.float16]


@functools.cache
def in_every_dtype(layer):
    """Outputs of a repetition and of a row, by dtype and mode: one program."""
    net, many = repeat(layer, 2), row(layer, 2)
    shapes = jax.eval_shape(lambda: many.init(KEY, (FEATURES,))[1])
    rng = np.random.default_rng(4)
    params = jax.tree.map(
        lambda leaf: rng.normal(size=leaf.shape).astype(leaf.dtype), shapes
    )

    @jax.jit
    def outputs(stack, params):
        return {
            f"{x.dtype}, {training}": (
                net.apply(stack, x, key=KEY, training=training),
                many.apply(params, x, key=KEY, training=training),
            )
            for x in [jnp.asarray((np.abs(X) * 3).astype(dtype)) for dtype in DTYPES]
            for training in (False, True)
        }

    return outputs(stacked(many, params), params)


@pytest.mark.parametrize(
    "layer",
    [
        Dense(FEATURES, "relu"),
        BLOCK,
        Rescaling(0.5, 1.0),
        ReLU(),
        LayerNormalization(),
        Identity(),
        Dropout(0.5),
        serial.serial(Identity(), Dense(FEATURES)),
    ],
    ids=repr,
)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.one_in(4)
def test_other_dtypes_are_cast_as_the_layer_casts_them(layer, dtype, training):
    y, expected = in_every_dtype(layer)[f"{np.dtype(dtype)}, {training}"]
    assert y.dtype == expected.dtype
    assert_close(y, expected, 1e-2 if y.dtype == np.float16 else 1e-6)


@pytest.mark.slow
def test_it_works_under_jit_grad_and_vmap(starts):
    net = repeat(BLOCK, 2)
    params, x = starts[0]["block"], jnp.asarray(X)
    expected = net.apply(params, x)
    assert_close(jax.jit(net.apply)(params, x), expected)

    def dropping(params, key):
        return net.apply(params, x, key=key, training=True)

    # Two models, each with a key of its own.
    keys = jax.random.split(KEY, 2)
    several = jax.jit(jax.vmap(lambda key: net.init(key, (FEATURES,))[1]))(keys)
    ys = jax.jit(jax.vmap(dropping))(several, keys)
    for place in range(2):
        own = jax.tree.map(lambda leaf, place=place: np.asarray(leaf)[place], several)
        assert_close(ys[place], jax.jit(dropping)(own, keys[place]), 2e-6)

    # Each example's own gradient: their sum is that of the batch.
    def total(params, x):
        return jnp.sum(net.apply(params, x))

    gradient = jax.grad(total)
    each = jax.jit(
        lambda params, x: jax.vmap(lambda row: gradient(params, row[None]))(x)
    )(params, x)
    together = jax.tree.map(lambda leaf: np.asarray(leaf).sum(0), each)
    assert_trees_close(jax.jit(gradient)(params, x), together, 1e-5)


def test_outside_of_jit_it_compiles_once():
    compiled = []

    def listen(event, duration, **details):
        if event == "/jax/core/compile/backend_compile_duration":
            compiled.append(details["fun_name"])

    net, x = repeat(Dense(FEATURES, "elu"), 3), jnp.asarray(X)
    _, params = net.init(KEY, (FEATURES,))
    net.apply(params, x)
    jax.monitoring.register_event_duration_secs_listener(listen)
    repeat(Dense(FEATURES, "elu"), 3).apply(params, x)
    assert compiled == []
    repeat(Dense(FEATURES, "selu"), 3).apply(params, x)
    assert len(compiled) > 0


# Penalties


def test_penalties_are_summed_over_repetitions():
    dense = Dense(FEATURES, kernel_regularizer=L2(0.3), bias_regularizer=L1(0.1))
    dense = dataclasses.replace(dense, bias_initializer="random_normal")
    for layer in (dense, serial.serial(dense, Dropout(0.5))):
        net = repeat(repeat(layer, 2), 3)
        _, params = net.init(KEY, (FEATURES,))
        expected = sum(
            np.sum(0.3 * leaf**2 if leaf.ndim == 4 else 0.1 * np.abs(leaf))
            for leaf in jax.tree.leaves(float64(params))
        )
        assert_close(net.penalty(params), expected)


def test_nothing_regularized_is_no_array():
    """A trainer leaves out of its program what is the number 0.0."""
    for layer in (Dense(FEATURES), Dropout(0.5), serial.serial()):
        net = repeat(repeat(layer, 2), 2)
        _, params = net.init(KEY, (FEATURES,))
        assert type(net.penalty(params)) is float
        assert net.penalty(params) == 0.0


# Training


def training(layer, optimizer):
    net = serial.serial(Dense(FEATURES, name="first"), layer, Dense(3, "softmax"))
    return Trainer(net, "sparse_categorical_crossentropy", optimizer, ("accuracy",))


def began(trainer, params):
    """The state before the first step, of these weights."""
    optimizer_state = jax.jit(trainer.optimizer.init)(params)
    return TrainState(params, optimizer_state, KEY, jnp.zeros((), jnp.int32))


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.one_in(4)
def test_a_step_is_that_of_serial(optimizer, starts):
    ours = training(repeat(BLOCK, 2, name="middle"), optimizer)
    many = dataclasses.replace(row(BLOCK, 2), name="middle")
    theirs = training(many, optimizer)
    batch = (jnp.asarray(X), np.arange(7, dtype=np.int32) % 3)
    rng = np.random.default_rng(5)
    kernels = {
        name: {
            "kernel": jnp.asarray(rng.normal(size=(FEATURES, n)), jnp.float32),
            "bias": jnp.zeros(n),
        }
        for name, n in (("first", FEATURES), ("dense", 3))
    }
    start, expected = (
        began(trainer, kernels | {"middle": params["block"]})
        for trainer, params in zip((ours, theirs), starts, strict=True)
    )
    step, expected_step = jax.jit(ours.step), jax.jit(theirs.step)
    for _ in range(3):
        start, logs = step(start, batch)
        expected, expected_logs = expected_step(expected, batch)
        assert_trees_close(logs, expected_logs)
    middle = stacked(many, expected.params["middle"])
    assert_trees_close(start.params, expected.params | {"middle": middle}, 5e-6)


def test_an_activation_in_every_repetition_stays():
    net = serial.serial(Dense(3), repeat(Dense(3, "softmax"), 2))
    bare, activation = last_activation.without_last_activation(net)
    assert bare == net
    assert activation is jn.activations.linear


# The size of programs


@functools.cache
def lowered(job, layer):
    """The text of a compiled program, with # in the place of each number."""
    trainer = training(layer, "adam")
    state = jax.eval_shape(lambda: trainer.init(KEY, (784,)))
    x, y = np.zeros((64, 784), np.uint8), np.zeros(64, np.int32)
    all_rows = Data(x, y, None, np.int32(64))
    order = epoch_order.order([0], 0, 64, 32)
    batches = Data(x.reshape(2, 32, 784), y.reshape(2, 32), None, np.int32(64))
    net, seed = trainer.net, np.uint32(0)
    text = {
        "loop": lambda: programs.loop.jitted.lower(
            trainer, state, all_rows, order, 0, 2
        ),
        "evaluate": lambda: programs.evaluate.jitted.lower(
            trainer, state.variables, batches, 0, 2
        ),
        "predict": lambda: programs.predict.jitted.lower(
            net, state.variables, batches.x, 0, 2
        ),
        "init": lambda: programs.untrained.jitted.lower(net, (784,), seed),
    }[job]().as_text()
    return re.sub(r"\d+", "#", text)


BIG = Dense(FEATURES, "relu", kernel_regularizer="l2")
NETS = {
    "dense": (lambda n: repeat(BIG, n)),
    "block": (lambda n: repeat(BLOCK, n)),
    "nested": (lambda n: repeat(repeat(BIG, n), n)),
}


@pytest.mark.one_in(4)
@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("job", ["loop", "evaluate", "predict", "init"])
def test_programs_do_not_grow_with_the_number(job, net):
    text = lowered(job, NETS[net](4))
    assert len(text.splitlines()) > 50
    assert lowered(job, NETS[net](128)) == text
    once, twice = (lowered(job, serial.serial(*[BIG] * n)) for n in (4, 8))
    assert len(twice.splitlines()) > len(once.splitlines())  # so it can be seen


# In a model


# Through 128 layers gradients arrive only where lengths are kept.
DEEP = Dense(FEATURES, kernel_initializer="orthogonal")


def classifier(seed=0):
    model = jn.Sequential(
        [
            Dense(FEATURES, input_shape=(FEATURES,)),
            repeat(copy.deepcopy(DEEP), 128),
            repeat(copy.deepcopy(BLOCK), 3, name="trunk"),
            Dense(3, "softmax"),
        ],
        seed=seed,
    )
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    return model


COUNTS = [30, 128 * 30, 3 * (48 + 16 + 45), 18]


def test_summary_counts_all_repetitions():
    lines = []
    model = classifier()
    model.summary(print_fn=lines.append)
    text = "\n".join(lines)
    assert model.count_params() == sum(COUNTS)
    for name, number in (("repeat (Repeat)", "3,840"), ("trunk (Repeat)", "327")):
        (line,) = [line for line in text.splitlines() if name in line]
        assert "(None, 5)" in line
        assert number in line
    assert f"Total params: {sum(COUNTS):,}" in text


def test_weights_are_stacked_and_in_the_layers_order():
    model = classifier()
    assert [(weight.path, weight.shape) for weight in model.weights[2:8]] == [
        ("repeat/kernel", (128, 5, 5)),
        ("repeat/bias", (128, 5)),
        ("trunk/dense/kernel", (3, 5, 8)),
        ("trunk/dense/bias", (3, 8)),
        ("trunk/layer_normalization/gamma", (3, 8)),
        ("trunk/layer_normalization/beta", (3, 8)),
    ]
    other = classifier(seed=1)
    other.set_weights(model.get_weights())
    assert_trees_identical(other.params, model.params)


def test_a_model_learns_and_goes_on_from_a_file(tmp_path):
    model, y = classifier(), np.arange(7) % 3
    before = model.params
    model.fit(X, y, epochs=2, batch_size=4, verbose=0)
    changed = jax.tree.map(lambda a, b: bool(np.any(a != b)), model.params, before)
    assert all(jax.tree.leaves(changed))
    model.save(tmp_path / "model.safetensors")
    loaded = jn.models.load_model(tmp_path / "model.safetensors")
    assert loaded.net == model.net
    assert_trees_identical(loaded.state, model.state)
    np.testing.assert_array_equal(
        loaded.predict(X, verbose=0), model.predict(X, verbose=0)
    )
    for each in (model, loaded):
        each.fit(X, y, epochs=1, batch_size=4, verbose=0, seed=1)
    assert_trees_identical(loaded.params, model.params)


@pytest.mark.slow
def test_uint8_goes_straight_into_a_repetition():
    model = jn.Sequential([repeat(Dense(FEATURES), 3), Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    x = (np.abs(X) * 2).astype(np.uint8)
    history = model.fit(x, np.arange(7) % 3, epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"][0])
    assert_close(model.predict(x, verbose=0), model(x.astype(np.float32)))


def test_json_tells_what_is_repeated():
    model = classifier()
    twin = jn.models.model_from_json(model.to_json())
    assert twin.net == model.net
    assert model.get_config()["layers"][1] == {
        "class": "layers.Repeat",
        "config": {
            "input_shape": None,
            "name": None,
            "layer": model.get_config()["layers"][1]["config"]["layer"],
            "n": 128,
        },
    }
    config = model.get_config()
    config["layers"][1]["config"]["n"] = 0
    with raises_text(ArgumentError, "n must be a positive integer, not 0."):
        jn.Sequential.from_config(config)


def test_drawings_tell_what_is_repeated():
    pytest.importorskip("pydot", reason="pydot is not installed.")
    model = classifier()
    assert "repeat (Repeat)" in svg.svg(model)
    graph = jn.utils.model_to_dot(model, expand_nested=True)
    labels = [cluster.get_label() for cluster in graph.get_subgraphs()]
    assert labels == ["<repeat, 128 times>", "<trunk, 3 times>"]
    inner = graph.get_subgraphs()[1].get_subgraphs()[0]
    assert inner.get_label() == "<serial>"
    assert len(inner.get_nodes()) == len(BLOCK.layers)


def test_a_repetition_is_a_hashable_layer_that_reads_as_its_call():
    assert isinstance(repeat(Dense(3), 2), Layer)
    assert repeat(Dense(3), 2) == jn.repeat(Dense(3), 2)
    assert hash(repeat(Dense(3), 2)) == hash(repeat(Dense(3), 2))
    assert repeat(Dense(3), 2) != repeat(Dense(3), 3)
    nets = (
        repeat(Dense(64, activation="relu"), 128),
        repeat(repeat(serial.serial(Dense(3), Dropout(0.5)), 2), 3, name="deep"),
    )
    names = {"repeat": repeat, "serial": serial.serial}
    names |= {"Dense": Dense, "Dropout": Dropout}
    for net in nets:
        assert eval(repr(net), names) == net
    assert repr(nets[0]) == "repeat(Dense(64, activation='relu'), 128)"
    assert serial.serial(nets[0], nets[0], nets[1]).names == (
        "repeat",
        "repeat_1",
        "deep",
    )


# Errors


@pytest.mark.parametrize("n", [0, -1, 1.5, True, None, "3"])
def test_the_number_is_checked_at_once(n):
    with (
        unchecked_types(),
        raises_text(ArgumentError, f"n must be a positive integer, not {n!r}."),
    ):
        repeat(Dense(3), n)


def test_a_number_of_numpy_is_one():
    with unchecked_types():
        nets = [repeat(Dense(3), n) for n in (np.int64(2), 2.0)]
    assert all(type(net.n) is int and net == repeat(Dense(3), 2) for net in nets)


def test_what_is_no_layer_is_told_why():
    with unchecked_types():
        with raises_text(LayerError, "write Dense(...)): a layer is"):
            repeat(Dense, 3)
        with raises_text(LayerError, "[Dense(3)] is no layer"):
            repeat([Dense(3)], 3)
    with raises_text(ArgumentError, "name must be a word without '/' or spaces"):
        repeat(Dense(3), 3, name="two words")


@pytest.mark.parametrize(
    ("layer", "shape", "made"),
    [
        (Dense(64), (784,), (64,)),
        (Flatten(), (2, 3), (6,)),
        (serial.serial(Dense(3), Dense(2)), (4,), (2,)),
    ],
    ids=repr,
)
def test_a_layer_that_changes_the_shape_is_refused(layer, shape, made):
    with raises_text(
        ShapeError,
        f"layer 'repeat': repeat({layer!r}, 3) repeats a layer that keeps the shape of "
        f"its inputs, and this one makes {made} of {shape}: put {layer!r} once before "
        "it, or repeat another layer.",
    ):
        serial.serial(repeat(layer, 3)).init(KEY, shape)
    # The advice.
    net = serial.serial(layer, repeat(layer, 3))
    assert net.init(KEY, shape)[0] == made


def test_other_errors_name_the_layer_inside():
    net = serial.serial(repeat(Dense(3, input_shape=(3,)), 2))
    with raises_text(
        ShapeError,
        "layer 'repeat': layer 'dense': Dense(3, input_shape=(3,)) expects inputs of "
        "shape (3,) and got (4,)",
    ):
        net.init(KEY, (4,))
    declared = dataclasses.replace(repeat(Dense(3), 2), input_shape=(3,))
    with raises_text(ShapeError, "expects inputs of shape (3,) and got (4,)"):
        declared.init(KEY, (4,))


def test_parameters_and_inputs_are_checked():
    net = repeat(Dense(3), 2)
    _, params = net.init(KEY, (3,))
    with raises_text(
        ShapeError,
        "repeat(Dense(3), 3) got a parameter of shape (2, 3), and the first axis of "
        "each must be 3, one entry a repetition: give it parameters that its own init "
        "made, or stack them.",
    ):
        repeat(Dense(3), 3).apply(params, jnp.ones((5, 3)))
    single = [Dense(3).init(KEY, (3,))[1] for _ in range(3)]
    advised = jax.tree.map(lambda *leaves: jnp.stack(leaves), *single)
    repeat(Dense(3), 3).apply(advised, jnp.ones((5, 3)))
    with raises_text(ShapeError, "Dense(3) has a kernel for 3 features", "(5, 4)"):
        net.apply(params, jnp.ones((5, 4)))
    with raises_text(
        ShapeError,
        "repeat(Flatten(), 2) got a batch of shape (5, 3, 2), of which its layer makes "
        "(5, 6): give it inputs of the shape that its parameters are made for.",
    ):
        repeat(Flatten(), 2).apply({}, jnp.ones((5, 3, 2)))
