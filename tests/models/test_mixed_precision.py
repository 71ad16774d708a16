"""Mixed precision in Keras's words: models, files, kept runs, sweeps, meshes."""

import warnings

import jax
import numpy as np
import pytest
from oracles import raises_text

import jaxnet_mini as jn
from jaxnet_mini.errors import ArgumentError, FileError
from jaxnet_mini.layers import Dense, Input
from jaxnet_mini.mixed_precision import Policy, global_policy, set_global_policy

pytestmark = [
    pytest.mark.usefixtures("quick_compilation", "mixed"),
    pytest.mark.filterwarnings("ignore:bfloat16 is slower"),
]

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 4)).astype(np.float32)
Y = RNG.normal(size=(12, 1)).astype(np.float32)
FIT = {"epochs": 2, "batch_size": 4, "verbose": 0}


@pytest.fixture
def mixed():
    set_global_policy("mixed_bfloat16")
    yield
    set_global_policy("float32")


def model(compute=True):
    made = jn.Sequential([Input((4,)), Dense(8, "relu"), Dense(1, dtype="float32")])
    if compute:
        made.compile("adam", "mse")
    return made


def test_models_take_the_global_policy_as_they_are_made():
    assert global_policy() == Policy("mixed_bfloat16")
    x = Input((4,))
    written = jn.Model(x, Dense(1, dtype="float32")(Dense(8, "relu")(x)))
    for made in (model(), written, jn.models.clone_model(model())):
        assert made.dtype_policy == Policy("mixed_bfloat16")
        assert made.compute_dtype == "bfloat16"
        hidden, last = made.layers[-2:]
        assert (hidden.compute_dtype, last.compute_dtype) == ("bfloat16", "float32")
        assert (hidden.dtype, hidden.variable_dtype) == ("float32", "float32")
        assert hidden(X).dtype == "bfloat16"
    added = jn.Sequential()
    set_global_policy("float32")
    added.add(Dense(1))
    assert (added.compute_dtype, model().compute_dtype) == ("bfloat16", "float32")
    with raises_text(ArgumentError, 'policy must be "float32" or "mixed_bfloat16"'):
        set_global_policy("mixed_float16")


def test_a_model_is_written_with_its_policy_and_read_with_it(tmp_path, monkeypatch):
    first = model()
    history = first.fit(X, Y, **FIT).history["loss"]
    before = first.predict(X)
    assert before.dtype == np.float32
    x = Input((4,))
    graph = jn.Model(x, first(x) + Dense(1)(x))
    set_global_policy("float32")
    monkeypatch.setattr("jaxnet_mini.base.notices._SAID", set())
    model().compile("adam", "mse")
    again = jn.models.model_from_json(first.to_json())
    with pytest.warns(UserWarning, match="slower than float32 on a CPU"):
        again.compile("adam", "mse")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again.compile("adam", "mse")  # it is said once
    assert again.net == first.net
    for suffix in ("safetensors", "keras"):
        for made in (first, graph):
            path = tmp_path / f"model.{suffix}"
            made.save(path)
            read = jn.models.load_model(path)
            assert read.compute_dtype == "bfloat16", suffix
            assert np.array_equal(read.predict(X), made.predict(X))
    assert history[1] < history[0]


def test_a_run_kept_in_another_precision_is_refused(tmp_path):
    model().fit(X, Y, **FIT, checkpoint=tmp_path)
    model().fit(X, Y, **(FIT | {"epochs": 3}), checkpoint=tmp_path)
    set_global_policy("float32")
    with raises_text(FileError, "compute_dtype is gone"):
        model().fit(X, Y, **(FIT | {"epochs": 3}), checkpoint=tmp_path)


def test_sweeps_streams_and_meshes_compute_in_it():
    losses = model().fit(X, Y, **FIT, shuffle=False).history["loss"]
    batches = [(X[i : i + 4], Y[i : i + 4]) for i in range(0, 12, 4)]
    streamed = model()
    streamed.fit(iter(batches * 2), steps_per_epoch=3, epochs=2, verbose=0)
    np.testing.assert_allclose(streamed.history.history["loss"], losses, rtol=1e-6)
    found = jn.sweep(model(), {"learning_rate": [0.001, 0.01]}, X, Y, **FIT)
    assert found.best("loss").compute_dtype == "bfloat16"
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:1]), ("data",))
    over = model().fit(X, Y, **FIT, shuffle=False, mesh=mesh).history["loss"]
    np.testing.assert_allclose(over, losses, rtol=1e-6)
