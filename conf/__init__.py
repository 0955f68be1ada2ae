"""YAML settings, a folder for each group. After importing ``idf.config.compose``, Hydra finds them as ``idf.conf``."""
