"""Files that are written here in Keras's layout, read by Keras itself."""

import dataclasses
import io
import json
import zipfile

import h5py
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import keras_on_jax
from oracles import assert_trees_close

import jaxnet_mini as jn
from jaxnet_mini.core.networks import weights
from jaxnet_mini.files import config as configs
from jaxnet_mini.files import (
    keras_config,
    keras_graphs,
    keras_groups,
    keras_optimizers,
    keras_words,
)
from jaxnet_mini.models import held
from jaxnet_mini.models.load import load_model

pytestmark = pytest.mark.usefixtures("quick_compilation")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(7, 4, 3)).astype(np.float32)


def with_new_weights(model):
    """None of which is what a layer begins with."""
    new = {w.path: RNG.normal(0.0, 0.5, w.shape) for w in model.weights}
    model.set_weights([np.abs(v) if "variance" in n else v for n, v in new.items()])
    return model


# Layers. One of each kind, from (4, 3) to (4, 3).
LAYERS = {
    "Activation": jn.layers.Activation(jn.activations.tanh),
    "Dense": jn.Dense(
        3, "gelu", kernel_initializer="normal", bias_constraint="non_neg", name="odd"
    ),
    "Dropout": jn.Dropout(0.25),
    "ELU": jn.layers.ELU(0.7),
    "Flatten": jn.Flatten(),
    "GaussianDropout": jn.layers.GaussianDropout(0.25),
    "GaussianNoise": jn.layers.GaussianNoise(0.5),
    "Identity": jn.layers.Identity(),
    "LayerNormalization": jn.LayerNormalization(epsilon=0.1),
    "LeakyReLU": jn.layers.LeakyReLU(0.1),
    "PReLU": jn.layers.PReLU(shared_axes=(1,), alpha_regularizer="l2"),
    "ReLU": jn.layers.ReLU(6.0, 0.2, 0.1),
    "Rescaling": jn.Rescaling(1 / 4, offset=0.1),
    "Reshape": jn.layers.Reshape((4, -1)),
    "Softmax": jn.layers.Softmax(),
    "ActivityRegularization": jn.layers.ActivityRegularization(0.1),
    "AlphaDropout": jn.layers.AlphaDropout(0.25, seed=3),
    "Permute": jn.layers.Permute((1, 2)),
    "BatchNormalization": jn.layers.BatchNormalization(
        1, 0.9, 0.1, gamma_initializer="random_normal", beta_constraint="non_neg"
    ),
    "RMSNormalization": jn.layers.RMSNormalization(),
    "UnitNormalization": jn.layers.UnitNormalization(),
}


def test_every_layer_is_read_by_keras(tmp_path):
    """All in one model, some of them twice, with weights of their own."""
    several = {"Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum"}
    several |= {"Multiply", "Subtract"}  # inputs, which a Sequential has not
    # Of other shapes: in test_keras_categories.
    several |= {"CategoryEncoding", "Embedding", "Lambda", "RepeatVector"}
    several |= {"Normalization"}  # in test_keras_files
    assert set(LAYERS) == set(keras_config.LAYERS) - several
    again = [jn.Dense(3, use_bias=False), jn.LayerNormalization(), jn.layers.PReLU()]
    layers = [jn.Input((4, 3)), *LAYERS.values(), *again]
    model = with_new_weights(jn.Sequential(layers, name="all_of_them"))
    path, alone = tmp_path / "model.keras", tmp_path / "model.weights.h5"
    model.save(path)
    model.save_weights(alone)
    expected = model.predict(X)
    with keras_on_jax() as keras:
        theirs = keras.models.load_model(path)
        assert theirs.name == "all_of_them"
        names = [layer.name for layer in theirs.layers]
        assert names == [part.name for part in model.outline]
        for layer, ours in zip(theirs.layers, model.layers, strict=True):
            assert layer.__class__.__name__ == ours.__class__.__name__
        np.testing.assert_allclose(theirs(X), expected, rtol=1e-6, atol=1e-6)
        clone = keras.models.clone_model(theirs)
        assert not np.allclose(clone(X), expected, atol=1e-3)
        clone.load_weights(alone)
        np.testing.assert_allclose(clone(X), expected, rtol=1e-6, atol=1e-6)
        config = theirs.layers[1].get_config()
    assert config["kernel_initializer"]["class_name"] == "RandomNormal"
    here = load_model(path)
    np.testing.assert_array_equal(here.predict(X), expected)
    # What stood there by name stands there as the value behind it.
    regularized = dataclasses.replace(
        model.layers[10].pure, alpha_regularizer=jn.regularizers.L2(0.01)
    )
    assert regularized.__class__ is jn.layers.PReLU
    assert here.layers[10] == dataclasses.replace(regularized, name="p_re_lu")


