"""PCM in and out: WAV, AIFF, CAF, W64 and FLAC files, and nothing else.

:mod:`idf.audio.format` says what samples are and which kinds are supported; :mod:`idf.audio.sources` reads any
supported file a block at a time: FLAC by libsndfile, all others as files of chunks (:mod:`idf.audio.chunks`,
:mod:`idf.audio.kinds`); :mod:`idf.audio.pcm` has mono 16-bit files as
arrays, for training and measurement; :mod:`idf.audio.pcm_bytes` turns samples into interleaved bytes.
"""
