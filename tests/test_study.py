"""Studies run for real through the local executor, and everything that can go wrong on one machine."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest
from cli_runner import refusal, run, run_process
from failing_studies import NO_MLFLOW, alive, command, counted, wait_for
from faulty_plugins import install, model
from made_audio import cats_and_dogs
from soak_checks import children

from bench.results.study_folder import StudyFolder

pytestmark = pytest.mark.slow

QUICK = (
    *("--features", "mel", "--set", "feature.mel.sample_rate=8000", "--epochs", "2"),
    *("--finalists", "0", "--threads", "1"),
)
FINALS = (*QUICK, "--finalists", "1", "--final-seeds", "2")
HERE = (*QUICK, "--workers", "0", *NO_MLFLOW)
"""Words of a study inside the test's own process, where neither a worker nor MLflow is the point."""


@pytest.fixture
def audio(tmp_path: Path) -> str:
    """The data set of these tests, as the command line has it."""
    return f"folder:{cats_and_dogs(tmp_path / 'audio')}"


def study_of(tmp_path: Path, name: str = "audio-1") -> StudyFolder:
    return StudyFolder(tmp_path / "results" / name)


def mlflow_runs(tmp_path: Path, study: str = "audio-1") -> dict[str, str]:
    """Status by run name, of the children of the study that count."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{tmp_path / 'results' / 'mlflow.db'}")
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments, max_results=1000)
    return {
        str(
            run.info.run_id
        ): f"{run.data.tags['mlflow.runName'].split()[0]} {run.info.status} {run.data.tags.get('bench.status')}"
        for run in runs
        if "mlflow.parentRunId" in run.data.tags
    }


def test_a_study_from_the_command_line_to_the_leaderboard(tmp_path: Path, audio: str) -> None:
    done = run_process("run", "--dataset", audio, "--trials", "3", "--models", "tc-resnet", "--workers", "2", *FINALS)
    assert done.returncode == 0, done.stderr
    study = study_of(tmp_path)
    assert [run.number for run in study.trials()] == [0, 1, 2]
    assert [run.name for run in study.finals()] == ["final-1-seed-0", "final-1-seed-1"]
    assert all(run.result.test is None for run in study.trials())
    assert all(run.result.test is not None for run in study.finals())
    statuses = sorted(line.split()[1] for line in mlflow_runs(tmp_path).values())
    assert len(statuses) == 3 + 2 + 1 and "RUNNING" not in statuses, "trials, seeds of the final, and their mean"
    assert "Test accuracy" in done.stdout
    (report,) = study.folder.glob("final-1-seed-*/report/report.md")
    assert str(report) in done.stdout
    page = report.with_suffix(".html").read_bytes()
    (artifact,) = (tmp_path / "results" / "artifacts").rglob("report.html")
    assert artifact.read_bytes() == page
    storage = optuna.storages.RDBStorage(f"sqlite:///{study.folder / 'optuna.db'}")
    assert len(optuna.load_study(study_name="audio-1", storage=storage).trials) == 3


def test_the_same_seed_gives_the_same_study_in_a_worker_and_inside_this_process(tmp_path: Path, audio: str) -> None:
    arguments = ("run", "--dataset", audio, "--trials", "3", "--models", "tc-resnet")
    one = run_process(*arguments, *QUICK, *NO_MLFLOW, "--study", "one", as_module=True)
    two = run(*arguments, *HERE, "--study", "two")
    assert (one.returncode, two.returncode) == (0, 0), one.stderr + two.stderr
    first, second = (study_of(tmp_path, name).trials() for name in ("one", "two"))
    assert [run.spec for run in first] == [run.spec for run in second]
    assert [run.result.validation for run in first] == [run.result.validation for run in second]


def test_a_killed_worker_costs_no_trial(tmp_path: Path, audio: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = tmp_path / "killed"
    once = f"""
if not os.path.exists({str(mark)!r}):
    open({str(mark)!r}, "w").close()
    os.kill(os.getpid(), signal.SIGKILL)
