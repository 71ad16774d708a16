"""Files that Keras itself writes here, and what is refused of them."""

import io
import json
import sys
import zipfile

import h5py
import jax
import numpy as np
import pytest
from conftest import keras_on_jax
from oracles import raises_text

import jaxnet_mini as jn
from jaxnet_mini.errors import ArgumentError, FileError, ShapeError, UnknownNameError
from jaxnet_mini.files import config as configs
from jaxnet_mini.files import keras_config, keras_graphs, keras_steps, keras_values
from jaxnet_mini.models.load import load_model

pytestmark = pytest.mark.usefixtures("quick_compilation")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(7, 4, 3)).astype(np.float32)


def written(folder, build, compiled=None, name="model.keras"):
    """Let Keras write a model of random weights.

    Returns:
        The file's path and Keras's predictions for ``X``.
    """
    path = folder / name
    with keras_on_jax() as keras:
        keras.utils.clear_session()
        model = keras.Sequential(build(keras.layers, keras))
        if compiled is not None:
            model.compile(**compiled(keras))
        # Small, or a softmax meets Keras's clipping of probabilities.
        new = [RNG.normal(0.0, 0.5, w.shape) for w in model.get_weights()]
        names = [weight.name for weight in model.weights]
        new = [np.abs(v) if "var" in n else v for n, v in zip(names, new, strict=True)]
        model.set_weights(new)
        (model.save_weights if name.endswith(".h5") else model.save)(path)
        if model.input_shape[1:] != X.shape[1:]:
            return path, None
        return path, np.asarray(model(X))


def dense_model(layers, keras):
    """Names of layers that are those of other groups in the file."""
    return [
        keras.Input((4, 3)),
        layers.Rescaling(1 / 255.0, offset=0.1),
        layers.Flatten(name="an odd name"),
        layers.Dense(6, "relu", name="dense_1"),
        layers.LayerNormalization(epsilon=0.1),
        layers.Dense(5, activation="gelu", name="dense"),
        layers.Dropout(0.5, seed=3),
        layers.Dense(
            5, activation=keras.activations.leaky_relu, use_bias=False, name="dense_2"
        ),
        layers.LayerNormalization(name="layers"),
        layers.Dense(4, name="vars"),
        layers.Activation("softmax"),
    ]


def same_layers():
    return [
        jn.Rescaling(1 / 255.0, offset=0.1, input_shape=(4, 3)),
        jn.Flatten(),
        jn.Dense(6, "relu"),
        jn.LayerNormalization(epsilon=0.1),
        jn.Dense(5, "gelu"),
        jn.Dropout(0.5),
        jn.Dense(5, "leaky_relu", use_bias=False, name="middle"),
        jn.LayerNormalization(),
        jn.Dense(4, "softmax", name="out"),
    ]


def assert_predicts(model, expected):
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-6, atol=1e-6)


# Weights


@pytest.mark.parametrize("name", ["model.weights.h5", "model.keras"])
def test_weights_load_by_the_order_of_layers(tmp_path, name):
    path, expected = written(tmp_path, dense_model, name=name)
    model = jn.Sequential(same_layers())
    assert not np.allclose(model.predict(X), expected, atol=1e-2)
    model.load_weights(path)
    assert_predicts(model, expected)


def test_twelve_layers_of_a_class_keep_their_order(tmp_path):
    """In a file dense_10 stands before dense_2."""
    path, expected = written(
        tmp_path,
        lambda layers, keras: [
            keras.Input((4, 3)),
            *(layers.Dense(3, "tanh") for _ in range(12)),
        ],
        name="model.weights.h5",
    )
    model = jn.Sequential([jn.Input((4, 3)), *(jn.Dense(3, "tanh") for _ in range(12))])
    model.load_weights(str(path))
    assert_predicts(model, expected)


def test_weights_of_a_trained_model_load(tmp_path):
    """With the state of its optimizer."""
    path = tmp_path / "model.keras"
    with keras_on_jax() as keras:
        model = keras.Sequential([keras.layers.Dropout(0.5), keras.layers.Dense(2)])
        model.compile("adam", "mse")
        model.fit(X[:, 0], X[:, 0, :2], verbose=0)
        model.save(path)
        expected = np.asarray(model(X[:, 0]))
    again = load_model(path)
    np.testing.assert_allclose(again.predict(X[:, 0]), expected, rtol=1e-6, atol=1e-6)
    assert int(again.state.step) == 1


def test_other_layers_say_what_differs(tmp_path):
    path, _ = written(tmp_path, dense_model, name="model.weights.h5")
    model = jn.Sequential([jn.Dense(6, input_dim=12), jn.Dense(9), jn.Dense(5)])
    before = model.get_weights()
    with raises_text(
        ShapeError,
        f"{str(path)!r} does not fit the model, and nothing was changed: "
        "dense_1/kernel has shape (6, 5) there and (6, 9) in the model; "
        "dense_1/bias has shape (5,) there and (9,) in the model; "
        "dense_2/kernel has shape (5, 5) there and (9, 5) in the model; "
        "dense_2/bias is missing there; "
        "layers/dense_3/vars/0 is there and not in the model; and 5 more. ",
    ):
        model.load_weights(path)
    for array, same in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(array, same)
    few = jn.Sequential([jn.Dense(6, input_dim=12, use_bias=False)])
    with raises_text(ShapeError, "dense/1 is there and not in the model"):
        few.load_weights(path)


# Architecture and compile settings


