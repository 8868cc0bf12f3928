"""Every setting, once: its default, its range, what it means."""

from ner.sections.base import Natural, Section
from ner.sections.data import Data
from ner.sections.inputs import (
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
from ner.sections.network import EncoderSection, HeadSection, PoolingSection
from ner.sections.training import AugmentationSection, Training

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
