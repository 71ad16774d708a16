"""Layers, activations and initializers.

Oracles: Keras 3.15 on JAX with the same weights, float64 NumPy, and the formulae of the
initializers' papers.
"""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from layers_cases import (
    FAN_IN,
    FAN_OUT,
    KEY,
    LAYERS,
    TRUNCATION,
    VARIANCES,
    normal,
    with_random_params,
)
from oracles import assert_close, named, raises_text, unchecked_types, x64

import jaxnet_mini as jn
from jaxnet_mini import activations, initializers
from jaxnet_mini.core.networks.serial import serial
from jaxnet_mini.core.types import Layer, as_float
from jaxnet_mini.errors import ArgumentError, ShapeError, UnknownNameError
from jaxnet_mini.layers import (
    ELU,
    Activation,
    ActivityRegularization,
    AlphaDropout,
    CategoryEncoding,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GaussianDropout,
    GaussianNoise,
    Identity,
    Input,
    LayerNormalization,
    LeakyReLU,
    Permute,
    PReLU,
    ReLU,
    RepeatVector,
    Rescaling,
    Reshape,
    Softmax,
)

pytestmark = pytest.mark.usefixtures("quick_compilation")


# Outputs against Keras


def erf(x):
    return np.vectorize(math.erf)(x)


def nearest_probabilities(x):
    """The point nearest to ``x`` whose entries are positive and sum to 1.

    It is ``max(x - t, 0)`` for one ``t``, found by halving where it must lie.
    """
    low, high = x.min() - 1.0, x.max()
    for _ in range(100):
        middle = (low + high) / 2
        above = np.maximum(x - middle, 0).sum() > 1
        low, high = (middle, high) if above else (low, middle)
    return np.maximum(x - high, 0)


SCALE, ALPHA = 1.0507009873554805, 1.6732632423543772
FORMULAE = {
    "celu": lambda x: np.maximum(x, 0) + np.minimum(0, np.expm1(x)),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "exponential": np.exp,
    "gelu": lambda x: x * (1 + erf(x / np.sqrt(2))) / 2,
    "hard_shrink": lambda x: np.where(np.abs(x) > 0.5, x, 0),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hard_silu": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "hard_swish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "linear": lambda x: x,
    "log_sigmoid": lambda x: -np.log1p(np.exp(-x)),
    "log_softmax": lambda x: x - np.log(np.exp(x).sum(-1, keepdims=True)),
    "mish": lambda x: x * np.tanh(np.log1p(np.exp(x))),
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "selu": lambda x: SCALE * np.where(x > 0, x, ALPHA * np.expm1(x)),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "soft_shrink": lambda x: x - np.clip(x, -0.5, 0.5),
    "softmax": lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True),
    "softplus": lambda x: np.log1p(np.exp(x)),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "sparse_plus": lambda x: np.where(
        np.abs(x) < 1, (x + 1) ** 2 / 4, np.maximum(x, 0)
    ),
    "sparse_sigmoid": lambda x: np.clip((x + 1) / 2, 0, 1),
    "sparsemax": lambda x: np.apply_along_axis(nearest_probabilities, -1, x),
    "squareplus": lambda x: (x + np.sqrt(x**2 + 4)) / 2,
    "swish": lambda x: x / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "tanh_shrink": lambda x: x - np.tanh(x),
}


@pytest.mark.parametrize("name", sorted(activations.ACTIVATIONS))
def test_activations_are_their_formulae_in_float64(name):
    x = np.random.default_rng(1).normal(0.0, 3.0, (40, 7))
    with x64():
        ours = np.asarray(activations.get(name)(jnp.asarray(x)))
    assert ours.dtype == np.float64
    # Near 0 a formula written out plainly loses digits itself.
    assert_close(ours, FORMULAE[name](x), 1e-13)


@pytest.mark.parametrize("negative_slope", [0.0, 0.3])
@pytest.mark.parametrize("max_value", [None, 2.0])
@pytest.mark.parametrize("threshold", [0.0, 1.0, -1.0])
def test_relu_with_the_arguments_of_keras(negative_slope, max_value, threshold):
    x = np.random.default_rng(1).normal(0.0, 3.0, (40, 7))
    with x64():
        ours = activations.relu(jnp.asarray(x), negative_slope, max_value, threshold)
    highest = np.inf if max_value is None else max_value
    below = negative_slope * (x - threshold)
    assert_close(ours, np.where(x > threshold, np.minimum(x, highest), below), 1e-13)