def test_a_whole_model_comes_back(tmp_path):
    path, expected = written(
        tmp_path,
        dense_model,
        lambda keras: {
            "optimizer": keras.optimizers.AdamW(0.02, weight_decay=0.01),
            "loss": keras.losses.CategoricalCrossentropy(label_smoothing=0.0),
            "metrics": ["accuracy", keras.metrics.TopKCategoricalAccuracy(k=2)],
            "weighted_metrics": [keras.metrics.MeanSquaredError(name="spread")],
        },
    )
    model = load_model(path)
    assert_predicts(model, expected)
    assert [part.name for part in model.outline] == [
        "rescaling",
        "an_odd_name",
        "dense_1",
        "layer_normalization",
        "dense",
        "dropout",
        "dense_2",
        "layers",
        "vars",
        "activation",
    ]
    assert model.layers[3] == jn.LayerNormalization(
        epsilon=0.1, name="layer_normalization"
    )
    assert model.input_shape == (None, 4, 3)
    trainer = model.trainer
    assert trainer.optimizer == jn.optimizers.AdamW(0.02, weight_decay=0.01)
    assert type(trainer.loss) is jn.losses.CategoricalCrossentropy
    names = [metric.name for metric in trainer.all_metrics]
    assert names == ["accuracy", "top_k_categorical_accuracy", "spread"]
    model.fit(X, np.eye(4, dtype=np.float32)[RNG.integers(0, 4, 7)], verbose=0)
    model.save(tmp_path / "model.safetensors")
    again = load_model(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_training_goes_on_as_in_keras(tmp_path):
    """A loaded model takes the steps that Keras takes."""
    path, _ = written(
        tmp_path,
        lambda layers, keras: [
            keras.Input((4, 3)),
            layers.Flatten(),
            layers.Dense(8, "relu", kernel_regularizer=keras.regularizers.L2(0.02)),
            layers.Dense(3, "softmax", bias_regularizer="l1"),
        ],
        lambda keras: {
            "optimizer": keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
            "loss": "sparse_categorical_crossentropy",
        },
    )
    y = RNG.integers(0, 3, len(X))
    model = load_model(path)
    ours = model.fit(X, y, epochs=5, shuffle=False, verbose=0)
    with keras_on_jax() as keras:
        theirs = keras.models.load_model(path)
        logs = theirs.fit(X, y, epochs=5, shuffle=False, verbose=0)
        weights = theirs.get_weights()
    np.testing.assert_allclose(ours.history["loss"], logs.history["loss"], rtol=1e-4)
    for array, expected in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_allclose(array, expected, rtol=1e-4, atol=1e-5)


def inside(layers):
    return [
        layers.Activation("tanh"),
        layers.ReLU(max_value=6),
        layers.Softmax(),
        layers.LeakyReLU(0.1),
        layers.ELU(0.7),
    ]


def test_layers_that_are_the_activation_of_another_come_back(tmp_path):
    path, expected = written(
        tmp_path,
        lambda layers, keras: [
            keras.Input((4, 3)),
            *(layers.Dense(3, activation=layer) for layer in inside(layers)),
        ],
    )
    model = load_model(path)
    assert [layer.activation for layer in model.layers] == inside(jn.layers)
    assert_predicts(model, expected)


# By the names and arguments that both have; the shapes are (4, 3) before and after.
BOTH = {
    "activation": ("Activation", {"activation": "tanh"}),
    "alpha_dropout": ("AlphaDropout", {"rate": 0.25, "seed": 3}),
    "elu": ("ELU", {}),
    "elu_1": ("ELU", {"alpha": 0.7}),
    "gaussian_dropout": ("GaussianDropout", {"rate": 0.25}),
    "gaussian_noise": ("GaussianNoise", {"stddev": 0.5}),
    "identity": ("Identity", {}),
    "leaky_re_lu": ("LeakyReLU", {}),
    "leaky_re_lu_1": ("LeakyReLU", {"negative_slope": 0.1}),
    "permute": ("Permute", {"dims": (2, 1)}),
    "permute_1": ("Permute", {"dims": (2, 1)}),
    "p_re_lu": ("PReLU", {}),
    "p_re_lu_1": ("PReLU", {"shared_axes": (1,), "alpha_initializer": "he_normal"}),
    "p_re_lu_2": ("PReLU", {"shared_axes": (1, 2)}),
    "re_lu": ("ReLU", {}),
    "re_lu_1": ("ReLU", {"max_value": 6.0}),
    "re_lu_2": ("ReLU", {"max_value": 0.5, "negative_slope": 0.2, "threshold": 0.1}),
    "softmax": ("Softmax", {}),
    "reshape": ("Reshape", {"target_shape": (2, -1)}),
    "reshape_1": ("Reshape", {"target_shape": (4, 3)}),
}


def test_layers_without_kernels_come_back(tmp_path):
    """All in one model, so that the weights of two classes could be mixed up."""
    path, expected = written(
        tmp_path,
        lambda layers, keras: [
            keras.Input((4, 3)),
            *(getattr(layers, kind)(**given) for kind, given in BOTH.values()),
        ],
    )
    model = load_model(path)
    assert [part.name for part in model.outline] == list(BOTH)
    assert model.layers == [
        getattr(jn.layers, kind)(**given, name=name)
        for name, (kind, given) in BOTH.items()
    ]
    assert_predicts(model, expected)


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.one_in(3)
def test_each_layer_without_a_kernel_predicts_as_in_keras(tmp_path, name):
    kind, given = BOTH[name]
    path, expected = written(
        tmp_path,
        lambda layers, keras: [keras.Input((4, 3)), getattr(layers, kind)(**given)],
    )
    model = load_model(path)
    assert_predicts(model, expected)
    by_shape = jn.Sequential([jn.Input((4, 3)), getattr(jn.layers, kind)(**given)])
    by_shape.load_weights(path)
    assert_predicts(by_shape, expected)


def test_the_penalty_on_a_learned_slope_comes_back(tmp_path):
    path, _ = written(
        tmp_path,
        lambda layers, keras: [
            keras.Input((4, 3)),
            layers.PReLU(alpha_regularizer=keras.regularizers.L1L2(0.1, 0.2)),
        ],
        lambda keras: {"loss": "mse"},
    )
    model = load_model(path)
    assert model.layers[0].alpha_regularizer == jn.regularizers.L1L2(0.1, 0.2)
    with keras_on_jax() as keras:
        theirs = keras.models.load_model(path).evaluate(X, X, verbose=0)
    np.testing.assert_allclose(model.evaluate(X, X, verbose=0), theirs, rtol=1e-5)


KEPT = ["GlorotNormal", "HeUniform", "Orthogonal", "Zeros", "RandomNormal"]


@pytest.mark.parametrize("kind", KEPT)
@pytest.mark.one_in(3)
def test_initializers_come_back(tmp_path, kind):
    path, expected = written(
        tmp_path,
        lambda layers, keras: [
            keras.Input((4, 3)),
            layers.Dense(2, kernel_initializer=getattr(keras.initializers, kind)()),
        ],
    )
    model = load_model(path)
    name = "".join(f"_{c.lower()}" if c.isupper() else c for c in kind)[1:]
    assert model.layers[0].kernel_initializer == name
    assert_predicts(model, expected)


def test_initializers_come_back_with_their_arguments(tmp_path):
    path, expected = written(
        tmp_path,
        lambda layers, keras: [
            keras.Input((4, 3)),
            layers.Dense(2, kernel_initializer=keras.initializers.Constant(0.5)),
            layers.Dense(2, kernel_initializer=keras.initializers.RandomNormal(1.0)),
            layers.LayerNormalization(gamma_initializer="zeros"),
        ],
    )
    model = load_model(path)
    assert model.layers[0].kernel_initializer == jn.initializers.Constant(0.5)
    assert model.layers[1].kernel_initializer == jn.initializers.RandomNormal(1.0)
    assert_predicts(model, expected)


def test_layers_that_normalise_come_back(tmp_path):
    """With what they remember, in both kinds of files."""

    def build(layers, keras):
        return [
            keras.Input((4, 3)),
            layers.BatchNormalization(momentum=0.9, axis=1, scale=False),
            layers.LayerNormalization(axis=[1, 2], center=False),
            layers.Normalization(),
            layers.Normalization(axis=1, mean=[1.0] * 4, variance=[4.0] * 4),
            layers.RMSNormalization(),
            layers.BatchNormalization(
                epsilon=0.1, moving_mean_initializer="ones", gamma_constraint="max_norm"
            ),
            layers.UnitNormalization(axis=1),
        ]

    path, _ = written(tmp_path, build)
    with keras_on_jax() as keras:
        # Not those from before: set_weights alone does not reach its Normalization.
        expected = np.asarray(keras.models.load_model(path)(X))
    model = load_model(path)
    assert model.layers[0].momentum == 0.9
    assert (model.layers[1].axis, model.layers[1].center) == ((1, 2), False)
    assert model.layers[5].gamma_constraint == jn.constraints.MaxNorm()
    assert_predicts(model, expected)
    model.save_weights(tmp_path / "ours.weights.h5")
    clone = jn.models.clone_model(model)
    clone.load_weights(tmp_path / "ours.weights.h5")
    assert_predicts(clone, expected)
    model.save(tmp_path / "ours.keras")
    with keras_on_jax() as keras:
        theirs = keras.models.load_model(tmp_path / "ours.keras")(X)
    np.testing.assert_allclose(theirs, expected, rtol=1e-6, atol=1e-6)


def small(layers, keras):
    return [keras.Input((4, 3)), layers.Dense(2)]


def optimizer_of(name):
    return lambda keras: {
        "optimizer": getattr(keras.optimizers, name)(0.03),
        "loss": "mse",
    }


@pytest.mark.parametrize(
    "name", ["Adam", "AdamW", "Muon", "SGD", "RMSprop", "Adagrad", "Lion", "Nadam"]
)
@pytest.mark.one_in(3)
def test_optimizers_come_back(tmp_path, name):
    path, _ = written(tmp_path, small, optimizer_of(name))
    optimizer = load_model(path).trainer.optimizer
    assert type(optimizer) is getattr(jn.optimizers, name)
    assert optimizer.learning_rate == 0.03
    expected = getattr(jn.optimizers, name)(0.03)
    assert optimizer.transformation() is expected.transformation()


def test_options_of_optimizers_come_back(tmp_path):
    given = {"clipnorm": 0.5, "amsgrad": True, "weight_decay": 0.25, "use_ema": True}
    given |= {"ema_overwrite_frequency": 3, "gradient_accumulation_steps": 2}
    path, _ = written(
        tmp_path,
        small,
        lambda keras: {"optimizer": keras.optimizers.Adam(**given), "loss": "mse"},
    )
    assert load_model(path).trainer.optimizer == jn.optimizers.Adam(**given)


def test_schedules_come_back(tmp_path):
    path, _ = written(
        tmp_path,
        small,
        lambda keras: {
            "optimizer": keras.optimizers.SGD(
                keras.optimizers.schedules.PiecewiseConstantDecay([5, 9], [0.3, 0.2, 0])
            ),
            "loss": "mse",
        },
    )
    schedule = jn.optimizers.schedules.PiecewiseConstantDecay([5, 9], [0.3, 0.2, 0])
    assert load_model(path).trainer.optimizer == jn.optimizers.SGD(schedule)


LOSSES = {
    "mse": jn.losses.MeanSquaredError,
    "MeanAbsoluteError": jn.losses.MeanAbsoluteError,
    "BinaryCrossentropy": jn.losses.BinaryCrossentropy,
    "CategoricalHinge": jn.losses.CategoricalHinge,
    "KLDivergence": jn.losses.KLDivergence,
    "huber": jn.losses.Huber,
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("form", ["name", "value"])
@pytest.mark.one_in(3)
def test_losses_come_back(tmp_path, name, form):
    def compiled(keras):
        loss = keras.losses.get(name) if form == "value" else name
        loss = loss() if isinstance(loss, type) else loss
        return {"loss": loss, "metrics": [loss] if name == "mse" else []}

    path, _ = written(tmp_path, small, compiled)
    trainer = load_model(path).trainer
    assert type(trainer.loss) is LOSSES[name]
    assert len(trainer.metrics) == (name == "mse")


def my_function(x):
    return x * 2.0


def my_loss(y_true, y_pred):
    return ((y_true - y_pred) ** 2).mean(-1) * 3.0


def test_own_functions_are_given(tmp_path):
    path, expected = written(
        tmp_path,
        lambda layers, keras: [keras.Input((4, 3)), layers.Dense(2, my_function)],
        lambda keras: {"loss": my_loss, "metrics": [my_loss]},
    )
    with raises_text(UnknownNameError, 'custom_objects={"my_function": my_function}'):
        load_model(path)
    layers = {"my_function": my_function}
    with raises_text(
        UnknownNameError, "which compile=False leaves out", '{"my_loss": my_loss}'
    ):
        load_model(path, layers)
    assert_predicts(load_model(path, layers, compile=False), expected)
    model = load_model(path, layers | {"my_loss": my_loss})
    assert_predicts(model, expected)
    assert model.trainer.loss == jn.losses.FunctionLoss(my_loss)


UNSUPPORTED_LAYERS = [
    (
        lambda layers, keras: layers.Lambda(lambda x: x),
        "a Lambda, holds a lambda, that is code",
    ),
    (lambda layers, keras: layers.Lambda(my_function), 'e custom_objects={"my_functi'),
    (
        lambda layers, keras: layers.Embedding(3, 2, mask_zero=True),
        "mask_zero=True: not supported",
    ),
    (lambda layers, keras: layers.BatchNormalization(renorm=True), "renorm=True: not"),
    (
        lambda layers, keras: layers.Dense(2, layers.PReLU()),
        "holds a PReLU: not supported there",
    ),
    (
        lambda layers, keras: layers.Dense(2, lambda x: x),
        "holds a lambda, that is code",
    ),
    (lambda layers, keras: layers.Dense(2, dtype="float16"), "in 'float16': only"),
    (lambda layers, keras: layers.Dense(2, "glu"), "unknown activation"),
    (lambda layers, keras: layers.Softmax(axis=1), "axis must be -1, the last axis"),
    (lambda layers, keras: layers.Softmax(axis=[1, 2]), "axis must be of type int"),
    (lambda layers, keras: layers.Rescaling([1.0, 2.0, 3.0]), "scale must be of type"),
    (
        lambda layers, keras: layers.Dropout(0.5, noise_shape=(None, 1, 3)),
        "noise_shape",
    ),
]


@pytest.mark.parametrize(("layer", "why"), UNSUPPORTED_LAYERS)
def test_what_is_not_supported_is_named(tmp_path, layer, why):
    path, _ = written(
        tmp_path,
        lambda layers, keras: [keras.Input((4, 3)), layer(layers, keras)],
    )
    with pytest.raises((ArgumentError, UnknownNameError)) as caught:
        load_model(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert why in str(caught.value)


OF_TRAINING = {
    "activity_regularizer='L1'": lambda layers: [
        layers.Activation("relu", activity_regularizer="l1")
    ],
    "lora_rank=1": lambda layers: [layers.Dense(3, lora_rank=1)],
}


@pytest.mark.parametrize("what", OF_TRAINING)
def test_what_changes_training_alone_is_left_out_and_said(tmp_path, what):
    def build(layers, keras):
        return [keras.Input((4, 3)), *OF_TRAINING[what](layers)]

    path, expected = written(tmp_path, build, lambda keras: {"loss": "mse"})
    with raises_text(ArgumentError, "which compile=False leaves out", what):
        load_model(path)
    with pytest.warns(UserWarning, match="changes no prediction, and is left out") as w:
        model = load_model(path, compile=False)
    assert what in str(w[0].message)
    assert w[0].filename == __file__
    assert_predicts(model, expected)


def test_what_is_frozen_there_is_frozen_here(tmp_path):
    def build(layers, keras):
        first = layers.Dense(3, trainable=False)
        return [keras.Input((4, 3)), first, layers.Dense(2)]

    path, expected = written(tmp_path, build, lambda keras: {"loss": "mse"})
    model = load_model(path)
    assert [layer.trainable for layer in model.layers] == [False, True]
    assert_predicts(model, expected)


def test_an_average_that_is_not_used_matters_to_nobody(tmp_path):
    path, _ = written(
        tmp_path,
        small,
        lambda keras: {
            "optimizer": keras.optimizers.SGD(0.1, ema_overwrite_frequency=100),
            "loss": "mse",
        },
    )
    assert load_model(path).trainer.optimizer == jn.optimizers.SGD(0.1)


def test_quantized_models_are_named(tmp_path):
    for mode in ("int8", "float8"):
        path = tmp_path / f"{mode}.keras"
        with keras_on_jax() as keras:
            model = keras.Sequential([keras.Input((4, 3)), keras.layers.Dense(2)])
            model.quantize(mode)
            model.save(path)
        with raises_text(ArgumentError, f"computes in '{mode}': only float32"):
            load_model(path)
    model = jn.Sequential([jn.Dense(2, input_shape=(4, 3))])
    with raises_text(ShapeError, "kernel has dtype int8 there and float32 in the mod"):
        model.load_weights(tmp_path / "int8.keras")


def test_weights_in_several_files_are_read_as_in_one(tmp_path):
    """Some layers stand in two of them, as the optimizer does."""
    path, whole = tmp_path / "a.weights.json", tmp_path / "whole.weights.h5"
    with keras_on_jax() as keras:
        inside = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3)])
        layers = [keras.layers.Dense(3), keras.layers.BatchNormalization(), inside]
        theirs = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(2)])
        theirs.compile("adam", "mse")
        theirs.optimizer.build(theirs.trainable_variables)
        for variable in [*theirs.variables, *theirs.optimizer.variables[2:]]:
            variable.assign(np.random.default_rng(0).uniform(1, 2, variable.shape))
        theirs.save_weights(path, max_shard_size=100 / 2**30)
        theirs.save_weights(whole)
    assert len(list(tmp_path.glob("a_0000*.weights.h5"))) > 5
    layers = [jn.Dense(3, input_dim=4), jn.layers.BatchNormalization()]
    model = jn.Sequential([*layers, jn.serial(jn.Dense(3)), jn.Dense(2)])
    model.compile("adam", "mse")
    states = []
    for file in (whole, path):
        model.set_weights([np.zeros_like(array) for array in model.get_weights()])
        assert model.state.optimizer_state is not None
        model.load_weights(file)
        states.append(model.state._replace(key=None))
    jax.tree.map(np.testing.assert_array_equal, *states)
    moments = jax.tree.leaves(states[1].optimizer_state)
    assert max(float(np.max(moment)) for moment in moments) > 1
    with raises_text(FileError, "a.weights.json' holds weights only: build the model"):
        load_model(path)
    with h5py.File(tmp_path / "a_00002.weights.h5", "a") as file:
        file.create_group("layers/dense/vars")["0"] = np.zeros((4, 3), np.float32)
    with raises_text(FileError, "names two files with layers/dense/vars/0"):
        model.load_weights(path)
    (tmp_path / "a_00003.weights.h5").unlink()
    with raises_text(FileError, "there is no file", "a_00003.weights.h5"):
        model.load_weights(path)
    now = model.state._replace(key=None)
    jax.tree.map(np.testing.assert_array_equal, states[1], now)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_floats_of_another_width_are_cast(tmp_path, dtype):
    path = tmp_path / "model.weights.h5"
    with keras_on_jax() as keras:
        layer = keras.layers.Dense(2, dtype="float32" if dtype == "float64" else dtype)
        theirs = keras.Sequential([keras.Input((4, 3)), layer])
        theirs.save_weights(path)
        expected = [np.asarray(w, np.float32) for w in theirs.get_weights()]
    if dtype == "float64":
        with h5py.File(path, "r+") as file:
            for name in ("0", "1"):
                group = file["layers/dense/vars"]
                values = group[name][()].astype(dtype)
                del group[name]
                group[name] = values
    model = jn.Sequential([jn.Dense(2, input_shape=(4, 3))])
    model.load_weights(path)
    for ours, array in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(ours, array, strict=True)


