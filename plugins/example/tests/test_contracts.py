"""The contract tests that come with bench, on what this package brings. Run: pytest plugins/example"""

from __future__ import annotations

from pathlib import Path

from bench.plugins.contract_tests import check_augmentation, check_dataset, check_feature, check_model
from bench_example.band_mlp import BandMlp
from bench_example.envelope import BandEnvelope
from bench_example.timbres import Timbres
from bench_example.tremolo import Tremolo


def test_dataset(tmp_path: Path) -> None:
    Timbres().prepare(tmp_path, lambda _done, _total: None)
    check_dataset(Timbres, root=tmp_path)


def test_feature() -> None:
    check_feature(BandEnvelope)


def test_augmentation() -> None:
    check_augmentation(Tremolo)


def test_model() -> None:
    check_model(BandMlp)
