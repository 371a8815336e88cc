"""Trained networks as one file that others run without bench: ONNX, or a program of torch.export; and their model card."""
