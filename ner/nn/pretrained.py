"""Encoders of the library `transformers`: read from a folder or the hub, and built again.

No code of a model is ever run, and no pickle is read: a folder needs its weights in safetensors,
and of a name on the hub only such files are fetched.
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
from ner.files import read_json, sha256

PURPOSE, EXTRA = "The transformer embedding", "transformers"

HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")

FETCHED = ["*.json", "*.txt", "*.model", "*.safetensors"]

# Of encoders that set no limit themselves, because they count from each sub-word.
USUAL_WINDOW = 512

# Where a tokenizer knows no limit it gives one that no text reaches.
NO_LIMIT = 1_000_000

# A path of this machine, and leave to run code.
PRIVATE = ("_name_or_path", "auto_map", "attn_implementation", "_attn_implementation")


@dataclass(frozen=True)
class Pretrained:
    """An encoder as it was read.

    Args:
        module: From `input_ids` and `attention_mask` to hidden states.
        architecture: What `build_pretrained_encoder` makes the like of it from.
        tokenizer: Of the library `tokenizers`, as JSON.
        padding: The sub-word behind the end.
        unknown: The sub-word of a word that has none.
        limit: Sub-words that it takes at once, marks included; None where it sets none.
        digest: SHA-256 of its weights.
    """

    module: nn.Module
    architecture: Mapping[str, Any]
    tokenizer: str
    padding: int
    unknown: int
    limit: int | None
    digest: str

    def subwords(
        self, *, window: int | None, overlap: int, context: int, pooling: Pooling
    ) -> Subwords:
        """Make what turns sentences into sub-words for it.

        Raises:
            ConfigError: It takes no window of this size.
        """
        if window is not None and self.limit is not None and window > self.limit:
            raise ConfigError(
                f"transformer.window: must be at most {self.limit}, which the encoder takes at "
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
        revision: Of the name on the hub: a branch, a tag or a commit.

    Raises:
        ConfigError: There is none, or it cannot be read without running code or a pickle.
        MissingExtraError: transformers is not installed.
    """
    transformers = _library()
    from safetensors import SafetensorError

    try:
        with _quiet(transformers):
            folder = _fetch(path, revision)
            _check_files(folder)
            local = {"trust_remote_code": False, "local_files_only": True}
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder, use_fast=True, **local)
            if not getattr(tokenizer, "is_fast", False):
                raise ValueError("its tokenizer is none of the library tokenizers")
            # Without the files of one, the library makes up a tokenizer that knows its marks alone.
            if len(tokenizer) <= len(tokenizer.all_special_tokens):
                raise ValueError("its tokenizer has no vocabulary")
            # Read by itself: else what it says of attention would win over what is asked for.
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
    )


def build_pretrained_encoder(architecture: Mapping[str, Any]) -> nn.Module:
    """Build an encoder whose weights are still to be filled in.

    Args:
        architecture: Of `Pretrained`.

    Raises:
        ValueError: The library knows no such model.
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
    except ImportError as error:  # it refuses to work beside other versions than it knows
        reason = str(error).partition("\n")[0].rstrip(".")
        raise MissingExtraError(f"{PURPOSE} needs a whole transformers. Got: {reason}.") from None


def _fetch(path: str, revision: str | None) -> Path:
    """Give the folder of an encoder, on the hub if there is none under this path."""
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
    """Refuse folders that hold no encoder, or of which the library would read pickles."""
    if not (folder / "config.json").is_file():
        raise ValueError("config.json is missing")
    if (folder / "adapter_config.json").exists():
        raise ValueError("an adapter; merge it into its encoder first")
    index = folder / "model.safetensors.index.json"
    shards = set(read_json(index)["weight_map"].values()) if index.exists() else set()
    others = sorted(name for name in shards if not name.endswith(".safetensors"))
    if others:
        raise ValueError(f"weights in {others[0]}")


def _with_attention(make: Any, *arguments: Any, **options: Any) -> Any:
    """Make a model with attention of torch; a configuration may ask for code from the hub."""
    try:
        return make(*arguments, attn_implementation="sdpa", **options)
    except ValueError as error:
        if "scaled_dot_product_attention" not in str(error):
            raise
        return make(*arguments, attn_implementation="eager", **options)


def _encoder_of(whole: Any) -> nn.Module:
    module = whole.get_encoder() if whole.config.is_encoder_decoder else whole
    if getattr(module, "pooler", None) is not None:
        # It makes a vector of the sentence, for a task that is not ours.
        module.pooler = None
    return module


def _limit(module: nn.Module, of_tokenizer: int) -> int | None:
    config: Any = module.config
    limits = [of_tokenizer] if of_tokenizer < NO_LIMIT else []
    positions = getattr(config, "max_position_embeddings", None)
    if isinstance(positions, int) and positions > 0:
        tables = (m for n, m in module.named_modules() if n.endswith("position_embeddings"))
        # Encoders after RoBERTa begin to count behind the row for padding.
        padding = [getattr(table, "padding_idx", None) for table in tables]
        unused = next((row + 1 for row in padding if row is not None), 0)
        limits.append(positions - unused)
    return min(limits, default=None)


def _is_of(missing: str, name: str) -> bool:
    """Whether a weight of the whole model is this one of its encoder."""
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
    """Keep the library from writing to the terminal; what is wrong is raised here."""
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
