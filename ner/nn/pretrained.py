"""Encoders of the library `transformers`: read from a folder or the hub, and built again later.

The code that comes with a model is never run, and no pickle is read: the weights must be in
safetensors, and from the hub only such files are downloaded.
"""

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from ner.errors import ConfigError, MissingExtraError
from ner.extras import require
from ner.features.subwords import Pooling, Subwords
from ner.files import read_json, sha256, utf8_path

PURPOSE, EXTRA = "The transformer embedding", "transformers"
HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")
FETCHED = ["*.json", "*.txt", "*.model", "*.safetensors", "README.md"]

# The licence in the YAML before a card, as the hub writes it, and characters of the card that are
# read.
LICENCE = re.compile(r"\A---\n(?:(?!---).*\n)*?license: *[\"']?([\w.+-]+)")
LONGEST_YAML = 10_000

# Window of encoders without a limit of their own, whose positions are relative.
USUAL_WINDOW = 512

# A tokenizer without a limit says a number above this one.
NO_LIMIT = 1_000_000

# Keys of an architecture that are not kept: a path on this machine, and permission to run code.
PRIVATE = ("_name_or_path", "auto_map", "attn_implementation", "_attn_implementation")


@dataclass(frozen=True)
class Pretrained:
    """A pretrained encoder with its tokenizer.

    Args:
        module: Computes hidden states from `input_ids` and `attention_mask`.
        architecture: The settings from which `build_pretrained_encoder` builds such a module.
        tokenizer: A tokenizer of the library `tokenizers`, as JSON.
        padding: Id of the sub-word that pads windows.
        unknown: Id of the sub-word for words without any.
        limit: Sub-words that the encoder reads at once, with the special ones; None for no limit.
        digest: SHA-256 of its weights.
        licence: The identifier of its licence, where its card has one.
    """

    module: nn.Module
    architecture: Mapping[str, Any]
    tokenizer: str
    padding: int
    unknown: int
    limit: int | None
    digest: str
    licence: str | None = None

    def subwords(
        self, *, window: int | None, overlap: int, context: int, pooling: Pooling
    ) -> Subwords:
        """Build the object that cuts sentences into sub-words for the encoder.

        Args:
            window: Sub-words of a window; None for as many as the encoder reads at once.
            overlap: See `Subwords`.
            context: See `Subwords`.
            pooling: See `Subwords`.

        Raises:
            ConfigError: The encoder does not read a window of this size.
        """
        if window is not None and self.limit is not None and window > self.limit:
            raise ConfigError(
                f"transformer.window: must be at most {self.limit}, which the encoder reads at "
                f"once. Got {window}."
            )
        return Subwords(
            self.tokenizer,
            window=window or self.limit or USUAL_WINDOW,
            overlap=overlap,
            context=context,
            pooling=pooling,
            padding=self.padding,
            unknown=self.unknown,
        )


def read_pretrained_encoder(path: str, revision: str | None = None) -> Pretrained:
    """Read an encoder and its tokenizer.

    Args:
        path: A folder, or a name on the hub.
        revision: For a name on the hub: a branch, a tag or a commit.

    Raises:
        ConfigError: There is no encoder, or reading it would run code or read a pickle.
        MissingExtraError: transformers is not installed.
    """
    transformers = _library()
    from safetensors import SafetensorError

    try:
        with _quiet(transformers), utf8_path(_fetch(path, revision)) as folder:
            _check_files(folder)
            licence = find_licence(folder)
            local = {"trust_remote_code": False, "local_files_only": True}
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder, use_fast=True, **local)
            if not getattr(tokenizer, "is_fast", False):
                raise ValueError("its tokenizer is none of the library tokenizers")
            # If its files are missing, the library makes a tokenizer that has only special
            # sub-words.
            if len(tokenizer) <= len(tokenizer.all_special_tokens):
                raise ValueError("its tokenizer has no vocabulary")
            # Read here, since otherwise its kind of attention would replace the one asked for.
            config = transformers.AutoConfig.from_pretrained(folder, **local)
            whole, found = _with_attention(
                transformers.AutoModel.from_pretrained,
                folder,
                config=config,
                use_safetensors=True,
                output_loading_info=True,
                dtype="float32",
                **local,
            )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise ConfigError(
            "transformer.path: must be a folder, or a name on the hub, with an encoder in "
            f"safetensors and its tokenizer. Got {path!r}: {reason}."
        ) from None
    module = _encoder_of(whole)
    names = module.state_dict().keys()
    lacking = sorted(m for m in found["missing_keys"] if any(_is_of(m, name) for name in names))
    if lacking:
        raise ConfigError(
            f"transformer.path: all weights of the encoder must be there. Got {path!r}, which "
            f"lacks {lacking[0]}{f' and {len(lacking) - 1} more' if len(lacking) > 1 else ''}."
        )
    known = (tokenizer.unk_token_id, tokenizer.mask_token_id, tokenizer.pad_token_id, 0)
    return Pretrained(
        module,
        {k: v for k, v in _plain(whole.config).items() if k not in PRIVATE},
        tokenizer.backend_tokenizer.to_str(),
        padding=tokenizer.pad_token_id or 0,
        unknown=next(unknown for unknown in known if unknown is not None),
        limit=_limit(module, tokenizer.model_max_length),
        digest=_digest(module),
        licence=licence,
    )


