"""What a person sees while a job runs: a bar on a terminal or in a notebook, or lines.

Times are those that a person waits, callbacks included; compilation is stated apart and
enters no estimate.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from jaxnet_mini.base.arguments import as_integer
from jaxnet_mini.errors import ArgumentError

if TYPE_CHECKING:
    from rich.text import Text

BAR_WIDTH, LEAST_BAR_WIDTH = 20, 5
NOTABLE_WAIT = 0.1
NOTABLE_SECONDS = 0.05
"""Data are named as the bottleneck where more than this share, and more than so many
seconds, go into waiting for them."""

REDRAW_SECONDS = 0.2
"""Five redraws a second look smooth; each costs the host about a millisecond."""


_DRAWN: weakref.WeakSet[Bar] = weakref.WeakSet()
_DRAWING = threading.Lock()
"""One bar is drawn at a time, in whatever thread: two would draw over each other, and
both take over what is printed."""


@dataclasses.dataclass(eq=False, repr=False)
class Bar:
    """The progress of one job: an epoch of training, an evaluation or a prediction.

    Args:
        label: what stands in front, such as ``"Epoch 1/5"``.
        steps: the number of batches; None where nobody knows it.
        rows: the number of examples in all of them, or then in each.
        verbose: 0 silent; 1 a bar on a terminal or in a notebook, else a line at the
            end; 2 a line at the end.
        metrics: the names of the logs to show, each with that of the validation; None
            shows all.
        every: the seconds between two redraws.
    """

    label: str
    steps: int | None
    rows: int
    verbose: dataclasses.InitVar[int]
    metrics: Sequence[str] | None = None
    every: float = REDRAW_SECONDS
    unit: ClassVar[str] = "steps"

    def __post_init__(self, verbose: int) -> None:
        self.step, self.seconds, self.waited = 0, 0.0, 0.0
        self.clock = Stopwatch()
        self.clock.start()
        self._live: Any = None
        self._console: Any = None
        if verbose:
            # Imported when used: rich takes a tenth of the time that JAX takes.
            from rich.console import Console

            self._console = Console(highlight=False)
            in_notebook = self._console.is_jupyter
            self._console.is_jupyter = False  # lines are text there, not a page each
            drawable = in_notebook or self._console.is_terminal
            if verbose == 1 and drawable and self._is_first():
                self._draw(in_notebook)

    def _is_first(self) -> bool:
        """Tell whether no other bar is drawn; then this one is."""
        with _DRAWING:
            if first := not _DRAWN:
                _DRAWN.add(self)
            return first

    def _draw(self, in_notebook: bool) -> None:
        start = self._render({})
        if in_notebook:
            self._live = _Cell(start)
        else:
            from rich.live import Live

            self._live = Live(start, console=self._console, auto_refresh=False)
        try:
            self._live.start()
        except BaseException:
            self.abandon()
            raise

    @property
    def redraws(self) -> bool:
        """Whether a bar is drawn while the job runs."""
        return self._live is not None

    def compiled(self, seconds: float, note: str = "") -> None:
        """State how long compiling took, where it took long enough to notice.

        Args:
            seconds: that.
            note: what else there is to say of what was compiled.
        """
        if self._console is not None and seconds >= 0.05:
            said = f"Compiled in {seconds:.2f} s{note}."
            if isinstance(self._live, _Cell):
                self._live.put_above(said)
            else:
                self._console.print(said)

    def count(self, steps: int | None) -> None:
        """Take note of how many steps there are, or that it is not known after all."""
        self.rows, self.steps = round(self.rows_in(steps or 1)), steps

    def rows_in(self, steps: int) -> float:
        """Return how many examples so many steps have, on average."""
        return self.rows * steps / (self.steps or 1)

    def update(
        self,
        step: int,
        seconds: float,
        logs: Mapping[str, Any],
        waited: float = 0.0,
    ) -> None:
        """Show that ``step`` batches took ``seconds``, without what compiling took.

        Of these seconds it ``waited`` so many for data.
        """
        # A callback that watches batches leads here after each of them.
        due = seconds // self.every > self.seconds // self.every
        self.step, self.seconds, self.waited = step, seconds, waited
        if self.steps is not None and step > self.steps:
            self.count(None)
        if self._live is not None and due and step != self.steps:
            self._live.update(self._render(logs), refresh=True)

    def end(self, logs: Mapping[str, Any]) -> None:
        """Show the result."""
        if self._live is not None:
            self._live.update(self._render(logs, ended=True))
            self._live.stop()
            self._live = None
            _DRAWN.discard(self)
        elif self._console is not None:
            done = f"{self.label}: {self.step}/{self._all} {self.unit}"
            line = f"{done}, {self._speed()}"
            line = " - ".join([line, *self._figures(logs)])
            self._console.print(line, soft_wrap=True)

    def abandon(self) -> None:
        """Leave the terminal in order when the job ends early."""
        if self._live is not None:
            # Ctrl-C may have come while it was being started or stopped, and rich
            # cannot undo a half.
            with contextlib.suppress(IndexError):
                self._live.stop()
            self._console.show_cursor(True)
            self._live = None
        _DRAWN.discard(self)

    def _shown(self, logs: Mapping[str, Any]) -> Mapping[str, Any]:
        if self.metrics is None:
            return logs
        names = [f"{prefix}{name}" for name in self.metrics for prefix in ("", "val_")]
        return {name: logs[name] for name in names if name in logs}

    @property
    def _all(self) -> int | str:
        return "Unknown" if self.steps is None else self.steps

    def _speed(self) -> str:
        speed = _seconds(self.seconds)
        if self.step and self.seconds:
            done = self.rows_in(self.step)
            speed += f", {done / self.seconds:,.0f} samples/s"
        return speed

    def _figures(self, logs: Mapping[str, Any]) -> list[str]:
        waiting = []
        if self.waited > max(NOTABLE_SECONDS, NOTABLE_WAIT * self.seconds):
            share = self.waited / self.seconds
            waiting = [f"{share:.0%} of the time waiting for data"]
        return waiting + named(self._shown(logs))

    def _render(self, logs: Mapping[str, Any], ended: bool = False) -> Text:
        from rich.text import Text

        share = self.step / self.steps if self.steps else 0.0
        left = ""
        if 0 < share < 1 and not ended:
            left = f", {_seconds(self.seconds / share * (1 - share))} left"
        width = self._console.width
        percent = f"{share:4.0%} " if self.steps else ""
        count = f" {self.step}/{self._all} {percent}"
        taken = _seconds(self.seconds)
        # In a narrow window the speed goes first, and then what is left.
        for tail in (f"{self._speed()}{left}", f"{taken}{left}", taken):
            room = width - len(f"{self.label} {count}{tail}")
            if room >= LEAST_BAR_WIDTH:
                break
        wide = max(0, min(BAR_WIDTH, room))
        # One text renders in a third of the time of rich's own bar in a table.
        line = "━" if self._console.encoding.startswith("utf") else "-"
        full = int(share * wide)
        text = Text.assemble(
            f"{self.label} ",
            (line * full, "green"),
            (line * (wide - full), "bright_black"),
            f"{count}{tail}",
        )
        for row in _rows(self._figures(logs), width):
            text.append(f"\n{row}")
        return text


class _Cell:
    """A bar in the output of a notebook's cell, drawn over itself."""

    def __init__(self, text: Text) -> None:
        self._text, self._above = text, ""
        self._handle: Any = None

    def put_above(self, line: str) -> None:
        """Show a line above the bar, where a terminal would have it."""
        self._above = f"{line}\n"
        self._handle.update(self._content(), raw=True)

    def start(self) -> None:
        from IPython.display import display

        show: Any = display
        self._handle = show(self._content(), raw=True, display_id=True)

    def update(self, text: Text, refresh: bool = False) -> None:
        self._text = text
        if refresh:
            self._handle.update(self._content(), raw=True)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.update(self._content(), raw=True)

    def _content(self) -> dict[str, str]:
        from rich.text import Text

        text = Text.assemble(self._above, self._text)
        # Only colours tell what is done from what is left.
        drawn = text._repr_mimebundle_((), ())["text/html"]
        return {"text/plain": text.plain, "text/html": drawn}


