"""Rows of the failure table of docs/design.md that have no test elsewhere, each made to happen for real."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import soak_checks
import test_cli_ui
from cli_runner import refusal, run, run_process
from failing_studies import IN_TURN, NO_MLFLOW, QUICK, alive, command, counted, resumed, statuses, wait_for
from faulty_plugins import install, model
from made_audio import cats_and_dogs, prepared

from bench.errors import BenchError
from bench.executors import local
from bench.executors.jobs import Finished, Job
from bench.executors.local import LocalExecutor
from bench.locks import study_locked
from bench.plugins import PluginConfig, TrainingSettings
from bench.plugins.registry import installed
from bench.results.study_folder import StudyFolder
from bench.results.study_records import SCHEMA_VERSION
from bench.trial import TrialSpec

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # whole studies, on machines that do other things beside


@pytest.fixture
def study(tmp_path: Path) -> StudyFolder:
    """The study `mine`, which the tests start."""
    cats_and_dogs(tmp_path / "audio", 10)
    return StudyFolder(tmp_path / "results" / "mine")


def start(tmp_path: Path, name: str, *words: str) -> list[str]:
    """Words of the command that starts the study with the model of this name."""
    return ["run", "--dataset", f"folder:{tmp_path}/audio", "--study", "mine", "--models", name, *QUICK, *words]


def test_memory_numbers_and_exceptions_each_count_and_stop_nothing(
    tmp_path: Path, study: StudyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Out of memory on a card, and under a limit of address space; a loss that is no number; a plugin that raises."""
    fail = """
import resource
if not hasattr(self, "turn"):
    self.turn = turn()
if self.turn == 0:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
if self.turn == 1:
    pages = int(open("/proc/self/statm").read().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2**26, before[1]))
    try:
        torch.ones(2**28)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
if self.turn == 2:
    return self.linear(batch.mean(-1)) * float("nan")
if self.turn == 3:
    raise KeyError("the cable is loose")
"""
    source = IN_TURN.format(counter=str(tmp_path / "counter")) + model("faulty", fail)
    install(tmp_path / "plugins", "faults", source, monkeypatch)
    done = run(*start(tmp_path, "faulty", "--trials", "6"))
    assert done.returncode == 0, done.stderr
    assert statuses(study) == ["out-of-memory", "out-of-memory", "diverged", "failed", "complete", "complete"]
    reasons = [run.result.reason for run in study.trials()]
    assert "20.00 GiB" in reasons[0] and "memory" in reasons[1] and "nan" in reasons[2] and "cable" in reasons[3]
    assert list(soak_checks.disagreements(study, 6)) == []


def test_a_hung_model_that_ignores_every_request_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deaf = f"""
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open({str(tmp_path / "deaf")!r}, "w").close()
time.sleep(600)
"""
    install(tmp_path / "plugins", "deaf", model("deaf", deaf), monkeypatch)
    monkeypatch.setattr(local, "GRACE_SECONDS", 0.5)
    from bench_plugins.datasets.folder import Folder

    data = prepared(Folder(path=str(cats_and_dogs(tmp_path / "audio", 10))), tmp_path)
    spec = TrialSpec(
        dataset=data.dataset,
        revision=data.revision,
        feature=PluginConfig(name="mel", options={"sample_rate": 8000}),
        model=PluginConfig(name="deaf"),
        training=TrainingSettings(epochs=1),
        seed=0,
    )
    executor = LocalExecutor(
        workers=1, device="cpu", log_folder=tmp_path / "logs", registry=installed(), time_limit=600.0, threads=1
    )
    try:
        wait_for(lambda: executor.events(timeout=0.1) or executor.free)
        (first,) = executor.pids
        executor.submit(Job("trial-0000", spec, data.without_test()))
        wait_for((tmp_path / "deaf").exists)
        executor._time_limit = 0.1  # by now it is deaf, however slow the machine
        (event,) = wait_for(lambda: executor.events(timeout=0.1), 60)
        assert isinstance(event, Finished) and event.outcome.result.status == "timed-out"
        assert "SIGKILL" in event.outcome.result.reason
        assert executor.pids != [first], "its place is filled again"
    finally:
        executor.close(now=True)


