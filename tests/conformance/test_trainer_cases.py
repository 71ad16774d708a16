"""What Keras's tests of its trainer cover, put again for a Sequential.

Those tests derive models from Keras's own classes, so that they cannot run over another
library. With ``--long`` each case here runs over both: what it claims is true of Keras
too.
"""

import numpy as np
import pytest
from conftest import keras_on_jax

import jaxnet_mini

pytestmark = pytest.mark.usefixtures("quick_compilation")

ROWS = 100


@pytest.fixture(params=["jaxnet_mini", pytest.param("keras", marks=pytest.mark.long)])
def library(request):
    if request.param == "jaxnet_mini":
        yield jaxnet_mini
    else:
        with keras_on_jax() as keras:
            yield keras


@pytest.fixture
def data():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(ROWS, 4)).astype(np.float32)
    return x, generator.normal(size=(ROWS, 3)).astype(np.float32)


def model_of(library, *metrics, rate=0.01, loss="mse", units=3):
    """One layer, with every weight 1 and every bias 0."""
    layer = library.layers.Dense(units, kernel_initializer="ones")
    model = library.Sequential([library.layers.Input((4,)), layer])
    optimizer = library.optimizers.SGD(learning_rate=rate)
    model.compile(optimizer=optimizer, loss=loss, metrics=list(metrics))
    return model


def mean_squared_error(x, y):
    """That of the model above before it has learned anything."""
    return float(np.mean((x.sum(-1, keepdims=True) - y) ** 2))


@pytest.mark.parametrize("batch_size", [7, 80, ROWS, 1000])
@pytest.mark.one_in(2)
def test_the_loss_does_not_depend_on_the_batch_size(library, data, batch_size):
    """The last batch has fewer rows, and counts as many as it has."""
    x, y = data
    model = model_of(library, "mae", rate=0.0)
    history = model.fit(x, y, batch_size=batch_size, verbose=0).history
    loss, error = model.evaluate(x, y, batch_size=batch_size, verbose=0)
    expected = mean_squared_error(x, y)
    np.testing.assert_allclose([*history["loss"], loss], expected, rtol=1e-5)
    absolute = np.mean(np.abs(x.sum(-1, keepdims=True) - y))
    np.testing.assert_allclose([*history["mae"], error], absolute, rtol=1e-5)


def recorder(library):
    """A callback that keeps the keys of what every hook is given."""
    seen = {}

    def record(name):
        def hook(self, *arguments, logs=None):
            *_, given = arguments if logs is None else (*arguments, logs)
            seen.setdefault(name, set()).add(tuple(given))

        return hook

    jobs = ("train", "test", "predict")
    names = [f"on_{job}_{part}" for job in jobs for part in ("begin", "end")]
    names += [f"on_{job}_batch_{part}" for job in jobs for part in ("begin", "end")]
    names += ["on_epoch_begin", "on_epoch_end"]
    hooks = {name: record(name) for name in names}
    return type("Recorder", (library.callbacks.Callback,), hooks)(), seen


def test_every_hook_is_given_the_logs_that_it_expects(library, data):
    x, y = data
    callback, seen = recorder(library)
    model = model_of(library, "mean_absolute_error")
    arguments = {"batch_size": 30, "verbose": 0, "callbacks": [callback]}
    model.fit(x, y, validation_data=(x, y), **arguments)
    model.evaluate(x, y, **arguments)
    model.predict(x, **arguments)
    own = ("loss", "mean_absolute_error")
    both = (*own, "val_loss", "val_mean_absolute_error")
    assert {name: {tuple(sorted(k)) for k in keys} for name, keys in seen.items()} == {
        "on_train_begin": {()},
        "on_epoch_begin": {()},
        "on_train_batch_begin": {()},
        "on_train_batch_end": {own},
        "on_epoch_end": {both},
        "on_train_end": {both},
        "on_test_begin": {()},
        "on_test_batch_begin": {()},
        "on_test_batch_end": {own},
        "on_test_end": {own},
        "on_predict_begin": {()},
        "on_predict_batch_begin": {()},
        "on_predict_batch_end": {("outputs",)},
        "on_predict_end": {()},
    }


def test_evaluate_lists_metrics_in_the_order_of_compile(library, data):
    def always_zero(y_true, y_pred):
        return y_pred[:, 0] * 0.0

    def always_one(y_true, y_pred):
        return y_pred[:, 0] * 0.0 + 1.0

    for metrics, expected in (
        ((always_zero, always_one), [0.0, 1.0]),
        ((always_one, always_zero), [1.0, 0.0]),
    ):
        values = model_of(library, *metrics).evaluate(*data, verbose=0)
        assert values[1:] == expected


