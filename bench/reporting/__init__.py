"""Leaderboards, classification reports and figures, made from the results folder; a network only from its kept weights."""
