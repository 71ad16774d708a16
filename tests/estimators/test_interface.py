"""What scikit-learn asks of an estimator, beyond the numbers."""

import io
import pickle

import jax.numpy as jnp
import joblib
import numpy as np
import oracles
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.metrics import accuracy_score, get_scorer
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    cross_validate,
)
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from jaxnet_mini.errors import ArgumentError, DataError, NonFiniteError
from jaxnet_mini.sklearn import (
    DenseClassifier,
    DenseRegressor,
    MLPClassifier,
    MLPRegressor,
)

pytestmark = [
    pytest.mark.usefixtures("quick_compilation"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

X, CLASSES = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[CLASSES]
TAUGHT = {"hidden_layer_sizes": (4,), "max_iter": 5, "random_state": 0}


def classifier(**options):
    return DenseClassifier(**(TAUGHT | options))


@pytest.fixture(scope="module")
def fitted():
    return classifier(learning_rate_init=0.1).fit(X, NAMES)


def test_labels_may_be_strings(fitted):
    assert list(fitted.classes_) == ["setosa", "versicolor", "virginica"]
    assert set(fitted.predict(X)) <= set(NAMES)
    numbers = classifier(learning_rate_init=0.1).fit(X, CLASSES)
    np.testing.assert_array_equal(
        fitted.classes_[numbers.predict(X)], fitted.predict(X)
    )
    logarithms = fitted.predict_log_proba(X)
    np.testing.assert_allclose(np.exp(logarithms), fitted.predict_proba(X))


def test_predictions_are_those_of_the_compiled_program(fitted):
    from jaxnet_mini.sklearn import parameters

    trainer = parameters.trainer(fitted.get_params(), 3, "softmax")
    params = fitted._params(trainer)
    program = trainer.net.apply(params, jnp.asarray(X, jnp.float32))
    np.testing.assert_allclose(fitted.predict_proba(X), program, rtol=1e-5, atol=1e-6)


def test_the_scale_of_weights_changes_nothing():
    """Nor does a row of weight 0."""
    one, five, cut = (classifier(alpha=1.0, max_iter=3) for _ in range(3))
    one.fit(X, NAMES, np.ones(len(X)))
    five.fit(X, NAMES, np.full(len(X), 5.0))
    for name in ("coefs_", "intercepts_"):
        for first, second in zip(getattr(one, name), getattr(five, name), strict=True):
            np.testing.assert_allclose(first, second, atol=1e-6)
    more = np.concatenate([X, X[::-1]]), np.concatenate([NAMES, NAMES])
    cut.fit(*more, np.repeat([1.0, 0.0], len(X)))
    np.testing.assert_allclose(cut.coefs_[0], one.coefs_[0], atol=1e-6)
    with pytest.raises(ValueError, match=r"is 0 for all rows|one non-zero number"):
        cut.fit(X, NAMES, np.zeros(len(X)))


def test_class_weights_are_weights_of_rows():
    chosen = {"setosa": 3.0, "versicolor": 1.0, "virginica": 1.0}
    by_class = classifier(class_weight=chosen).fit(X, NAMES)
    weight = np.where(NAMES == "setosa", 3.0, 1.0)
    by_row = classifier().fit(X, NAMES, weight)
    np.testing.assert_array_equal(by_class.coefs_[0], by_row.coefs_[0])


def test_sparse_inputs_are_as_good_as_dense_ones(fitted):
    matrix = sparse.csr_array(X)
    other = clone(fitted).fit(matrix, NAMES)
    np.testing.assert_array_equal(other.coefs_[0], fitted.coefs_[0])
    closely = {"rtol": 1e-6}
    dense = fitted.predict_proba(X)
    np.testing.assert_allclose(fitted.predict_proba(matrix), dense, **closely)


def test_tables_give_names_to_the_features(fitted):
    table = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    named = clone(fitted).fit(table, NAMES)
    assert list(named.feature_names_in_) == ["a", "b", "c", "d"]
    np.testing.assert_array_equal(named.predict_proba(table), fitted.predict_proba(X))
    with pytest.warns(UserWarning, match="valid feature names"):
        named.predict(X)
    with pytest.raises(ValueError, match="feature names should match"):
        named.predict(table[["b", "a", "c", "d"]])


def test_predictions_look_at_what_they_are_given(fitted):
    """Also where the quick way is taken."""
    wrong = X.copy()
    wrong[3, 1] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        fitted.predict_proba(wrong)
    with pytest.raises(ValueError, match="expecting 4 features"):
        fitted.predict_proba(X[:, :3])
    with pytest.raises(ValueError, match="Expected 2D array"):
        fitted.predict_proba(X[0])
    with pytest.raises(NotFittedError):
        classifier().predict(X)


def keep_by_pickle(net):
    return pickle.loads(pickle.dumps(net))


def keep_by_joblib(net):
    file = io.BytesIO()
    joblib.dump(net, file)
    file.seek(0)
    return joblib.load(file)


def keep_by_skops(net):
    kept = pytest.importorskip("skops.io", reason="skops is not installed")
    own = [f"{type(net).__module__}.{type(net).__name__}"]
    data = kept.dumps(net)
    assert kept.get_untrusted_types(data=data) == own  # arrays and settings besides
    return kept.loads(data, trusted=own)


@pytest.mark.parametrize("keep", [keep_by_pickle, keep_by_joblib, keep_by_skops])
def test_it_is_kept_and_goes_on(fitted, keep):
    same, other = keep(fitted), keep(fitted)
    np.testing.assert_array_equal(same.predict_proba(X), fitted.predict_proba(X))
    for net in (same, other):
        net.partial_fit(X, NAMES)
    np.testing.assert_array_equal(same.coefs_[0], other.coefs_[0])
    assert same.t_ == fitted.t_ + len(X)


def test_it_works_within_pipelines():
    table = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    table["e"] = np.where(X[:, 0] > 5, "long", "short")
    columns = make_column_transformer(
        (StandardScaler(), ["a", "b", "c", "d"]), (OneHotEncoder(), ["e"])
    )
    net = MLPClassifier((4,), max_iter=40, learning_rate_init=0.05, random_state=0)
    pipeline = make_pipeline(columns, net).set_output(transform="default")
    pipeline.set_params(mlpclassifier__alpha=0.001)
    assert pipeline.fit(table, NAMES).score(table, NAMES) > 0.9
    assert pipeline[-1].n_features_in_ == 6


def test_weights_are_routed_to_it():
    with sklearn.config_context(enable_metadata_routing=True):
        net = classifier().set_fit_request(sample_weight=True)
        net.set_score_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = make_pipeline(scaler, net)
        weight = np.where(CLASSES == 0, 100.0, 0.01)
        found = cross_validate(
            pipeline,
            X,
            CLASSES,
            cv=2,
            params={"sample_weight": weight},
            # Version 1.7 passes on to no pipeline's own score what it is given here.
            scoring=get_scorer("accuracy").set_score_request(sample_weight=False),
            return_estimator=True,
            error_score="raise",
        )
        weighed = found["estimator"][0].score(X, CLASSES, sample_weight=weight)
    predicted = found["estimator"][0].predict(X)
    assert weighed == accuracy_score(CLASSES, predicted, sample_weight=weight)
    assert weighed != accuracy_score(CLASSES, predicted)
    shares = [e.predict_proba(X)[:, 0].mean() for e in found["estimator"]]
    plain = make_pipeline(StandardScaler(), classifier()).fit(X, CLASSES)
    assert min(shares) > plain.predict_proba(X)[:, 0].mean()


def test_searches_go_through_candidates():
    halving = HalvingGridSearchCV(
        classifier(),
        {"learning_rate_init": [1e-6, 0.1]},
        resource="max_iter",
        max_resources=8,
        min_resources=4,
        cv=2,
        error_score="raise",
    ).fit(X, NAMES)
    assert halving.best_params_["learning_rate_init"] == 0.1


@pytest.mark.long
@pytest.mark.parametrize("kind", [GridSearchCV, RandomizedSearchCV])
def test_searches_use_processes_after_jax_has_run(kind, fitted):
    space = {"learning_rate_init": [1e-6, 0.1]}
    more = {"n_iter": 2} if kind is RandomizedSearchCV else {}
    search, alone = (
        kind(clone(fitted), space, cv=2, n_jobs=n, error_score="raise", **more)
        for n in (2, 1)
    )
    search.fit(X, NAMES)
    alone.fit(X, NAMES)
    assert search.best_params_ == {"learning_rate_init": 0.1}
    scores = "mean_test_score"
    found, expected = search.cv_results_[scores], alone.cv_results_[scores]
    np.testing.assert_allclose(np.sort(found), np.sort(expected))


def test_parameters_are_those_of_scikit_learn():
    theirs = {**TheirClassifier().get_params()}
    del theirs["max_fun"]  # of lbfgs
    ours = MLPClassifier().get_params()
    assert ours.pop("class_weight") is None
    assert ours == theirs
    assert isinstance(MLPClassifier(), DenseClassifier)
    assert isinstance(MLPRegressor(), DenseRegressor)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"solver": "lbfgs"}, "take 'adam' or 'sgd'"),
        ({"solver": "lion"}, "solver must be one of adam, sgd"),
        ({"hidden_layer_sizes": (4, 0)}, "hidden_layer_sizes must be a positive"),
        ({"alpha": -1}, "alpha must be a finite number of at least 0"),
        ({"learning_rate_init": 0}, "learning_rate_init must be a finite number above"),
        ({"activation": "gelu"}, "activation must be one of identity"),
        ({"batch_size": "all"}, "batch_size must be a positive integer"),
        ({"n_iter_no_change": 0}, "n_iter_no_change must be a positive integer"),
        ({"max_iter": 2.5}, "max_iter must be a positive integer"),
    ],
)
def test_parameters_that_cannot_be_are_refused(options, said):
    net = classifier(**options)
    with pytest.raises(ArgumentError, match=said):
        net.fit(X, NAMES)
    assert not hasattr(net, "coefs_")


