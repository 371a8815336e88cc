"""What a person gets wrong at the command line: one line that says what and what to do, and nothing lost."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import plugin_packages
import pytest
from cli_runner import Result, plugins_at, refusal, reload_plugins, run, run_process
from faulty_plugins import install, model
from made_audio import cats_and_dogs, tone, write
from small_datasets import speech_commands

from bench.cli.option_flags import read_config
from bench.options import checked_options
from bench.results.study_folder import StudyFolder

TINY = ("--models", "tiny", "--features", "mel", "--set", "feature.mel.sample_rate=8000", "--epochs", "1")
DRY = (*TINY, "--dry-run")
SHORT = (*TINY, "--finalists", "1", "--final-seeds", "1")

Bench = Callable[..., Result]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Runs the command line with a model `tiny` installed."""
    install(tmp_path / "plugins", "smallest", model("tiny"), monkeypatch)
    with plugins_at(tmp_path / "plugins"):
        yield run


def folder(root: Path) -> str:
    return f"folder:{cats_and_dogs(root, 10)}"


# What is asked for by a wrong name or with a wrong value


@pytest.mark.parametrize(
    ("code", "command", "words"),
    [
        (2, "runn", ("no such command 'runn'. Did you mean 'run'?", "bench --help")),
        (2, "run --modle cnn", ("no such option --modle", "did you mean --models", "bench run --help")),
        (2, "run --dataset fsdd --trials 0", ("--trials", "greater than or equal to 1")),
        (2, "run --dataset fsdd --seed -1", ("--seed", "greater than or equal to 0")),
        (2, "run --dataset fsdd --trials many", ("--trials", "valid integer")),
        (2, "run", ("--dataset NAME", "--resume STUDY")),
        (1, "run --dataset fsd", ("unknown dataset 'fsd'", "did you mean fsdd?", "bench list datasets")),
        (1, "run --dataset folder", ("folder:PATH",)),
        (2, "run --dataset folder:nowhere --features ,", ("--features ,: ',' names none",)),
        (1, "run --dataset fsdd --set dataset.splt=speaker", ("no option 'splt'", "did you mean split")),
        (1, "run --dataset fsdd --set dataset.split=talker", ("'split'", "'speaker'", "got 'talker'")),
        (2, "run --dataset fsdd --set training.learning_rate=Infinity", ("training.learning_rate cannot be inf",)),
        (2, "run --dataset fsdd --set training.noise_snr=NaN", ("--set training.noise_snr cannot be nan", "finite")),
        (2, "run --dataset fsdd --set training.noise_snr=[30.0,NaN]", ("training.noise_snr cannot be nan",)),
        (2, "run --dataset fsdd --set training.gain=-1e999", ("training.gain cannot be -inf",)),
        (2, "run --dataset fsdd --set feature.mel.f_min=NaN", ("feature.mel.f_min cannot be nan",)),
        (2, "run --dataset fsdd --timeout inf", ("--timeout inf", "finite number")),
        (2, "run --dataset fsdd --trial-timeout nan", ("--trial-timeout nan", "finite number")),
        (2, "run --dataset fsdd --set batch_size", ("is not KEY=VALUE", "training.batch_size=64")),
        (2, "run --dataset fsdd --pruner medain", ("--pruner medain: it should be 'median', 'halving' or 'none'",)),
        (1, "run --dataset fsdd --study ../mine", ("study name '../mine'", "letters, digits")),
        (1, "run --resume mine", ("no study 'mine'", "holds none", "--results")),
        (1, "show mell", ("nothing is called 'mell'", "did you mean mel or mlp?")),
        (1, "show cnn --feature mell --dataset fsdd", ("unknown feature 'mell'", "did you mean mel?")),
        (1, "show cnn --feature mel --dataset fsdd --set feature.mel.nmels=3", ("did you mean n_mels",)),
        (2, "show", ("missing argument", "bench show --help")),
        (1, "fetch fsd", ("did you mean fsdd?",)),
        (1, "leaderboard fsd", ("no study of data set 'fsd'",)),
        (1, "report mine", ("no study 'mine'", "--results")),
        (1, "reproduce digits-cn", ("unknown recipe", "did you mean digits-cnn")),
        (1, "reproduce nowhere.json:12ab", ("no leaderboard at nowhere.json", "leaderboards/fsdd.json")),
        (1, "reproduce nowhere.json", ("no leaderboard at nowhere.json",)),
    ],
)
def test_wrong_names_and_values(code: int, command: str, words: tuple[str, ...]) -> None:
    refusal(run(*command.split()), *words, code=code)