def test_graphs_and_rows_inside_are_read_by_keras(tmp_path):
    """Layers that are shared, called later than others, or inside others."""
    path = tmp_path / "model.keras"
    row = jn.serial(jn.Dense(4), jn.serial(jn.Dense(4, "tanh"), name="deep"))
    nodes = {
        "shared": (jn.Dense(3, trainable=False), "x"),
        "d": (jn.Dense(3), "shared"),
        "again": ("shared", "d"),
        "left": (jn.Dense(2), "shared"),
        "right": (jn.Dense(2), "again"),
        "side": (jn.Dense(4), "x"),
        "both": (jn.layers.Concatenate(), ("left", "right")),
        "sum": (jn.layers.Add(), ("both", "side")),
        "row": (row, "sum"),
    }
    layers = [jn.graph(nodes), jn.residual(jn.Dense(4)), jn.Dense(2)]
    model = with_new_weights(jn.Sequential([jn.Dense(3, input_dim=3), *layers]))
    model.compile("adam", "mse")
    model.save(path)
    expected = model.predict(X[:, 0])
    with keras_on_jax() as keras:
        theirs = keras.models.load_model(path)
        np.testing.assert_allclose(theirs(X[:, 0]), expected, rtol=1e-5, atol=1e-6)
        order = [layer.name for layer in theirs.layers[1].layers]
        shapes = [weight.shape for weight in theirs.trainable_weights]
    assert keras_graphs.layer_names(model.layers[1]) == order[1:]
    # The variables of the optimizer stand in this order.
    groups = keras_groups.of_model(model.outline)
    by_path = weights.shapes(model.outline)
    paths = [path for group in groups for path in group.paths if "shared" not in path]
    assert [by_path[path].shape for path in paths] == shapes
    np.testing.assert_array_equal(load_model(path).predict(X[:, 0]), expected)


def my_function(x):
    return x**2 / 3.0


def doubled(x):
    return jnp.concatenate([x, -x], axis=-1)


def my_loss(y_true, y_pred):
    return ((y_true - y_pred) ** 2).mean(-1) * 3.0


@jn.saving.register_keras_serializable("mine")
def registered(x):
    return x * 5.0


def test_own_functions_are_read_by_keras(tmp_path):
    """By name, as Keras writes them; in a row, within it, and in a graph."""
    ours, theirs = tmp_path / "ours.keras", tmp_path / "theirs.keras"
    own = {"my_function": my_function, "my_loss": my_loss, "doubled": doubled}
    y = RNG.normal(size=(7, 2)).astype(np.float32)

    def layers_of(layers):
        return [
            layers.Input((3,)),
            layers.Dense(4, activation=my_function),
            layers.Activation(my_function),
            layers.Lambda(doubled),
            layers.Dense(2, activation=registered),
        ]

    inner = jn.serial(jn.Dense(3, my_function))
    model = jn.Sequential(layers_of(jn.layers))
    metrics = [my_loss, jn.metrics.MeanMetricWrapper(my_loss, "again")]
    model.compile("sgd", my_loss, metrics)
    model.save(ours)
    x = jn.Input((3,))
    graph = jn.Model(x, jn.layers.Add()([inner(x), jn.Dense(3, my_function)(x)]))
    graph.save(tmp_path / "graph.keras")
    with keras_on_jax() as keras:
        keras.saving.register_keras_serializable("mine")(registered)
        read = keras.models.load_model(ours, custom_objects=own)
        np.testing.assert_allclose(read(X[:, 0]), model.predict(X[:, 0]), rtol=1e-5)
        np.testing.assert_allclose(
            read.evaluate(X[:, 0], y, verbose=0),
            model.evaluate(X[:, 0], y, verbose=0),
            rtol=1e-5,
        )
        other = keras.models.load_model(tmp_path / "graph.keras", custom_objects=own)
        np.testing.assert_allclose(other(X[:, 0]), graph.predict(X[:, 0]), rtol=1e-5)
        wrapped = keras.metrics.MeanMetricWrapper(my_loss, "again")
        again = keras.Sequential(layers_of(keras.layers))
        again.compile("sgd", my_loss, metrics=[my_loss, wrapped])
        again.save(theirs)
        expected = again.predict(X[:, 0], verbose=0)
    assert functions_in(config_in(ours)) == functions_in(config_in(theirs))
    assert len(functions_in(config_in(ours))) == 7
    for path in (ours, theirs):
        back = load_model(path, own)
        assert back.trainer.loss == jn.losses.FunctionLoss(my_loss)
        wanted = model.predict(X[:, 0]) if path is ours else expected
        np.testing.assert_allclose(back.predict(X[:, 0]), wanted, rtol=1e-5)


