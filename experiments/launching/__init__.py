"""From a study's definition to runs: cells, plans, processes, progress."""
