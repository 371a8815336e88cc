"""Which card every worker has, and how many workers there are."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_runner import run
from made_audio import cats_and_dogs

from bench.errors import BenchError
from bench.executors.gpus import count_workers, gpu_of_each, named_gpus


@pytest.mark.parametrize(
    ("workers", "gpus", "given"),
    [
        (2, 0, (None, None)),
        (3, 1, ("0", "0", "0")),
        (4, 2, ("0", "1", "0", "1")),
        (5, 2, ("0", "1", "0", "1", "0")),
        (8, 8, tuple("01234567")),
        (2, 8, ("0", "1")),
    ],
)
def test_workers_take_the_cards_in_turn(workers: int, gpus: int, given: tuple[str | None, ...]) -> None:
    assert gpu_of_each(workers, named_gpus(None, gpus)) == given


@pytest.mark.parametrize(
    ("visible", "count", "names"),
    [
        (None, 2, ("0", "1")),
        ("3,5", 2, ("3", "5")),
        ("GPU-4f1c, GPU-77aa", 2, ("GPU-4f1c", "GPU-77aa")),
        ("1,-1,2", 1, ("1",)),  # CUDA reads no further than a card that is not there
        ("", 0, ()),
        ("-1", 0, ()),
    ],
)
def test_cards_are_named_as_the_user_left_them_visible(visible: str | None, count: int, names: tuple[str, ...]) -> None:
    assert named_gpus(visible, count) == names


@pytest.mark.parametrize(("gpus", "per_gpu", "workers"), [(1, None, 1), (1, 4, 4), (2, None, 2), (2, 3, 6), (8, 2, 16)])
def test_each_card_has_as_many_workers_as_asked_for(gpus: int, per_gpu: int | None, workers: int) -> None:
    assert count_workers(None, per_gpu, device="cuda", gpus=gpus) == workers


def test_a_number_of_workers_that_is_given_stays() -> None:
    assert count_workers(None, None, device="cpu", gpus=0) == 1
    assert count_workers(5, None, device="cpu", gpus=0) == 5
    assert count_workers(5, None, device="cuda", gpus=2) == 5
    assert count_workers(6, 3, device="cuda", gpus=2) == 6


@pytest.mark.parametrize(
    ("workers", "per_gpu", "device", "gpus", "complaint"),
    [
        (3, 2, "cuda", 2, r"--workers 3 is not what --workers-per-gpu 2 makes on 2 GPUs, 4: leave one of them out"),
        (None, 2, "cpu", 0, r"--workers-per-gpu says nothing on a CPU"),
    ],
)
def test_contradictions_are_refused_in_one_line(
    workers: int | None, per_gpu: int, device: str, gpus: int, complaint: str
) -> None:
    with pytest.raises(BenchError, match=complaint) as error:
        count_workers(workers, per_gpu, device=device, gpus=gpus)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--device", "cpu"), "says nothing on a CPU"),
        (("--executor", "ray"), "--gpus-per-trial 0.5 shares a GPU"),
    ],
)
def test_bench_run_refuses_workers_on_cards_that_are_not_used(
    options: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    audio = cats_and_dogs(tmp_path / "audio", 2)
    done = run("run", "-d", f"folder:{audio}", "--workers-per-gpu", "2", *options)
    assert done.returncode and words in done.stderr and done.stderr.count("\n") == 1
