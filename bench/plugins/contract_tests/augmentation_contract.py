"""The contract of an augmentation: same shapes, finite, by its generator alone, and never in place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from bench.plugins.augmentation_contracts import Augmentation, TrainingBatch
from bench.plugins.contract_tests.declaration import check_declaration, configurations
from bench.plugins.contract_tests.requirements import generators_left_alone, require
from bench.plugins.faults import fault
from bench.plugins.plugin_config import parse_chain, write_chain

if TYPE_CHECKING:
    from torch import Tensor

SAMPLES_PER_SECOND = 8000
CLIPS_OF_CHECK, CLASSES_OF_CHECK = 5, 3
TRIED_SEEDS = 8
"""Seeds of which one at least must change something, of the defaults."""


def check_augmentation(augmentation: type[Augmentation]) -> None:
    """Checks an augmentation's declaration and what it makes of batches, down to clips of one sample or one frame.

    For defaults, range ends and random combinations: shapes, types, finite values, targets that are shares, the same result
    for the same seed whatever torch's own generator has, batches left as they were, options that survive as text. For the
    defaults also: some seed changes something.

    Args:
        augmentation: The augmentation's class.

    Raises:
        AssertionError: It breaks its contract, in one line.
    """
    check_declaration(augmentation)
    stages = ("waveforms", "features", "inputs")
    require(augmentation.on in stages, f"on is {augmentation.on!r}, and one of {', '.join(map(repr, stages))} is meant")
    for config in configurations(augmentation):
        text = write_chain([config.config()])
        require(
            parse_chain(text) == (config.config(),), f"its options do not survive as text, {text!r}: no commas in them"
        )
        with generators_left_alone("it"):
            for batch in _batches(augmentation.on):
                _check_change(config, batch)
    config, batch = augmentation(), next(_batches(augmentation.on))
    changed = any(not (_equal(_made(config, batch, seed).inputs, batch.inputs)) for seed in range(TRIED_SEEDS))
    require(changed, f"changes nothing with its defaults, by any of {TRIED_SEEDS} seeds")


def _check_change(config: Augmentation, batch: TrainingBatch) -> None:
    import torch

    where = f"for inputs {list(batch.inputs.shape)} with {config.model_dump()}"
    untouched = replace(batch, inputs=batch.inputs.clone(), targets=batch.targets.clone())
    once = _made(config, batch, seed=0)
    require(
        _equal(batch.inputs, untouched.inputs) and _equal(batch.targets, untouched.targets),
        f"changes the batch that it is given, in place, {where}: work on a copy",
    )
    for what, made, given in (("inputs", once.inputs, batch.inputs), ("targets", once.targets, batch.targets)):
        require(isinstance(made, torch.Tensor), f"its {what} are a {type(made).__name__}, no tensor, {where}")
        require(made.shape == given.shape, f"its {what} are {list(made.shape)}, not {list(given.shape)}, {where}")
        require(made.dtype == given.dtype, f"its {what} are {made.dtype}, not {given.dtype}, {where}")
        require(bool(made.isfinite().all()), f"its {what} have NaN or infinity, for silence or noise, {where}")
    shares = bool((once.targets >= 0).all()) and torch.allclose(
        once.targets.sum(dim=1), torch.ones(CLIPS_OF_CHECK), atol=1e-4
    )
    require(shares, f"its targets are no shares that sum to 1 for every clip, {where}")
    require((once.frames is None) == (batch.frames is None), f"drops or makes up the numbers of frames, {where}")
    torch.rand(1)  # so that torch's own generator is in another state
    again = _made(config, batch, seed=0)
    require(
        _equal(once.inputs, again.inputs) and _equal(once.targets, again.targets),
        f"the same seed makes another result, {where}: draw from the generator that it is given alone",
    )


def _made(config: Augmentation, batch: TrainingBatch, seed: int) -> TrainingBatch:
    import torch

    where = f"for inputs {list(batch.inputs.shape)} with {config.model_dump()}"
    try:
        made = config.apply(batch, torch.Generator().manual_seed(seed))
    except Exception as error:
        raise AssertionError(f"raises {fault(error)}, {where}") from error
    require(isinstance(made, TrainingBatch), f"gives a {type(made).__name__}, not a TrainingBatch, {where}")
    return made


def _batches(on: str) -> Iterator[TrainingBatch]:
    """Noise with a silent clip among it: waveforms, or features with all frames their own, and with some."""
    import torch

    generator = torch.Generator().manual_seed(0)
    targets = torch.eye(CLASSES_OF_CHECK)[torch.tensor([0, 1, 2, 0, 1])]
    shapes: list[tuple[int, ...]] = [(SAMPLES_PER_SECOND // 4,), (1,)] if on != "features" else []
    shapes += [(20, 31), (2, 20, 31), (1, 1, 1)] if on != "waveforms" else []
    for shape in shapes:
        inputs = 0.1 * torch.randn(CLIPS_OF_CHECK, *shape, generator=generator)
        inputs[0] = 0.0
        yield TrainingBatch(inputs, targets, SAMPLES_PER_SECOND)
        if len(shape) > 1:
            frames = torch.arange(CLIPS_OF_CHECK) % shape[-1] + 1
            own = torch.arange(shape[-1]) >= (shape[-1] - frames)[:, None]
            own = own.view(CLIPS_OF_CHECK, *[1] * (len(shape) - 1), shape[-1])
            yield TrainingBatch(inputs * own, targets, SAMPLES_PER_SECOND, frames)


def _equal(ours: Tensor, theirs: Tensor) -> bool:
    import torch

    return torch.equal(ours, theirs)
