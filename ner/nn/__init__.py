"""The network in torch: layers for our models, and for those of others."""

from ner.nn.crf import CRF
from ner.nn.embeddings import CharacterCNN, CharacterLSTM, Embedder, WordEmbedding
from ner.nn.encoders import DilatedCNN, MinimalRNN, RecurrentEncoder, SelfAttention
from ner.nn.heads import ClassifierHead, CRFHead, SoftmaxHead
from ner.nn.model import Model

__all__ = [
    "CRF",
    "CRFHead",
    "CharacterCNN",
    "CharacterLSTM",
    "ClassifierHead",
    "DilatedCNN",
    "Embedder",
    "MinimalRNN",
    "Model",
    "RecurrentEncoder",
    "SelfAttention",
    "SoftmaxHead",
    "WordEmbedding",
]