def test_layers_of_anybody_else_are_named(tmp_path):
    with keras_on_jax() as keras:

        @keras.saving.register_keras_serializable("theirs")
        class Gate(keras.layers.Layer):
            def call(self, x):
                return x

    path, _ = written(tmp_path, lambda layers, keras: [keras.Input((4, 3)), Gate()])
    with raises_text(ArgumentError, "of a class of its author's own, 'theirs>Gate'"):
        load_model(path)


def own_classes(library):
    """A layer and a model of a user's own, the same words in both libraries."""
    layers, registered = library.layers, library.saving.register_keras_serializable

    @registered("theirs")
    class Sluice(layers.Layer):
        def __init__(self, units, activation=None, **options):
            super().__init__(**options)
            self.units, self.activation = units, activation
            self.open = layers.Dense(units, activation=activation)
            self.more = [layers.ReLU(), [layers.Dense(units)], layers.Dense(units)]

        def build(self, input_shape):
            self.shift = self.add_weight(shape=(), name="shift", trainable=False)
            self.scale = self.add_weight(shape=(1, self.units), name="scale")

        def call(self, x):
            y = self.more[2](self.more[1][0](self.more[0](self.open(x))))
            return y * self.scale + self.shift

        def get_config(self):
            own = {"units": self.units, "activation": self.activation}
            return super().get_config() | own

    @registered("theirs", name="whole")
    class Net(library.Model):
        def __init__(self, units=3, **options):
            super().__init__(**options)
            self.units = units
            self.last = layers.Dense(2)
            self.by_name = {"gate": Sluice(units, "tanh"), "dense": layers.Dense(3)}
            self._first = layers.Dense(3)
            self.row = library.Sequential([layers.Dense(3), layers.Dense(3)])

        def call(self, x):
            y = self.by_name["gate"](self.row(self._first(x)))
            return self.last(self.by_name["dense"](y))

        def get_config(self):
            return super().get_config() | {"units": self.units}

    return Sluice, Net


