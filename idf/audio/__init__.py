"""Reading and writing PCM audio: WAV, AIFF, CAF, W64 and FLAC files.

:mod:`idf.audio.format` defines sample formats and lists the supported ones. :mod:`idf.audio.sources` reads any
supported file block by block: FLAC through libsndfile, all others as chunked files (:mod:`idf.audio.chunks`,
:mod:`idf.audio.kinds`). :mod:`idf.audio.pcm` loads 16-bit files as arrays for training and evaluation.
:mod:`idf.audio.pcm_bytes` converts samples to interleaved bytes and back.
"""
