"""The compressed file: header, blocks, index, salvage. Codecs are known only by their interface.

From the bytes up: :mod:`~idf.container.varint` and :mod:`~idf.container.blocks.bitpacking` (numbers),
:mod:`~idf.container.records` (the parts of a file, as in ``docs/format.md``), :mod:`~idf.container.frame` (their
order) and :mod:`~idf.container.index` (their positions). Inside a block: :mod:`~idf.container.blocks.planes` and
:mod:`~idf.container.blocks.stereo`. Whole files: :mod:`~idf.container.stream` (sequentially),
:mod:`~idf.container.arrays` (in memory), :mod:`~idf.container.files` (on disk, checked through
:mod:`~idf.container.tail`), :mod:`~idf.container.reading` (parts), :mod:`~idf.container.salvage` (damaged files) and
:mod:`~idf.container.approximation` (the first latent blocks).

Import the modules. The package itself imports nothing, so that the command starts fast.
"""
