"""A dense network in scikit-learn's words: a pipeline, a search, a second process.

    python examples/sklearn_pipeline.py

Needs the extra ``sklearn``.
"""

import joblib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import jaxnet_mini as jn
from jaxnet_mini.sklearn import MLPClassifier, wrap


def build(units=32, rate=0.1):
    """Return a compiled model; its arguments can be searched over."""
    layers = [jn.Dense(units, "relu"), jn.Dropout(rate), jn.Dense(10, "softmax")]
    model = jn.Sequential(layers)
    model.compile(jn.optimizers.Adam(0.005), "sparse_categorical_crossentropy")
    return model


def main():
    x, y = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=0)

    # The import is all that differs from scikit-learn's own network.
    net = MLPClassifier((32,), max_iter=50, tol=0.5, random_state=0)
    pipeline = make_pipeline(StandardScaler(), net)
    space = {"mlpclassifier__learning_rate_init": [1e-4, 0.01]}
    search = GridSearchCV(pipeline, space, cv=3).fit(x_train, y_train)
    print("best", search.best_params_)
    print(f"test accuracy {search.score(x_test, y_test):.3f}")

    # Any model of ours, with names that reach into it.
    model = wrap(build, epochs=20, random_state=0, model__rate=0.2)
    other = make_pipeline(StandardScaler(), model)
    other.set_params(modelclassifier__model__learning_rate=0.01)
    print(f"wrapped {other.fit(x_train, y_train).score(x_test, y_test):.3f}")

    joblib.dump(search.best_estimator_, "digits.joblib")
    again = joblib.load("digits.joblib")
    same = np.array_equal(again.predict(x_test), search.predict(x_test))
    print("the same from the file:", same)


if __name__ == "__main__":
    main()
