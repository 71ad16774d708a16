"""What a person sees: silence, lines, or a bar on a terminal.

The bar's figures are tested with seconds that the test gives, never with measured ones.
"""

import os
import re
import select
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from oracles import raises_text, unchecked_types

import jaxnet_mini as jn
from jaxnet_mini.callbacks import LambdaCallback, progress_bar
from jaxnet_mini.callbacks.progress_bar import Bar
from jaxnet_mini.errors import ArgumentError

pytestmark = pytest.mark.usefixtures("quick_compilation")

LOGS = {"accuracy": 0.5, "loss": 1.25}
CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@pytest.fixture(autouse=True)
def _alone():
    """What a test that fails leaves would keep the bars of all others from sight."""
    yield
    progress_bar._DRAWN.clear()


def lines_of(printed):
    return [line.rstrip() for line in printed.splitlines() if line.strip()]


def model_and_data():
    x = np.linspace(-1.0, 1.0, 40, dtype=np.float32)[:, None]
    model = jn.Sequential([jn.Dense(1, input_shape=(1,))])
    model.compile("sgd", "mse", ["mae"])
    return model, x, 2.0 * x


# Figures


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 ms"),
        (0.0406, "41 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.0 s"),
        (1.25, "1.2 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (9.999, "10 s"),
        (10.0, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (61.0, "1 min 01 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 00 min"),
        (3661.0, "1 h 01 min"),
        (90061.0, "25 h 01 min"),
    ],
)
def test_times_are_written_in_the_unit_that_fits(seconds, text):
    assert progress_bar._seconds(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0000"),
        (1.0, "1.0000"),
        (0.29346, "0.2935"),
        (123.456789, "123.4568"),
        (0.00101, "0.0010"),
        (0.00012345, "1.2345e-04"),
        (-0.00012345, "-1.2345e-04"),
        (-0.5, "-0.5000"),
    ],
)
def test_figures_have_four_decimals_or_four_digits(value, text):
    assert progress_bar._figure(value) == text


# Lines


def printed_by(bar, capsys, logs=LOGS):
    bar.end(logs)
    return lines_of(capsys.readouterr().out)


def test_a_silent_bar_prints_nothing(capfd):
    bar = Bar("Epoch 1/5", 10, 320, 0)
    bar.compiled(9.0)
    bar.update(5, 1.0, LOGS)
    bar.end(LOGS)
    bar.abandon()
    assert not bar.redraws
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("verbose", [1, 2])
def test_without_a_terminal_there_is_one_line_at_the_end(verbose, capsys):
    bar = Bar("Epoch 1/5", 10, 315, verbose)
    assert not bar.redraws
    for step in range(1, 11):
        bar.update(step, 0.25 * step, LOGS)
        assert capsys.readouterr().out == ""
    assert printed_by(bar, capsys) == [
        "Epoch 1/5: 10/10 steps, 2.5 s, 126 samples/s - accuracy: 0.5000 - loss: 1.2500"
    ]


def test_a_job_that_stopped_early_counts_the_rows_that_it_saw(capsys):
    bar = Bar("Epoch 1/5", 10, 320, 2)
    bar.update(5, 2.0, LOGS)
    (line,) = printed_by(bar, capsys)
    assert line.startswith("Epoch 1/5: 5/10 steps, 2.0 s, 80 samples/s - ")


def test_a_long_line_is_not_broken(capsys):
    bar = Bar("Epoch 1/5", 10, 320, 2)
    bar.update(10, 1.0, {})
    logs = {f"a_metric_with_a_long_name_{number}": 0.5 for number in range(9)}
    (line,) = printed_by(bar, capsys, logs)
    assert line.count(": 0.5000") == 9


def test_no_time_at_all_gives_no_speed(capsys):
    bar = Bar("Predict", 1, 1, 2)
    bar.update(1, 0.0, {})
    assert printed_by(bar, capsys, {}) == ["Predict: 1/1 steps, 0 ms"]


