"""The modules of the features, one file a feature.

They import torch, so the features import them only to build a front end.
"""
