"""Averaged weights of the generator."""

from dataclasses import dataclass

from bench.method import Decay, Method


@dataclass(frozen=True)
class GeneratorEMA(Method):
    """Exponential moving average of the generator, with the non-saturating loss.

    Paper: Yazıcı et al., "The Unusual Effectiveness of Averaging in GAN Training", ICLR 2019;
    Karras et al., ICLR 2018.
    Objective: the non-saturating GAN's.
    Changes: samples are those of the averaged generator; training does not notice. The decay grows
    up to ``ema`` from small values, so that the initial weights are soon forgotten.
    """

    on_request = True

    ema: Decay = 0.999

    search = {"ema": [0.9, 0.99, 0.999, 0.9999]}
