"""Models whose class keeps layers as attributes and has ``call``."""

import copy
import pickle

import jax.numpy as jnp
import numpy as np
import pytest
from oracles import raises_text

import jaxnet_mini as jn
from jaxnet_mini.errors import ArgumentError, StateError, UnknownNameError

pytestmark = pytest.mark.usefixtures("quick_compilation")

X = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
FIT = {"batch_size": 8, "epochs": 2, "verbose": 0}


class Coder(jn.Model):
    """Codes its inputs and decodes them again."""

    def __init__(self, encoder=None, **options):
        super().__init__(**options)
        stack = jn.Sequential([jn.Dense(4, "tanh"), jn.Dense(2)])
        self.encoder = stack if encoder is None else encoder
        self.others = {"drop": jn.Dropout(0.5), "last": [jn.Dense(3)]}
        self.factor = 1.0

    def call(self, x, training=False):
        x = self.encode(x)
        x = self.others["drop"](x, training=training)
        return self.factor * self.others["last"][0](x)

    def encode(self, x):
        return self.encoder(x)


def trained(**options):
    model = Coder(**options)
    model.compile("sgd", "mse")
    model.fit(X, X, **FIT)
    return model


@pytest.fixture(scope="module")
def one():
    """One that is trained, for all that leaves it as it is."""
    return trained(seed=3, name="coder")


class Wide(jn.Model):
    """Of two inputs, in a list or in a dictionary."""

    def __init__(self, **options):
        super().__init__(**options)
        self.norm, self.deep, self.last = jn.layers.Normalization(), *self.denses()

    @staticmethod
    def denses():
        return jn.Dense(4, "tanh"), jn.Dense(1)

    def call(self, inputs):
        keyed = isinstance(inputs, dict)
        wide, deep = (inputs["wide"], inputs["deep"]) if keyed else inputs
        return self.last(jn.layers.concatenate([wide, self.deep(self.norm(deep))]))


@pytest.mark.slow
def test_it_takes_several_inputs():
    listed, keyed = [X[:, :2], X], {"deep": X, "wide": X[:, :2]}
    one, other = Wide(seed=3), Wide(seed=3)
    one.norm.adapt(X)
    x = jn.Input((2,)), jn.Input((3,))
    hidden, last = Wide.denses()
    norm = jn.layers.Normalization().adapted(X)
    y = last(jn.layers.concatenate([x[0], hidden(norm(x[1]))]))
    written = jn.Model([*x], y, seed=3)
    for model in (one, written):
        model.compile("sgd", "mse")
    assert one(listed).shape == (20, 1)
    for name in ("dense", "dense_1"):
        weights = one.get_layer(name).get_weights()
        written.get_layer(name).set_weights(weights)
    histories = [model.fit(listed, X[:, :1], **FIT).history for model in (one, written)]
    for name, losses in histories[0].items():
        np.testing.assert_allclose(losses, histories[1][name], rtol=1e-6)
    assert other(keyed).shape == (20, 1)
    other.set_weights(one.get_weights())
    np.testing.assert_array_equal(other.predict(keyed), one.predict(listed))
    other.norm.adapt(2 * X)
    np.testing.assert_allclose(other.norm.get_weights()[0], 2 * X.mean(0), rtol=1e-5)
    with raises_text(ArgumentError, "'wide'"):
        other.predict({"deep": X, "wild": X})


class OfRows(jn.Model):
    def __init__(self):
        super().__init__()
        self.last = jn.Dense(3)

    def call(self, x):
        return self.last(x[:, 0])


def test_it_predicts_before_anything_else():
    called, other, batches = OfRows(), OfRows(), OfRows()
    rows = X.reshape(20, 1, 3)
    called(rows)
    np.testing.assert_allclose(other.predict(rows), called.predict(rows), 1e-5)
    found = batches.predict(iter([rows[:8], rows[8:]]))
    np.testing.assert_allclose(found, called.predict(rows), 1e-5)


