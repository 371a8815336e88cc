"""One trial: a complete specification in, a result out. Search, finals and `bench reproduce` all call `run_trial`."""

from bench.trial.trial_records import (
    Epoch,
    Hardware,
    OnEpoch,
    RangeTest,
    Status,
    TrialOutcome,
    TrialResult,
    TrialSpec,
)

__all__ = ["Epoch", "Hardware", "OnEpoch", "RangeTest", "Status", "TrialOutcome", "TrialResult", "TrialSpec"]