@pytest.mark.parametrize(
    ("name", "arguments", "formula"),
    [
        ("hard_shrink", {"threshold": 2.0}, lambda x: np.where(abs(x) > 2, x, 0)),
        ("soft_shrink", {"threshold": 2.0}, lambda x: x - np.clip(x, -2, 2)),
        (
            "threshold",
            {"threshold": 2.0, "default_value": -7.0},
            lambda x: np.where(x > 2, x, -7),
        ),
        (
            "sparsemax",
            {"axis": 0},
            lambda x: np.apply_along_axis(nearest_probabilities, 0, x),
        ),
        ("glu", {}, lambda x: x[:, :3] / (1 + np.exp(-x[:, 3:]))),
        ("glu", {"axis": 0}, lambda x: x[:20] / (1 + np.exp(-x[20:]))),
    ],
    ids=named,
)
def test_activations_with_arguments(name, arguments, formula):
    x = np.random.default_rng(1).normal(0.0, 3.0, (40, 6))
    with x64():
        ours = getattr(activations, name)(jnp.asarray(x), **arguments)
    assert_close(ours, formula(x), 1e-13)


def test_trap_gelu_is_exact_and_leaky_relu_has_the_slope_of_keras():
    x = jnp.array([-1.0])
    assert float(activations.get("leaky_relu")(x)[0]) == pytest.approx(-0.2)
    exact = -(1 + math.erf(-1 / math.sqrt(2))) / 2
    assert float(activations.get("gelu")(x)[0]) == pytest.approx(exact, abs=1e-7)


def test_a_function_of_jax_is_known_as_the_activation_that_it_is():
    for function in (jax.nn.softmax, jnp.tanh, jnp.exp, jax.nn.soft_sign):
        layer = Dense(2, function)
        assert layer == Dense(2, activations.get(layer.activation))
        assert layer.activation in activations.ACTIVATIONS.values()
    assert activations.get(jax.nn.relu) is jax.nn.relu  # which has fewer arguments


def test_activations_take_lists_symbols_and_their_arguments_by_position():
    np.testing.assert_array_equal(activations.relu([-1.0, 2.0]), [0.0, 2.0])
    assert_close(activations.leaky_relu(jnp.array([-1.0]), 0.1), [-0.1])
    exact, near = (activations.gelu(jnp.array([1.0]), flag) for flag in (False, True))
    assert float(exact[0]) != float(near[0])
    x = Input((2,))
    steps = activations.exponential(activations.relu(x, 0.5, max_value=1.0))
    given = np.array([[-2.0, 3.0]], np.float32)
    assert_close(jn.Model(x, steps)(given), np.exp([[-1.0, 1.0]]))


def test_a_callable_is_an_activation_and_none_is_linear():
    x = jnp.asarray(normal(4, 3))
    assert activations.get(jnp.sin) is jnp.sin
    assert_close(Activation(jnp.sin).apply({}, x), np.sin(np.asarray(x)))
    assert_close(Activation(None).apply({}, x), np.asarray(x))


# Integers on the device

INTEGER_READY = [
    (Dense(4), (3,)),
    (Activation("tanh"), (3,)),
    (Rescaling(0.5, offset=1.0), (3,)),
    (LayerNormalization(), (3,)),
]


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.bool_])
@pytest.mark.parametrize(("layer", "input_shape"), INTEGER_READY, ids=named)
def test_integers_are_cast_where_a_layer_computes(layer, input_shape, dtype):
    params = with_random_params(layer, input_shape)
    x = np.random.default_rng(0).integers(0, 2, (6, *input_shape)).astype(dtype)
    y = layer.apply(params, jnp.asarray(x))
    assert y.dtype == jnp.float32
    assert_close(y, layer.apply(params, jnp.asarray(x, jnp.float32)))


def test_flatten_keeps_integers_and_dropout_casts_them_in_training():
    x = jnp.ones((2, 3, 4), jnp.uint8)
    assert Flatten().apply({}, x).dtype == jnp.uint8
    assert Dropout(0.5).apply({}, x).dtype == jnp.uint8
    assert Dropout(0.5).apply({}, x, key=KEY, training=True).dtype == jnp.float32