def config_in(path):
    return json.loads(zipfile.ZipFile(path).read("config.json"))


def functions_in(config):
    """All functions that a configuration names, in their order."""
    if isinstance(config, dict) and config.get("class_name") == "function":
        return [{n: v for n, v in config.items() if n != "shared_object_id"}]
    entries = config.values() if isinstance(config, dict) else config
    several = isinstance(config, dict | list)
    return [f for entry in entries for f in functions_in(entry)] if several else []


def test_the_layout_is_that_of_keras(tmp_path):
    """The same groups and arrays as in a file that Keras writes of the same model."""
    ours, theirs = tmp_path / "ours.keras", tmp_path / "theirs.keras"
    model = jn.Sequential([jn.Dense(3, input_dim=2), jn.Dropout(0.1), jn.Dense(2)])
    model.compile("sgd", "mse")
    model.save(ours)
    with keras_on_jax() as keras:
        keras.models.load_model(ours).save(theirs)

    def parts(path):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            config = json.loads(archive.read("config.json"))
            data = archive.read("model.weights.h5")
        found = {}
        with h5py.File(io.BytesIO(data)) as file:
            file.visititems(
                lambda name, item: found.update({name: getattr(item, "dtype", None)})
            )
        return names, config, found

    (names, config, found), (others, other, expected) = parts(ours), parts(theirs)
    assert names == others
    assert found == expected

    def contained(part, whole, key):
        """What is written here stands in what Keras writes."""
        if isinstance(part, dict):
            for key in part.keys() - {"dtype", "learning_rate"}:
                contained(part[key], whole[key], key)
        elif isinstance(part, list):
            for one, other in zip(part, whole, strict=True):
                contained(one, other, key)
        else:
            assert whole in (part, {"activation": "linear"}.get(key))

    contained(config, other, None)


# Losses, metrics, optimizers, regularizers, activations, initializers

NONE = dataclasses.MISSING
GIVEN = dict.fromkeys(("precision", "recall", "sensitivity", "specificity"), 0.5)
GIVEN |= {"initial_learning_rate": 0.1, "decay_steps": 5, "decay_rate": 0.5}
GIVEN |= {"first_decay_steps": 5, "boundaries": [3], "values": [0.1, 0.2]}
"""Arguments without a default."""


def values():
    """One value of each class that Keras has too, with numbers of its own."""
    for name, kind in configs.CLASSES.items():
        room, own = name.split(".")
        a_base = own == room[:-1].title()
        if name in keras_words.OURS_ALONE or room == "layers" or a_base:
            continue
        if kind is jn.metrics.MeanMetricWrapper:
            continue
        needed = (f.name for f in dataclasses.fields(kind) if f.default is NONE)
        value = kind(**{argument: GIVEN[argument] for argument in needed})
        changed = {
            field.name: field.default / 2
            for field in dataclasses.fields(value)
            if isinstance(field.default, float)
        }
        yield name, dataclasses.replace(value, **changed)


def test_every_value_is_read_by_keras():
    with keras_on_jax() as keras:
        for name, value in values():
            written = keras_words.translated(configs.to_config(value), name)
            theirs = keras.saving.deserialize_keras_object(written)
            assert type(theirs).__name__ == type(value).__name__
            # Huber's delta and the gain of Identity are not in Keras's own files.
            kept = vars(theirs) | getattr(theirs, "_fn_kwargs", {})
            config = kept | theirs.get_config()
            for argument, given in written["config"].items():
                if given is None or isinstance(given, dict | list):
                    continue
                assert config[argument] == pytest.approx(given), (name, argument)
        for name in configs.FUNCTIONS:
            kind, short = name.split(".")
            if kind in ("activations", "initializers"):
                written = keras_words.translated({"function": name}, name)
                found = getattr(keras, kind).get(written)
            elif name not in (*keras_words.OURS_ALONE, "metrics.accuracy"):
                metric = jn.metrics.MeanMetricWrapper(configs.FUNCTIONS[name], short)
                written = keras_words.metric(configs.to_config(metric))
                found = keras.saving.deserialize_keras_object(written)
            assert callable(found), name


