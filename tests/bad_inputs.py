"""Inputs that people get wrong, by kind: what the command line gets, and what stands on the disk.

Most are made from the declarations (every option, every field of what is installed), so that a new option or plugin is tried
like the others; the rest is written down.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from bench.options import RunOptions, flag
from bench.plugins import TrainingSettings
from bench.plugins.registry import installed


@dataclass(frozen=True)
class BadInput:
    """One wrong input: words after `bench run`, and files below the folder in which it is typed."""

    kind: str
    words: tuple[str, ...]
    files: dict[str, str | bytes] = field(default_factory=dict)

    @property
    def name(self) -> str:
        shown = " ".join(self.words) or " ".join(f"{path}={content[:40]!r}" for path, content in self.files.items())
        return f"{self.kind}: {shown}".encode("unicode_escape").decode()[:120]


AUDIO = ("--dataset", "folder:audio")
NO_NUMBERS = ("", "x", "nan", "inf", "-inf", "1,5", "0x10", "1e", "-1e12")
NO_CHOICES = ("", "x", "None", "auto,cpu")
NO_NAMES = (
    *("../x", "a/b", "a\\b", ".", "..", "/tmp/x", "x" * 300, " ", "a\x1b[31m", "a\nb", "-x", "mlflow.db"),
    "leaderboards",
)


def options() -> Iterator[BadInput]:
    """Every option of a run with values that it does not take."""
    for name, declared in RunOptions.model_fields.items():
        kinds = set(_kinds(declared.annotation))
        values: tuple[str, ...] = ()
        if kinds & {int, float}:
            values = NO_NUMBERS if int not in kinds else (*NO_NUMBERS, "1.5", "9" * 400)
        elif typing.get_origin(declared.annotation) is Literal:
            values = NO_CHOICES
        values += OTHER_VALUES.get(name, ())
        for value in values:
            yield BadInput("option", (*AUDIO, f"{flag(name)}={value}"))


OTHER_VALUES = {
    "models": ("", ",", "tc-resne", "mel", "TC-RESNET", "tc-resnet,nope", "../cnn"),
    "classes": ("", ",", "cow", "cat"),
    "features": ("", ",", "mell", "cnn", "MEL", "mel;mfcc"),
    "protocol": (
        "",
        "x",
        "k-fold",
        "k-fold:",
        "k-fold:1",
        "k-fold:x",
        "k-fold:1e9",
        "official:3",
        "repeated:-2",
        "folds",
    ),
    "study": NO_NAMES,
    "storage": ("x", "sqlite:///x.db", "mysql://a@b/c", "http://127.0.0.1", "postgresql://"),
    "tracking_uri": ("./mlruns", "file:./mlruns", "127.0.0.1:5000", "ftp://x/y", "mssql://a@b/c"),
}


def settings() -> Iterator[BadInput]:
    """Every number of the training, and of what is installed, with values that are no such number."""
    registry = installed()
    declared: dict[str, Any] = {f"training.{name}": of for name, of in TrainingSettings.model_fields.items()}
    for group, plugins in (("feature", registry.features), ("model", registry.models)):
        for plugin in ("mel", "mfcc", "waveform", "tc-resnet", "cnn", "lstm"):
            if plugin in plugins:
                declared |= {f"{group}.{plugin}.{name}": of for name, of in plugins[plugin].model_fields.items()}
    for name, of in declared.items():
        if set(_kinds(of.annotation)) & {int, float}:
            for value in ("nan", "Infinity", '"many"', "[1, NaN]"):
                yield BadInput("setting", (*AUDIO, "--set", f"{name}={value}"))
    for text in (
        *("x", "=1", "x=1", "training=1", "training.=1", ".epochs=1", "training.epochs", "training.epochs="),
        *(
            "training.epochs=[[1]]",
            "training.epochs={",
            "training.epochs=[]",
            "training.epochs=1 2",
            "training.epochs=null",
        ),
        *("training.optimiser=sdg", "training.optimiser=1", 'training.optimiser=["adam", "sdg"]', "training.nope=1"),
        *("model.nope.depth=1", "model.tc-resnet.nope=1", "feature.nope.x=1", "model.tc-resnet=1", "dataset.nope=1"),
        *("dataset.test=2", "dataset.test=-1", "dataset.test=nan", "dataset.validation=1", 'dataset.test="x"'),
        *("dataset.clip_seconds=0", "dataset.clip_seconds=-1", "dataset.clip_seconds=nan", "dataset.path=nowhere"),
        *("feature.mel.scale=DB", "feature.mel.normalise=7", "feature.mel.f_min=99999", "feature.mel.sample_rate=1"),
    ):
        yield BadInput("setting", (*AUDIO, "--set", text))


TOML = (
    *("", "trials = 3", "dataset = 3", 'dataset = ""', "dataset = true", 'dataset = "fsd"', "dataset = ['a']"),
    *("[dataset]\nname = 'fsdd'", "= 3", "trials", "trials = ", "a = [", "\x00", "trials = nan", "trials = 1979-05-27"),
)
"""Whole files. The others begin with a data set that is there."""
TOML_LINES = (
    *("trials = 0", "trials = -1", "trials = 1.5", 'trials = "x"', "trials = [3]", "trials = {a = 1}", "trials = true"),
    *(
        "seed = nan",
        "timeout = nan",
        "timeout = inf",
        "timeout = -inf",
        'compile = "no"',
        "compile = 1",
        'nested = "yes"',
    ),
    *(
        "models = 3",
        "models = [3]",
        "models = [[]]",
        "models = []",
        "models = {a = 1}",
        'features = ["mell"]',
        "epochs = 0",
    ),
    *("trails = 3", "Trials = 3", "resume = 'x'", "config = 'x'", "dry-run = 'yes'", "set = 3", "[set]\nepochs = 3"),
    *("[set]\ntraining.epochs = nan", "[set]\n'training.learning_rate' = inf", "[set]\nx = 1", "[set]\ntraining = 3"),
    *("study = 3", "study = '../x'", "storage = {a = 1}", "trials = 3\ntrials = 4", "max-unusable = 2"),
)


def configurations() -> Iterator[BadInput]:
    for text in TOML:
        yield BadInput("toml", ("--config", "c.toml"), {"c.toml": text})
    for text in TOML_LINES:
        yield BadInput("toml", ("--config", "c.toml"), {"c.toml": f'dataset = "folder:audio"\n{text}\n'})
    yield BadInput("toml", ("--config", "nowhere.toml"))
    yield BadInput("toml", ("--config", "audio"))
    yield BadInput("toml", ("--config", "c.toml"), {"c.toml": b"dataset = 'f\xff'"})
    yield BadInput("toml", ("--config", "c.toml"), {"c.toml": 'dataset = "folder:audio"\n'.encode("utf-16")})


GOOD_ROWS = "".join(f"audio/{label}/s{n % 5}_{n}.wav,{label}\n" for n in range(20) for label in [("cat", "dog")[n % 2]])
CSV = (
    *("", "\n", "path,label\n", "path\na\n", "label\na\n", "path;label\na;b\n", "path\tlabel\na\tb\n", "a,b\n1,2\n"),
    *("path,label\n,cat\n", "path,label\nnowhere.wav,cat\n", "path,path,label\na,b,c\n", "path,label,label\na,b,c\n"),
    *("PATH,LABEL\na,b\n", "path,label\n../../../etc/passwd,cat\n", "path,label\n/dev/zero,cat\n/dev/null,dog\n"),
    *('path,label\n"a,b\n', "path,label\naudio,cat\n", "path,label\naudio/cat/s0_0.wav,\n", "path,label\na\x00b,cat\n"),
)
"""Whole files. The others have good rows first."""
CSV_COLUMNS = (
    *(("split", "nope"), ("split", ""), ("split", "TRAIN;"), ("split", "test")),
    *(("start", "x"), ("start", "-1"), ("start", "nan"), ("start", "inf"), ("start", "1e308"), ("start", "99")),
    *(("end", "x"), ("end", "-1"), ("end", "nan"), ("end", "0"), ("end", "0:30")),
    *(("fold", "1"),),
)


def lists() -> Iterator[BadInput]:
    """CSV files."""
    words = ("--dataset", "csv:clips.csv")
    for text in CSV:
        yield BadInput("csv", words, {"clips.csv": text})
    for column, value in CSV_COLUMNS:
        rows = "".join(f"{row},{value}\n" for row in GOOD_ROWS.splitlines())
        protocol = ("--protocol", "folds") if column == "fold" else ()
        yield BadInput("csv", (*words, *protocol), {"clips.csv": f"path,label,{column}\n{rows}"})
    for label in ("Cat", "cat ​", "ca​t", "cat,dog"):  # beside cat
        text = f'path,label\n{GOOD_ROWS}audio/cat/s0_0.wav,"{label}"\n'
        yield BadInput("csv", words, {"clips.csv": text})
    yield BadInput("csv", ("--dataset", "csv:nowhere.csv"))
    yield BadInput("csv", ("--dataset", "csv:audio"))
    yield BadInput("csv", ("--dataset", "csv:"))
    yield BadInput("csv", words, {"clips.csv": b"path,label\n\xff\xfe,cat\n"})
    yield BadInput("csv", words, {"clips.csv": f"path,label\n{GOOD_ROWS}".encode("utf-16")})
    yield BadInput("csv", words, {"clips.csv": f"path,label\n{GOOD_ROWS.replace('dog', 'cat')}"})


WAV = (
    b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data"
)
NO_SOUNDS = (
    *(
        b"",
        b"\0",
        b"RIFF",
        WAV,
        WAV + b"\0\0\0\0",
        WAV + b"\xff\xff\xff\xff",
        b"RIFF" + bytes(200),
        b"OggS" + bytes(100),
    ),
    *(
        b"fLaC" + bytes(100),
        b"ID3" + bytes(300),
        b"<!DOCTYPE html><html>Not found</html>",
        b"FORM" + bytes(64),
        b"text",
    ),
    *(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n", b"\x1f\x8b" + bytes(50), b"PK\x03\x04"),
    WAV.replace(b"\x40\x1f", b"\x00\x00") + b"\x08\x00\x00\x00" + bytes(8),
)


def sounds() -> Iterator[BadInput]:
    """Folders whose files are no recordings, and folders of another shape."""
    words = ("--dataset", "folder:f")
    for ending in ("wav", "flac", "mp3"):
        for content in NO_SOUNDS:
            files = {f"f/{label}/{n}.{ending}": content for label in ("cat", "dog") for n in range(6)}
            yield BadInput(f"audio.{ending} {content[:12]!r}", words, files)
    for layout in (
        *(
            {},
            {"f/a.wav": WAV},
            {"f/cat/a.txt": "x", "f/dog/b.txt": "x"},
            {"f/cat/.hidden.wav": WAV, "f/dog/.b.wav": WAV},
        ),
        *({"f/cat/a.wav": WAV}, {"f": "a file"}, {"f/.git/a.wav": WAV}, {"f/cat/x/a.wav": "", "f/dog/x/b.wav": ""}),
    ):
        yield BadInput("folder", words, dict(layout))
    for path in ("", " ", "nowhere", "/nonexistent/x", "~nobody/x", "f\x00g", "audio/cat/s0_0.wav"):
        yield BadInput("folder", ("--dataset", f"folder:{path}"))


def names() -> Iterator[BadInput]:
    """Names of data sets, and options of other verbs' kinds."""
    for name in ("", " ", ":", "fsd", "FSDD", "fsdd:", "fsdd:x", "folder", "csv", "nope:x", "folder;x", "fsdd\x1b[31m"):
        yield BadInput("name", ("--dataset", name))
    for name in (*NO_NAMES[:7], "nowhere", "nowhere/trial-0000", "bench-results/nowhere", ""):
        yield BadInput("name", ("--resume", name))
    for words in (
        *(
            (),
            ("--dataset",),
            ("--trials", "3"),
            ("folder:audio",),
            ("--datset", "fsdd"),
            ("--no-such",),
            ("-n",),
            ("--",),
        ),
        *(("--dataset", "folder:audio", "--resume", "x"), ("--dataset", "folder:audio", "extra"), ("--set",)),
        *((*AUDIO, "--workers", "0", "--executor", "ray"), (*AUDIO, "--threads", "2", "--executor", "ray")),
        *((*AUDIO, "--workers-per-gpu", "2"), (*AUDIO, "--ray-address", "x"), (*AUDIO, "--gpus-per-trial", "1")),
        *((*AUDIO, "--device", "cuda"), (*AUDIO, "--nested"), (*AUDIO, "--epochs", "3", "--set", "training.epochs=4")),
        *((*AUDIO, "--protocol", "folds"), (*AUDIO, "--protocol", "leave-one-group-out"), (*AUDIO, "--compile=3")),
        *((*AUDIO, "--models", "cnn1d", "--features", "mel"), ("--dataset", "fsdd", "--data-dir", "audio")),
    ):
        yield BadInput("name", words)


