"""A search side by side against scikit-learn's own, over the same estimators."""

import threading

import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn.datasets import load_digits
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    RandomizedSearchCV,
    StratifiedKFold,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from jaxnet_mini.devices import pools, threads
from jaxnet_mini.errors import ArgumentError
from jaxnet_mini.sklearn import DenseClassifier, DenseRegressor, SweepSearchCV, training

pytestmark = [
    pytest.mark.usefixtures("quick_compilation"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

X, DIGITS = load_digits(return_X_y=True)
X, DIGITS = X[:181] / 16.0, DIGITS[:181]  # folds of unequal size, all of 4 steps
VALUES = X[:, 3] + X[:, 9]
WEIGHT = np.random.default_rng(0).uniform(0.0, 2.0, len(X))
OPTIONS = {"hidden_layer_sizes": (8,), "batch_size": 48, "max_iter": 4}
OPTIONS |= {"random_state": 3}
GRID = {"learning_rate_init": [1e-4, 0.03], "alpha": [1e-4, 1.0]}


def assert_same(ours, theirs):
    assert ours.best_params_ == theirs.best_params_
    assert ours.best_index_ == theirs.best_index_
    assert ours.best_score_ == pytest.approx(theirs.best_score_, abs=1e-5)
    assert list(ours.cv_results_) == list(theirs.cv_results_)
    for name, expected in theirs.cv_results_.items():
        found = ours.cv_results_[name]
        if name.endswith("_time"):
            assert (found >= 0).all()
        elif "score" in name:
            np.testing.assert_allclose(found, expected, atol=1e-5)
        else:
            assert list(found) == list(expected)
    predictions = ours.predict(X), theirs.predict(X)
    np.testing.assert_allclose(*predictions, atol=1e-5)


@pytest.fixture
def where(monkeypatch):
    """Note in which threads fits train, and on how many devices."""
    seen, begin = [], threads.fitting

    def noted(*arguments):
        seen.append((threading.get_ident(), begin(*arguments)))
        return seen[-1][1]

    monkeypatch.setattr(training.threads, "fitting", noted)
    return seen


STOPPING = {"early_stopping": True, "n_iter_no_change": 1}
SEVERAL = {"scoring": ["r2", "neg_mean_absolute_error"], "refit": "r2"}
CASES = {
    "classes": (DenseClassifier, DIGITS, {}, {"cv": StratifiedKFold(3)}),
    "classes held out": (
        DenseClassifier,
        DIGITS,
        STOPPING,
        {"cv": KFold(3), "return_train_score": True},
    ),
    "values": (DenseRegressor, VALUES, {}, {"cv": KFold(3)} | SEVERAL),
    "values held out": (DenseRegressor, VALUES, STOPPING, {"cv": 3}),
}


LONG = {name: pytest.mark.long for name in CASES if name.startswith("values")}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=LONG.get(name, ())) for name in CASES]
)
def test_what_is_found_is_what_grid_search_finds(name, where):
    kind, y, options, call = CASES[name]
    fit = {"sample_weight": WEIGHT} if kind is DenseRegressor else {}
    net = kind(**OPTIONS | options)
    theirs = GridSearchCV(net, GRID, **call).fit(X, y, **fit)
    where.clear()
    ours = SweepSearchCV(net, GRID, **call).fit(X, y, **fit)
    assert_same(ours, theirs)
    assert len(where) == 3 * 4 + 1
    if (pools.number() or 1) > 1:
        assert len({thread for thread, _ in where[:-1]}) > 1
        assert {devices.device for _, devices in where} == {
            pools.of_one_thread(index) for index in range(pools.number())
        }


def test_each_fold_of_a_pipeline_is_scaled_by_itself():
    net = make_pipeline(StandardScaler(), DenseClassifier(**OPTIONS))
    space = {"denseclassifier__learning_rate_init": loguniform(1e-4, 0.1)}
    call = {"n_iter": 3, "cv": KFold(3), "random_state": 0}
    theirs = RandomizedSearchCV(net, space, **call).fit(X, DIGITS)
    assert_same(SweepSearchCV(net, space, **call).fit(X, DIGITS), theirs)


@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite")
def test_a_candidate_that_fails_has_no_score():
    grid = {"learning_rate_init": [0.01, 1e30]}
    search = SweepSearchCV(DenseClassifier(**OPTIONS), grid, cv=3)
    with pytest.warns(FitFailedWarning, match="3 fits failed out of a total of 6"):
        search.fit(X, DIGITS)
    scores = search.cv_results_["mean_test_score"]
    assert list(np.isnan(scores)) == [False, True]
    assert search.best_params_ == {"learning_rate_init": 0.01}


def test_distributions_ask_how_many_to_draw():
    search = SweepSearchCV(DenseClassifier(), {"alpha": loguniform(1e-4, 0.1)})
    with pytest.raises(ArgumentError, match="where n_iter says how often"):
        search.fit(X, DIGITS)
