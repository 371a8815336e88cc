"""Ten spoken digits: the three networks of the reference system as published, and a stronger recipe."""

from __future__ import annotations

from bench.plugins import Model, Recipe, TrainingSettings
from bench_plugins.features.mel import Mel
from bench_plugins.models.cnn import Cnn
from bench_plugins.models.crnn import Crnn
from bench_plugins.models.parallel_cnn_lstm import ParallelCnnLstm
from bench_plugins.models.tc_resnet import TcResNet

DATASETS = ("speechcommands-digits", "fsdd", "spoken-digits")

# 128 bands by 44 frames a second. The publication says neither which scale its spectrograms have nor whether they are
# normalised; raw powers and raw decibels both train badly.
PUBLISHED_MEL = Mel(
    sample_rate=22050,
    window_ms=92.88,  # 2048 samples
    hop_ms=23.22,  # 512 samples
    n_mels=128,
    f_min=0.0,
    scale="db",
    normalise="clip",
).config()


def _published(model: Model, *, epochs: int, validation: float, test: float) -> Recipe:
    """One of the three networks; the publication gives epochs, batch and loss, and no optimiser: Adam at its default."""
    return Recipe(
        name=f"digits-{model.name}",
        summary=f"Spoken digits, reference network {model.name}, trained as published.",
        datasets=DATASETS,
        feature=PUBLISHED_MEL,
        model=model.config(),
        training=TrainingSettings(
            epochs=epochs,
            batch_size=128,
            optimiser="adam",
            learning_rate=1e-3,
            schedule="constant",
            weight_decay=0.0,
            label_smoothing=0.0,
            time_shift=0.0,
        ),
        published={"validation_accuracy": validation, "test_accuracy": test},
        published_clips={"train": 18_620, "validation": 2_494, "test": 2_552},
        source="Spoken-digit reference system on Speech Commands v0.01, official split; logits in place of its softmax.",
    )


DIGIT_RECIPES = (
    _published(Cnn(), epochs=3, validation=0.264, test=0.276),
    _published(Crnn(), epochs=3, validation=0.5694, test=0.5662),
    _published(ParallelCnnLstm(), epochs=6, validation=0.8492, test=0.8429),
    Recipe(
        name="digits-tc-resnet8",
        summary="Spoken digits, TC-ResNet8 on log-mel, one-cycle with time shift and masks.",
        datasets=DATASETS,
        # On validation clips of fsdd's official split 0.99 against the 0.97 of decibels; for an unknown voice decibels lead.
        feature=Mel(scale="ln", n_mels=64).config(),
        model=TcResNet(depth=8, width=1.5, dropout=0.3).config(),
        training=TrainingSettings(
            epochs=24,
            batch_size=64,
            optimiser="adamw",
            learning_rate=5e-3,
            schedule="one-cycle",
            weight_decay=1e-3,
            label_smoothing=0.05,
            time_shift=0.1,
            time_mask=0.1,
            frequency_mask=0.1,
        ),
        source="Network: Choi et al., 2019, arXiv:1904.03814. Training: this project.",
    ),
)
