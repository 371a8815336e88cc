"""Leaderboards, classification reports and figures, made from the results folder and never from a live model."""
