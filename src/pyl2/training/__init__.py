"""Training by gradients: sessions and their histories, many descents at once, L-BFGS, Backprop."""
