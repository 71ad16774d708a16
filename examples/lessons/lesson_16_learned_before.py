"""Lesson 16: Learned before.

For a new question there are often few examples. But a network that has learned to
answer another question about such images knows how to look at them. It can become a
part of a new one, and be frozen: it is used and not trained. That is called transfer.

    python examples/lessons/lesson_16_learned_before.py
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from classroom import blank, choose_data, pictures, save, tell

from jaxnet_mini import Sequential
from jaxnet_mini.datasets import digits
from jaxnet_mini.layers import Dense, Flatten
from jaxnet_mini.optimizers import Adam
from jaxnet_mini.plotting import BLUE, VERMILION

FEW = 30
EPOCHS = 60


def draw_accuracies(accuracies: Mapping[str, Sequence[float]]) -> Any:
    """Draw the test accuracy after each epoch, one line a network."""
    figure, axes = blank(
        f"Is it a prime? Learned from {FEW} images", "epoch", "test accuracy"
    )
    styles = (("--", VERMILION), ("-", BLUE))
    for (name, values), (style, colour) in zip(accuracies.items(), styles, strict=True):
        axes.plot(range(1, EPOCHS + 1), values, style, color=colour, label=name)
    axes.set_ylim(0.4, 1)
    axes.legend(title="layers below", loc="lower right")
    return figure


def main(arguments: list[str] | None = None) -> None:
    tell(__doc__)

    tell("""
        The first question

        All images but the last thirty come with their digit. A network learns to name
        it, with ten probabilities, as in the first lessons.
    """)
    choose_data(arguments)  # All lessons take the same arguments; this one has digits.
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    x_train, x_test = x_train / 16, x_test / 16
    learned = Sequential(
        [
            Flatten(input_shape=(8, 8)),
            Dense(64, activation="relu"),
            Dense(10, activation="softmax"),
        ],
        name="learned",
        seed=0,
    )
    learned.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    learned.fit(x_train[:-FEW], y_train[:-FEW], epochs=20, verbose=0)
    accuracy = learned.evaluate(x_test, y_test, verbose=0)[1]
    print(f"Test accuracy {accuracy:.3f}: which digit?")

    tell("""
        The new question

        Is the digit a prime number, 2, 3, 5 or 7? Only the thirty images that were put
        aside come with the answer. One network begins from nothing. In the other one
        the network from above stands as a layer, and `trainable = False` freezes it:
        only what comes after it learns.
    """)
    x, y = x_train[-FEW:], np.isin(y_train[-FEW:], (2, 3, 5, 7))
    prime_test = np.isin(y_test, (2, 3, 5, 7))
    new = Sequential(
        [
            Flatten(input_shape=(8, 8)),
            Dense(64, activation="relu"),
            Dense(64, activation="relu"),
        ],
        name="new",
    )
    learned.trainable = False
    before = learned.get_weights()
    accuracies = {}
    print("layers below     parameters   trained   training accuracy   test accuracy")
    for name, below in (("new", new), ("learned before", learned)):
        model = Sequential([below, Dense(1, activation="sigmoid")], seed=0)
        model.compile(Adam(0.03), "binary_crossentropy", ["accuracy"])
        history = model.fit(
            x, y, epochs=EPOCHS, validation_data=(x_test, prime_test), verbose=0
        )
        accuracies[name] = history.history["val_accuracy"]
        trained = sum(weight.numpy().size for weight in model.trainable_weights)
        print(
            f"{name:16} {model.count_params():10,} {trained:9,} "
            f"{history.history['accuracy'][-1]:19.3f} {accuracies[name][-1]:15.3f}"
        )

    tell("""
        What stayed

        Thousands of parameters can learn thirty images by heart, which need not help
        with others. Eleven cannot: they only say which digits are primes, and what a
        digit looks like was learned before, from many images. The frozen weights are
        the same as before, so the first network answers as it did.
    """)
    same = all(map(np.array_equal, before, learned.get_weights()))
    print(f"The frozen weights are as they were: {same}")
    again = learned.evaluate(x_test, y_test, verbose=0)[1]
    print(f"The first network's test accuracy is still {again:.3f}.")
    with pictures():
        save(draw_accuracies(accuracies), "lesson_16_accuracies.png")


if __name__ == "__main__":
    main()
