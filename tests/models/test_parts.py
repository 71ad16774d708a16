"""What a model is made of, asked for one by one in Keras's words."""

import copy
import dataclasses
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import raises_text
from remembering import Standardized

import jaxnet_mini as jn
from jaxnet_mini.errors import (
    AbsentNameError,
    ArgumentError,
    DataError,
    ShapeError,
    UnknownNameError,
)
from jaxnet_mini.files import config as configs
from jaxnet_mini.layers import Dense, Dropout

pytestmark = pytest.mark.usefixtures("quick_compilation")


def mixed():
    """Frozen, with a state, without weights, and with a layer that holds others."""
    inner = jn.serial(Dense(3), Dense(2, trainable=False), name="inner")
    return jn.Sequential(
        [
            Dense(4, input_shape=(3,), trainable=False),
            Standardized(),
            Dropout(0.5),
            inner,
            Dense(1, kernel_regularizer="l2", bias_regularizer="l1", name="last"),
        ]
    )


def paths(weights):
    return [weight.path for weight in weights]


def test_weights_are_told_apart_by_whether_they_are_trained():
    model = mixed()
    trained = [
        *("standardized/gamma", "standardized/beta"),
        *("inner/dense/kernel", "inner/dense/bias", "last/kernel", "last/bias"),
    ]
    fixed = [
        *("dense/kernel", "dense/bias"),
        *("standardized/moving_mean", "standardized/moving_variance"),
        *("inner/dense_1/kernel", "inner/dense_1/bias"),
    ]
    assert paths(model.trainable_weights) == trained
    assert paths(model.trainable_variables) == trained
    assert paths(model.non_trainable_weights) == fixed
    assert paths(model.non_trainable_variables) == fixed
    assert paths(model.variables) == paths(model.weights)
    assert sorted(paths(model.weights)) == sorted(trained + fixed)
    sizes = [np.prod(weight.shape, dtype=int) for weight in model.trainable_weights]
    assert f" Trainable params: {sum(sizes)} " in summary_of(model)


def summary_of(model):
    texts = []
    model.summary(print_fn=texts.append)
    return texts[0]


def test_a_layer_is_found_by_name_and_by_place():
    model = mixed()
    for index, name in enumerate(["dense", "standardized", "dropout", "inner", "last"]):
        assert model.get_layer(name) == model.layers[index]
        assert model.get_layer(index=index) == model.layers[index]
    assert model.get_layer(index=np.int64(-1)) == model.layers[4]
    assert model.get_layer(name="last") == model.layers[4]
    unbuilt = jn.Sequential([Dense(2), Dense(3)])
    assert unbuilt.get_layer("dense_1") == unbuilt.layers[1]
    with raises_text(UnknownNameError, "unknown layer 'lost': did you mean 'last'?"):
        model.get_layer("lost")
    for arguments, words in (
        ({}, 'either a name, such as get_layer("dense"), or a place'),
        ({"name": "dense", "index": 0}, "either a name"),
        ({"index": 5}, "index must be an integer below 5, the number of layers, not 5"),
        ({"index": -6}, "not -6"),
        ({"index": "dense"}, "not 'dense'"),
        ({"name": 0}, "name must be a string, not 0"),
    ):
        with raises_text(ArgumentError, words):
            model.get_layer(**arguments)


@pytest.mark.parametrize("within", ["stack", "graph", "twice"])
def test_layers_of_a_model_within_a_model_have_their_weights_there(within):
    inner = jn.Sequential([Dense(3, "relu", input_dim=4), Dense(2)], name="inner")
    if within == "graph":
        x = jn.Input((4,))
        model = jn.Model(x, Dense(1)(inner(x)))
    else:
        model = jn.Sequential([jn.Input((4,)), inner, Dense(1)])
    outer, place = model, model.layers[-2]
    if within == "twice":
        outer = jn.Sequential([jn.Input((4,)), model])
        place = outer.layers[0].layers[-2]
    first, last = place.layers
    assert (first, last) == tuple(inner.layers)
    for handle, own in zip(place.layers, inner.layers, strict=True):
        np.testing.assert_array_equal(handle.kernel, own.kernel)
    assert last.kernel.path.endswith("inner/dense_1/kernel")
    assert place.get_layer("dense_1") == last == place.get_layer(index=-1)
    with raises_text(UnknownNameError, "unknown layer 'c'", "dense, dense_1"):
        place.get_layer("c")
    last.set_weights([np.ones((3, 2)), np.ones(2)])
    hidden = first(np.ones((1, 4)))
    expected = np.sum(np.asarray(hidden)) + 1.0
    np.testing.assert_allclose(inner(np.ones((1, 4))), [[expected] * 2], rtol=1e-6)
    trained = len(outer.trainable_weights)
    for layer in place.layers[:1]:
        layer.trainable = False
    assert len(outer.trainable_weights) == trained - 2
    assert [layer.trainable for layer in inner.layers] == [False, True]
    with raises_text(jn.errors.LayerError, "stands within a model of"):
        _ = first.output