def test_own_classes_go_both_ways(tmp_path):
    path, ours, row = (tmp_path / f"{name}.keras" for name in ("a", "b", "c"))
    own = dict(zip(("Sluice", "whole"), own_classes(jn), strict=True))
    x, y = X[:, 0], X[:, 1, :2]
    with keras_on_jax() as keras:
        theirs_gate, theirs_net = own_classes(keras)
        theirs = theirs_net(units=4)
        theirs.compile("adam", "mse")
        theirs.fit(x, y, epochs=2, shuffle=False, verbose=0)
        theirs.save(path)
        gate = [theirs_gate(2, "relu"), keras.layers.Dense(1)]
        in_a_row = keras.Sequential([keras.Input((3,)), *gate])
        in_a_row.save(row)
        expected = np.asarray(theirs(x))
        model = load_model(path)
        assert type(model) is own["whole"]
        assert model.units == 4
        np.testing.assert_allclose(model(x), expected, rtol=1e-6, atol=1e-6)
        found = load_model(row, {"Sluice": own["Sluice"]})(x)
        np.testing.assert_allclose(found, in_a_row(x), rtol=1e-6, atol=1e-6)
        model.save(ours)
        again, in_keras = load_model(ours), keras.models.load_model(ours)
        logs = [m.fit(x, y, shuffle=False, verbose=0) for m in (theirs, in_keras)]
        after = np.asarray(theirs(x))
    logs += [m.fit(x, y, shuffle=False, verbose=0) for m in (model, again)]
    losses = [log.history["loss"][0] for log in logs]
    np.testing.assert_allclose(losses, losses[0], rtol=1e-5)
    for array, same in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(array, same)
    np.testing.assert_allclose(again(x), after, rtol=1e-5, atol=1e-6)


