"""What a model does with prepared examples: it learns from them, and may be killed."""

from collections.abc import Mapping
from typing import Any

import jax

from jaxnet_mini.base import interrupts, plain_json, turns
from jaxnet_mini.callbacks import BackupAndRestore, Callback, CallbackList, History
from jaxnet_mini.checkpoints import kept_run
from jaxnet_mini.core.networks.outline import LayerOutline
from jaxnet_mini.data import epoch_order
from jaxnet_mini.data import resident as data
from jaxnet_mini.devices import forks, placement, processes, transfers
from jaxnet_mini.loops import fit, logs, rehearsal
from jaxnet_mini.loops.feed import Piece
from jaxnet_mini.loops.prepare import Prepared
from jaxnet_mini.loops.run import Run, UnkeptRun
from jaxnet_mini.models import mismatches
from jaxnet_mini.models.predicting import PredictingStack


class LearningStack(PredictingStack):
    """A `PredictingStack` that learns."""

    stop_training = False
    history: History | None = None
    _looked_at: Any = None

    def _warn_once(self, outline: tuple[LayerOutline, ...]) -> None:
        """Warn of what cannot learn what was meant, once for each `compile`."""
        if self._looked_at is not self.trainer:
            mismatches.warn(self.trainer, outline)
            self._looked_at = self.trainer

    def _train(
        self,
        prepared: Prepared,
        hooks: list[Callback],
        verbose: int,
        seed: int | None,
        planned: Mapping[str, Any],
        settings: plain_json.Json,
    ) -> History:
        """Train on what has been checked and lies where it is to be.

        Args:
            prepared: the examples, and what they are for.
            hooks: the callbacks.
            verbose: 0, 1 or 2.
            seed: see `fit`.
            planned: what the `Plan` does not have from the examples.
            settings: what else must not change where the run is kept.
        """
        place = prepared.place
        step = 0 if self._state is None else int(transfers.to_host(self._state.step))
        plan = prepared.plan((self.seed, step) if seed is None else (seed,), **planned)
        run: Run = UnkeptRun(plan)
        backup = BackupAndRestore.among(hooks)
        if backup is not None:
            run = kept_run.KeptRun(
                backup,
                prepared.trainer,
                prepared.outline,
                prepared.batch,
                plan,
                prepared.examples,
                prepared.validation,
                settings | {"seed": self.seed if seed is None else seed},
                verbose,
            )
        with run:
            plan = run.plan
            self._adopt(prepared.outline)
            if run.state is not None:
                run.state = self.state = place.params(run.state)
            # Compiled while the weights are made and the examples are placed.
            shapes = place.params(self._state_ahead())
            compiling = fit.compile_ahead(prepared, shapes, plan)
            state = self.state
            if seed is not None:
                with transfers.meant():
                    state = state._replace(key=jax.random.key(seed))
            self.state = place.params(state)
            history = self.history = History()
            parameters = {
                "epochs": plan.epochs,
                "steps": plan.steps,
                "verbose": verbose,
            }
            hooks_and_history = CallbackList([*hooks, history], self, parameters)
            self.stop_training = False
            try:
                fit.train_epochs(
                    self,
                    prepared,
                    plan,
                    hooks_and_history,
                    history,
                    compiling,
                    verbose,
                    run,
                )
            except (ValueError, RuntimeError) as error:
                kept = None if backup is None else backup.backup_dir
                lost = processes.as_lost(error, kept)
                if lost is None:
                    raise
                raise lost from error
            finally:
                self.state = placement.at_home(self.state)
        return history

    @interrupts.held_back()
    @turns.alone
    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Take one step on these examples; return loss and metrics as `evaluate` does.

        They are those of the batch before the step.
        """
        forks.check("train_on_batch")
        transfers.check("train_on_batch")
        trainer = self.trainer
        outline = self._outline_for(x, y)
        trainer = rehearsal.trainer_for(trainer, outline)
        examples = rehearsal.examples(
            trainer, outline, x, y, sample_weight, class_weight
        )
        rows = len(examples.x)
        resident = data.resident(examples, rows)
        rehearsal.rehearse(trainer, outline, examples, rows)
        self._warn_once(outline)
        self._adopt(outline)
        order = epoch_order.order((0,), 0, rows, rows, shuffle=False)
        where, none = (0, int(transfers.to_host(self.state.step))), trainer.no_sums()
        piece = Piece(resident, order, 0, 1)
        sums, failure = fit.run_steps(self, trainer.program(), piece, none, where)
        if failure is not None:
            try:
                raise failure
            finally:
                del failure  # see `fitting`
        return self._results(logs.sums_to_logs(trainer, sums), return_dict)