def test_compiling_is_stated_apart_where_it_can_be_noticed(capsys):
    bar = Bar("Epoch 1/5", 10, 320, 2)
    bar.compiled(0.04)
    bar.compiled(1.234)
    assert capsys.readouterr().out == "Compiled in 1.23 s.\n"


# The bar, drawn on what calls itself a terminal


@pytest.fixture
def terminal(monkeypatch, capsys):
    """A function that returns what was drawn since it was last called."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    return lambda: lines_of(CONTROL.sub("", capsys.readouterr().out))


def test_the_bar_shows_step_share_time_speed_and_logs(terminal):
    bar = Bar("Epoch 2/5", 10, 315, 1)
    assert bar.redraws
    terminal()
    bar.update(4, 2.0, LOGS)
    row, logs = terminal()
    assert re.fullmatch(
        r"Epoch 2/5 [━╸╺]{20} 4/10  40% 2\.0 s, 63 samples/s, 3\.0 s left", row
    )
    assert logs.strip() == "accuracy: 0.5000 - loss: 1.2500"
    bar.update(10, 5.0, LOGS)
    terminal()
    bar.end(LOGS | {"val_loss": 2.0})
    row, logs = terminal()
    assert re.fullmatch(r"Epoch 2/5 ━{20} 10/10 100% 5\.0 s, 63 samples/s", row)
    assert logs.strip() == "accuracy: 0.5000 - loss: 1.2500 - val_loss: 2.0000"


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.9])
def test_what_is_left_goes_by_the_time_of_the_job_without_compilation(terminal, share):
    bar = Bar("Epoch 1/1", 100, 3200, 1)
    bar.compiled(600.0)
    assert "Compiled in 600.00 s." in terminal()
    bar.update(int(100 * share), 8.0 * share, LOGS)
    (row, _) = terminal()[-2:]
    number, unit = re.search(r", ([0-9.]+) (m?s) left", row).groups()
    seconds = float(number) / (1000.0 if unit == "ms" else 1.0)
    assert seconds == pytest.approx(8.0 * (1.0 - share), abs=0.05)
    bar.abandon()


def test_when_a_job_has_ended_early_nothing_is_left(terminal):
    bar = Bar("Epoch 1/5", 10, 320, 1)
    bar.update(4, 2.0, LOGS)
    assert "left" in terminal()[-2]
    bar.end(LOGS)
    assert re.fullmatch(r"Epoch 1/5 .* 4/10  40% 2\.0 s, 64 samples/s", terminal()[-2])


def test_before_the_first_step_nothing_is_foretold(terminal):
    bar = Bar("Epoch 1/1", 100, 3200, 1)
    drawn = " ".join(terminal())
    assert "left" not in drawn
    assert "samples/s" not in drawn
    bar.abandon()


def test_an_abandoned_bar_gives_the_cursor_back(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    bar = Bar("Epoch 1/1", 10, 320, 1)
    assert "\x1b[?25l" in capsys.readouterr().out
    bar.abandon()
    assert capsys.readouterr().out.endswith("\x1b[?25h")
    bar.abandon()
    assert "\x1b[?25" not in capsys.readouterr().out


@pytest.mark.parametrize("moment", ["_enable_redirect_io", "_disable_redirect_io"])
def test_ctrl_c_in_the_midst_of_drawing_gives_the_cursor_back(
    moment, monkeypatch, capsys
):
    from rich.live import Live

    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    original = getattr(Live, moment)

    def interrupted(live):
        original(live)
        monkeypatch.setattr(Live, moment, original)
        raise KeyboardInterrupt

    monkeypatch.setattr(Live, moment, interrupted)
    model, x, y = model_and_data()
    stdout = sys.stdout
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, verbose=1)
    assert sys.stdout is stdout
    drawn = capsys.readouterr().out
    assert drawn.rindex("\x1b[?25h") > drawn.rindex("\x1b[?25l")


# Jobs


def test_verbose_0_prints_nothing_at_all(capfd):
    model, x, y = model_and_data()
    model.fit(x, y, epochs=2, validation_split=0.5, verbose=0)
    model.evaluate(x, y, verbose=0)
    model.predict(x)
    model.train_on_batch(x, y)
    model.test_on_batch(x, y)
    model.predict_on_batch(x)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("verbose", ["auto", 1, 2])
def test_where_there_is_no_terminal_every_epoch_is_a_line(verbose, capfd):
    model, x, y = model_and_data()
    history = model.fit(x, y, epochs=3, validation_split=0.2, verbose=verbose)
    printed, error = capfd.readouterr()
    assert error == ""
    assert "\x1b" not in printed
    lines = [line for line in lines_of(printed) if not line.startswith("Compiled in")]
    assert len(lines) == 3
    for epoch, line in enumerate(lines):
        start, *figures = line.split(" - ")
        assert re.fullmatch(
            rf"Epoch {epoch + 1}/3: 1/1 steps, [0-9.]+ m?s, [0-9,]+ samples/s", start
        )
        assert figures == [
            f"{name}: {progress_bar._figure(values[epoch])}"
            for name, values in history.history.items()
        ]


@pytest.mark.parametrize("job", ["evaluate", "predict"])
def test_evaluate_and_predict_print_a_line_of_their_own(job, capfd):
    model, x, y = model_and_data()
    if job == "evaluate":
        results = model.evaluate(x, y, batch_size=32, verbose=2, return_dict=True)
    else:
        results = {}
        model.predict(x, batch_size=32, verbose=2)
    lines = lines_of(capfd.readouterr().out)
    start, *figures = lines[-1].split(" - ")
    assert start.startswith(f"{job.capitalize()}: 2/2 steps, ")
    assert figures == [
        f"{name}: {progress_bar._figure(value)}" for name, value in results.items()
    ]


def test_compiling_is_stated_once_and_before_the_first_epoch(capfd):
    # A network that no other test has compiled.
    model = jn.Sequential([jn.Dense(17, "tanh"), jn.Dense(13, "tanh"), jn.Dense(1)])
    model.compile("adam", "mse")
    _, x, y = model_and_data()
    history = model.fit(x, y, epochs=2, verbose=2)
    lines = lines_of(capfd.readouterr().out)
    seconds = history.timing["compile_seconds"]
    assert seconds >= 0.05
    assert lines[0] == f"Compiled in {seconds:.2f} s."
    assert [line[:9] for line in lines[1:]] == ["Epoch 1/2", "Epoch 2/2"]


@pytest.mark.parametrize("verbose", [3, -1, "yes", None, 1.5])
def test_verbose_is_one_of_four_words(verbose):
    model, x, y = model_and_data()
    with (
        unchecked_types(),
        raises_text(ArgumentError, "verbose must be 0", "'auto'", repr(verbose)),
    ):
        model.fit(x, y, verbose=verbose)


def test_callbacks_may_print_between_the_lines(capfd):
    model, x, y = model_and_data()
    call = {"epochs": 2, "verbose": 2}
    note = LambdaCallback(on_epoch_end=lambda epoch, logs: print("after", epoch))
    model.fit(x, y, callbacks=note, **call)
    lines = [line[:9] for line in lines_of(capfd.readouterr().out)]
    assert [line for line in lines if line[:8] != "Compiled"] == [
        "Epoch 1/2",
        "after 0",
        "Epoch 2/2",
        "after 1",
    ]


# A real terminal


TRAIN = """
    import signal
    # A shell's job in the background ignores Ctrl-C, and so would its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    import numpy as np
    import jaxnet_mini as jn
    from jaxnet_mini.callbacks import LambdaCallback, ProgbarLogger

    x = np.linspace(-1.0, 1.0, 512, dtype=np.float32)[:, None]
    model = jn.Sequential([jn.Dense(8, "tanh", input_shape=(1,)), jn.Dense(1)])
    model.compile("sgd", "mse")