def test_models_of_an_own_class_within_others_go_both_ways(tmp_path):
    path, back = tmp_path / "model.keras", tmp_path / "back.keras"
    _, net = own_classes(jn)
    first = jn.Input((3,))
    inside = jn.Sequential([jn.Input((3,)), net(units=4), jn.Dense(2)])
    both = jn.layers.Add()([inside(first), net(units=2)(first)])
    model, x = jn.Model(first, jn.Dense(1)(both)), X[:, 0]
    model.save(path)
    expected = model(x)
    with keras_on_jax() as keras:
        own_classes(keras)
        theirs = keras.models.load_model(path)
        np.testing.assert_allclose(theirs(x), expected, rtol=1e-5, atol=1e-6)
        theirs.save(back)
    own_classes(jn)
    np.testing.assert_allclose(load_model(back)(x), expected, rtol=1e-5, atol=1e-6)


def with_a_default(library):
    """A layer that says nothing else of training than that it takes it."""

    @library.saving.register_keras_serializable("defaults")
    class Scaled(library.layers.Layer):
        def __init__(self, **options):
            super().__init__(**options)
            self.batch = library.layers.BatchNormalization()

        def build(self, input_shape):
            self.batch.build(input_shape)

        def call(self, x, training=False):
            return self.batch(x, training=training)

    return Scaled


