"""Training that is killed at random moments goes on, and ends with the same bits.

The processes are forked from one that has imported all and started nothing, and find
their programs in JAX's persistent cache: each lives for half a second.
"""

import json
import os

import pytest
from interpreter import run

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")

SCRIPT = """
import hashlib, json, math, os, random, select, signal, sys, time, warnings
from pathlib import Path
import jax
import numpy as np
import jaxnet_mini as jn
from jaxnet_mini.callbacks import BackupAndRestore, Callback, EarlyStopping

warnings.simplefilter("error")
home = sys.argv[1]
EPOCHS, STEPS = 12, 10
random.seed(0)
rng = np.random.default_rng(0)
x, y = rng.normal(size=(97, 8)).astype(np.float32), rng.integers(0, 3, 97)


def plain():
    layers = [jn.Dense(16, "relu"), jn.Dropout(0.1), jn.Dense(3, "softmax")]
    model = jn.Sequential(layers)
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    return model, x, y


def rich():
    # All that is remembered from step to step: moving moments, an average of the
    # weights, sums of gradients, a rate that falls; of two inputs and two outputs.
    wide, deep = jn.Input((2,), name="wide"), jn.Input((6,), name="deep")
    h = jn.Dense(8, "relu")(jn.layers.BatchNormalization(momentum=0.9)(deep))
    h = jn.layers.Concatenate()([jn.Dropout(0.2)(h), wide])
    classes, value = jn.Dense(3, "softmax", name="classes"), jn.Dense(1, name="value")
    outputs = {"classes": classes(h), "value": value(jn.Dropout(0.1)(h))}
    model = jn.Model({"wide": wide, "deep": deep}, outputs)
    rate = jn.optimizers.schedules.CosineDecay(0.01, 100)
    options = {"use_ema": True, "ema_overwrite_frequency": 25, "clipnorm": 1.0}
    model.compile(
        jn.optimizers.Adam(rate, gradient_accumulation_steps=2, **options),
        {"classes": "sparse_categorical_crossentropy", "value": "mse"},
        {"classes": ["accuracy"]},
        loss_weights={"classes": 1.0, "value": 0.3},
    )
    given = {"wide": x[:, :2], "deep": x[:, 2:]}
    return model, given, {"classes": y, "value": x.sum(1, keepdims=True)}


class Telling(Callback):
    # Where it is, to the other end of a pipe.
    def __init__(self, pipe):
        self.pipe = pipe

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        os.write(self.pipe, f"{self.epoch * STEPS + batch + 1} ".encode())


def train(made, folder, every, pipe):
    jn.utils.enable_compilation_cache(f"{home}/programs")
    model, inputs, targets = made()
    hooks = [EarlyStopping("loss", patience=100, restore_best_weights=True)]
    if folder:
        hooks.append(BackupAndRestore(folder, every, delete_checkpoint=False))
    if pipe:
        hooks.append(Telling(pipe))
    given = {"batch_size": 10, "epochs": EPOCHS, "callbacks": hooks, "verbose": 0}
    history = model.fit(inputs, targets, **given)
    state = model.state._replace(key=jax.random.key_data(model.state.key))
    bits = b"".join(np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(state))
    text = json.dumps([history.history, history.epoch, hooks[0].best_epoch])
    return hashlib.sha256(bits + text.encode()).hexdigest()


def forked(work):
    number = os.fork()
    if number:
        return number
    status = 1
    try:
        work()
        status = 0
    except BaseException as error:
        print(repr(error), file=sys.stderr, flush=True)
    finally:
        os._exit(status)


def kill(made, kills):
    name = made.__name__

    def wanted():
        Path(home, name).write_text(train(made, None, None, None))

    # The first fills the cache, and the second tells how long a life is here.
    for _ in range(2):
        since = time.monotonic()
        assert os.waitpid(forked(wanted), 0)[1] == 0
    life = time.monotonic() - since
    expected = Path(home, name).read_text()
    done = {"killed": 0, "ended": 0, "resumed": 0, "within an epoch": 0, "lost": 0}
    run = 0
    while done["killed"] < kills:
        every = ["epoch", 3, 1][run % 3]
        interval = STEPS if every == "epoch" else every
        folder, result = f"{home}/{name}{run}", f"{home}/{name}{run}.txt"
        reached, deaths = 0, run % 4 + 1
        while True:
            reader, writer = os.pipe()

            def work():
                answer = train(made, folder, every, writer)
                Path(result).write_text(answer)

            child = forked(work)
            os.close(writer)
            # At any moment of a life, or after so many steps of what is left: those
            # come wherever the machine is slower than when a life was timed. After its
            # deaths a run is left to end.
            chance, part, pause = random.random(), random.random(), random.random()
            end = news = math.inf
            if deaths and chance < 0.3:
                end = time.monotonic() + part * life
            elif deaths:
                news = part * (EPOCHS * STEPS - reached)
            told = b""
            while time.monotonic() < end and told.count(b" ") < news:
                if select.select([reader], [], [], 0.001)[0]:
                    piece = os.read(reader, 1 << 16)
                    told += piece
                    if not piece:  # it has ended by itself
                        break
            else:
                time.sleep(0.002 * pause)
                os.kill(child, signal.SIGKILL)
            status = os.waitpid(child, 0)[1]
            while piece := os.read(reader, 1 << 16):
                told += piece
            os.close(reader)
            steps = [int(step) for step in told.split()]
            if steps:
                # What was written while the last whole interval was computed is there.
                whole = max(0, reached - 1) // interval * interval
                assert steps[0] > whole - interval, (every, reached, steps[0])
                done["lost"] = max(done["lost"], reached + 1 - steps[0])
                done["resumed"] += steps[0] > 1
                done["within an epoch"] += steps[0] % STEPS != 1
                reached = steps[-1]
            if os.WIFSIGNALED(status):
                done["killed"] += 1
                deaths = deaths - 1 if done["killed"] < kills else 0
                continue
            assert status == 0, status
            assert Path(result).read_text() == expected, (run, every)
            done["ended"] += 1
            break
        run += 1
    return done


print(json.dumps([kill(plain, int(sys.argv[2])), kill(rich, int(sys.argv[3]))]))
"""


def test_killed_at_any_moment(tmp_path, amount):
    kills = amount(quick=4, long=300), amount(quick=1, long=100)
    found = json.loads(run("-c", SCRIPT, str(tmp_path), *map(str, kills), timeout=3600))
    print(found)
    for number, done in zip(kills, found, strict=True):
        assert done["killed"] == number
        # A run dies four times at most, and each has ended well after its deaths.
        assert done["ended"] >= number / 4
    # They came at all sorts of moments.
    assert sum(done["resumed"] for done in found) > sum(kills) // 4
    assert sum(done["within an epoch"] for done in found) > 0
    # Runs are kept in three ways, in turn.
    assert found[0]["ended"] >= 3
