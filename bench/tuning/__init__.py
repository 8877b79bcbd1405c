"""Equal tuning budgets: as many trials for every method, then the best of each on fresh seeds.

After Lucic et al., "Are GANs Created Equal?", NeurIPS 2018, and Kurach et al., "A Large-Scale
Study on Regularization and Normalization in GANs", ICML 2019. Described in docs/tuning.md.
"""
