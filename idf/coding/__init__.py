"""Entropy coding: integers and their distributions to bytes, and exactly back.

Suggested reading order: :mod:`idf.coding.mixture` (the distribution as an integer CDF), :mod:`idf.coding.message`
(rANS: pushing symbols onto a stack and popping them), :mod:`idf.coding.kernels` (the compiled loops of both),
:mod:`idf.coding.tables` (their tables), :mod:`idf.coding.coders` (the choice of coder) and
:mod:`idf.coding.craystack` (the alternative coder). :mod:`idf.coding.codec` defines the interfaces between models and
the compressed file.
"""
