"""Measurement of models and other codecs on the same clips: every clip is encoded, decoded and compared."""

from idf.installed import need_training

need_training()