def test_data_that_cannot_be_are_refused(fitted):
    with pytest.raises(ArgumentError, match="classes must be passed"):
        classifier().partial_fit(X, NAMES)
    same = pickle.loads(pickle.dumps(fitted))
    with pytest.raises(DataError, match="classes that were not there before"):
        same.partial_fit(X, np.full(len(X), "rosa"))
    with pytest.raises(ArgumentError, match="leave them out"):
        same.partial_fit(X, NAMES, classes=["rosa"])
    with pytest.raises(ArgumentError, match="leave them as they were"):
        same.set_params(warm_start=True, hidden_layer_sizes=(3,)).fit(X, NAMES)
    with pytest.raises(ArgumentError, match="does not support early_stopping"):
        classifier(early_stopping=True).partial_fit(X, NAMES, classes=same.classes_)
    with pytest.raises(DataError, match="values below 0"):
        DenseRegressor("poisson").fit(X, X[:, 0] - 9.0)
    with pytest.raises(NonFiniteError, match="smaller learning rate"):
        DenseRegressor(**TAUGHT, solver="sgd").fit(X * 1e8, X[:, 0] * 1e8)


def test_it_says_how_far_it_is(capsys):
    net = classifier(verbose=True, tol=10.0, n_iter_no_change=1, max_iter=9)
    net.fit(X, NAMES)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == f"Iteration 1, loss = {net.loss_curve_[0]:.8f}"
    assert printed[-1].endswith("for 1 consecutive epochs. Stopping.")
    assert net.n_iter_ == 3
    with pytest.warns(ConvergenceWarning, match="max_iter=5 epochs"):
        classifier().fit(X, NAMES)
    with pytest.warns(UserWarning, match="all 150 are one batch"):
        classifier(batch_size=500).fit(X, NAMES)