def test_the_default_of_training_is_nothing_that_was_said(tmp_path):
    """Keras writes it into the file of a graph, and trains by none of it."""
    path, x = tmp_path / "model.keras", X[:, 0]
    y = x.sum(1, keepdims=True)
    with keras_on_jax() as keras:
        first = keras.Input((3,))
        scaled = with_a_default(keras)()(first)
        theirs = keras.Model(first, keras.layers.Dense(1)(scaled))
        theirs.compile(keras.optimizers.SGD(0.05, momentum=0.9), "mse")
        theirs.fit(x, y, batch_size=8, shuffle=False, verbose=0)
        theirs.save(path)
        theirs.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0)
        expected = [np.asarray(weight) for weight in theirs.get_weights()]
    ours = with_a_default(jn)
    model = load_model(path)
    assert [call.training for call in model.net.calls] == [None, None]
    model.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0)
    for weight, theirs in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_allclose(weight, theirs, rtol=1e-4, atol=1e-5)
    said = jn.Model(first := jn.Input((3,)), ours()(first, training=False))
    with raises_text(ArgumentError, "'scaled' is called with training=False"):
        said.save(path)


def test_graphs_and_models_inside_models_come_back(tmp_path):
    """Layers that are shared, called later than others, or inside others."""
    path, weights = tmp_path / "model.keras", tmp_path / "model.weights.h5"
    with keras_on_jax() as keras:
        keras.utils.clear_session()
        layers = keras.layers
        x = keras.Input((3,), name="an input")
        shared = layers.Dense(3, name="shared")
        first = shared(x)
        again = shared(layers.Dense(3, "tanh", name="d e")(first))
        both = layers.Concatenate()([layers.Dense(2)(first), layers.Dense(2)(again)])
        inside = keras.Sequential([layers.Dense(4), keras.Sequential([layers.ReLU()])])
        total = layers.Add()([layers.Dense(4)(x), inside(both)])
        theirs = keras.Model(x, layers.Dense(2)(total))
        theirs.set_weights([RNG.normal(size=w.shape) for w in theirs.get_weights()])
        theirs.compile("sgd", "mse")
        theirs.save(path)
        theirs.save_weights(weights)
        expected = np.asarray(theirs(X[:, 0]))
        names = [layer.name for layer in theirs.layers]
        row = keras.Model(x, layers.Dense(2, name="last")(first))
        row.save(tmp_path / "row.keras")
    model = load_model(path)
    np.testing.assert_allclose(model.predict(X[:, 0]), expected, rtol=1e-5, atol=1e-6)
    names = ["d_e" if name == "d e" else name for name in names[1:]]
    assert [part.name for part in model.outline] == names
    assert keras_graphs.layer_names(model.net) == names
    model.set_weights([0.0 * weight for weight in model.get_weights()])
    model.load_weights(weights)
    np.testing.assert_allclose(model.predict(X[:, 0]), expected, rtol=1e-5, atol=1e-6)
    names = [layer.name for layer in load_model(tmp_path / "row.keras").layers]
    assert names == ["an_input", "shared", "last"]