def test_a_user_s_names_of_metrics_are_keras_s(tmp_path):
    """What is logged there is called as here, whatever stands behind a name."""
    path = tmp_path / "model.keras"
    model = jn.Sequential([jn.Dense(1, "sigmoid", input_dim=3)])
    cosine = jn.losses.cosine_similarity
    metrics = ["acc", jn.metrics.AUC(9, name="area"), cosine]
    metrics += [jn.metrics.MeanMetricWrapper(jn.losses.hinge, name="gap")]
    weighted = ["acc", "mse"]
    loss = jn.losses.BinaryCrossentropy(label_smoothing=0.1, reduction="sum")
    model.compile("sgd", loss, metrics, weighted_metrics=weighted)
    x, y = X[:, 0], (X[:, 0, :1] > 0).astype(np.float32)
    expected = model.evaluate(x, y, return_dict=True, verbose=0)
    model.save(path)
    assert load_model(path).evaluate(x, y, return_dict=True, verbose=0) == expected
    with keras_on_jax() as keras:
        theirs = keras.models.load_model(path)
        found = theirs.evaluate(x, y, return_dict=True, verbose=0)
    assert set(found) == set(expected)
    assert found == pytest.approx(expected, rel=1e-5)


OPTIMIZERS = [
    jn.optimizers.AdamW(jn.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5), 0.1),
    jn.optimizers.RMSprop(0.01, momentum=0.5, centered=True),
    jn.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    jn.optimizers.Adagrad(0.1),
    jn.optimizers.Adam(0.01),
    jn.optimizers.Lion(0.01),
    jn.optimizers.RMSprop(0.01),
    jn.optimizers.SGD(0.1),
]


def test_every_optimizer_goes_on_in_keras(tmp_path, amount):
    """Its state there makes the step that it would have made here, and comes back."""
    path, back = tmp_path / "model.keras", tmp_path / "back.keras"
    kinds = {configs.public_name(type(optimizer)) for optimizer in OPTIMIZERS}
    assert kinds == set(keras_optimizers.SLOTS)
    layers = [jn.Dense(2, input_dim=2, name="first"), jn.Dense(2)]
    model = with_new_weights(jn.Sequential(layers))
    params = model.params
    gradients = jax.tree.map(lambda w: w + 0.1, params)
    for optimizer in OPTIMIZERS[: amount(quick=3, long=len(OPTIMIZERS))]:
        model.compile(optimizer, "mse")

        def begun(leaf):
            """As after four steps: where numbers stand, they stay."""
            if leaf.dtype == np.int32:
                return jnp.int32(4)
            return (
                leaf if leaf.ndim == 0 else jnp.abs(leaf + RNG.normal(size=leaf.shape))
            )

        state = jax.tree.map(begun, optimizer.init(params))
        held.of(model).put(model.state._replace(optimizer_state=state))
        scheduled = callable(optimizer.learning_rate)
        if not scheduled:
            model.optimizer.learning_rate = 0.05
        model.save(path)
        state = model.state.optimizer_state
        update = jax.jit(optimizer.transformation().update)
        updates, _ = update(gradients, state, params)
        expected = [
            updates[layer][name] + params[layer][name]
            for layer in ("first", "dense")
            for name in ("kernel", "bias")
        ]
        with keras_on_jax() as keras:
            theirs = keras.models.load_model(path)
            assert int(theirs.optimizer.iterations.numpy()) == 4
            theirs.save(back)
            theirs.optimizer.apply([w + 0.1 for w in theirs.get_weights()])
            found = theirs.get_weights()
        for array, wanted in zip(found, expected, strict=True):
            np.testing.assert_allclose(array, wanted, rtol=1e-6, atol=1e-6)
        here = load_model(back)
        assert int(here.state.step) == 4
        assert here.trainer.optimizer == optimizer or not scheduled
        restored = here.state.optimizer_state
        if scheduled:  # the rate of the last step, which the next one sets anew
            restored.hyperparams["learning_rate"] = state.hyperparams["learning_rate"]
        assert_trees_close(restored, state)


