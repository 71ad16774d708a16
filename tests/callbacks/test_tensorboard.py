"""TensorBoard: what stands in the event files, read back by their protocol.

Keras's own callback needs TensorFlow; folders, tags and steps are those of its source
and of its own tests.
"""

import io
import struct
import sys

import jax
import numpy as np
import optax
import pytest
from classifier import OurModel, data, ours
from oracles import raises_text
from PIL import Image
from tensorboardX.crc32c import crc32c
from tensorboardX.proto.event_pb2 import Event

import jaxnet_mini as jn
from jaxnet_mini import metrics
from jaxnet_mini.callbacks import CallbackList, LambdaCallback, TensorBoard
from jaxnet_mini.errors import ArgumentError, MissingExtraError

pytestmark = pytest.mark.usefixtures("quick_compilation")

CALL = {"batch_size": 8, "epochs": 3, "verbose": 0}
HELD_OUT = data(9, seed=1)


def masked(checksum):
    """The rotated checksum of TensorFlow's record files."""
    return (((checksum >> 15) | (checksum << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def events_of(path):
    """Every event of a file, whose lengths and checksums are verified."""
    content, events = path.read_bytes(), []
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        assert struct.unpack("<I", content[8:12])[0] == masked(crc32c(content[:8]))
        record = content[12 : 12 + length]
        (checksum,) = struct.unpack("<I", content[12 + length : 16 + length])
        assert checksum == masked(crc32c(record))
        events.append(Event.FromString(record))
        content = content[16 + length :]
    assert events[0].file_version == "brain.Event:2"
    return events


def written_in(folder):
    """All that was written: {(folder, tag): [(step, value), ...]}."""
    found = {}
    for path in sorted(folder.rglob("events.out.tfevents.*")):
        for event in events_of(path):
            for value in event.summary.value:
                kind = value.WhichOneof("value")
                entry = (event.step, getattr(value, kind))
                key = (path.parent.relative_to(folder).as_posix(), value.tag)
                found.setdefault(key, []).append(entry)
    return found


def assert_series(found, key, steps, values):
    assert [step for step, _ in found[key]] == list(steps), key
    # Event files hold float32.
    np.testing.assert_array_equal(
        [value for _, value in found[key]], np.float32(values), err_msg=str(key)
    )


def test_each_epoch_is_written_where_keras_writes_it(tmp_path):
    model = ours()
    evaluations = []
    note = LambdaCallback(on_test_end=lambda logs: evaluations.append(dict(logs)))
    callbacks = [TensorBoard(tmp_path / "run"), note]
    call = {"validation_data": HELD_OUT, "callbacks": callbacks} | CALL
    history = model.fit(*data(), **call).history
    found = written_in(tmp_path / "run")
    expected = {
        ("train", "epoch_loss"): history["loss"],
        ("train", "epoch_accuracy"): history["accuracy"],
        ("train", "epoch_learning_rate"): [0.001] * 3,
        ("validation", "epoch_loss"): history["val_loss"],
        ("validation", "epoch_accuracy"): history["val_accuracy"],
    }
    for key, values in expected.items():
        assert_series(found, key, range(3), values)
    for name in ("loss", "accuracy"):
        key = ("validation", f"evaluation_{name}_vs_iterations")
        assert_series(found, key, [3, 6, 9], [logs[name] for logs in evaluations])
    assert len(found) == 7


def test_without_validation_there_is_no_folder_for_it(tmp_path):
    ours().fit(*data(), callbacks=TensorBoard(tmp_path), **CALL)
    assert [path.name for path in tmp_path.iterdir()] == ["train"]
    assert len(list((tmp_path / "train").iterdir())) == 1


@pytest.mark.parametrize(
    ("update_freq", "steps"),
    [("batch", range(1, 10)), (1, range(1, 10)), (2, range(2, 10, 2)), (4, (4, 8))],
)
def test_batches_are_written_by_their_number_over_all_epochs(
    update_freq, steps, tmp_path
):
    seen = []
    note = LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(logs["loss"])
    )
    callbacks = [TensorBoard(tmp_path, update_freq=update_freq), note]
    ours().fit(*data(), callbacks=callbacks, **CALL)
    found = written_in(tmp_path)
    key = ("train", "batch_loss")
    assert_series(found, key, steps, [seen[step - 1] for step in steps])
    assert ("train", "batch_accuracy") in found
    assert len(found[("train", "epoch_loss")]) == 3


def test_epochs_alone_do_not_make_the_loop_run_step_by_step(tmp_path):
    for update_freq, stepwise in (("epoch", False), ("batch", True), (50, True)):
        callback = TensorBoard(tmp_path, update_freq=update_freq)
        callbacks = CallbackList([callback], OurModel(), {})
        assert callbacks.watches_batches("train") is stepwise
        assert not callbacks.watches_batches("test")


@pytest.mark.parametrize(("frequency", "epochs"), [(1, [0, 1, 2]), (2, [0, 2])])
def test_histograms_hold_the_weights(frequency, epochs, tmp_path):
    model = ours()
    weights = []
    note = LambdaCallback(
        on_epoch_end=lambda epoch, logs: weights.append(model.get_weights())
    )
    callbacks = [TensorBoard(tmp_path, histogram_freq=frequency), note]
    model.fit(*data(), callbacks=callbacks, **CALL)
    found = written_in(tmp_path)
    for index, path in enumerate(
        ["dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"]
    ):
        histograms = found[("train", f"sequential/{path}/histogram")]
        assert [step for step, _ in histograms] == epochs
        for epoch, histogram in histograms:
            array = weights[epoch][index].astype(np.float64)
            assert histogram.num == array.size
            assert histogram.min == array.min()
            assert histogram.max == array.max()
            assert histogram.sum == pytest.approx(array.sum())
            assert sum(histogram.bucket) == array.size
            # Every bucket holds as many as lie within its limits.
            limits = np.array(histogram.bucket_limit)
            held = np.searchsorted(np.sort(array.ravel()), limits, side="right")
            assert np.cumsum(histogram.bucket)[-1] == held[-1]


def test_a_rate_that_follows_a_schedule_is_written_as_it_was(tmp_path):
    schedule = optax.exponential_decay(0.5, transition_steps=1, decay_rate=0.5)
    model = ours()
    model.compile(jn.optimizers.SGD(schedule), "sparse_categorical_crossentropy")
    model.fit(*data(), callbacks=TensorBoard(tmp_path), **CALL)
    # Three steps an epoch; the rate is that of the next one.
    key = ("train", "epoch_learning_rate")
    assert_series(written_in(tmp_path), key, range(3), [0.5**4, 0.5**7, 0.5**10])


def test_a_rate_that_is_built_in_is_left_out(tmp_path):
    model = ours()
    model.compile(optax.sgd(0.1), "sparse_categorical_crossentropy")
    model.fit(*data(), callbacks=TensorBoard(tmp_path), **CALL)
    assert list(written_in(tmp_path)) == [("train", "epoch_loss")]


def test_one_callback_serves_several_calls(tmp_path):
    """Each has a file of its own, even within one second."""
    model, callback = ours(), TensorBoard(tmp_path)
    for _ in range(3):
        model.fit(*data(), callbacks=callback, **CALL)
    results = [
        model.evaluate(*HELD_OUT, callbacks=[callback], verbose=0) for _ in range(2)
    ]
    found = written_in(tmp_path)
    assert [step for step, _ in found[("train", "epoch_loss")]] == [0, 1, 2] * 3
    key = ("validation", "evaluation_loss_vs_iterations")
    assert_series(found, key, [27, 27], [loss for loss, _ in results])
    assert len(list((tmp_path / "train").iterdir())) == 3
    assert len(list((tmp_path / "validation").iterdir())) == 2


def test_without_tensorboardx_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with raises_text(
        MissingExtraError, "tensorboardX is not installed", '"jaxnet-mini[tensorboard]"'
    ):
        TensorBoard()


@pytest.mark.parametrize("update_freq", ["epochs", 0, -3])
def test_a_frequency_is_a_word_or_a_number(update_freq):
    with raises_text(ArgumentError, "update_freq must be", repr(update_freq)):
        TensorBoard(update_freq=update_freq)


def test_a_frequency_of_histograms_is_a_number():
    with raises_text(ArgumentError, "histogram_freq must be an integer", "-1"):
        TensorBoard(histogram_freq=-1)


def test_a_metric_of_several_numbers_is_several_series(tmp_path):
    model = ours()
    several = metrics.Precision(thresholds=[0.25, 0.5])
    model.compile("adam", "categorical_crossentropy", [several])
    x, y = data()
    one_hot = np.eye(3, dtype=np.float32)[y]
    history = model.fit(x, one_hot, callbacks=TensorBoard(tmp_path), **CALL)
    found = written_in(tmp_path)
    for index in (0, 1):
        values = [entry[index] for entry in history.history["precision"]]
        assert_series(found, ("train", f"epoch_precision_{index}"), range(3), values)


def test_weights_are_pictures_where_they_are_asked_for(tmp_path):
    model = ours()
    callback = TensorBoard(tmp_path, 2, write_images=True, write_graph=True)
    model.fit(*data(), callbacks=[callback], **CALL)
    found = written_in(tmp_path)
    for weight in model.weights:
        pictures = found[("train", f"sequential/{weight.path}/image")]
        assert [step for step, _ in pictures] == [0, 2]
        value = weight.numpy()
        value = value[:, None] if value.ndim == 1 else value
        value = value.T if value.shape[0] > value.shape[1] > 1 else value
        grey = np.asarray(Image.open(io.BytesIO(pictures[1][1].encoded_image_string)))
        assert (pictures[1][1].height, pictures[1][1].width) == value.shape
        expected = np.clip(255.5 * value, 0, 255)
        assert np.abs(grey.reshape(*value.shape, -1)[..., 0] - expected).max() < 1


def test_steps_a_second_are_written_where_they_are_asked_for(tmp_path):
    callback = TensorBoard(tmp_path, write_steps_per_second=True, update_freq=2)
    ours().fit(*data(), callbacks=callback, **CALL)
    found = written_in(tmp_path)
    epochs = found[("train", "epoch_steps_per_second")]
    assert [step for step, _ in epochs] == [0, 1, 2]
    batches = found[("train", "batch_steps_per_second")]
    assert [step for step, _ in batches] == [2, 4, 6, 8]
    assert all(0 < value < 1e6 for _, value in [*epochs, *batches])


def test_batches_are_profiled_where_they_are_asked_for(tmp_path, monkeypatch):
    model, events = ours(), []
    steps = lambda: int(model.state.step)  # noqa: E731
    start = lambda folder: events.append((folder, steps()))  # noqa: E731
    monkeypatch.setattr(jax.profiler, "start_trace", start)
    monkeypatch.setattr(jax.profiler, "stop_trace", lambda: events.append(steps()))
    folder = str(tmp_path / "train")
    for given, expected in (
        (2, [1, 2]),
        ((4, 5), [3, 5]),
        ("3, 3", [2, 3]),
        ([8, 20], [7, 9]),  # it ends with the training
        (20, []),
        (0, []),
    ):
        model = ours()
        callback = TensorBoard(tmp_path, profile_batch=given)
        stepwise = CallbackList([callback], model, {}).watches_batches("train")
        assert stepwise is (given != 0)
        model.fit(*data(), callbacks=callback, **CALL)
        begun = [(folder, step) for step in expected[:1]]
        assert events == [*begun, *expected[1:]], given
        events.clear()


def test_what_it_cannot_do_gets_one_sentence(monkeypatch):
    words = "profile_batch must be the number of a batch, from 1, or a pair"
    for given in (-1, (3, 2), (1, 2, 3), "all", "2,all,", 1.5, (), None, (0, 4)):
        with raises_text(ArgumentError, words, repr(given)):
            TensorBoard(profile_batch=given)
    for name in ("write_graph", "write_images", "write_steps_per_second"):
        with raises_text(ArgumentError, f"{name} must be True or False, not 'no'"):
            TensorBoard(**{name: "no"})
    monkeypatch.setitem(sys.modules, "PIL", None)
    with raises_text(MissingExtraError, "PIL is not installed", '"jaxnet-mini[plot]"'):
        TensorBoard(write_images=True)
