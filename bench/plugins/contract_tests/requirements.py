"""How a contract test says what is broken, and what all of them measure by."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

CHECK_SEED = 1234567
"""Seed of the global generators while a plugin is checked, which no plugin sets by chance."""


def require(condition: bool, complaint: str) -> None:
    """Raises AssertionError with the complaint unless the condition holds."""
    if not condition:
        raise AssertionError(complaint)


def size(values: Tensor) -> float:
    """The largest magnitude, and at least 1: what tolerances are relative to."""
    return max(1.0, float(values.abs().max()))


@contextmanager
def generators_left_alone(what: str) -> Iterator[None]:
    """Lets torch's global generator be seeded, and afterwards as it was, and checks the generators of Python and NumPy.

    Raises:
        AssertionError: If a plugin seeds one of them, or draws from one that the harness does not seed.
    """
    import numpy as np
    import torch

    python, arrays = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(CHECK_SEED)
        yield
        require(
            torch.initial_seed() == CHECK_SEED,
            f"{what} sets the seed of torch's global generator, which is the trial's: leave torch.manual_seed out",
        )
    same = random.getstate() == python and np.random.get_state()[1].tolist() == arrays  # type: ignore[index]
    require(
        same,
        f"{what} uses the global generator of random or NumPy, which no trial seeds: draw from torch's, or an own one",
    )
