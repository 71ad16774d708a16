"""Estimators against those of scikit-learn: the same losses, weights and scores."""

import jax
import numpy as np
import pytest
from oracles import assert_trees_identical
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier, MLPRegressor

from jaxnet_mini.sklearn import DenseClassifier, DenseRegressor, parameters, training

pytestmark = [
    pytest.mark.usefixtures("quick_compilation"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

X, DIGITS = load_digits(return_X_y=True)
X, DIGITS = X[:300] / 16.0, DIGITS[:300]
LABELS = np.stack([DIGITS % 2, DIGITS > 4], axis=1).astype(int)
VALUES = np.stack([X[:, 3] + X[:, 9], 3.0 * X[:, 10]], axis=1)
WEIGHT = np.random.default_rng(0).uniform(0.5, 1.5, len(X))
TAUGHT = {"hidden_layer_sizes": (8,), "batch_size": 64, "max_iter": 3}
SGD = {"solver": "sgd", "learning_rate_init": 0.1}

CASES = {
    "adam": (DIGITS, {}),
    "alpha": (DIGITS, {"alpha": 10.0}),
    "no shuffling": (DIGITS, {"shuffle": False}),
    "momentum": (DIGITS, {**SGD, "nesterovs_momentum": False}),
    "invscaling": (DIGITS, {**SGD, "learning_rate": "invscaling"}),
    "adaptive": (
        DIGITS,
        {**SGD, "learning_rate": "adaptive", "tol": 1.0, "n_iter_no_change": 1}
        | {"max_iter": 9},
    ),
    "ending": (DIGITS, {"tol": 1.0, "n_iter_no_change": 1, "max_iter": 9}),
    "early stopping": (DIGITS, {"early_stopping": True, "n_iter_no_change": 1}),
    "two classes": (DIGITS % 2, {"activation": "logistic", "early_stopping": True}),
    "labels": (LABELS, {"activation": "tanh"}),
    "deep": (DIGITS, {"hidden_layer_sizes": (8, 5), "activation": "identity"}),
    "linear": (DIGITS, {"hidden_layer_sizes": ()}),
    "value": (VALUES[:, 0], {}),
    "values": (VALUES, {"alpha": 10.0}),
    "held out": (VALUES[:, 0], {"early_stopping": True, "activation": "logistic"}),
    "counts": (VALUES, {"loss": "poisson"}),
}


def pair(y, options):
    regression = y.dtype == float
    kinds = (
        (MLPRegressor, DenseRegressor)
        if regression
        else (MLPClassifier, DenseClassifier)
    )
    return [kind(random_state=3, **(TAUGHT | options)) for kind in kinds]


def check_equal(theirs, ours, X=X):
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.t_ == theirs.t_
    assert ours.out_activation_ == theirs.out_activation_
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=2e-5)
    for name in ("best_loss_", "validation_scores_", "best_validation_score_"):
        own, other = getattr(ours, name), getattr(theirs, name)
        assert (own is None) == (other is None), name
        if own is not None:
            np.testing.assert_allclose(own, other, rtol=2e-5, err_msg=name)
    # Where no gradient comes, Adam makes steps of what rounding leaves.
    seen = [*ours.coefs_[1:], ours.coefs_[0][X.any(axis=0)], *ours.intercepts_]
    others = [*theirs.coefs_[1:], theirs.coefs_[0][X.any(axis=0)], *theirs.intercepts_]
    for own, other in zip(seen, others, strict=True):
        assert own.dtype == other.dtype
        np.testing.assert_allclose(own, other, atol=2e-4)


@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", CASES)
def test_fits_are_those_of_scikit_learn(name):
    y, options = CASES[name]
    theirs, ours = (kind.fit(X, y) for kind in pair(y, options))
    check_equal(theirs, ours)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), atol=1e-3)
    if hasattr(theirs, "predict_proba"):
        probabilities = theirs.predict_proba(X)
        np.testing.assert_allclose(ours.predict_proba(X), probabilities, atol=1e-4)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("y", [DIGITS, DIGITS % 2, VALUES], ids=["10", "2", "values"])
