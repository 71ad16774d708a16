"""A run that is stopped anywhere and started again ends as one that never was."""

import functools

import jax
import numpy as np
import optax
import pytest
from interpreter import in_mount
from oracles import assert_trees_identical, raises_text, unchecked_types

import jaxnet_mini as jn
from jaxnet_mini import callbacks, losses, optimizers
from jaxnet_mini.callbacks import BackupAndRestore, Callback
from jaxnet_mini.data import epoch_order
from jaxnet_mini.errors import ArgumentError, FileError
from jaxnet_mini.layers import Dense, Dropout

pytestmark = pytest.mark.usefixtures("quick_compilation")

ROWS, FEATURES, CLASSES, EPOCHS = 50, 4, 3, 4
RNG = np.random.default_rng(0)
X = RNG.normal(size=(ROWS, FEATURES)).astype(np.float32)
Y = RNG.integers(0, CLASSES, ROWS)
FIT = {"batch_size": 8, "epochs": EPOCHS, "validation_split": 0.2, "verbose": 0}


def model_of(
    optimizer="adam", layers=None, loss=None, metrics=("accuracy",), **options
):
    if layers is None:
        layers = [Dense(6, "relu"), Dropout(0.3), Dense(CLASSES, "softmax")]
    model = jn.Sequential(layers, **options)
    model.compile(optimizer, loss or "sparse_categorical_crossentropy", list(metrics))
    return model


class Power(Exception):
    """What fails."""


class Cut(Callback):
    """Cut the power after so many steps, or at the end of an epoch."""

    def __init__(self, steps=None, epoch=None):
        self.steps, self.epoch, self.seen = steps, epoch, 0

    def on_train_batch_end(self, batch, logs=None):
        self.seen += 1
        if self.seen == self.steps:
            raise Power

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            raise Power


class Counting(Callback):
    """A user's own, which remembers numbers, arrays and what is nested."""

    def __init__(self):
        self.epochs, self.losses, self.mean = 0, [], np.zeros(2, np.float16)
        self.notes = {"worst": float("inf"), "seen": [[], None, True]}

    def on_epoch_end(self, epoch, logs=None):
        self.epochs += 1
        self.losses.append(logs["loss"])
        self.mean[0] += np.float16(logs["loss"])
        self.notes["seen"][0].append(epoch)

    def state_dict(self):
        return dict(vars(self), model=None, params=None)

    def load_state_dict(self, state):
        vars(self).update(
            {k: v for k, v in state.items() if k not in ("model", "params")}
        )


def hooks():
    return [
        callbacks.EarlyStopping("loss", patience=50, restore_best_weights=True),
        callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=10.0),
        Counting(),
    ]


def known_of(own):
    """What the callbacks know, but for what the model tells them."""
    return [
        {
            k: v
            for k, v in vars(c).items()
            if k not in ("model", "params", "best_weights")
        }
        for c in own
    ]


def same_run(model, own, expected, expected_own):
    assert_trees_identical(model.state, expected.state)
    assert model.history.history == expected.history.history
    assert model.history.epoch == expected.history.epoch
    assert model.history.epochs_of == expected.history.epochs_of
    for known, wanted in zip(known_of(own), known_of(expected_own), strict=True):
        np.testing.assert_equal(known, wanted)


def until_done(folder, cuts, save_freq="epoch", make=model_of, **options):
    """Train with the power cut at each of these, in a new model each time."""
    for cut in [*cuts, Cut()]:
        model, own = make(), hooks()
        backup = BackupAndRestore(folder, save_freq, delete_checkpoint=False)
        try:
            model.fit(X, Y, callbacks=[*own, backup, cut], **FIT | options)
        except Power:
            continue
        assert cut is not cuts[0]
        return model, own
    raise AssertionError("it never ended")


