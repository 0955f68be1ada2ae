"""What a run tells while it trains: the terminal, W&B and TensorBoard, its own history, its speed."""
