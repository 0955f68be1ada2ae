"""Measurement: a model and other codecs on the same clips, every row really coded, decoded and compared."""
