"""What people see of a study beside its figures: names, lists, completions, groups of seeds, files that are whole."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from api_classes import QUICK
from cli_runner import refusal, run
from made_audio import cats_and_dogs
from reporting_results import fitted, run_record, study_record

import bench
from bench.locks import study_locked
from bench.plugins.registry import installed
from bench.reporting.progress import BarProgress, Clock
from bench.reporting.row_frequencies import frequency_ticks
from bench.results.study_folder import StudyFolder
from bench.tracking import run_contents
from bench.version import VERSION

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with recordings in `mine`, and a study of them with two seeds, in MLflow's own database."""
    home = tmp_path_factory.mktemp("manners")
    cats_and_dogs(home / "mine", clips=12)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_CACHE_DIR", str(home / "cache"))
        patch.chdir(home)
        results = home / "bench-results"
        options = {**QUICK, "trials": 3, "final_seeds": 2, "results": results}
        bench.run("folder:./mine", tracking_uri=f"sqlite:///{results / 'mlflow.db'}", **options)
        yield home


def mlflow_runs(home: Path) -> tuple[str, list[Any]]:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{home / 'bench-results' / 'mlflow.db'}")
    (experiment,) = [each for each in client.search_experiments() if each.name != "Default"]
    return experiment.name, list(client.search_runs([experiment.experiment_id]))


def test_own_recordings_are_called_by_their_folder(home: Path) -> None:
    name, runs = mlflow_runs(home)
    (study,) = [one for one in runs if one.data.tags["bench.kind"] == "study"]
    assert name == study.data.params["dataset"] == "folder:mine"
    assert "trials on folder:mine" in study.data.tags["mlflow.note.content"]
    report = home / "bench-results" / "mine-1" / "final-1-seed-0" / "report" / "report.md"
    other = report.parents[2] / "final-1-seed-1" / "report" / "report.md"
    assert "folder:mine, 2 classes" in next(path for path in (report, other) if path.exists()).read_text()


def test_seeds_of_a_configuration_stand_below_their_mean(home: Path) -> None:
    _, runs = mlflow_runs(home)
    by_kind: dict[str, list[Any]] = {}
    for one in runs:
        by_kind.setdefault(one.data.tags["bench.kind"], []).append(one)
    (group,), (study,) = by_kind[run_contents.SEEDS], by_kind["study"]
    seeds = by_kind["final"]
    assert len(seeds) == 2 and {one.data.tags["mlflow.parentRunId"] for one in seeds} == {group.info.run_id}
    assert group.data.tags["mlflow.parentRunId"] == study.info.run_id and group.info.status == "FINISHED"
    assert group.info.run_name == "final-1 tc-resnet + mel, mean of 2 seeds"
    values = [one.data.metrics["test_accuracy"] for one in seeds]
    assert group.data.metrics["test_accuracy"] == pytest.approx(np.mean(values), abs=1e-4)
    assert group.data.metrics["test_accuracy_deviation"] == pytest.approx(np.std(values, ddof=1), abs=1e-4)


def test_parameters_that_are_not_searched_are_told_apart(home: Path) -> None:
    space = StudyFolder(home / "bench-results" / "mine-1").record().space
    trials = [one.data.params for one in mlflow_runs(home)[1] if one.data.tags["bench.kind"] == "trial"]
    fixed = {name for name in trials[0] if name.startswith(run_contents.FIXED_PREFIX)}
    assert {"fixed.feature.sample_rate", "fixed.training.epochs"} <= fixed
    searched = {name for name in trials[0] if name not in fixed} - {"model", "feature", "seed"}
    assert "training.learning_rate" in searched and all(
        name.replace("model.", "model.tc-resnet.").replace("feature.", "feature.mel.") in space["searched"]
        for name in searched
    )
    assert all(len({each[name] for each in trials if name in each}) == 1 for name in fixed)


def test_databases_are_whole_by_themselves_when_a_study_has_ended(home: Path) -> None:
    results = home / "bench-results"
    assert not [path.name for path in results.rglob("*.db-*")]
    assert (results / "mlflow.db").is_file() and (results / "mine-1" / "optuna.db").is_file()


def test_optunas_dashboard_has_the_trials_of_the_folders(home: Path) -> None:
    dashboard = pytest.importorskip("optuna_dashboard")
    import optuna

    study = home / "bench-results" / "mine-1"
    app = dashboard.wsgi(optuna.storages.RDBStorage(f"sqlite:///{study / 'optuna.db'}"))

    def page(path: str) -> Any:
        request = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": "", "wsgi.input": io.BytesIO()}
        request |= {"SERVER_NAME": "here", "SERVER_PORT": "80", "wsgi.url_scheme": "http", "wsgi.errors": sys.stderr}
        return json.loads(b"".join(app(request, lambda status, headers, error=None: None)))

    (summary,) = page("/api/studies")["study_summaries"]
    trials = page(f"/api/studies/{summary['study_id']}")["trials"]
    assert [trial["number"] for trial in trials] == [0, 1, 2]
    for trial in trials:
        attributes = {each["key"]: each["value"] for each in trial["user_attrs"]}
        record = json.loads((study / attributes["folder"] / "run.json").read_text())
        assert record["number"] == trial["number"] and attributes["folder"] == f"trial-{trial['number']:04d}"
        if trial["state"] == "Complete":
            assert trial["values"] == [record["result"]["validation"][record["spec"]["objective"]]]