def test_decoded_audio_that_goes_during_a_study_stops_it_and_is_made_again(
    tmp_path: Path, study: StudyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that has mapped the files reads on; one that is started after they went cannot."""
    remove = f"""
if not os.path.exists({str(tmp_path / "removed")!r}) and glob.glob({str(study.folder)!r} + "/trial-0000/run.json"):
    open({str(tmp_path / "removed")!r}, "w").close()
    for file in glob.glob({str(tmp_path)!r} + "/cache/*/*.npy"):
        os.unlink(file)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    install(tmp_path / "plugins", "removing", "import glob\n" + model("removing", remove), monkeypatch)
    done = run(*start(tmp_path, "removing", "--trials", "4"))
    line = refusal(done)
    assert "decoded audio of folder" in line and "run the command again" in line
    assert statuses(study) == ["complete"], "no plugin is blamed"
    resumed(done)
    assert statuses(study) == ["complete"] * 4
    assert list(soak_checks.disagreements(study, 4)) == []


def test_decoded_audio_that_is_cut_short_under_a_worker_is_made_again(
    tmp_path: Path, study: StudyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading past the end of a mapped file is SIGBUS, which no process survives."""
    cut = f"""
if not os.path.exists({str(tmp_path / "cut")!r}):
    open({str(tmp_path / "cut")!r}, "w").close()
    import mmap
    with open({str(tmp_path / "cut")!r}, "r+b") as file:
        file.truncate(8192)
        mapped = mmap.mmap(file.fileno(), 8192)
        file.truncate(0)
        mapped[5000]
"""
    install(tmp_path / "plugins", "cutting", model("cutting", cut), monkeypatch)
    done = run(*start(tmp_path, "cutting", "--trials", "2", *NO_MLFLOW))
    assert done.returncode == 0, done.stderr
    assert "SIGBUS; a file it reads may have been cut short" in done.stdout
    assert statuses(study) == ["complete"] * 2


JUMPING_CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>

static int (*real)(clockid_t, struct timespec *);

int clock_gettime(clockid_t clock, struct timespec *now) {
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int code = real(clock, now);
    if (clock == CLOCK_REALTIME) {
        struct timespec steady;
        real(CLOCK_MONOTONIC, &steady);
        now->tv_sec += steady.tv_sec % 2 ? 86400 : -86400;
    }
    return code;
}
int gettimeofday(struct timeval *now, void *zone) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *now) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (now) *now = exact.tv_sec;
    return exact.tv_sec;
}
"""


def test_a_clock_that_jumps_two_days_every_second_changes_no_duration(
    tmp_path: Path, study: StudyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler to build a clock that jumps")
    (tmp_path / "clock.c").write_text(JUMPING_CLOCK)
    library = tmp_path / "clock.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, tmp_path / "clock.c", "-ldl"], check=True)
    seen = f"""
if not hasattr(self, "seen"):
    self.seen = True
    before = time.time()
    time.sleep(1)
    with open({str(tmp_path / "times")!r}, "a") as file:
        file.write(f"{{before}} {{time.time()}} ")
"""
    install(tmp_path / "plugins", "slow", model("slow", seen), monkeypatch)
    words = start(tmp_path, "slow", "--trials", "2", "--trial-timeout", "60", "--timeout", "200")
    monkeypatch.setenv("LD_PRELOAD", str(library))
    done = run_process(*words, timeout=600)
    assert done.returncode == 0, done.stderr
    times = [float(line) for line in (tmp_path / "times").read_text().split()]
    assert max(times) - min(times) > 86400, "the clock did jump"
    assert statuses(study) == ["complete"] * 2
    for ended in (*study.trials(), *study.finals()):
        assert 0 < ended.result.train_seconds < 60 and all(0 < epoch.seconds < 60 for epoch in ended.result.epochs)
    assert list(soak_checks.disagreements(study, 2)) == []


@pytest.mark.parametrize("harm", ["removed", "locked"])
def test_a_database_of_mlflow_that_is_removed_or_locked_costs_nothing(
    tmp_path: Path, study: StudyFolder, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    """Whether the study notices or not: what it kept is in MLflow when it has been resumed."""
    import sqlalchemy.sql

    text = sqlalchemy.sql.text
    # MLflow waits 20 s for a lock, in every write that is tried.
    monkeypatch.setattr(sqlalchemy.sql, "text", lambda words: text(words.replace("timeout = 20000", "timeout = 200")))
    install(tmp_path / "plugins", "slow", model("slow", "time.sleep(0.2)"), monkeypatch)
    database = study.folder.parent / "mlflow.db"
    ended = threading.Event()

    def do_harm() -> None:
        wait_for(lambda: study.folder.exists() and len(study.trials()) >= 1)
        if harm == "removed":
            for file in database.parent.glob("mlflow.db*"):
                file.unlink()
            return
        with closing(sqlite3.connect(database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            ended.wait(240)

    with ThreadPoolExecutor(1) as threads:
        harmed = threads.submit(do_harm)
        done = run(*start(tmp_path, "slow", "--trials", "4"))
        ended.set()
        harmed.result()
    assert "Traceback" not in done.stderr
    kept = {trial.number: trial for trial in study.trials()}
    if done.returncode == 0:
        done = run("run", "--resume", "mine")
        assert done.returncode == 0, done.stderr
    else:
        refusal(done, "MLflow at")
        resumed(done)
    assert len(counted(study)) == 4
    assert all(trial == kept[trial.number] for trial in study.trials() if trial.number in kept), "nothing is done again"
    assert list(soak_checks.disagreements(study, 4)) == []


def test_what_a_killed_head_left_half_written_is_removed(
    tmp_path: Path, study: StudyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "plugins", "smallest", model("tiny"), monkeypatch)
    assert run(*start(tmp_path, "tiny", "--trials", "1", "--workers", "0", *NO_MLFLOW)).returncode == 0
    half = study.folder / "trial-0000" / ".run.json.ab12cd34.unfinished"
    half.write_text("{")
    assert run("run", "--resume", "mine", "--trials", "2").returncode == 0
    assert not half.exists() and len(study.trials()) == 2


def test_a_killed_bench_ui_takes_its_server_with_it(tmp_path: Path) -> None:
    test_cli_ui.log_study(tmp_path)
    ui = test_cli_ui.Ui(tmp_path)
    below = test_cli_ui.children_of(ui.process.pid)
    assert below
    ui.process.kill()
    ui.process.wait()
    wait_for(lambda: not any(map(alive, below)), 20)


def test_a_reproduction_whose_worker_is_killed_runs_again_and_a_second_one_is_refused(
    tmp_path: Path, study: StudyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = f"""
if os.path.exists({str(tmp_path / "kill")!r}):
    os.unlink({str(tmp_path / "kill")!r})
    os.kill(os.getpid(), signal.SIGKILL)
"""
    install(tmp_path / "plugins", "killer", model("killer", once), monkeypatch)
    assert run(*start(tmp_path, "killer", "--trials", "1", "--workers", "0", *NO_MLFLOW)).returncode == 0
    (page,) = (tmp_path / "results" / "leaderboards").glob("*.json")
    line = refusal(run("reproduce", page))
    row = f"{page}:{line.rpartition(' ')[2]}"
    (tmp_path / "kill").touch()
    done = run("reproduce", row)
    assert done.returncode == 0, done.stderr
    assert "SIGKILL" in done.stdout and "attempt 2 of 3" in done.stdout and "+0.0000" in done.stdout
    (folder,) = (tmp_path / "results").glob("reproduce-*")
    with study_locked(folder):
        assert f"process {os.getpid()}" in refusal(run("reproduce", row))


@pytest.mark.parametrize("record", ["study.json", "trial-0000/run.json"])
def test_a_record_of_a_newer_version_is_refused_in_one_line(tmp_path: Path, record: str) -> None:
    from reporting_results import make_study

    make_study(tmp_path / "results")
    (path,) = (tmp_path / "results").glob(f"*/{record}")
    newer = SCHEMA_VERSION + 1
    path.write_text(path.read_text().replace(f'"schema_version": {SCHEMA_VERSION}', f'"schema_version": {newer}', 1))
    study = StudyFolder(tmp_path / "results" / path.relative_to(tmp_path / "results").parts[0])
    with pytest.raises(
        BenchError, match=rf"of another version of bench \(schema {newer}, this one reads {SCHEMA_VERSION}\)"
    ) as raised:
        study.record()
        study.trials()
    assert str(path) in str(raised.value) and "\n" not in str(raised.value)


def test_a_head_that_is_told_to_terminate_leaves_no_worker(
    tmp_path: Path, study: StudyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "began"
    install(
        tmp_path / "plugins", "slow", model("slow", f"open({str(mark)!r}, 'w').close(); time.sleep(600)"), monkeypatch
    )
    words = command(*start(tmp_path, "slow", "--trials", "3", *NO_MLFLOW))
    head = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(mark.exists)
    workers = soak_checks.children(head.pid)
    assert len(workers) >= 1
    head.send_signal(signal.SIGTERM)
    output, errors = head.communicate(timeout=90)
    assert head.returncode == 130 and "to continue: bench run --resume mine" in output, errors
    wait_for(lambda: not any(map(alive, workers)), 20)
