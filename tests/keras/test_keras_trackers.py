"""Trackers and tuners by their own packages, with nothing sent anywhere."""

import re

import pytest
from classifier import data, ours
from conftest import keras_on_jax
from oracles import assert_trees_identical

pytestmark = pytest.mark.usefixtures("quick_compilation")

SETTINGS = {"epochs": 4, "verbose": 0, "validation_data": data(30, seed=1)}


def package(name, reason):
    """Return what callbacks for Keras a package has, or skip."""
    with keras_on_jax():
        return pytest.importorskip(name, reason=reason, exc_type=ImportError)


def test_optuna_prunes_a_fit_by_its_callback_for_keras():
    optuna = pytest.importorskip("optuna", reason="needs the extra optuna")
    integration = package("optuna_integration", "needs optuna-integration")
    pruner = optuna.pruners.ThresholdPruner(lower=0.0, upper=1e6, n_warmup_steps=2)
    study = optuna.create_study(pruner=pruner)
    models = []

    def objective(trial):
        model = ours()
        models.append(model)
        model.optimizer.learning_rate = trial.suggest_categorical("rate", [0.01, 1e9])
        with keras_on_jax():
            callback = integration.KerasPruningCallback(trial, "val_loss")
        return model.fit(*data(), callbacks=[callback], **SETTINGS).history["val_loss"][
            -1
        ]

    for rate in (0.01, 1e9):
        study.enqueue_trial({"rate": rate})
    study.optimize(objective, n_trials=2)
    kept, pruned = study.trials
    again = ours()
    again.optimizer.learning_rate = 0.01
    values = again.fit(*data(), **SETTINGS).history["val_loss"]
    assert (kept.state.name, kept.value) == ("COMPLETE", values[-1])
    assert kept.intermediate_values == dict(enumerate(values))
    assert_trees_identical(models[0].params, again.params)
    assert (pruned.state.name, len(pruned.intermediate_values)) == ("PRUNED", 3)
    # What was pruned is a model like any other, after three epochs.
    assert models[1].optimizer.iterations == 3
    assert models[1].evaluate(*data(), verbose=0, return_dict=True)["loss"] > 1e6


def test_tqdm_shows_what_fit_does_by_its_callback_for_keras(capsys):
    bars = package("tqdm.keras", "needs tqdm, which Optuna brings")
    history = ours().fit(
        *data(), batch_size=8, callbacks=[bars.TqdmCallback(verbose=2)], **SETTINGS
    )
    shown = capsys.readouterr().err
    assert shown.count("100%|") >= 5  # one an epoch, and one of epochs
    assert "4/4" in shown
    assert f"val_loss={history.history['val_loss'][-1]:.3g}" in shown


@pytest.mark.long
def test_mlflow_logs_by_its_callback_for_keras(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.chdir(tmp_path)
    mlflow = package("mlflow", "needs mlflow")
    callbacks = package("mlflow.keras", "needs mlflow")
    model = ours()
    model.optimizer.learning_rate = 0.01
    with keras_on_jax(), mlflow.start_run() as run:
        given = [callbacks.MlflowCallback(), callbacks.MlflowCallback(False, 2)]
        fits = [model.fit(*data(), 10, callbacks=c, **SETTINGS) for c in given]
    mlflow.flush_async_logging()
    client = mlflow.MlflowClient()
    found = client.get_run(run.info.run_id).data
    assert found.params["optimizer_name"] == "Adam"
    assert float(found.params["optimizer_learning_rate"]) == pytest.approx(0.01)
    logged = client.get_metric_history(run.info.run_id, "val_loss")
    assert [m.value for m in logged] == fits[0].history["val_loss"]
    steps = {m.step for m in client.get_metric_history(run.info.run_id, "loss")}
    assert steps == {0, 1, 2, 3, 10, 12, 14, 16}  # of epochs, then every second step
    text = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/model_summary.txt")
    assert "Total params: 43" in text


@pytest.mark.long
def test_weights_and_biases_log_by_their_callbacks_for_keras(tmp_path, monkeypatch):
    for name, value in {"MODE": "offline", "SILENT": "true", "DIR": tmp_path}.items():
        monkeypatch.setenv(f"WANDB_{name}", str(value))
    wandb = package("wandb", "needs wandb")
    callbacks = package("wandb.integration.keras", "needs wandb and TensorFlow")
    logged = []
    with keras_on_jax(), wandb.init(project="tests", dir=tmp_path):
        monkeypatch.setattr(wandb, "log", logged.append)
        given = [
            callbacks.WandbMetricsLogger(),
            callbacks.WandbModelCheckpoint(tmp_path / "{epoch}.keras"),
        ]
        history = ours().fit(*data(), callbacks=given, **SETTINGS).history
    for name, values in history.items():
        assert [logs[f"epoch/{name}"] for logs in logged] == values
    assert [logs["epoch/learning_rate"] for logs in logged] == [
        pytest.approx(0.001)
    ] * 4
    kept = [path.name for path in tmp_path.iterdir()]
    assert sorted(name for name in kept if re.fullmatch(r"\d\.keras", name)) == [
        f"{epoch}.keras" for epoch in range(1, 5)
    ]


@pytest.mark.long
def test_scikeras_takes_a_function_that_builds_a_model_of_this_library():
    wrappers = package("scikeras.wrappers", "needs scikeras")
    x, y = data(60)
    with keras_on_jax():
        wrapped = wrappers.KerasClassifier(ours, epochs=4, verbose=0, shuffle=False)
        wrapped.fit(x, y)
        own = ours()
        own.fit(x, y, epochs=4, verbose=0, shuffle=False)
        assert (wrapped.predict(x) == own.predict(x).argmax(-1)).all()
        with pytest.raises(TypeError, match="must be a callable, a Keras Model"):
            wrappers.KerasClassifier(own).fit(x, y)


@pytest.mark.long
def test_keras_tuner_runs_trials_that_fit_a_model_of_this_library(tmp_path):
    tuner = package("keras_tuner", "needs keras-tuner")

    class Search(tuner.RandomSearch):
        def run_trial(self, trial):
            model = ours()
            rates = trial.hyperparameters.Float("rate", 1e-4, 1e-1, sampling="log")
            model.optimizer.learning_rate = rates
            return model.fit(*data(), **SETTINGS).history["val_loss"][-1]

    with keras_on_jax():
        search = Search(max_trials=3, directory=tmp_path, seed=0)
        search.search()
        trials = search.oracle.trials.values()
        best = min(trials, key=lambda trial: trial.score)
        assert len(trials) == 3
        found = search.get_best_hyperparameters()[0].values
        assert found == best.hyperparameters.values
        whole = tuner.RandomSearch(
            lambda _: ours(),
            objective="val_loss",
            max_trials=1,
            directory=tmp_path / "b",
        )
        with pytest.raises(Exception, match="to return a valid Keras Model instance"):
            whole.search(*data(), **SETTINGS)
