"""What a sweep has found, against tables and rankings that are made by hand."""

import itertools
import math
import re
import sys
from html.parser import HTMLParser

import jax
import numpy as np
import pytest
from oracles import raises_text
from rich.console import Console
from test_sweep import CALL, X, Y, model

import jaxnet_mini as jn
from jaxnet_mini.callbacks import EarlyStopping, History
from jaxnet_mini.errors import (
    ArgumentError,
    MissingExtraError,
    StateError,
    UnknownNameError,
)
from jaxnet_mini.sweeps.result import Member, SweepResult

pytestmark = pytest.mark.usefixtures("quick_compilation")

NAN = math.nan
NOTE = "loss turned NaN or infinite in epoch 2"


def ended(settings, epochs, note="", epoch=None):
    """A member with these logs of its epochs; ``epoch`` is the one it went back to."""
    history = History()
    for number, logs in enumerate(epochs):
        history.on_epoch_end(number, logs)
    if epoch is None and epochs:
        epoch = len(epochs) - 1
    one = model()
    return Member(settings, one, history, note, epoch, one.net)


def logs(loss, accuracy):
    return {"accuracy": accuracy, "loss": loss}


def settings(rate, seed):
    return {"learning_rate": rate, "seed": seed}


@pytest.fixture
def by_hand():
    """Good ones, one that went back to its second epoch, and one that failed."""
    early = [logs(0.9, 0.5), logs(0.25, 0.75), logs(0.4, 0.875)]
    return SweepResult(
        [
            ended(settings(0.01, 0), [logs(0.9, 0.5), logs(0.5, 0.625)]),
            ended(settings(0.01, 1), early, epoch=1),
            ended(settings(10.0, 0), [logs(7.0, 0.25), logs(NAN, 0.25)], NOTE),
            ended(settings(0.1, 1), [logs(0.9, 0.5), logs(0.123456789, 0.625)]),
        ]
    )


COLUMNS = ["learning_rate", "seed", "accuracy", "loss", "epochs", "note"]
ROWS = [
    [0.01, 0, 0.625, 0.5, 2, ""],
    [0.01, 1, 0.75, 0.25, 3, ""],
    [10.0, 0, 0.25, NAN, 2, NOTE],
    [0.1, 1, 0.625, 0.123456789, 2, ""],
]
TEXTS = [
    ["0.01", "0", "0.625", "0.5", "2", ""],
    ["0.01", "1", "0.75", "0.25", "3", ""],
    ["10", "0", "0.25", "-", "2", NOTE],
    ["0.1", "1", "0.625", "0.1235", "2", ""],
]


def test_a_member_has_the_logs_of_its_weights(by_hand):
    assert [member.logs["loss"] for member in by_hand][:2] == [0.5, 0.25]
    assert by_hand.names == ["learning_rate", "seed"]
    assert by_hand.monitored == ["accuracy", "loss"]
    assert repr(by_hand) == "<SweepResult of 4 members over learning_rate, seed>"
    assert by_hand[1:3] == [by_hand[1], by_hand[2]]
    assert by_hand[-1].settings == settings(0.1, 1)


def test_what_was_not_logged_at_the_end_is_not_told():
    """A validation after every second epoch says nothing of the third."""
    first = {"loss": 0.5, "val_loss": 0.75}
    member = ended({"seed": 0}, [{"loss": 0.9}, first, {"loss": 0.4}])
    assert member.logs == {"loss": 0.4}
    back = ended({"seed": 1}, [{"loss": 0.9}, first, {"loss": 0.4}], epoch=1)
    assert back.logs == first
    table = SweepResult([member, back]).table()
    assert table.columns == ["seed", "loss", "val_loss", "epochs"]
    assert table.rows == [["0", "0.4", "-", "3"], ["1", "0.5", "0.75", "3"]]


# Tables


def test_pandas_is_given_the_figures_themselves(by_hand):
    import pandas

    frame = by_hand.to_pandas()
    pandas.testing.assert_frame_equal(frame, pandas.DataFrame(ROWS, columns=COLUMNS))
    assert frame["loss"].idxmin() == 3
    assert frame.dtypes["seed"] == np.int64


