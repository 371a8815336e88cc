"""How a network is trained: the settings that every search can vary, with their published or customary defaults."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from bench.plugins.annotations import Choice, Float, Int


class TrainingSettings(BaseModel):
    """Complete training settings. Units and meanings stand beside each field; ranges are what a search varies."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: Annotated[int, Int(4, 24, log=True), Field(ge=1)] = 12
    """Passes over the training clips."""

    batch_size: Annotated[int, Choice(32, 64, 128), Field(ge=1)] = 64
    """Clips per step."""

    optimiser: Annotated[Literal["adam", "adamw", "sgd"], Choice("adam", "adamw", "sgd")] = "adamw"
    """sgd is with Nesterov momentum 0.9, and takes ten times `learning_rate`, so that one range serves all three."""

    learning_rate: Annotated[float, Float(3e-4, 1e-2, log=True), Field(gt=0)] = 2e-3
    """The highest learning rate of the schedule."""

    schedule: Annotated[
        Literal["constant", "cosine", "one-cycle", "step"], Choice("constant", "cosine", "one-cycle")
    ] = "cosine"
    """constant; cosine to zero; one-cycle (Smith, 2018, arXiv:1803.09820); step: a tenth after two thirds of the epochs."""

    weight_decay: Annotated[float, Choice(0.0, 1e-4, 1e-3, 1e-2), Field(ge=0)] = 1e-4
    """Decoupled in adamw, an L2 penalty in adam and sgd; biases and normalisation weights are left out of it."""

    label_smoothing: Annotated[float, Float(0.0, 0.2), Field(ge=0, lt=1)] = 0.05
    """Share of the target spread over all classes (Szegedy et al., 2016)."""

    time_shift: Annotated[float, Choice(0.0, 0.05, 0.1), Field(ge=0)] = 0.1
    """Clips are shifted in time by up to this many seconds either way, zeros moved in."""

    noise_snr: Annotated[float | None, Choice(None, 30.0, 15.0)] = None
    """Lowest signal-to-noise ratio, in dB, of noise mixed in: drawn per clip from here to 30 dB above; None adds none.
    Recorded background noise where the data set has some, white noise otherwise."""

    gain: Annotated[float, Choice(0.0, 6.0), Field(ge=0)] = 0.0
    """Clips are made louder or softer by up to this many dB."""

    time_mask: Annotated[float, Choice(0.0, 0.1, 0.2), Field(ge=0, le=1)] = 0.0
    """Longest masked stretch of frames, as a share of all (SpecAugment, Park et al., 2019, arXiv:1904.08779)."""

    frequency_mask: Annotated[float, Choice(0.0, 0.1, 0.2), Field(ge=0, le=1)] = 0.0
    """Highest masked stretch of bands, as a share of all (SpecAugment)."""

    balance: Annotated[Literal["none", "loss", "sampling"], Choice("none", "loss")] = "none"
    """Classes of unequal size: leave them; weight the loss; or draw classes with equal probability."""