def test_as_float_leaves_floats_alone():
    half = jnp.ones(3, jnp.bfloat16)
    assert as_float(half) is half
    assert as_float(jnp.ones(3, jnp.int8)).dtype == jnp.float32
    with x64():
        assert as_float(jnp.ones(3, jnp.int8)).dtype == jnp.float64


# Parameters


@pytest.mark.parametrize(("layer", "input_shape"), LAYERS, ids=named)
def test_parameters_have_the_names_and_shapes_of_keras(layer, input_shape):
    _, params = layer.init(KEY, input_shape)
    features, kind = input_shape[-1], type(layer)
    expected = {}
    if kind is Dense:
        expected = {"kernel": (features, layer.units)}
        if layer.use_bias:
            expected["bias"] = (layer.units,)
    if kind is LayerNormalization:
        expected = {"gamma": (features,), "beta": (features,)}
    assert {name: value.shape for name, value in params.items()} == expected
    assert all(value.dtype == jnp.float32 for value in params.values())


def test_initial_values_of_dense_and_layer_normalization():
    _, params = Dense(64).init(KEY, (32,))
    limit = math.sqrt(6 / (32 + 64))
    assert np.abs(params["kernel"]).max() <= limit
    assert np.abs(params["kernel"]).max() > 0.95 * limit
    assert not np.any(params["bias"])
    _, params = LayerNormalization().init(KEY, (5,))
    assert np.all(np.asarray(params["gamma"]) == 1.0)
    assert not np.any(params["beta"])


def test_kernel_and_bias_are_drawn_from_different_keys():
    layer = Dense(
        4, kernel_initializer="random_uniform", bias_initializer="random_uniform"
    )
    _, params = layer.init(KEY, (1,))
    assert not np.any(np.isin(params["kernel"], params["bias"]))
    _, again = layer.init(KEY, (1,))
    np.testing.assert_array_equal(params["kernel"], again["kernel"])
    _, other = layer.init(jax.random.key(1), (1,))
    assert np.all(np.asarray(params["kernel"]) != np.asarray(other["kernel"]))


def test_constant_gives_one_value():
    layer = Dense(3, kernel_initializer=initializers.Constant(value=0.25))
    assert layer == Dense(3, kernel_initializer=initializers.Constant(0.25))
    kernel = layer.init(KEY, (2,))[1]["kernel"]
    np.testing.assert_array_equal(kernel, np.full((2, 3), 0.25, np.float32))
    with raises_text(ArgumentError, "Constant: value", "finite", "not nan"):
        initializers.Constant(math.nan)


def test_every_initializer_is_tested():
    assert sorted([*VARIANCES, "identity"]) == sorted(initializers.INITIALIZERS)
    assert sorted(FORMULAE) == sorted(activations.ACTIVATIONS)


@pytest.mark.parametrize("name", sorted(VARIANCES))
def test_initializers_have_the_moments_of_their_formulae(name):
    values = np.asarray(initializers.get(name)(KEY, (FAN_IN, FAN_OUT)), np.float64)
    variance = VARIANCES[name]
    assert values.shape == (FAN_IN, FAN_OUT)
    # 150,000 values: the variance is known to 0.4 %, six standard errors are 2.5 %.
    assert np.var(values) == pytest.approx(variance, rel=0.025)
    centre = 1.0 if name == "ones" else 0.0
    assert abs(values.mean() - centre) <= 6 * math.sqrt(variance / values.size)
    bound = math.inf
    if "uniform" in name:
        bound = math.sqrt(3 * variance)
    elif name == "truncated_normal":
        bound = 0.1
    elif name in ("glorot_normal", "he_normal", "lecun_normal"):
        bound = 2 * math.sqrt(variance) / TRUNCATION
    assert np.abs(values).max() <= bound * (1 + 1e-6)
    if bound < math.inf:
        assert np.abs(values).max() >= 0.98 * bound


def test_orthogonal_rows_are_orthonormal():
    values = np.asarray(initializers.get("orthogonal")(KEY, (30, 50)), np.float64)
    np.testing.assert_allclose(values @ values.T, np.eye(30), atol=1e-6)


def test_a_callable_is_an_initializer():
    def sevens(key, shape):
        return jnp.full(shape, 7.0)

    _, params = Dense(2, kernel_initializer=sevens).init(KEY, (3,))
    assert np.all(np.asarray(params["kernel"]) == 7.0)