"""
    install(tmp_path / "plugins", "killer", model("killer", once), monkeypatch)
    arguments = ("--trials", "3", "--models", "killer", *QUICK, *NO_MLFLOW)
    done = run("run", "--dataset", audio, *arguments)
    assert done.returncode == 0, done.stderr
    assert mark.exists() and "SIGKILL" in done.stdout
    assert [run.result.status for run in study_of(tmp_path).trials()] == ["complete"] * 3


def test_a_trial_that_always_kills_its_worker_is_lost_and_the_study_says_so(
    tmp_path: Path, audio: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "plugins", "killer", model("killer", "os.kill(os.getpid(), signal.SIGKILL)"), monkeypatch)
    monkeypatch.setattr("bench.search.failures.LOST_TRIALS", 2)
    for name in ("failures.ATTEMPTS", "scheduler.ATTEMPTS"):
        monkeypatch.setattr(f"bench.search.{name}", 1)
    done = run("run", "--dataset", audio, "--trials", "4", "--models", "killer", *QUICK, *NO_MLFLOW)
    assert done.returncode == 1
    assert "2 trials lost their worker 1 times each" in done.stderr and "Traceback" not in done.stderr
    assert counted(study_of(tmp_path)) == []


def test_a_killed_head_is_resumed_to_exactly_n_trials(
    tmp_path: Path, audio: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "plugins", "slow", model("slow", "time.sleep(0.1)"), monkeypatch)
    arguments = ("--dataset", audio, "--trials", "6", "--models", "slow", "--workers", "2", *FINALS)
    head = subprocess.Popen(command("run", *arguments), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    study = study_of(tmp_path)
    wait_for(lambda: study.folder.exists() and len(study.trials()) >= 2)
    workers = children(head.pid)
    assert len(workers) >= 2
    head.kill()
    head.wait()
    wait_for(lambda: not any(map(alive, workers)))
    before = {run.number: run for run in study.trials()}
    assert len(before) < 6
    done = run("run", "--resume", "audio-1")
    assert done.returncode == 0, done.stderr
    after = {run.number: run for run in study.trials()}
    assert sorted(after) == list(range(6)), "every number once, none twice"
    assert all(after[number] == run for number, run in before.items()), "nothing that was done is done again"
    lines = list(mlflow_runs(tmp_path).values())
    for number in range(6):
        ended = [line for line in lines if line.startswith(f"trial-{number:04d} ") and not line.endswith("lost")]
        assert len(ended) == 1 and "FINISHED" in ended[0], lines


def test_ctrl_c_finishes_what_runs_and_says_how_to_go_on(
    tmp_path: Path, audio: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "plugins", "slow", model("slow", "time.sleep(0.2)"), monkeypatch)
    arguments = ("--dataset", audio, "--trials", "50", "--models", "slow", *QUICK, *NO_MLFLOW)
    head = subprocess.Popen(command("run", *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    study = study_of(tmp_path)
    wait_for(lambda: study.folder.exists() and study.trials())
    head.send_signal(signal.SIGINT)
    output, errors = head.communicate(timeout=60)
    assert head.returncode == 130, errors
    assert "to continue: bench run --resume audio-1" in output
    assert 0 < len(study.trials()) < 50
    assert all(run.result.status == "complete" for run in study.trials())


def test_ctrl_c_twice_stops_now(tmp_path: Path, audio: str, monkeypatch: pytest.MonkeyPatch) -> None:
    install(
        tmp_path / "plugins",
        "slow",
        model("slow", f"open({str(tmp_path / 'began')!r}, 'w').close(); time.sleep(60)"),
        monkeypatch,
    )
    arguments = ("--dataset", audio, "--trials", "5", "--models", "slow", *QUICK, *NO_MLFLOW)
    head = subprocess.Popen(command("run", *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for((tmp_path / "began").exists)
    workers = children(head.pid)
    head.send_signal(signal.SIGINT)
    time.sleep(1)
    head.send_signal(signal.SIGINT)
    output, errors = head.communicate(timeout=30)
    assert head.returncode == 130 and "bench run --resume audio-1" in output, (output, errors)
    wait_for(lambda: not any(map(alive, workers)), 20)


def test_five_failures_in_a_row_stop_the_study(tmp_path: Path, audio: str, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "plugins", "broken", model("broken", "raise KeyError('the cable is loose')"), monkeypatch)
    done = run("run", "--dataset", audio, "--trials", "30", "--models", "broken", *HERE)
    assert done.returncode == 1 and "the cable is loose" in done.stderr and "Traceback" not in done.stderr
    runs = study_of(tmp_path).trials()
    assert len(runs) == 5 and {run.result.status for run in runs} == {"failed"}
    assert "the cable is loose" in (study_of(tmp_path).run_folder(runs[0]) / "traceback.txt").read_text()


def test_a_hung_model_is_interrupted_and_counts(tmp_path: Path, audio: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = tmp_path / "hung"
    hang = f"""
if not os.path.exists({str(mark)!r}):
    open({str(mark)!r}, "w").close()
    time.sleep(600)