@pytest.mark.parametrize("save_freq", ["epoch", 1, 3, 7])
@pytest.mark.parametrize("steps", [1, 4, 5, 6, 11, 19])
@pytest.mark.one_in(6)
def test_the_bits_are_those_of_a_run_without_a_break(tmp_path, save_freq, steps):
    """Five steps an epoch; the power fails within an epoch, and between two."""
    expected, expected_own = model_of(), hooks()
    expected.fit(X, Y, callbacks=expected_own, **FIT)
    cuts = [Cut(steps=steps), Cut(epoch=1), Cut(steps=3)]
    model, own = until_done(tmp_path / "a", cuts, save_freq)
    same_run(model, own, expected, expected_own)


OPTIONS = {
    "an explicit seed": {"seed": 7},
    "epochs that are not passes": {"steps_per_epoch": 3},
    "no new order": {"shuffle": False},
    "weights": {"class_weight": {0: 2.0}},
    "other epochs": {"initial_epoch": 2, "epochs": 6},
    "rare validation": {"validation_freq": [2]},
}


@pytest.mark.one_in(2)
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_every_way_to_fit_is_resumed(tmp_path, options):
    expected, expected_own = model_of(), hooks()
    expected.fit(X, Y, callbacks=expected_own, **FIT | options)
    cuts = [Cut(steps=4), Cut(steps=2)]
    model, own = until_done(tmp_path / "a", cuts, 2, **options)
    same_run(model, own, expected, expected_own)


def noise(kind):
    """Return a transformation that adds noise and remembers its key."""

    def update(gradients, key, params=None):
        key, own = jax.random.split(key)
        return jax.tree.map(
            lambda g: g + 0.01 * jax.random.normal(own, g.shape), gradients
        ), key

    init = functools.partial(jax.random.key, 1, impl=kind)
    return optax.GradientTransformation(lambda params: init(), update)


MODELS = {
    "momentum": lambda: model_of(optimizers.SGD(0.1, momentum=0.9)),
    "a schedule": lambda: model_of(
        optimizers.Adam(optax.exponential_decay(0.1, 3, 0.5))
    ),
    "own functions": lambda: model_of(
        loss=lambda y_true, y_pred: losses.sparse_categorical_crossentropy(
            y_true, y_pred
        )
    ),
    "another kind of weights": lambda: model_of(
        layers=[jn.repeat(Dense(4), 3), Dense(3)]
    ),
    "another seed": lambda: model_of(seed=3),
    "an optimizer with keys": lambda: model_of(
        optax.chain(noise("rbg"), noise("threefry2x32"), optax.sgd(0.1))
    ),
}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
@pytest.mark.one_in(6)
def test_every_model_is_resumed(tmp_path, make):
    def fit(model, own):
        # A schedule of the optimizer's own leaves no rate to reduce.
        model.fit(X, Y, callbacks=[own[0], own[2]], **FIT)

    expected, expected_own = make(), hooks()
    fit(expected, expected_own)
    own = hooks()
    for cut in (Cut(steps=7), Cut()):
        model, own = make(), hooks()
        backup = BackupAndRestore(tmp_path / "a", 2)
        try:
            model.fit(X, Y, callbacks=[own[0], own[2], backup, cut], **FIT)
        except Power:
            assert model.state.step == 7
    same_run(model, own, expected, expected_own)


def test_a_model_that_had_learned_before(tmp_path):
    """The order and the key go by the steps before this fit, as they would have."""

    def learned():
        model = model_of()
        model.fit(X, Y, **FIT)
        return model

    expected = learned()
    expected.fit(X, Y, **FIT)
    with pytest.raises(Power):
        learned().fit(X, Y, checkpoint=tmp_path, callbacks=Cut(epoch=1), **FIT)
    model = learned()
    model.fit(X, Y, checkpoint=tmp_path, **FIT)
    assert_trees_identical(model.state, expected.state)


def test_a_notebook_runs_its_cell_again(tmp_path):
    """The same model, which an interrupt left where it was."""
    expected = model_of()
    expected.fit(X, Y, **FIT)
    model = model_of()
    with pytest.raises(Power):
        model.fit(X, Y, checkpoint=tmp_path, callbacks=Cut(steps=13), **FIT)
    model.fit(X, Y, checkpoint=tmp_path, **FIT)
    assert_trees_identical(model.state, expected.state)
    assert model.history.history == expected.history.history


