"""Progress against Keras's own."""

import pytest
from conftest import keras_on_jax

from jaxnet_mini.callbacks import progress_bar


@pytest.mark.parametrize("value", [123.456789, 1.0, 0.29346, 0.00101, 0.001, 1.23e-4])
def test_figures_are_written_as_keras_writes_them(value, capsys):
    with keras_on_jax() as keras:
        bar = keras.utils.Progbar(1, verbose=2, stateful_metrics=["loss"])
        bar.update(1, [("loss", value)], finalize=True)
    assert f"loss: {progress_bar._figure(value)}" in capsys.readouterr().out
