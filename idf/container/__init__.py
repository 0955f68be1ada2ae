"""The compressed file: header, blocks, index, salvage. It knows codecs by their contract only, and no model.

From the bytes up: :mod:`~idf.container.varint` and :mod:`~idf.container.blocks.bitpacking` (numbers),
:mod:`~idf.container.records` (the parts of a file, as in ``docs/format.md``), :mod:`~idf.container.frame` (parts in
their order) and :mod:`~idf.container.index` (where they lie). Inside a block: :mod:`~idf.container.blocks.planes` and
:mod:`~idf.container.blocks.stereo`. Whole files: :mod:`~idf.container.stream` (as they flow past), then
:mod:`~idf.container.arrays` (in memory), :mod:`~idf.container.files` (on disk, checked through
:mod:`~idf.container.tail`), :mod:`~idf.container.reading` (a part), :mod:`~idf.container.salvage` (a damaged one) and
:mod:`~idf.container.approximation` (the first latent blocks).

Import the modules; this package itself loads nothing, so that the command starts fast.
"""
