#!/usr/bin/env python3
"""Makes golden/mxfp4/weight.gguf: one tensor in MXFP4 and, beside it, what gguf-py decodes it to.

    python scripts/golden/make_gguf_mxfp4.py

Every one of the 256 scales that a block can have stands with every level. Needs: gguf, safetensors, numpy.
"""

import pathlib

import gguf
import numpy as np
from safetensors.numpy import save_file

folder = pathlib.Path(__file__).resolve().parents[2] / "inspector-core/src/test/resources/golden/mxfp4"
rng = np.random.default_rng(0)
blocks = rng.integers(0, 256, size=(64, 4, 17), dtype=np.uint8)  # 64 rows of 4 blocks: a scale, 16 x two weights
blocks[..., 0] = np.arange(256, dtype=np.uint8).reshape(64, 4)
writer = gguf.GGUFWriter(folder / "weight.gguf", "llama")
writer.add_tensor("weight", blocks.reshape(64, 68), raw_dtype=gguf.GGMLQuantizationType.MXFP4)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
values = gguf.dequantize(blocks.reshape(64, 68), gguf.GGMLQuantizationType.MXFP4)
save_file({"weight": values.astype(np.float32)}, folder / "weight.golden.safetensors")
print(values.shape, np.isfinite(values).all(), len(np.unique(values)))