def test_weights_are_those_of_scikit_learn(y):
    """But for the penalty, which their scale must not change."""
    theirs, ours = (m.fit(X, y, WEIGHT) for m in pair(y, {"alpha": 0.0}))
    check_equal(theirs, ours)


@pytest.mark.slow
def test_partial_fits_go_on_as_those_of_scikit_learn():
    both = pair(DIGITS, {})
    for model in both:
        model.partial_fit(X[:100], DIGITS[:100], classes=range(10))
        model.partial_fit(X[100:], DIGITS[100:])
        model.partial_fit(X, DIGITS, WEIGHT * 0 + 1)
    check_equal(*both)


def test_warm_starts_go_on_as_those_of_scikit_learn():
    both = pair(DIGITS, {"warm_start": True})
    for model in both:
        model.fit(X, DIGITS)
        model.fit(X, DIGITS)
        assert len(model.loss_curve_) == 6
    check_equal(*both)


@pytest.mark.parametrize("y", [DIGITS, VALUES[:, 0]], ids=["classes", "values"])
def test_a_warm_start_without_a_better_score_keeps_the_best_weights(y):
    given = {"warm_start": True, "early_stopping": True, "max_iter": 4}
    theirs, ours = both = pair(y, given)
    for model in both:
        model.fit(X, y)
    best, score = [kernel.copy() for kernel in ours.coefs_], ours.best_validation_score_
    for model in both:
        model.set_params(solver="sgd", learning_rate_init=1e-9, max_iter=2).fit(X, y)
    np.testing.assert_allclose(
        ours.validation_scores_, theirs.validation_scores_, rtol=2e-5
    )
    assert len(ours.validation_scores_) == 6
    assert ours.best_validation_score_ == score
    # What scikit-learn has kept for the best was changed by steps after it.
    for own, kept in zip(ours.coefs_, best, strict=True):
        np.testing.assert_array_equal(own, kept)


def test_a_warm_start_may_begin_or_end_to_hold_rows_out():
    (_, model) = pair(DIGITS, {"warm_start": True})
    assert model.fit(X, DIGITS).validation_scores_ is None
    model.set_params(early_stopping=True).fit(X, DIGITS)
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert len(model.validation_scores_) == model.n_iter_
    (_, model) = pair(DIGITS, {"warm_start": True, "early_stopping": True})
    model.fit(X, DIGITS).set_params(early_stopping=False).fit(X, DIGITS)
    assert model.best_loss_ == min(model.loss_curve_[-model.n_iter_ :])


@pytest.mark.one_in(2)
@pytest.mark.parametrize(
    "change",
    [
        {"solver": "adam"},
        {"momentum": 0.0},
        {"nesterovs_momentum": False, "learning_rate_init": 1.0},
        {"learning_rate": "constant"},
    ],
    ids=str,
)
def test_partial_fits_go_on_with_the_optimizer_of_the_first(change):
    both = pair(DIGITS, {**SGD, "learning_rate": "invscaling"})
    for model in both:
        model.partial_fit(X, DIGITS, classes=range(10)).set_params(**change)
        model.partial_fit(X, DIGITS).partial_fit(X, DIGITS)
    check_equal(*both)
    for model in both:
        model.fit(X, DIGITS)
    check_equal(*both)


@pytest.mark.parametrize(
    "options",
    [{}, {"solver": "sgd"}, {"solver": "sgd", "momentum": 0.0, "alpha": 0.5}],
)
def test_the_first_state_is_that_of_the_optimizer(options):
    given = DenseClassifier((3,), **options).get_params()
    trainer = parameters.trainer(given, 2, "softmax")
    state = trainer.init(jax.random.key(0), (4,))
    begun = training.start(trainer, state.params)
    assert_trees_identical(
        jax.device_get(begun.optimizer_state), jax.device_get(state.optimizer_state)
    )
