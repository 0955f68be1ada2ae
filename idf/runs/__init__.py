"""Run folders. Only this package reads and writes their files."""

from idf.installed import need_training

need_training()
