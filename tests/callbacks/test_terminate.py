"""TerminateOnNaN: an orderly end, with the last finite weights."""

import math

import numpy as np
import pytest
from oracles import raises_text

import jaxnet_mini as jn
from jaxnet_mini.callbacks import (
    Callback,
    EarlyStopping,
    LambdaCallback,
    TerminateOnNaN,
)
from jaxnet_mini.errors import NonFiniteError
from jaxnet_mini.loops import epochs
from jaxnet_mini.loops import steps as looping

pytestmark = pytest.mark.usefixtures("quick_compilation")

ROWS = 40
X = np.ones((ROWS, 1), np.float32)
Y = 10.0 * X
# Step 18 is the first whose loss is infinite, whatever the weights.
SPIKE = np.where(np.arange(ROWS) == 18, 1e30, 10.0).astype(np.float32)[:, None]
# The error at step 18 is 1e9, its square is finite, and the weight overflows.
LARGE = np.where(np.arange(ROWS) >= 18, 1e9, 0.0).astype(np.float32)[:, None]
CALL = {"batch_size": 1, "shuffle": False, "epochs": 3, "verbose": 0}


def line(rate=0.01):
    model = jn.Sequential([jn.Dense(1, use_bias=False, input_shape=(1,))])
    model.compile(jn.optimizers.SGD(rate), "mse", ["mae"])
    model.set_weights([np.ones((1, 1))])
    return model


class Calls(Callback):
    """Notes which hooks are called, without those of batches."""

    def __init__(self):
        self.seen = []

    def on_train_begin(self, logs=None):
        self.seen.append("train begin")

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(("epoch", epoch))

    def on_train_end(self, logs=None):
        self.seen.append("train end")


@pytest.mark.parametrize("validated", [False, True])
def test_training_ends_in_good_order(validated, capsys):
    model, calls = line(), Calls()
    call = CALL | ({"validation_data": (X, Y)} if validated else {})
    history = model.fit(X, SPIKE, callbacks=[TerminateOnNaN(), calls], **call)
    assert calls.seen == ["train begin", ("epoch", 0), "train end"]
    assert model.stop_training
    assert history.epoch == [0]
    assert math.isnan(history.history["loss"][0])
    assert len(history.timing["epoch_seconds"]) == 1
    assert capsys.readouterr().out == (
        "Batch 18: invalid loss or weight, terminating training\n"
    )
    # The weights are those after the 18 steps before it.
    other = line()
    other.fit(X[:18], SPIKE[:18], **CALL | {"epochs": 1})
    np.testing.assert_array_equal(model.get_weights(), other.get_weights())
    assert int(model.state.step) == 18
    if validated:
        assert history.history["val_loss"] == [other.evaluate(X, Y, verbose=0)[0]]
    # And it can go on.
    assert len(model.fit(X, Y, **CALL).epoch) == 3


def test_a_failure_in_a_later_epoch_keeps_the_epochs_before_it():
    model = line(0.1)
    faster = LambdaCallback(
        on_epoch_begin=lambda epoch, logs: setattr(
            model.optimizer, "learning_rate", 1e30 if epoch == 1 else 0.1
        )
    )
    history = model.fit(X, Y, callbacks=[faster, TerminateOnNaN()], **CALL)
    assert history.epoch == [0, 1]
    assert [math.isnan(loss) for loss in history.history["loss"]] == [False, True]


@pytest.mark.parametrize("steps", [1, 5, 19, 100], ids="pieces of {}".format)
def test_a_weight_that_overflows_ends_training_wherever_the_host_looks(
    steps, monkeypatch, capsys
):
    monkeypatch.setattr(looping.Pace, "steps", lambda pace, left: min(steps, left))
    model = line(1e25)
    history = model.fit(LARGE, 0.0 * X, callbacks=TerminateOnNaN(), **CALL)
    assert math.isnan(history.history["loss"][0])
    assert int(model.state.step) == 18
    np.testing.assert_array_equal(model.get_weights(), [[[1.0]]])
    assert capsys.readouterr().out.startswith("Batch 18:")


def test_the_loop_is_not_made_to_run_step_by_step(monkeypatch):
    lengths = []
    run_steps = epochs.run_steps

    def noted(*arguments):
        piece = arguments[2]
        lengths.append(piece.last - piece.first)
        return run_steps(*arguments)

    monkeypatch.setattr(epochs, "run_steps", noted)
    monkeypatch.setattr(looping.Pace, "steps", lambda pace, left: left)
    line().fit(X, SPIKE, callbacks=TerminateOnNaN(), **CALL)
    assert lengths == [ROWS]


def test_a_callback_that_watches_batches_sees_the_last_one_too():
    seen = []
    watch = LambdaCallback(
        on_train_batch_begin=lambda batch, logs: seen.append(batch),
        on_train_batch_end=lambda batch, logs: seen.append((batch, logs["loss"])),
    )
    line().fit(X, SPIKE, callbacks=[TerminateOnNaN(), watch], **CALL)
    assert seen[-2] == seen[-1][0] == 18
    assert math.isnan(seen[-1][1])
    assert math.isfinite(seen[-3][1])


def test_other_callbacks_go_on_as_ever():
    stopping = EarlyStopping("loss", restore_best_weights=True, patience=9)
    model = line()
    history = model.fit(X, SPIKE, callbacks=[TerminateOnNaN(), stopping], **CALL)
    assert math.isnan(history.history["loss"][0])
    assert np.isfinite(model.get_weights()[0]).all()


def test_the_bar_ends_where_training_ended(capsys):
    line().fit(X, SPIKE, callbacks=TerminateOnNaN(), **CALL | {"verbose": 2})
    assert "Epoch 1/3: 19/40 steps" in capsys.readouterr().out


@pytest.mark.parametrize("callbacks", [[], [TerminateOnNaN(raise_error=True)]])
def test_the_error_may_be_raised_all_the_same(callbacks, capsys):
    model, calls = line(), Calls()
    with raises_text(NonFiniteError, "in epoch 1 at step 19"):
        model.fit(X, SPIKE, callbacks=[calls, *callbacks], **CALL)
    assert calls.seen == ["train begin"]
    assert model.history.epoch == []
    assert capsys.readouterr().out == ""


def test_a_callback_of_ones_own_may_decide():
    """The hook is open to all; the error says where."""
    seen = []

    def decide(error):
        seen.append((error.batch, str(error)))
        model.stop_training = True

    model = line()
    model.fit(X, SPIKE, callbacks=LambdaCallback(on_non_finite=decide), **CALL)
    assert seen[0][0] == 18
    assert "at step 19" in seen[0][1]


def test_a_stop_for_another_reason_hides_no_error():
    model = line()
    stop = LambdaCallback(
        on_epoch_begin=lambda epoch, logs: setattr(model, "stop_training", True)
    )
    with pytest.raises(NonFiniteError):
        model.fit(X[18:], SPIKE[18:], callbacks=stop, **CALL)


@pytest.mark.parametrize("raise_error", [False, True])
def test_nothing_happens_where_all_is_finite(raise_error, capsys):
    history = line().fit(X, Y, callbacks=TerminateOnNaN(raise_error), **CALL)
    assert len(history.epoch) == 3
    assert capsys.readouterr().out == ""