def test_a_list_of_rows_is_one_input():
    model = OfRows()
    model.compile("sgd", "mse")
    model.train_on_batch([*X.reshape(20, 1, 3)], X)
    assert model.input_shape == (None, 1, 3)


def test_it_learns_what_a_stack_of_its_layers_learns(one):
    stack = jn.serial(jn.Dense(4, "tanh"), jn.Dense(2))
    inner = jn.serial(stack, jn.Dropout(0.5), jn.Dense(3))
    other = jn.Sequential([inner], seed=3)
    other.compile("sgd", "mse")
    history = other.fit(X, X, **FIT).history
    model = one
    assert model.history.history == history
    for mine, weight in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, weight)


def test_its_parts_are_called_with_its_weights(one, tmp_path, capsys):
    model = one
    code = model.encoder(X)
    np.testing.assert_allclose(model.others["last"][0](code), model.predict(X), 1e-5)
    assert model.others["last"][0].kernel.shape == (2, 3)
    assert [w.shape for w in model.others["last"][0].get_weights()] == [(2, 3), (3,)]
    assert model.others["last"][0].units == 3
    drawn = model.others["drop"](jnp.ones((1, 64)), training=True)
    assert set(np.unique(drawn)) == {0.0, 2.0}
    model.summary()
    printed = capsys.readouterr().out
    assert all(
        name in printed for name in ('"coder"', "dropout (Dropout)", "(None, 3)")
    )
    assert [part.name for part in model.outline] == ["serial", "dropout", "dense"]
    assert model.get_layer("dense") == jn.Dense(3)
    assert model.weights[0].path == "coder/serial/dense/kernel"
    model.save_weights(tmp_path / "m.weights.safetensors")
    other = Coder()
    assert [part.name for part in other.outline] == ["serial", "dropout", "dense"]
    with raises_text(StateError, "has no weights yet"):
        other.encoder(X)
    other(X)
    other.load_weights(tmp_path / "m.weights.safetensors")
    np.testing.assert_array_equal(other.predict(X), model.predict(X))
    again = copy.deepcopy(model)
    np.testing.assert_array_equal(again.encoder(X), code)


def test_a_model_in_it_brings_its_weights(tmp_path):
    encoder = jn.Sequential([jn.Dense(2, input_dim=3)])
    encoder.set_weights([np.ones((3, 2)), np.ones(2)])
    model = Coder(encoder)
    assert model(X).shape == X.shape
    np.testing.assert_allclose(model.encoder(X), encoder(X), rtol=1e-6)
    model.compile("sgd", "mse")
    model.fit(X, X, **FIT, checkpoint=tmp_path)
    assert np.any(model.encoder.get_weights()[0] != encoder.get_weights()[0])


def test_it_is_saved_copied_and_swept_by_what_it_is_made_of(tmp_path):
    class Narrow(Coder):
        def __init__(self, units=3, *, factor=1.0, **options):
            super().__init__(**options)
            self.last, self.factor = jn.Dense(units), factor

        def call(self, x, training=False):
            return self.last(self.encode(x)) * self.factor

    def made(factor=2.0):
        model = Narrow(3, factor=factor, name="narrow", seed=4)
        model.compile("adam", "mse")
        return model

    model = made()
    model.fit(X, X, **FIT)
    model.save(tmp_path / "m.safetensors")
    again = jn.models.load_model(tmp_path / "m.safetensors", {"Narrow": Narrow})
    assert type(again) is Narrow
    assert (again.name, again.seed, again.factor) == ("narrow", 4, 2.0)
    np.testing.assert_array_equal(again.encoder(X), model.encoder(X))
    histories = [one.fit(X, X, **FIT).history for one in (model, again)]
    assert histories[0] == histories[1]
    other = jn.models.clone_model(model)
    assert type(other) is Narrow
    fresh = made()
    fresh.build((None, 3))
    for mine, own in zip(other.get_weights(), fresh.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, own)
    text = jn.models.model_from_json(model.to_json(), {"Narrow": Narrow})
    assert text.count_params() == model.count_params()
    result = jn.sweep(lambda factor: made(factor), {"factor": [1.0, 2.0]}, X, X, **FIT)
    history = fresh.fit(X, X, **FIT).history
    np.testing.assert_allclose(result[1].history.history["loss"], history["loss"], 1e-5)
    swept = jn.sweep(made(), {"seed": [0, 4]}, X, X, **FIT)[1]
    np.testing.assert_allclose(swept.history.history["loss"], history["loss"], 1e-5)
    np.testing.assert_allclose(swept.model.encoder(X), fresh.encoder(X), 1e-4, 1e-5)


