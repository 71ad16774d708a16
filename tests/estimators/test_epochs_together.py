"""Several epochs in one program are the epochs one by one, to the bit."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning

from jaxnet_mini.devices import programs
from jaxnet_mini.errors import NonFiniteError
from jaxnet_mini.loops import stretches
from jaxnet_mini.sklearn import DenseClassifier, DenseRegressor

SETTINGS = {
    "to the end": {"max_iter": 21},
    "stops between": {"max_iter": 40, "tol": 0.1, "n_iter_no_change": 3},
    "stops at once": {"max_iter": 40, "tol": 10.0, "n_iter_no_change": 1},
    "adaptive": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "learning_rate_init": 0.5,
        "max_iter": 40,
        "tol": 0.1,
        "n_iter_no_change": 2,
    },
    "never stops": {"max_iter": 18, "n_iter_no_change": np.inf},
}
LOOKED_AT = {
    "early stopping": {"max_iter": 6, "early_stopping": True},
    "invscaling": {"max_iter": 6, "solver": "sgd", "learning_rate": "invscaling"},
    "one": {"max_iter": 1},
}


@pytest.fixture(autouse=True)
def _few_epochs():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


@pytest.fixture
def counts(monkeypatch):
    """How many epochs each program was asked for."""
    asked, program = [], programs.epochs

    def run(*arguments):
        asked.append(arguments[3].epochs)
        return program(*arguments)

    monkeypatch.setattr(programs, "epochs", run)
    return asked


def fitted(data=None, **settings):
    x, y = load_iris(return_X_y=True) if data is None else data
    net = DenseClassifier((7,), batch_size=32, random_state=0, **settings)
    return net.fit(x, y)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", SETTINGS)
def test_bits_do_not_depend_on_how_many_are_taken_together(name, counts, monkeypatch):
    together = fitted(**SETTINGS[name])
    assert sum(counts) == together.n_iter_
    assert max(counts) > 1
    assert ("stops" in name.split()[:1]) == (together.n_iter_ < 18)
    monkeypatch.setattr(stretches, "MOST", 1)
    one_by_one = fitted(**SETTINGS[name])
    assert sum(counts) == together.n_iter_ == one_by_one.n_iter_
    assert together.loss_curve_ == one_by_one.loss_curve_
    assert together.t_ == one_by_one.t_
    for own, other in zip(together.coefs_, one_by_one.coefs_, strict=True):
        np.testing.assert_array_equal(own, other)


@pytest.mark.parametrize("name", LOOKED_AT)
def test_who_looks_at_each_epoch_is_asked_after_each(name, counts):
    fitted(**LOOKED_AT[name])
    assert counts == []


def test_long_epochs_are_taken_by_themselves(counts, monkeypatch):
    monkeypatch.setattr(stretches, "SHORT_SECONDS", 0.0)
    fitted(max_iter=3)
    assert counts == []


def test_a_failure_is_found_in_the_epoch_and_step_of_its_own(counts, monkeypatch):
    x, y = load_iris(return_X_y=True)

    def error():
        net = DenseRegressor(
            hidden_layer_sizes=(7,),
            batch_size=32,
            random_state=0,
            solver="sgd",
            activation="tanh",
            alpha=1e3,  # the weights grow until they are infinite
            learning_rate_init=0.15,
            momentum=0.0,
            max_iter=30,
        )
        with pytest.raises(NonFiniteError) as raised:
            net.fit(x * 10, y * 100)
        return str(raised.value)

    together = error()
    assert max(counts) > 1
    monkeypatch.setattr(stretches, "MOST", 1)
    assert together == error()
    assert " in epoch 6 at step 1" in together
