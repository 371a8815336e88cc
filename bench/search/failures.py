"""What a trial's end means for the study: for the sampler, and for whether to go on at all."""

from __future__ import annotations

from optuna.trial import TrialState

from bench.errors import BenchError
from bench.results.study_records import RunRecord
from bench.trial import Status

SAME_FAILURES = 5
"""Number of failed trials in a row after which a study stops."""
NEVER_COMPLETE = 20
"""Number of trials, none of them complete, after which a study stops."""
LOST_TRIALS = 3
"""Number of trials that killed their worker in every attempt, after which a study stops."""
ATTEMPTS = 3
"""Number of times that a run whose worker dies is run in all."""


def sampler_state(status: Status) -> TrialState:
    """Returns the state that Optuna is told. What cannot work is pruned rather than failed: the sampler ignores failures,
    and would propose it again."""
    match status:
        case "complete":
            return TrialState.COMPLETE
        case "pruned" | "infeasible" | "out-of-memory" | "diverged":
            return TrialState.PRUNED
        case "timed-out" | "failed" | "lost":
            return TrialState.FAIL


class FailureWatch:
    """Notices when going on would only repeat a failure."""

    def __init__(self, *, complete: int = 0) -> None:
        """`complete` is the number of trials that were complete before this process took the study up."""
        self._failed_in_a_row = 0
        self._lost = 0
        self._ended = 0
        self._complete = complete

    def saw(self, run: RunRecord) -> None:
        """Takes note of a trial that ended. Raises BenchError, which says why, if the study should stop."""
        status, reason = run.result.status, run.result.reason
        self._ended += 1
        self._complete += status == "complete"
        self._failed_in_a_row = self._failed_in_a_row + 1 if status == "failed" else 0
        self._lost += status == "lost"
        if self._failed_in_a_row >= SAME_FAILURES:
            raise BenchError(
                f"{SAME_FAILURES} trials in a row failed, the last with: {reason} "
                f"(traceback in {run.study}/{run.name}/traceback.txt); mend that, then resume"
            )
        if self._lost >= LOST_TRIALS:
            raise BenchError(
                f"{LOST_TRIALS} trials lost their worker {ATTEMPTS} times each, the last because {reason}; "
                f"try fewer --workers or a smaller --set training.batch_size, then resume"
            )
        if self._complete == 0 and self._ended >= NEVER_COMPLETE:
            raise BenchError(
                f"none of {self._ended} trials was complete, the last was {status}: {reason}; "
                f"narrow --features and --models to what fits together"
            )
