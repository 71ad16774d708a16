"""Models of this library as estimators of scikit-learn."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV

import jaxnet_mini as jn
from jaxnet_mini.errors import ArgumentError, DataError, UnknownNameError
from jaxnet_mini.sklearn import wrap

pytestmark = pytest.mark.usefixtures("quick_compilation")

X, CLASSES = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[CLASSES]


def build(units=8, last="softmax", loss="sparse_categorical_crossentropy", n=3):
    model = jn.Sequential(
        [jn.Dense(units, "relu"), jn.Dropout(0.0), jn.Dense(n, activation=last)]
    )
    model.compile(jn.optimizers.Adam(0.02), loss)
    return model


def wrapped(**options):
    return wrap(build, **({"epochs": 8, "batch_size": 32, "random_state": 0} | options))


@pytest.fixture(scope="module")
def fitted():
    return wrapped().fit(X, NAMES)


def test_it_learns_what_the_model_learns(fitted):
    seed = np.random.RandomState(0).randint(2**31 - 1)
    model = jn.Sequential(build().layers, seed=int(seed))
    model.compile(jn.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
    history = model.fit(X, CLASSES, epochs=8, batch_size=32, verbose=0)
    assert fitted.history_["loss"] == history.history["loss"]
    probabilities = model.predict(X, verbose=0)
    np.testing.assert_array_equal(fitted.predict_proba(X), probabilities)
    labels = fitted.classes_[probabilities.argmax(axis=1)]
    np.testing.assert_array_equal(fitted.predict(X), labels)
    assert fitted.n_iter_ == 8
    assert set(fitted.predict(X)) <= set(NAMES)


def test_it_is_cloned_and_pickled(fitted):
    same = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(same.predict_proba(X), fitted.predict_proba(X))
    other = clone(fitted.set_params(model__learning_rate=0.02))
    assert other.get_params()["model__learning_rate"] == 0.02
    assert not hasattr(other, "model_")
    other.fit(X, NAMES)
    np.testing.assert_array_equal(other.predict_proba(X), fitted.predict_proba(X))


class Called(jn.Model):
    """A classifier in a class of one's own."""

    def __init__(self, seed=None):
        super().__init__(seed=seed)
        self.hidden, self.last = jn.Dense(8, "relu"), jn.Dense(3, "softmax")

    def call(self, x):
        return self.last(self.hidden(x))


def called(seed=0):
    model = Called(seed)
    model.compile(jn.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
    return model


@pytest.mark.parametrize("given", [called, called()], ids=["function", "model"])
def test_a_model_with_call_finds_out_its_shapes_in_fit(given):
    estimator = wrap(given, epochs=2)
    assert is_classifier(estimator)
    own = called()
    own.fit(X, CLASSES, epochs=2, verbose=0)
    for same in (estimator, clone(estimator)):
        same.fit(X, CLASSES)
        probabilities = same.predict_proba(X)
        np.testing.assert_array_equal(probabilities, own.predict(X, verbose=0))


def test_the_scale_of_weights_changes_nothing(fitted):
    weighted = wrapped().fit(X, NAMES, sample_weight=np.full(len(X), 5.0))
    closely = {"rtol": 1e-5, "atol": 1e-6}
    expected = fitted.predict_proba(X)
    np.testing.assert_allclose(weighted.predict_proba(X), expected, **closely)
    heavy = wrapped(class_weight={"setosa": 100.0, "versicolor": 1, "virginica": 1})
    heavy.fit(X, NAMES)
    assert heavy.predict_proba(X)[:, 0].mean() > expected[:, 0].mean() + 0.1


def test_searches_reach_into_the_model():
    space = {"model__units": [4, 8], "model__learning_rate": [1e-5, 0.02]}
    search = GridSearchCV(wrapped(), space, cv=2, error_score="raise").fit(X, NAMES)
    assert search.best_params_["model__learning_rate"] == 0.02
    best = search.best_estimator_.model_
    assert best.trainer.optimizer.learning_rate == 0.02
    assert best.layers[0].units == search.best_params_["model__units"]
    assert build().trainer.optimizer.learning_rate == 0.02


LOGITS = jn.losses.CategoricalCrossentropy(from_logits=True)


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    ("y", "options"),
    [
        (NAMES, {"loss": "categorical_crossentropy"}),
        (NAMES, {"loss": LOGITS, "last": None}),
        (NAMES == "setosa", {"loss": "binary_crossentropy", "last": "sigmoid", "n": 1}),
        (NAMES == "setosa", {"loss": "categorical_crossentropy", "n": 2}),
        (
            (X.mean(axis=0) < X).astype(int),
            {"loss": "binary_crossentropy", "last": "sigmoid", "n": 4},
        ),
    ],
    ids=["one-hot", "logits", "yes or no", "two", "labels"],
)
def test_targets_are_what_the_loss_takes(y, options):
    net = wrapped(**{f"model__{name}": value for name, value in options.items()})
    net.set_params(epochs=15).fit(X, y)
    assert net.score(X, y) > np.mean(y == y[0]) if y.ndim == 1 else 0.1
    probabilities = net.predict_proba(X)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    if y.ndim == 1:
        assert probabilities.shape == (len(X), len(set(y)))
        np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-5)


@pytest.mark.slow
def test_values_are_learned_by_a_model_that_stays_as_it_is():
    model = build(last=None, loss="mse", n=2)
    net = wrap(model, epochs=20).fit(X[:, :2], X[:, 2:])
    assert not is_classifier(net)
    assert net.predict(X[:, :2]).shape == (len(X), 2)
    before = net.score(X[:, :2], X[:, 2:])
    for _ in range(5):
        net.partial_fit(X[:, :2], X[:, 2:])
    assert net.score(X[:, :2], X[:, 2:]) > before
    assert not model.built
    single = wrap(build(last=None, loss="mse", n=1)).fit(X[:, :2], X[:, 2])
    assert single.predict(X[:, :2]).shape == (len(X),)


def test_parts_of_the_classes_come_first():
    net = wrapped().partial_fit(X[:50], NAMES[:50], classes=np.unique(NAMES))
    net.partial_fit(X, NAMES)
    assert list(net.classes_) == sorted({*NAMES})
    with pytest.raises(DataError, match="were not there before"):
        net.partial_fit(X, np.full(len(X), "rosa"))


def test_what_cannot_be_is_refused():
    with pytest.raises(ArgumentError, match="or a function that returns one, not 3"):
        wrap(3)
    with pytest.raises(ArgumentError, match="must return a model, not None"):
        wrap(lambda: None)
    with pytest.raises(UnknownNameError, match="did you mean 'epochs'"):
        wrap(build, epoch=3)
    with pytest.raises(UnknownNameError, match="unknown hyper-parameter 'unit'"):
        wrap(build, model__unit=3)
