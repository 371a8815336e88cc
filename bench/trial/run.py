"""Runs one trial. Imports torch: whoever only reads results imports bench.trial instead."""

from __future__ import annotations

import io
import math
import platform
import statistics
import time
import traceback
from typing import Any

import torch
from torch import Tensor, nn

import bench
from bench.errors import BenchError, one_line
from bench.evaluation.metrics import Scores, score
from bench.evaluation.predictions import Predictions
from bench.plugins import Infeasible
from bench.plugins.registry import installed
from bench.training.augmentation import Augmentation
from bench.training.clips import DataOnDevice, DeviceClips
from bench.training.device import PeakMemory, device_name
from bench.training.frontend import FrontEnd
from bench.training.loop import Inputs, evaluate, train
from bench.trial.feasibility import check_feasible
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
    if test and "test" not in data.prepared.splits:
        raise BenchError("a trial of a search may not read the test split: only finals and reproductions do")
    run = _Run(spec, data, keep_weights=test)
    status: Status = "complete"
    reason, trace = "", ""
    try:
        if not run.train(on_epoch):
            status, reason = "pruned", "stopped early: others were better at the same epoch"
        elif test:
            run.test()
        if status == "complete":
            run.time_one_clip()
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
    return run.outcome(status, reason, trace)


def time_batch(spec: TrialSpec, data: DataOnDevice) -> float:
    """Seconds of one training step with its features and augmentation, from the second of two short epochs.

    Raises Infeasible where the model cannot take the feature, and whatever a plugin raises.
    """
    steps = 2
    settings = spec.training.model_copy(update={"epochs": 2, "balance": "none"})
    few = data.first(steps * settings.batch_size)
    run = _Run(spec.model_copy(update={"training": settings}), few, keep_weights=False)
    run.train(lambda epoch: True)
    return run.epochs[1].seconds / steps


class _Run:
    """One run of `run_trial`: what has been built and measured so far, so that a stop at any point leaves a result."""

    def __init__(self, spec: TrialSpec, data: DataOnDevice, *, keep_weights: bool) -> None:
        self.spec = spec
        self.data = data
        self.epochs: list[Epoch] = []
        self.best: Epoch | None = None
        self.validation: Predictions | None = None
        self.parameters: int | None = None
        self._network: nn.Module | None = None
        self._front_end: FrontEnd | None = None
        self._tested: Predictions | None = None
        self._latency_ms: float | None = None
        self._keep_weights = keep_weights
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

    def test(self) -> None:
        """Runs the best epoch's network over the test split, once."""
        assert self._network is not None and self._front_end is not None
        self._network.load_state_dict(self._best_state)
        clips = self.data.split("test", self._front_end.feature.sample_rate)
        inputs = Inputs(clips, self._front_end, None, keep=False)
        logits = evaluate(self._network, inputs, len(clips.targets))
        if not bool(torch.isfinite(logits).all()):
            raise Diverged("the network's answers to test clips are not all numbers")
        self._tested = self._predictions(clips, logits)

    def time_one_clip(self, repeats: int = 7) -> None:
        """Measures the time from one clip's waveform to its logits."""
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
        self._latency_ms = statistics.median(times) * 1000

    def outcome(self, status: Status, reason: str = "", trace: str = "") -> TrialOutcome:
        """The result, as far as the run came."""
        result = TrialResult(
            status=status,
            reason=reason,
            epochs=tuple(self.epochs),
            best_epoch=None if self.best is None else self.best.number,
            validation=None if self.validation is None else score(self.validation),
            test=None if self._tested is None else score(self._tested),
            parameters=self.parameters,
            train_seconds=sum(epoch.seconds for epoch in self.epochs),
            latency_ms=self._latency_ms,
            peak_memory_mb=self._peak.megabytes(),
            hardware=hardware(self.data.device),
            traceback=trace,
        )
        return TrialOutcome(
            result=result,
            validation=self.validation,
            test=self._tested,
            weights=None if self._tested is None else self._weights(),
        )

    def _keep_if_best(self, epoch: Epoch, scores: Scores, predictions: Predictions) -> None:
        key = (getattr(scores, self.spec.objective), -scores.loss)
        if key > self._best_key:
            assert self._network is not None
            self._best_key, self.best, self.validation = key, epoch, predictions
            if self._keep_weights:
                self._best_state = {name: value.detach().clone() for name, value in self._network.state_dict().items()}

    def _predictions(self, clips: DeviceClips, logits: Tensor) -> Predictions:
        return Predictions(
            labels=self.data.prepared.labels,
            ids=clips.ids,
            groups=clips.groups,
            targets=clips.targets.cpu().numpy(),
            probabilities=logits.softmax(dim=1).cpu().numpy(),
        )

    def _weights(self) -> bytes:
        buffer = io.BytesIO()
        torch.save({name: value.cpu() for name, value in self._best_state.items()}, buffer)
        return buffer.getvalue()


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
