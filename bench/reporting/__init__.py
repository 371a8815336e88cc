"""Leaderboards, classification reports and figures, computed from the results folder and from stored weights."""
