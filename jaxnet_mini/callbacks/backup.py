"""Training that can be killed at any moment and goes on where it was."""

import os
from collections.abc import Iterable
from typing import Optional

from jaxnet_mini.base.arguments import as_path, check_flag
from jaxnet_mini.callbacks.base import Callback, batches_between
from jaxnet_mini.errors import ArgumentError


class BackupAndRestore(Callback):
    """Keep the whole run in a folder, and go on from there when it is started again.

    It does nothing itself: ``fit`` finds it among the callbacks and keeps parameters,
    optimizer state, history, the callbacks' own state and the place within the epoch,
    as its argument ``checkpoint`` tells, while the loop goes on.

    Args:
        backup_dir: the folder, of this run alone; it is made where it is absent.
        save_freq: ``"epoch"``, or a number of steps, which are counted on from epoch
            to epoch. It is what a kill can cost at most.
        delete_checkpoint: whether to delete what was kept once training has ended.

    Raises:
        ArgumentError: ``save_freq`` is neither ``"epoch"`` nor a positive integer.

    Source: https://keras.io/api/callbacks/backup_and_restore/
    """

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: int | str = "epoch",
        *,
        delete_checkpoint: bool = True,
    ) -> None:
        path = as_path(backup_dir)
        if path is None:
            raise ArgumentError(
                "checkpoint, or backup_dir of BackupAndRestore, must be the path of a "
                f"folder, not {backup_dir!r}."
            )
        self.backup_dir = path
        self.delete_checkpoint = check_flag(
            "BackupAndRestore: delete_checkpoint", delete_checkpoint
        )
        self.every = batches_between("BackupAndRestore: save_freq", save_freq)
        self.save_freq = self.every or save_freq

    @staticmethod
    def among(callbacks: Iterable[Callback]) -> Optional["BackupAndRestore"]:
        """Return the one among these callbacks, or None.

        Raises:
            ArgumentError: there are several.
        """
        found = [c for c in callbacks if isinstance(c, BackupAndRestore)]
        if len(found) > 1:
            raise ArgumentError(
                "a run is kept in one folder: give either checkpoint or one "
                "BackupAndRestore."
            )
        return found[0] if found else None