@pytest.mark.parametrize(
    ("code", "options", "words"),
    [
        (1, ("--features", "mell"), ("unknown feature 'mell'", "did you mean mel?")),
        (1, ("--models", "tc-resne"), ("unknown model 'tc-resne'", "did you mean tc-resnet")),
        (1, ("--set", "training.batchsize=1"), ("training.batchsize", "did you mean training.batch_size")),
        (1, ("--set", "training.batch_size=big"), ("batch_size", "valid integer", "got 'big'")),
        (1, ("--set", "feature.mel.n_mels=-3"), ("n_mels", "greater than or equal to 1", "got -3")),
        (2, ("--device", "gpu"), ("--device gpu: it should be 'auto', 'cpu' or 'cuda'",)),
    ],
)
def test_wrong_names_and_values_of_the_search(
    tmp_path: Path, bench: Bench, code: int, options: tuple[str, ...], words: tuple[str, ...]
) -> None:
    refusal(bench("run", "--dataset", folder(tmp_path / "audio"), *TINY, *options), *words, code=code)
    assert not list((tmp_path / "cache").glob("*/")), "it was said before anything was decoded"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('trials = "many"', ("--trials many", "valid integer")),
        ("trials = [3]", ("trials takes one value, not the list [3]",)),
        ("trials = true", ("--trials True: it should not be true or false",)),
        ("storage = {a = 1}", ("--storage {'a': 1}: it should be a valid string",)),
        ("dry-run = 3", ("dry-run cannot be 3", "true or false")),
        ('compile = "no"', ("--compile no: it should be true or false",)),
        ("compile = 0", ("--compile 0: it should be true or false",)),
        ("timeout = inf", ("--timeout inf", "finite number")),
        ("[set]\ntraining.noise_snr = nan", ("training.noise_snr cannot be nan",)),
        ("[set]\ntraining.noise_snr = [15.0, -inf]", ("training.noise_snr cannot be -inf",)),
        ("trails = 3", ("has no option 'trails'", "did you mean trials")),
        ("a = ", ("is not TOML",)),
    ],
)
def test_a_configuration_file_with_wrong_types(tmp_path: Path, content: str, words: tuple[str, ...]) -> None:
    file = tmp_path / "study.toml"
    file.write_text(f'dataset = "fsdd"\n{content}\n')
    refusal(run("run", "--config", file), *words, code=2)
    assert not (tmp_path / "results").exists()


def test_a_configuration_file_as_editors_save_it(tmp_path: Path) -> None:
    """With a byte order mark, and with booleans as TOML writes them."""
    file = tmp_path / "study.toml"
    file.write_text('dataset = "fsdd"\ncompile = true\nrobustness = false\n[set]\ntraining.epochs = 3\n', "utf-8-sig")
    read = read_config(file)
    assert read.pop("dataset") == "fsdd"
    options = checked_options(read)
    assert options.compile is True and options.robustness is False and options.settings == {"training.epochs": 3}


def test_a_configuration_file_that_is_not_tbench(tmp_path: Path) -> None:
    refusal(run("run", "--config", tmp_path / "study.toml"), "study.toml cannot be read", "check the path", code=2)


def test_an_error_that_nobody_foresaw_is_one_line_and_with_debug_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("bench.cli.report.find_run", broken)
    refusal(run("report", "mine"), "unexpected ZeroDivisionError (by zero)", "bench --debug")
    with pytest.raises(ZeroDivisionError):
        run("--debug", "report", "mine")


def test_the_program_itself_refuses_with_one_line_and_a_code() -> None:
    refusal(run_process("runn"), "no such command 'runn'. Did you mean 'run'?", code=2)


