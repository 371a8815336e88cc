"""Runs one trial. Imports torch: whoever only reads results imports bench.trial instead."""

from __future__ import annotations

import io
import math
import platform
import statistics
import time
import traceback
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn

import bench
from bench.evaluation.metrics import Scores, score
from bench.evaluation.predictions import Predictions
from bench.plugins import Infeasible
from bench.plugins.registry import installed
from bench.training.augmentation import Augmentation
from bench.training.clips import DataOnDevice, DeviceClips
from bench.training.device import PeakMemory, device_name
from bench.training.frontend import FrontEnd
from bench.training.loop import Inputs, evaluate, train
from bench.trial.records import Epoch, Hardware, OnEpoch, Status, TrialOutcome, TrialResult, TrialSpec


class Diverged(Exception):
    """The loss, or what the network says of clips it is not trained on, is no longer a number."""


class TimedOut(Exception):
    """Raised inside a trial, by its worker, when its time limit has passed."""


def run_trial(spec: TrialSpec, data: DataOnDevice, on_epoch: OnEpoch, *, test: bool = False) -> TrialOutcome:
    """Builds, trains and validates one configuration on `data.device`; whatever happens becomes a status.

    With `test`, the best epoch's network is also run once over the test split, which raises BenchError where `data`
    may not read it, and its weights are returned. Nothing else of a trial ever touches test clips.
    """
    run = _Run(spec, data)
    status: Status = "complete"
    reason, trace = "", ""
    try:
        if not run.train(on_epoch):
            status, reason = "pruned", f"stopped after epoch {len(run.epochs)} of {spec.training.epochs} by the pruner"
    except Infeasible as error:
        status, reason = "infeasible", one_line(error)
    except Diverged as error:
        status, reason = "diverged", one_line(error)
    except TimedOut as error:
        status, reason = "timed-out", one_line(error)
    except Exception as error:  # plugins may raise anything; the head decides what a series of failures means
        if _is_out_of_memory(error):
            status, reason = "out-of-memory", one_line(error)
        else:
            status, reason, trace = "failed", f"{type(error).__name__}: {one_line(error)}", traceback.format_exc()
    if status != "complete":
        return run.outcome(status, reason, trace)
    try:
        return run.outcome(status, test=test)
    except Diverged as error:
        return run.outcome("diverged", one_line(error))


def time_batch(spec: TrialSpec, data: DataOnDevice) -> float:
    """Seconds of one training step with its features and augmentation, from the second of two short epochs.

    Raises Infeasible where the model cannot take the feature, and whatever a plugin raises.
    """
    steps = 2
    settings = spec.training.model_copy(update={"epochs": 2, "balance": "none"})
    run = _Run(spec.model_copy(update={"training": settings}), data.first(steps * settings.batch_size))
    run.train(lambda epoch: True)
    return run.epochs[1].seconds / steps


def check_feasible(spec: TrialSpec, *, seconds: float, classes: int) -> int:
    """Runs the model on the `meta` device, which costs milliseconds and no memory; returns its number of parameters.

    Raises Infeasible where the model cannot take the feature's shape; whatever else a plugin raises passes through.
    """
    feature = installed().feature(spec.feature)
    shape = feature.shape(round(seconds * feature.sample_rate))
    if min(shape) < 1:
        raise Infeasible(f"{spec.feature.name} gives the empty shape {list(shape)} for clips of {seconds:g} s")
    try:
        with torch.device("meta"), torch.no_grad():
            network: nn.Module = installed().model(spec.model).build(shape, classes).eval()
            with suppress(NotImplementedError):  # an operation without a meta kernel: the first batch will tell
                network(torch.empty(2, *shape))
    except (RuntimeError, ValueError) as error:  # torch's layers complain of shapes by either
        raise Infeasible(
            f"{spec.model.name} cannot take {spec.feature.name} {list(shape)}: {one_line(error)}"
        ) from error
    return sum(parameter.numel() for parameter in network.parameters())


