"""Ends a training that is going to take too long, as soon as its first steps show it."""

from __future__ import annotations

import time
from collections.abc import Callable

CPU_BUDGET = 600.0
"""Seconds of training that a trial of a search may take on a CPU if nothing else is asked for."""
FEWEST_STEPS = 3
FEWEST_SECONDS = 5.0
"""Time and steps before which nothing is estimated, since the first steps are slower than those that follow."""


class OverBudget(Exception):
    """A training is going to take more time than it may; the message says both."""


class Budget:
    """Seconds that a whole training may take, checked in its first quarter: one that has come further may finish."""

    def __init__(
        self, seconds: float, *, steps: int, spent: float = 0.0, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        """Starts the clock.

        Args:
            seconds: Time that the training may take.
            steps: Number of steps in all epochs, the first of which begins now.
            spent: Seconds that have gone into cached features before.
            clock: Returns the time in seconds.
        """
        self._seconds = seconds
        self._spent = spent
        self._steps = steps
        self._clock = clock
        self._start = clock()

    def check(self, done: int) -> None:
        """Estimates the time of all steps from those that are done. Raises OverBudget if it is too long."""
        taken = self._clock() - self._start
        if done < FEWEST_STEPS or taken < FEWEST_SECONDS or done > max(FEWEST_STEPS, self._steps // 4):
            return
        expected = self._spent + taken / done * self._steps
        if expected > self._seconds:
            raise OverBudget(
                f"it would take {_duration(expected)}, more than the {_duration(self._seconds)} "
                "a trial may take here (--trial-budget)"
            )


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
