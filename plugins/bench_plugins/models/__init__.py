"""Networks: feature tensors to logits."""

from bench_plugins.models.cnn import Cnn
from bench_plugins.models.crnn import Crnn
from bench_plugins.models.parallel_cnn_lstm import ParallelCnnLstm
from bench_plugins.models.tc_resnet import TcResNet

MODELS = (Cnn, Crnn, ParallelCnnLstm, TcResNet)
