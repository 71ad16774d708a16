"""Steps of a user's own: `train_step`, a pure function in place of the usual step."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import raises_text

import jaxnet_mini as jn
from jaxnet_mini.errors import ArgumentError, FileError

pytestmark = pytest.mark.usefixtures("quick_compilation")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(10, 3)).astype(np.float32)
Y = RNG.normal(size=(10, 2)).astype(np.float32)
FIT = {"batch_size": 4, "epochs": 2, "verbose": 0}


def usual(step, state, batch):
    gradients, seen = jax.grad(step.loss, has_aux=True)(state.params, state, batch)
    return step.update(state, gradients, seen)


def sharp(step, state, batch):
    gradient = jax.grad(step.loss, has_aux=True)
    here, seen = gradient(state.params, state, batch)
    norm = jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(here)))
    factor = 0.5 / norm
    there = jax.tree.map(lambda w, g: w + factor * g, state.params, here)
    return step.update(state, gradient(there, state, batch)[0], seen)


def noisy(step, state, batch):
    noise = jn.random.normal(batch.x.shape, stddev=0.1)
    return usual(step, state, batch._replace(x=batch.x + noise))


def model_of(train_step, layers=(), optimizer="adam"):
    model = jn.Sequential([jn.Input((3,)), *layers, jn.Dense(2)])
    model.compile(optimizer, "mse", metrics=["mae"], train_step=train_step)
    return model


def test_the_usual_step_written_out_is_the_usual_step():
    """With state, frozen weights, dropout, penalties, constraints and padding."""

    def made(train_step):
        layers = (
            jn.Dense(4, "tanh", trainable=False),
            jn.layers.BatchNormalization(),
            jn.Dropout(0.5),
            jn.Dense(4, kernel_regularizer="l2", kernel_constraint="unit_norm"),
        )
        return model_of(train_step, layers, jn.optimizers.SGD(0.1, momentum=0.9))

    one, other = made(usual), made(None)
    histories = [model.fit(X, Y, **FIT).history for model in (one, other)]
    for name, values in histories[0].items():
        np.testing.assert_allclose(values, histories[1][name], rtol=1e-5)
    for pair in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(*pair, rtol=1e-4, atol=1e-6)
    assert one.state.step == 6


def test_a_sharpness_aware_step_is_its_formula():
    model = model_of(sharp, optimizer=jn.optimizers.SGD(0.1))
    kernel, bias = (np.float64(w) for w in model.get_weights())
    trained = model.fit(X[:6], Y[:6], batch_size=6, verbose=0)

    def gradient(kernel, bias):
        error = 2.0 * (X[:6] @ kernel + bias - Y[:6]) / 12
        return X[:6].T @ error, error.sum(0)

    loss = np.mean((X[:6] @ kernel + bias - Y[:6]) ** 2)
    of_kernel, of_bias = gradient(kernel, bias)
    factor = 0.5 / np.sqrt(np.sum(of_kernel**2) + np.sum(of_bias**2))
    there = gradient(kernel + factor * of_kernel, bias + factor * of_bias)
    np.testing.assert_allclose(trained.history["loss"], [loss], rtol=1e-5)
    for mine, own, g in zip(model.get_weights(), (kernel, bias), there, strict=True):
        np.testing.assert_allclose(mine, own - 0.1 * g, rtol=1e-4, atol=1e-6)


def test_it_draws_anew_goes_on_is_saved_and_swept(tmp_path):
    models = [model_of(step) for step in (noisy, noisy, usual)]
    one, again, other = [
        model.fit(X, Y, **FIT, checkpoint=tmp_path / str(place)).history
        for place, model in enumerate(models)
    ]
    assert one == again != other
    with raises_text(FileError, "train_step"):
        model_of(usual).fit(X, Y, **FIT, checkpoint=tmp_path / "0")
    models[0].save(tmp_path / "m.safetensors")
    loaded = jn.models.load_model(tmp_path / "m.safetensors", {"noisy": noisy})
    logs = [m.fit(X, Y, **FIT).history for m in (models[0], loaded)]
    assert logs[0] == logs[1]
    with raises_text(ArgumentError, "cannot be written as Keras does"):
        loaded.save(tmp_path / "m.keras")
    swept = jn.sweep(model_of(noisy), {"seed": [0]}, X, Y, **FIT)
    np.testing.assert_allclose(swept[0].history.history["loss"], one["loss"], rtol=1e-5)


def test_bad_functions_are_refused_before_anything_is_compiled():
    for own, words in (
        (lambda state, batch: None, "train_step(step, state, batch)"),
        (3, "must be a pure function"),
    ):
        with raises_text(ArgumentError, words):
            model_of(own)

    def grown(step, state, batch):
        after, seen = usual(step, state, batch)
        return after._replace(params=jax.tree.map(jnp.sum, after.params)), seen

    for own, words in (
        (lambda step, state, batch: state, "train_step must return what step.update"),
        (lambda step, state, batch: (state, {}), "not tuple"),
        (grown, "another kind of state, at 'params/dense/bias'"),
    ):
        model = model_of(own)
        before = model.get_weights()
        with raises_text(ArgumentError, words):
            model.fit(X, Y, **FIT)
        for pair in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(*pair)
    state = model_of(usual).state
    order = jnp.zeros((1, 2, 2), jnp.int32)
    with raises_text(ArgumentError, "or train_step looks at them"):
        model_of(usual).trainer.loop(state, None, order, 0, 1)
