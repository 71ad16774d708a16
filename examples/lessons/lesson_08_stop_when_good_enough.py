"""Lesson 8: Stop when it is good enough.

How many epochs are enough is hard to say beforehand. A callback is a piece of your own
code that `fit` calls as it goes. This one looks at the accuracy and ends the training.

    python examples/lessons/lesson_08_stop_when_good_enough.py
"""

from classroom import choose_data, pictures, save, tell

from jaxnet_mini import Sequential
from jaxnet_mini.callbacks import Callback
from jaxnet_mini.layers import Dense, Flatten
from jaxnet_mini.plotting import curves


class StopWhenGoodEnough(Callback):
    """End the training after the first epoch with this accuracy or more."""

    def __init__(self, accuracy):
        self.accuracy = accuracy

    def on_epoch_end(self, epoch, logs):
        print(f"Epoch {epoch + 1}: accuracy {logs['accuracy']:.3f}")
        if logs["accuracy"] >= self.accuracy:
            print(f"That is {self.accuracy} or more: stop.")
            self.model.stop_training = True


def main(arguments: list[str] | None = None) -> None:
    tell(__doc__)

    tell("""
        How it works

        A callback is a class with methods of given names. `on_epoch_end` is called
        after each epoch. `epoch` counts from 0, and `logs` holds what was measured,
        such as `logs["accuracy"]`. Setting `self.model.stop_training` to True ends the
        training after this epoch. The others of `epochs` are not run.
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
    history = model.fit(
        x_train,
        y_train,
        epochs=30,
        callbacks=[StopWhenGoodEnough(accuracy=0.9)],
        verbose=0,
    )

    tell("""
        What was saved

        The callback looked at the accuracy on the training images. The test images
        have the last word, as always.
    """)
    print(f"Trained {len(history.epoch)} of 30 epochs.")
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"Test accuracy {accuracy:.3f}.")
    with pictures():
        save(curves(history), "lesson_08_curves.png")

    tell("""
        Ready-made

        For the usual wishes there are callbacks in `jaxnet_mini.callbacks`.
        `EarlyStopping` ends the training when a value has stopped getting better,
        such as the validation loss of lesson 6.
    """)


if __name__ == "__main__":
    main()
