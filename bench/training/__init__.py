"""Training of a population of seeds: streams, population, game, loop, gradient detection."""
