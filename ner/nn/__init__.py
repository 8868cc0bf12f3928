"""The network in torch: layers for our models, and for those of others."""

from ner.nn.crf import CRF
from ner.nn.embeddings import CharacterCNN, CharacterLSTM, Embedder, WordEmbedding
from ner.nn.encoder import BiRNN
from ner.nn.heads import CRFHead, SoftmaxHead
from ner.nn.model import Model

__all__ = [
    "CRF",
    "BiRNN",
    "CRFHead",
    "CharacterCNN",
    "CharacterLSTM",
    "Embedder",
    "Model",
    "SoftmaxHead",
    "WordEmbedding",
]
