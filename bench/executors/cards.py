"""Which card every worker of this machine has, and how many workers the cards make."""

from __future__ import annotations

import os
from collections.abc import Sequence

from bench.errors import BenchError


def card_of_each(workers: int, cards: Sequence[str]) -> tuple[str | None, ...]:
    """CUDA_VISIBLE_DEVICES of every worker: the cards in turn, so that each has as many as the others or one more.

    None for every worker where there are no cards.
    """
    return tuple(cards[number % len(cards)] if cards else None for number in range(workers))


def count_workers(workers: int | None, per_card: int | None, *, device: str, cards: int) -> int:
    """Workers on this machine: `workers` where it is given, and else `per_card` (1) on each of its cards, or one on a CPU.

    Raises BenchError where the two contradict each other, and where workers are asked for on cards that are not used.
    """
    if per_card is not None and device != "cuda":
        raise BenchError(
            "--workers-per-gpu says nothing on a CPU: give --workers, or --device cuda where there is a GPU"
        )
    made = (per_card or 1) * cards if device == "cuda" else 1
    if workers is None:
        return made
    if per_card is not None and workers != made:
        there = f"{cards} GPU{'s' if cards > 1 else ''}"
        raise BenchError(
            f"--workers {workers} is not what --workers-per-gpu {per_card} makes on {there}, {made}: leave one of them out"
        )
    return workers


def visible_cards() -> tuple[str, ...]:
    """What CUDA_VISIBLE_DEVICES has to be for each of the cards that torch sees here: a number, or the id that was given."""
    import torch

    return named_cards(os.environ.get("CUDA_VISIBLE_DEVICES"), torch.cuda.device_count())


def named_cards(visible: str | None, count: int) -> tuple[str, ...]:
    """Names of the first `count` cards that the variable `visible` names: CUDA itself stops at one that it does not know."""
    if visible is None:
        return tuple(map(str, range(count)))
    return tuple(name.strip() for name in visible.split(","))[:count]
