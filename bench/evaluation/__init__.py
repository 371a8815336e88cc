"""Figures computed from stored per-clip predictions, and how far they can be trusted."""
