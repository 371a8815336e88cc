"""`bench list`, `bench show` and `bench check`: what they print, and what they say of broken plugins."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from cli_runner import plugins_at, refusal, run, run_process
from made_audio import tone, write
from plugin_packages import TINY_MODEL, install


def lines(*words: str) -> str:
    done = run(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_list_has_every_kind_in_plain_columns() -> None:
    shown = lines("list")
    for name in ("fsdd", "mel", "tc-resnet", "digits-crnn"):
        assert any(line.startswith(f"{name} ") and "bench-audio" in line for line in shown.splitlines())
    assert not set("─│┃…\x1b") & set(shown)


def test_list_of_one_kind() -> None:
    shown = lines("list", "features")
    assert "mfcc" in shown
    assert "Cepstral coefficients of the mel spectrogram in decibels" in shown
    assert "tc-resnet" not in shown


def test_list_names_the_packages() -> None:
    assert "models: linear-probe, mlp, tc-resnet, bc-resnet" in lines("list", "plugins")


def test_list_of_an_unknown_kind() -> None:
    assert refusal(run("list", "model"), code=2) == "bench: unknown kind 'model': did you mean models?"


@pytest.mark.parametrize(
    ("recipe", "total"),
    [("digits-cnn", "143,242"), ("digits-crnn", "1,942,346"), ("digits-parallel-cnn-lstm", "260,042")],
)
def test_show_sums_up_the_reference_networks(recipe: str, total: str) -> None:
    shown = lines("show", recipe)
    assert f"Total params: {total}\n" in shown
    assert "Total mult-adds (M): " in shown
    assert "Estimated Total Size (MB): " in shown


def test_show_of_a_recipe_for_clips_of_any_length_needs_no_data() -> None:
    done = run("show", "emodb-cnn-lstm")
    assert done.returncode == 0 and "Total params: 656,839\n" in done.stdout, done.stderr
    assert "shown for clips of 2 s" in done.stderr


def test_show_has_a_published_loss_as_a_loss() -> None:
    assert "Published: validation accuracy 0.9400, test accuracy 0.9324, test loss 0.2373\n" in lines(
        "show", "words-convnet-complex"
    )


def test_show_has_every_option_with_type_default_range_and_meaning() -> None:
    shown = lines("show", "tc-resnet")
    row = next(line for line in shown.splitlines() if line.startswith("width "))
    assert row.split() == ["width", "float", "1.0", "1.0", "|", "1.5", *row.split()[6:]]
    assert row.rstrip().endswith("Factor on all channel counts (16, then 24, 32, 48).")
    assert "bench_plugins.models.tc_resnet" in shown
    assert "arXiv:1904.03814" in shown


def test_show_has_the_layers_of_a_model_for_a_feature_and_a_data_set() -> None:
    shown = lines("show", "cnn", "--feature", "mel", "--dataset", "fsdd", "--set", "feature.mel.n_mels=40")
    assert "cnn on mel [40, 101], 1 s clips of fsdd, 10 classes" in shown
    assert "[1, 16, 42, 103]" in shown


def test_show_has_a_recipe_with_another_option() -> None:
    assert "Total params: 143,722\n" in lines("show", "digits-cnn", "--set", "model.cnn.batch_norm=true")


def test_show_of_a_data_set_says_where_it_is_from() -> None:
    shown = lines("show", "fsdd")
    assert "Folder: free-spoken-digit-dataset" in shown
    assert "test_speaker" in shown


@pytest.mark.parametrize(
    ("code", "words", "line"),
    [
        (1, ("digit-cnn",), "nothing is called 'digit-cnn': did you mean digits-cnn"),
        (2, ("mel", "--dataset", "fsdd"), "mel is a feature"),
        (2, ("cnn", "--feature", "mel"), "give both --feature and --dataset"),
        (1, ("cnn", "--feature", "mell", "--dataset", "fsdd"), "unknown feature 'mell': did you mean mel"),
        (1, ("cnn", "--feature", "mel", "--dataset", "fsd"), "unknown dataset 'fsd': did you mean fsdd?"),
        (1, ("cnn", "--feature", "waveform", "--dataset", "fsdd"), "cnn cannot take waveform of fsdd"),
        (1, ("digits-cnn", "--set", "model.cnn.width=3"), "model cnn has no option 'width'"),
        (2, ("digits-cnn", "--set", "model.crnn.kernel=3"), "nothing to set here"),
    ],
    ids=str,
)
def test_show_answers_mistakes(code: int, words: tuple[str, ...], line: str) -> None:
    refusal(run("show", *words), line, code=code)


def test_check_of_some_plugins() -> None:
    shown = lines("check", "mel", "digits-cnn", "fsdd")
    assert "ok    feature mel\n" in shown
    assert shown.endswith("3 checked, 0 broken\n")


def test_check_of_an_unknown_plugin() -> None:
    refusal(run("check", "mell"), "no plugin or package is called 'mell': did you mean mel")


def test_a_broken_package_is_named_and_the_command_line_works(tmp_path: Path) -> None:
    install(tmp_path, "broken-models", "import a_library_that_is_not_there")
    with plugins_at(tmp_path):
        done = run("list", "models")
    assert done.returncode == 0, done.stderr
    assert "tc-resnet" in done.stdout
    assert done.stderr.splitlines() == [
        "bench: warning: plugin package broken-models 1.2 is left out: "
        "broken_models.py:1: ModuleNotFoundError: No module named 'a_library_that_is_not_there'"
    ]


def test_check_fails_on_a_plugin_that_breaks_its_contract(tmp_path: Path) -> None:
    install(tmp_path, "lazy-models", TINY_MODEL.format(name="Lazy_Model"))
    with plugins_at(tmp_path):
        done = run("check", "lazy-models")
    assert done.returncode == 1
    assert "FAIL  model Lazy_Model: name 'Lazy_Model' is not lower-case" in done.stdout
    assert done.stdout.endswith("1 checked, 1 broken\n")
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="there is no getrusage")
def test_list_takes_less_than_three_seconds() -> None:
    """Of processor time, which does not grow with what else the machine does."""
    import resource

    def used() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before = used()
    assert run_process("list").returncode == 0
    assert used() - before < 3.0


def test_an_error_is_one_line_and_a_code() -> None:
    done = run_process("show", "mell")
    assert done.returncode == 1
    assert done.stderr == "bench: nothing is called 'mell': did you mean mel or mlp? (see: bench list)\n"


def test_show_takes_the_clip_length_that_a_run_takes(tmp_path: Path) -> None:
    for place, seconds in enumerate((40, 31, 40, 31)):
        write(tmp_path / "own" / ("cat", "dog")[place % 2] / f"{place}.wav", tone(place, seconds))
    words = ("show", "tc-resnet", "--feature", "mel", "--dataset", f"folder:{tmp_path / 'own'}")
    assert "tc-resnet on mel [40, 3001], 30 s clips of folder, 2 classes" in lines(*words)
    write(tmp_path / "own" / "cat" / "2.wav", tone(2, 1))
    write(tmp_path / "own" / "dog" / "1.wav", tone(1, 1))
    write(tmp_path / "own" / "dog" / "3.wav", tone(3, 1))
    assert "tc-resnet on mel [40, 101], 1 s clips of folder, 2 classes" in lines(*words)
    own = lines(*words, "--set", "dataset.clip_seconds=0.5")
    assert "tc-resnet on mel [40, 51], 0.5 s clips of folder, 2 classes" in own
    rows = ["path,label,start,end", "cat/0.wav,cat,1,3", "cat/2.wav,cat,,", "dog/1.wav,dog,,", "dog/3.wav,dog,,"]
    (tmp_path / "own" / "list.csv").write_text("\n".join(rows))
    assert "[40, 201], 2 s clips of csv, 2 classes" in lines(*words[:-1], f"csv:{tmp_path / 'own' / 'list.csv'}")


def test_check_of_a_package_counts_what_was_left_out(tmp_path: Path) -> None:
    source = TINY_MODEL.format(name="tiny").replace(
        '    name: ClassVar[str] = "tiny"\n    def build(self, shape',
        ('    name: ClassVar[str] = "tiny"\n    width: int\n    def build(self, shape'),
    )
    install(tmp_path, "half-models", source)
    with plugins_at(tmp_path):
        done = run("check", "half-models")
    assert done.stdout.startswith("FAIL  package half-models: model 'tiny' cannot be made from its defaults")
    assert done.stdout.endswith("0 checked, 1 broken\n")
    assert done.returncode == 1


def test_show_of_a_recipe_without_data_sets(tmp_path: Path) -> None:
    source = """
