"""Networks: feature tensors to logits."""

from bench_plugins.models.acdnet import AcdNet
from bench_plugins.models.bc_resnet import BcResNet
from bench_plugins.models.cnn import Cnn
from bench_plugins.models.cnn1d import Cnn1d
from bench_plugins.models.cnn_adaptive import CnnAdaptive
from bench_plugins.models.cnn_lstm import CnnLstm
from bench_plugins.models.cnn_unpooled import CnnUnpooled
from bench_plugins.models.convnet import ConvNet
from bench_plugins.models.crnn import Crnn
from bench_plugins.models.kwt import Kwt
from bench_plugins.models.lstm import Lstm
from bench_plugins.models.m5 import M5, M11, M18
from bench_plugins.models.matchboxnet import MatchboxNet
from bench_plugins.models.mobilenet_v3 import MobileNetV3
from bench_plugins.models.panns import Cnn6, Cnn10, Cnn14
from bench_plugins.models.parallel_cnn_lstm import ParallelCnnLstm
from bench_plugins.models.probe import LinearProbe, Mlp
from bench_plugins.models.resnet18 import ResNet18
from bench_plugins.models.tc_resnet import TcResNet
from bench_plugins.models.tenet import TeNet

MODELS = (
    LinearProbe,
    Mlp,
    TcResNet,
    BcResNet,
    MatchboxNet,
    TeNet,
    Cnn,
    Crnn,
    ResNet18,
    Lstm,
    Cnn1d,
    M5,
    ParallelCnnLstm,
    CnnUnpooled,
    CnnAdaptive,
    CnnLstm,
    ConvNet,
    Kwt,
    Cnn6,
    Cnn10,
    Cnn14,
    MobileNetV3,
    M11,
    M18,
    AcdNet,
)
"""Those that are tried first come first."""