def test_without_pandas_the_extra_is_named(by_hand, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    text = 'pandas is not installed: run python -m pip install "jaxnet-mini[pandas]".'
    with raises_text(MissingExtraError, text):
        by_hand.to_pandas()


@pytest.mark.parametrize(
    ("sort_by", "order"),
    [
        (None, [0, 1, 2, 3]),
        ("loss", [3, 1, 0, 2]),
        ("accuracy", [1, 0, 3, 2]),  # the largest first, ties in the order of the space
        ("learning_rate", [0, 1, 3, 2]),
        ("seed", [0, 2, 1, 3]),
    ],
)
def test_a_table_is_sorted_best_first_and_failures_last(by_hand, sort_by, order):
    table = by_hand.table(sort_by=sort_by)
    assert table.columns == COLUMNS
    assert table.rows == [TEXTS[index] for index in order]


def test_a_table_is_sorted_the_other_way_where_asked(by_hand):
    rows = by_hand.table(sort_by="loss", mode="max").rows
    assert rows == [TEXTS[index] for index in (0, 1, 3, 2)]


def test_values_of_several_kinds_are_sorted_too():
    values = ["relu", 3, None, 0.5, "gelu"]
    result = SweepResult([ended({"value": v}, [{"loss": 1.0}]) for v in values])
    shown = [row[0] for row in result.table(sort_by="value").rows]
    assert shown == ["0.5", "3", "None", "gelu", "relu"]


@pytest.mark.parametrize(
    ("name", "guess"), [("los", "did you mean 'loss'? "), ("optimizer", "")]
)
def test_an_unknown_column_is_answered_with_those_that_there_are(by_hand, name, guess):
    text = f"unknown column {name!r}: {guess}Known: accuracy, learning_rate, loss, seed"
    with raises_text(UnknownNameError, text):
        by_hand.table(sort_by=name)


def cells(printed):
    """The cells of a table that rich drew, row by row, folded lines joined."""
    rows = []
    for line in printed.splitlines():
        if "┃" in line:
            header = [cell.strip() for cell in line.split("┃")[1:-1]]
        elif "│" in line:
            rows.append([cell.strip() for cell in line.split("│")[1:-1]])
    return header, rows


def test_print_shows_every_figure_on_one_line(by_hand, capsys):
    print(by_hand.table())
    header, rows = cells(capsys.readouterr().out)
    assert header == COLUMNS
    assert rows == TEXTS


def test_a_terminal_shows_it_within_its_width(by_hand):
    console = Console(width=60, color_system=None)
    with console.capture() as captured:
        console.print(by_hand.table())
    printed = captured.get()
    assert max(map(len, printed.splitlines())) <= 60
    joined = "".join(re.findall(r"[\w.]+", printed))
    for number in ("0.1235", "0.625", "0.25"):
        assert number in printed
    assert "turned" in joined


def test_texts_are_shown_as_they_are(capsys):
    odd = ["[red]x[/red]", "<b>&amp;</b>", ":smile:"]
    result = SweepResult([ended({"name": name}, [{"loss": 1.0}]) for name in odd])
    print(result.table())
    _, rows = cells(capsys.readouterr().out)
    assert [row[0] for row in rows] == odd
    assert [row[0] for row in parsed(result._repr_html_())[1]] == odd


class Parser(HTMLParser):
    """Takes a table apart; every tag must be closed in its turn."""

    def __init__(self):
        super().__init__()
        self.open, self.header, self.rows = [], [], []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("th", "td"):
            self.cells = self.header if tag == "th" else self.rows[-1]
            self.cells.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        assert self.open[-1] in ("th", "td")
        self.cells[-1] += data


def parsed(text):
    parser = Parser()
    parser.feed(text)
    parser.close()
    assert parser.open == []
    return parser.header, parser.rows[1:]


def test_a_notebook_shows_the_same(by_hand):
    assert parsed(by_hand._repr_html_()) == (COLUMNS, TEXTS)
    table = by_hand.table(sort_by="loss")
    assert parsed(table._repr_html_()) == (COLUMNS, [TEXTS[i] for i in (3, 1, 0, 2)])


# The best


def test_the_best_is_the_least_loss_or_the_largest_accuracy(by_hand):
    assert by_hand.best("loss") is by_hand[3].model
    assert by_hand.best("accuracy") is by_hand[1].model
    assert by_hand.best("accuracy", mode="min") is by_hand[0].model
    assert by_hand.best("loss", mode="max") is by_hand[0].model


def test_the_first_of_equals_is_the_best(by_hand):
    assert by_hand.ranked("accuracy") == [by_hand[index] for index in (1, 0, 3)]
    assert by_hand.ranked("accuracy", "min") == [by_hand[i] for i in (0, 3, 1)]


def test_a_member_that_failed_is_never_the_best():
    """Neither where its last figures look good, nor where they are not finite."""
    members = [
        ended({"seed": 0}, [logs(0.1, 0.9)], NOTE),
        ended({"seed": 1}, [logs(-math.inf, math.inf)]),
        ended({"seed": 2}, [logs(NAN, NAN)]),
        ended({"seed": 3}, [logs(0.5, 0.5)]),
    ]
    result = SweepResult(members)
    for name in ("loss", "accuracy"):
        assert result.ranked(name) == [members[3]]
        assert result.best(name) is members[3].model


def test_where_all_failed_there_is_no_best():
    result = SweepResult(
        [ended({"seed": seed}, [logs(NAN, 0.1)], NOTE) for seed in range(3)]
    )
    text = (
        "0 of 3 members ended with a finite 'loss', and 1 are needed: see "
        "result.table(), and try smaller learning rates."
    )
    for call in (result.best, lambda name: result.ensemble(1, name)):
        with raises_text(StateError, text):
            call("loss")
    assert [row[-1] for row in result.table(sort_by="loss").rows] == [NOTE] * 3
    figure = result.plot("seed", "loss")
    assert [text.get_text() for text in figure.axes[0].texts] == ["no finite value"]


def test_the_best_by_what_was_never_logged_is_an_error(by_hand):
    text = "unknown loss or metric 'val_loss': did you mean 'loss'? Known: accuracy, lo"
    for call in (by_hand.best, by_hand.ranked, lambda: by_hand.ensemble(2)):
        with raises_text(UnknownNameError, text):
            call()
    with raises_text(UnknownNameError, text):
        by_hand.plot("seed")


def test_a_metric_that_says_nothing_of_its_direction_is_asked_for():
    result = SweepResult([ended({"seed": s}, [{"size": s}]) for s in (1, 2)])
    with raises_text(ArgumentError, "'size' is better: give mode='min' or mode='max'."):
        result.best("size")
    assert result.best("size", "max") is result[1].model


def test_every_member_of_a_real_sweep_fails():
    result = jn.sweep(model(), {"learning_rate": [1e30, 2e30]}, X, Y, **CALL)
    with raises_text(StateError, "0 of 2 members ended with a finite 'val_loss'"):
        result.best()
    for member in result:
        assert re.fullmatch(r".* turned NaN or infinite in epoch 1", member.note)
        assert math.isnan(member.logs["loss"])
        assert all(np.isfinite(w).all() for w in member.model.get_weights())


def test_restored_weights_have_the_figures_of_their_epoch():
    stopping = EarlyStopping("val_loss", patience=2, restore_best_weights=True)
    space = {"learning_rate": [0.01, 0.3]}
    call = CALL | {"epochs": 10}
    for member in jn.sweep(model(), space, X, Y, callbacks=stopping, **call):
        losses = member.history.history["val_loss"]
        assert member.epoch == int(np.argmin(losses))
        assert member.logs["val_loss"] == min(losses)
        again = member.model.evaluate(X[96:], Y[96:], verbose=0)[0]
        assert again == pytest.approx(min(losses), rel=1e-6)


# Pictures


def drawn(rates, seeds, loss):
    """A result by hand, its members in an order that is not that of the rates."""
    members = [
        ended(settings(rate, seed), [{"val_loss": loss(rate, seed)}])
        for rate, seed in itertools.product(rates, seeds)
    ]
    return SweepResult(members)


def test_a_picture_has_one_line_a_seed():
    rates, seeds = [1e-2, 1e-4, 1e-1, 1e-3], range(3)

    def loss(rate, seed):
        return abs(math.log10(rate) + 2) + seed

    (axes,) = drawn(rates, seeds, loss).plot("learning_rate").axes
    assert len(axes.lines) == 3
    for seed, line in zip(seeds, axes.lines, strict=True):
        assert line.get_label() == f"seed {seed}"
        np.testing.assert_array_equal(line.get_xdata(), sorted(rates))
        expected = [loss(rate, seed) for rate in sorted(rates)]
        np.testing.assert_array_equal(line.get_ydata(), expected)
    assert axes.get_xscale() == "log"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("learning_rate", "val_loss")
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["seed 0", "seed 1", "seed 2"]
    # They differ by more than their colours.
    assert len({line.get_marker() for line in axes.lines}) == 3


@pytest.mark.parametrize(
    ("rates", "scale"),
    [
        ([0.1, 0.9], "linear"),
        ([0.1, 1.0], "log"),
        ([0.0, 1.0], "linear"),
        ([-1.0, 10.0], "linear"),
        ([0.5], "linear"),
    ],
)
def test_the_axis_is_logarithmic_over_a_factor_of_ten(rates, scale):
    (axes,) = drawn(rates, [0], lambda rate, seed: rate).plot("learning_rate").axes
    assert axes.get_xscale() == scale


def test_what_is_not_finite_is_left_out_of_a_picture():
    def loss(rate, seed):
        return NAN if rate == 10.0 or seed == 2 else rate + seed

    (axes,) = drawn([10.0, 0.1, 1.0], range(3), loss).plot("learning_rate").axes
    assert [line.get_label() for line in axes.lines] == ["seed 0", "seed 1"]
    np.testing.assert_array_equal(axes.lines[1].get_xdata(), [0.1, 1.0])
    np.testing.assert_array_equal(axes.lines[1].get_ydata(), [1.1, 2.0])


def test_words_stand_side_by_side_in_the_order_of_the_space():
    losses = {"relu": 0.5, "gelu": 0.25, "tanh": 0.75}
    result = SweepResult(
        [ended({"activation": n}, [{"loss": v}]) for n, v in losses.items()]
    )
    (axes,) = result.plot("activation", "loss").axes
    (line,) = axes.lines
    np.testing.assert_array_equal(line.get_xdata(), [0, 1, 2])
    np.testing.assert_array_equal(line.get_ydata(), list(losses.values()))
    assert [label.get_text() for label in axes.get_xticklabels()] == list(losses)
    assert axes.get_legend() is None  # there is one line


@pytest.mark.parametrize(("seeds", "named"), [(12, True), (13, False)])
def test_a_legend_names_no_more_than_can_be_read(seeds, named):
    result = drawn([0.1, 0.2], range(seeds), lambda rate, seed: rate + seed)
    (axes,) = result.plot("learning_rate").axes
    assert len(axes.lines) == seeds
    assert (axes.get_legend() is not None) == named


@pytest.mark.parametrize(
    ("x", "text"),
    [
        ("learning_rat", "unknown name of the space 'learning_rat': did you mean 'lea"),
        ("val_loss", "unknown name of the space 'val_loss': "),
    ],
)
def test_a_picture_of_an_unknown_name(by_hand, x, text):
    with raises_text(UnknownNameError, text, "Known: learning_rate, seed."):
        by_hand.plot(x, "loss")


def test_a_picture_without_matplotlib_names_the_extra(by_hand, monkeypatch):
    for name in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    text = 'matplotlib is not installed: run python -m pip install "jaxnet-mini[plot]".'
    with raises_text(MissingExtraError, text):
        by_hand.plot("seed", "loss")


# Ensembles


def mean_of(members, x):
    outputs = [np.asarray(member.model.predict(x), np.float64) for member in members]
    return np.mean(outputs, axis=0)


@pytest.fixture(scope="module")
def widths():
    """Members of four shapes, of which some fail."""

    def build(units, deep):
        hidden = [jn.Dense(units, "relu") for _ in range(deep)]
        layers = [*hidden, jn.Dense(3, "softmax")]
        one = jn.Sequential(layers)
        loss = "sparse_categorical_crossentropy"
        one.compile(jn.optimizers.SGD(), loss, ["accuracy"])
        return one

    space = {"units": [4, 9], "deep": [1, 2], "learning_rate": [0.1, 0.01, 1e30]}
    return jn.sweep(build, space, X, Y, **CALL)


@pytest.mark.slow
@pytest.mark.parametrize("k", [1, 3, 8])
@pytest.mark.one_in(4)
def test_an_ensemble_of_several_shapes_is_the_mean(widths, k):
    good = [m for m in widths if math.isfinite(m.history.history["val_loss"][-1])]
    best = sorted(good, key=lambda m: m.history.history["val_loss"][-1])[:k]
    ensemble = widths.ensemble(k)
    outputs = ensemble.predict(X)
    expected = mean_of(best, X)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5)
    loss, accuracy = ensemble.evaluate(X, Y, verbose=0)
    rows = np.arange(len(Y))
    assert loss == pytest.approx(-np.log(expected[rows, Y]).mean(), rel=1e-5)
    assert accuracy == pytest.approx(np.mean(expected.argmax(-1) == Y))


