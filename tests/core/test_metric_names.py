"""By what names metrics go in the logs, against Keras's own code that names them."""

import numpy as np
import pytest
from oracles import raises_text

import jaxnet_mini as jn
from jaxnet_mini.core.metrics import resolved
from jaxnet_mini.errors import ArgumentError
from jaxnet_mini.metrics import AUC, MeanMetricWrapper

pytestmark = pytest.mark.usefixtures("quick_compilation")

ROWS = 8
X = np.random.default_rng(0).normal(size=(ROWS, 3)).astype(np.float32)
Y = (X.sum(1, keepdims=True) > 0).astype(np.float32)


def gap(y_true, y_pred):
    return abs(y_true - y_pred)


def test_numbers_keep_clear_of_names_that_the_user_gave():
    given = (AUC(), AUC(), MeanMetricWrapper(gap, "auc_1"))
    names = [metric.name for metric in resolved(given, ())[0]]
    assert names == ["auc", "auc_2", "auc_1"]


@pytest.mark.parametrize(
    ("plain", "weighted", "name"),
    [
        ([AUC(name="a"), AUC(curve="PR", name="a")], [], "a"),
        ([], [AUC(name="a"), MeanMetricWrapper(gap, "a")], "a"),
        (["mse", "mse"], [], "mse"),
        ([], ["mse", "mse"], "mse"),
        ([AUC(name="loss")], [], "loss"),
    ],
)
def test_what_is_named_twice_is_refused(plain, weighted, name):
    with raises_text(ArgumentError, f"two metrics go by the name {name!r}"):
        jn.Trainer(jn.Dense(1), "mse", "sgd", tuple(plain), tuple(weighted))


def test_numbered_metrics_are_told_apart_and_saved(tmp_path):
    """Each figure is what its own metric says of the predictions."""
    model = jn.Sequential([jn.Dense(1, "sigmoid", input_shape=(3,))])
    model.compile("sgd", "mse", [AUC(), AUC(curve="PR")])
    model.save(tmp_path / "model.safetensors")
    again = jn.models.load_model(tmp_path / "model.safetensors")
    assert again.trainer == model.trainer
    history = again.fit(X, Y, verbose=0, validation_data=(X, Y)).history
    names = ["auc", "auc_1", "loss"]
    assert list(history) == [*names, *(f"val_{name}" for name in names)]
    found = again.evaluate(X, Y, verbose=0, return_dict=True)
    predicted = again.predict(X)
    assert found["auc"] == pytest.approx(float(AUC()(Y, predicted)), abs=1e-6)
    by_hand = float(AUC(curve="PR")(Y, predicted))
    assert found["auc_1"] == pytest.approx(by_hand, abs=1e-6)
    assert found["auc"] != found["auc_1"]
