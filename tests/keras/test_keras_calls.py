"""Own layers called on symbols in each form that Keras takes, run by both libraries."""

import jax
import numpy as np
import pytest
from conftest import keras_on_jax

import jaxnet_mini as jn
from jaxnet_mini.models import load_model

ENDS = ("safetensors", "keras")
pytestmark = pytest.mark.usefixtures("quick_compilation")

RNG = np.random.default_rng(0)
X = [RNG.normal(size=(12, n)).astype(np.float32) for n in (3, 2)]
Y = [RNG.normal(size=(12, n)).astype(np.float32) for n in (2, 3)]


def classes_of(keras):
    layers = keras.layers

    class Mixed(layers.Layer):
        def build(self, x_shape, other_shape):
            shape = (x_shape[-1], other_shape[-1])
            self.w = self.add_weight(shape=shape, initializer="ones", name="w")

        def call(self, x, other=None, scale=1.0, mode="sum"):
            assert mode == "mean"
            mixed = x @ self.w
            return {"sum": mixed + scale * other, "parts": [mixed - other, x]}

    class Pair(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.mixed = Mixed()

        def call(self, pair, gate=None):
            inner = self.mixed(pair["x"], other=pair["more"][0], mode="mean")
            y = inner["sum"]
            return (y if gate is None else y * gate), inner["parts"][0]

    return {"Mixed": Mixed, "Pair": Pair}


def written(keras, own):
    a, b = keras.Input((3,), name="a"), keras.Input((2,), name="b")
    first = own["Mixed"]()
    given = first(a, b, scale=2.0, mode="mean")
    again = first(a, other=keras.layers.Rescaling(0.5)(b), mode="mean")
    y, z = own["Pair"]()({"x": a, "more": [given["sum"]]}, gate=given["parts"][0])
    unused, _ = own["Pair"]()({"x": given["parts"][1], "more": (again["sum"],)})
    y = keras.layers.Add()([y, unused, z])
    return keras.Model([a, b], [keras.layers.Dense(2)(y), given["parts"][1]])


def test_it_is_called_in_all_forms_as_in_keras(tmp_path):
    """What is computed, trained, shown and kept, and files both ways."""
    fit = {"batch_size": 4, "epochs": 2, "shuffle": False, "verbose": 0}
    with keras_on_jax() as keras:
        keras.backend.clear_session()
        own = classes_of(keras)
        theirs = written(keras, own)
        first = theirs.get_weights()
        theirs.compile(keras.optimizers.SGD(0.01), ["mse", "mse"])
        history = theirs.fit(X, Y, **fit).history
        theirs.save(tmp_path / "theirs.keras")
        expected = [np.asarray(one) for one in theirs(X)]
    ours_own = classes_of(jn)
    ours = written(jn, ours_own)
    ours.set_weights(first)
    ours.compile(jn.optimizers.SGD(0.01), ["mse", "mse"])
    with jax.numpy_rank_promotion("allow"):
        logged = ours.fit(X, Y, **fit).history
    assert logged.keys() == history.keys()
    for name, values in history.items():
        np.testing.assert_allclose(logged[name], values, rtol=1e-5)
    shown = []
    ours.summary(print_fn=shown.append, line_length=150)
    for text in ("mixed[0][0]", "mixed[1][2]", "pair[0][1]"):
        assert text in shown[0]
    ours.save(tmp_path / "ours.safetensors")
    ours.save(tmp_path / "ours.keras")
    loaded = [load_model(tmp_path / f"ours.{end}", ours_own) for end in ENDS]
    loaded.append(load_model(tmp_path / "theirs.keras", ours_own))
    for model in (ours, *loaded):
        for one, other in zip(model.predict(X), expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    with keras_on_jax() as keras:
        again = keras.models.load_model(tmp_path / "ours.keras", custom_objects=own)
        for one, other in zip(again(X), expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


EVALUATE = {"verbose": 0, "return_dict": True}


def models_of(keras, keyed):
    layers = keras.layers

    class Two(keras.Model):
        __module__ = "__main__"  # as in a script

        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.one = layers.Dense(units["one"])
            self.more = layers.Dense(units["more"][0])

        def call(self, inputs):
            if keyed:
                return {"p": self.one(inputs["a"]), "q": self.more(inputs["b"])}
            return self.one(inputs[0]), self.more(inputs[1])

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    return {"Two": Two}


@pytest.mark.parametrize("keyed", [True, False])
@pytest.mark.one_in(2)
def test_models_of_several_go_both_ways(tmp_path, keyed):
    """Made of a dictionary, with inputs and outputs in lists or dictionaries."""
    x = dict(zip("ab", X, strict=True)) if keyed else X
    y = dict(zip("pq", Y, strict=True)) if keyed else Y
    metrics = {"p": ["mae"], "q": ["mse"]} if keyed else [["mae"], ["mse"]]
    units = {"one": 2, "more": [3, None]}
    with keras_on_jax() as keras:
        own = models_of(keras, keyed)
        theirs = own["Two"](units)
        theirs.compile("sgd", "mse", metrics=metrics)
        theirs.fit(x, y, epochs=1, verbose=0)
        theirs.save(tmp_path / "theirs.keras")
        expected = theirs.evaluate(x, y, **EVALUATE)
    model = load_model(tmp_path / "theirs.keras", models_of(jn, keyed))
    for end in ENDS:
        model.save(tmp_path / f"ours.{end}")
    loaded = [load_model(tmp_path / f"ours.{e}", models_of(jn, keyed)) for e in ENDS]
    with keras_on_jax() as keras:
        again = keras.models.load_model(tmp_path / "ours.keras", custom_objects=own)
        found = [one.evaluate(x, y, **EVALUATE) for one in (again, model, *loaded)]
    for own in found:
        assert own["loss"] == pytest.approx(expected["loss"], rel=1e-5)
    assert found[1] == pytest.approx(found[2])  # every metric by its name
    assert found[1] == pytest.approx(found[3])
    assert model.units == units | {"more": (3, None)}  # JSON has lists alone