# Values: equal, hashable, printable, unchangeable

# Pairwise different.
CONFIGURATIONS = [
    lambda: Input((28, 28)),
    lambda: Input((28,)),
    lambda: Input((28,), name="pixels"),
    lambda: Input((28,), 32),
    lambda: Input((28,), dtype="int32"),
    lambda: Dense(3),
    lambda: Dense(4),
    lambda: Dense(3, "relu"),
    lambda: Dense(3, use_bias=False),
    lambda: Dense(3, kernel_initializer="he_normal"),
    lambda: Dense(3, bias_initializer="ones"),
    lambda: Dense(3, name="own"),
    lambda: Dense(3, input_shape=(5,)),
    lambda: Dense(3, input_dim=6),
    lambda: Dense(3, "relu", input_dim=6, name="own"),
    lambda: Dense(3, LeakyReLU(0.1)),
    lambda: Dense(3, kernel_initializer=initializers.RandomNormal(0.0, 0.1, 3)),
    lambda: Dropout(0.5, seed=3),
    lambda: AlphaDropout(0.25),
    lambda: ActivityRegularization(),
    lambda: ActivityRegularization(0.1, l2=0.2),
    lambda: Dense(3, activity_regularizer="l2"),
    lambda: Permute((2, 1)),
    lambda: RepeatVector(2),
    lambda: Embedding(4, 3),
    lambda: Embedding(4, 3, input_shape=(4,)),
    lambda: Embedding(4, 3, embeddings_constraint="unit_norm", name="own"),
    lambda: CategoryEncoding(4),
    lambda: CategoryEncoding(4, "count"),
    lambda: Flatten(),
    lambda: Flatten(input_shape=(28, 28)),
    lambda: Activation("relu"),
    lambda: Activation("tanh"),
    lambda: Activation(None),
    lambda: Activation("relu", name="own"),
    lambda: Dropout(0.5),
    lambda: Dropout(0.25),
    lambda: GaussianDropout(0.25),
    lambda: GaussianNoise(0.25),
    lambda: Identity(),
    lambda: Identity(name="own"),
    lambda: Reshape((4, 7)),
    lambda: Reshape((4, -1)),
    lambda: ReLU(),
    lambda: ReLU(6.0),
    lambda: ReLU(negative_slope=0.1),
    lambda: ReLU(threshold=0.1),
    lambda: LeakyReLU(),
    lambda: LeakyReLU(0.1),
    lambda: ELU(),
    lambda: ELU(0.5),
    lambda: Softmax(),
    lambda: PReLU(),
    lambda: PReLU("ones"),
    lambda: PReLU(alpha_regularizer="l2"),
    lambda: PReLU(shared_axes=(1,)),
    lambda: PReLU(shared_axes=(1, 2)),
    lambda: Rescaling(0.5),
    lambda: Rescaling(0.5, 1.0),
    lambda: Rescaling(0.5, input_shape=(2, 2)),
    lambda: LayerNormalization(),
    lambda: LayerNormalization(epsilon=1e-5),
    lambda: serial(),
    lambda: serial(Dense(3)),
    lambda: serial(Dense(3), name="own"),
    lambda: serial(Dense(3), Dense(3)),
    lambda: serial(serial(Dense(3)), Dense(3)),
]


@pytest.mark.parametrize("make", CONFIGURATIONS, ids=lambda make: repr(make()))
def test_equal_configurations_are_equal_and_hash_alike(make):
    assert make() == make()
    assert make() is not make()
    assert hash(make()) == hash(make())
    assert isinstance(make(), Layer)


def test_unequal_configurations_differ():
    values = [make() for make in CONFIGURATIONS]
    assert len(set(values)) == len(values)


@pytest.mark.parametrize("make", CONFIGURATIONS, ids=lambda make: repr(make()))
def test_repr_evaluates_to_the_same_layer(make):
    assert eval(repr(make()), vars(initializers) | globals()) == make()


@pytest.mark.parametrize("make", CONFIGURATIONS, ids=lambda make: repr(make()))
def test_layers_are_frozen(make):
    layer = make()
    for field in dataclasses.fields(layer):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(layer, field.name, 1)


