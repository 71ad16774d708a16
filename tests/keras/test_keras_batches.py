"""Batches against Keras's own."""

from typing import Any

import numpy as np
import pytest
from batches_cases import (
    SIZES,
    Growing,
    Refilled,
    X,
    Y,
    identity,
)
from conftest import keras_on_jax
from oracles import assert_close

import jaxnet_mini as jn
from jaxnet_mini.callbacks import Callback

pytestmark = pytest.mark.usefixtures("quick_compilation")


def test_kerass_own_sequence_gives_kerass_history():
    one, theirs = both()
    with keras_on_jax():
        given = pydataset(Growing())
        expected = theirs.fit(given, epochs=2, shuffle=False, verbose=0)
        history = one.fit(given, epochs=2, shuffle=False, verbose=0)
    assert history.params["steps"] == expected.params["steps"] == len(SIZES)
    assert list(history.history) == list(expected.history)
    for name, values in expected.history.items():
        np.testing.assert_allclose(history.history[name], values, rtol=1e-5)


class Listed:
    """Batches from a list, which begin again and have a length."""

    def __init__(self, batches):
        self.batches = [*batches]

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        return iter(self.batches)


def both():
    """A model of ours and one of Keras's, alike."""
    with keras_on_jax() as keras:
        theirs = keras.Sequential(
            [keras.Input((3,)), keras.layers.Dense(1, kernel_initializer="zeros")]
        )
        theirs.compile("sgd", "mse", metrics=["mae"])
    one = jn.Sequential([jn.Dense(1, kernel_initializer="zeros", input_dim=3)])
    one.compile("sgd", "mse", metrics=["mae"])
    return one, theirs


def test_evaluate_and_predict_take_batches_as_keras_does():
    one, theirs = both()
    with keras_on_jax():
        for model_ in (one, theirs):
            model_.fit(pydataset(Growing()), epochs=2, shuffle=False, verbose=0)
        for steps in (None, 3):
            options = {"verbose": 0, "steps": steps}
            expected = theirs.evaluate(pydataset(Growing()), **options)
            for given in (Growing(), iter(Growing()), Listed(Growing())):
                own = one.evaluate(given, **options)
                np.testing.assert_allclose(own, expected, rtol=1e-5)
            expected = theirs.predict(pydataset(Growing()), **options)
            for form in (lambda x, y: (x, y), lambda x, y: (x,), lambda x, y: x):
                given = (form(x, y) for x, y in Growing())
                own = one.predict(given, **options)
                np.testing.assert_allclose(own, expected, rtol=1e-5)
        # Of arrays the first batches.
        for size, steps in ((None, 2), (32, 2), (7, 13)):
            options = {"batch_size": size, "steps": steps, "verbose": 0}
            own = one.evaluate(X[:90], Y[:90], **options)
            expected = theirs.evaluate(X[:90], Y[:90], **options)
            np.testing.assert_allclose(own, expected, rtol=1e-5)
            own = one.predict(X[:90], **options)
            np.testing.assert_allclose(own, theirs.predict(X[:90], **options), 1e-5)


def test_a_size_beside_batches_changes_nothing_as_in_keras():
    """We say so once; Keras does not."""
    one, theirs = both()
    with keras_on_jax():
        given = pydataset(Growing())
        call = {"batch_size": 3, "verbose": 0, "shuffle": False}
        call |= {"validation_data": given, "validation_batch_size": 2}
        with pytest.warns(UserWarning, match="batch_size=. changes nothing: .* gives"):
            own = one.fit(given, **call).history
        expected = theirs.fit(given, **call).history
        assert {n: own[n][0] for n in expected} == pytest.approx(
            {n: values[0] for n, values in expected.items()}, rel=1e-4
        )
        own, other = (m.predict(given, batch_size=3, verbose=0) for m in (one, theirs))
        np.testing.assert_allclose(own, other, rtol=1e-4)


def test_validation_takes_batches_as_keras_does():
    one, theirs = both()
    call = {"batch_size": 8, "epochs": 3, "shuffle": False, "verbose": 0}
    with keras_on_jax():
        for steps in (None, 5):
            options = call | {"validation_steps": steps}
            for given in (Growing(), (X[40:90], Y[40:90])):
                theirs_given = given if isinstance(given, tuple) else pydataset(given)
                own = one.fit(X[:40], Y[:40], **options, validation_data=given)
                other = theirs.fit(
                    X[:40], Y[:40], **options, validation_data=theirs_given
                )
                assert list(own.history) == sorted(other.history)
                for name, values in other.history.items():
                    np.testing.assert_allclose(own.history[name], values, rtol=1e-4)


