"""Where trials run. An executor takes jobs and gives events; it knows nothing of studies."""
