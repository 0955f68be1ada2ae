"""A run's folder: the only reader and writer of what lies in it."""

from idf.installed import need_training

need_training()