@pytest.mark.parametrize("on_device", [False, True])
def test_a_validation_split_is_the_last_rows(library, data, on_device):
    x, y = data
    expected = mean_squared_error(x[80:], y[80:])
    if on_device:
        import jax.numpy as jnp

        x, y = jnp.asarray(x), jnp.asarray(y)
    model = model_of(library, rate=0.0)
    history = model.fit(
        x, y, batch_size=20, epochs=2, validation_split=0.2, verbose=0
    ).history
    assert sorted(history) == ["loss", "val_loss"]
    np.testing.assert_allclose(history["val_loss"], expected, rtol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 7, 50, 1000])
def test_predict_keeps_the_order_of_rows(library, batch_size):
    rows = np.arange(ROWS, dtype=np.float32)
    x = np.stack([rows, 0 * rows, 0 * rows, 0 * rows], axis=-1)
    model = model_of(library, units=1)
    predictions = model.predict(x, batch_size=batch_size, verbose=0)
    np.testing.assert_array_equal(predictions, rows[:, None])


@pytest.mark.parametrize(
    ("method", "job", "flag"),
    [
        ("fit", "train", "stop_training"),
        ("evaluate", "test", "stop_evaluating"),
        ("predict", "predict", "stop_predicting"),
    ],
)
def test_a_callback_can_stop_every_loop(library, data, method, job, flag):
    seen = []

    def stop(self, batch, logs=None):
        seen.append(batch)
        if len(seen) == 3:
            setattr(self.model, flag, True)

    kind = type("Stop", (library.callbacks.Callback,), {f"on_{job}_batch_end": stop})
    inputs = data[:1] if method == "predict" else data
    getattr(model_of(library), method)(
        *inputs, batch_size=10, verbose=0, callbacks=[kind()]
    )
    assert seen == [0, 1, 2]


def test_compiling_again_changes_what_is_logged(library, data):
    x, y = data
    model = model_of(library, "mean_squared_error")
    for metric in ("mean_squared_error", "mean_absolute_error"):
        model.compile(optimizer="sgd", loss="mse", metrics=[metric])
        history = model.fit(x, y, verbose=0).history
        logs = model.evaluate(x, y, verbose=0, return_dict=True)
        assert sorted(history) == sorted(logs) == ["loss", metric]


def test_single_batches(library, data):
    x, y = data
    model = model_of(library, "mean_squared_error")
    first = model.train_on_batch(x, y)
    assert isinstance(first, list)
    expected = mean_squared_error(x, y)
    np.testing.assert_allclose(first, [expected, expected], rtol=1e-5)
    # The logs of a step are those from before it, of this batch alone.
    second = model.test_on_batch(x, y, return_dict=True)
    assert sorted(second) == ["loss", "mean_squared_error"]
    assert second["loss"] < expected
    outputs = model.predict_on_batch(x)
    assert isinstance(outputs, np.ndarray)
    np.testing.assert_allclose(np.mean((outputs - y) ** 2), second["loss"], rtol=1e-5)


def test_weights_multiply_the_loss_of_single_batches(library, data):
    x, y = data
    model = model_of(library)
    weight = np.arange(ROWS, dtype=np.float32) / 50.0
    rows = np.mean((x.sum(-1, keepdims=True) - y) ** 2, axis=-1)
    loss = model.test_on_batch(x, y, sample_weight=weight)
    np.testing.assert_allclose(loss, np.mean(rows * weight), rtol=1e-5)


class StepsSeen:
    """Which steps each epoch had; to be mixed with a library's callback."""

    def __init__(self):
        super().__init__()
        self.epochs = []

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs.append([])

    def on_train_batch_begin(self, batch, logs=None):
        self.epochs[-1].append(batch)


@pytest.mark.parametrize(
    ("steps_per_epoch", "epochs"), [(None, 3), (10, 3), (5, 4), (2, 5)]
)
def test_epochs_have_the_steps_that_were_asked_for(
    library, data, steps_per_epoch, epochs
):
    seen = type("Seen", (StepsSeen, library.callbacks.Callback), {})()
    model_of(library).fit(
        *data,
        batch_size=10,
        epochs=epochs,
        steps_per_epoch=steps_per_epoch,
        callbacks=[seen],
        verbose=0,
    )
    assert seen.epochs == [list(range(steps_per_epoch or 10))] * epochs


def test_a_pass_in_two_epochs_is_a_pass_in_one(library, data):
    """Where an epoch has half the steps, the next goes on with the other half."""
    x, y = data
    weights = []
    for steps, epochs in ((10, 1), (5, 2)):
        model = model_of(library)
        model.fit(
            x,
            y,
            batch_size=10,
            epochs=epochs,
            steps_per_epoch=steps,
            shuffle=False,
            verbose=0,
        )
        weights.append(model.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)
