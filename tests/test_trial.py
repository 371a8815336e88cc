"""One trial, run for real on tones made on the spot."""

from __future__ import annotations

import math
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from made_audio import cats_and_dogs, prepared
from torch import Tensor, nn

from bench.data.prepared import PreparedData
from bench.errors import BenchError
from bench.evaluation.predictions import Predictions
from bench.plugins import Model, PluginConfig, TrainingSettings
from bench.plugins.registry import Registry, installed
from bench.training.device_clips import DataOnDevice
from bench.trial import Epoch, TimedOut, TrialOutcome, TrialSpec
from bench.trial.run_trial import complete_trial, run_trial
from bench_plugins.datasets.folder import Folder


def spec(data: PreparedData, *, model: str = "tc-resnet", seed: int = 1, **training: Any) -> TrialSpec:
    settings = {"epochs": 2, "batch_size": 8, "noise_snr": 10.0, "time_mask": 0.1} | training
    return TrialSpec(
        dataset=data.dataset,
        revision=data.revision,
        feature=PluginConfig(name="mel", options={"sample_rate": 8000}),
        model=PluginConfig(name=model),
        training=TrainingSettings(**settings),
        seed=seed,
    )


@pytest.fixture
def data(tmp_path: Path) -> PreparedData:
    return prepared(Folder(path=str(cats_and_dogs(tmp_path / "audio"))), tmp_path)


def faulty(forward: Callable[[Tensor], Tensor]) -> Registry:
    """The installed plugins, and a model `faulty` whose forward pass does as it is told; on the meta device it is sound."""

    class Net(nn.Module):
        def __init__(self, bands: int, classes: int) -> None:
            super().__init__()
            self.linear = nn.Linear(bands, classes)

        def forward(self, batch: Tensor) -> Tensor:
            logits = self.linear(batch.mean(-1))
            return logits if batch.device.type == "meta" else forward(logits)

    return building(lambda shape, classes: Net(shape[0], classes))


def building(build: Callable[[tuple[int, ...], int], nn.Module]) -> Registry:
    """The installed plugins, and a model `faulty` that is built by `build`."""

    class Faulty(Model):
        name: ClassVar[str] = "faulty"

        def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
            return build(shape, classes)

    return installed().extended(models=[Faulty])


def run(
    wanted: TrialSpec,
    data: DataOnDevice,
    on_epoch: Callable[[Epoch], bool] = lambda epoch: True,
    *,
    registry: Registry | None = None,
    **how: Any,
) -> TrialOutcome:
    """A trial to its end, with the installed plugins unless others are given."""
    return complete_trial(run_trial(wanted, data, registry=registry or installed(), **how), on_epoch)


def on_cpu(data: PreparedData) -> DataOnDevice:
    return DataOnDevice(data, torch.device("cpu"))


def test_the_same_seed_gives_the_same_numbers_bit_for_bit(data: PreparedData) -> None:
    first = run(spec(data), on_cpu(data), test=True)
    again = run(spec(data), on_cpu(data), test=True)
    other = run(spec(data, seed=2), on_cpu(data), test=True)
    assert first.result.status == "complete", first.result
    assert first.test is not None and again.test is not None and other.test is not None
    assert np.array_equal(first.test.probabilities, again.test.probabilities)
    assert not np.array_equal(first.test.probabilities, other.test.probabilities)
    losses = [[epoch.train_loss for epoch in outcome.result.epochs] for outcome in (first, again)]
    assert losses[0] == losses[1]
    states = [o.weights for o in (first, again)]
    assert states[0] is not None and states[0] == states[1]


def test_a_result_says_what_was_measured(data: PreparedData) -> None:
    epochs = []
    outcome = run(spec(data), on_cpu(data.without_test()), lambda epoch: bool(epochs.append(epoch)) or True)
    result = outcome.result
    assert [epoch.number for epoch in epochs] == [1, 2] and list(result.epochs) == epochs
    assert outcome.validation is not None and result.validation is not None
    agreement = (outcome.validation.predicted == outcome.validation.targets).mean()
    assert result.validation.accuracy == pytest.approx(agreement)
    assert result.validation.accuracy == max(epoch.validation_accuracy for epoch in epochs)
    assert result.parameters and result.latency_ms and result.peak_memory_mb and result.train_seconds > 0
    assert outcome.test is None and outcome.weights is None


def test_a_search_trial_needs_no_test_clips_and_cannot_read_them(data: PreparedData) -> None:
    for folder in data.caches.values():
        (Path(folder) / "test.npy").unlink()
    searched = run(spec(data), on_cpu(data.without_test()))
    assert searched.result.status == "complete"
    with pytest.raises(BenchError, match="test"):
        on_cpu(data.without_test()).split("test", 8000)
    with pytest.raises(BenchError):
        run(spec(data), on_cpu(data.without_test()), test=True)


