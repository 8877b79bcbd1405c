"""A benchmark harness for the stabilisation of GAN training."""
