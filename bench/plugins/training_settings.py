"""How a network is trained: the settings that every search can vary, with their published or customary defaults."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from bench.plugins.annotations import Choice, Float, Int
from bench.plugins.plugin_config import parse_chain, write_chain

ADDED_LATER = ("augmentations", "warmup", "gradient_norm", "weight_average", "focal_gamma")
"""Settings that came after rows had been published. JSON leaves them out at their defaults, which change nothing, so that
what makes a row's name is what it was."""


class TrainingSettings(BaseModel):
    """Complete training settings. An annotated range is what a search varies."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    epochs: Annotated[int, Int(4, 24, log=True), Field(ge=1)] = 12
    """Number of passes over the training clips."""

    batch_size: Annotated[int, Choice(32, 64, 128), Field(ge=1)] = 64
    """Number of clips in a step."""

    optimiser: Annotated[Literal["adam", "adamw", "sgd"], Choice("adam", "adamw", "sgd")] = "adamw"
    """Optimiser. sgd has Nesterov momentum 0.9 and takes ten times `learning_rate`: one range serves all three."""

    learning_rate: Annotated[float, Float(3e-4, 1e-2, log=True), Field(gt=0)] = 2e-3
    """Highest learning rate of the schedule."""

    schedule: Annotated[
        Literal["constant", "cosine", "one-cycle", "step", "warmup-cosine"], Choice("constant", "cosine", "one-cycle")
    ] = "cosine"
    """Learning rate over the steps: constant; cosine to zero; one-cycle (Smith, 2018, arXiv:1803.09820); step, a tenth
    after two thirds of the epochs; warmup-cosine, straight up over the share `warmup` of the steps, then cosine to zero."""

    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of the steps over which warmup-cosine rises; other schedules do not use it."""

    weight_decay: Annotated[float, Choice(0.0, 1e-4, 1e-3, 1e-2), Field(ge=0)] = 1e-4
    """Weight decay: decoupled in adamw, an L2 penalty in adam and sgd. Biases and normalisation weights are spared."""

    label_smoothing: Annotated[float, Float(0.0, 0.2), Field(ge=0, lt=1)] = 0.05
    """Share of the target that is spread over all classes (Szegedy et al., 2016)."""

    focal_gamma: Annotated[float, Field(ge=0)] = 0.0
    """Exponent of the focal loss (Lin et al., 2017, arXiv:1708.02002), which weights an example by (1 - probability of its
    class) ** focal_gamma; 0 is cross-entropy."""

    gradient_norm: Annotated[float | None, Field(gt=0)] = None
    """Norm of all gradients together to which they are scaled down where it is larger; None leaves them as they are."""

    weight_average: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the exponential moving average of the weights that stays after a step, as 0.99; the average is what is
    evaluated and stored (Polyak and Juditsky, 1992). 0 evaluates the weights themselves."""

    time_shift: Annotated[float, Choice(0.0, 0.05, 0.1), Field(ge=0)] = 0.1
    """Seconds by which clips are shifted in time at most, either way; zeros fill the gap."""

    noise_snr: Annotated[float | None, Choice(None, 30.0, 15.0)] = None
    """Lowest signal-to-noise ratio, in dB, of the noise that is mixed in; it is drawn for each clip up to 30 dB above. None
    adds no noise. The noise is the data set's recorded background noise or, if it has none, white."""

    gain: Annotated[float, Choice(0.0, 6.0), Field(ge=0)] = 0.0
    """Decibels by which clips are made louder or softer at most."""

    time_mask: Annotated[float, Choice(0.0, 0.1, 0.2), Field(ge=0, le=1)] = 0.0
    """Longest masked stretch of frames, as a share of all of them (SpecAugment, Park et al., 2019, arXiv:1904.08779)."""

    frequency_mask: Annotated[float, Choice(0.0, 0.1, 0.2), Field(ge=0, le=1)] = 0.0
    """Widest masked stretch of bands, as a share of all of them (SpecAugment)."""

    augmentations: str = ""
    """Augmentations of plugins (`bench list augmentations`) in the order in which they are made, after those above: names,
    each with options if they are not to be its defaults, as `mixup:alpha=0.2,speed`."""

    balance: Annotated[Literal["none", "loss", "sampling"], Choice("none", "loss")] = "none"
    """Treatment of classes of unequal size: none; loss weights the loss; sampling draws classes with equal probability."""

    patience: Annotated[int | None, Field(ge=1)] = None
    """Number of epochs without a better one after which training ends; None trains all epochs."""

    find_learning_rate: bool = False
    """Whether a learning-rate range test (Smith, 2017, arXiv:1506.01186) chooses the learning rate in place of
    `learning_rate`."""

    steps: Annotated[int | None, Field(ge=1)] = None
    """Number of steps in an epoch, over clips or segments that are drawn without end; None shows every clip once."""

    segment_seconds: Annotated[float | None, Field(gt=0)] = None
    """Length in seconds of the segments that the network sees: cut at random in training; consecutive in evaluation, where
    their probabilities are averaged for each clip. None shows whole clips."""

    segment_peak: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share that the loudest sample of a segment must reach, or it is not used: of the loudest sample of its class in
    training, of its clip in evaluation, since the class is not known there."""

    lengths: Literal["common", "own"] = "common"
    """Length of clips. common gives every clip the data set's clip length, with zeros at its end. own keeps each clip's
    length: a batch holds clips of about the same length, padded with zeros on the left, for networks that take
    any length."""

    offline_copies: Annotated[int, Field(ge=0)] = 0
    """Number of augmented copies that replace every training clip, made once and stored on disk; 0 trains on the clips."""

    offline_pitch: Annotated[float, Field(ge=0, le=12)] = 2.0
    """Semitones by which augmented copies are shifted in pitch at most, either way."""

    offline_pitch_probability: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of the augmented copies that are shifted in pitch."""

    offline_shift: Annotated[float, Field(ge=0)] = 0.3
    """Seconds by which augmented copies are shifted in time at most, either way; zeros fill the gap."""

    offline_snr_low: float = -20.0
    """Lowest signal-to-noise ratio, in dB, of the white noise in augmented copies; it is drawn up to `offline_snr_high`."""

    offline_snr_high: float = 40.0
    """Highest signal-to-noise ratio, in dB, of the white noise in augmented copies."""

    @field_validator("augmentations")
    @classmethod
    def _in_one_spelling(cls, text: str) -> str:
        return write_chain(parse_chain(text))

    @model_serializer(mode="wrap")
    def _without_defaults_added_later(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = whole(self)
        return {name: value for name, value in fields.items() if not at_default_added_later(name, value)}

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.offline_snr_low > self.offline_snr_high:
            raise ValueError(
                f"offline_snr_low {self.offline_snr_low:g} is above offline_snr_high {self.offline_snr_high:g}"
            )
        if self.segment_seconds is not None and self.lengths == "own":
            raise ValueError("segments have one length: leave out segment_seconds, or lengths=own")
        return self


def at_default_added_later(setting: str, value: object) -> bool:
    """Whether a record leaves the setting out: one that was added later and has its default."""
    return setting in ADDED_LATER and value == TrainingSettings.model_fields[setting].default