"""
    install(tmp_path / "plugins", "hanging", model("hanging", hang), monkeypatch)
    arguments = ("--trials", "3", "--models", "hanging", "--trial-timeout", "5", *QUICK, *NO_MLFLOW)
    done = run("run", "--dataset", audio, *arguments)
    assert done.returncode == 0, done.stderr
    statuses = sorted(run.result.status for run in study_of(tmp_path).trials())
    assert statuses == ["complete", "complete", "timed-out"]


def test_a_study_that_exists_with_another_space_is_refused(
    tmp_path: Path, audio: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "plugins", "smallest", model("tiny"), monkeypatch)
    arguments = ("run", "--dataset", audio, "--models", "tiny", "--study", "mine", "--trials", "2", *HERE)
    assert run(*arguments).returncode == 0
    other = run(*arguments, "--set", "training.batch_size=32")
    assert other.returncode == 1
    assert "training.batch_size" in other.stderr and "--study" in other.stderr and len(other.stderr.splitlines()) == 1
    more = run(*arguments, "--trials", "4")
    assert more.returncode == 0, more.stderr
    assert len(study_of(tmp_path, "mine").trials()) == 4


def test_two_heads_on_one_study_are_refused(tmp_path: Path, audio: str, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "plugins", "slow", model("slow", "time.sleep(0.5)"), monkeypatch)
    arguments = ("run", "--dataset", audio, "--trials", "9", "--models", "slow", "--study", "mine", *HERE)
    head = subprocess.Popen(command(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: (tmp_path / "results" / "mine" / "study.json").exists())
        second = run(*arguments)
        assert second.returncode == 1 and f"process {head.pid}" in second.stderr
    finally:
        head.terminate()
        head.wait(timeout=30)


def test_a_dry_run_tells_and_does_nothing(tmp_path: Path, audio: str, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "plugins", "smallest", model("tiny"), monkeypatch)
    done = run("run", "--dataset", audio, "--models", "tiny", "--dry-run", *HERE)
    assert done.returncode == 0, done.stderr
    for expected in ("training.learning_rate", "smallest 1.0", "estimate:", "cat", "device: cpu"):
        assert expected in done.stdout
    assert not (tmp_path / "results").exists()


def test_a_configuration_file_gives_options_and_the_command_line_goes_before_it(
    tmp_path: Path, audio: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "plugins", "smallest", model("tiny"), monkeypatch)
    file = tmp_path / "study.toml"
    file.write_text(
        f'dataset = "{audio}"\nmodels = ["tiny"]\nfeatures = ["mel"]\ntrials = 9\nfinalists = 0\nworkers = 0\n'
        "[set.training]\nepochs = 1\n[set.feature.mel]\nsample_rate = 8000\n"
    )
    done = run("run", "--config", str(file), "--trials", "2")
    assert done.returncode == 0, done.stderr
    runs = study_of(tmp_path).trials()
    assert len(runs) == 2 and all(run.spec.training.epochs == 1 for run in runs)
    file.write_text('trails = 3\ndataset = "x"\n')
    wrong = run("run", "--config", str(file))
    assert wrong.returncode == 2 and "did you mean trials" in wrong.stderr


def test_results_that_cannot_be_written_are_one_line(
    tmp_path: Path, audio: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "plugins", "smallest", model("tiny"), monkeypatch)
    (tmp_path / "file").write_text("")
    arguments = ("run", "--dataset", audio, "--models", "tiny", "--trials", "2", *QUICK, "--workers", "0")
    done = run(*arguments, "--results", "/proc/nowhere")
    assert done.returncode == 1 and "/proc/nowhere" in done.stderr and "Traceback" not in done.stderr
    done = run(*arguments, "--results", str(tmp_path / "file" / "below"))
    assert done.returncode == 1 and "Traceback" not in done.stderr and "below" in done.stderr


def test_workers_need_neither_optuna_nor_mlflow_nor_scikit_learn() -> None:
    code = (
        "import sys\n"
        "import bench.executors.worker, bench.executors.job_runner, bench.data.preparation, torch._dynamo\n"
        "from bench.plugins.registry import installed; installed()\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'optuna', 'mlflow', 'sklearn', 'scipy', 'pandas'}))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_a_dry_run_says_of_a_plugin_that_raises_what_it_raised(
    tmp_path: Path, audio: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "plugins", "broken", model("broken", "raise KeyError('the cable is loose')"), monkeypatch)
    done = run("run", "--dataset", audio, "--models", "broken", "--dry-run", *HERE)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert "KeyError: 'the cable is loose'" in done.stdout


def test_settings_of_a_configuration_file_that_are_no_table_are_one_line(tmp_path: Path, audio: str) -> None:
    (tmp_path / "study.toml").write_text('dataset = "fsdd"\nset = 3\n')
    done = run("run", "--config", str(tmp_path / "study.toml"))
    assert done.returncode == 2 and "set is a table" in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_study_out_of_time_has_the_finals_of_what_there_is(
    tmp_path: Path, audio: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "plugins", "slow", model("slow", "time.sleep(0.05)"), monkeypatch)
    arguments = ("--trials", "500", "--models", "slow", "--timeout", "4", "--finalists", "1", "--final-seeds", "1")
    done = run("run", "--dataset", audio, *HERE, *arguments)
    assert done.returncode == 0, done.stderr
    study = study_of(tmp_path)
    assert 0 < len(study.trials()) < 500 and len(study.finals()) == 1
    assert "to continue: bench run --resume" in done.stdout and "Test accuracy" in done.stdout


def test_a_study_that_exists_is_not_continued_with_another_seed(
    tmp_path: Path, audio: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "plugins", "smallest", model("tiny"), monkeypatch)
    arguments = ("run", "--dataset", audio, "--models", "tiny", "--study", "mine", "--trials", "1")
    assert run(*arguments, *HERE).returncode == 0
    other = run(*arguments, *HERE, "--seed", "7")
    assert other.returncode == 1 and "--seed 0, not 7" in other.stderr
    reserved = run(*arguments, *HERE, "--study", "leaderboards")
    assert reserved.returncode == 1 and "another file or folder" in reserved.stderr


def test_a_study_of_which_no_trial_was_complete_is_an_error(
    tmp_path: Path, audio: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though it ran all its trials, which are too few to stop it on the way."""
    install(tmp_path / "plugins", "broken", model("broken", "raise KeyError('the cable is loose')"), monkeypatch)
    done = run("run", "--dataset", audio, "--trials", "2", "--models", "broken", *HERE)
    refusal(done, "none of 2 trials was complete, the last was failed: broken.py:", "KeyError: 'the cable is loose'")
    assert "trials: 2 failed" in done.stdout


