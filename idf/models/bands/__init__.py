"""Window flows over subbands: integer lifting splits a window into bands, each of which is a block of latents.

A block is coded sample by sample given the bands below it, with adaptive predictors that start in every window from a
trained state, and a small trained network that weights them (:mod:`idf.models.adaptive`).
"""
