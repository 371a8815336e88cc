"""The frozen speech embedding: as its own runtime computes it, for whole batches, and left out where that is asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from cli_runner import refusal, run
from failing_studies import NO_MLFLOW
from made_audio import cats_and_dogs
from torch import nn

from bench.plugins import Infeasible
from bench_plugins.features import speech_embedding
from bench_plugins.features.speech_embedding import AFTER, BEFORE, FRAMES, STEP, SpeechEmbedding
from bench_plugins.front_ends.speech_embedding import FULL_SCALE

pytest.importorskip("pyopen_wakeword", reason="bench-audio[pretrained] is not installed")


@pytest.fixture(scope="module")
def module() -> nn.Module:
    return SpeechEmbedding().build()


def published(file: str, shape: tuple[int, ...], inputs: np.ndarray) -> np.ndarray:
    """What TFLite makes of one input, with its reference operators."""
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="ai-edge-litert is not installed")
    import pyopen_wakeword

    interpreter = litert.Interpreter(
        model_path=str(Path(pyopen_wakeword.__file__).parent / "models" / file),
        experimental_op_resolver_type=litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.resize_tensor_input(0, shape, strict=False)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], inputs)
    interpreter.invoke()
    return np.asarray(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))


def clips(samples: int, *, seed: int = 0) -> np.ndarray:
    """A loud clip of noise and a quiet one of a falling tone, float32 [2, samples]."""
    random, time = np.random.default_rng(seed), np.arange(samples) / 16000
    noise = 0.3 * random.standard_normal(samples)
    tone = 0.01 * np.sin(2 * np.pi * (900 - 300 * time) * time) + 1e-4 * random.standard_normal(samples)
    return np.stack([noise, tone]).astype(np.float32)


@pytest.mark.parametrize("samples", [4000, 16123])
def test_every_window_is_as_the_published_runtime_has_it(module: nn.Module, samples: int) -> None:
    batch = clips(samples)
    ours = module(torch.from_numpy(batch)).numpy()
    assert ours.shape[1:] == SpeechEmbedding().shape(samples)
    for clip, embeddings in zip(np.pad(batch, ((0, 0), (BEFORE, AFTER))), ours, strict=True):
        mel = published("melspectrogram.tflite", (1, len(clip)), FULL_SCALE * clip[None])[0, 0] / 10 + 2
        for window, embedding in enumerate(embeddings.T):
            frames = np.ascontiguousarray(mel[None, STEP * window : STEP * window + FRAMES, :, None])
            theirs = published("embedding_model.tflite", (1, FRAMES, 32, 1), frames)[0, 0, 0]
            np.testing.assert_allclose(embedding, theirs, rtol=1e-4, atol=1e-4 * np.abs(theirs).max())


def test_silence_is_finite_and_nothing_is_trained(module: nn.Module) -> None:
    assert module(torch.zeros(1, 16000)).isfinite().all()
    assert not list(module.parameters())


def test_a_search_takes_it_and_leaves_it_out(tmp_path: Path) -> None:
    words = ("run", "--dataset", f"folder:{cats_and_dogs(tmp_path / 'audio', 10)}", "--dry-run")
    assert "speech-embedding" in run(*words, "--models", "linear-probe").stdout
    assert "speech-embedding" not in run(*words, "--models", "linear-probe", "--no-pretrained").stdout
    done = run(*words, "--features", "speech-embedding", "--no-pretrained")
    refusal(done, "--no-pretrained leaves nothing of the features speech-embedding", code=done.returncode)
    assert done.returncode in (1, 2)


def test_weights_that_are_not_installed_are_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech_embedding, "find_spec", lambda name: None)
    for call in (SpeechEmbedding().build, lambda: SpeechEmbedding().shape(16000)):
        with pytest.raises(Infeasible, match=r"pip install 'bench-audio\[pretrained\]'"):
            call()


def test_a_row_says_what_its_feature_was_trained_on(tmp_path: Path) -> None:
    words = ("run", "--dataset", f"folder:{cats_and_dogs(tmp_path / 'audio', 10)}", "--workers", "0", *NO_MLFLOW)
    only = ("--features", "speech-embedding", "--models", "linear-probe", "--trials", "1", "--epochs", "1")
    done = run(*words, *only, "--finalists", "1", "--final-seeds", "1", "--study", "mine")
    assert done.returncode == 0, done.stderr
    page = next((tmp_path / "results" / "leaderboards").glob("folder-*.md")).read_text()
    assert "does not start from scratch: its feature speech-embedding was trained on speech in YouTube videos" in page
