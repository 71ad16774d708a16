"""Kept runs whose files are whole and hold nonsense: an error that names the folder."""

import hashlib
import json

import numpy as np
import pytest
from oracles import unchecked_types

import jaxnet_mini as jn
from jaxnet_mini.callbacks import Callback, EarlyStopping, ReduceLROnPlateau
from jaxnet_mini.checkpoints.kept_run import ABOUT
from jaxnet_mini.errors import ArgumentError, FileError, ShapeError, UnknownNameError
from jaxnet_mini.files import safetensors

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 4)).astype(np.float32)
Y = RNG.integers(0, 3, 20)


class Power(Exception):
    """What fails."""


class Cut(Callback):
    def __init__(self):
        self.seen = 0

    def on_train_batch_end(self, batch, logs=None):
        self.seen += 1
        if self.seen == 8:
            raise Power


def train(folder, *callbacks):
    model = jn.Sequential([jn.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    backup = jn.callbacks.BackupAndRestore(folder, save_freq=1, delete_checkpoint=False)
    hooks = [EarlyStopping("loss", patience=9), ReduceLROnPlateau("loss"), backup]
    model.fit(X, Y, batch_size=4, epochs=3, verbose=0, callbacks=[*hooks, *callbacks])


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """The arrays of a run that was cut within its second epoch."""
    folder = tmp_path_factory.mktemp("kept")
    with pytest.raises(Power):
        train(folder, Cut())
    newest = max(folder.glob("*.safetensors"))
    return safetensors.read(newest).arrays


def entry(**entries):
    return lambda about, arrays: about.update(entries)


def of_callback(name, **entries):
    return lambda about, arrays: about["callbacks"][name].update(entries)


def array(name, value):
    return lambda about, arrays: arrays.update({name: value})


STOPPING, HISTORY = "EarlyStopping/0", "History/0"

CASES = {
    "no JSON": (lambda about, arrays: "{", ArgumentError, "its JSON cannot be read"),
    "a list": (lambda about, arrays: "[]", ArgumentError, "its JSON must be an object"),
    "deep JSON": (
        lambda about, arrays: '{"a":' * 900 + "1" + "}" * 900,
        (ArgumentError, FileError, UnknownNameError),
        "",
    ),
    "no entry": (
        lambda about, arrays: about.pop("seed") and None,
        ArgumentError,
        "needs the entry 'seed'",
    ),
    "one more": (entry(more=1), UnknownNameError, "unknown entry of the run 'more'"),
    "an epoch of text": (entry(epoch="1"), ArgumentError, "'epoch' cannot be '1'"),
    "an epoch of -1": (entry(epoch=-1), FileError, "epoch -1 and step "),
    "an epoch of 9": (entry(epoch=9), FileError, "has 9 epochs, and epochs is 3"),
    "a step of -1": (entry(step=-1), FileError, "step -1 are none of this run"),
    "a step of 10**9": (entry(step=10**9), FileError, "are none of this run"),
    "a seed of text": (entry(seed=["0", "0"]), FileError, "is no seed of this run"),
    "half a seed": (entry(seed=[0]), FileError, "[0] is no seed of this run"),
    "a negative seed": (entry(seed=[0, -1]), FileError, "is no seed of this run"),
    "logs that are not there": (
        entry(logs={"loss": {"/array": "/no"}}),
        FileError,
        "cannot be read (KeyError: '/no')",
    ),
    "logs of a list": (
        entry(logs={"loss": {"/floats": []}}),
        FileError,
        "cannot be read (TypeError: ",
    ),
    "a number of text": (
        entry(logs={"loss": {"/float": "x"}}),
        FileError,
        "cannot be read (ValueError: ",
    ),
    "a state of no kind": (
        entry(state={"key": "x", "optimizer": True}),
        UnknownNameError,
        "unknown kind of key 'x'",
    ),
    "a state of lists": (
        entry(state={"key": [], "optimizer": True}),
        ArgumentError,
        "'key' cannot be []",
    ),
    "callbacks of numbers": (
        entry(callbacks={STOPPING: 3}),
        FileError,
        f"does not suit the callback {STOPPING} (TypeError: ",
    ),
    "a callback that knows nothing": (
        entry(callbacks={STOPPING: {}}),
        FileError,
        f"does not suit the callback {STOPPING} (KeyError: ",
    ),
    "a patience of text": (
        of_callback(STOPPING, wait="x"),
        FileError,
        f"does not suit the callback {STOPPING} (ValueError: ",
    ),
    "a best of lists": (
        of_callback(STOPPING, best=[]),
        FileError,
        f"does not suit the callback {STOPPING} (TypeError: ",
    ),
    "a history of numbers": (
        of_callback(HISTORY, history={"loss": 5}),
        FileError,
        f"does not suit the callback {HISTORY} (TypeError: ",
    ),
    "a history of nothing": (
        of_callback(HISTORY, timing={}),
        FileError,
        f"does not suit the callback {HISTORY} (KeyError: ",
    ),
    "no sums": (
        lambda about, arrays: arrays.pop("/sums/total") * 0,
        FileError,
        "cannot be read (KeyError: '/sums/total')",
    ),
    "sums of another shape": (
        array("/sums/lost", np.zeros(1, np.float32)),
        ShapeError,
        "/sums/lost has shape (1,) there",
    ),
    "sums of another dtype": (
        array("/sums/total", np.zeros(4, np.int8)),
        ShapeError,
        "/sums/total has dtype int8 there",
    ),
    "weights of another shape": (
        array("dense/kernel", np.zeros((9, 9), np.float32)),
        ShapeError,
        "dense/kernel has shape (9, 9) there",
    ),
    "weights of others": (
        array("other/kernel", np.zeros(1, np.float32)),
        ShapeError,
        "other/kernel is there and not in the model",
    ),
    "no key": (
        lambda about, arrays: arrays.pop("/key") * 0,
        ShapeError,
        "/key is missing there",
    ),
    "an identity of lists": (entry(identity={"layers": []}), FileError, "another one"),
}


@pytest.mark.parametrize("case", CASES)
def test_nonsense_under_the_right_name_is_refused(kept, tmp_path, case):
    change, error, words = CASES[case]
    arrays = dict(kept)
    about = json.loads(arrays.pop(ABOUT).tobytes())
    text = change(about, arrays)
    text = text if isinstance(text, str) else json.dumps(about)
    arrays[ABOUT] = np.frombuffer(text.encode(), np.uint8)
    contents = safetensors.encoded(arrays, {"format": "run"})
    name = f"000001-00000002.{hashlib.sha256(contents).hexdigest()}.safetensors"
    (tmp_path / name).write_bytes(contents)
    with unchecked_types(), pytest.raises(error) as caught:
        train(tmp_path)
    assert words in str(caught.value)
    assert repr(str(tmp_path)) in str(caught.value)
    # Another may restore what is there.
    assert (tmp_path / name).exists()


def test_the_same_file_unchanged_goes_on(kept, tmp_path):
    contents = safetensors.encoded(kept, {"format": "run"})
    name = f"000001-00000002.{hashlib.sha256(contents).hexdigest()}.safetensors"
    (tmp_path / name).write_bytes(contents)
    train(tmp_path)