from bench.plugins import PluginConfig, Recipe, TrainingSettings, hookimpl

@hookimpl
def bench_recipes():
    parts = {"feature": PluginConfig(name="mel"), "model": PluginConfig(name="cnn"), "training": TrainingSettings()}
    return [Recipe(name="lone", summary="For any.", datasets=(), **parts)]
"""
    install(tmp_path, "lone-recipes", source)
    with plugins_at(tmp_path):
        done = run("show", "lone")
    assert done.returncode == 2 and done.stderr == "bench: the recipe names no data set: give one by --dataset\n"


def test_show_says_which_training_settings_a_data_set_brings(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.plugins.registry import installed

    assert "A search holds fixed" not in lines("show", "fsdd")
    monkeypatch.setattr(installed().datasets["fsdd"], "training", {"segment_seconds": 0.5})
    assert "A search holds fixed, unless --set says otherwise: training.segment_seconds=0.5" in lines("show", "fsdd")


def test_show_of_a_recipe_on_segments_needs_no_data() -> None:
    shown = lines("show", "cats-dogs-cnn1d")
    assert "cnn1d on waveform [16000], 1 s segments of audio-cats-and-dogs, 2 classes" in shown
    assert "Trainable params: 3,951" in shown and "[1, 10, 8000]" in shown and "[1, 10, 16] " in shown


@pytest.mark.parametrize(
    ("recipe", "parameters"), [("instruments-cnn-mfcc", "6,674,670"), ("instruments-resnet-mel", "11,177,422")]
)
def test_show_of_a_reference_recipe_prints_its_published_size(recipe: str, parameters: str) -> None:
    assert f"Total params: {parameters}" in lines("show", recipe)