def test_stopping_after_an_epoch_is_pruned_with_its_predictions(data: PreparedData) -> None:
    outcome = run(spec(data, epochs=5), on_cpu(data), lambda epoch: epoch.number < 2)
    assert outcome.result.status == "pruned"
    assert len(outcome.result.epochs) == 2 and isinstance(outcome.validation, Predictions)


def test_a_pair_that_does_not_fit_is_infeasible_and_says_why(data: PreparedData) -> None:
    wanted = spec(data).model_copy(update={"feature": PluginConfig(name="waveform", options={"sample_rate": 8000})})
    result = run(wanted, on_cpu(data)).result
    assert result.status == "infeasible" and not result.epochs and not result.traceback
    assert result.reason == "tc-resnet takes [bands, frames] or [channels, bands, frames], not [4000]"


def test_options_that_do_not_go_together_are_infeasible(data: PreparedData) -> None:
    """A search may draw a window that is longer than an n_fft that was fixed: each is allowed by itself."""
    options = {"sample_rate": 8000, "n_fft": 256, "window_ms": 64.0}
    wanted = spec(data).model_copy(update={"feature": PluginConfig(name="mel", options=options)})
    result = run(wanted, on_cpu(data)).result
    assert result.status == "infeasible" and "n_fft 256 is shorter than the window of 512 samples" in result.reason


def test_a_loss_that_is_no_number_is_diverged(data: PreparedData) -> None:
    registry = faulty(lambda logits: logits * float("nan"))
    result = run(spec(data, model="faulty"), on_cpu(data), registry=registry).result
    assert result.status == "diverged" and "the loss of the first batch is nan" in result.reason
    assert not result.epochs
    assert type(result).model_validate_json(result.model_dump_json()) == result


