"""What `compile` takes besides optimizer, loss and metrics."""

import jax
import numpy as np
import pytest
from oracles import raises_text, unchecked_types

import jaxnet_mini as jn
from jaxnet_mini.base import notices
from jaxnet_mini.checkpoints import identity
from jaxnet_mini.errors import ArgumentError

pytestmark = pytest.mark.usefixtures("quick_compilation")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 3)).astype(np.float32)
Y = RNG.normal(size=(6, 1)).astype(np.float32)


def linear(**arguments):
    model = jn.Sequential([jn.Dense(1, kernel_regularizer="l2", input_shape=(3,))])
    model.compile(jn.optimizers.SGD(0.1), "mse", **arguments)
    return model


def test_the_loss_is_multiplied_and_the_penalty_is_not():
    """In what is logged, and in the step, against float64 NumPy."""
    for weight in (0.5, 3.0):
        model = linear(loss_weights=[weight])
        kernel, bias = (w.astype(float) for w in model.get_weights())
        error = X.astype(float) @ kernel + bias - Y
        loss = weight * np.mean(error**2) + 0.01 * np.sum(kernel**2)
        np.testing.assert_allclose(model.evaluate(X, Y, verbose=0), loss, rtol=1e-5)
        history = model.fit(X, Y, batch_size=6, verbose=0).history
        np.testing.assert_allclose(history["loss"], [loss], rtol=1e-5)
        step = weight * 2 * X.T @ error / 6 + 0.02 * kernel
        after, moved = model.get_weights()
        np.testing.assert_allclose(after, kernel - 0.1 * step, rtol=1e-5)
        step = weight * 2 * np.mean(error)
        np.testing.assert_allclose(moved, bias - 0.1 * step, rtol=1e-5)


def test_a_list_of_one_loss_is_that_loss():
    x = jn.Input((3,))
    for loss in (["mse"], ("mse",), {"only": "mse"}, {"only": ["mse"]}):
        model = jn.Model(x, jn.Dense(1, name="only")(x))
        model.compile("sgd", loss)
        assert model.trainer.loss == jn.losses.get("mse")
    for loss in ([], ["mse", "mae"]):
        with raises_text(ArgumentError, "loss must be a name, a loss or a callable"):
            linear().compile("sgd", loss)


def test_a_weight_of_one_asks_for_nothing():
    plain = linear()
    for weight in (1, 1.0, [1], (1.0,), None):
        model = linear(loss_weights=weight)
        assert model.trainer.loss_weights is None
        assert model.get_compile_config() == plain.get_compile_config()
    assert "loss_weights" not in plain.get_compile_config()
    assert linear(loss_weights=2) != plain


def test_it_is_kept_in_files_and_tells_runs_apart(tmp_path):
    model = linear(loss_weights=2)
    assert model.get_compile_config()["loss_weights"] == 2.0
    model.save(tmp_path / "model.safetensors")
    loaded = jn.models.load_model(tmp_path / "model.safetensors")
    assert loaded.trainer.loss_weights == 2.0
    assert loaded.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)
    runs = [
        identity.of_model(own.trainer, own.outline, *map(shape_of, (X, Y)))
        for own in (model, linear(), linear(loss_weights=3))
    ]
    for other in runs[1:]:
        with pytest.raises(jn.errors.FileError, match="loss_weights"):
            identity.check(runs[0], other, "runs/a")


def shape_of(array):
    return jax.ShapeDtypeStruct(array.shape, array.dtype)


BAD = [
    ({"loss_weights": "2"}, "loss_weights must be a number or a list of one"),
    ({"loss_weights": [1.0, 2.0]}, "as the model has one output, not [1.0, 2.0]"),
    ({"loss_weights": {"dense": 2.0}}, "not {'dense': 2.0}"),
    ({"loss_weights": float("nan")}, "not nan"),
    ({"loss_weights": True}, "not True"),
    ({"run_eagerly": "yes"}, "run_eagerly must be True or False, not 'yes'"),
    ({"jit_compile": "no"}, "jit_compile must be True or False, not 'no'"),
    ({"steps_per_execution": 0}, "steps_per_execution must be an integer of at least"),
]


def test_bad_values_get_one_sentence_and_change_nothing():
    model = linear()
    before = model.trainer
    with unchecked_types():
        for arguments, words in BAD:
            with raises_text(ArgumentError, words):
                model.compile("adam", "mae", **arguments)
    assert model.trainer is before


def test_what_has_no_meaning_here_is_said_once(monkeypatch):
    monkeypatch.setattr(notices, "_SAID", set())
    for arguments, words in (
        ({"run_eagerly": True}, "run_eagerly=True changes nothing: every step is"),
        ({"jit_compile": False}, "jit_compile=False changes nothing"),
        ({"steps_per_execution": 10}, "steps_per_execution changes nothing"),
    ):
        with pytest.warns(UserWarning, match=words) as caught:
            linear(**arguments)
        assert [warning.filename for warning in caught] == [__file__]
        linear(**arguments)  # a second warning would be an error
    linear(run_eagerly=False, jit_compile=True, steps_per_execution=1)
    linear(jit_compile="auto")
