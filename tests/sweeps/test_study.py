"""Members that a study of Optuna draws, prunes and is told of."""

import pytest
from oracles import assert_trees_identical, raises_text
from test_sweep import CALL, X, Y, model, momentum

import jaxnet_mini as jn
from jaxnet_mini.devices import programs
from jaxnet_mini.errors import ArgumentError, UnknownNameError

optuna = pytest.importorskip("optuna", reason="needs the extra optuna")

pytestmark = pytest.mark.usefixtures("quick_compilation")

RATES = [0.001, 0.01, 1e30]
SPACE = {"learning_rate": RATES}


def study(**options):
    options = {"direction": "maximize"} | options
    return optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0), **options)


def test_a_study_draws_members_and_is_told_how_they_ended():
    rates = optuna.distributions.FloatDistribution(1e-4, 1e-1, log=True)
    space = {"learning_rate": rates, "units": [4, 8]}
    call = CALL | {"monitor": "val_accuracy", "n_trials": 11}
    own = study(pruner=optuna.pruners.MedianPruner(n_startup_trials=4))
    result = jn.sweep(
        lambda units: model(units=units), space, X, Y, sampler=own, **call
    )
    assert len(result) == len(own.trials) == 11
    states = optuna.trial.TrialState
    for member, trial in zip(result, own.trials, strict=True):
        assert member.settings == trial.params
        values = member.history.history["val_accuracy"]
        assert trial.intermediate_values == dict(enumerate(values))
        pruned = member.note.startswith("fell behind in epoch")
        assert trial.state == (states.PRUNED if pruned else states.COMPLETE)
        assert trial.value == values[-1]
    assert {trial.state for trial in own.trials} == {states.PRUNED, states.COMPLETE}
    best = own.best_trial
    assert best.value == result.ranked("val_accuracy")[0].logs["val_accuracy"]
    rate, units = best.params["learning_rate"], best.params["units"]
    alone = model(units=units, optimizer=momentum(rate))
    alone.fit(X, Y, **CALL)
    assert_trees_identical(result[best.number].model.state, alone.state)


def test_what_rungs_end_is_pruned_and_what_turns_nan_has_failed():
    own = study(direction="minimize", pruner=optuna.pruners.NopPruner())
    call = CALL | {"sampler": own, "n_trials": 3, "rungs": jn.Rungs(2)}
    own.enqueue_trial({"learning_rate": 1e30})
    own.enqueue_trial({"learning_rate": 0.01})
    own.enqueue_trial({"learning_rate": 0.001})
    jn.sweep(model(), SPACE, X, Y, **call)
    assert [t.state.name for t in own.trials] == ["FAIL", "COMPLETE", "PRUNED"]


def test_a_trial_that_was_not_validated_in_the_end_has_its_last_value():
    own = study(direction="minimize", pruner=optuna.pruners.NopPruner())
    own.enqueue_trial({"learning_rate": 0.01})
    call = CALL | {"epochs": 3, "validation_freq": 2, "sampler": own, "n_trials": 1}
    (member,) = jn.sweep(model(), SPACE, X, Y, **call)
    (trial,) = own.trials
    assert [trial.value] == member.history.history["val_loss"]


def test_trials_of_a_sweep_that_breaks_have_failed():
    own = study(direction="minimize")
    with raises_text(UnknownNameError, "learning_rat"):
        jn.sweep(model(), {"learning_rat": RATES}, X, Y, sampler=own, n_trials=9)
    assert [t.state.name for t in own.trials] == ["FAIL"] * 8


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"sampler": study()}, "n_trials must be"),
        ({"sampler": study(), "n_trials": 2}, "direction='minimize'"),
        (
            {
                "sampler": study(direction=None, directions=["minimize"] * 2),
                "n_trials": 2,
            },
            "2 objectives",
        ),
    ],
)
def test_bad_studies_are_refused_before_anything_is_compiled(given, text):
    before = programs.loop.jitted._cache_size()
    with raises_text(ArgumentError, text):
        jn.sweep(model(), SPACE, X, Y, **CALL, **given)
    assert programs.loop.jitted._cache_size() == before


def test_distributions_need_a_study():
    rates = optuna.distributions.FloatDistribution(1e-4, 1e-1)
    with raises_text(ArgumentError, "give the study that draws from it as sampler"):
        jn.sweep(model(), {"learning_rate": rates}, X, Y, **CALL)


@pytest.mark.parametrize("pair", [[1, 1.0], [0.0, 0.1, False], [True, 2, 1]])
def test_values_that_optuna_takes_for_one_are_refused(pair):
    """It records the first of them, and would learn from what was not tried."""
    own = study(direction="minimize")
    with raises_text(ArgumentError, "leave one out, or try both without sampler"):
        jn.sweep(model(), {"learning_rate": pair}, X, Y, sampler=own, n_trials=2)
    assert own.trials == []
