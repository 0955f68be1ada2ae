"""Reporting of a run in training: terminal, history, W&B and TensorBoard, speed."""
