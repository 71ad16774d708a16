"""Progress against Keras's own."""

import re

import numpy as np
import pytest
from conftest import keras_on_jax

import jaxnet_mini as jn
from jaxnet_mini.callbacks import progress_bar


@pytest.mark.parametrize("value", [123.456789, 1.0, 0.29346, 0.00101, 0.001, 1.23e-4])
def test_figures_are_written_as_keras_writes_them(value, capsys):
    with keras_on_jax() as keras:
        bar = keras.utils.Progbar(1, verbose=2, stateful_metrics=["loss"])
        bar.update(1, [("loss", value)], finalize=True)
    assert f"loss: {progress_bar._figure(value)}" in capsys.readouterr().out


@pytest.mark.usefixtures("quick_compilation")
def test_as_many_steps_are_told_as_keras_tells(capsys):
    """Though more rows are computed at a time where that changes nothing."""
    x, y = np.ones((70, 3), np.float32), np.ones((70, 1), np.float32)
    jobs = [
        lambda model, **to: model.fit(x, y, epochs=2, validation_split=0.3, **to),
        lambda model, **to: model.evaluate(x, y, **to),
        lambda model, **to: model.evaluate(x, y, batch_size=9, **to),
        lambda model, **to: model.evaluate(x, y, steps=2, **to),
        lambda model, **to: model.predict(x, **to),
    ]

    def told(model, callback):
        model.compile("sgd", "mse")
        found = []
        for job in jobs:
            seen = callback()
            job(model, callbacks=[seen], verbose=2)
            printed = capsys.readouterr().out
            steps = re.findall(r"(?<!Epoch )\b(\d+/\d+)\b", printed)
            found.append((seen.params["steps"], steps))
        return found

    ours = jn.Sequential([jn.Dense(1, input_shape=(3,))])
    with keras_on_jax() as keras:
        theirs = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        expected = told(theirs, keras.callbacks.Callback)
    assert told(ours, jn.callbacks.Callback) == expected
    assert expected[1] == (3, ["3/3"])
