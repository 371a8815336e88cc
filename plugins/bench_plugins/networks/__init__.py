"""The layers of the models, one module a model, each with `build(shape, classes, *, ...)`.

They import torch, so the models import them only to build a network, and give them plain values: no module here knows of a
model's declaration.
"""
