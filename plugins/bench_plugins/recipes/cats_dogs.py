"""Cats and dogs: a one-dimensional network on the raw waveform, clips decided by the vote of their segments."""

from __future__ import annotations

from bench.plugins import Recipe, TrainingSettings
from bench_plugins.features.waveform import Waveform
from bench_plugins.models.cnn1d import Cnn1d

CATS_DOGS_RECIPES = (
    Recipe(
        name="cats-dogs-cnn1d",
        summary="Cats and dogs, ten one-dimensional convolutions on one-second segments, trained as published.",
        datasets=("audio-cats-and-dogs",),
        # Published with each class's audio brought to the same level, which takes the label to do: here each segment's.
        feature=Waveform(sample_rate=16000, normalise="clip").config(),
        model=Cnn1d().config(),
        # The publication states 75 steps an epoch, and neither batch, optimiser, learning rate nor number of epochs.
        training=TrainingSettings(
            epochs=20,
            steps=75,
            batch_size=32,
            optimiser="adam",
            learning_rate=3e-3,
            schedule="cosine",
            weight_decay=0.0,
            label_smoothing=0.0,
            time_shift=0.0,
            balance="sampling",
            segment_seconds=1.0,
            segment_peak=0.4,
        ),
        published={
            "validation_segment_accuracy": 0.82,
            "test_segment_accuracy": 0.79,
            "test_accuracy": 0.70,
        },
        published_clips={"all": 277},
        source="Cats-and-dogs reference system: validation segments 81 to 84 %, test segments 79 %, clips about 70 %.",
    ),
)