def test_running_out_of_memory_is_said(data: PreparedData) -> None:
    def exhaust(logits: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    result = run(spec(data, model="faulty"), on_cpu(data), registry=faulty(exhaust)).result
    assert result.status == "out-of-memory" and "20.00 GiB" in result.reason


@pytest.mark.parametrize("words", ["cuDNN error: CUDNN_STATUS_ALLOC_FAILED", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED"])
def test_a_library_of_the_card_that_gets_no_memory_is_said(data: PreparedData, words: str) -> None:
    def exhaust(logits: Tensor) -> Tensor:
        raise RuntimeError(words)

    result = run(spec(data, model="faulty"), on_cpu(data), registry=faulty(exhaust)).result
    assert result.status == "out-of-memory" and words in result.reason


def test_memory_that_the_processor_does_not_have_is_said(data: PreparedData) -> None:
    registry = faulty(lambda logits: logits + torch.empty(2**50).sum())
    assert run(spec(data, model="faulty"), on_cpu(data), registry=registry).result.status == "out-of-memory"


def test_a_plugin_that_raises_is_failed_with_its_traceback(data: PreparedData) -> None:
    def fail(logits: Tensor) -> Tensor:
        raise KeyError("no such layer")

    result = run(spec(data, model="faulty"), on_cpu(data), registry=faulty(fail)).result
    assert result.status == "failed" and "no such layer" in result.reason
    assert "in fail" in result.traceback


def test_a_digest_depends_on_everything_and_a_configuration_on_all_but_the_seed(data: PreparedData) -> None:
    one, other = spec(data, seed=1), spec(data, seed=2)
    assert one.digest() != other.digest() and one.configuration() == other.configuration()
    assert one.configuration() != spec(data, epochs=3).configuration()


def test_outputs_for_test_clips_that_are_no_numbers_are_diverged_and_can_be_recorded(
    data: PreparedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = DataOnDevice.split

    def spoilt(self: DataOnDevice, split: Any, sample_rate: int) -> Any:
        clips = real(self, split, sample_rate)
        if split == "test":
            monkeypatch.setattr(type(clips), "waveforms", lambda self, index: self.samples[index].float() * math.nan)
        return clips

    monkeypatch.setattr(DataOnDevice, "split", spoilt)
    outcome = run(spec(data), on_cpu(data), test=True)
    result = outcome.result
    assert result.status == "diverged" and "test" in result.reason
    assert outcome.test is None and result.test is None and result.validation is not None
    assert type(result).model_validate_json(result.model_dump_json()) == result


def _too_narrow(shape: tuple[int, ...], classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(7, classes))


class _Operator(nn.Module):
    """Reshapes by an operator of torch, called from a plugin's own code."""

    def __init__(self, operator: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.operator = operator

    def forward(self, batch: Tensor) -> Tensor:
        return self.operator(batch)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (_too_narrow, "mat1|reduction dim"),
        (lambda shape, _: nn.Sequential(nn.Unflatten(1, (shape[0], 1)), nn.BatchNorm1d(shape[0])), "expected 2D or 3D"),
        (lambda shape, _: nn.Conv1d(shape[0], 4, 3, groups=3), "must be divisible by groups"),
        (lambda shape, _: nn.GRU(shape[0] + 1, 4), "input.size"),
        (lambda *_: nn.Conv1d(40, 4, 2000), r"size is too small|greater than actual input size"),
        (lambda *_: _Operator(lambda batch: batch.view(3, -1, 7)), "shape"),
        (lambda *_: _Operator(lambda batch: batch @ batch), "mat|dim|size"),
        (lambda *_: _Operator(lambda batch: batch.mean(-5)), "Dimension out of range"),
        (lambda *_: _Operator(lambda batch: batch + torch.zeros(7)), "broadcast"),
    ],
)
def test_a_shape_that_a_layer_or_an_operator_refuses_is_infeasible_and_says_which(
    data: PreparedData, build: Any, words: str
) -> None:
    result = run(spec(data, model="faulty"), on_cpu(data), registry=building(build)).result
    assert result.status == "infeasible" and not result.traceback
    assert result.reason.startswith("faulty cannot take the shape [40, 51]: ")
    assert re.search(words, result.reason)


def _raise(error: Exception) -> Any:
    raise error


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (lambda *_: _raise(ValueError("no shape of mine")), "ValueError: no shape of mine"),
        (lambda *_: _raise(RuntimeError("cannot size up my weights")), "RuntimeError: cannot size up my weights"),
        (lambda *_: nn.Dropout(2.0), "ValueError: dropout probability has to be between 0 and 1, but got 2.0"),
        (lambda *_: nn.Linear(int("many"), 2), "ValueError: invalid literal for int() with base 10: 'many'"),
        (lambda *_: {}["size"], "KeyError: 'size'"),
    ],
)
def test_whatever_else_building_raises_is_a_failed_trial_with_its_traceback(
    data: PreparedData, build: Any, reason: str
) -> None:
    result = run(spec(data, model="faulty"), on_cpu(data), registry=building(build)).result
    assert result.status == "failed" and re.fullmatch(rf"test_trial\.py:\d+: {re.escape(reason)}", result.reason)
    assert "in build" in result.traceback and result.traceback.endswith(f"{reason}\n")


def test_a_forward_pass_that_raises_is_a_failed_trial_whatever_it_raises(data: PreparedData) -> None:
    for error in (ValueError("no shape of mine"), RuntimeError("no size")):
        module = _Operator(lambda batch, error=error: _raise(error))  # type: ignore[misc]
        result = run(spec(data, model="faulty"), on_cpu(data), registry=building(lambda *_, it=module: it)).result
        assert result.status == "failed" and re.fullmatch(
            rf"test_trial\.py:\d+: {type(error).__name__}: {error}", result.reason
        )
        assert "in forward" in result.traceback


def test_a_network_that_asks_for_values_runs_though_the_meta_device_has_none(data: PreparedData) -> None:
    class Asking(nn.Module):
        def __init__(self, bands: int, classes: int) -> None:
            super().__init__()
            self.linear = nn.Linear(bands, classes)

        def forward(self, batch: Tensor) -> Tensor:
            assert batch.sum().item() == batch.sum().item()
            return self.linear(batch.mean(-1))

    registry = building(lambda shape, classes: Asking(shape[0], classes))
    assert run(spec(data, model="faulty"), on_cpu(data), registry=registry).result.status == "complete"


def test_a_trial_goes_epoch_by_epoch_at_its_callers_pace(data: PreparedData) -> None:
    trial = run_trial(spec(data), on_cpu(data), registry=installed())
    assert next(trial).number == 1
    assert trial.send(True).number == 2
    with pytest.raises(StopIteration) as end:
        trial.send(False)
    assert end.value.value.result.status == "complete", "a word that comes after the last epoch changes nothing"


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (TimedOut("no progress"), "timed-out", "no progress"),
        (OSError("no connection"), "failed", "OSError: no connection"),
    ],
)
def test_what_is_raised_between_epochs_ends_the_trial_with_what_it_has(
    data: PreparedData, error: Exception, status: str, reason: str
) -> None:
    def raising(epoch: Epoch) -> bool:
        if epoch.number == 2:
            raise error
        return True

    outcome = run(spec(data, epochs=4), on_cpu(data), raising)
    result = outcome.result
    assert (result.status, len(result.epochs)) == (status, 2) and result.reason.endswith(reason)
    assert result.parameters and result.peak_memory_mb and result.hardware and outcome.validation is not None