def test_what_stands_for_an_input_is_neither_true_nor_false():
    for symbol in (jn.Input((3,)), Dense(2)(jn.Input((3,)))):
        with raises_text(jn.errors.LayerError, "has no numbers"):
            bool(symbol)


def test_penalties_are_listed_by_layer():
    model = mixed()
    weights = {weight.path: weight.numpy() for weight in model.weights}
    (penalty,) = model.losses
    expected = 0.01 * (weights["last/kernel"] ** 2).sum()
    np.testing.assert_allclose(penalty, expected, rtol=1e-6)
    assert jn.Sequential([Dense(2, input_shape=(2,))]).losses == []
    frozen = Dense(2, input_shape=(2,), kernel_regularizer="l2", trainable=False)
    assert jn.Sequential([frozen]).losses == []


def test_what_is_compiled_is_told():
    model = mixed()
    assert (model.compiled, model.loss, model.metrics) == (False, None, [])
    assert model.metrics_names == []
    model.compile("sgd", "mse", ["mae"], weighted_metrics=["mse", "mae"])
    assert model.compiled
    assert model.loss == jn.losses.MeanSquaredError()
    names = ["loss", "mae", "mse", "weighted_mae"]
    assert model.metrics_names == [metric.name for metric in model.metrics] == names
    x, y = np.ones((4, 3), np.float32), np.zeros((4, 1), np.float32)
    by_name = model.evaluate(x, y, verbose=0, return_dict=True)
    in_order = model.evaluate(x, y, verbose=0)
    assert in_order == [by_name[name] for name in model.metrics_names]


def test_what_follows_from_the_rest_cannot_be_set():
    model = mixed()
    for name, words in (
        ("loss", "Give it to compile."),
        ("metrics", "Give them to compile."),
        ("metrics_names", "Give them to compile."),
        ("compiled", "It follows from the rest."),
        ("losses", "kernel_regularizer=...), and what else"),
        ("trainable_weights", "model.set_weights."),
        ("variables", "model.set_weights."),
    ):
        with raises_text(AbsentNameError, f"Sequential.{name} cannot be set.", words):
            setattr(model, name, [])


def test_a_weight_stands_for_what_the_model_has_now():
    model = jn.Sequential([Dense(2, input_shape=(3,)), Dense(1, trainable=False)])
    kernel, bias = model.layers[0].kernel, model.layers[1].bias
    model.set_weights([own + 1.0 for own in model.get_weights()])
    np.testing.assert_array_equal(kernel, model.get_weights()[0])
    assert not bias.trainable
    assert np.all(kernel == kernel.numpy())
    assert not np.any(kernel != kernel.value)
    assert len(kernel) == len([*kernel]) == 3
    assert "path=dense_1/bias, shape=(1,), dtype=float32, value=[1.]>" in repr(bias)
    total = jax.jit(lambda own: own.sum())(kernel)
    assert float(total) == float(jnp.sum(kernel)) == float(kernel.sum())
    with raises_text(ShapeError, "'dense/kernel' has shape (3, 2) and was given (2,)"):
        kernel.assign([1.0, 2.0])


