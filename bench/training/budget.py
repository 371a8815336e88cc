"""Ends a training that is going to take too long as soon as its first steps tell."""

from __future__ import annotations

import time
from collections.abc import Callable

CPU_BUDGET = 600.0
"""Seconds of training that a trial of a search may take on a CPU if nothing else is asked for."""
FEWEST_STEPS = 3
FEWEST_SECONDS = 5.0
"""Before as many have gone by, nothing is judged: the first steps are slower than those that follow."""


class OverBudget(Exception):
    """Raised in a training whose time, as its first steps tell, is more than it may take; the message says both."""


class Budget:
    """Seconds that a whole training may take. It is judged in its first quarter: whoever has come further may finish."""

    def __init__(
        self, seconds: float, *, steps: int, spent: float = 0.0, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        """`steps`: of all epochs, the first of which begins now. `spent`: seconds before it, on features that are kept."""
        self._seconds = seconds
        self._spent = spent
        self._steps = steps
        self._clock = clock
        self._start = clock()

    def after(self, done: int) -> None:
        """Judges by the steps that are done. Raises OverBudget."""
        taken = self._clock() - self._start
        if done < FEWEST_STEPS or taken < FEWEST_SECONDS or done > max(FEWEST_STEPS, self._steps // 4):
            return
        expected = self._spent + taken / done * self._steps
        if expected > self._seconds:
            raise OverBudget(
                f"it would take {_spoken(expected)}, more than the {_spoken(self._seconds)} "
                "a trial may take here (--trial-budget)"
            )


def _spoken(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
