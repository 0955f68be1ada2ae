"""Model families: models from configurations, and codecs from model files."""