def test_freezing_a_model_freezes_what_the_models_within_it_have():
    inner = jn.Sequential([jn.Input((3,)), Dense(2), Dense(2)])
    model = jn.Sequential([jn.Input((3,)), inner, Dense(1)])
    model.layers[0].trainable = False
    assert not inner.trainable
    assert not model.layers[0].trainable
    assert len(model.trainable_weights) == 2
    model.compile("sgd", "mse")
    before = inner.get_weights()
    model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0)
    for kept, was in zip(inner.get_weights(), before, strict=True):
        np.testing.assert_array_equal(kept, was)
    model.trainable = True
    assert inner.trainable
    assert len(model.trainable_weights) == 6


def test_what_changes_no_model_is_said():
    """Lists of layers, and layers that are no model's."""
    model = jn.Sequential([jn.Input((2,)), jn.Dense(2)])
    for change in (
        lambda layers: layers.append(jn.Dense(1)),
        lambda layers: layers.extend([jn.Dense(1)]),
        lambda layers: layers.insert(0, jn.Dense(1)),
        lambda layers: layers.pop(),
    ):
        with pytest.warns(UserWarning, match=r"model.add\(layer\) and model.pop"):
            change(model.layers)
    assert model.layers == [jn.Dense(2)]
    mine = [*list(model.layers), *copy.deepcopy(model.layers)]  # which is nothing lost
    mine.append(jn.Dense(1))

    class Own(jn.Dense):
        def __init__(self, units):
            super().__init__(units)
            self.other = 3

    for layer in (jn.Dense(2), Own(2)):
        for name, value, *what in (
            (
                "trainable",
                False,
                "(..., trainable=...). What",
                "model.layers[0].trainable =",
            ),
            ("units", 3, "(..., units=...)", "where that is made"),
        ):
            with raises_text(dataclasses.FrozenInstanceError, f"field '{name}'", *what):
                setattr(layer, name, value)
    layer.other = 4
    dense = jn.Dense(2)
    dense.build((None, 2))
    with raises_text(dataclasses.FrozenInstanceError, "layer.set_weights([...])"):
        dense.kernel = np.ones((2, 2))
    dense.set_weights([np.ones((2, 2)), np.ones(2)])


class Twice(jn.Model):
    def __init__(self):
        super().__init__()
        self.second, self.first = jn.Dense(2, name="b"), jn.Dense(2, name="a")

    def call(self, x):
        return self.second(self.first(x))


def test_models_of_one_class_are_numbered_and_list_layers_as_they_are_kept():
    x = jn.Input((2,))
    one, other = Twice(), Twice()
    model = jn.Model(x, jn.layers.Add()([one(x), other(x)]))
    names = ["input_layer", "twice", "twice_1", "add"]
    assert [layer.name for layer in model.layers] == names
    model.predict(np.ones((1, 2)), verbose=0)
    for part in (one, other):
        assert [layer.name for layer in part.layers] == ["b", "a"]
        assert [weight.path.split("/")[1] for weight in part.weights[::2]] == ["b", "a"]
    named = [jn.Sequential([jn.Dense(2)], name="same") for _ in range(2)]
    with raises_text(ArgumentError, "two layers have the name 'same'"):
        jn.Sequential(named)


@pytest.mark.parametrize("times", [1, 2])
def test_layers_in_a_row_keep_the_input_before_them(times, tmp_path):
    first, dense = jn.Input((4,), name="pixels", dtype="int32"), Dense(4)
    model, path = jn.Sequential([first, *[dense] * times]), tmp_path / "model.pickle"
    path.write_bytes(pickle.dumps(model))
    config = model.get_config()
    for other in (
        model,
        copy.deepcopy(model),
        pickle.loads(path.read_bytes()),
        jn.models.clone_model(model),
        jn.Sequential.from_config(config),
        jn.models.model_from_json(model.to_json()),
        jn.Model(model.inputs, model.outputs),
    ):
        (only,) = other.inputs
        assert only.layer == first
        x = np.arange(8).reshape(2, 4)
        y = other.predict({"pixels": x})
        np.testing.assert_array_equal(y, other.predict(x))
        with raises_text(DataError, "give x['other']"):
            other.predict({"other": x})
    plain = jn.Sequential([jn.Input((4,)), Dense(2)]).get_config()
    assert "input" not in plain
    for wrong in (jn.Input((3,)), Dense(4)):
        config["input"] = configs.to_config(wrong)
        with raises_text(ArgumentError, "input must be layers.Input of the shape [4]"):
            jn.Sequential.from_config(config)
