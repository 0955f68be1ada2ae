"""Integer prediction within windows: a flow step before a window flow, with a trained initial state.

Unlike :mod:`idf.models.adaptive.whitening`, whose predictors carry over from window to window, this step is reset at
the start of each window, so windows stay independent (``docs/adaptive.md``).
"""