def test_an_ensemble_leaves_out_what_failed(widths):
    last = [member.history.history["val_loss"][-1] for member in widths]
    good = sum(map(math.isfinite, last))
    assert 8 <= good < 12
    text = f"{good} of 12 members ended with a finite 'val_loss', and {good + 1} are n"
    with raises_text(StateError, text):
        widths.ensemble(good + 1)


@pytest.mark.parametrize("k", [0, -1, 13, True])
def test_an_ensemble_needs_a_number_of_members(widths, k):
    text = f"k must be an integer from 1 to 12, the number of members, not {k!r}."
    with raises_text(ArgumentError, text):
        widths.ensemble(k)


def test_an_ensemble_is_chosen_by_any_figure(widths):
    accuracies = [m.history.history["val_accuracy"][-1] for m in widths if not m.note]
    assert len(set(accuracies)) > 1
    best = widths.ranked("val_accuracy")[:2]
    assert [m.logs["val_accuracy"] for m in best] == sorted(accuracies)[-1:-3:-1]
    outputs = widths.ensemble(2, "val_accuracy").predict(X)
    np.testing.assert_allclose(outputs, mean_of(best, X), rtol=1e-5)


@pytest.mark.slow
def test_an_ensemble_leaves_its_members_alone(widths):
    before = [member.model.get_weights() for member in widths]
    ensemble = widths.ensemble(3)
    ensemble.fit(X, Y, 16, verbose=0)
    for member, weights in zip(widths, before, strict=True):
        for own, kept in zip(member.model.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(own, kept)


def plain_step(step, state, batch):
    grad = jax.grad(step.loss, has_aux=True)
    return step.update(state, *grad(state.params, state, batch))


@pytest.mark.slow
def test_an_ensemble_is_compiled_as_its_members_are():
    one = jn.Sequential([jn.Dense(3, "softmax")])
    how = {"loss_weights": 0.5, "train_step": plain_step}
    one.compile("sgd", "sparse_categorical_crossentropy", **how)
    swept = jn.sweep(one, {"seed": [0, 1]}, X, Y, epochs=1, verbose=0)
    together = swept.ensemble(2, "loss")
    assert together.trainer.train_step is plain_step
    right = together.predict(X)[np.arange(len(Y)), Y]
    loss = together.evaluate(X, Y, verbose=0)
    assert loss == pytest.approx(-0.5 * np.log(right).mean(), rel=1e-5)


def test_an_ensemble_comes_back_from_a_file(widths, tmp_path):
    ensemble = widths.ensemble(3)
    ensemble.save(tmp_path / "ensemble.safetensors")
    again = jn.models.load_model(tmp_path / "ensemble.safetensors")
    np.testing.assert_array_equal(again.predict(X), ensemble.predict(X))
    assert again.evaluate(X, Y, verbose=0) == ensemble.evaluate(X, Y, verbose=0)
    assert again.layers == ensemble.layers


def test_members_that_were_not_validated_in_the_end_are_told_of():
    """Each second epoch is validated, as ``validation_freq=2`` does it."""
    first, second = logs(0.9, 0.5), logs(0.5, 0.625) | {"val_loss": 0.7}
    done = ended(settings(0.01, 0), [first, second])
    later = ended(settings(0.1, 0), [first, second, logs(0.1, 1.0)])
    failed = ended(settings(10.0, 0), [first, second, logs(NAN, 0.25)], NOTE)
    result = SweepResult([later, failed, done])
    with pytest.warns(UserWarning, match=r"1 of 3 members have no 'val_loss'.*evalu"):
        assert result.ranked() == [done]
    assert result.ranked("loss") == [later, done]
    unknown = SweepResult([later, failed])
    for ask in (unknown.ranked, unknown.best, lambda: unknown.table("val_loss")):
        with raises_text(StateError, "1 of 2 members have no 'val_loss'"):
            ask()
