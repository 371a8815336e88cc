"""The recipes of the five reference systems: the published shapes and parameter counts, and what they train with."""

from __future__ import annotations

import pytest
import torch

from bench.plugins import Recipe
from bench.plugins.registry import installed

REFERENCE = {
    "digits-cnn": (1.0, (128, 44), 10, 143_242),
    "digits-crnn": (1.0, (128, 44), 10, 1_942_346),
    "digits-parallel-cnn-lstm": (1.0, (128, 44), 10, 260_042),
    "instruments-cnn-mfcc": (0.5, (13, 49), 14, 6_674_670),
    "instruments-cnn-adaptive-mel": (0.5, (128, 44), 14, None),
    "instruments-cnn-adaptive-mfcc": (0.5, (13, 49), 14, None),
    "instruments-resnet-mel": (0.5, (128, 44), 14, 11_177_422),
    "instruments-resnet-mfcc": (0.5, (13, 49), 14, 11_177_422),
    "instruments-lstm-mfcc": (0.5, (13, 49), 14, None),
    "instruments-lstm-mel": (0.5, (128, 44), 14, None),
    "instruments-lstm-deep-mfcc": (0.5, (13, 49), 14, None),
    "cats-dogs-cnn1d": (1.0, (16_000,), 2, 3_951),
    "emodb-cnn-lstm": (1.3, (128, 41), 7, None),
    "words-convnet-complex": (1.0, (2, 257, 101), 30, None),
    "words-convnet-power-2": (1.0, (257, 101), 30, None),
    "words-convnet-power-1": (1.0, (257, 101), 30, None),
    "words-convnet-power-0.5": (1.0, (257, 101), 30, None),
}
"""Seconds of a clip, the feature's published shape, classes, and trainable parameters where they were published."""


def recipe(name: str) -> Recipe:
    return installed().recipe(name)


@pytest.mark.parametrize("name", REFERENCE)
def test_a_recipe_is_of_the_published_shape_and_size(name: str) -> None:
    seconds, shape, classes, parameters = REFERENCE[name]
    feature = installed().feature(recipe(name).feature)
    samples = round(seconds * feature.sample_rate)
    assert feature.shape(samples) == shape
    assert tuple(feature.build()(torch.zeros(2, samples)).shape[1:]) == shape
    with torch.device("meta"):
        network = installed().model(recipe(name).model).build(shape, classes)
    if parameters is not None:
        assert sum(weights.numel() for weights in network.parameters() if weights.requires_grad) == parameters


@pytest.mark.parametrize("name", REFERENCE)
def test_a_recipe_belongs_to_data_sets_that_are_installed(name: str) -> None:
    wanted = recipe(name)
    assert all(dataset in installed().datasets for dataset in wanted.datasets)
    if wanted.protocol is not None:
        assert wanted.protocol.name == wanted.datasets[0]
        installed().dataset(wanted.protocol)  # which raises on an option that is not there


def test_trained_as_published() -> None:
    """The settings that the publications state."""
    instruments = recipe("instruments-resnet-mel").training
    assert (instruments.optimiser, instruments.learning_rate, instruments.epochs) == ("adam", 0.01, 50)
    assert (instruments.batch_size, instruments.balance) == (16, "sampling")
    pets = recipe("cats-dogs-cnn1d").training
    assert (pets.segment_seconds, pets.segment_peak, pets.steps) == (1.0, 0.4, 75)
    emotion = recipe("emodb-cnn-lstm").training
    assert (emotion.epochs, emotion.batch_size, emotion.learning_rate) == (3, 32, 0.005)
    assert (emotion.schedule, emotion.weight_decay, emotion.lengths) == ("step", 5e-4, "own")
    assert (emotion.offline_copies, emotion.offline_pitch_probability, emotion.offline_shift) == (75, 0.5, 0.3)
    assert (emotion.offline_snr_low, emotion.offline_snr_high) == (-20, 40)
    words = recipe("words-convnet-complex").training
    assert (words.schedule, words.epochs, words.batch_size, words.patience) == ("one-cycle", 50, 128, 3)
    assert words.find_learning_rate
