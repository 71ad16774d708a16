"""The same in pure functions, without `Sequential`; and eight models at once.

python examples/functional.py
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxnet_mini as jn
from jaxnet_mini.data import Data, order
from jaxnet_mini.datasets import digits

BATCH_SIZE = 30
EPOCHS = 15


def main() -> None:
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    x_train, x_test = np.float32(x_train / 16), np.float32(x_test / 16)
    y_train, y_test = np.int32(y_train), np.int32(y_test)
    rows = len(x_train)
    steps = rows // BATCH_SIZE

    # A layer is a value with two pure functions.
    net = jn.serial(
        jn.Flatten(), jn.Dense(128, activation="relu"), jn.Dense(10, "softmax")
    )
    output_shape, params = net.init(jax.random.key(0), (8, 8))
    print("output shape", output_shape)
    print(jax.tree.map(jnp.shape, params))
    print("probabilities", np.asarray(net.apply(params, x_test[:1])).round(3))

    # A trainer is a value too. Any optax transformation goes in unchanged.
    trainer = jn.Trainer(
        net,
        loss="sparse_categorical_crossentropy",
        optimizer=optax.chain(optax.clip_by_global_norm(1.0), optax.adam(3e-3)),
        metrics=("accuracy",),
    )

    # One step at a time, in a loop of your own ...
    state = trainer.init(jax.random.key(0), (8, 8))
    step = jax.jit(trainer.step)
    for batch in order([0], epoch=0, rows=rows, batch_size=BATCH_SIZE)[:steps]:
        state, logs = step(state, (x_train[batch], y_train[batch]))
    print(f"after {int(state.step)} steps, on the last batch:")
    print({name: round(float(value), 3) for name, value in logs.items()})

    # ... or an epoch in one compiled loop over data that lie on the device.
    data = jax.device_put(Data(x_train, y_train, None, np.int32(rows)))
    loop = jax.jit(trainer.loop)
    for epoch in range(1, EPOCHS):
        places = order([0], epoch, rows, BATCH_SIZE)
        state = loop(state, data, places, 0, steps).state
    print(f"one model: {accuracy(net, state.params, x_test, y_test):.3f}")

    # Everything composes: vmap over the state trains eight models in one program.
    keys = jax.random.split(jax.random.key(1), 8)
    states = jax.jit(jax.vmap(lambda key: trainer.init(key, (8, 8))))(keys)
    loops = jax.jit(jax.vmap(trainer.loop, in_axes=(0, None, None, None, None)))
    for epoch in range(EPOCHS):
        places = order([0], epoch, rows, BATCH_SIZE)
        states = loops(states, data, places, 0, steps).state
    every = jax.vmap(lambda params: accuracy(net, params, x_test, y_test))
    print("eight models:", np.asarray(every(states.params)).round(3))


@functools.partial(jax.jit, static_argnames="net")
def accuracy(net: jn.Layer, params: dict, x: np.ndarray, y: np.ndarray) -> jax.Array:
    """Return the share of images whose largest probability is the label's."""
    return jnp.mean(jnp.argmax(net.apply(params, x), axis=-1) == y)


if __name__ == "__main__":
    main()
