"""Let Optuna choose what to train, as one sweep, and end what falls behind.

    python examples/optuna_sweep.py --trials 40

It needs the extra ``optuna``. With ``--fits`` each trial is a ``fit`` of its own, which
Optuna's callback for Keras prunes; that needs optuna-integration and Keras.
"""

import argparse
import os
from typing import Any

import optuna
from optuna.distributions import FloatDistribution

import jaxnet_mini as jn
from jaxnet_mini.datasets import digits

SPACE = {
    "learning_rate": FloatDistribution(1e-4, 1e-1, log=True),
    "dropout/rate": FloatDistribution(0.0, 0.5),
}


def build(learning_rate: float = 0.001) -> jn.Sequential:
    model = jn.Sequential(
        [
            jn.Flatten(),
            jn.Rescaling(1 / 16),
            jn.Dense(64, activation="relu"),
            jn.Dropout(0.2),
            jn.Dense(10, activation="softmax"),
        ]
    )
    optimizer = jn.optimizers.Adam(learning_rate)
    model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
    return model


def one_sweep(study: optuna.Study, trials: int, **call: Any) -> None:
    """All members train in one program, several at a time."""
    call |= {"monitor": "val_accuracy", "sampler": study, "n_trials": trials}
    result = jn.sweep(build(), SPACE, **call)
    print(result.table(sort_by="val_accuracy"))


def one_fit_a_trial(study: optuna.Study, trials: int, **call: Any) -> None:
    """What Optuna's users write for Keras, with a model of this library."""
    os.environ.setdefault("KERAS_BACKEND", "jax")  # of which its callback asks nothing
    from optuna_integration import KerasPruningCallback

    def objective(trial: optuna.Trial) -> float:
        model = build(trial.suggest_float("learning_rate", 1e-4, 0.1, log=True))
        pruning = KerasPruningCallback(trial, "val_accuracy")
        history = model.fit(**call, callbacks=[pruning], verbose=0).history
        return history["val_accuracy"][-1]

    study.optimize(objective, n_trials=trials)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--fits", action="store_true", help="each trial a fit")
    arguments = parser.parse_args()

    (x, y), _ = digits.load_data()
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=0),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=2),
    )
    search = one_fit_a_trial if arguments.fits else one_sweep
    epochs = arguments.epochs
    search(study, arguments.trials, x=x, y=y, epochs=epochs, validation_split=0.2)

    states = [trial.state.name for trial in study.trials]
    print(f"\n{len(states)} trials, {states.count('PRUNED')} of them ended early")
    print(f"The best: {study.best_params}, accuracy {study.best_value:.4f}")


if __name__ == "__main__":
    main()