OPTIONS = [
    ("Adam", {"use_ema": True, "gradient_accumulation_steps": 3, "amsgrad": True}),
    ("SGD", {"use_ema": True, "ema_overwrite_frequency": 3, "momentum": 0.9}),
    ("AdamW", {"gradient_accumulation_steps": 2, "clipnorm": 0.5, "amsgrad": True}),
    ("RMSprop", {"use_ema": True, "weight_decay": 0.1, "centered": True}),
    ("Adagrad", {"gradient_accumulation_steps": 3}),
    ("Lion", {"use_ema": True, "gradient_accumulation_steps": 2}),
]


def test_options_of_optimizers_go_on_in_keras(tmp_path, amount):
    """From amid a sum of gradients, and from there back."""
    path, back = tmp_path / "model.keras", tmp_path / "back.keras"
    x, y = X.reshape(-1, 3)[:20], X.reshape(-1, 3)[:20, :1]
    fit = {"batch_size": 4, "shuffle": False, "verbose": 0}
    layers = [jn.Dense(4, "tanh", input_dim=3, name="first"), jn.Dense(1)]
    model = with_new_weights(jn.Sequential(layers))
    for kind, options in OPTIONS[: amount(quick=2, long=len(OPTIONS))]:
        model.compile(getattr(jn.optimizers, kind)(0.01, **options), "mse")
        model.fit(x, y, **fit)
        model.save(path)
        model.fit(x, y, **fit)
        with keras_on_jax() as keras:
            theirs = keras.models.load_model(path)
            assert int(theirs.optimizer._iterations.numpy()) == 5
            theirs.fit(x, y, **fit)
            theirs.save(back)
            found = theirs.get_weights()
        for array, wanted in zip(found, model.get_weights(), strict=True):
            np.testing.assert_allclose(array, wanted, rtol=1e-5, atol=1e-6)
        restored = load_model(back).state.optimizer_state
        assert_trees_close(restored, model.state.optimizer_state, 1e-5)


def test_keras_reads_weights_in_several_files(tmp_path):
    """Also where its own were there, of which it opens the first whatever is named."""
    path, fresh, most = tmp_path / "a.weights.json", tmp_path / "fresh", 100 / 2**30
    fresh.mkdir()
    layers = [jn.Dense(3, input_dim=4), jn.layers.BatchNormalization()]
    layers += [jn.serial(jn.Dense(3)), jn.Dropout(0.5), jn.Dense(2)]
    model = jn.Sequential(layers)
    model.compile(jn.optimizers.Adam(0.01), "mse")
    with keras_on_jax() as keras:
        dense = keras.layers.Dense
        inside = keras.Sequential([keras.Input((3,)), dense(3)])
        row = [keras.Input((4,)), dense(3), keras.layers.BatchNormalization(), inside]
        theirs = keras.Sequential([*row, keras.layers.Dropout(0.5), dense(2)])
        theirs.compile("adam", "mse")
        theirs.optimizer.build(theirs.trainable_variables)
        for variable in [*theirs.variables, *theirs.optimizer.variables[2:]]:
            variable.assign(RNG.uniform(1, 2, variable.shape))
        theirs.save_weights(path, max_shard_size=most)
        written = sorted(file.name for file in tmp_path.glob("a*"))
        expected = [np.asarray(v) for v in theirs.optimizer.variables[2:]]
        weights = theirs.get_weights()
        assert model.state.optimizer_state is not None  # which is what a file replaces
        model.load_weights(path)
        for _ in range(2):
            model.save_weights(path, max_shard_size=most)
            for variable in [*theirs.variables, *theirs.optimizer.variables[2:]]:
                variable.assign(0 * variable)
            theirs.load_weights(path)
            found = [np.asarray(v) for v in theirs.optimizer.variables[2:]]
            pairs = zip(
                [*theirs.get_weights(), *found], [*weights, *expected], strict=True
            )
            for array, wanted in pairs:
                np.testing.assert_array_equal(array, wanted)
    # Where none were there, they are called as Keras calls them.
    model.save_weights(fresh / path.name, max_shard_size=most)
    assert sorted(file.name for file in fresh.iterdir()) == written
