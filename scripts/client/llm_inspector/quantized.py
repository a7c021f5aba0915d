"""Quantized is part of a weight under a quantization scheme."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple

import numpy as np
from numpy.typing import NDArray

from .tensors import parse_metadata, parse_safetensors


@dataclass(frozen=True)
class Quantized:
    """Part of a weight: each code beside what it was and what it stands for.

    Attributes:
        name: of the weight.
        format: of its tensor in the file, such as BF16 or Q4_K.
        shape: of the whole weight, as a matrix.
        scheme: name, definition and bits.
        rows, cols: first, and the one after the last.
        group_size: weights of a row that share a scale; 0 for 16-bit floats.
        first_group: the group of a row that the first scale belongs to.
        values: float32 [rows, cols].
        codes: [rows, cols]; for 16-bit floats the numbers themselves.
        scales: float32 [rows, groups], [1, 1] when the whole weight has one.
        zero_points: as scales; only asymmetric schemes.
        mins: as scales; only GGUF formats with mins.
        decoded: float32 [rows, cols].
        error: decoded - values; None for ``stored``, whose originals are not in the file.
    """

    name: str
    format: str
    shape: Tuple[int, int]
    scheme: Dict[str, Any]
    rows: Tuple[int, int]
    cols: Tuple[int, int]
    group_size: int
    first_group: int
    values: NDArray[np.float32]
    codes: NDArray[Any]
    scales: Optional[NDArray[np.float32]]
    zero_points: Optional[NDArray[np.uint8]]
    mins: Optional[NDArray[np.float32]]
    decoded: NDArray[np.float32]
    error: Optional[NDArray[np.float32]]

    @staticmethod
    def parse(data: bytes, where: str) -> "Quantized":
        """From the safetensors bytes of GET /models/{slug}/tensors/{name}?scheme=..."""
        tensors = parse_safetensors(data, where)
        about = parse_metadata(data, where)
        return Quantized(
            name=about["name"],
            format=about["format"],
            shape=_pair(about["shape"]),
            scheme=json.loads(about["scheme"]),
            rows=_pair(about["rows"]),
            cols=_pair(about["cols"]),
            group_size=int(about["group_size"]),
            first_group=int(about["first_group"]),
            values=tensors["values"],
            codes=tensors["codes"],
            scales=tensors.get("scales"),
            zero_points=tensors.get("zero_points"),
            mins=tensors.get("mins"),
            decoded=tensors["decoded"],
            error=tensors.get("error"),
        )


def _pair(text: str) -> Tuple[int, int]:
    first, second = json.loads(text)
    return int(first), int(second)
