"""Lesson 14: Two images, two answers.

A network may take several inputs and give several outputs. Here it looks at two
digits, left and right, and answers two questions: what is their sum, and is the right
one larger?

    python examples/lessons/lesson_14_two_images_two_answers.py
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from classroom import choose_data, pictures, save, tell

from jaxnet_mini import Model, Sequential
from jaxnet_mini.datasets import digits
from jaxnet_mini.errors import import_extra
from jaxnet_mini.layers import Concatenate, Dense, Flatten, Input

EPOCHS = 20


def pairs(
    images: np.ndarray, labels: np.ndarray, rows: int, seed: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Draw pairs of images; return them and what is true of them."""
    left, right = np.random.default_rng(seed).integers(0, len(images), (2, rows))
    x = {"left": images[left] / 16, "right": images[right] / 16}
    larger = (labels[right] > labels[left]).astype("float32")
    return x, {"sum": labels[left] + labels[right], "larger": larger}


def draw_pairs(
    x: Mapping[str, np.ndarray],
    y: Mapping[str, np.ndarray],
    said: Mapping[str, np.ndarray],
) -> Any:
    """Draw the first six pairs with what the network says of them."""
    matplotlib = import_extra("matplotlib.figure", "plot")
    figure = matplotlib.Figure(figsize=(7, 3.4), layout="constrained")
    figure.suptitle("What the network says (in brackets: what is true)")
    for row, axes in enumerate(figure.subplots(2, 3).flat):
        gap = np.ones((8, 1))
        both = np.hstack([x["left"][row], gap, x["right"][row]])
        axes.imshow(both, cmap="gray")
        word = ["no", "yes"]
        answer = word[int(said["larger"][row, 0] > 0.5)]
        axes.set_title(
            f"sum {said['sum'][row].argmax()} ({y['sum'][row]})\n"
            f"right is larger: {answer} ({word[int(y['larger'][row])]})",
            fontsize="medium",
        )
        axes.axis("off")
    return figure


def main(arguments: list[str] | None = None) -> None:
    tell(__doc__)

    tell("""
        Pairs

        Inputs and targets are dictionaries, so that each has a name.
    """)
    choose_data(arguments)  # All lessons take the same arguments; this one has digits.
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    x, y = pairs(x_train, y_train, rows=4000, seed=0)
    x_new, y_new = pairs(x_test, y_test, rows=1000, seed=1)
    for name, values in {**x, **y}.items():
        print(f"{name:6} has the shape {values.shape}.")
    print(f"The first pair: sum {y['sum'][0]}, right is larger: {y['larger'][0]:.0f}.")

    tell("""
        One eye for both

        A digit is a digit, left or right. So one small network, the eye, looks at both
        images: it is called twice, and has its weights only once. What it saw is put
        side by side. From there two last layers go to the two answers. Their names are
        those of the targets, and each has a loss of its own.
    """)
    eye = Sequential(
        [Flatten(), Dense(64, activation="relu"), Dense(32, activation="relu")],
        name="eye",
    )
    left, right = Input((8, 8), name="left"), Input((8, 8), name="right")
    seen = Concatenate()([eye(left), eye(right)])
    hidden = Dense(64, activation="relu")(seen)
    outputs = {
        "sum": Dense(19, activation="softmax", name="sum")(hidden),
        "larger": Dense(1, activation="sigmoid", name="larger")(hidden),
    }
    model = Model([left, right], outputs, seed=0)
    model.summary()

    tell("""
        Two losses

        Training makes the sum of both losses small. Losses and metrics come for each
        answer, by its name. Who always says 9 is right about the sum in one of ten
        pairs, and who always says no about the other in half of them, roughly.
    """)
    model.compile(
        "adam",
        loss={
            "sum": "sparse_categorical_crossentropy",
            "larger": "binary_crossentropy",
        },
        metrics={"sum": ["accuracy"], "larger": ["accuracy"]},
    )
    model.fit(x, y, epochs=EPOCHS, verbose=0)
    result = model.evaluate(x_new, y_new, verbose=0, return_dict=True)
    print("answer   test loss   test accuracy   always the same answer")
    for name, usual in (("sum", 9), ("larger", 0)):
        same = np.mean(y_new[name] == usual)
        print(
            f"{name:6} {result[name + '_loss']:11.3f} "
            f"{result[name + '_accuracy']:15.3f} {same:24.3f}"
        )
    print(f"both   {result['loss']:11.3f}")

    tell("""
        What it says

        `predict` gives a dictionary, too. Nobody told the network what a digit is: it
        was only told sums, and which is larger.
    """)
    said = model.predict(x_new)
    for name, values in said.items():
        print(f"{name:6} has the shape {values.shape}.")
    with pictures():
        save(draw_pairs(x_new, y_new, said), "lesson_14_pairs.png")


if __name__ == "__main__":
    main()
