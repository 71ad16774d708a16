"""``train_step`` and ``test_step`` as methods: what Keras's own tests do not show."""

import copy
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import raises_text, unchecked_types

import jaxnet_mini as jn
from jaxnet_mini.errors import AbsentNameError, ArgumentError
from jaxnet_mini.loops import evaluate as evaluation

pytestmark = pytest.mark.usefixtures("quick_compilation")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(10, 3)).astype(np.float32)
Y = (X[:, :1] > 0).astype(np.float32)
FIT = {"batch_size": 4, "epochs": 2, "verbose": 0}


class Stepping(jn.Sequential):
    """One with the usual step written out, which logs the loss of the last batch."""

    def train_step(self, state, data):
        trained, others, optimizer, counted = state
        x, y = data

        def loss_of(trained):
            y_pred, after = self.stateless_call(trained, others, x, training=True)
            return self.compute_loss(x, y, y_pred), after

        (loss, others), grads = jax.value_and_grad(loss_of, has_aux=True)(trained)
        trained, optimizer = self.optimizer.stateless_apply(optimizer, grads, trained)
        logs = {"loss": loss, "rows": len(x), "seen": counted[1] + len(x)}
        counted = [counted[0], counted[1] + len(x)]
        return logs, (trained, others, optimizer, counted)


class Usual(jn.Sequential):
    """The same without a step of its own."""


class Batches:
    def __iter__(self):
        return iter([(X[i : i + 4], Y[i : i + 4]) for i in (0, 4, 8)])


def model_of(kind=Stepping, layers=(), optimizer="adam", built=True):
    first = [jn.Input((3,))] if built else []
    model = kind([*first, *layers, jn.Dense(1, "sigmoid")])
    model.compile(optimizer, "binary_crossentropy")
    return model


def same(one, other):
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    return all(np.allclose(*pair, rtol=1e-5, atol=1e-6) for pair in pairs)


def test_the_usual_step_written_out_leads_to_the_same_weights():
    """With a shorter last batch, frozen weights, and arrays or batches given."""

    def layers():
        return jn.Dense(4, "tanh", trainable=False), jn.layers.BatchNormalization()

    one, other = (model_of(kind, layers()) for kind in (Stepping, Usual))
    history = one.fit(X, Y, **FIT).history
    losses = other.fit(X, Y, **FIT).history["loss"]
    assert history["rows"] == [2, 2]
    assert history["seen"] == [10, 10]  # begun anew in each epoch
    assert history["loss"] != losses  # that of a last batch is no mean
    assert one.state.step == 6
    assert same(one, other)
    one.evaluate(X, Y, verbose=0)  # the usual one


@pytest.mark.slow
def test_models_without_a_shape_streams_and_single_batches():
    trained = []
    for kind in (Stepping, Usual):
        model = model_of(kind, built=False)
        model.fit(Batches(), verbose=0)
        model.train_on_batch(X[:3], Y[:3])
        trained.append(model)
    assert same(*trained)
    assert trained[0].train_on_batch(X[:3], Y[:3], return_dict=True)["rows"] == 3


def test_random_numbers_are_those_of_the_step():
    """So they are others in each, and the same when the run is repeated."""
    losses = []
    for _ in range(2):
        model = model_of(layers=[jn.Dropout(0.5)], optimizer=jn.optimizers.SGD(0.0))
        losses.append(model.fit(X[:4], Y[:4], epochs=3, verbose=0).history["loss"])
    assert losses[0] == losses[1]
    assert len({*losses[0]}) == 3


def test_a_second_fit_compiles_nothing(caplog):
    model = model_of()
    model.fit(X, Y, validation_data=(X, Y), **FIT)
    with jax.log_compiles():
        model.fit(X, Y, validation_data=(X, Y), **FIT)
        assert "Compiling" not in caplog.text
        model.fit(X, Y, **FIT | {"batch_size": 5})
    assert "Compiling" in caplog.text


