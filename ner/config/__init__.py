"""All settings: their defaults, their ranges and what they mean."""

from ner.config.base import Natural, Section
from ner.config.data import DataConfig
from ner.config.inputs import (
    AffixesConfig,
    BigramConfig,
    CharactersConfig,
    EmbedderConfig,
    InputsConfig,
    ShapeConfig,
    TransformerConfig,
    VectorsConfig,
    WordsConfig,
)
from ner.config.network import EncoderConfig, HeadConfig, PoolingConfig
from ner.config.training import AugmentationConfig, AuxiliaryConfig, TrainingConfig

__all__ = [
    "AffixesConfig",
    "AugmentationConfig",
    "AuxiliaryConfig",
    "BigramConfig",
    "CharactersConfig",
    "DataConfig",
    "EmbedderConfig",
    "EncoderConfig",
    "HeadConfig",
    "InputsConfig",
    "Natural",
    "PoolingConfig",
    "Section",
    "ShapeConfig",
    "TrainingConfig",
    "TransformerConfig",
    "VectorsConfig",
    "WordsConfig",
]