def test_equal_layers_share_a_compiled_program():
    traced = []

    def outputs(layer, params, x):
        traced.append(layer)
        return layer.apply(params, x)

    compiled = jax.jit(outputs, static_argnums=0)
    for layer in (Dense(3, "tanh"), Dense(3, "tanh")):
        compiled(layer, layer.init(KEY, (2,))[1], jnp.ones((4, 2)))
    assert len(traced) == 1


def test_input_dim_is_short_for_an_input_shape_of_one_axis():
    assert Dense(3, input_dim=4) == Dense(3, input_shape=(4,))
    with unchecked_types():
        assert Dense(3, input_dim=4) == Dense(3, input_shape=4)
        assert Dense(3, input_shape=[4, 5]).input_shape == (4, 5)
        assert Dense(np.int64(3)) == Dense(3)
        assert type(Dense(np.int64(3)).units) is int


# Errors: the class, the argument, what came, and the advice


@pytest.fixture
def unchecked():
    with unchecked_types():
        yield


@pytest.mark.parametrize("units", [0, -1, 2.5, True, None, "3"])
def test_units_must_be_a_positive_integer(units, unchecked):
    with raises_text(
        ArgumentError, f"units must be a positive integer, not {units!r}."
    ):
        Dense(units)


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ("28", "must be a tuple of positive integers without the batch axis"),
        (2.5, "such as (28, 28), not 2.5."),
        ((28, 0), "every axis of input_shape must be a positive integer, not 0."),
        ((None, 28), "every axis of input_shape must be a positive integer, not None."),
    ],
)
def test_input_shape_must_be_a_shape(shape, text, unchecked):
    with raises_text(ArgumentError, "input_shape", text):
        Dense(3, input_shape=shape)


def test_the_shape_of_input_must_be_a_shape(unchecked):
    with raises_text(ArgumentError, "shape must be a tuple", "not None"):
        Input(None)


def test_what_input_notes_must_be_a_number_and_a_dtype(unchecked):
    both = Input((3,), 8, np.int32)
    assert repr(both) == "Input((3,), batch_size=8, dtype='int32')"
    assert Input((3,), dtype=jnp.bfloat16).dtype == "bfloat16"
    with raises_text(ArgumentError, "batch_size must be a positive integer, not 0."):
        Input((3,), batch_size=0)
    with raises_text(ArgumentError, "not 'string': number words first"):
        Input((3,), dtype="string")


@pytest.mark.parametrize("input_dim", [0, -3, 1.5, (4,)])
def test_input_dim_must_be_a_positive_integer(input_dim, unchecked):
    with raises_text(
        ArgumentError, f"input_dim must be a positive integer, not {input_dim!r}."
    ):
        Dense(3, input_dim=input_dim)


def test_input_shape_and_input_dim_exclude_each_other():
    with raises_text(ArgumentError, "give input_shape or input_dim, not both."):
        Dense(3, input_shape=(4,), input_dim=4)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a\tb", 5])
def test_a_name_must_be_a_word(name, unchecked):
    with raises_text(
        ArgumentError, f"name must be a word without '/' or spaces, not {name!r}."
    ):
        Dense(3, name=name)


@pytest.mark.parametrize("argument", ["scale", "offset"])
@pytest.mark.parametrize("value", [math.nan, math.inf, "1", None])
def test_scale_and_offset_must_be_finite_numbers(argument, value, unchecked):
    with raises_text(
        ArgumentError, f"{argument} must be a finite number, not {value!r}."
    ):
        Rescaling(**({"scale": 1.0} | {argument: value}))


@pytest.mark.parametrize("epsilon", [0.0, -1e-3, math.nan, None])
def test_epsilon_must_be_positive(epsilon, unchecked):
    with raises_text(ArgumentError, f"epsilon must be above 0, not {epsilon!r}."):
        LayerNormalization(epsilon=epsilon)


def test_unknown_names_are_answered_with_the_nearest():
    with raises_text(
        UnknownNameError,
        "unknown activation 'rleu': did you mean 'relu'? Known: celu, elu,",
    ):
        Dense(3, activation="rleu")
    with raises_text(UnknownNameError, "unknown activation 'Tanh'", "'tanh'"):
        Activation("Tanh")
    with raises_text(UnknownNameError, "unknown activation 'zzz': Known: celu"):
        Activation("zzz")
    for argument in ("kernel_initializer", "bias_initializer"):
        with raises_text(
            UnknownNameError,
            "unknown initializer 'he_norml': did you mean 'he_normal'?",
        ):
            Dense(3, **{argument: "he_norml"})


