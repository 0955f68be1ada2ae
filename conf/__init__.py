"""Settings as YAML, one folder for each group; Hydra finds them as ``idf.conf`` once ``idf.config.compose`` is imported."""
