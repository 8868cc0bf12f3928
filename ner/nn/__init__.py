"""The network in torch: the layers of our models, which also serve in models of your own."""

from ner.nn.crf import CRF
from ner.nn.embeddings import CharacterCNN, CharacterLSTM, Embedder, WordEmbedding
from ner.nn.encoders import DilatedCNN, MinimalRNN, RecurrentEncoder, SelfAttention
from ner.nn.heads import ClassifierHead, CRFHead, Head, SoftmaxHead
from ner.nn.model import Encoder, Model, TokenEmbedder
from ner.nn.tensors import BatchTensors, OutputTensors, length_mask

__all__ = [
    "CRF",
    "BatchTensors",
    "CRFHead",
    "CharacterCNN",
    "CharacterLSTM",
    "ClassifierHead",
    "DilatedCNN",
    "Embedder",
    "Encoder",
    "Head",
    "MinimalRNN",
    "Model",
    "OutputTensors",
    "RecurrentEncoder",
    "SelfAttention",
    "SoftmaxHead",
    "TokenEmbedder",
    "WordEmbedding",
    "length_mask",
]