class SweepBar(Bar):
    """The progress of a sweep, whose steps are its members."""

    unit = "members"

    def remark(self, text: str) -> None:
        """Print a line, above the bar where one is drawn."""
        if self._console is not None:
            self._console.print(text, soft_wrap=True)

    def _speed(self) -> str:
        return _seconds(self.seconds)


def _rows(figures: Sequence[str], width: int) -> list[str]:
    """Return figures in rows of at most ``width`` letters, none broken in two."""
    rows: list[str] = []
    for figure in figures:
        if rows and len(f"{rows[-1]} - {figure}") <= width:
            rows[-1] += f" - {figure}"
        else:
            rows.append(f"  {figure}")
    return rows


def _seconds(value: float) -> str:
    # What would be rounded up to the next unit is written in it.
    if value < 0.9995:
        return f"{1000 * value:.0f} ms"
    if value < 9.95:
        return f"{value:.1f} s"
    minutes, seconds = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"


def named(logs: Mapping[str, Any]) -> list[str]:
    """Return each name with its value, as bars show them."""
    return [f"{name}: {_figure(value)}" for name, value in logs.items()]


def _figure(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_figure, value))}]"
    # Four decimals, or four digits where these would show nothing, as Keras prints.
    return f"{value:.4f}" if abs(value) > 1e-3 or value == 0 else f"{value:.4e}"


def check_verbose(verbose: int | Literal["auto"]) -> int:
    """Return 0, 1 or 2; ``"auto"`` is 1.

    Raises:
        ArgumentError: anything else.
    """
    if isinstance(verbose, str) and verbose == "auto":
        return 1
    level = int(verbose) if isinstance(verbose, bool) else as_integer(verbose)
    if level in (0, 1, 2):
        return level
    raise ArgumentError(
        f"verbose must be 0 (silent), 1 (a bar), 2 (a line an epoch) or 'auto', not "
        f"{verbose!r}."
    )


class Stopwatch:
    """Adds up the time between `start` and `stop`."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._since = 0.0

    def start(self) -> None:
        """Start measuring."""
        self._since = time.perf_counter()

    @property
    def elapsed(self) -> float:
        """The seconds since `start`."""
        return time.perf_counter() - self._since

    def stop(self) -> float:
        """Stop; return the seconds since `start`."""
        passed = self.elapsed
        self.seconds += passed
        return passed
