"""PCM in and out: WAV and FLAC files, and nothing else."""
