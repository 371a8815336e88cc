"""Runs one trial. Imports torch: whoever only reads results imports bench.trial instead."""

from __future__ import annotations

import io
import math
import platform
import statistics
import time
import traceback
from itertools import islice
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
from bench.training.batches import batch_sizes, examples_per_pass, input_samples, steps_per_epoch
from bench.training.budget import OverBudget
from bench.training.compiled import Compiler, Forward
from bench.training.device import PeakMemory, device_name, to_device
from bench.training.device_clips import DataOnDevice, DeviceClips
from bench.training.evaluator import Evaluator, Outputs
from bench.training.frontend import FrontEnd
from bench.training.loader import build_loader
from bench.training.loop import EpochOutcome, step, train
from bench.training.optimisers import build_optimiser, build_schedule
from bench.training.range_test import NoSuggestion, find_learning_rate
from bench.trial.feasibility import check_feasible
from bench.trial.trial_records import Epoch, Hardware, OnEpoch, RangeTest, Status, TrialOutcome, TrialResult, TrialSpec


class Diverged(Exception):
    """The loss, or what the network says of clips it is not trained on, is no longer a number."""


class TimedOut(Exception):
    """Raised inside a trial, by its worker, when its time limit has passed."""


def run_trial(
    spec: TrialSpec,
    data: DataOnDevice,
    on_epoch: OnEpoch,
    *,
    test: bool = False,
    budget: float | None = None,
    compiler: Compiler | None = None,
) -> TrialOutcome:
    """Builds, trains and validates one configuration on `data.device`; whatever happens becomes a status.

    With `test`, the best epoch's network is also run once over the test split, which raises BenchError where `data`
    may not read it, and its weights are returned. Nothing else of a trial ever touches test clips.
    `budget`: seconds that its training may take; one whose first steps tell that it would take longer is ended as pruned.
    `compiler`: compiles the steps of the training where it can, which is told in the result.
    """
    if test and "test" not in data.prepared.splits:
        raise BenchError("a trial of a search may not read the test split: only finals and reproductions do")
    run = _Run(spec, data, keep_weights=test)
    status: Status = "complete"
    reason, trace = "", ""
    try:
        run.build()
        if compiler is not None:
            run.compile(compiler)
        if not run.train(on_epoch, budget=budget):
            status, reason = "pruned", "stopped early: others were better at the same epoch"
        elif test:
            run.test()
        if status == "complete":
            run.time_one_clip()
    except Infeasible as error:
        status, reason = "infeasible", one_line(error)
    except OverBudget as error:
        status, reason = "pruned", one_line(error)
    except (Diverged, NoSuggestion) as error:
        status, reason = "diverged", one_line(error)
    except TimedOut as error:
        status, reason = "timed-out", one_line(error)
    except Exception as error:  # plugins may raise anything; the head decides what a series of failures means
        if _is_out_of_memory(error):
            status, reason = "out-of-memory", one_line(error)
        else:
            status, reason, trace = "failed", f"{type(error).__name__}: {one_line(error)}", traceback.format_exc()
    return run.outcome(status, reason, trace)


def run_range_test(spec: TrialSpec, data: DataOnDevice) -> RangeTest:
    """A learning-rate range test alone, as a trial with `find_learning_rate` begins with it.

    Raises Infeasible where the model cannot take the feature, NoSuggestion, and whatever a plugin raises.
    """
    run = _Run(spec, data, keep_weights=False)
    run.build()
    return run.find_learning_rate()


def time_epoch(spec: TrialSpec, data: DataOnDevice) -> float:
    """Seconds of one epoch's steps with their features and augmentation, from two of them; without its look at validation.

    Raises Infeasible where the model cannot take the feature, and whatever a plugin raises.
    """
    settings = spec.training
    # The clips themselves stand for their copies, which are as long, and may not be made yet.
    alike = spec.model_copy(update={"training": settings.model_copy(update={"offline_copies": 0, "balance": "none"})})
    run = _Run(alike, data.first(2 * settings.batch_size), keep_weights=False)
    run.build()
    rate = installed().feature(spec.feature).sample_rate
    steps = steps_per_epoch(data.split("train", rate), settings, sample_rate=rate)
    return run.time_step() * steps * (max(1, settings.offline_copies) if settings.steps is None else 1)


