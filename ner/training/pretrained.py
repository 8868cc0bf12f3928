"""The pretrained encoder that a configuration asks for."""

from ner.config import Config
from ner.errors import ConfigError
from ner.features.subwords import Subwords
from ner.nn.pretrained import Pretrained, read_pretrained_encoder


def read_encoder(config: Config) -> Pretrained | None:
    """Read the encoder that a configuration names, if it names one.

    Raises:
        ConfigError: It cannot be read, or there are vectors of words beside one that is alone.
    """
    chosen = config.transformer
    if not chosen.path:
        return None
    if chosen.alone and config.vectors.path:
        raise ConfigError(
            "transformer.alone: must be false where there are pretrained vectors. Got true."
        )
    return read_pretrained_encoder(chosen.path, chosen.revision)


def make_subwords(encoder: Pretrained | None, config: Config) -> Subwords | None:
    """Make what turns sentences into sub-words as a configuration says.

    Raises:
        ConfigError: The encoder takes no window of this size.
    """
    if encoder is None:
        return None
    chosen = config.transformer
    return encoder.subwords(
        window=chosen.window,
        overlap=chosen.overlap,
        context=chosen.context,
        pooling=chosen.pooling,
    )
