"""Every setting, once: its default, its range, what it means."""

from ner.config.base import Natural, Section
from ner.config.data import Data
from ner.config.inputs import (
    Affixes,
    BigramSection,
    Characters,
    EmbedderSection,
    Inputs,
    Shape,
    TransformerSection,
    VectorsSection,
    Words,
)
from ner.config.network import EncoderSection, HeadSection, PoolingSection
from ner.config.training import AugmentationSection, Training

__all__ = [
    "Affixes",
    "AugmentationSection",
    "BigramSection",
    "Characters",
    "Data",
    "EmbedderSection",
    "EncoderSection",
    "HeadSection",
    "Inputs",
    "Natural",
    "PoolingSection",
    "Section",
    "Shape",
    "Training",
    "TransformerSection",
    "VectorsSection",
    "Words",
]