ASKED = {
    "compiled": lambda model: model.compiled,
    "trainer": lambda model: model.trainer.loss,
    "loss": lambda model: model.loss,
    "metrics": lambda model: model.metrics_names,
    "rate": lambda model: float(model.optimizer.learning_rate),
    "steps": lambda model: int(model.optimizer.iterations),
    "evaluate": lambda model: model.evaluate(X, X, verbose=0),
    "sweep": lambda model: jn.sweep(model, {"seed": [1]}, X, X, verbose=0)[0].logs,
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_a_copy_knows_all_whatever_it_is_asked_first(ask, one):
    """It begins when it is, since Python copies it from the inside out."""
    answer = ask(one)
    for same in (copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert ask(same) == answer
    twice = copy.deepcopy(copy.deepcopy(one))
    assert ask(twice) == answer


def test_without_a_loss_what_call_adds_is_trained(tmp_path):
    class Adding(jn.Model):
        def __init__(self, **options):
            super().__init__(**options)
            self.last = jn.Dense(3)

        def call(self, x):
            y = self.last(x)
            self.add_loss(jnp.mean((y - x) ** 2))
            return y

    losing, adding = jn.Sequential([jn.Dense(3)], seed=3), Adding(seed=3)
    losing.compile("sgd", "mse")
    adding.compile("sgd")
    losing.build((None, 3))
    adding.build((None, 3))
    adding.set_weights(losing.get_weights())
    wanted = losing.fit(X, X, **FIT).history["loss"]
    history = adding.fit(X, **FIT, checkpoint=tmp_path / "run").history
    np.testing.assert_allclose(history["loss"], wanted, rtol=1e-5)
    held = adding.fit(X, **FIT, validation_data=(X, None)).history
    assert held["val_loss"][-1] == pytest.approx(adding.evaluate(X, verbose=0))
    adding.save(tmp_path / "m.safetensors")
    again = jn.models.load_model(tmp_path / "m.safetensors", {"Adding": Adding})
    assert again.loss is None
    assert again.evaluate(X, verbose=0) == adding.evaluate(X, verbose=0)
    one = trained()
    one.compile("sgd")
    with raises_text(ArgumentError, "compile was given no loss, and no layer adds to"):
        one.fit(X, verbose=0)


def test_what_cannot_be_is_told(one, tmp_path):
    model = one
    with raises_text(ArgumentError, "its author's own, 'Coder'", "'Coder': ..."):
        model.save(tmp_path / "m.keras")
        jn.models.load_model(tmp_path / "m.keras")
    with raises_text(UnknownNameError, 'custom_objects={"Coder": Coder}'):
        model.save(tmp_path / "m.safetensors")
        jn.models.load_model(tmp_path / "m.safetensors")
    with raises_text(ArgumentError, "Model has no call: derive a class from Model"):
        jn.Model()
    for base, name, words in (
        (jn.Model, "predict_step", "write train_step(self, state, data) and"),
        (jn.Model, "build", "make the layers in __init__"),
        (jn.Sequential, "call", "derive the class from Model"),
    ):
        with raises_text(ArgumentError, f"Mine defines {name}()", words):
            type("Mine", (base,), {name: lambda self, x: x})