def test_what_is_neither_name_nor_callable_is_no_activation_or_initializer(unchecked):
    with raises_text(
        ArgumentError,
        "activation must be a name, a callable or None, not 3",
        'activation="relu"',
    ):
        Dense(3, activation=3)
    with raises_text(
        ArgumentError,
        "an initializer must be a name or a callable, not 3",
        'kernel_initializer="he_normal"',
    ):
        Dense(3, kernel_initializer=3)


@pytest.mark.parametrize(
    "layer",
    [
        Dense(3, input_shape=(4,)),
        Flatten(input_shape=(4,)),
        Activation("relu", input_shape=(4,)),
        Dropout(0.5, input_shape=(4,)),
        GaussianNoise(0.5, input_shape=(4,)),
        Identity(input_shape=(4,)),
        Reshape((2, -1), input_shape=(4,)),
        ReLU(input_shape=(4,)),
        PReLU(input_shape=(4,)),
        Rescaling(0.5, input_shape=(4,)),
        LayerNormalization(input_shape=(4,)),
        Input((4,)),
    ],
    ids=named,
)
def test_a_declared_input_shape_is_checked(layer):
    with raises_text(
        ShapeError,
        f"{layer!r} expects inputs of shape (4,) and got (5,): change its "
        "input_shape or reshape the inputs.",
    ):
        layer.init(KEY, (5,))
    layer.init(KEY, (4,))


@pytest.mark.parametrize("layer", [Dense(3), LayerNormalization()], ids=named)
def test_scalars_need_an_axis_of_features(layer):
    with raises_text(
        ShapeError, repr(layer), "at least one axis", "reshape x to (rows, 1)"
    ):
        layer.init(KEY, ())
    layer.init(KEY, (1,))


@pytest.mark.parametrize("shape", [(6, 5), (4,), (6, 4, 1)])
def test_dense_refuses_a_batch_that_does_not_fit_its_kernel(shape):
    _, params = Dense(3).init(KEY, (4,))
    with raises_text(
        ShapeError,
        f"Dense(3) has a kernel for 4 features and got a batch of shape {shape}: its "
        "last axis must be 4.",
    ):
        Dense(3).apply(params, jnp.ones(shape))


@pytest.mark.parametrize("features", [1, 4])
def test_trap_broadcasting_layer_normalization_refuses_other_features(features):
    _, params = LayerNormalization().init(KEY, (features,))
    with raises_text(ShapeError, f"parameters for {features} features", "shape (6, 5)"):
        LayerNormalization().apply(params, jnp.ones((6, 5)))


# Reshape


def test_reshape_keeps_integers_and_the_order_of_values():
    x = jnp.arange(24, dtype=jnp.uint8).reshape(2, 3, 4)
    y = Reshape((2, -1)).apply({}, x)
    assert y.dtype == jnp.uint8
    np.testing.assert_array_equal(y, np.arange(24).reshape(2, 2, 6))


@pytest.mark.parametrize("target", [(5,), (4, 4), (5, -1), (13,)])
def test_reshape_refuses_a_shape_that_is_not_filled(target):
    layer = Reshape(target)
    with raises_text(
        ShapeError,
        f"{layer!r} got an example of shape (3, 4), whose 12 values do not fill that "
        "shape: change target_shape.",
    ):
        layer.init(KEY, (3, 4))
    with raises_text(ShapeError, "whose 12 values"):
        layer.apply({}, jnp.ones((2, 3, 4)))


@pytest.mark.parametrize(
    "target", [None, 4, "4", (0, 4), (-2, 4), (-1, -1), (2.5, 2), (None, 4), (True,)]
)
def test_a_target_shape_must_be_a_shape(target, unchecked):
    with raises_text(
        ArgumentError,
        "target_shape must be a tuple of positive integers without the batch axis, at "
        f"most one of them -1, such as (7, -1), not {target!r}.",
    ):
        Reshape(target)


def test_a_target_shape_may_be_a_list(unchecked):
    assert Reshape([np.int64(2), -1]) == Reshape((2, -1))
    assert type(Reshape([np.int64(2), -1]).target_shape[0]) is int
