"""Lesson 18: How sure is it?

`Dropout` switches off half of the neurons, others at each step, so that the network
does not rely on a few of them. Usually that ends with the training. If it goes on when
the network is asked, each answer is a little different, and how much they differ tells
how far an answer can be trusted. That is called Monte-Carlo dropout.

    python examples/lessons/lesson_18_how_sure_is_it.py
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from classroom import choose_data, pictures, save, tell

from jaxnet_mini import Sequential
from jaxnet_mini.errors import import_extra
from jaxnet_mini.layers import Dense, Dropout, Flatten
from jaxnet_mini.plotting import BLUE

DRAWS = 100


def draw_votes(
    images: np.ndarray, votes: Sequence[np.ndarray], names: Sequence[str]
) -> Any:
    """Draw two images, and beside each how often each class was named."""
    matplotlib = import_extra("matplotlib.figure", "plot")
    figure = matplotlib.Figure(figsize=(9, 3.2), layout="constrained")
    figure.suptitle(f"{DRAWS} answers to the same image")
    panels = figure.subplots(1, 4, width_ratios=(1, 1.6, 1, 1.6))
    for image, counts, word, left in zip(
        images, votes, ("steady", "wavering"), (0, 2), strict=True
    ):
        panels[left].imshow(image, cmap="gray")
        panels[left].set_title(word)
        panels[left].axis("off")
        panels[left + 1].barh(names, counts, color=BLUE)
        panels[left + 1].set(xlabel="answers", ylabel="class", xlim=(0, DRAWS))
        panels[left + 1].invert_yaxis()
    return figure


def main(arguments: list[str] | None = None) -> None:
    tell(__doc__)

    tell("""
        The network

        `Dropout(0.5)` switches off each of the 128 neurons with probability one half.
        `predict` and `evaluate` leave all of them on.
    """)
    data = choose_data(arguments)
    (x_train, y_train), (x_test, y_test) = data.load()
    x_train, x_test = x_train / data.brightest, x_test / data.brightest
    x_test, y_test = x_test[:1000], y_test[:1000]
    model = Sequential(
        [
            Flatten(input_shape=x_train.shape[1:]),
            Dense(128, activation="relu"),
            Dropout(0.5),
            Dense(10, activation="softmax"),
        ],
        seed=0,
    )
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    model.fit(x_train, y_train, epochs=10, verbose=0)
    answers = model.predict(x_test).argmax(axis=1)
    wrong = answers != y_test
    print(f"{wrong.sum()} of {len(y_test)} test images are named wrong.")

    tell("""
        A hundred answers

        `model(x, training=True)` answers as in training: each call switches off other
        neurons. Here every image is asked about a hundred times. How many of these
        answers name the class that `predict` names?
    """)
    many = np.stack([model(x_test, training=True) for _ in range(DRAWS)])
    print(f"The answers have the shape {many.shape}.")
    named = many.argmax(axis=2)
    agreeing = np.sum(named == answers, axis=0)
    print("answers that agree   images   named wrong")
    for least, most in ((0, 59), (60, 89), (90, 99), (100, 100)):
        chosen = (least <= agreeing) & (agreeing <= most)
        span = f"{least} to {most}" if least < most else "all 100"
        print(f"{span:18} {chosen.sum():8} {wrong[chosen].sum():13}")

    tell("""
        What that is good for

        Where the answers agree, the network is seldom wrong. Where they do not, it
        would be wise to ask a person.
    """)
    order = np.argsort(agreeing, kind="stable")
    tenth = len(order) // 10
    found = wrong[order[:tenth]].sum()
    print(f"Among the {tenth} images with the least agreement, a tenth of all, there")
    print(f"are {found} of the {wrong.sum()} mistakes.")
    with pictures():
        two = [order[-1], order[0]]
        votes = [np.bincount(named[:, row], minlength=10) for row in two]
        save(draw_votes(x_test[two], votes, data.names), "lesson_18_votes.png")


if __name__ == "__main__":
    main()
