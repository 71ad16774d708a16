"""Lesson 2: What do ten numbers mean?

A trained network answers a picture with ten numbers. This lesson reads them: they are
probabilities, and the place of the largest one is the answer.

    python examples/lessons/lesson_02_ten_numbers.py
"""

from collections.abc import Sequence

import numpy as np
from classroom import as_text, choose_data, pictures, save, tell

from jaxnet_mini import Sequential
from jaxnet_mini.layers import Dense, Flatten
from jaxnet_mini.plotting import confusion_matrix, show_images


def print_bars(probabilities: np.ndarray, names: Sequence[str]) -> None:
    """Print a line for each class: its probability as a number and as a bar."""
    for label, (name, share) in enumerate(zip(names, probabilities, strict=True)):
        bar = "#" * round(40 * float(share))
        print(f"{label}  {name:12} {share:.4f}  {bar}".rstrip())


def main(arguments: list[str] | None = None) -> None:
    tell(__doc__)

    tell("""
        A trained network

        It is the network of lesson 1.
    """)
    data = choose_data(arguments)
    (x_train, y_train), (x_test, y_test) = data.load()
    x_train, x_test = x_train / data.brightest, x_test / data.brightest
    model = Sequential(
        [
            Flatten(input_shape=x_train.shape[1:]),
            Dense(128, activation="relu"),
            Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    model.fit(x_train, y_train, epochs=10, verbose=0)
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"{data.title}: test accuracy {accuracy:.3f}.")

    tell("""
        One image, ten numbers

        `predict` takes several images and gives one row of numbers for each. For one
        image we write `x_test[:1]`: a list of one image.
    """)
    probabilities = model.predict(x_test[:1])
    print(as_text(x_test[0]))
    print(f"\nShape of the answer: {probabilities.shape}\n")
    print_bars(probabilities[0], data.names)
    print(f"\nTogether the ten numbers make {probabilities[0].sum():.4f}.")

    tell("""
        From the numbers to the answer

        Each number is the probability that the network gives to one label. The
        answer is the place of the largest number, which `argmax` finds.
    """)
    answer = int(np.argmax(probabilities[0]))
    print(f"The largest number is {probabilities[0][answer]:.4f}, at place {answer}.")
    print(f"The network says: {data.names[answer]}.")
    print(f"The label says: {data.names[y_test[0]]}.")

    tell("""
        When it is wrong

        A probability is no promise. Among the images that were named wrong, this is
        the one that the network was most sure of.
    """)
    every = model.predict(x_test)
    answers = every.argmax(axis=1)
    wrong = np.flatnonzero(answers != y_test)
    wrong = wrong[np.argsort(-every[wrong].max(axis=1), kind="stable")]
    worst = wrong[0]
    print(f"{len(wrong):,} of {len(y_test):,} test images were named wrong.\n")
    print(as_text(x_test[worst]))
    print()
    print_bars(every[worst], data.names)
    print(f"\nThe label says: {data.names[y_test[worst]]}.")

    tell("""
        Mistakes in pictures

        First some wrong answers, the surest ones first. Then the confusion matrix:
        each row is a label, and the numbers in it count the answers. Right answers
        stand on the diagonal.
    """)
    with pictures():
        few = wrong[:10]
        save(
            show_images(x_test[few], y_test[few], every[few], data.names),
            "lesson_02_mistakes.png",
        )
        save(confusion_matrix(y_test, every, data.names), "lesson_02_confusion.png")


if __name__ == "__main__":
    main()
