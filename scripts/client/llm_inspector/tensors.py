"""Safetensors bytes to numpy arrays (https://huggingface.co/docs/safetensors: 8 bytes of length, JSON, data)."""

from __future__ import annotations

import json
import os
from typing import Any, Dict, Tuple, Union

import numpy as np
from numpy.typing import NDArray

from .problem import InspectorProblem

_DTYPES: Dict[str, str] = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U8": "|u1",
    "BOOL": "|b1",
}


def load(path: Union[str, "os.PathLike[str]"]) -> Dict[str, NDArray[Any]]:
    """The tensors of a safetensors file, such as ``inspector run --out run.safetensors`` writes."""
    with open(path, "rb") as file:
        return parse_safetensors(file.read(), os.fspath(path))


def parse_safetensors(data: bytes, where: str = "safetensors") -> Dict[str, NDArray[Any]]:
    """The tensors in safetensors bytes, by name. BF16, which numpy lacks, becomes float32 without loss."""
    header, start = _header(data, where)
    header.pop("__metadata__", None)
    return {name: _tensor(data, start, name, entry, where) for name, entry in header.items()}


def parse_metadata(data: bytes, where: str = "safetensors") -> Dict[str, str]:
    """The texts that safetensors bytes carry beside their tensors."""
    return dict(_header(data, where)[0].get("__metadata__", {}))


def _header(data: bytes, where: str) -> Tuple[Dict[str, Any], int]:
    """The header, and where the data after it begins."""
    if len(data) < 8:
        raise _broken(where, "8 bytes of header length", f"{len(data)} bytes")
    length = int.from_bytes(data[:8], "little")
    if 8 + length > len(data):
        raise _broken(where, f"a header of {length} bytes", f"{len(data) - 8} bytes")
    try:
        return json.loads(data[8 : 8 + length]), 8 + length
    except ValueError as e:
        raise _broken(where, "a JSON header", str(e)) from None


def _tensor(data: bytes, start: int, name: str, entry: Dict[str, Any], where: str) -> NDArray[Any]:
    dtype = entry["dtype"]
    if dtype not in _DTYPES:
        raise _broken(f"{where}, tensor {name}", "one of " + ", ".join(_DTYPES), dtype)
    begin, end = entry["data_offsets"]
    count = int(np.prod(entry["shape"], dtype=np.int64))
    numpy_dtype = np.dtype(_DTYPES[dtype])
    if end - begin != count * numpy_dtype.itemsize or start + end > len(data):
        raise _broken(
            f"{where}, tensor {name}",
            f"{count * numpy_dtype.itemsize} bytes",
            f"{max(0, min(start + end, len(data)) - start - begin)} bytes",
        )
    values: NDArray[Any] = np.frombuffer(data, numpy_dtype, count, start + begin)
    if dtype == "BF16":  # the upper half of a float32
        values = (values.astype("<u4") << 16).view("<f4")
    else:
        values = values.copy()  # writable, aligned, and not keeping the whole response alive
    return values.reshape(entry["shape"])


def _broken(where: str, expected: str, found: str) -> InspectorProblem:
    return InspectorProblem("not a whole safetensors file", where, expected, found)
