"""Members of a sweep on a CPU: one a core, each with a thread of its own.

They have no word to say to each other, where the threads of one member have many.
"""

import concurrent.futures
import threading
from collections.abc import Callable, Iterable, Sequence

from jaxnet_mini.base import interrupts
from jaxnet_mini.data.plan import Plan
from jaxnet_mini.data.stacks import PlacedStacks
from jaxnet_mini.devices import threads, transfers
from jaxnet_mini.devices.placement import Placement
from jaxnet_mini.loops.choose_place import step_of
from jaxnet_mini.loops.feed import Resident
from jaxnet_mini.loops.prepare import Prepared

LOOK = 0.1
"""Seconds after which the thread that waits lets Ctrl-C in."""


def places(prepared: Prepared, members: int) -> list[Prepared]:
    """Return the same examples for each thread that is to train members.

    Args:
        prepared: what all of them learn from.
        members: how many there are.

    Returns:
        None at all, where one after another is as well: few steps, or large ones, or
        settings of JAX that hold in this thread alone.
    """
    feed, place = prepared.feed, prepared.place
    if type(feed) is not Resident or place.mesh is not None or not threads.are_alike():
        return []
    plan: Plan = prepared.plan((0,))
    step = step_of(prepared.outline, min(prepared.batch_size, prepared.rows))
    seconds = members * plan.epochs * (plan.steps or 1) * step.seconds
    devices = threads.side_by_side(step, members, seconds)
    if not devices:
        return []
    evaluates = _evaluates(prepared)
    placed = [Placement(device=device, evaluates=evaluates) for device in devices]
    return [prepared.at(own) for own in placed]


def _evaluates(prepared: Prepared) -> bool:
    """Tell whether a thread alone computes the same evaluations as all of them."""
    stacks = prepared.held_out.stacks
    if not isinstance(stacks, PlacedStacks):
        return False
    return threads.are_bits_of_one_thread(step_of(prepared.outline, stacks.batch_size))


def run(
    jobs: Iterable[tuple[Prepared | None, Callable[[Prepared], None]]],
    places: Sequence[Prepared],
    stop: threading.Event,
) -> None:
    """Run jobs, each where there is room next.

    Args:
        jobs: each takes the examples where it is to compute, one of ``places``, and
            comes with those where it began; None where it did not.
        places: the examples, for each thread.
        stop: is set where one of them fails or Ctrl-C comes, which is raised when all
            have ended.
    """
    left, taking = list(jobs), threading.Lock()

    def next_for(own: Prepared) -> Callable[[Prepared], None] | None:
        with taking:
            for index, (where, job) in enumerate(left):
                if where is None or where is own:
                    del left[index]
                    return job
        return None

    def work(own: Prepared) -> None:
        with transfers.meant():
            while not stop.is_set():
                job = next_for(own)
                if job is None:
                    return
                job(own)

    with concurrent.futures.ThreadPoolExecutor(len(places)) as pool:
        working = {pool.submit(work, own) for own in places}
        try:
            while working:
                done, working = concurrent.futures.wait(
                    working, LOOK, concurrent.futures.FIRST_COMPLETED
                )
                interrupts.let_in()
                for future in done:
                    future.result()
        except BaseException:
            stop.set()
            raise
