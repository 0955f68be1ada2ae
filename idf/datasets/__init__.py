"""Data sets: clips, their split, and training batches.

Importing this package does not load TensorFlow; only building shards and batches does.
"""

from idf.installed import need_training

need_training()
