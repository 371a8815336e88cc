"""Front ends: waveforms to tensors."""

from bench_plugins.features.mel import Mel
from bench_plugins.features.mfcc import Mfcc
from bench_plugins.features.spectrogram import Spectrogram
from bench_plugins.features.speech_embedding import SpeechEmbedding
from bench_plugins.features.waveform import Waveform

FEATURES = (Mel, Mfcc, Spectrogram, Waveform, SpeechEmbedding)
