"""The modules of the features, one file a feature.

They import torch, so the features import them only to build a front end, and give them plain values: no module here knows
of a feature's declaration. `choices` alone is without torch, for the declarations to import.
"""
