"""What training does differently for the families of models."""
