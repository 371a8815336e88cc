"""Clips that do not fit on the device are streamed there, and spare cores prefetch batches: the numbers are the same."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from test_training_cached_features import WAYS, data  # noqa: F401
from test_trial import run, spec

from bench.data.prepared import PreparedData
from bench.training.device_clips import DataOnDevice
from bench.training.prefetch import DEPTH, prefetch

CPU = torch.device("cpu")


def numbers(data: PreparedData, training: dict[str, Any], **options: Any) -> tuple[Any, ...]:  # noqa: F811
    """Every number of a trial and of its network, with options of the data on the device."""
    clips = DataOnDevice(data, CPU, **options)
    outcome = run(spec(data, epochs=2, **training), clips, test=True)
    assert outcome.result.status == "complete" and outcome.validation is not None, outcome.result
    split = clips.split("train", 8000)
    assert split.streamed is ("max_bytes" in options) and split.prefetch is bool(options)
    epochs = [(epoch.train_loss, epoch.validation_loss) for epoch in outcome.result.epochs]
    return epochs, outcome.validation.probabilities.tolist(), outcome.weights


@pytest.mark.parametrize("way", [*WAYS, "shifted", "segments in noise"])
def test_streamed_clips_and_spare_cores_train_to_the_same_numbers(data: PreparedData, way: str) -> None:  # noqa: F811
    training = WAYS.get(way, {"time_shift": 0.05, "noise_snr": 10.0})
    if way == "segments in noise":
        training = {**WAYS["segments"], "noise_snr": 10.0}
    in_memory = numbers(data, training)
    assert numbers(data, training, max_bytes=0) == in_memory
    assert numbers(data, training, spare_cores=True) == in_memory


def test_items_are_computed_before_they_are_asked_for_and_in_order() -> None:
    computed: list[int] = []
    enough = threading.Event()

    def items() -> Iterator[int]:
        for item in range(6):
            computed.append(item)
            if len(computed) == 1 + DEPTH:
                enough.set()
            yield item

    prefetched = prefetch(items())
    assert next(prefetched) == 0
    assert enough.wait(10), computed  # nobody has asked for these yet
    assert [*prefetched] == [1, 2, 3, 4, 5]


def test_an_error_is_raised_when_its_item_is_due_and_the_thread_ends() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("the disk is gone")

    prefetched = prefetch(items())
    assert next(prefetched) == 1
    with pytest.raises(OSError, match="the disk is gone"):
        next(prefetched)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]


def test_the_thread_ends_if_the_rest_is_not_wanted() -> None:
    prefetched = prefetch(iter(range(1000)))
    assert next(prefetched) == 0
    prefetched.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]
