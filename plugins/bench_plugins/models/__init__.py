"""Networks: feature tensors to logits."""

from bench_plugins.models.cnn import Cnn
from bench_plugins.models.cnn1d import Cnn1d
from bench_plugins.models.cnn_adaptive import CnnAdaptive
from bench_plugins.models.cnn_lstm import CnnLstm
from bench_plugins.models.cnn_unpooled import CnnUnpooled
from bench_plugins.models.convnet import ConvNet
from bench_plugins.models.crnn import Crnn
from bench_plugins.models.lstm import Lstm
from bench_plugins.models.parallel_cnn_lstm import ParallelCnnLstm
from bench_plugins.models.resnet18 import ResNet18
from bench_plugins.models.tc_resnet import TcResNet

MODELS = (
    Cnn,
    Crnn,
    ParallelCnnLstm,
    TcResNet,
    CnnUnpooled,
    CnnAdaptive,
    ResNet18,
    Lstm,
    Cnn1d,
    CnnLstm,
    ConvNet,
)
