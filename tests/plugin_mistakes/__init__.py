"""Typical mistakes of plugin authors, each a tiny package with that mistake alone, and the words by which `bench check`
names it."""

from __future__ import annotations

from plugin_mistakes.augmentations import AUGMENTATIONS
from plugin_mistakes.datasets import DATASETS
from plugin_mistakes.declarations import DECLARATIONS
from plugin_mistakes.features import FEATURES
from plugin_mistakes.models import MODELS
from plugin_mistakes.packages import PACKAGES
from plugin_mistakes.reporting import REPORTING
from plugin_mistakes.sources import FILES, Mistake

__all__ = ["FILES", "MISTAKES", "Mistake", "mistakes_table"]

MISTAKES = (*PACKAGES, *DECLARATIONS, *FEATURES, *MODELS, *AUGMENTATIONS, *DATASETS, *REPORTING)


def mistakes_table() -> str:
    """The mistakes as rows of Markdown."""
    rows = [f"| {mistake.mistake} | `…{mistake.words}…` |" for mistake in MISTAKES]
    return "\n".join(["| mistake | what the check says |", "|---|---|", *rows])