def test_workers_that_cannot_start_end_in_one_line_that_names_the_log(
    tmp_path: Path, audio: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plugin that knows a worker from the head, as one that finds a broken driver there."""
    dying = "import multiprocessing, sys\nif multiprocessing.parent_process() is not None:\n"
    dying += "    print('driver version is insufficient', file=sys.stderr); os._exit(3)\n"
    install(tmp_path / "plugins", "dying", dying + model("dying"), monkeypatch)
    monkeypatch.setattr("bench.executors.local.STARTS", 1)
    done = run("run", "--dataset", audio, "--trials", "2", "--models", "dying", *QUICK, *NO_MLFLOW)
    log = study_of(tmp_path).folder / "logs" / "worker-0.log"
    refusal(done, f"a worker cannot be started (its worker ended with exit code 3): see {log}")
    assert "to continue: bench run --resume audio-1" in done.stdout
    assert log.read_text() == "driver version is insufficient\n"


ANIMALS = """
from bench.plugins import Clip, Dataset, Listing
class Animals(Dataset):
    '''Cats and dogs in the data folder.'''
    name: ClassVar[str] = "animals"
    folder: ClassVar[str] = "animals"
    def labels(self):
        return ("cat", "dog")
    def clips(self, root):
        paths = sorted(path.relative_to(root).as_posix() for path in root.glob("*/*.wav"))
        splits = ("train", "train", "validation", "test")
        return Listing(tuple(Clip(path, path[:3], splits[number % 4]) for number, path in enumerate(paths)))
@hookimpl
def bench_datasets():
    return [Animals]
"""


def test_a_resume_without_options_goes_on_as_the_study_was_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each option shows in what the resume does: the default would fail, or do another thing."""
    cats_and_dogs(tmp_path / "data" / "animals")
    for number in range(4):
        (tmp_path / "data" / "animals" / "cat" / f"broken_{number}.wav").write_text("no audio")
    slow = f"if os.path.exists({str(tmp_path / 'slow')!r}): time.sleep(1)"
    monkeypatch.setattr("bench.training.budget.FEWEST_SECONDS", 0.0)
    install(tmp_path / "plugins", "zoo", ANIMALS + model("slow", slow), monkeypatch)
    options = ("--threads", "3", "--workers", "0", "--device", "cpu", "--trial-budget", "10", "--max-unusable", "0.5")
    begun = ("--dataset", "animals", "--models", "slow", "--trials", "1", "--data-dir", str(tmp_path / "data"))
    done = run("run", *begun, *QUICK, "--set", "training.batch_size=4", *options)
    assert done.returncode == 0, done.stderr
    (tmp_path / "slow").touch()
    resumed = run("run", "--resume", "animals-1", "--trials", "2")
    assert resumed.returncode == 0, resumed.stderr
    study = study_of(tmp_path, "animals-1")
    first, second = study.trials()
    assert first.result.status == "complete" and second.result.status == "pruned"
    assert "--trial-budget" in second.result.reason and second.result.hardware.threads == 3
    assert not (study.folder / "logs").exists() and "device: cpu" in resumed.stdout
    kept = study.record().options
    assert (kept.device, kept.threads, kept.workers, kept.trial_budget) == ("cpu", 3, 0, 10)
    refusal(run("run", "--resume", "animals-1", "--trials", "3", "--max-unusable", "0.05"), "4", "unusable")
