"""Integer prediction inside a window: a flow step in front of a window flow that starts from training in every window.

Unlike :mod:`idf.models.adaptive.whitening`, whose predictors resume from the past, this step is reset at the first
sample of each window, so that windows stay independent (``docs/adaptive.md``).
"""
