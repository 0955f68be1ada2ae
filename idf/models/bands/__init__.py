"""Window flows of subbands: a window is split by integer lifting, each band is one block of latents.

A block is coded sample by sample, with adaptive predictors that begin in every window where training left them
and a small trained network that weighs them (:mod:`idf.models.adaptive`), given the bands below it.
"""
