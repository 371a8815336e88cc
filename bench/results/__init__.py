"""The results folder: what is kept of every study, trial and final, as plain files."""
