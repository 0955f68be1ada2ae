"""Entropy coding: from integers and their distributions to bytes, exactly and back.

To be read in this order: :mod:`idf.coding.mixture` (the distribution, as an integer CDF), :mod:`idf.coding.message`
(rANS: symbols onto a stack and off again), :mod:`idf.coding.kernels` (the compiled loops of both) and
:mod:`idf.coding.tables` (their tables); then :mod:`idf.coding.coders` (which coder) and :mod:`idf.coding.craystack` (the
other one). :mod:`idf.coding.codec` holds the contracts between models and the compressed file.
"""
