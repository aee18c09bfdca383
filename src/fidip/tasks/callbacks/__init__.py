"""Lightning callbacks: checkpoints, weight averaging, progress, pruning and divergence."""