def build_pretrained_encoder(architecture: Mapping[str, Any]) -> nn.Module:
    """Build an encoder whose weights have to be filled in.

    Args:
        architecture: The architecture of a `Pretrained`.

    Raises:
        ValueError: The library does not know such a model.
        MissingExtraError: transformers is not installed.
    """
    transformers = _library()
    settings = {name: value for name, value in architecture.items() if name not in PRIVATE}
    config = transformers.AutoConfig.for_model(**settings)
    with _quiet(transformers):
        whole = _with_attention(
            transformers.AutoModel.from_config, config, dtype="float32", trust_remote_code=False
        )
    return _encoder_of(whole)


def _library() -> Any:
    try:
        return require("transformers", PURPOSE, EXTRA)
    except ImportError as error:  # it refuses versions of other packages that it does not know
        reason = str(error).partition("\n")[0].rstrip(".")
        raise MissingExtraError(f"{PURPOSE} needs a whole transformers. Got: {reason}.") from None


def _fetch(path: str, revision: str | None) -> Path:
    """Return the folder of an encoder, which is downloaded from the hub if `path` is no folder."""
    folder = Path(path)
    if folder.is_dir():
        return folder
    if folder.exists():
        raise ValueError("a file, and not the folder that it is in")
    if not HUB_NAME.fullmatch(path) or path.startswith("."):
        raise ValueError("no such folder")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(path, revision=revision, allow_patterns=FETCHED))
    except OSError as error:
        reason = str(error).partition("\n")[0].removeprefix("Got: ")
        raise ValueError(f"no such folder, and nothing from the hub: {reason}") from None


def _check_files(folder: Path) -> None:
    """Refuse folders without an encoder, and those of which the library would read pickles."""
    if not (folder / "config.json").is_file():
        raise ValueError("config.json is missing")
    if (folder / "adapter_config.json").exists():
        raise ValueError("an adapter; merge it into its encoder first")
    index = folder / "model.safetensors.index.json"
    shards = set(read_json(index)["weight_map"].values()) if index.exists() else set()
    foreign = sorted(name for name in shards if not name.endswith(".safetensors"))
    if foreign:
        raise ValueError(f"weights in {foreign[0]}")


def find_licence(folder: Path) -> str | None:
    """Find the licence that the card of an encoder names; None without a card or a licence."""
    card = folder / "README.md"
    if not card.is_file():
        return None
    with card.open(encoding="utf-8", errors="replace") as file:
        found = LICENCE.match(file.read(LONGEST_YAML))
    return found and found[1]


def _with_attention(make: Any, *arguments: Any, **options: Any) -> Any:
    """Make a model with torch's attention; its configuration could ask for code from the hub."""
    try:
        return make(*arguments, attn_implementation="sdpa", **options)
    except ValueError as error:
        if "scaled_dot_product_attention" not in str(error):
            raise
        return make(*arguments, attn_implementation="eager", **options)


def _encoder_of(whole: Any) -> nn.Module:
    module = whole.get_encoder() if whole.config.is_encoder_decoder else whole
    if getattr(module, "pooler", None) is not None:
        # The pooler computes a vector of the whole sentence, which is not used.
        module.pooler = None
    return module


def _limit(module: nn.Module, tokenizer_limit: int) -> int | None:
    """Find how many sub-words an encoder reads at once; None for no limit."""
    config: Any = module.config
    limits = [tokenizer_limit] if tokenizer_limit < NO_LIMIT else []
    positions = getattr(config, "max_position_embeddings", None)
    if isinstance(positions, int) and positions > 0:
        limits.append(positions - first_position(module))
    return min(limits, default=None)


def first_position(module: nn.Module) -> int:
    """Find the row in a table of positions that the first sub-word of a window has."""
    tables = (m for n, m in module.named_modules() if n.endswith("position_embeddings"))
    # Encoders like RoBERTa count positions from the row after that of padding.
    padding = [getattr(table, "padding_idx", None) for table in tables]
    return next((row + 1 for row in padding if row is not None), 0)


def _is_of(missing: str, name: str) -> bool:
    """Say whether a weight of the whole model is the weight `name` of its encoder."""
    return missing == name or missing.endswith(f".{name}")


def _plain(config: Any) -> dict[str, Any]:
    return json.loads(config.to_json_string(use_diff=False))


def _digest(module: nn.Module) -> str:
    """Compute the SHA-256 of all weights, with their names, shapes and types."""

    def chunks() -> Iterator[bytes]:
        for name, tensor in sorted(module.state_dict().items()):
            yield f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode()
            yield tensor.contiguous().numpy().tobytes()

    return sha256(chunks())


@contextlib.contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Keep the library from writing to the terminal; errors are raised here."""
    logging = transformers.utils.logging
    verbosity, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bar:
            logging.enable_progress_bar()