"""


def on_a_terminal(script, interrupt_at=None):
    """Run a script on a pseudo-terminal; return its exit status and what it drew.

    Args:
        script: what to run.
        interrupt_at: a text; when it is drawn, Ctrl-C is sent, once.
    """
    outside, inside = os.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100"}
    environment["JAX_ENABLE_COMPILATION_CACHE"] = "false"  # so that it takes a while
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(TRAIN) + textwrap.dedent(script)],
        stdin=inside,
        stdout=inside,
        stderr=inside,
        env=environment,
    )
    os.close(inside)
    drawn = b""
    latest = time.monotonic() + 120.0
    try:
        while time.monotonic() < latest and select.select([outside], [], [], 60.0)[0]:
            try:
                piece = os.read(outside, 1 << 16)
            except OSError:  # The other side is closed.
                break
            if not piece:
                break
            drawn += piece
            if interrupt_at is not None and interrupt_at.encode() in drawn:
                process.send_signal(signal.SIGINT)
                interrupt_at = None
        return process.wait(timeout=60.0), drawn.decode()
    finally:
        process.kill()
        process.wait()
        os.close(outside)


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminals here")
def test_a_terminal_shows_a_bar_that_is_redrawn():
    status, drawn = on_a_terminal(
        """
        stepwise = LambdaCallback(
            on_train_batch_end=lambda batch, logs: None,
            on_epoch_end=lambda epoch, logs: print("after", epoch),
        )
        callbacks = [stepwise, ProgbarLogger(seconds=1e-9)]
        model.fit(x, x, epochs=2, validation_split=0.5, callbacks=callbacks)
        model.evaluate(x, x)
        model.predict(x, verbose=1)
        """
    )
    assert status == 0
    text = CONTROL.sub("", drawn)
    # The bar is drawn again and again over itself, and ends complete.
    for step in range(1, 9):
        assert f"{step}/8" in text
    assert drawn.count("\x1b[2K") > 16
    assert text.count("8/8 100%") >= 2
    assert re.search(r"Compiled in [0-9.]+ s\.", text)
    assert text.index("Compiled in") < text.index("1/8")
    ended = [text.rindex(part) for part in ("Epoch 2/2", "after 1", "Evaluate")]
    assert ended == sorted(ended)
    assert "Predict" in text
    assert "val_loss: " in text
    # The cursor comes back.
    assert drawn.rindex("\x1b[?25h") > drawn.rindex("\x1b[?25l")


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminals here")
def test_ctrl_c_on_a_terminal_leaves_a_model_and_a_cursor():
    status, drawn = on_a_terminal(
        """
        x = np.tile(x, (100, 1))
        try:
            model.fit(x, x, epochs=1_000_000)
        except KeyboardInterrupt:
            epochs = len(model.history.epoch)
            steps = int(model.state.step)
            model.predict(x)
            print("interrupted", steps // 1600 >= epochs > 0)
        """,
        interrupt_at="Epoch 3/",
    )
    assert status == 0
    assert "interrupted True" in CONTROL.sub("", drawn)
    assert drawn.rindex("\x1b[?25h") > drawn.rindex("\x1b[?25l")


# Narrow windows


LONG_LOGS = {f"a_metric_{number}": 0.5 for number in range(9)}


@pytest.mark.parametrize("width", [40, 60, 80])
def test_the_bar_fits_a_narrow_window(terminal, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    bar = Bar("Epoch 99/100", 1875, 60000, 1)
    terminal()
    bar.update(900, 75.0, LONG_LOGS)
    first, *rows = terminal()
    assert max(map(len, (first, *rows))) <= width
    assert "900/1875  48%" in first
    assert ("samples/s" in first, "left" in first) == (width >= 80, width >= 60)
    # No figure is broken in two, nor lost.
    found = [figure for row in rows for figure in row.strip().split(" - ")]
    assert found == [f"{name}: 0.5000" for name in LONG_LOGS]
    bar.abandon()


# What takes time


def test_the_time_of_callbacks_is_a_part_of_what_is_shown(capsys):
    """Ten of 50 ms: an epoch, an evaluation and a prediction wait for them."""
    model, x, y = model_and_data()

    def wait(batch, logs):
        time.sleep(0.05)

    called = LambdaCallback(
        on_train_batch_end=wait, on_test_batch_end=wait, on_predict_batch_end=wait
    )
    history = model.fit(x, y, batch_size=4, callbacks=called, verbose=2)
    model.evaluate(x, y, batch_size=4, callbacks=called, verbose=2)
    model.predict(x, batch_size=4, callbacks=called, verbose=2)
    lines = [line for line in lines_of(capsys.readouterr().out) if "10/10" in line]
    assert len(lines) == 3
    for line in lines:
        number, unit = re.search(r"(?:steps), ([0-9.]+) (m?s)", line).groups()
        assert float(number) / (1000.0 if unit == "ms" else 1.0) >= 0.5
    # The history is of training alone, as it says.
    (seconds,) = history.timing["epoch_seconds"]
    assert seconds < 0.5


def test_one_bar_is_drawn_at_a_time(terminal):
    """One within another, or in another thread, would take over what is printed."""
    first, second = (Bar(f"Epoch {number}/2", 10, 320, 1) for number in (1, 2))
    assert (first.redraws, second.redraws) == (True, False)
    terminal()
    second.update(10, 1.0, LOGS)
    second.end(LOGS)
    assert any(line.startswith("Epoch 2/2: 10/10 steps") for line in terminal())
    first.end(LOGS)
    third = Bar("Epoch 3/3", 10, 320, 1)
    assert third.redraws
    third.abandon()


def test_a_notebook_sees_the_bar_move_within_an_epoch():
    nbformat, nbclient = map(pytest.importorskip, ("nbformat", "nbclient"))
    pytest.importorskip("ipykernel")
    source = """
        import numpy as np
        import jaxnet_mini as jn
        from jaxnet_mini.callbacks import LambdaCallback, ProgbarLogger

        x = np.ones((8, 1), np.float32)
        model = jn.Sequential([jn.Dense(1)])
        model.compile("sgd", "mse")
        stepwise = LambdaCallback(on_train_batch_end=lambda batch, logs: None)
        model.fit(x, x, 1, callbacks=[ProgbarLogger(seconds=1e-9), stepwise])
        model.fit(x, x, 1, epochs=2, verbose=2);
    """
    cell = nbformat.v4.new_code_cell(textwrap.dedent(source))
    notebook = nbformat.v4.new_notebook(cells=[cell])
    seen = []

    class Client(nbclient.NotebookClient):
        def process_message(self, message, *place):
            if message["msg_type"] in ("display_data", "update_display_data"):
                seen.append(message["content"]["data"])
            return super().process_message(message, *place)

    Client(notebook, timeout=120, kernel_name="python3").execute()
    texts = [data["text/plain"] for data in seen]
    for step in range(1, 9):
        assert any(f" {step}/8 " in text for text in texts)
    # What is done and what is left differ by colour alone.
    half = next(d["text/html"] for d in seen if " 4/8 " in d["text/plain"])
    assert [len(line) for line in re.findall("━+", half)] == [10, 10]
    shown = [o["data"]["text/plain"] for o in cell["outputs"] if "data" in o]
    assert len(shown) == 1
    compiled, bar, figures = shown[0].splitlines()
    assert compiled.startswith("Compiled in ")
    assert "8/8 100%" in bar
    assert "loss: " in figures
    # Lines of epochs are text, and no displays of their own.
    printed = "".join(o["text"] for o in cell["outputs"] if "text" in o)
    assert [line[:9] for line in printed.splitlines()] == ["Epoch 1/2", "Epoch 2/2"]
