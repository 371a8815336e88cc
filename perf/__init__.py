"""What the harness costs: `make perf` measures it, and writes perf/results.json and the tables of perf/README.md."""