def test_operations_come_back(tmp_path):
    path, ours = tmp_path / "model.keras", tmp_path / "ours.keras"
    with keras_on_jax() as keras:
        keras.utils.clear_session()
        ops, x, y = keras.ops, keras.Input((3,)), keras.Input((3,))
        z = ops.relu(1.0 - (-(2.0 * (keras.layers.Dense(3)(x) + y) / 3.0) - y))
        z = ops.leaky_relu(ops.elu(z + 0.25, 0.5) - 1, 0.3) * np.float32(2)
        z = ops.concatenate([ops.minimum(z, x), ops.silu(ops.maximum(x, y) * z)], 1)
        theirs = keras.Model([x, y], keras.layers.Dense(2)(ops.softmax(z, axis=-1)))
        theirs.save(path)
        inputs = [X[:, 0], X[:, 1]]
        expected = np.asarray(theirs(inputs))
        model = load_model(path)
        model.save(ours)
        again = np.asarray(keras.models.load_model(ours)(inputs))
    np.testing.assert_allclose(model(inputs), expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(again, expected, rtol=1e-6, atol=1e-6)


def test_operations_that_are_not_here_are_named_with_a_way(tmp_path):
    def cleaned(ops, x):
        return ops.nan_to_num(x)

    path = tmp_path / "model.keras"
    with keras_on_jax() as keras:
        x = keras.Input((3,))
        theirs = keras.Model(x, cleaned(keras.ops, keras.layers.Dense(3)(x)))
        theirs.save(path)
        expected = np.asarray(theirs(X[:, 0]))
    with raises_text(
        ArgumentError, "is the operation NanToNum of", "model.load_weights"
    ):
        load_model(path)
    x = jn.Input((3,))
    model = jn.Model(x, jn.layers.Lambda(lambda x: cleaned(jn.ops, x))(jn.Dense(3)(x)))
    model.load_weights(path)
    np.testing.assert_allclose(model(X[:, 0]), expected, rtol=1e-6, atol=1e-6)


def test_operations_called_in_an_unknown_way_are_named():
    with keras_on_jax() as keras:
        x = keras.Input((3,))
        config = json.loads(keras.Model(x, x + x).to_json())
    step = config["config"]["layers"][1]
    node = step["inbound_nodes"][0]
    for broken in (
        {"inbound_nodes": []},
        {"inbound_nodes": [node | {"args": [1.0, 2.0]}]},
        {"inbound_nodes": [node | {"args": ["{0}", *node["args"]]}]},
        {"inbound_nodes": [node | {"kwargs": {"where": 3}}]},
        {"config": {"name": "add", "axis": 1}},
        {"config": None},
        {"module": "keras.src.ops.math"},
        {"class_name": "System"},
    ):
        with raises_text(ArgumentError, "is the operation", "of Keras, called"):
            keras_steps.read(step | broken, lambda _: "x")


UNSUPPORTED_SETTINGS = [
    (
        lambda keras: keras.optimizers.ScheduleFreeAdamW(),
        "unknown class 'optimizers.ScheduleFreeAdamW'",
    ),
]


@pytest.mark.parametrize(("optimizer", "why"), UNSUPPORTED_SETTINGS)
def test_settings_that_are_not_supported_are_named_and_can_be_left_out(
    tmp_path, optimizer, why
):
    path, expected = written(
        tmp_path, small, lambda keras: {"optimizer": optimizer(keras), "loss": "mse"}
    )
    with pytest.raises((ArgumentError, UnknownNameError)) as caught:
        load_model(path)
    left_out = f"{path}: the compile settings, which compile=False leaves out: "
    assert str(caught.value).startswith(left_out)
    assert why in str(caught.value)
    assert_predicts(load_model(path, compile=False), expected)


def test_models_without_a_shape_have_no_weights(tmp_path):
    path = tmp_path / "model.keras"
    with keras_on_jax() as keras:
        keras.Sequential([keras.layers.Dense(2)]).save(path)
    with raises_text(ArgumentError, "the input shape is None: build the model"):
        load_model(path)
    with keras_on_jax() as keras:
        keras.Sequential([keras.Input((None, 3)), keras.layers.Dense(2)]).save(path)
    with raises_text(ArgumentError, "the input shape is [None, None, 3]: build"):
        load_model(path)


# Files that are not what they should be


def test_weights_alone_are_no_model(tmp_path):
    weights, _ = written(tmp_path, small, name="model.weights.h5")
    with raises_text(FileError, "holds weights only: build the model"):
        load_model(weights)


def repacked(path, change, compression=zipfile.ZIP_STORED):
    """The archive again, with other parts."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    change(parts)
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)


def test_damaged_archives_are_refused(tmp_path):
    path, _ = written(tmp_path, small)
    whole = path.read_bytes()
    for data in (b"", whole[: len(whole) // 2], b"PK" + b"0" * 100):
        path.write_bytes(data)
        with raises_text(FileError, "is no intact .keras file: "):
            load_model(path)
    for name in ("config.json", "model.weights.h5"):
        path.write_bytes(whole)
        repacked(path, lambda parts, name=name: parts.pop(name))
        with raises_text(FileError, f"has no {name}, which Keras 3 writes"):
            load_model(path)
    path.write_bytes(whole)
    repacked(path, lambda parts: parts.update({"model.weights.h5": b"0" * 99}))
    with raises_text(FileError, "is no intact HDF5 file: "):
        load_model(path)
    path.write_bytes(whole)
    repacked(path, lambda parts: parts.update({"config.json": b"{"}))
    with raises_text(ArgumentError, f"{path}: its JSON cannot be read"):
        load_model(path)
    path.write_bytes(whole)
    repacked(path, lambda parts: None, zipfile.ZIP_DEFLATED)
    with raises_text(FileError, "is compressed or too large"):
        load_model(path)
    absent = tmp_path / "absent.keras"
    with raises_text(FileError, f"there is no file {str(absent)!r}"):
        load_model(absent)


def changed_weights(path, change):
    def edit(parts):
        buffer = io.BytesIO(parts["model.weights.h5"])
        with h5py.File(buffer, "r+") as file:
            change(file)
        parts["model.weights.h5"] = buffer.getvalue()

    repacked(path, edit)


def as_external_link(file):
    del file["layers/dense/vars/0"]
    file["layers/dense/vars/0"] = h5py.ExternalLink("/etc/passwd", "/x")


def as_soft_link(file):
    del file["layers/dense/vars/0"]
    file["layers/dense/vars/0"] = h5py.SoftLink("/layers/dense/vars/1")


def as_external_data(file):
    del file["layers/dense/vars/0"]
    file["layers/dense/vars"].create_dataset(
        "0", (3, 2), "<f4", external=[("/etc/passwd", 0, 24)]
    )


def as_virtual_data(file):
    del file["layers/dense/vars/0"]
    layout = h5py.VirtualLayout((3, 2), "<f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (3, 2))
    file["layers/dense/vars"].create_virtual_dataset("0", layout)


@pytest.mark.parametrize(
    "change", [as_external_link, as_soft_link, as_external_data, as_virtual_data]
)
def test_no_other_file_is_read_through_one(tmp_path, change):
    path, _ = written(tmp_path, small)
    changed_weights(path, change)
    with raises_text(FileError, "does not hold '0' where Keras writes it"):
        load_model(path)


def test_files_of_other_layouts_are_refused(tmp_path):
    path, _ = written(tmp_path, small)
    changed_weights(path, lambda file: file.move("layers", "_layers"))
    with raises_text(FileError, "does not hold 'layers' where Keras writes it"):
        load_model(path)
    path, _ = written(tmp_path, small)
    changed_weights(
        path, lambda file: file.move("layers/dense/vars", "layers/d/e/vars")
    )
    with raises_text(ShapeError, "layers/d/e/vars/0 is there and not in the model"):
        load_model(path)


def test_sizes_are_checked_before_memory_is_taken(tmp_path):
    path, _ = written(tmp_path, small)

    def huge(file):
        del file["layers/dense/vars/0"]
        shape = (10**6, 10**6)
        file["layers/dense/vars"].create_dataset("0", shape, "<f4", chunks=(100, 100))

    changed_weights(path, huge)
    with raises_text(ShapeError, "dense/kernel has shape (1000000, 1000000) there"):
        load_model(path)


def test_nothing_is_imported_or_written(tmp_path):
    path, _ = written(tmp_path, small)
    load_model(path)

    def foreign(parts):
        config = json.loads(parts["config.json"])
        layer = config["config"]["layers"][1]
        layer.update(module="antigravity", class_name="Gate", registered_name="a>Gate")
        parts["config.json"] = json.dumps(config).encode()

    repacked(path, foreign)
    before, files = set(sys.modules), set(tmp_path.iterdir())
    with raises_text(ArgumentError, "of a class of its author's own"):
        load_model(path)
    assert set(sys.modules) == before
    assert set(tmp_path.iterdir()) == files


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({}, "the model is described in a way unknown here"),
        ({"class_name": "Sequential", "config": {}}, "the model has no layers"),
        (
            {"class_name": "Sequential", "config": {"layers": [3]}},
            "the first layer is described in a way unknown here",
        ),
        (
            {"class_name": "Wide", "config": {"layers": []}},
            "the model is a Wide, and only a Sequential or a Functional is read",
        ),
        (
            {"class_name": "Sequential", "config": {"layers": {"a": 1}}},
            "the model has no layers",
        ),
    ],
)
def test_configurations_that_describe_nothing(config, why):
    with raises_text(ArgumentError, why):
        keras_config.architecture(config, ())


def functional(*nodes, **changed):
    """A Functional of layers, each of which takes what another gives."""
    inputs = {"batch_shape": [None, 3], "name": "x"}
    entries = [{"class_name": "InputLayer", "config": inputs, "name": "x"}]
    for name, calls in nodes:
        config = {"name": name, "units": 3}
        entry = {"class_name": "Dense", "config": config, "name": name}
        entries.append(entry | {"inbound_nodes": calls})
    ends = {"input_layers": [["x", 0, 0]], "output_layers": [["a", 0, 0]]}
    config = {"name": "f", "layers": entries} | ends | changed
    return {"class_name": "Functional", "config": config}


def call_of(history, **kwargs):
    tensor = {"class_name": "__keras_tensor__", "config": {"keras_history": history}}
    return {"args": [tensor], "kwargs": kwargs}


@pytest.mark.parametrize(
    ("config", "why"),
    [
        (functional(("a", [call_of(["b", 0, 0])])), "takes what none of its layers"),
        (functional(("a", [call_of(["a", 0, 0])])), "takes what none of its layers"),
        (functional(("a", [call_of(["x", 0, 1])])), "'x' gives several outputs"),
        (functional(("a", [call_of("x")])), "has inputs of another kind"),
        (
            functional(("a", [call_of(["x", 0, 0], mask=3)])),
            "called with more than its",
        ),
        (functional(("a", [[["x", 0, 0, {}]]])), "called with more than its inputs"),
        (functional(("a", [{"args": []}])), "called with more than its inputs"),
        (
            functional((3, [call_of(["x", 0, 0])])),
            "a layer of a Functional has no name",
        ),
        (functional(input_layers=None), "has no input layers"),
        (functional(output_layers=[["x", "0", 0]]), "output layers of another kind"),
        (functional(output_layers={"k": ["z", 0, 0]}), "no layer of it does, 'z'"),
        (functional(input_layers=[["z", 0, 0]]), "the input shape is None"),
    ],
)
def test_graphs_that_are_none(config, why):
    with raises_text(ArgumentError, why):
        keras_config.architecture(config, ())


def test_the_tables_are_of_our_own_names():
    for kind in keras_config.LAYERS:
        assert f"layers.{kind}" in configs.CLASSES
    assert set(keras_config.LAYERS) >= keras_values.ACTIVATIONS


def test_a_missing_h5py_says_what_to_install(tmp_path, monkeypatch):
    path, _ = written(tmp_path, small)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with raises_text(jn.errors.MissingExtraError, 'install "jaxnet-mini[keras]"'):
        load_model(path)