def records(study: str) -> Iterator[BadInput]:
    """A resume of a study whose record is not what was written: `study` is the whole study.json."""
    whole = json.loads(study)
    resume = ("--resume", "first")
    path = "bench-results/first/study.json"
    cut, quoted = study[: len(study) // 2], study.replace('"', "'")
    for text in ("", "{", "[]", "null", "3", '"x"', "{}", cut, quoted, f"{study}x"):
        yield BadInput("record", resume, {path: text})
    for key in whole:
        left = {name: value for name, value in whole.items() if name != key}
        if whole[key] not in (None, [], {}, ()) and key not in DEFAULTED:
            yield BadInput(f"record without {key}", resume, {path: json.dumps(left)})
        yield BadInput(f"record with {key} of another kind", resume, {path: json.dumps({**left, key: [[3.5]]})})
    yield BadInput("record", resume, {path: json.dumps({**whole, "schema_version": 999})})
    yield BadInput("record", resume, {path: study.encode("utf-16")})


DEFAULTED = {"schema_version", "status"}


def bad_inputs() -> list[BadInput]:
    """All but the records, which need a study."""
    return [*options(), *settings(), *configurations(), *lists(), *sounds(), *names()]


def _kinds(annotation: Any) -> Iterator[Any]:
    """The types that an annotation is made of."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, typing.Annotated):
        for part in typing.get_args(annotation):
            yield from _kinds(part)
    elif isinstance(annotation, type):
        yield annotation
