"""Networks that cannot learn what was meant: one warning before they are trained."""

import re
import warnings

import numpy as np
import pytest

import jaxnet_mini as jn
from jaxnet_mini import losses, metrics
from jaxnet_mini.errors import TrainingWarning
from jaxnet_mini.layers import (
    Activation,
    Dense,
    Flatten,
    Identity,
    Input,
    Reshape,
    Softmax,
)
from jaxnet_mini.models.mismatches import found

X = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
YES_NO = (X.sum(1, keepdims=True) > 0).astype(np.float32)
BINARY = losses.BinaryCrossentropy(from_logits=True)
SPARSE = losses.SparseCategoricalCrossentropy(from_logits=True)
ONE_HOT = losses.CategoricalCrossentropy(from_logits=True)


def texts(layers, loss="mse", *measures):
    model = jn.Sequential([Input((3,)), *layers])
    model.compile("sgd", loss, list(measures))
    return found(model.trainer, model.outline)


@pytest.mark.parametrize(
    ("layers", "name"),
    [
        ([Dense(1, "softmax")], "dense"),
        ([Dense(1), Softmax()], "softmax"),
        ([Dense(1), Activation("softmax"), Reshape((1, 1))], "activation"),
        ([Dense(1, jn.activations.softmax, name="mine"), Flatten()], "mine"),
        ([jn.serial(Dense(4), jn.serial(Dense(1, "sparsemax")))], "dense"),
        ([Dense(1, "log_softmax"), Dense(2)], "dense"),
        ([Reshape((3, 1)), Dense(1, "softmax")], "dense"),
    ],
)
def test_shares_of_a_single_unit_are_always_the_same(layers, name):
    (text,) = texts(layers)
    assert re.match(f"layer '{name}' applies .* to a single unit", text)
    assert "use 'sigmoid' for yes or no" in text


@pytest.mark.parametrize(
    ("layers", "loss", "ending"),
    [
        ([Dense(1, "sigmoid")], BINARY, "'dense' ends with sigmoid"),
        ([Dense(3, "softmax")], SPARSE, "'dense' ends with softmax"),
        ([Dense(3), Softmax()], ONE_HOT, "'softmax' ends with softmax"),
        ([Dense(3, "sigmoid"), Identity()], SPARSE, "'dense' ends with sigmoid"),
        ([jn.serial(Dense(1, "hard_sigmoid"))], BINARY, "with hard_sigmoid"),
    ],
)
def test_logits_are_what_comes_before_the_activation(layers, loss, ending):
    (text,) = texts(layers, loss)
    assert ending in text
    assert text.startswith(f"{loss!r} expects logits, and ")
    assert text.endswith("leave from_logits=True out, or the activation.")


def test_metrics_expect_logits_too():
    measure = metrics.BinaryCrossentropy(from_logits=True)
    auc = metrics.AUC(from_logits=True)
    told = texts([Dense(1, "sigmoid")], "binary_crossentropy", measure, auc)
    assert [text.split(" expects")[0] for text in told] == [repr(measure), repr(auc)]


@pytest.mark.parametrize(
    "loss", ["categorical_crossentropy", "sparse_categorical_crossentropy"]
)
def test_one_output_is_no_choice_of_classes(loss):
    """Keras warns of this too."""
    (text,) = texts([Dense(1, "sigmoid")], loss)
    assert "compares classes, and the network has one output" in text


@pytest.mark.parametrize(
    ("layers", "loss"),
    [
        ([Dense(1, "sigmoid")], "binary_crossentropy"),
        ([Dense(2, "softmax")], "binary_crossentropy"),
        ([Dense(1)], BINARY),
        ([Dense(3)], SPARSE),
        ([Dense(3, "log_softmax")], SPARSE),
        ([Dense(4, "sigmoid"), Dense(3)], ONE_HOT),
        ([Dense(1, lambda x: x)], BINARY),
        ([Dense(1, "relu"), Reshape((1, 1))], "mse"),
    ],
)
def test_what_may_be_meant_is_not_warned_of(layers, loss):
    assert texts(layers, loss) == []


def told_by(job):
    """Return the text and the line of code of each warning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        job()
    assert {w.category for w in caught} <= {TrainingWarning}
    assert {w.filename for w in caught} <= {__file__}
    return [str(w.message) for w in caught]


def test_a_warning_comes_once_for_each_compile_at_the_users_line():
    model = jn.Sequential([Dense(1, "softmax")])

    def fit():
        model.fit(X, YES_NO, epochs=3, validation_split=0.5, verbose=0)

    def on_batch():
        model.train_on_batch(X, YES_NO)

    def sweep():
        jn.sweep(model, {"seed": [0, 1]}, X, YES_NO, verbose=0)

    for first, second in ((fit, on_batch), (on_batch, fit)):
        model.compile("sgd", "mse")
        assert len(told_by(first)) == 1
        assert told_by(first) == told_by(second) == []
    assert len(told_by(sweep)) == 1


def test_a_warning_that_is_an_error_comes_before_anything_changes():
    model = jn.Sequential([Dense(1, "sigmoid")])
    model.compile("sgd", BINARY)
    with pytest.raises(TrainingWarning, match="expects logits"):
        model.fit(X, YES_NO, verbose=0)
    assert not model.built
    # The mend.
    model.compile("sgd", losses.BinaryCrossentropy())
    model.fit(X, YES_NO, verbose=0)
