"""Mistakes of augmentations."""

from __future__ import annotations

from textwrap import dedent, indent

from plugin_mistakes.sources import HEAD, Mistake, hook


def augmentation(name: str, apply: str, *, fields: str = "") -> str:
    return (
        HEAD
        + "from dataclasses import replace\nimport torch\nfrom bench.plugins import Augmentation\n\n"
        + "class Tiny(Augmentation):\n    '''A tiny augmentation.'''\n"
        + f"    name: ClassVar[str] = {name!r}\n{indent(dedent(fields), ' ' * 4)}"
        + f"    def apply(self, batch, draws):\n{indent(dedent(apply), ' ' * 8)}\n"
        + hook("augmentation", "[Tiny]")
    )


AUGMENTATIONS = (
    Mistake(
        "global-draws",
        "An augmentation draws from torch's own generator",
        "the same seed makes another result",
        augmentation("global-draws", "return replace(batch, inputs=batch.inputs * torch.rand(1))"),
    ),
    Mistake(
        "louder-in-place",
        "An augmentation changes the waveforms in place",
        "changes the batch that it is given, in place",
        augmentation("louder-in-place", "batch.inputs.mul_(2)\nreturn batch"),
    ),
    Mistake(
        "normalised-silence",
        "An augmentation divides by the peak of a clip",
        "its inputs have NaN or infinity",
        augmentation(
            "normalised-silence",
            "return replace(batch, inputs=batch.inputs / batch.inputs.abs().amax(dim=1, keepdim=True))",
        ),
    ),
    Mistake(
        "cropped",
        "An augmentation shortens the clips",
        "its inputs are [5, 1000], not [5, 2000]",
        augmentation("cropped", "return replace(batch, inputs=batch.inputs[:, : (batch.inputs.shape[1] + 1) // 2])"),
    ),
    Mistake(
        "tensor-alone",
        "An augmentation returns the waveforms alone",
        "gives a Tensor, not a TrainingBatch",
        augmentation("tensor-alone", "return batch.inputs * batch.uniform(draws)[:, None]"),
    ),
    Mistake(
        "summed-targets",
        "An augmentation adds targets up instead of mixing them",
        "its targets are no shares that sum to 1",
        augmentation("summed-targets", "return replace(batch, targets=batch.targets + batch.targets.flip(0))"),
    ),
    Mistake(
        "never",
        "An augmentation forgets to return what it has changed",
        "changes nothing with its defaults",
        augmentation("never", "louder = batch.inputs * 2\nreturn batch"),
    ),
)
