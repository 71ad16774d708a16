"""Lesson 20: Without the class.

`Sequential` keeps the weights, and `fit` changes them. Below that there are only values
that never change, and functions that make new ones. This lesson trains a network both
ways and compares.

    python examples/lessons/lesson_20_without_the_class.py
"""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from classroom import blank, choose_data, pictures, save, tell

import jaxnet_mini as jn
from jaxnet_mini.data import order
from jaxnet_mini.plotting import BLUE, VERMILION

EPOCHS = 5
BATCH_SIZE = 32


def draw_losses(
    fitted: Sequence[float], by_hand: Sequence[float], many: np.ndarray
) -> Any:
    """Draw the training loss of each epoch: of fit, of the loop, and of eight nets."""
    figure, axes = blank("The same network, three ways", "epoch", "training loss")
    epochs = range(1, EPOCHS + 1)
    for number, losses in enumerate(many):
        name = None if number else "eight other starts at once"
        axes.plot(epochs, losses, color="lightgray", label=name)
    axes.plot(epochs, fitted, color=BLUE, label="Sequential and fit")
    axes.plot(epochs, by_hand, "o", color=VERMILION, label="pure functions")
    axes.set_xticks(epochs)
    axes.set_ylim(0, None)
    axes.legend()
    return figure


def main(arguments: list[str] | None = None) -> None:
    tell(__doc__)

    tell("""
        As before

        First as in all other lessons. All random numbers come from the seed.
    """)
    data = choose_data(arguments)
    (x_train, y_train), (x_test, _) = data.load()
    x_train, x_test = (np.float32(x / data.brightest) for x in (x_train, x_test))
    y_train = np.int32(y_train)
    image_shape = x_train.shape[1:]
    layers = (jn.Flatten(), jn.Dense(32, "relu"), jn.Dense(10, "softmax"))
    model = jn.Sequential([jn.Input(image_shape), *layers], seed=0)
    model.compile("adam", "sparse_categorical_crossentropy")
    history = model.fit(
        x_train, y_train, batch_size=BATCH_SIZE, epochs=EPOCHS, verbose=0
    )
    fitted = history.history["loss"]
    print("loss:", *(f"{loss:.4f}" for loss in fitted))

    tell("""
        A network is a value

        `jn.serial` puts layers one after the other. It holds no weights: `init` makes
        them of a random key, and `apply` takes them. They are a dictionary.
    """)
    net = jn.serial(*layers)
    shape, params = net.init(jax.random.key(0), image_shape)
    print(f"An answer has the shape {shape}.")
    for name, weights in params.items():
        print(name, {part: values.shape for part, values in weights.items()})
    answer = net.apply(params, x_test[:1])
    print(f"Sum of the ten probabilities: {float(answer.sum()):.3f}")

    tell("""
        Training is a function

        A trainer is a value, too: what is learned, and how. `step` takes a state and a
        batch, and returns a new state. In the state is all that changes: the weights,
        what the optimizer remembers, the number of steps. `order` says which images
        make which batch, as `fit` has it for the seed 0 before its first step.
    """)
    trainer = jn.Trainer(net, loss="sparse_categorical_crossentropy", optimizer="adam")
    state = trainer.init(jax.random.key(0), image_shape)
    step = jax.jit(trainer.step)
    batches = [
        [rows[rows >= 0] for rows in order([0, 0], epoch, len(x_train), BATCH_SIZE)]
        for epoch in range(EPOCHS)
    ]
    by_hand = []
    for epoch in batches:
        total = 0.0
        for rows in epoch:
            if len(rows):
                state, logs = step(state, (x_train[rows], y_train[rows]))
                total += float(logs["loss"]) * len(rows)
        by_hand.append(total / len(x_train))
    print("loss:", *(f"{loss:.4f}" for loss in by_hand))
    print(f"Steps taken: {int(state.step)}")

    tell("""
        Is it the same?

        The weights of both, compared one by one. There may be a difference in the last
        digits, since numbers are rounded at other places.
    """)
    differences = jax.tree.map(
        lambda ours, theirs: np.max(np.abs(ours - theirs)), state.params, model.params
    )
    largest = max(jax.tree.leaves(differences))
    print(f"Largest difference: {largest:.0e}")
    print(f"The same to five digits: {largest < 1e-5}")

    tell("""
        What it is good for

        What is a pure function, JAX can transform. `jax.grad` makes its gradient and
        `jax.jit` compiles it. `jax.vmap` makes a function for one network one for many:
        here eight networks learn in one program, from eight starts.
    """)
    keys = jax.random.split(jax.random.key(1), 8)
    states = jax.jit(jax.vmap(lambda key: trainer.init(key, image_shape)))(keys)
    steps = jax.jit(jax.vmap(trainer.step, in_axes=(0, None)))
    many = np.zeros((8, EPOCHS))
    for epoch, of_epoch in enumerate(batches):
        for rows in of_epoch:
            if len(rows):
                states, logs = steps(states, (x_train[rows], y_train[rows]))
                many[:, epoch] += np.asarray(logs["loss"]) * len(rows) / len(x_train)
    print(f"Last losses: from {many[:, -1].min():.3f} to {many[:, -1].max():.3f}")
    with pictures():
        save(draw_losses(fitted, by_hand, many), "lesson_20_losses.png")


if __name__ == "__main__":
    main()
