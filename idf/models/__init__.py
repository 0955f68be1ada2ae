"""Model families: from a configuration to a model, and from a model file to a codec."""