def test_a_damaged_file_costs_one_interval(tmp_path):
    expected = model_of()
    expected.fit(X, Y, **FIT)
    with pytest.raises(Power):
        model_of().fit(X, Y, checkpoint=tmp_path, callbacks=Cut(epoch=3), **FIT)
    newest = max(tmp_path.glob("*.safetensors"))
    assert newest.name.startswith("000003-00000000")
    contents = bytearray(newest.read_bytes())
    contents[len(contents) // 2] ^= 1
    newest.write_bytes(contents)
    seen = []
    watch = callbacks.LambdaCallback(on_epoch_begin=lambda epoch, _: seen.append(epoch))
    model = model_of()
    with pytest.warns(UserWarning, match="is damaged, and the run goes back to the"):
        model.fit(X, Y, checkpoint=tmp_path, callbacks=watch, **FIT)
    assert seen == [2, 3]
    assert_trees_identical(model.state, expected.state)


# The end of a run


@pytest.mark.parametrize("save_freq", ["epoch", 7])
def test_a_run_that_has_ended_is_not_run_again(tmp_path, save_freq):
    seen = []

    def fit(model):
        early = callbacks.EarlyStopping("loss", restore_best_weights=True)
        watch = callbacks.LambdaCallback(on_epoch_begin=lambda *_: seen.append("begun"))
        backup = BackupAndRestore(tmp_path, save_freq, delete_checkpoint=False)
        return model.fit(X, Y, callbacks=[early, watch, backup], **FIT)

    first, again = model_of(), model_of()
    history = fit(first)
    seen.clear()
    assert fit(again).history == history.history
    assert seen == []
    assert_trees_identical(again.state, first.state)


def test_an_early_end_stays_one_and_is_said(tmp_path, capsys):
    def fit(model):
        stop = callbacks.EarlyStopping("loss", min_delta=100.0, patience=2)
        told = FIT | {"verbose": 2}
        return model.fit(X, Y, checkpoint=tmp_path, callbacks=stop, **told)

    first, again = model_of(), model_of()
    assert len(fit(first).epoch) == 3
    capsys.readouterr()
    assert len(fit(again).epoch) == 3
    assert capsys.readouterr().out == (
        f"The run in {str(tmp_path)!r} has ended: 3 of 4 epochs are done.\n"
    )
    assert_trees_identical(again.state, first.state)


def test_more_epochs_go_on(tmp_path, capsys):
    expected = model_of()
    expected.fit(X, Y, **FIT | {"epochs": 6})
    model_of().fit(X, Y, checkpoint=tmp_path, **FIT)
    model_of().fit(X, Y, checkpoint=tmp_path, **FIT | {"verbose": 2})
    assert capsys.readouterr().out == (
        f"The run in {str(tmp_path)!r} has ended: 4 of 4 epochs are done.\n"
    )
    model = model_of()
    model.fit(X, Y, checkpoint=tmp_path, **FIT | {"epochs": 6})
    assert_trees_identical(model.state, expected.state)
    assert model.history.history == expected.history.history


def test_fewer_epochs_than_there_are(tmp_path):
    model_of().fit(X, Y, checkpoint=tmp_path, **FIT)
    with raises_text(FileError, "has 4 epochs, and epochs is 3", "give more epochs"):
        model_of().fit(X, Y, checkpoint=tmp_path, **FIT | {"epochs": 3})


@pytest.mark.parametrize("save_freq", ["epoch", 2])
def test_a_backup_is_deleted_at_the_end(tmp_path, save_freq):
    folder = tmp_path / "a"
    model_of().fit(X, Y, callbacks=BackupAndRestore(folder, save_freq), **FIT)
    assert not folder.exists()


def test_what_is_said(tmp_path, capsys):
    with pytest.raises(Power):
        model_of().fit(
            X,
            Y,
            callbacks=[BackupAndRestore(tmp_path, 3), Cut(steps=8)],
            **FIT,
        )
    capsys.readouterr()
    model_of().fit(X, Y, checkpoint=tmp_path, **FIT | {"verbose": 2})
    said = capsys.readouterr().out.splitlines()
    # What is compiled already is ready in no time, but not on a machine at work.
    said = [line for line in said if not line.startswith("Compiled in")]
    folder = repr(str(tmp_path))
    assert said[0] == (
        f"Going on with the run in {folder}: 1 of 4 epochs and 1 steps are done."
    )
    assert said[1].startswith("Epoch 2/4")


# Callbacks


def test_rows_of_a_csv_file_are_neither_lost_nor_doubled(tmp_path):
    def fit(name, *more):
        log = callbacks.CSVLogger(tmp_path / name)
        model_of().fit(X, Y, callbacks=[log, *more], **FIT)

    fit("expected.csv")
    backup = BackupAndRestore(tmp_path / "a", delete_checkpoint=False)
    with pytest.raises(Power):
        # The row of the epoch is written, and the epoch is not kept.
        fit("log.csv", Cut(epoch=2), backup)
    assert len((tmp_path / "log.csv").read_bytes().splitlines()) == 4
    fit("log.csv", backup)
    expected = (tmp_path / "expected.csv").read_bytes()
    assert (tmp_path / "log.csv").read_bytes() == expected
    fit("log.csv", backup)
    assert (tmp_path / "log.csv").read_bytes() == expected


def test_a_csv_file_that_was_lost_is_said(tmp_path):
    def fit(*more):
        log = callbacks.CSVLogger(tmp_path / "log.csv")
        model_of().fit(X, Y, checkpoint=tmp_path / "a", callbacks=[log, *more], **FIT)

    with pytest.raises(Power):
        fit(Cut(epoch=2))
    (tmp_path / "log.csv").unlink()
    with pytest.warns(UserWarning, match=r"log.csv' lacks \d+ bytes of the epochs"):
        fit()


def test_the_best_model_file_is_not_replaced_by_a_worse_one(tmp_path):
    path = str(tmp_path / "best.safetensors")

    def fit(*more):
        # The loss falls from epoch to epoch, so that the first one is the largest.
        best = callbacks.ModelCheckpoint(path, "loss", save_best_only=True, mode="max")
        model = model_of(optimizers.SGD(1.0))
        model.fit(X, Y, checkpoint=tmp_path / "a", callbacks=[best, *more], **FIT)
        return best.best

    with pytest.raises(Power):
        fit(Cut(epoch=2))
    contents = (tmp_path / "best.safetensors").read_bytes()
    assert fit() == model_of(optimizers.SGD(1.0)).fit(X, Y, **FIT).history["loss"][0]
    assert (tmp_path / "best.safetensors").read_bytes() == contents


def test_a_hook_before_an_epoch_acts_once(tmp_path):
    """Resumed within an epoch, it is called again, and what it did is undone."""

    def fit(model, *more):
        halved = callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
        model.fit(X, Y, callbacks=[halved, *more], **FIT)

    expected, model = model_of(), model_of()
    fit(expected)
    backup = BackupAndRestore(tmp_path, 2, delete_checkpoint=False)
    with pytest.raises(Power):
        fit(model_of(), backup, Cut(steps=13))
    fit(model, backup)
    assert model.optimizer.learning_rate == np.float32(0.001 / 2**EPOCHS)
    assert_trees_identical(model.state, expected.state)


def test_callbacks_may_come_and_go(tmp_path):
    own = [Counting(), callbacks.EarlyStopping("loss", patience=9), Cut(epoch=2)]
    with pytest.raises(Power):
        model_of().fit(X, Y, checkpoint=tmp_path, callbacks=own, **FIT)
    counting, other = Counting(), Counting()
    model_of().fit(X, Y, checkpoint=tmp_path, callbacks=[counting, other], **FIT)
    assert (counting.epochs, other.epochs) == (EPOCHS, 2)


@pytest.mark.parametrize("value", [object(), {1: "one"}, {"a": {2, 3}}])
def test_what_cannot_be_kept_is_named(tmp_path, value):
    odd = callbacks.LambdaCallback(state_dict=lambda: {"file": value})
    where = "/callbacks/LambdaCallback/0/file"
    with raises_text(ArgumentError, where, "give None, booleans"):
        model_of().fit(X, Y, checkpoint=tmp_path, callbacks=odd, **FIT)


# Refusals


def changed(array, index, value):
    array = array.copy()
    array[index] = value
    return array


REFUSED = {
    "units": (
        {"layers": [Dense(7, "relu"), Dropout(0.3), Dense(CLASSES, "softmax")]},
        {},
        "layers.dense.config.units was 6 and is 7",
    ),
    "a rate of dropout": (
        {"layers": [Dense(6, "relu"), Dropout(0.4), Dense(CLASSES, "softmax")]},
        {},
        "layers.dropout.config.rate was 0.3 and is 0.4",
    ),
    "a layer less": (
        {"layers": [Dense(6, "relu"), Dense(CLASSES, "softmax")]},
        {},
        "layers.dropout is gone",
    ),
    "a layer more": (
        {
            "layers": [
                Dense(6, "relu"),
                Dropout(0.3),
                Dense(CLASSES, "softmax"),
                jn.Activation("linear"),
            ]
        },
        {},
        "layers.activation is new",
    ),
    "the optimizer": (
        {"optimizer": "sgd"},
        {},
        "optimizer.class was 'optimizers.Adam'",
    ),
    "the learning rate": (
        {"optimizer": optimizers.Adam(0.01)},
        {},
        "optimizer.config.learning_rate was 0.001 and is 0.01",
    ),
    "the loss": (
        {"loss": losses.SparseCategoricalCrossentropy(reduction="sum")},
        {},
        "loss.config.reduction was 'sum_over_batch_size' and is 'sum'",
    ),
    "a loss without a name": (
        {"loss": lambda y_true, y_pred: losses.mean_squared_error(y_pred, y_pred)},
        {},
        "loss.class was 'losses.SparseCategoricalCrossentropy' and is",
    ),
    "the metrics": ({"metrics": []}, {}, "metrics.accuracy is gone"),
    "the seed of the model": ({"seed": 1}, {}, "seed was 0 and is 1"),
    "the seed of fit": ({}, {"seed": 5}, "seed was 0 and is 5"),
    "the batch size": ({}, {"batch_size": 9}, "batch_size was 8 and is 9"),
    "the order": ({}, {"shuffle": False}, "shuffle was True and is False"),
    "steps": ({}, {"steps_per_epoch": 2}, "steps_per_epoch was None and is 2"),
    "an input": ({}, {"x": changed(X, (3, 1), 0.0)}, "x holds other values"),
    "a label": ({}, {"y": changed(Y, 3, (Y[3] + 1) % 3)}, "y holds other values"),
    "rows": ({}, {"x": X[:-1], "y": Y[:-1]}, "x.shape was [40, 4] and is [39, 4]"),
    "a dtype": ({}, {"x": X.astype(float)}, "x.dtype was 'float32' and is 'float64'"),
    "weights": ({}, {"sample_weight": np.ones(ROWS)}, "sample_weight is new"),
    "what is held out": (
        {},
        {"x": changed(X, (45, 1), 0.0)},
        "validation x holds other values",
    ),
    "no validation": ({}, {"validation_split": 0.0}, "validation x is gone"),
    "rare validation": (
        {},
        {"validation_freq": 2},
        "validation_freq was '1' and is '2'",
    ),
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept")
    with pytest.raises(Power):
        model_of().fit(X, Y, checkpoint=folder, callbacks=Cut(epoch=2), **FIT)
    return folder


@pytest.mark.parametrize("case", REFUSED)
def test_another_run_is_refused_by_name(kept, case):
    of_model, of_fit, difference = REFUSED[case]
    model = model_of(**of_model)
    before = {file: file.read_bytes() for file in kept.glob("*.safetensors")}
    call = {"x": X, "y": Y, "checkpoint": kept} | FIT | of_fit
    with raises_text(FileError, "was another one, and nothing was changed", difference):
        model.fit(**call)
    assert not model.built
    assert model.history is None
    assert {file: file.read_bytes() for file in kept.glob("*.safetensors")} == before


def test_the_same_run_is_not_refused(kept):
    model_of().fit(X, Y, checkpoint=kept, **FIT)


def test_one_folder_at_a_time(tmp_path):
    with raises_text(ArgumentError, "give either checkpoint or one BackupAndRestore"):
        model_of().fit(
            X,
            Y,
            checkpoint=tmp_path / "a",
            callbacks=BackupAndRestore(tmp_path / "b"),
            **FIT,
        )


@pytest.mark.parametrize("save_freq", [0, -1, 1.5, "batch", None])
def test_save_freq(save_freq):
    words = "save_freq must be", repr(save_freq)
    with unchecked_types(), raises_text(ArgumentError, *words):
        BackupAndRestore("runs/a", save_freq)


@pytest.mark.parametrize("path", [None, "", 3])
def test_backup_dir(path):
    words = "must be the path of a folder", repr(path)
    with unchecked_types(), raises_text(ArgumentError, *words):
        BackupAndRestore(path)


# What it costs, as far as it can be counted


def test_nothing_is_kept_and_no_step_cut_off_without_a_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    model_of().fit(X, Y, **FIT)
    assert not list(tmp_path.iterdir())


def test_bad_data_leave_no_folder(tmp_path):
    with pytest.raises(ValueError, match="NaN"):
        model_of().fit(changed(X, (0, 0), np.nan), Y, checkpoint=tmp_path / "a", **FIT)
    assert not (tmp_path / "a").exists()


def test_the_sums_of_an_epoch_go_on(tmp_path):
    """The loss of an epoch that was cut is that of all its steps."""
    plain = model_of(layers=[Dense(CLASSES, "softmax")])
    wanted = plain.fit(X, Y, **FIT | {"epochs": 1}).history
    for cut in (Cut(steps=4), Cut()):
        model = model_of(layers=[Dense(CLASSES, "softmax")])
        backup = BackupAndRestore(tmp_path, 3)
        try:
            history = model.fit(X, Y, callbacks=[backup, cut], **FIT | {"epochs": 1})
        except Power:
            continue
    assert history.history == wanted
    assert epoch_order.steps_for(40, 8) == 5


# Where the disk has no room

FULL = """
import numpy as np
import jaxnet_mini as jn
from jaxnet_mini.errors import FileError
from jaxnet_mini.checkpoints.folder import RunFolder

x, y = np.ones((10, 30), np.float32), np.arange(10) % 3
model = jn.Sequential([jn.Dense(60, "relu"), jn.Dense(3, "softmax")])
model.compile("adam", "sparse_categorical_crossentropy")
try:
    model.fit(x, y, epochs=9, verbose=0, checkpoint={path!r})
except FileError as error:
    print(error)
print(model.history.epoch, model.predict(x).shape)
folder = RunFolder({path!r})
print(folder.newest().arrays["dense/kernel"].shape)
"""


def test_a_disk_that_is_full(tmp_path):
    """Two states fit, and not a third beside them."""
    path = tmp_path / "disk"
    printed = in_mount("size=64k", path, FULL.format(path=str(path)))
    said, model, kept, *files = printed.splitlines()
    assert said.startswith(f"the run cannot be kept: '{path}")
    assert "No space left on device" in said
    assert "The model keeps what it has learned, and the state kept before" in said
    assert model == "[0, 1, 2, 3] (10, 3)"
    assert kept == "(30, 60)"
    assert len(files) == 3  # two states and the lock