def test_copies_have_their_own_variables():
    model = model_of()
    model.fit(X, Y, **FIT)
    weights = model.get_weights()
    other = copy.deepcopy(model)
    other.fit(X, Y, **FIT)
    assert all(map(np.array_equal, model.get_weights(), weights))
    assert not same(model, other)
    back = pickle.loads(pickle.dumps(model))
    assert same(back, model)
    back.fit(X, Y, **FIT)
    assert same(back, other)


def test_callbacks_see_each_batch():
    seen = []
    hook = jn.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append((batch, logs["rows"]))
    )
    model_of().fit(X, Y, **FIT | {"epochs": 1}, callbacks=[hook])
    assert seen == [(0, 4.0), (1, 4.0), (2, 2.0)]


def test_a_run_that_is_kept_goes_on_where_it_stopped(tmp_path):
    whole = model_of()
    history = whole.fit(X, Y, **FIT | {"epochs": 3}).history
    parts = model_of()
    parts.fit(X, Y, **FIT, checkpoint=tmp_path / "run")
    again = model_of()
    other = again.fit(X, Y, **FIT | {"epochs": 3}, checkpoint=tmp_path / "run")
    assert other.history == history
    assert same(again, whole)


class Evaluated(jn.Sequential):
    def test_step(self, state, data):
        trained, others, counted = state
        x, y = data
        y_pred, others = self.stateless_call(trained, others, x)
        total = counted[0] + jnp.sum((y - y_pred) ** 2)
        rows = counted[1] + len(x)
        logs = {"rmse": jnp.sqrt(total / rows), "rows": rows}
        return logs, (trained, others, [total, rows])


def test_a_test_step_is_asked_by_evaluate_and_by_validation():
    model = model_of(Evaluated)
    history = model.fit(X[:4], Y[:4], validation_data=(X, Y), **FIT).history
    rmse = float(np.sqrt(np.mean((Y - model.predict(X)) ** 2)))
    assert {*history} == {"loss", "val_rmse", "val_rows"}
    np.testing.assert_allclose(history["val_rmse"][-1], rmse, rtol=1e-5)
    for found in (
        model.evaluate(X, Y, batch_size=4, verbose=0),
        model.evaluate(Batches(), verbose=0),
    ):
        np.testing.assert_allclose(found, [rmse, 10.0], rtol=1e-5)


def test_several_processes_would_add_up_what_goes_on(monkeypatch):
    trainer = model_of(Evaluated).trainer
    monkeypatch.setattr(evaluation.processes, "several", lambda: True)
    text = "test_step goes on from batch to batch, and"
    with unchecked_types(), raises_text(ArgumentError, text):
        evaluation.evaluate(trainer, *[None] * 4)


def wrong(returned):
    return type(
        "Wrong",
        (jn.Sequential,),
        {"train_step": lambda self, state, data: returned(state)},
    )


@pytest.mark.parametrize(
    ("returned", "text"),
    [
        (
            lambda state: None,
            "optimizer, metric variables as it was given them, not NoneType",
        ),
        (lambda state: (3.0, state), "its logs are float"),
        (lambda state: ({}, state[:3]), "its state is no tuple of 4 lists"),
        (
            lambda state: ({}, (state[0][:1], *state[1:])),
            "the trainable variables had the shapes [(3, 1), (1,)] and have [(3, 1)]",
        ),
    ],
)
def test_what_is_no_step_is_refused_before_anything_changes(returned, text):
    model = model_of(wrong(returned))
    weights = model.get_weights()
    with raises_text(ArgumentError, text):
        model.fit(X, Y, **FIT)
    assert all(map(np.array_equal, model.get_weights(), weights))


def test_two_steps_sweeps_and_methods_beside_are_refused():
    model = model_of()
    with raises_text(ArgumentError, "leave one of them out"):
        model.compile("sgd", "mse", train_step=lambda step, state, batch: None)
    with raises_text(ArgumentError, "fit the models one by one"):
        jn.sweep(model, {"learning_rate": [0.1, 0.2]}, X, Y, verbose=0)
    with raises_text(ArgumentError, "or write train_step(self, state, data), which"):
        type("Alone", (jn.Sequential,), {"compute_loss": lambda self: None})
    with raises_text(AbsentNameError, "A class of your own may have it"):
        _ = jn.Sequential().train_step
