"""Lesson 1: First look.

A small network learns to name pictures. This lesson goes the whole way once: look at
the data, scale them, build a network, train it, and test it on pictures that it has
never seen. The other lessons look at each step more closely.

    python examples/lessons/lesson_01_first_look.py

All lessons take digits, which need no download. For pictures of clothes, or for MNIST:

    python examples/lessons/lesson_01_first_look.py --dataset fashion_mnist
    python examples/lessons/lesson_01_first_look.py --dataset mnist --data DIR
"""

from classroom import as_numbers, as_text, choose_data, pictures, save, tell

from jaxnet_mini import Sequential
from jaxnet_mini.layers import Dense, Flatten
from jaxnet_mini.plotting import curves, show_images


def main(arguments: list[str] | None = None) -> None:
    tell(__doc__)

    tell("""
        The data

        The images come in two parts. The network learns from the first part. The
        second part is kept away from it, for an honest test at the end. Each image
        has a label: a number that says what the image shows.
    """)
    data = choose_data(arguments)
    (x_train, y_train), (x_test, y_test) = data.load()
    rows, columns = x_train.shape[1:]
    print(f"{data.title}: {len(x_train):,} images to learn, {len(x_test):,} to test.")
    print(f"An image has {rows} rows and {columns} columns of pixels.")
    print("The labels 0 to 9 stand for: " + ", ".join(data.names) + ".")

    tell("""
        One image

        For the computer an image is a table of numbers, one a pixel. Here is the
        first image, drawn in letters and then as the numbers that are stored.
    """)
    print(f"Its label is {y_train[0]}. It shows: {data.names[y_train[0]]}.\n")
    print(as_text(x_train[0]))
    print()
    print(as_numbers(x_train[0]))

    tell("""
        Some more images

        The first ten, each under its label.
    """)
    with pictures():
        save(
            show_images(x_train[:10], y_train[:10], names=data.names),
            "lesson_01_images.png",
        )

    tell("""
        Normalise

        Networks learn well from numbers of about the size of 1. So all pixels are
        divided by the largest number that a pixel can have. Lesson 7 shows what
        happens otherwise.
    """)
    print(f"Before: from {x_train.min()} to {x_train.max()}.")
    x_train, x_test = x_train / data.brightest, x_test / data.brightest
    print(f"After: from {x_train.min()} to {x_train.max()}.")

    tell("""
        The network

        - `Flatten` puts the rows of an image behind each other, into one long row.
        - `Dense(128)` has 128 neurons. Each looks at all pixels, weighs them and adds
          them up. `relu` turns sums below 0 into 0.
        - `Dense(10)` has ten neurons, one for each label. `softmax` turns their sums
          into ten probabilities.

        The parameters are the weights. They start as random numbers, and training
        changes them.
    """)
    model = Sequential(
        [
            Flatten(input_shape=(rows, columns)),
            Dense(128, activation="relu"),
            Dense(10, activation="softmax"),
        ]
    )
    model.summary()

    tell("""
        Training

        The network guesses, the loss says how wrong the guesses are, and the
        optimizer changes all weights a little so that the loss gets smaller. An epoch
        is one pass over all images. Accuracy is the share of right guesses.
    """)
    model.compile(
        optimizer="adam",
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    history = model.fit(x_train, y_train, epochs=10, verbose=2)
    with pictures():
        save(curves(history), "lesson_01_curves.png")

    tell("""
        The test

        Only images that the network has not seen tell how well it has learned.
    """)
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    right = round(accuracy * len(y_test))
    print(f"Test accuracy {accuracy:.3f}, test loss {loss:.3f}.")
    print(f"It names {right:,} of {len(y_test):,} new images right.")
    learned = history.history["accuracy"][-1]
    print(f"In the last epoch of the training the accuracy was {learned:.3f}.")
    with pictures():
        predictions = model.predict(x_test[:10])
        save(
            show_images(x_test[:10], y_test[:10], predictions, data.names),
            "lesson_01_answers.png",
        )


if __name__ == "__main__":
    main()
