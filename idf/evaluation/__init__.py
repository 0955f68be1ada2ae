"""Measurement: a model and other codecs on the same clips, every row really coded, decoded and compared."""

from idf.installed import need_training

need_training()
