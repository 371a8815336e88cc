"""A row is named by the code of its plugins, too: one that is changed between two studies gives two rows."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from made_audio import cats_and_dogs

import bench
from bench.errors import BenchError
from bench.plugins import Model
from bench.plugins.registry import installed
from bench.reporting.build_leaderboard import build_leaderboard
from bench.reporting.leaderboard_notes import notes_on_code
from bench.reporting.leaderboard_page import render_leaderboard
from bench.reporting.leaderboard_table import leaderboard_cells
from bench.trial import TrialOutcome
from bench.trial.plugin_code import with_code

MODULE = """
from typing import ClassVar
from torch import nn
from bench.plugins import Model

class Net(Model):
    name: ClassVar[str] = "my-net"
    def build(self, shape, classes):
        return nn.Sequential(nn.Flatten(), nn.Linear(shape[0], 4, bias=False), nn.Linear(4, classes))
"""
CHANGED = MODULE.replace("bias=False", "bias=True")


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A user's module, which is edited while the version of nothing changes."""
    monkeypatch.syspath_prepend(str(tmp_path / "code"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "edited_module.py").write_text(MODULE)
    yield importlib.import_module("edited_module")
    del sys.modules["edited_module"]


def edit(module: ModuleType, text: str) -> type[Model]:
    assert module.__file__ is not None
    Path(module.__file__).write_text(text)
    net: type[Model] = importlib.reload(module).Net
    return net


def run(audio: Path, net: type[Model], *, seed: int = 0, **options: object) -> bench.Study:
    return bench.run(
        f"folder:{audio}",
        models=[net],
        features=["waveform"],
        seed=seed,
        workers=0,
        **{"trials": 1, "epochs": 1, "finalists": 1, "final_seeds": 1, **options},
    )


def test_a_plugin_that_is_changed_at_one_version_gives_two_rows(tmp_path: Path, module: ModuleType) -> None:
    """Never one with n=2 of two networks."""
    audio = cats_and_dogs(tmp_path / "audio", 10)
    first = run(audio, module.Net)
    second = run(audio, edit(module, CHANGED), seed=1)
    registry = installed().extended(models=[module.Net])
    leaderboard = build_leaderboard(tmp_path / "results", "folder", registry=registry)
    (protocol,) = leaderboard.protocols
    assert sorted(len(row.runs) for row in protocol.rows) == [1, 1]
    assert len({row.id for row in protocol.rows}) == len({row.parameters for row in protocol.rows}) == 2
    specs = [study.finals[0].record.spec for study in (first, second)]
    same_but_for_code = [spec.model_dump(exclude={"code", "seed"}) for spec in specs]
    assert same_but_for_code[0] == same_but_for_code[1]
    assert specs[0].code["model"] != specs[1].code["model"] and specs[0].code["feature"] == specs[1].code["feature"]

    (old,) = [row for row in protocol.rows if row.runs[0].spec == specs[0]]
    ids = ", ".join(row.id for row in protocol.rows)
    said = [
        f"model my-net has changed since row {old.id} was measured; run again, it is another row.",
        f"Rows {ids} have the same settings, and differ by the code of their plugins.",
    ]
    assert notes_on_code(protocol) == said
    page = render_leaderboard(leaderboard, source="x.json")
    assert all(line in page for line in said) and f'"model": "{old.runs[0].spec.code["model"]}"' in page
    assert leaderboard_cells(old, protocol)[-1] == old.id


def test_a_comment_is_no_other_code(tmp_path: Path, module: ModuleType) -> None:
    audio = cats_and_dogs(tmp_path / "audio", 10)
    run(audio, module.Net)
    run(audio, edit(module, MODULE.replace("class Net", "# Narrow.\nclass Net")), seed=1)
    (row,) = build_leaderboard(tmp_path / "results", "folder").rows()
    assert len(row.runs) == 2


def test_a_study_that_is_resumed_with_other_code_says_so_and_tests_the_code_of_now(
    tmp_path: Path, module: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    audio = cats_and_dogs(tmp_path / "audio", 10)
    study = run(audio, module.Net, study="edited")
    net = edit(module, CHANGED)
    with pytest.raises(
        BenchError, match=r"'edited' was begun with has changed: the code of model my-net is another.*go on"
    ):
        bench.resume("edited", plugins=[net], trials=2)
    resumed = bench.resume("edited", plugins=[net], trials=2, progress=True, allow_changed_versions=True)
    said = capsys.readouterr()
    warning = "model my-net has changed since runs of study edited were measured: what runs from now on is another row"
    assert warning in said.err + said.out
    assert resumed.finals[0].record.result.parameters == study.finals[0].record.result.parameters
    rows = resumed.leaderboard().rows()
    assert sorted(len(row.runs) for row in rows) == [1, 1] and len({row.parameters for row in rows}) == 2
    once_more = bench.resume("edited", plugins=[net], trials=2)
    assert [run.name for run in once_more.finals] == [run.name for run in resumed.finals], "nothing is done twice"


def test_a_worker_with_other_code_than_the_scheduler_does_not_train(tmp_path: Path, module: ModuleType) -> None:
    """As when a plugin's file is saved while a study runs, and a worker is started anew."""
    from bench.data.preparation import prepare
    from bench.plugins import PluginConfig, TrainingSettings
    from bench.training.device_clips import DataOnDevice
    from bench.trial.run_trial import complete_trial, run_trial
    from bench.trial.trial_records import TrialSpec

    audio = cats_and_dogs(tmp_path / "audio", 10)
    registry = installed().extended(models=[module.Net])
    dataset = PluginConfig(name="folder", options={"path": str(audio)})
    data = prepare(
        registry.dataset(dataset), data_dir=tmp_path, cache_dir=tmp_path / "cache", sample_rates=[16000]
    ).without_test()
    spec = TrialSpec(
        dataset=dataset,
        revision=data.revision,
        feature=registry.features["waveform"](sample_rate=16000).config(),
        model=module.Net().config(),
        training=TrainingSettings(epochs=1),
        seed=0,
    )

    def outcome(of: TrialSpec) -> TrialOutcome:
        import torch

        return complete_trial(run_trial(of, DataOnDevice(data, torch.device("cpu")), registry=registry))

    known = with_code(spec, registry)
    assert outcome(known).result.status == "complete"
    other = outcome(known.model_copy(update={"code": {**known.code, "model": "0" * 12}})).result
    assert (
        other.status == "failed" and "the code of model my-net is not that with which the study goes on" in other.reason
    )
