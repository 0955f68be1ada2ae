"""Launching the runs of a study: definition, plan, processes, progress."""
