"""Lesson 6: 5, 15 and 30 epochs.

Longer training is better training, up to a point. From there on the network learns its
training images by heart and gets no better, or worse, on others: it over-fits.

    python examples/lessons/lesson_06_epochs.py
"""

import numpy as np
from classroom import choose_data, pictures, save, tell

from jaxnet_mini import Sequential
from jaxnet_mini.layers import Dense, Flatten
from jaxnet_mini.optimizers import Adam
from jaxnet_mini.plotting import curves


def main(arguments: list[str] | None = None) -> None:
    tell(__doc__)

    tell("""
        Training images and validation images

        To see over-fitting, one measures on images that the network does not learn
        from. They are called validation images. `fit` measures on them after every
        epoch.
    """)
    data = choose_data(arguments)
    (x_train, y_train), (x_test, y_test) = data.load()
    x_train, x_test = x_train / data.brightest, x_test / data.brightest
    images, batch_size, learning_rate = len(x_train), 32, 0.001
    if data.name == "digits":
        # So easy that 30 epochs do not over-fit: learn from few, in large steps.
        images, batch_size, learning_rate = 100, 8, 0.01
        print("The digits are easy, and over-fitting would take long to show.")
        print("So this network gets 100 of them only, and learns in large steps.")
    x_train, y_train = x_train[:images], y_train[:images]
    print(f"{len(x_train):,} training images, {len(x_test):,} validation images.")

    tell("""
        Three trainings

        All three begin with the same weights, so the longer ones first repeat what
        the shorter ones did.
    """)
    print("          ---- training ----   --- validation ---")
    print("epochs      loss   accuracy      loss   accuracy")
    for epochs in (5, 15, 30):
        model = Sequential(
            [
                Flatten(input_shape=x_train.shape[1:]),
                Dense(128, activation="relu"),
                Dense(10, activation="softmax"),
            ]
        )
        model.compile(
            optimizer=Adam(learning_rate=learning_rate),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        history = model.fit(
            x_train,
            y_train,
            batch_size=batch_size,
            epochs=epochs,
            validation_data=(x_test, y_test),
            verbose=0,
        )
        logs = history.history
        print(
            f"{epochs:6} {logs['loss'][-1]:9.3f} {logs['accuracy'][-1]:10.3f} "
            f"{logs['val_loss'][-1]:9.3f} {logs['val_accuracy'][-1]:10.3f}"
        )

    tell("""
        Where over-fitting starts

        As long as both losses fall, the network learns something that holds for other
        images too. From the epoch with the lowest validation loss on, only the
        training loss goes on falling. This is computed from the history of the
        longest training.
    """)
    best = int(np.argmin(logs["val_loss"]))
    print(f"The validation loss is lowest after epoch {best + 1}.")
    for title, name in (("Training loss", "loss"), ("Validation loss", "val_loss")):
        first, last = logs[name][best], logs[name][-1]
        verb = "falls" if last < first else "rises"
        print(f"{title}: then it {verb} from {first:.3f} to {last:.3f}.")
    if best + 1 < epochs:
        print(f"Over-fitting starts after epoch {best + 1}.")
    else:
        print(f"Over-fitting has not started within {epochs} epochs.")

    tell("""
        In pictures

        Training goes down and validation turns: the gap between the two lines is what
        was learned by heart. The dotted line marks the lowest validation loss.
        Lesson 8 shows how to stop in time.
    """)
    with pictures():
        figure = curves(history)
        for axes in figure.axes:
            axes.axvline(best + 1, color="black", linestyle=":", linewidth=1)
        save(figure, "lesson_06_curves.png")


if __name__ == "__main__":
    main()
