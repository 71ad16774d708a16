"""Models of several inputs and outputs, beside Keras's own."""

import numpy as np
import pytest
from conftest import keras_on_jax

import jaxnet_mini as jn

pytestmark = pytest.mark.usefixtures("quick_compilation")

RNG = np.random.default_rng(0)
WIDE = RNG.normal(size=(50, 3)).astype(np.float32)
DEEP = RNG.normal(size=(50, 2)).astype(np.float32)
MAIN = RNG.normal(size=(50, 1)).astype(np.float32)
KIND = RNG.integers(0, 3, 50)
WEIGHT = RNG.uniform(0.5, 2, 50).astype(np.float32)


def written(library, named):
    layers = library.layers
    wide, deep = library.Input((3,), name="wide"), library.Input((2,), name="deep")
    hidden = layers.Dense(4, activation="tanh")(deep)
    both = layers.Concatenate()([wide, layers.Dense(3, activation="relu")(hidden)])
    main = layers.Dense(1, name="main", kernel_regularizer="l2")(both)
    kind = layers.Dense(3, activation="softmax", name="kind")(hidden)
    if not named:
        return library.Model([wide, deep], main)
    return library.Model({"deep": deep, "wide": wide}, [main, kind])


SETTINGS = {
    False: {"optimizer": "adam", "loss": "mse", "metrics": ["mae"]},
    True: {
        "optimizer": "adam",
        "loss": {"main": "mse", "kind": "sparse_categorical_crossentropy"},
        "loss_weights": {"main": 0.7, "kind": 0.2},
        "metrics": {"main": ["mae", "mse"], "kind": "accuracy"},
        "weighted_metrics": [None, ["accuracy"]],
    },
}


