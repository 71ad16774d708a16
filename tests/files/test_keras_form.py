"""Files in Keras's layout, written and read here: what comes back, what is refused."""

import dataclasses
import io
import sys
import warnings
import zipfile

import h5py
import numpy as np
import optax
import pytest
from oracles import assert_trees_identical, raises_text, x64

import jaxnet_mini as jn
from jaxnet_mini.errors import ArgumentError, FileError, MissingExtraError
from jaxnet_mini.files import safetensors
from jaxnet_mini.models import held
from jaxnet_mini.models.load import load_model

pytestmark = pytest.mark.usefixtures("quick_compilation")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 3)).astype(np.float32)
Y = RNG.integers(0, 2, 8)


def network(optimizer="adam", seed=7, fitted=False):
    model = jn.Sequential([jn.Dense(2, "softmax", input_dim=3)], seed=seed)
    model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
    if fitted:
        model.fit(X, Y, 4, epochs=2, verbose=0)
    return model


def begun(model):
    """Whether the optimizer has a state; ``model.state`` would make one."""
    return held.of(model).state.optimizer_state is not None


def go_on(model):
    return model.fit(X, Y, 4, shuffle=False, verbose=0).history["loss"]


def test_training_goes_on_with_the_same_bits(tmp_path):
    """Keras keeps neither key nor seed, and here nothing is drawn."""
    model = network(fitted=True)
    model.optimizer.learning_rate = 0.03
    model.save(tmp_path / "model.keras")
    again = load_model(tmp_path / "model.keras")
    assert_trees_identical(again.params, model.params)
    assert_trees_identical(again.state.optimizer_state, model.state.optimizer_state)
    assert int(again.state.step) == int(model.state.step) == 4
    assert go_on(again) == go_on(model)
    assert_trees_identical(again.params, model.params)
    # What was written before the first step begins as new.
    network().save(tmp_path / "model.keras")
    assert not begun(load_model(tmp_path / "model.keras"))


