"""Lesson 4: Two mistakes and what the library says.

Everybody leaves out `Flatten` once, and everybody gives the last layer the wrong
number of neurons once. This lesson makes both mistakes on purpose and reads the errors.

    python examples/lessons/lesson_04_two_mistakes.py
"""

from classroom import choose_data, tell

from jaxnet_mini import Sequential
from jaxnet_mini.errors import DataError, ShapeError
from jaxnet_mini.layers import Dense, Flatten


def main(arguments: list[str] | None = None) -> None:
    tell(__doc__)

    tell("""
        Without Flatten

        This network takes the images as they are, as tables.
    """)
    data = choose_data(arguments)
    (x_train, y_train), (x_test, y_test) = data.load()
    x_train, x_test = x_train / data.brightest, x_test / data.brightest
    model = Sequential(
        [
            Dense(128, activation="relu", input_shape=x_train.shape[1:]),
            Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    try:
        model.fit(x_train, y_train, epochs=1, verbose=0)
    except ShapeError as error:
        print(f"{type(error).__name__}: {error}")

    tell("""
        Why

        `Dense` works on the last axis of what it gets. Without `Flatten` an image is
        still a table, and its last axis is one row of pixels. So the network gives
        ten numbers for every row of every image. But there is only one label for an
        image. The two do not match, and the library says so before it trains.
        `Flatten` puts all rows behind each other first. Then an image is one row, and
        gets one set of ten numbers.
    """)
    print(f"Outputs without Flatten: {model.output_shape}")
    model = Sequential(
        [
            Flatten(input_shape=x_train.shape[1:]),
            Dense(128, activation="relu"),
            Dense(10, activation="softmax"),
        ]
    )
    print(f"Outputs with Flatten:    {model.output_shape}")
    print(f"Labels:                  {(None, *y_train.shape[1:])}")
    print("None stands for the number of images, which may be any.")

    tell("""
        Five outputs for ten classes

        Now `Flatten` is there, but the last layer has five neurons only.
    """)
    model = Sequential(
        [
            Flatten(input_shape=x_train.shape[1:]),
            Dense(128, activation="relu"),
            Dense(5, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    try:
        model.fit(x_train, y_train, epochs=1, verbose=0)
    except DataError as error:
        print(f"{type(error).__name__}: {error}")

    tell("""
        Why

        Each neuron of the last layer stands for one label: the first for 0, the
        second for 1, and so on. Five neurons can say 0, 1, 2, 3 and 4. The labels go
        up to 9, and for those above 4 there is no neuron that could learn them. Count
        the labels, and give the last layer one neuron for each.
    """)
    print(f"Labels go from {y_train.min()} to {y_train.max()}.")

    tell("""
        Both mended

        With `Flatten` and ten neurons at the end the same call trains.
    """)
    model = Sequential(
        [
            Flatten(input_shape=x_train.shape[1:]),
            Dense(128, activation="relu"),
            Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    model.fit(x_train, y_train, epochs=5, verbose=0)
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"Test accuracy {accuracy:.3f} after five epochs.")


if __name__ == "__main__":
    main()
