"""PCM in and out: WAV and FLAC files, and nothing else.

:mod:`idf.audio.format` says what samples are and which kinds are supported; :mod:`idf.audio.sources` reads any
supported file a block at a time, by :mod:`idf.audio.wav` or libsndfile; :mod:`idf.audio.pcm` has mono 16-bit files as
arrays, for training and measurement; :mod:`idf.audio.pcm_bytes` turns samples into interleaved bytes.
"""