def test_a_plugin_that_raises_on_import_leaves_the_others_at_work(tmp_path: Path, bench: Bench) -> None:
    plugin_packages.install(tmp_path / "plugins", "broken-models", "raise RuntimeError('no licence')")
    reload_plugins()
    done = bench("run", "--dataset", folder(tmp_path / "audio"), *DRY)
    assert done.returncode == 0, done.stderr
    warnings = [line for line in done.stderr.splitlines() if "broken-models 1.2 is left out" in line]
    assert len(warnings) == 1 and "RuntimeError: no licence" in warnings[0]


# Audio files


def test_odd_files_of_a_folder(tmp_path: Path, bench: Bench) -> None:
    """Stereo, 8-bit and float are read; what has no sound is kept and said; what cannot be read is skipped and said;
    and beyond the share that is allowed, the study does not start."""
    root = cats_and_dogs(tmp_path / "audio", 30)
    write(root / "cat" / "stereo.wav", np.stack([tone(1), tone(2)], axis=1))
    write(root / "cat" / "eight.wav", tone(103), subtype="PCM_U8")
    write(root / "cat" / "float.wav", 1.5 * tone(104), subtype="FLOAT")
    write(root / "cat" / "silent.wav", np.zeros(4000))
    write(root / "dog" / "short.wav", tone(5)[:10])
    (root / "dog" / "empty.wav").touch()
    (root / "dog" / "text.wav").write_text("no audio")
    whole = write(root / "dog" / "cut.wav", tone(6)).read_bytes()
    (root / "dog" / "cut.wav").write_bytes(whole[: len(whole) // 2])
    arguments = ("run", "--dataset", f"folder:{root}", *DRY)

    line = refusal(bench(*arguments), "5 of 68 clips (7.4%, at most 5.0% may be)", "--max-unusable")
    listed = Path(line.rpartition("all are listed in ")[2]).read_text()
    for name, why in {
        "cat/silent.wav": "silent",
        "dog/short.wav": "very short",
        "dog/empty.wav": "empty: 0 bytes",
        "dog/text.wav": "",
        "dog/cut.wav": "truncated: ",
    }.items():
        assert f"{name} ({why}" in listed
    for name in ("stereo", "eight", "float"):
        assert name not in listed

    done = bench(*arguments, "--max-unusable", "0.1")
    assert done.returncode == 0, done.stderr
    assert "3 clips are unusable and left out" in done.stderr
    assert "2 clips are silent or very short, and kept" in done.stderr
    clips = [line.split() for line in done.stdout.splitlines() if line.startswith(("cat ", "dog "))]
    assert [sum(map(int, row[1:])) for row in clips] == [34, 31], clips


@pytest.mark.parametrize("kind", ["text", "silent", "short"])
def test_a_folder_of_nothing_usable(tmp_path: Path, bench: Bench, kind: str) -> None:
    for place in range(12):
        path = tmp_path / "audio" / "ab"[place % 2] / f"{place}.wav"
        write(path, np.zeros(4000) if kind == "silent" else tone(place)[:20])
        if kind == "text":
            path.write_text("no audio")
    refusal(bench("run", "--dataset", f"folder:{tmp_path}/audio", *DRY), "12 of 12 clips", "--max-unusable")


def test_odd_files_of_fsdd(tmp_path: Path, bench: Bench) -> None:
    recordings = tmp_path / "data" / "free-spoken-digit-dataset" / "recordings"
    for digit in range(10):
        for take in range(12):
            write(recordings / f"{digit}_theo_{take}.wav", tone(100 * digit + take))
    (recordings / "3_theo_7.wav").write_bytes(b"")
    write(recordings / "4_theo_11.wav", np.zeros(4000))
    arguments = ("run", "--dataset", "fsdd", "--data-dir", tmp_path / "data", *DRY)
    done = bench(*arguments)
    assert done.returncode == 0, done.stderr
    assert "1 clip is unusable and left out: recordings/3_theo_7.wav (empty: 0 bytes)" in done.stderr
    assert "recordings/4_theo_11.wav (silent)" in done.stderr
    assert "120 of 500 recordings by theo" in done.stderr
    refusal(bench(*arguments, "--max-unusable", "0.001"), "2 of 120 clips", "3_theo_7.wav", "4_theo_11.wav")


def test_odd_rows_of_a_csv(tmp_path: Path, bench: Bench) -> None:
    root = cats_and_dogs(tmp_path / "audio", 25)
    rows = [f"{path},{path.parent.name}" for path in sorted(root.glob("*/*.wav"))]
    (root / "cat" / "empty.wav").touch()
    file = tmp_path / "clips.csv"
    file.write_text("\n".join(["path,label", *rows, "gone.wav,dog", "audio/cat/empty.wav,cat"]))
    done = bench("run", "--dataset", f"csv:{file}", *DRY)
    assert done.returncode == 0, done.stderr
    assert "1 clip is missing and left out: gone.wav" in done.stderr
    assert "1 clip is unusable and left out: audio/cat/empty.wav (empty: 0 bytes)" in done.stderr
    file.write_text("\n".join(["path,label", *rows, *(f"gone{number}.wav,dog" for number in range(9))]))
    refusal(bench("run", "--dataset", f"csv:{file}", *DRY), "9 of 59 clips", "gone0.wav", "--max-unusable")


# Data sets


def test_data_that_are_not_there_or_hold_nothing(tmp_path: Path, bench: Bench) -> None:
    (tmp_path / "empty" / "free-spoken-digit-dataset").mkdir(parents=True)
    (tmp_path / "flat").mkdir()
    write(tmp_path / "flat" / "1.wav", tone(1))
    (tmp_path / "empty.csv").touch()
    for dataset, words in {
        "fsdd": ("is not at", "bench fetch fsdd", "--data-dir"),
        f"folder:{tmp_path}/nowhere": ("there is no folder", "check the path"),
        f"folder:{tmp_path}/flat": ("holds no audio in folders", "its name"),
        f"csv:{tmp_path}/empty.csv": ("cannot be read as CSV", "path and label"),
    }.items():
        refusal(bench("run", "--dataset", dataset, "--data-dir", tmp_path, *DRY), *words)
    done = bench("run", "--dataset", "fsdd", "--data-dir", tmp_path / "empty", *DRY)
    refusal(done, "holds no file like 7_jackson_32.wav")


def test_a_class_with_one_clip(tmp_path: Path, bench: Bench) -> None:
    root = cats_and_dogs(tmp_path / "audio", 10)
    write(root / "cow" / "1.wav", tone(1))
    refusal(bench("run", "--dataset", f"folder:{root}", *DRY), "class cow has a single clip", "add clips")


def test_finals_without_a_test_split(tmp_path: Path, bench: Bench) -> None:
    words = ("run", "--dataset", folder(tmp_path / "own"), "--set", "dataset.test=0", *TINY, "--trials", "1")
    refusal(bench(*words, "--results", tmp_path), "has no test clips", "--finalists 0")
    assert not list(tmp_path.glob("*-1"))


def test_a_list_that_names_missing_files(tmp_path: Path, bench: Bench) -> None:
    root = speech_commands(tmp_path / "data" / "speech_commands_v0.01")
    arguments = ("run", "--dataset", "speechcommands-digits", "--data-dir", tmp_path / "data", *DRY)
    (root / "zero" / "2a_nohash_0.wav").unlink()
    done = bench(*arguments)
    assert done.returncode == 0, done.stderr
    assert "1 clip is missing and left out: zero/2a_nohash_0.wav" in done.stderr
    assert "this copy of speech_commands_v0.01 is incomplete" in done.stderr
    for word in ("one", "two", "three", "four"):
        (root / word / "2a_nohash_0.wav").unlink()
    refusal(bench(*arguments), "5 of 70 clips", "named by the data set's list, not there", "--max-unusable")
    (root / "testing_list.txt").unlink()
    refusal(bench(*arguments), "testing_list.txt is not there")


class Silent(SimpleHTTPRequestHandler):
    """Serves files without a word on the error stream, which is the command's here."""

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_no_network_and_a_wrong_checksum(tmp_path: Path, bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]
    archive = tmp_path / "served" / "sounds.zip"
    archive.parent.mkdir()
    archive.write_bytes(b"not what was promised")
    source = f'''
from typing import ClassVar
from bench.plugins import Archive, Dataset, hookimpl
class Away(Dataset):
    """Recordings behind a server that does not answer."""
    name: ClassVar[str] = "away"
    folder: ClassVar[str] = "away"
    archive: ClassVar[Archive | None] = Archive(url="http://127.0.0.1:{closed}/sounds.zip", sha256="0" * 64, size=21)
    def labels(self):
        return ("a", "b")
    def clips(self, root):
        raise AssertionError("it is not there")
@hookimpl
def bench_datasets():
    return [Away]
'''
    plugin_packages.install(tmp_path / "plugins", "away-data", source)
    reload_plugins()
    arguments = ("fetch", "away", "--data-dir", tmp_path / "data")
    refusal(bench(*arguments), "cannot be downloaded", "no connection", "check the network")
    handler = partial(Silent, directory=str(archive.parent))
    with ThreadingHTTPServer(("127.0.0.1", closed), handler) as http_server:
        threading.Thread(target=http_server.serve_forever, daemon=True).start()
        refusal(bench(*arguments), "wrong checksum", "nothing was kept", "bench fetch away")
        http_server.shutdown()
    assert not any((tmp_path / "data").glob("*/*")) and not (tmp_path / "data" / "away").exists()


# Folders that cannot be written to, and what lies in them damaged


def test_a_cache_that_cannot_be_written(tmp_path: Path, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path / "file" / "cache"))
    refusal(bench("run", "--dataset", folder(tmp_path / "audio"), *DRY), "cannot be written")


def test_a_cache_that_is_full_is_made_again_when_there_is_space(tmp_path: Path, bench: Bench) -> None:
    program = Path(sys.executable).with_name("bench")
    words = ["run", "--dataset", folder(tmp_path / "audio"), *DRY]
    limited = ["bash", "-c", 'ulimit -f 40; exec "$@"', "bash", str(program), *words]  # blocks of 1 KiB
    done = subprocess.run(limited, capture_output=True, text=True, timeout=120, check=False)
    refusal(done, "no space left to write", str(tmp_path / "cache"), "run the command again")
    assert not list((tmp_path / "cache").glob("*/train.npy")), "no half of a cache"
    assert bench(*words).returncode == 0


def test_a_corrupt_cache_file_is_said_and_made_again(tmp_path: Path, bench: Bench) -> None:
    words = ("run", "--dataset", folder(tmp_path / "audio"), *DRY)
    assert bench(*words).returncode == 0
    (file,) = (tmp_path / "cache").glob("*/train.npy")
    sound = file.read_bytes()
    file.write_bytes(sound[:-9] + b"scribbled")
    done = bench(*words)
    assert done.returncode == 0, done.stderr
    assert "train.npy has a wrong checksum" in done.stderr and "it was made again" in done.stderr
    assert str(tmp_path) not in done.stderr  # which is published
    assert next((tmp_path / "cache").glob("*/train.npy")).read_bytes() == sound


@pytest.mark.slow
def test_a_disk_that_fills_up_in_the_middle_of_a_study(
    tmp_path: Path, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file size limit that the third trial puts on the scheduler stands for the full disk."""
    mark, results = tmp_path / "filled", tmp_path / "elsewhere"
    fill = f"""
import glob, multiprocessing, resource
if len(glob.glob({str(results)!r} + "/mine/trial-*/run.json")) == 2 and not os.path.exists({str(mark)!r}):
    open({str(mark)!r}, "w").close()
    resource.prlimit(multiprocessing.parent_process().pid, resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))
"""
    install(tmp_path / "plugins", "filling", model("filling", fill), monkeypatch)
    words = ("run", "--dataset", folder(tmp_path / "audio"), *SHORT, "--models", "filling", "--trials", "5")
    done = run_process(*words, "--study", "mine", "--results", results)
    refusal(done, "space")
    resume = f"bench run --resume mine --results {results}"
    assert f"to continue: {resume}" in done.stdout
    study = StudyFolder(results / "mine")
    before = {record.number: record for record in study.trials()}
    assert mark.exists() and sorted(before) in ([0, 1], [0, 1, 2])
    reload_plugins()
    done = bench(*resume.split()[1:], "--workers", "0")
    assert done.returncode == 0, done.stderr
    assert f"bench ui --results {results}\n" in done.stdout
    assert f"--publish leaderboards/ --results {results}\n" in done.stdout
    after = {record.number: record for record in study.trials()}
    assert sorted(after) == [0, 1, 2, 3, 4] and all(after[number] == record for number, record in before.items())


def test_damaged_results(tmp_path: Path, bench: Bench) -> None:
    dataset = folder(tmp_path / "audio")
    arguments = ("run", "--dataset", dataset, *SHORT, "--study", "mine", "--trials", "2", "--workers", "0")
    assert bench(*arguments).returncode == 0
    results = tmp_path / "results"
    study = results / "mine"
    (published,) = (results / "leaderboards").glob("*.json")
    line = refusal(bench("reproduce", published), "name a row", f"{published}:ROW")
    refusal(bench("reproduce", f"{published}:nowhere"), "no row 'nowhere'", line.rpartition(" ")[2])
    refusal(bench("report", "mine/trial-0007"), "no run 'trial-0007'", "did you mean trial-000")
    refusal(bench("run", "--resume", "mien"), "no study 'mien'", "did you mean mine?")
    refusal(bench("run", "--resume", "mine", "--models", "cnn"), "--models", "has begun", code=2)

    broken = damaged(published, "{")
    refusal(bench("leaderboard", dataset), "no leaderboard that this version", "restore it")
    refusal(bench("reproduce", f"{published}:1"), "no leaderboard that this version", "restore it")
    broken()
    broken = damaged(study / "study.json", '{"name": "mine"')
    for command in (("run", "--resume", "mine"), arguments, ("report", "mine"), ("leaderboard", dataset)):
        refusal(bench(*command), "study.json is damaged (Invalid JSON", "restore it", "folder away")
    broken()
    broken = damaged(study / "final-1-seed-0" / "test.npz", "")
    refusal(bench("report", "mine"), "test.npz cannot be read", "bench run --resume")
    broken()

    damaged(study / "trial-0001" / "run.json", '{"a": 1}')
    refusal(bench("report", "mine"), "trial-0001/run.json is damaged", "move its folder away, and bench run --resume")
    refusal(bench("run", "--resume", "mine"), "trial-0001/run.json is damaged")
    first = (study / "trial-0000" / "run.json").read_bytes()
    shutil.move(study / "trial-0001", tmp_path / "away")  # as the line says
    shutil.rmtree(study / "final-1-seed-0" / "report")  # as if the scheduler had been killed before it was written
    done = bench("run", "--resume", "mine")
    assert done.returncode == 0
    report = next(line for line in done.stdout.splitlines() if line.startswith("report of the best,"))
    assert Path(report.split()[-1]).is_file()
    assert len(StudyFolder(study).trials()) == 2
    assert (study / "trial-0000" / "run.json").read_bytes() == first


def damaged(path: Path, content: str) -> Callable[[], Any]:
    """Damages a file; what is returned mends it."""
    whole = path.read_bytes()
    path.write_text(content)
    return lambda: path.write_bytes(whole)


def test_pages_that_cannot_be_written(tmp_path: Path) -> None:
    from reporting_results import make_study

    make_study(tmp_path / "results")
    (tmp_path / "file").touch()
    refusal(
        run("leaderboard", "blobs", "--publish", tmp_path / "file" / "pages"), "cannot be written", "another folder"
    )
    refusal(run("report", "first", "--output", tmp_path / "file" / "report"), "cannot be written", "another folder")


def test_a_command_without_a_verb_shows_the_verbs() -> None:
    shown = run()
    assert shown.returncode == 2 and "Usage: " in shown.stdout and "leaderboard" in shown.stdout and not shown.stderr
