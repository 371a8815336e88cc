"""What a trial has measured so far. It is replaced after every step, so that a stop at any point leaves a result."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from bench.evaluation.predictions import Predictions
from bench.plugins import Metric
from bench.trial.scored_outputs import ScoredOutputs
from bench.trial.trial_records import (
    Epoch,
    Hardware,
    MachineLoad,
    ModelRecord,
    RangeTest,
    Status,
    TrialOutcome,
    TrialResult,
)


@dataclass(frozen=True)
class Measurements:
    """Measurements up to now; None stands for what has not been measured.

    Attributes:
        parameters: Number of the network's parameters.
        compiled: Whether compiled code runs its steps.
        range_test: The learning-rate range test.
        epochs: All epochs that have ended.
        best: The best of them.
        validation: The validation split as the best epoch's network has it.
        test: The test split, likewise.
        robustness: Predictions of the test clips under every condition.
        model: What the tested network needs beside its weights.
        weights: The tested network's weights as a file of safetensors.
        latency_ms: Time of one clip, in ms.
    """

    parameters: int | None = None
    compiled: bool = False
    range_test: RangeTest | None = None
    epochs: tuple[Epoch, ...] = ()
    best: Epoch | None = None
    validation: ScoredOutputs | None = None
    test: ScoredOutputs | None = None
    robustness: Mapping[str, Predictions] = field(default_factory=dict)
    model: ModelRecord | None = None
    weights: bytes | None = None
    latency_ms: float | None = None

    def after(self, epoch: Epoch, evaluated: ScoredOutputs, *, best: bool) -> Measurements:
        """The measurements with one more epoch, which is the `best` so far or not."""
        epochs = (*self.epochs, epoch)
        return replace(self, epochs=epochs, best=epoch, validation=evaluated) if best else replace(self, epochs=epochs)

    def outcome(
        self,
        status: Status,
        reason: str,
        traceback: str,
        *,
        peak_memory_mb: float | None,
        hardware: Hardware,
        load: MachineLoad | None,
        metrics: Collection[type[Metric]] = (),
    ) -> TrialOutcome:
        """The outcome of a trial that ends now, with these metrics of plugins if it was tested."""
        validation, test = self.validation, self.test
        scores = None if validation is None else validation.scores
        if validation is not None and test is not None:  # the others cost a short trial of a search a percent or more
            scores = validation.all_scores(metrics)
        result = TrialResult(
            status=status,
            reason=reason,
            epochs=self.epochs,
            best_epoch=None if self.best is None else self.best.number,
            validation=scores,
            test=None if test is None else test.all_scores(metrics),
            validation_segments=None if validation is None else validation.segment_scores(),
            test_segments=None if test is None else test.segment_scores(),
            range_test=self.range_test,
            parameters=self.parameters,
            train_seconds=sum(epoch.seconds for epoch in self.epochs),
            latency_ms=self.latency_ms,
            peak_memory_mb=peak_memory_mb,
            hardware=hardware,
            load=load,
            traceback=traceback,
        )
        return TrialOutcome(
            result=result,
            validation=None if validation is None else validation.predictions,
            test=None if test is None else test.predictions,
            robustness=self.robustness,
            model=self.model,
            weights=self.weights,
        )