def test_studies_are_listed_with_the_command_that_goes_on(home: Path, tmp_path: Path) -> None:
    results = Path(shutil.copytree(home / "bench-results", tmp_path / "results"))
    for number, name in enumerate(("stopped", "broken", "active")):
        shutil.copytree(results / "mine-1", results / name)
        record = json.loads((results / name / "study.json").read_text())
        (results / name / "study.json").write_text(json.dumps({**record, "created": f"2030-01-0{number + 1}T00:00:00"}))
    for path in (results / "stopped").glob("final-*"):
        shutil.rmtree(path)
    shutil.rmtree(results / "stopped" / "leaderboard")
    (results / "broken" / "study.json").write_text("{")
    with study_locked(results / "active"):
        done = run("studies", "--results", results)
    assert done.returncode == 0 and done.stdout.startswith("4 studies in "), done.stderr
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert "finished" in lines["mine-1"] and "bench report mine-1 --results" in lines["mine-1"]
    assert "unfinished" in lines["stopped"] and "bench run --resume stopped --results" in lines["stopped"]
    assert "running" in lines["active"] and "unreadable" in lines["broken"]
    row = bench.load_study(results / "mine-1").leaderboard().rows()[0]
    for mean in (row.validation[row.metric].mean, row.test[row.metric].mean):
        assert f"{mean:.4f}" in lines["mine-1"]
    assert "3/3" in lines["mine-1"] and "folder:mine" in lines["mine-1"]
    assert "no studies in" in run("studies", "--results", tmp_path).stdout


@pytest.mark.parametrize("path", ["../mine", "./mine/", "elsewhere/x", "list.csv"])
def test_a_path_alone_is_told_what_to_write(path: str, home: Path) -> None:
    meant = f"{'csv' if path.endswith('.csv') else 'folder'}:{path}"
    refusal(run("run", "--dataset", path, "--trials", "1"), f"for recordings of your own write {meant}")
    refusal(run("leaderboard", path), f"for recordings of your own write {meant}")


def completions(line: str, **environment: str) -> list[str]:
    """What bash is given for a line, by the installed program in a process of its own."""
    words = line.split(" ")
    variables = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1), "_BENCH_COMPLETE": "complete_bash"}
    program = [sys.executable, "-X", "importtime", "-c", "from bench.cli.main import main; main()"]
    done = subprocess.run(
        program, env={**os.environ, **variables, **environment}, capture_output=True, text=True, check=False
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not {"torch", "mlflow", "optuna", "pandas"} & imported
    return done.stdout.split()


def test_a_shell_completes_names_without_torch(home: Path) -> None:
    assert completions("bench stu") == ["studies"]
    assert completions("bench run --models tc-resnet,cnn-l") == ["tc-resnet,cnn-lstm"]
    assert "fsdd" in completions("bench run --dataset f")
    runs = completions("bench report mine-1/f", BENCH_RESULTS_DIR=str(home / "bench-results"))
    assert runs == ["mine-1/final-1-seed-0", "mine-1/final-1-seed-1"]


def test_a_clock_says_how_long_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("bench.reporting.progress.time.monotonic", lambda: now[0])
    clock = Clock(done=2, total=10)
    now[0] += 60
    assert clock.text(2) == "elapsed 1 min 00 s"
    assert clock.text(6) == "elapsed 1 min 00 s, left 1 min 00 s"
    assert clock.text(10) == "elapsed 1 min 00 s"


def test_bars_fit_80_columns(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    final = run_record(study_record(), predictions=fitted(seed=1))
    progress = BarProgress()
    progress.phase("trials", done=0, total=1000)
    progress.started("final-10-fold-yweweler-seed-12", final.spec, "digits-tc-resnet8 with training.epochs=1")
    progress.started(final.name, final.spec, "sampler")
    progress.epoch(final.name, final.spec, final.result.epochs[0])
    progress.ended(final)
    progress._console.print(progress._progress.get_renderable())
    lines = [line for line in capsys.readouterr().out.splitlines() if "trained in" not in line]
    assert len(lines) == 2 and all(len(line) <= 80 for line in lines)
    assert (
        "1/1000" in lines[0]
        and "elapsed 0:00" in lines[0]
        and f"best {final.result.validation.accuracy:.4f}" in lines[0]
    )
    assert "0/3" in lines[1]


@pytest.mark.parametrize("options", [{"n_mels": 40}, {"n_mels": 80, "sample_rate": 8000}])
def test_rows_of_mel_bands_are_named_by_the_frequencies_of_their_filters(options: dict[str, Any]) -> None:
    import librosa

    feature = installed().features["mel"](**options)
    rate = feature.sample_rate
    centres = librosa.mel_frequencies(n_mels=options["n_mels"] + 2, fmin=20, fmax=rate / 2)[1:-1]
    ticks = frequency_ticks(feature.build().eval(), rate)
    assert len(ticks) >= 4
    for position, name in ticks.items():
        assert abs(int(position) - np.abs(centres - float(name)).argmin()) <= 1, name


def test_rows_that_are_no_frequencies_are_not_named() -> None:
    for name in ("mfcc", "waveform"):
        feature = installed().features[name]()
        assert frequency_ticks(feature.build().eval(), feature.sample_rate) == {}


def test_what_cites_and_checks_the_project_is_whole() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == VERSION and citation["license"] == "Apache-2.0" and citation["authors"]
    assert f"## [{VERSION}]" in (ROOT / "CHANGELOG.md").read_text()
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    assert [hook["entry"].split()[0] for hook in hooks] == [".venv/bin/ruff", ".venv/bin/ruff", ".venv/bin/mypy"]
    commands = [
        step.get("run", "")
        for name in ("ci", "submissions")
        for job in yaml.safe_load((ROOT / f".github/workflows/{name}.yml").read_text())["jobs"].values()
        for step in job["steps"]
    ]
    makefile = (ROOT / "Makefile").read_text()
    for target in [command.split()[1] for command in commands if command.startswith("make ")]:
        assert f"\n{target}:" in makefile
    assert any('bench leaderboard "$dataset" --publish' in command for command in commands)
