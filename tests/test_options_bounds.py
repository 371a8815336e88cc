"""Numbers that nobody's machine can serve: refused at once, with the estimate, and before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_runner import refusal, run
from made_audio import cats_and_dogs

from bench.errors import WrongUsage
from bench.options import checked_options
from bench.plugins import Infeasible, TrainingSettings
from bench.sizes import shown_size
from bench.trial.feasibility import require_memory
from bench_plugins.features import Mel

TINY = ("--models", "tc-resnet", "--features", "mel", "--workers", "0", "--tracking-uri", "none")


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("trials", "they would take 32 years; 1,000,000 are the most"),
        ("epochs", "they would take 32 years; 1,000,000 are the most"),
        ("finalists", "they would take 32 years; 10,000 are the most"),
        ("final_seeds", "they would take 32 years; 10,000 are the most"),
        ("workers", "less than or equal to 1000"),
        ("workers_per_gpu", "less than or equal to 100"),
        ("threads", "less than or equal to 1000"),
    ],
)
def test_a_thousand_million_of_anything_is_refused(option: str, said: str) -> None:
    with pytest.raises(WrongUsage, match=f"{option} 1000000000: .*{said}"):
        checked_options({option: 10**9})


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("feature.mel.sample_rate=1000000000", ("take", "of memory, and this machine has")),
        (
            "feature.mel.sample_rate=2000000",
            ("feature.mel.sample_rate=2000000: audio is decoded at 1,000,000 Hz at most",),
        ),
        ("feature.mel.n_mels=100000000000", ("16 clips of 1 s at 16,000 Hz with their mel take", "of memory")),
        ("dataset.clip_seconds=1e300", ("clips of 1e+300 s", "bytes of memory")),
        ("training.segment_seconds=1e308", ("clips of 1e+308 s",)),
        ("training.offline_copies=1000000000000", ("of 1 clip take", "free: ask for fewer")),
    ],
)
def test_what_the_machine_has_no_room_for_is_refused_with_the_estimate(
    tmp_path: Path, setting: str, said: tuple[str, ...]
) -> None:
    audio = cats_and_dogs(tmp_path / "audio", 5)
    rate = () if "sample_rate" in setting else ("--set", "feature.mel.sample_rate=16000")
    refusal(run("run", "--dataset", f"folder:{audio}", *TINY, *rate, "--set", setting), *said)
    assert not (tmp_path / "results").exists()
    assert not list((tmp_path / "cache").glob("folder-*")), "nothing was decoded"


def test_a_value_of_a_list_that_is_too_large_is_infeasible_alone() -> None:
    settings = TrainingSettings()
    require_memory(Mel(sample_rate=16000), settings, 1.0)
    with pytest.raises(Infeasible, match="of memory, and this machine has"):
        require_memory(Mel(sample_rate=16000, n_mels=10**11), settings, 1.0)


def test_sizes_beyond_all_units_are_shown() -> None:
    assert (
        shown_size(1.5e9) == "1.5 GB"
        and shown_size(6e304) == "6e+304 bytes"
        and shown_size(float("inf")) == "inf bytes"
    )
