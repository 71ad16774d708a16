"""Lesson 19: A look inside.

What does a network make of an image before it answers? The outputs of each layer can
be asked for. Here all that the network knows of an image has to pass through two
neurons, and two numbers are a point on a map.

    python examples/lessons/lesson_19_a_look_inside.py
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from classroom import blank, choose_data, pictures, save, tell

from jaxnet_mini import Model, Sequential
from jaxnet_mini.layers import Dense, Flatten
from jaxnet_mini.optimizers import Adam


def draw_map(points: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> Any:
    """Draw a dot for each image, and the name of each class amid its dots."""
    figure, axes = blank(
        "Test images as two neurons have them",
        "output of the first neuron",
        "output of the second neuron",
    )
    figure.set_size_inches(6.4, 5.6)
    axes.scatter(*points.T, c=labels, cmap="tab10", s=14, alpha=0.8)
    for label, name in enumerate(names):
        x, y = np.median(points[labels == label], axis=0)
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 1}
        axes.text(x, y, name, weight="bold", ha="center", va="center", bbox=box)
    return figure


def main(arguments: list[str] | None = None) -> None:
    tell(__doc__)

    tell("""
        Through a narrow place

        The layer `two` has two neurons. `tanh` keeps their outputs between -1 and 1.
        The layers after it see nothing of the image but these two numbers.
    """)
    data = choose_data(arguments)
    (x_train, y_train), (x_test, y_test) = data.load()
    x_train, x_test = x_train / data.brightest, x_test / data.brightest
    x_test, y_test = x_test[:1000], y_test[:1000]
    model = Sequential(
        [
            Flatten(input_shape=x_train.shape[1:]),
            Dense(64, activation="relu"),
            Dense(2, activation="tanh", name="two"),
            Dense(64, activation="relu"),
            Dense(10, activation="softmax"),
        ],
        seed=0,
    )
    model.compile(Adam(0.005), "sparse_categorical_crossentropy", ["accuracy"])
    model.fit(x_train, y_train, epochs=40, verbose=0)
    print(f"Test accuracy {model.evaluate(x_test, y_test, verbose=0)[1]:.3f}.")

    tell("""
        A model of the first layers

        `model.layers[2]` is the layer as it stands in this network, with its weights,
        and `output` is what it gives. A `Model` from the network's inputs to there is
        its first half. Nothing is copied: it is the same layers, with the same weights.
    """)
    look = Model(model.inputs, model.layers[2].output)
    points = look.predict(x_test)
    print(f"The outputs of the layer have the shape {points.shape}.")
    print("label   first neuron   second neuron   the network says")
    said = model.predict(x_test).argmax(axis=1)
    for label, (one, two), answer in zip(y_test[:6], points, said, strict=False):
        print(f"{label:5} {one:z14.2f} {two:z15.2f} {answer:18}")

    tell("""
        How near is alike?

        On a map one can look up the nearest training image, and take its label for an
        answer. With two pixels of the image in place of the two neurons that would be
        of little use.
    """)
    places = look.predict(x_train)
    height, width = x_test.shape[1:]
    middle = (slice(None), (height // 3, 2 * height // 3), width // 2)
    for name, known, asked in (
        ("neurons", places, points),
        ("pixels", x_train[middle], x_test[middle]),
    ):
        # ||a - b||**2 = a**2 - 2 a b + b**2, of which the first is the same for all b.
        distance = np.sum(known**2, axis=1) - 2 * asked @ known.T
        right = np.mean(y_train[distance.argmin(axis=1)] == y_test)
        print(f"Nearest by two {name}: {right:.3f} are right.")

    tell("""
        The map

        Nobody told the two neurons where to put what. Images of one class lie
        together, since the layers after it can then tell them from others.
    """)
    with pictures():
        save(draw_map(points, y_test, data.names), "lesson_19_map.png")


if __name__ == "__main__":
    main()
