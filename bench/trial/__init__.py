"""One trial: a specification in, a result out. Searches, finals and reproductions all call `run_trial`."""

from bench.trial.trial_records import (
    Epoch,
    Hardware,
    MachineLoad,
    ModelRecord,
    RangeTest,
    Status,
    TimedOut,
    TrialOutcome,
    TrialResult,
    TrialSpec,
)

__all__ = [
    "Epoch",
    "Hardware",
    "MachineLoad",
    "ModelRecord",
    "RangeTest",
    "Status",
    "TimedOut",
    "TrialOutcome",
    "TrialResult",
    "TrialSpec",
]