class _Run:
    """One run of `run_trial`: what has been built and measured so far, so that a stop at any point leaves a result."""

    def __init__(self, spec: TrialSpec, data: DataOnDevice, *, keep_weights: bool) -> None:
        self.spec = spec
        self.data = data
        self.epochs: list[Epoch] = []
        self.best: Epoch | None = None
        self.parameters: int | None = None
        self._network: nn.Module | None = None
        self._front_end: FrontEnd | None = None
        self._forward: Forward | None = None
        """What was compiled of the network, if anything."""
        self._validation: _Scored | None = None
        self._tested: _Scored | None = None
        self._range_test: RangeTest | None = None
        self._latency_ms: float | None = None
        self._keep_weights = keep_weights
        self._best_state: dict[str, Tensor] = {}
        self._best_key = (-1.0, 0.0)
        self._peak = PeakMemory(data.device)

    def build(self) -> None:
        """Builds front end and network. Raises Infeasible where they do not go together."""
        prepared, device = self.data.prepared, self.data.device
        check_feasible(self.spec, seconds=prepared.seconds, classes=len(prepared.labels))
        torch.manual_seed(self.spec.seed)
        feature = installed().feature(self.spec.feature)
        shape = feature.shape(self._input_samples(feature.sample_rate))
        network = to_device(installed().model(self.spec.model).build(shape, len(prepared.labels)), device)
        self._network = network
        self._front_end = FrontEnd(feature, device)
        self.parameters = sum(parameter.numel() for parameter in network.parameters())

    def compile(self, compiler: Compiler) -> None:
        """Compiles the network for its full batches; where that cannot be, it is left as it is, and that is said."""
        network, front_end = self._built()
        settings = self.spec.training
        if settings.lengths == "own":  # every batch has another shape
            compiler.cannot("clips that keep their lengths (lengths=own) make no two batches alike")
            return
        rate = front_end.feature.sample_rate
        examples = examples_per_pass(self._training_clips(), settings, sample_rate=rate)
        fullest = batch_sizes(examples, settings.batch_size)[0]
        shape = (fullest, *front_end.feature.shape(self._input_samples(rate)))
        try:
            self._forward = compiler.compile(network, shape, configuration=self.spec.configuration())
        except TimedOut:
            raise
        except Exception as error:  # the compiler's, or of what it has to do with: the network runs without it
            compiler.cannot(error)

    def train(self, on_epoch: OnEpoch, *, budget: float | None = None) -> bool:
        """Trains to the end (True), or until `on_epoch` says stop (False)."""
        network, front_end = self._built()
        settings = self.spec.training
        if settings.find_learning_rate:
            self._range_test = self.find_learning_rate()
            settings = settings.model_copy(update={"learning_rate": self._range_test.suggestion})
        validation = self.data.split("validation", front_end.feature.sample_rate)
        generator = self._generator()
        epochs = train(
            network,
            front_end,
            settings,
            training=self._training_clips(),
            validation=validation,
            augmentation=self._augmentation(generator),
            generator=generator,
            budget=budget,
            forward=self._forward,
        )
        for outcome in epochs:
            goes_on = on_epoch(self._judge(outcome, validation))
            if outcome.number == settings.epochs or self._out_of_patience():
                return True
            if not goes_on:
                return False
        raise AssertionError("a training has one epoch at least")

    def time_step(self, repeats: int = 2) -> float:
        """Seconds of a step of training, of those after the first, which is slower."""
        network, front_end = self._built()
        settings, generator = self.spec.training, self._generator()
        feed = build_loader(
            self._training_clips(),
            front_end,
            settings,
            augmentation=self._augmentation(generator),
            generator=generator,
        )
        optimiser = build_optimiser(network, settings)
        schedule = build_schedule(optimiser, settings, 1 + repeats)
        network.train()
        start = 0.0
        for number, batch in enumerate(islice(feed.batches, 1 + repeats)):
            total = step(network, batch, feed, optimiser, schedule, label_smoothing=settings.label_smoothing)
            float(total[0])  # waits for the device
            if number == 0:
                start = time.perf_counter()
        return (time.perf_counter() - start) / repeats

    def find_learning_rate(self) -> RangeTest:
        """Runs a range test, which leaves the network and all that is drawn after it as they would be without it."""
        network, front_end = self._built()
        generator = self._generator()
        curve = find_learning_rate(
            network,
            front_end,
            self.spec.training,
            training=self._training_clips(),
            augmentation=self._augmentation(generator),
            generator=generator,
        )
        return RangeTest(rates=curve.rates, losses=curve.losses, suggestion=curve.suggestion)

    def test(self) -> None:
        """Runs the best epoch's network over the test split, once."""
        network, front_end = self._built()
        network.load_state_dict(self._best_state)
        clips = self.data.split("test", front_end.feature.sample_rate)
        answers = Evaluator(clips, front_end, self.spec.training, cache=False)(network)
        if not bool(torch.isfinite(answers.logits).all()):
            raise Diverged("the network's answers to test clips are not all numbers")
        self._tested = _Scored(self.data.prepared.labels, clips, answers)

    def time_one_clip(self, repeats: int = 7) -> None:
        """Measures the time from the waveform of one clip, or one segment, to its logits."""
        network, front_end = self._built()
        network.eval()
        device = self.data.device
        waveform = torch.zeros(1, self._input_samples(front_end.feature.sample_rate), device=device)
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
        validation, tested = self._validation, self._tested
        result = TrialResult(
            status=status,
            reason=reason,
            epochs=tuple(self.epochs),
            best_epoch=None if self.best is None else self.best.number,
            validation=None if validation is None else validation.scores,
            test=None if tested is None else tested.scores,
            validation_segments=None if validation is None else validation.segment_scores(),
            test_segments=None if tested is None else tested.segment_scores(),
            range_test=self._range_test,
            parameters=self.parameters,
            train_seconds=sum(epoch.seconds for epoch in self.epochs),
            latency_ms=self._latency_ms,
            peak_memory_mb=self._peak.megabytes(),
            hardware=hardware(self.data.device, compiled=self._forward is not None),
            traceback=trace,
        )
        return TrialOutcome(
            result=result,
            validation=None if validation is None else validation.predictions,
            test=None if tested is None else tested.predictions,
            weights=None if tested is None else self._weights(),
        )

    def _judge(self, outcome: EpochOutcome, clips: DeviceClips) -> Epoch:
        """The epoch, with its scores; keeps it if it is the best so far. Raises Diverged."""
        if not math.isfinite(outcome.train_loss):
            raise Diverged(f"the loss was {outcome.train_loss} in epoch {outcome.number}")
        if not bool(torch.isfinite(outcome.validation.logits).all()):
            raise Diverged(f"the answers to validation clips are not all numbers in epoch {outcome.number}")
        judged = _Scored(self.data.prepared.labels, clips, outcome.validation)
        epoch = Epoch(
            number=outcome.number,
            learning_rate=outcome.learning_rate,
            train_loss=outcome.train_loss,
            train_accuracy=outcome.train_accuracy,
            validation_loss=judged.scores.loss,
            validation_accuracy=judged.scores.accuracy,
            validation_balanced_accuracy=judged.scores.balanced_accuracy,
            seconds=outcome.seconds,
        )
        self.epochs.append(epoch)
        key = (getattr(judged.scores, self.spec.objective), -judged.scores.loss)
        if key > self._best_key:
            self._best_key, self.best, self._validation = key, epoch, judged
            if self._keep_weights:
                state = self._built()[0].state_dict()
                self._best_state = {name: value.detach().clone() for name, value in state.items()}
        return epoch

    def _out_of_patience(self) -> bool:
        patience = self.spec.training.patience
        return patience is not None and self.best is not None and len(self.epochs) - self.best.number >= patience

    def _built(self) -> tuple[nn.Module, FrontEnd]:
        assert self._network is not None and self._front_end is not None
        return self._network, self._front_end

    def _input_samples(self, sample_rate: int) -> int:
        return input_samples(self.spec.training, sample_rate=sample_rate, seconds=self.data.prepared.seconds)

    def _training_clips(self) -> DeviceClips:
        return self.data.training(self.spec.training, self._built()[1].feature.sample_rate)

    def _generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.spec.seed)

    def _augmentation(self, generator: torch.Generator) -> Augmentation:
        rate = self._built()[1].feature.sample_rate
        noise = self.data.noise(rate) if self.spec.training.noise_snr is not None else None
        return Augmentation(self.spec.training, sample_rate=rate, noise=noise, generator=generator)

    def _weights(self) -> bytes:
        buffer = io.BytesIO()
        torch.save({name: value.cpu() for name, value in self._best_state.items()}, buffer)
        return buffer.getvalue()