WEIGHTS = (
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
)
WHY = (
    "it asks for 1e-7, and fits are in float32; and a weight of 2 is no repetition in "
    "the penalty, which the scale of weights must not change"
)
SKIPPED = "does not have a decision_function|SCIPY_ARRAY_API is not set"


def checks():
    """Every check of scikit-learn for each estimator; it is cheaper with few units."""
    small = {"hidden_layer_sizes": (16,), "max_iter": 60, "learning_rate_init": 0.02}
    for kind in (DenseClassifier, DenseRegressor):
        net = kind(**small)
        expected = dict.fromkeys(WEIGHTS, WHY)
        for own, check in estimator_checks_generator(
            net, expected_failed_checks=expected, mark="skip"
        ):
            name = getattr(check, "func", check).__name__
            yield pytest.param(own, check, id=f"{kind.__name__}-{name}")


@pytest.mark.one_in(20)
@pytest.mark.parametrize(("net", "check"), list(checks()))
def test_checks_of_scikit_learn(net, check):
    try:
        check(net)
    except pytest.skip.Exception:
        raise
    except Exception as error:
        if type(error).__name__ != "SkipTest":
            raise
        pytest.skip(str(error))


@pytest.mark.long
@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("kind", [DenseClassifier, DenseRegressor])
def test_without_penalty_a_weight_is_a_repetition(kind, name):
    from sklearn.utils import estimator_checks

    net = kind(hidden_layer_sizes=(8,), alpha=0.0)
    with oracles.x64():
        getattr(estimator_checks, name)(kind.__name__, net)
