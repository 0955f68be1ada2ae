"""Data sets: which clips there are, their split, and the batches that training sees.

Importing this does not load TensorFlow: only building shards and batches does.
"""

from idf.installed import need_training

need_training()