class _Run:
    """One run of `run_trial`: what has been built and measured so far, so that a stop at any point leaves a result."""

    def __init__(self, spec: TrialSpec, data: DataOnDevice) -> None:
        self.spec = spec
        self.data = data
        self.epochs: list[Epoch] = []
        self.best: Epoch | None = None
        self.validation: Predictions | None = None
        self.parameters: int | None = None
        self._network: nn.Module | None = None
        self._front_end: FrontEnd | None = None
        self._best_state: dict[str, Tensor] = {}
        self._best_key = (-1.0, 0.0)
        self._peak = PeakMemory(data.device)

    def train(self, on_epoch: OnEpoch) -> bool:
        """Trains to the end (True), or until `on_epoch` says stop (False)."""
        prepared, device = self.data.prepared, self.data.device
        check_feasible(self.spec, seconds=prepared.seconds, classes=len(prepared.labels))
        torch.manual_seed(self.spec.seed)
        generator = torch.Generator().manual_seed(self.spec.seed)
        feature = installed().feature(self.spec.feature)
        rate = feature.sample_rate
        training, validation = self.data.split("train", rate), self.data.split("validation", rate)
        shape = feature.shape(training.samples.shape[1])
        network = installed().model(self.spec.model).build(shape, len(prepared.labels)).to(device)
        self._network = network
        self._front_end = FrontEnd(feature, device)
        self.parameters = sum(parameter.numel() for parameter in network.parameters())
        noise = self.data.noise(rate) if self.spec.training.noise_snr is not None else None
        augmentation = Augmentation(self.spec.training, sample_rate=rate, noise=noise, generator=generator)
        epochs = train(
            network,
            self._front_end,
            self.spec.training,
            training=training,
            validation=validation,
            augmentation=augmentation,
            generator=generator,
        )
        for outcome in epochs:
            if not math.isfinite(outcome.train_loss):
                raise Diverged(f"the loss was {outcome.train_loss} in epoch {outcome.number}")
            if not bool(torch.isfinite(outcome.validation_logits).all()):
                raise Diverged(f"the answers to validation clips are not all numbers in epoch {outcome.number}")
            predictions = self._predictions(validation, outcome.validation_logits)
            scores = score(predictions)
            epoch = Epoch(
                number=outcome.number,
                learning_rate=outcome.learning_rate,
                train_loss=outcome.train_loss,
                train_accuracy=outcome.train_accuracy,
                validation_loss=scores.loss,
                validation_accuracy=scores.accuracy,
                validation_balanced_accuracy=scores.balanced_accuracy,
                seconds=outcome.seconds,
            )
            self.epochs.append(epoch)
            self._keep_if_best(epoch, scores, predictions)
            if not on_epoch(epoch) and outcome.number < self.spec.training.epochs:
                return False
        return True

    def outcome(self, status: Status, reason: str = "", trace: str = "", *, test: bool = False) -> TrialOutcome:
        """The result as far as the run came; with `test`, of the best epoch's network on the test split too."""
        tested = self._test() if test else None
        result = TrialResult(
            status=status,
            reason=reason,
            epochs=tuple(self.epochs),
            best_epoch=None if self.best is None else self.best.number,
            validation=None if self.validation is None else score(self.validation),
            test=None if tested is None else score(tested),
            parameters=self.parameters,
            train_seconds=sum(epoch.seconds for epoch in self.epochs),
            latency_ms=self._latency() if status == "complete" else None,
            peak_memory_mb=self._peak.megabytes(),
            hardware=hardware(self.data.device),
            traceback=trace,
        )
        return TrialOutcome(
            result=result,
            validation=self.validation,
            test=tested,
            weights=self._weights() if test else None,
        )

    def _keep_if_best(self, epoch: Epoch, scores: Scores, predictions: Predictions) -> None:
        key = (getattr(scores, self.spec.objective), -scores.loss)
        if key > self._best_key:
            assert self._network is not None
            self._best_key, self.best, self.validation = key, epoch, predictions
            self._best_state = {name: value.detach().clone() for name, value in self._network.state_dict().items()}

    def _predictions(self, clips: DeviceClips, logits: Tensor) -> Predictions:
        return Predictions(
            labels=self.data.prepared.labels,
            ids=clips.ids,
            groups=clips.groups,
            targets=clips.targets.cpu().numpy(),
            probabilities=logits.softmax(dim=1).cpu().numpy(),
        )

    def _test(self) -> Predictions:
        assert self._network is not None and self._front_end is not None
        self._network.load_state_dict(self._best_state)
        clips = self.data.split("test", self._front_end.feature.sample_rate)
        inputs = Inputs(clips, self._front_end, None, keep=False)
        logits = evaluate(self._network, inputs, len(clips.targets))
        if not bool(torch.isfinite(logits).all()):
            raise Diverged("the network's answers to test clips are not all numbers")
        return self._predictions(clips, logits)

    def _weights(self) -> bytes:
        buffer = io.BytesIO()
        torch.save({name: value.cpu() for name, value in self._best_state.items()}, buffer)
        return buffer.getvalue()

    def _latency(self, repeats: int = 7) -> float:
        assert self._network is not None and self._front_end is not None
        network, front_end, device = self._network.eval(), self._front_end, self.data.device
        samples = round(self.data.prepared.seconds * front_end.feature.sample_rate)
        waveform = torch.zeros(1, samples, device=device)
        times = []
        with torch.no_grad():
            for _ in range(repeats):
                start = time.perf_counter()
                network(front_end(waveform))
                if device.type == "cuda":
                    torch.cuda.synchronize(device)
                times.append(time.perf_counter() - start)
        return statistics.median(times) * 1000


def hardware(device: torch.device) -> Hardware:
    """This machine, as far as it bears on a result."""
    versions: dict[str, Any] = {"python": platform.python_version(), "torch": str(torch.__version__)}
    return Hardware(
        device=device_name(device),
        threads=torch.get_num_threads(),
        system=f"{platform.system()} {platform.machine()}",
        versions={"bench": bench.__version__, **versions, **installed().versions()},
    )


def _is_out_of_memory(error: Exception) -> bool:
    """By kind, or by what torch's own allocator on the CPU, cuDNN and cuBLAS say in a RuntimeError."""
    said = ("DefaultCPUAllocator: ", "CUDNN_STATUS_ALLOC_FAILED", "CUBLAS_STATUS_ALLOC_FAILED")
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(words in str(error) for words in said)


def one_line(error: BaseException) -> str:
    """What an exception says, as a result keeps it."""
    return " ".join(str(error).split())[:500]