def pydataset(given):
    """What Keras takes for batches that begin again."""
    import keras

    class Own(keras.utils.PyDataset):
        def __len__(self):
            return len([*given])

        def __getitem__(self, index):
            return [*given][index]

    return Own()


def test_hooks_are_called_and_may_stop():
    class Stop(Callback):
        seen: list[Any] = []

        def on_test_batch_end(self, batch, logs=None):
            self.seen.append((batch, logs["loss"]))
            self.model.stop_evaluating = batch == 2

        def on_predict_batch_end(self, batch, logs=None):
            self.seen.append((batch, len(logs["outputs"])))
            self.model.stop_predicting = batch == 3

    given, one, hook = Refilled(), identity(), Stop()
    assert one.evaluate(given, verbose=0, callbacks=hook) == 1.0
    assert hook.seen == [(0, 0.0), (1, 0.5), (2, 1.0)]
    hook.seen.clear()
    outputs = both()[0].predict(Growing(), callbacks=[hook])
    assert hook.seen == [*enumerate(SIZES[:4])]
    assert len(outputs) == sum(SIZES[:4])


def knowing_of(keras, kind):
    """A model of which a layer knows of all rows of a batch, for either library."""
    ops, layers = keras.ops, keras.layers

    class Centred(layers.Layer):
        def build(self, input_shape):
            self.mean = self.add_weight(
                shape=(3,), initializer="zeros", trainable=False, name="mean"
            )

        def call(self, x, training=None):
            if kind == "adds":
                self.add_loss(0.1 * ops.mean(x) + 0.2 * ops.std(x))
            elif training:
                self.mean.assign(0.9 * self.mean + 0.1 * ops.mean(x, axis=0))
            return x - ops.reshape(self.mean, (1, 3))

    class Around(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = Centred()

        def call(self, x, training=None):
            return self.inner(x, training=training)

    class Spread(layers.Layer):
        def call(self, x):
            self.add_loss(0.2 * ops.std(x))
            return x

    class Compared(layers.Layer):
        def call(self, x):
            return x - ops.mean(x, axis=0, keepdims=True)

    def share(x):
        return x / ops.max(x, axis=0, keepdims=True)

    shape = {} if keras is jn else {"output_shape": (3,)}
    firsts = {
        "within": Around,
        "spread": Spread,
        "compared": Compared,
        "function": lambda: layers.Lambda(share, **shape),
        "activation": lambda: layers.Activation(share),
    }
    end = layers.Dense(1)
    first = firsts.get(kind, Centred)()
    model = keras.Sequential([layers.Input((3,)), first, end])
    end.set_weights([np.array([[0.5], [-0.3], [0.2]]), np.array([0.1])])
    model.compile(keras.optimizers.SGD(0.05), "mse", metrics=["mae"])
    return model


@pytest.mark.parametrize(
    "kind",
    [
        *("assigns", "adds", "within"),
        *("spread", "compared", "function", "activation"),
    ],
)
def test_batches_of_any_size_are_to_layers_what_they_are_in_keras(kind):
    """None is filled up with rows that would count in what comes of the others."""
    rng = np.random.default_rng(3)
    x = rng.normal(2.0, 1.0, (20, 3)).astype(np.float32)
    y = x.sum(-1, keepdims=True)
    arguments = {"epochs": 2, "batch_size": 8, "shuffle": False, "verbose": 0}

    def seen_by(keras):
        def batches():
            yield from ((x[:rows], y[:rows]) for rows in (5, 8, 3, 3, 8, 2))

        model = knowing_of(keras, kind)
        fits = [
            model.fit(x, y, validation_data=(x[:11], y[:11]), **arguments),
            model.fit(batches(), verbose=0),
        ]
        return (
            [fit.history for fit in fits],
            model.evaluate(x, y, batch_size=8, verbose=0),
            model.evaluate(batches(), verbose=0),
            sorted(float(np.sum(own)) for own in model.get_weights()),
            model.predict(x[:5], verbose=0),
            model.predict(x[:19], batch_size=8, verbose=0),
            model.predict(((own,) for own, _ in batches()), verbose=0),
            list(model.train_on_batch(x[:5], y[:5])),
            list(model.test_on_batch(x[:5], y[:5])),
            model.predict_on_batch(x[:5]),
        )

    with keras_on_jax() as keras:
        histories, *theirs = seen_by(keras)
    ours, *others = seen_by(jn)
    for mine, history in zip(ours, histories, strict=True):
        for name, values in history.items():
            assert_close(mine[name], values, 1e-5)
    for mine, own in zip(others, theirs, strict=True):
        assert_close(mine, own, 2e-5)
