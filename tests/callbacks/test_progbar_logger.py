"""ProgbarLogger: which logs the bar shows, and how often it is drawn again."""

import numpy as np
import pytest
from oracles import raises_text

import jaxnet_mini as jn
from jaxnet_mini.callbacks import CallbackList, LambdaCallback, ProgbarLogger
from jaxnet_mini.callbacks.progress_bar import REDRAW_SECONDS, Bar
from jaxnet_mini.errors import ArgumentError, UnknownNameError
from jaxnet_mini.loops import steps

X = np.linspace(-1.0, 1.0, 64, dtype=np.float32)[:, None]


def line():
    model = jn.Sequential([jn.Dense(1, input_shape=(1,))])
    model.compile("sgd", "mse", ["mae", "mse"])
    return model


def names_in(printed):
    """The names of the logs in the last line, in order."""
    *_, last = printed.strip().splitlines()
    return [part.split(": ")[0] for part in last.split(" - ")[1:]]


@pytest.mark.parametrize(
    ("metrics", "shown"),
    [
        (None, ["loss", "mae", "mse", "val_loss", "val_mae", "val_mse"]),
        (["mae"], ["mae", "val_mae"]),
        (["mse", "loss"], ["mse", "val_mse", "loss", "val_loss"]),
        ([], []),
    ],
)
def test_it_chooses_the_logs_and_their_order(metrics, shown, capsys):
    callbacks = [ProgbarLogger(metrics)]
    call = {"validation_split": 0.25, "callbacks": callbacks, "verbose": 2}
    history = line().fit(X, X, **call)
    assert names_in(capsys.readouterr().out) == shown
    # What is logged stays all of it.
    assert len(history.history) == 6


def test_it_chooses_for_an_evaluation_too(capsys):
    line().evaluate(X, X, callbacks=ProgbarLogger(["mae"]), verbose=2)
    assert names_in(capsys.readouterr().out) == ["mae"]
    line().predict(X, callbacks=ProgbarLogger(["mae"]), verbose=2)
    assert names_in(capsys.readouterr().out) == []


def test_silence_stays_silence(capsys):
    line().fit(X, X, callbacks=ProgbarLogger(["mae"]), verbose=0)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("job", ["fit", "evaluate"])
def test_a_name_that_the_model_does_not_log_is_an_error_before_anything_runs(job):
    model = line()
    with raises_text(UnknownNameError, "progress bar", "'maee'", "did you mean 'mae'?"):
        getattr(model, job)(X, X, callbacks=ProgbarLogger(["maee"]), verbose=0)
    assert int(model.state.step) == 0


@pytest.mark.parametrize("seconds", [0, -1.0, float("nan")])
def test_seconds_are_above_0(seconds):
    with raises_text(ArgumentError, "seconds must be above 0", "verbose=0"):
        ProgbarLogger(seconds=seconds)


def test_it_does_not_make_the_loop_run_step_by_step():
    callbacks = CallbackList([ProgbarLogger()], line(), {})
    for job in ("train", "test", "predict"):
        assert not callbacks.watches_batches(job)


def drawn_at(bar, monkeypatch, times):
    """The times, out of these, at which the bar was drawn again."""
    drawn = []
    monkeypatch.setattr(bar._live, "update", lambda *_, **__: drawn.append(bar.seconds))
    for step, seconds in enumerate(times, start=1):
        bar.update(step, seconds, {})
    bar.abandon()
    return drawn


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.mark.parametrize("every", [0.25, 0.5, 2.0])
def test_the_bar_is_drawn_so_many_times_a_second(terminal, monkeypatch, every):
    """However often it is asked to, as it is by callbacks that watch batches."""
    times = [step / 64 for step in range(1, 640)]
    bar = Bar("Epoch 1/1", 1000, 32000, 1, every=every)
    drawn = drawn_at(bar, monkeypatch, times)
    assert drawn == [every * number for number in range(1, int(9.99 / every) + 1)]


def test_the_bar_is_given_what_was_asked_for():
    bar = ProgbarLogger(["mae"], seconds=7.5).bar("Epoch 1/1", 10, 320, 0)
    assert (bar.metrics, bar.every) == (["mae"], 7.5)
    assert ProgbarLogger(seconds=2).bar("Epoch 1/1", 10, 320, 0).every == 2.0


def test_pieces_of_about_that_length_are_nearly_all_drawn(terminal, monkeypatch):
    bar = Bar("Epoch 1/1", 1000, 32000, 1, every=0.25)
    times = [0.24 * piece for piece in range(1, 26)]
    assert len(drawn_at(bar, monkeypatch, times)) == 24


@pytest.mark.parametrize("callbacks", [[], [ProgbarLogger(seconds=7.5)]])
def test_the_pace_of_the_loop_goes_by_it(terminal, monkeypatch, callbacks):
    paces = set()
    monkeypatch.setattr(
        steps.Pace, "steps", lambda pace, left: paces.add(pace.seconds) or left
    )
    line().fit(X, X, callbacks=callbacks, verbose=1)
    assert paces == {7.5 if callbacks else REDRAW_SECONDS}


def test_a_bar_that_is_seldom_drawn_is_drawn_at_the_end(terminal, capsys):
    stepwise = LambdaCallback(on_train_batch_end=lambda batch, logs: None)
    callbacks = [ProgbarLogger(["mae"], seconds=1000.0), stepwise]
    line().fit(X, X, batch_size=1, callbacks=callbacks, verbose=1)
    drawn = capsys.readouterr().out
    assert "64/64" in drawn
    assert "32/64" not in drawn
    assert "mae: " in drawn
    assert "loss: " not in drawn