def test_a_signal_within_an_epoch_is_timed_out_with_what_the_trial_has(data: PreparedData) -> None:
    def handler(signum: int, frame: object) -> None:
        raise TimedOut("no progress within the time limit")

    passes = iter(range(10**6))

    def interrupt_later(logits: Tensor) -> Tensor:
        if next(passes) == 8:
            signal.raise_signal(signal.SIGUSR1)
        return logits

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        outcome = run(spec(data, model="faulty", epochs=50), on_cpu(data), registry=faulty(interrupt_later))
    finally:
        signal.signal(signal.SIGUSR1, before)
    result = outcome.result
    assert (result.status, result.reason) == ("timed-out", "no progress within the time limit")
    assert result.epochs and result.parameters and outcome.validation is not None


ANSWERS: dict[str, tuple[Callable[[Tensor], Any], str]] = {
    "dict": (lambda logits: {"logits": logits}, "answers with a dict, not with logits [clips, classes]"),
    "tuple": (lambda logits: (logits, logits), "answers with a tuple, not with logits [clips, classes]"),
    "too many": (lambda logits: logits.repeat(1, 5), "answers with 10 columns, and the data set has 2 classes"),
    "too few": (lambda logits: logits[:, :1], "answers with 1 column, and the data set has 2 classes"),
    "three axes": (lambda logits: logits[:, :, None], "answers with the shape [8, 2, 1], not with logits"),
    "one clip": (lambda logits: logits[:1], "answers with the shape [1, 2], not with logits"),
    "classes alone": (lambda logits: logits.argmax(1), "answers with the shape [8], not with logits"),
    "integers": (lambda logits: logits.long(), "answers with torch.int64, not with logits of floating point"),
}
"""What networks of notebooks return, and what is said of it."""


@pytest.mark.parametrize("name", ANSWERS)
def test_a_network_that_answers_with_something_else_than_logits_fails_in_its_first_batch(
    data: PreparedData, name: str
) -> None:
    answer, complaint = ANSWERS[name]
    result = run(spec(data, model="faulty"), on_cpu(data), registry=faulty(answer)).result
    assert result.status == "failed" and not result.epochs
    assert complaint in result.reason and "Error" not in result.reason


def test_a_network_that_answers_otherwise_when_it_is_evaluated_fails_too(data: PreparedData) -> None:
    class Auxiliary(nn.Module):
        """Like Inception, but the other way round: a second answer in evaluation alone."""

        def __init__(self, bands: int, classes: int) -> None:
            super().__init__()
            self.linear = nn.Linear(bands, classes)

        def forward(self, batch: Tensor) -> Any:
            logits = self.linear(batch.mean(-1))
            return logits if self.training else (logits, logits)

    registry = building(lambda shape, classes: Auxiliary(shape[0], classes))
    result = run(spec(data, model="faulty"), on_cpu(data), registry=registry).result
    assert result.status == "failed" and "answers with a tuple" in result.reason


def lazy(shape: tuple[int, ...], classes: int) -> nn.Module:
    """A network whose layers find out their sizes by themselves."""
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(16), nn.LazyBatchNorm1d(), nn.ReLU(), nn.LazyLinear(classes))


def test_lazy_layers_have_their_sizes_before_training(data: PreparedData) -> None:
    outcomes = [run(spec(data, model="faulty"), on_cpu(data), registry=building(lazy), test=True) for _ in range(2)]
    first, again = (outcome.result for outcome in outcomes)
    assert first.status == "complete", first
    assert first.validation == again.validation
    frames = installed().features["mel"].model_validate({"sample_rate": 8000}).shape(4000)
    assert first.parameters == (math.prod(frames) + 1) * 16 + 2 * 16 + 17 * 2


def test_a_lazy_layer_that_no_input_reaches_is_named(data: PreparedData) -> None:
    def build(shape: tuple[int, ...], classes: int) -> nn.Module:
        network = nn.Sequential(nn.Flatten(), nn.LazyLinear(classes))
        network.add_module("spare", nn.Sequential())
        network[1].register_module("head", nn.LazyLinear(classes))
        return network

    result = run(spec(data, model="faulty"), on_cpu(data), registry=building(build)).result
    assert result.status == "failed" and "1.head.weight" in result.reason
