"""The layers of the models, one module a model, each with `build(config, shape, classes)`.

They import torch, so the models import them only to build a network.
"""
