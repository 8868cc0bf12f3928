"""Fields of JSON records as columns of a table, whatever their values are."""

import base64
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ner.bulk.places import EXTRA, PURPOSE
from ner.data.lines import replace_surrogates
from ner.extras import require

Record = Mapping[str, Any]

# The type of a field whose values have none in common: they become JSON texts.
AS_JSON = None


def column_types(blocks: Iterable[Sequence[Record]]) -> dict[str, Any]:
    """Return the type of each field, in the order in which fields appear.

    Args:
        blocks: The records, block after block.
    """
    pa = require("pyarrow", PURPOSE, EXTRA)
    found: dict[str, Any] = {}
    for records in blocks:
        for name in dict.fromkeys(name for record in records for name in record):
            known = found.get(name, pa.null())
            if known is not AS_JSON:
                found[name] = _joined(pa, known, [record.get(name) for record in records])
    return found


def as_table(records: Sequence[Record], types: Mapping[str, Any]) -> Any:
    """Return records as a table whose columns have the types of `column_types`."""
    pa = require("pyarrow", PURPOSE, EXTRA)
    columns = [
        _column(pa, [record.get(name) for record in records], kind) for name, kind in types.items()
    ]
    return pa.table(columns, names=list(types))


def _joined(pa: Any, known: Any, values: list[Any]) -> Any:
    """Return a type for values of a known type and other values."""
    try:
        own = _column(pa, values, ...)
        schemas = [pa.schema({"field": kind}) for kind in (known, own.type)]
        kind = pa.unify_schemas(schemas, promote_options="permissive").field("field").type
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        return AS_JSON
    return AS_JSON if _has_empty_struct(pa, kind) else kind


def _column(pa: Any, values: list[Any], kind: Any) -> Any:
    """Return values as an array of a type; `...` finds the type."""
    if kind is AS_JSON:
        return pa.array([None if v is None else json.dumps(v) for v in values], pa.string())
    options = () if kind is ... else (kind,)
    try:
        return pa.array(values, *options)
    except UnicodeEncodeError:
        return pa.array([_encodable(value) for value in values], *options)


def _encodable(value: Any) -> Any:
    """Replace halves of UTF-16 pairs, which no column can hold."""
    if isinstance(value, str):
        return replace_surrogates(value)
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    if isinstance(value, dict):
        return {replace_surrogates(name): _encodable(item) for name, item in value.items()}
    return value


def _has_empty_struct(pa: Any, kind: Any) -> bool:
    """Whether a type has a struct without fields, which no parquet file can hold."""
    if pa.types.is_struct(kind) and not kind.num_fields:
        return True
    if pa.types.is_struct(kind) or pa.types.is_list(kind):
        return any(_has_empty_struct(pa, kind.field(i).type) for i in range(kind.num_fields))
    return False


def json_ready(value: Any) -> Any:
    """Return a value of a table as JSON can hold it: times, bytes and numbers as texts."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: json_ready(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_ready(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
