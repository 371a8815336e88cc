"""Runs one trial. Imports torch: whoever only reads results imports bench.trial instead."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bench.errors import BenchError, one_line
from bench.evaluation.metrics import Objective
from bench.evaluation.predictions import Predictions
from bench.options import RunOptions
from bench.plugins import Infeasible, TrainingSettings
from bench.plugins.faults import fault
from bench.plugins.networks import NotLogits
from bench.plugins.registry import Registry
from bench.training.budget import CPU_BUDGET, OverBudget
from bench.training.compiled import Compiler
from bench.training.device import PeakMemory
from bench.training.device_clips import DataOnDevice, DeviceClips
from bench.training.evaluator import Evaluator
from bench.training.loop import Diverged, EpochOutcome, train
from bench.training.range_test import NoSuggestion, range_curve
from bench.trial.hardware import hardware, installed_versions, load_average, load_since
from bench.trial.measurements import Measurements
from bench.trial.model_records import model_record
from bench.trial.robustness import under_conditions
from bench.trial.scored_outputs import ScoredOutputs, are_finite, score_outputs
from bench.trial.setup import TrialSetup, build_trial, compile_steps
from bench.trial.timing import time_clip
from bench.trial.trial_records import Epoch, RangeTest, Status, TimedOut, TrialOutcome, TrialSpec
from bench.trial.weights import copied_weights, weights_bytes

Trial = Generator[Epoch, bool, TrialOutcome]
"""A running trial: yields every epoch, is sent whether to go on, returns its outcome."""


class _Stopped(Exception):
    """The caller has stopped the trial after an epoch."""


def run_trial(
    spec: TrialSpec,
    data: DataOnDevice,
    *,
    registry: Registry,
    options: RunOptions = RunOptions(),  # noqa: B008  # frozen
    test: bool = False,
    compiler: Compiler | None = None,
) -> Trial:
    """Builds, trains and validates one configuration on `data.device`; whatever happens becomes a status.

    Args:
        spec: The configuration.
        data: The splits on their device.
        registry: The plugins that its names are looked up in.
        options: Options of the run, of which a trial's own are used: its budget, whether it is compiled, and whether it is
            also tested under the conditions of `bench.trial.conditions`.
        test: Whether the best epoch's network is also run once over the test split and its weights are returned: for finals
            and reproductions alone. Nothing else of a trial ever reads test clips, and no budget holds for it.
        compiler: Compiles the steps of the training if `options.compile` says so; None for one of this trial's own.

    Returns:
        A generator that yields after every epoch. Send it True to go on, or False to end the trial as `pruned`; its value is
        the outcome. An exception thrown into it ends the trial with the status that the exception stands for.

    Raises:
        BenchError: If `test` is given and `data` may not read the test split.
    """
    if test and "test" not in data.prepared.splits:
        raise BenchError("a trial of a search may not read the test split: only finals and reproductions do")
    return _run(spec, data, registry, options, test, compiler)


def complete_trial(trial: Trial, on_epoch: Callable[[Epoch], bool] = lambda epoch: True) -> TrialOutcome:
    """Drives a trial to its end.

    Args:
        trial: A trial that has not begun.
        on_epoch: Called after every epoch; False stops the trial. What it raises is thrown into the trial.
    """
    try:
        epoch = next(trial)
        while True:
            try:
                goes_on = on_epoch(epoch)
            except Exception as error:
                epoch = trial.throw(error)
            else:
                epoch = trial.send(goes_on)
    except StopIteration as end:
        outcome: TrialOutcome = end.value
        return outcome


def run_range_test(spec: TrialSpec, data: DataOnDevice, *, registry: Registry) -> RangeTest:
    """Runs a learning-rate range test alone, as a trial with `find_learning_rate` begins with it.

    Raises:
        Infeasible: If the model cannot take the feature.
        NoSuggestion: If the loss was no number before there was a descent.
        Exception: Whatever else a plugin raises.
    """
    return _range_test(build_trial(spec, data, registry))


def _run(
    spec: TrialSpec,
    data: DataOnDevice,
    registry: Registry,
    options: RunOptions,
    test: bool,
    compiler: Compiler | None,
) -> Trial:
    peak, load = PeakMemory(data.device), load_average()
    measured, ending = Measurements(), _Ending("complete")
    try:
        setup = build_trial(spec, data, registry, max_parameters=None if test else options.max_parameters)
        measured = replace(measured, parameters=setup.parameters)
        if options.compile:
            setup = compile_steps(setup, compiler or Compiler(warn=lambda line: None))
            measured = replace(measured, compiled=setup.forward is not None)
        settings = spec.training
        if settings.find_learning_rate:
            measured = replace(measured, range_test=(tested := _range_test(setup)))
            settings = settings.model_copy(update={"learning_rate": tested.suggestion})
        best_state: dict[str, Tensor] = {}
        for epoch, evaluated in _epochs(setup, settings, budget=None if test else trial_budget(options, data.device)):
            best = _is_better(evaluated, measured.validation, spec.objective)
            measured = measured.after(epoch, evaluated, best=best)
            if best and test:
                best_state = copied_weights(setup.network)
            goes_on = yield epoch
            if epoch.number == settings.epochs or _out_of_patience(measured, settings):
                break
            if not goes_on:
                raise _Stopped("stopped early: others were better at the same epoch")
        if test:
            setup.network.load_state_dict(best_state)
            measured = replace(
                measured,
                test=_test(setup),
                weights=weights_bytes(best_state),
                model=model_record(spec, setup.data.prepared, registry, installed_versions(registry)),
            )
            if options.robustness:
                measured = replace(measured, robustness=_robustness(setup))
        measured = replace(measured, latency_ms=time_clip(setup))
    except (Exception, SystemExit) as error:
        # Plugins may raise anything, and leave; the scheduler decides what a series of failures means.
        ending = _ending(error)
    return measured.outcome(
        ending.status,
        ending.reason,
        ending.traceback,
        peak_memory_mb=peak.megabytes(),
        hardware=hardware(data.device, registry=registry, compiled=measured.compiled),
        load=load_since(load),
        metrics=registry.metrics.values(),
    )


def trial_budget(options: RunOptions, device: torch.device) -> float | None:
    """Seconds that the training of a trial of a search may take; None for any number."""
    if options.trial_budget is None:
        return CPU_BUDGET if device.type == "cpu" else None
    return options.trial_budget or None


def _range_test(setup: TrialSetup) -> RangeTest:
    """Runs a range test, which leaves the network and all that is drawn after it as they would be without it."""
    generator = setup.generator()
    curve = range_curve(
        setup.network,
        setup.front_end,
        setup.spec.training,
        training=setup.training_clips(),
        classes=setup.classes,
        augmentation=setup.augmentation(generator),
        generator=generator,
    )
    return RangeTest(rates=curve.rates, losses=curve.losses, suggestion=curve.suggestion)


def _epochs(
    setup: TrialSetup, settings: TrainingSettings, *, budget: float | None
) -> Iterator[tuple[Epoch, ScoredOutputs]]:
    """Trains the network, and yields every epoch with the validation split as it is evaluated after it.

    Raises:
        Diverged: If the loss or an output is no number.
        OverBudget: If the first steps show that the training would take longer than its budget.
    """
    validation = setup.data.split("validation", setup.sample_rate)
    generator = setup.generator()
    outcomes = train(
        setup.network,
        setup.front_end,
        settings,
        training=setup.training_clips(),
        validation=validation,
        classes=setup.classes,
        augmentation=setup.augmentation(generator),
        generator=generator,
        budget=budget,
        forward=setup.forward,
    )
    for outcome in outcomes:
        yield _scored(outcome, validation, setup.data.prepared.labels)


def _scored(outcome: EpochOutcome, clips: DeviceClips, labels: tuple[str, ...]) -> tuple[Epoch, ScoredOutputs]:
    if not math.isfinite(outcome.train_loss):
        raise Diverged(f"the loss was {outcome.train_loss} in epoch {outcome.number}")
    if not are_finite(outcome.validation):
        raise Diverged(f"the outputs for validation clips are not all numbers in epoch {outcome.number}")
    evaluated = score_outputs(outcome.validation, clips, labels)
    epoch = Epoch(
        number=outcome.number,
        learning_rate=outcome.learning_rate,
        train_loss=outcome.train_loss,
        train_accuracy=outcome.train_accuracy,
        validation_loss=evaluated.scores.loss,
        validation_accuracy=evaluated.scores.accuracy,
        validation_balanced_accuracy=evaluated.scores.balanced_accuracy,
        seconds=outcome.seconds,
    )
    return epoch, evaluated


def _is_better(evaluated: ScoredOutputs, than: ScoredOutputs | None, objective: Objective) -> bool:
    """Whether an epoch is better by the objective or, where that is equal, by its loss."""
    if than is None:
        return True
    ours, theirs = evaluated.scores, than.scores
    return bool((getattr(ours, objective), -ours.loss) > (getattr(theirs, objective), -theirs.loss))


def _out_of_patience(measured: Measurements, settings: TrainingSettings) -> bool:
    best, patience = measured.best, settings.patience
    return patience is not None and best is not None and len(measured.epochs) - best.number >= patience


def _test(setup: TrialSetup) -> ScoredOutputs:
    """Runs the network over the test split, once. Raises Diverged."""
    clips = setup.data.split("test", setup.sample_rate)
    evaluator = Evaluator(clips, setup.front_end, setup.spec.training, classes=setup.classes, cache=False)
    outputs = evaluator(setup.network)
    if not are_finite(outputs):
        raise Diverged("the network's outputs for test clips are not all numbers")
    return score_outputs(outputs, clips, setup.data.prepared.labels)


def _robustness(setup: TrialSetup) -> dict[str, Predictions]:
    """Runs the network over the test split once under every condition."""
    clips, labels = setup.data.split("test", setup.sample_rate), setup.data.prepared.labels
    return dict(under_conditions(setup.network, setup.front_end, setup.spec.training, clips=clips, labels=labels))


@dataclass(frozen=True)
class _Ending:
    """How a trial ended, and why."""

    status: Status
    reason: str = ""
    traceback: str = ""


def _ending(error: BaseException) -> _Ending:
    """The ending that an exception inside a trial stands for."""
    match error:
        case Infeasible():
            return _Ending("infeasible", one_line(error))
        case OverBudget() | _Stopped():
            return _Ending("pruned", one_line(error))
        case Diverged() | NoSuggestion():
            return _Ending("diverged", one_line(error))
        case TimedOut():
            return _Ending("timed-out", one_line(error))
    if _is_out_of_memory(error):
        return _Ending("out-of-memory", one_line(error))
    trace = "".join(traceback.format_exception(error))
    return _Ending("failed", one_line(error) if isinstance(error, NotLogits) else fault(error), trace)


def _is_out_of_memory(error: BaseException) -> bool:
    """By its type, or by what torch's own allocator on the CPU, cuDNN and cuBLAS say in a RuntimeError."""
    said = ("DefaultCPUAllocator: ", "CUDNN_STATUS_ALLOC_FAILED", "CUBLAS_STATUS_ALLOC_FAILED")
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(words in str(error) for words in said)