class _Scored:
    """A network's answers to the clips of a split, beside the truth."""

    def __init__(self, labels: tuple[str, ...], clips: DeviceClips, answers: Outputs) -> None:
        self._answers = answers
        self.predictions = Predictions(
            labels=labels,
            ids=clips.ids,
            groups=clips.groups,
            targets=clips.targets.cpu().numpy(),
            probabilities=answers.probabilities.numpy(),
        )
        self.scores = score(self.predictions)

    def segment_scores(self) -> Scores | None:
        """Scores of the segments, each on its own; None where clips were not cut into some."""
        if self._answers.segment_clip is None:
            return None
        clip, of_clips = self._answers.segment_clip.numpy(), self.predictions
        segments = Predictions(
            labels=of_clips.labels,
            ids=tuple(of_clips.ids[place] for place in clip),
            groups=tuple(of_clips.groups[place] for place in clip),
            targets=of_clips.targets[clip],
            probabilities=self._answers.logits.softmax(dim=1).cpu().numpy(),
        )
        return score(segments)


def hardware(device: torch.device, *, compiled: bool = False) -> Hardware:
    """This machine, as far as it bears on a result."""
    versions: dict[str, Any] = {"python": platform.python_version(), "torch": str(torch.__version__)}
    return Hardware(
        device=device_name(device),
        threads=torch.get_num_threads(),
        system=f"{platform.system()} {platform.machine()}",
        versions={"bench": bench.__version__, **versions, **installed().versions()},
        compiled=compiled,
    )


def _is_out_of_memory(error: Exception) -> bool:
    """By kind, or by what torch's own allocator on the CPU, cuDNN and cuBLAS say in a RuntimeError."""
    said = ("DefaultCPUAllocator: ", "CUDNN_STATUS_ALLOC_FAILED", "CUBLAS_STATUS_ALLOC_FAILED")
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(words in str(error) for words in said)