OPTIONS = {
    "average": {"use_ema": True, "ema_overwrite_frequency": 3},
    "accumulated": {"gradient_accumulation_steps": 3},
    "largest": {"amsgrad": True},
    "all": {"use_ema": True, "gradient_accumulation_steps": 3, "amsgrad": True},
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", OPTIONS)
def test_what_options_keep_goes_along(tmp_path, name):
    """Four steps are an update and a third of the next, where three are one."""
    model = network(jn.optimizers.Adam(0.01, **OPTIONS[name]), fitted=True)
    model.save(tmp_path / "model.keras")
    again = load_model(tmp_path / "model.keras")
    assert_trees_identical(again.state.optimizer_state, model.state.optimizer_state)
    assert go_on(again) == go_on(model)
    assert_trees_identical(again.params, model.params)


def test_a_state_that_no_file_of_keras_holds_is_missed_aloud(tmp_path):
    for suffix in (".keras", ".h5"):
        path = tmp_path / f"model{suffix}"
        for fitted in (False, True):
            network(jn.optimizers.Nadam(0.01), fitted=fitted).save(path)
            with warnings.catch_warnings(record=True, action="always") as said:
                assert not begun(load_model(path))
            lost = ["begins afresh" in str(warning.message) for warning in said]
            assert lost == [True] * fitted, suffix


def test_weights_bring_the_state_of_the_optimizer_where_keras_takes_it(tmp_path):
    path, plain = tmp_path / "model.weights.h5", tmp_path / "plain.weights.h5"
    model = network(fitted=True)
    model.save_weights(path)
    state = model.state
    go_on(model)
    model.load_weights(path)
    assert_trees_identical(model.params, state.params)
    assert_trees_identical(model.state.optimizer_state, state.optimizer_state)
    assert int(model.state.step) == int(state.step)
    # Before training begins, what compile was given holds.
    fresh = network(jn.optimizers.Adam(0.25))
    fresh.load_weights(path)
    assert_trees_identical(fresh.params, state.params)
    assert not begun(fresh)
    assert fresh.optimizer.learning_rate == 0.25
    # That of another optimizer stays where it is, and so do all where there is none.
    other = network(jn.optimizers.SGD(0.25), fitted=True)
    before = other.state.optimizer_state
    other.load_weights(path)
    assert_trees_identical(other.params, state.params)
    assert_trees_identical(other.state.optimizer_state, before)
    jn.Sequential([jn.Dense(2, input_dim=3)]).save_weights(plain)
    model.load_weights(plain)
    assert_trees_identical(model.state.optimizer_state, state.optimizer_state)


def test_a_checkpoint_may_be_keras_s(tmp_path):
    model = network()
    whole = jn.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras")
    weights = jn.callbacks.ModelCheckpoint(
        tmp_path / "{epoch}.weights.h5", save_weights_only=True
    )
    model.fit(X, Y, 4, epochs=2, callbacks=[whole, weights], verbose=0)
    first, last = (load_model(tmp_path / f"{epoch}.keras") for epoch in (1, 2))
    assert int(first.state.step) == 2
    assert_trees_identical(last.params, model.params)
    assert_trees_identical(last.state.optimizer_state, model.state.optimizer_state)
    last.load_weights(tmp_path / "1.weights.h5")
    assert_trees_identical(last.params, first.params)
    assert int(last.state.step) == 2


def relu(x):
    return 2.0 * x


@dataclasses.dataclass(frozen=True)
class Scaled:
    factor: float

    def __call__(self, x):
        return self.factor * x


def mse(y_true, y_pred):
    return y_pred[..., 0]


def own_initializer(key, shape, dtype=None):
    return np.zeros(shape, np.float32)


@dataclasses.dataclass(frozen=True)
class OwnLayer:
    name: str | None = None

    def init(self, key, input_shape):
        return input_shape, {}

    def apply(self, params, x, *, key=None, training=False):
        return x


@dataclasses.dataclass(frozen=True)
class OwnOptimizer(jn.optimizers.Optimizer):
    factory = staticmethod(optax.sgd)


class Counted(jn.metrics.Metric):
    """A metric in Keras's form."""

    def __init__(self, name="counted"):
        super().__init__(name=name)
        self.count = self.add_variable(shape=(), initializer="zeros", name="count")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.count.assign(self.count + len(y_pred))

    def result(self):
        return self.count


ACCURACY = jn.metrics.MeanMetricWrapper(jn.metrics.accuracy, "share")
NOT_KERAS_S = {
    "activation": ([jn.Dense(2, Scaled(2.0))], {}, "it is Scaled, of your own"),
    "its name": ([jn.Dense(2, relu)], {}, "has another function of that name"),
    "layer": ([OwnLayer(), jn.Dense(2)], {}, "it is OwnLayer, of your own"),
    "repeat": (
        [jn.repeat(jn.Dense(3), 2)],
        {},
        "the layer 'repeat' cannot be written as Keras does: it is a Repeat, which",
    ),
    "inside": ([jn.serial(OwnLayer(), jn.Dense(2))], {}, "OwnLayer, of your own"),
    "initializer": (
        [jn.Dense(2, kernel_initializer=own_initializer)],
        {},
        "own_initializer, of your own",
    ),
    "loss": ([jn.Dense(2)], {"loss": mse}, "the loss cannot be written"),
    "metric": ([jn.Dense(2)], {"metrics": [mse]}, "the metric 'mse'"),
    "class": ([jn.Dense(2)], {"metrics": [Counted()]}, "the metric 'Counted' cannot"),
    "name": ([jn.Dense(2)], {"metrics": [ACCURACY]}, "whose name for it is 'accuracy'"),
    "word": ([jn.Dense(2)], {"metrics": ["crossentropy"]}, "a crossentropy, which"),
    "optimizer": ([jn.Dense(2)], {"optimizer": OwnOptimizer(0.1)}, "OwnOptimizer, of"),
    "optax": ([jn.Dense(2)], {"optimizer": optax.sgd(0.1)}, "transformation of optax"),
}


def test_what_keras_has_not_is_refused_by_name(tmp_path):
    """Before anything is written; what the message advises is done."""
    for case, (layers, compiled, words) in NOT_KERAS_S.items():
        model = jn.Sequential([jn.Input((3,)), *layers])
        model.compile(**{"loss": "mse", "optimizer": "sgd"} | compiled)
        with raises_text(ArgumentError, "cannot be written as Keras does", words):
            model.save(tmp_path / "model.keras")
        assert not list(tmp_path.iterdir()), case
        weights = tmp_path / "model.weights.h5"
        model.save_weights(weights)
        model.load_weights(weights)
        weights.unlink()
        if case != "optax":
            whole = tmp_path / "model.safetensors"
            model.save(whole)
            whole.unlink()


def test_checkpoints_that_could_not_be_written_fail_before_training(tmp_path):
    """Where the first epoch may take hours; those of what can be are as ever."""
    begun = []
    told = jn.callbacks.LambdaCallback(on_train_begin=begun.append)

    def refused(words, ending, activation=None, metrics=()):
        saving = jn.callbacks.ModelCheckpoint(tmp_path / ("{epoch}" + ending))
        model = jn.Sequential([jn.Dense(2, activation)])  # its shape comes with rows
        model.compile("sgd", "sparse_categorical_crossentropy", [*metrics])
        with raises_text(ArgumentError, words):
            model.fit(X, Y, callbacks=[told, saving], verbose=0)

    refused("Scaled, of your own", ".keras", Scaled(2.0))
    refused("the metric 'mse'", ".keras", metrics=[mse])
    refused("lambda", ".safetensors", lambda x: x)
    assert not begun
    assert not list(tmp_path.iterdir())


def test_weights_of_other_dtypes_are_no_model_of_keras_s(tmp_path):
    with x64():
        model = network()
        with raises_text(ArgumentError, "the weight 'dense/kernel' is of float64"):
            model.save(tmp_path / "model.keras")
        model.save_weights(tmp_path / "model.weights.h5")
        expected = model.get_weights()
        model.load_weights(tmp_path / "model.weights.h5")
        for array, own in zip(model.get_weights(), expected, strict=True):
            np.testing.assert_array_equal(array, own, strict=True)


def test_files_are_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "model.keras"
    network().save(path)
    before = path.read_bytes()
    with raises_text(FileError, "exists already"):
        network().save(path, overwrite=False)

    def full(*_):
        raise OSError("No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with raises_text(FileError, "cannot be written: No space left on device"):
            network().save(path)
        with raises_text(FileError, "cannot be written: No space left on device"):
            network().save_weights(tmp_path / "model.weights.h5")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with raises_text(MissingExtraError, 'install "jaxnet-mini[keras]"'):
        network().save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def edited(path, change):
    """The archive again, with its arrays changed."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    buffer = io.BytesIO(parts["model.weights.h5"])
    with h5py.File(buffer, "r+") as file:
        change(file)
    parts["model.weights.h5"] = buffer.getvalue()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)


def put(name, value):
    def change(file):
        del file["optimizer/vars"][name]
        file["optimizer/vars"][name] = value

    return change


def remove(file):
    del file["optimizer/vars/5"]


def test_a_state_of_another_optimizer_is_left_there(tmp_path):
    """As Keras leaves it; the weights are read all the same."""
    path = tmp_path / "model.keras"
    model = network(fitted=True)
    changes = {
        "a negative count": put("0", np.int64(-1)),
        "a count that is none": put("0", np.float32(1)),
        "another shape": put("2", np.zeros((2, 3), "f")),
        "integers": put("3", np.zeros((3, 2), np.int8)),
        "one too few": remove,
    }
    for case, change in changes.items():
        model.save(path)
        edited(path, change)
        with warnings.catch_warnings(record=True, action="always") as said:
            again = load_model(path)
        texts = [str(warning.message) for warning in said]
        lost = [] if case == "a negative count" else ["the state of the optimizer"]
        assert [text.split(": ")[1][:26] for text in texts] == lost, case
        assert_trees_identical(again.params, model.params)
        assert not begun(again), case


def test_weights_in_several_files_are_the_old_or_the_new(tmp_path, monkeypatch):
    """Wherever the process dies: between two files, as each appears as a whole."""
    layers = [jn.Dense(4, input_dim=3), jn.Dense(4), jn.Dense(4)]
    model, reader = jn.Sequential(layers), jn.Sequential(layers)
    shapes = [array.shape for array in model.get_weights()]

    def save(path, number):
        model.set_weights([np.full(shape, number, np.float32) for shape in shapes])
        model.save_weights(path, max_shard_size=80 / 2**30)

    def saved(path):
        reader.load_weights(path)
        (number,) = {float(x) for array in reader.get_weights() for x in array.flat}
        return number

    replace, found = safetensors.replace, []
    for stop in range(6):
        path = tmp_path / str(stop) / "a.weights.json"
        path.parent.mkdir()
        foreign = path.with_name("a_00007.weights.h5")
        foreign.write_bytes(b"of the user's own")
        save(path, 1)
        left = iter(range(stop))

        def dying(*given, left=left):
            next(left)
            replace(*given)

        with monkeypatch.context() as patched:
            patched.setattr(safetensors, "replace", dying)
            try:
                save(path, 2)
                died = False
            except StopIteration:
                died = True
        found.append((died, saved(path)))
        save(path, 3)
        assert saved(path) == 3
        assert foreign.read_bytes() == b"of the user's own"
    # Three files with weights, the index, and the first file emptied.
    assert found == [*[(True, 1)] * 4, (True, 2), (False, 2)]


def test_several_files_need_a_size_and_a_name(tmp_path):
    model = jn.Sequential([jn.Dense(4, input_dim=3)])
    path = tmp_path / "a.weights.json"
    with raises_text(
        ArgumentError, "max_shard_size goes with a name", "both or neither"
    ):
        model.save_weights(path)
    with raises_text(
        ArgumentError, "max_shard_size goes with a name", "both or neither"
    ):
        model.save_weights(tmp_path / "a.weights.h5", max_shard_size=1)
    with raises_text(ArgumentError, "max_shard_size must be a finite number of at"):
        model.save_weights(path, max_shard_size="1")
    with raises_text(
        ArgumentError, "max_shard_size is 1e-08 GB, and layers/dense/vars/0 alone is"
    ):
        model.save_weights(path, max_shard_size=1e-8)
    assert not [*tmp_path.iterdir()]
