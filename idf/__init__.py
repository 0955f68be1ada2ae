"""Integer discrete flows: lossless audio compression that is trained, coded for real and measured.

``import idf`` is light: TensorFlow loads only where a network is trained.
"""

__version__ = "0.1.0"
