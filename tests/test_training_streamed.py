"""Clips that do not fit on the device are streamed there, and spare cores make batches ahead: the numbers are the same."""

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


def numbers(data: PreparedData, training: dict[str, Any], **place: Any) -> tuple[Any, ...]:  # noqa: F811
    """Every number of a trial and of its network. `place`: of the clips on the device."""
    clips = DataOnDevice(data, CPU, **place)
    outcome = run(spec(data, epochs=2, **training), clips, test=True)
    assert outcome.result.status == "complete" and outcome.validation is not None, outcome.result
    split = clips.split("train", 8000)
    assert split.streamed is ("room" in place) and split.ahead is bool(place)
    epochs = [(epoch.train_loss, epoch.validation_loss) for epoch in outcome.result.epochs]
    return epochs, outcome.validation.probabilities.tolist(), outcome.weights


@pytest.mark.parametrize("way", [*WAYS, "shifted", "segments in noise"])
def test_streamed_clips_and_spare_cores_train_to_the_same_numbers(data: PreparedData, way: str) -> None:  # noqa: F811
    training = WAYS.get(way, {"time_shift": 0.05, "noise_snr": 10.0})
    if way == "segments in noise":
        training = {**WAYS["segments"], "noise_snr": 10.0}
    held = numbers(data, training)
    assert numbers(data, training, room=0) == held
    assert numbers(data, training, spare_cores=True) == held


def test_items_are_made_before_they_are_asked_for_and_in_order() -> None:
    made: list[int] = []
    enough = threading.Event()

    def items() -> Iterator[int]:
        for item in range(6):
            made.append(item)
            if len(made) == 1 + DEPTH:
                enough.set()
            yield item

    ahead = prefetch(items())
    assert next(ahead) == 0
    assert enough.wait(10), made  # nobody has asked for these yet
    assert [*ahead] == [1, 2, 3, 4, 5]


def test_an_error_is_raised_where_its_item_is_due_and_the_thread_ends() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("the disk is gone")

    ahead = prefetch(items())
    assert next(ahead) == 1
    with pytest.raises(OSError, match="the disk is gone"):
        next(ahead)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("made-ahead")]


def test_the_thread_ends_where_the_rest_is_not_wanted() -> None:
    ahead = prefetch(iter(range(1000)))
    assert next(ahead) == 0
    ahead.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("made-ahead")]