@pytest.mark.one_in(4)
@pytest.mark.parametrize("several", [True, False])
def test_it_learns_in_100_steps_what_keras_learns(several, tmp_path):
    x = {"wide": WIDE, "deep": DEEP} if several else [WIDE, DEEP]
    y = [MAIN, KIND] if several else MAIN
    weight = [WEIGHT, WEIGHT + 1] if several else WEIGHT
    fit = {"batch_size": 8, "epochs": 17, "shuffle": False, "verbose": 0}
    fit["validation_split"] = 0.1  # 45 rows in 6 batches, of which one is shorter
    ours = written(jn, several)
    with keras_on_jax() as keras:
        theirs = written(keras, several)
        start = theirs.get_weights()
        theirs.compile(**SETTINGS[several])
        expected = theirs.fit(x, y, sample_weight=weight, **fit).history
        evaluated = theirs.evaluate(x, y, verbose=0)
        predicted = theirs.predict(x, verbose=0)
        shapes = theirs.input_shape, theirs.output_shape
        end = theirs.get_weights()
    ours.set_weights(start)
    ours.compile(**SETTINGS[several])
    history = ours.fit(x, y, sample_weight=weight, **fit).history
    assert list(history) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-4, atol=1e-4)
    for own, other in zip(ours.get_weights(), end, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(ours.evaluate(x, y, verbose=0), evaluated, rtol=1e-4)
    outputs = ours.predict(x)
    assert type(outputs) is type(predicted)
    pairs = zip(outputs, predicted, strict=True) if several else [(outputs, predicted)]
    for own, other in pairs:
        np.testing.assert_allclose(own, other, rtol=1e-4, atol=1e-4)
    assert (ours.input_shape, ours.output_shape) == shapes


def split(library, keys):
    """Two inputs and two outputs of one shared layer, under these keys."""
    layers = library.layers
    wide, deep = library.Input((3,), name="wide"), library.Input((3,), name="deep")
    shared = layers.Dense(4, activation="tanh", name="shared")
    one, other = shared(wide), shared(layers.Dense(3, name="first")(deep))
    less = layers.Subtract(name="less")([one, other])
    main = layers.Dense(1, name="main")(less)
    kind = layers.Dense(3, activation="softmax", name="kind")(one)
    outputs = (
        [main, kind] if keys is None else dict(zip(keys, (main, kind), strict=True))
    )
    return library.Model([wide, deep], outputs, name="split")


def test_lists_for_a_dictionary_of_outputs_go_by_its_keys():
    """Losses, metrics and targets; results by the dictionary of losses, if any."""
    mse, both = {"b": "mse", "a": "mae"}, [["mae"], ["mse"]]
    y, by_key = [MAIN, MAIN + 1], {"b": MAIN + 1, "a": MAIN}
    cases = [(mse, {"b": ["mae"], "a": ["mse"]}), (["mse", "mae"], both), ("mse", None)]

    def written(library):
        x, dense = library.Input((3,)), library.layers.Dense
        made = {
            "b": dense(1, kernel_initializer="ones")(x),
            "a": dense(1, kernel_initializer="zeros")(x),
        }
        return library.Model(x, made)

    with keras_on_jax() as keras:
        for loss, metrics in cases:
            ours, theirs = written(jn), written(keras)
            for model in (ours, theirs):
                model.compile("sgd", loss=loss, metrics=metrics)
            for targets in (y, by_key):
                call = {"x": WIDE, "y": targets, "verbose": 0}
                own, other = (model.evaluate(**call) for model in (ours, theirs))
                np.testing.assert_allclose(own, other, rtol=1e-4)


@pytest.mark.one_in(4)
@pytest.mark.parametrize("keys", [("b", "a"), None])
def test_files_go_both_ways(keys, tmp_path):
    x, names = [WIDE, WIDE * 2], keys or ("main", "kind")
    y = [MAIN, KIND] if keys is None else dict(zip(keys, (MAIN, KIND), strict=True))
    settings = {
        "optimizer": "sgd",
        "loss": dict(zip(names, SETTINGS[True]["loss"].values(), strict=True)),
        "loss_weights": dict.fromkeys(names, 0.5),
        "metrics": {names[0]: ["mae"]},
        "weighted_metrics": {names[1]: ["accuracy"]},
    }
    ours = split(jn, keys)
    ours.compile(**settings)
    with keras_on_jax() as keras:
        theirs = split(keras, keys)
        theirs.compile(**settings)
        order = [layer.name for layer in theirs.layers if layer.count_params()]
        ours.set_weights(theirs.get_weights())
        expected = theirs.evaluate(x, y, verbose=0, return_dict=True)
        theirs.save(tmp_path / "theirs.keras")
        theirs.save_weights(tmp_path / "theirs.weights.h5")
        ours.save(tmp_path / "ours.keras")
        again = keras.models.load_model(tmp_path / "ours.keras")
        found = again.evaluate(x, y, verbose=0, return_dict=True)
        assert found == pytest.approx(expected, abs=1e-5)
        theirs.load_weights(tmp_path / "ours.keras")
    assert [part.name for part in ours.outline if part.params] == order
    read = jn.models.load_model(tmp_path / "theirs.keras")
    assert [node.name for node in read.net.nodes] == [n.name for n in ours.net.nodes]
    assert (read.net.inputs, read.net.outputs) == (ours.net.inputs, ours.net.outputs)
    assert read.get_compile_config() == ours.get_compile_config()
    found = read.evaluate(x, y, verbose=0, return_dict=True)
    assert found == pytest.approx(expected, abs=1e-5)
    ours.load_weights(tmp_path / "theirs.weights.h5")


def test_what_is_paired_by_name_and_what_is_refused():
    """A list for a dictionary of inputs, and losses for some of the outputs."""
    x, y = {"wide": WIDE, "deep": DEEP}, {"main": MAIN, "kind": KIND}

    def written(library, names, keyed=True):
        inputs = {name: library.Input((x[name].shape[1],), name=name) for name in names}
        both = library.layers.Concatenate()([inputs["wide"], inputs["deep"]])
        heads = {
            name: library.layers.Dense(size, name=name, kernel_initializer="ones")(both)
            for name, size in (("main", 1), ("kind", 3))
        }
        model = library.Model(inputs, heads if keyed else [*heads.values()])
        loss = {"main": "mae"}
        model.compile("sgd", loss, metrics={"kind": "accuracy"})
        return model

    with keras_on_jax() as keras:
        logs = []
        for library in (keras, jn):
            with pytest.raises(ValueError, match=r"structure of `inputs`|no order"):
                written(library, ["wide", "deep"]).predict([WIDE, DEEP], verbose=0)
            model = written(library, ["deep", "wide"])
            if library is jn:  # and Keras warns of it
                outputs = model.predict([DEEP, WIDE], verbose=0)
                np.testing.assert_array_equal(
                    outputs["main"], model.predict(x, verbose=0)["main"]
                )
            logs.append(model.evaluate(x, y, verbose=0, return_dict=True))
            with pytest.raises(ValueError, match=r"Expected keys|loss is a dict of"):
                written(library, ["deep", "wide"], False).evaluate(x, [MAIN, KIND])
    assert list(logs[1]) == list(logs[0]) == ["kind_accuracy", "loss"]
    np.testing.assert_allclose([*logs[1].values()], [*logs[0].values()], rtol=1e-5)


def pairs(library):
    """Models of a layer and of a model that give two arrays each."""
    layers = library.layers

    class Two(layers.Layer):
        def __init__(self, **settings):
            super().__init__(**settings)
            self.dense = layers.Dense(3)

        def call(self, x):
            return self.dense(x), 2 * x

    x = library.Input((4,), name="x")
    one, other = Two(name="two")(x)
    yield library.Model(x, [other, one])
    yield library.Model(x, layers.Dense(2, name="out")(one))
    inner = [layers.Dense(4, name=name)(x) for name in ("left", "right")]
    inner = library.Model(x, inner, name="inner")
    y = library.Input((4,), name="y")
    yield library.Model(y, inner(y)[1])
    _, right = inner(layers.Dense(4, name="first")(y))
    left, _ = inner(layers.Dense(4, name="last")(right))
    both = layers.Add(name="add")([left, right])
    yield library.Model(y, {"z": both, "a": right})


def as_listed(model):
    """What a model's layers are, and what is trained once one or all are frozen."""
    found = [[layer.name for layer in model.layers], model.output_names]
    for frozen in (model.layers[1], model):
        frozen.trainable = False
        found.append([weight.shape for weight in model.trainable_weights])
    return found


def test_layers_that_give_several_arrays_are_listed_and_frozen():
    with keras_on_jax() as keras:
        expected = [as_listed(model) for model in pairs(keras)]
    assert [as_listed(model) for model in pairs(jn)] == expected
