"""Reads an importance matrix in gguf-py, as llama-quantize does, and says what it has.

    python scripts/golden/imatrix_in_gguf.py IMATRIX.gguf [MODEL.gguf]

Needs gguf. Fails unless the file is one that llama-quantize takes: its type, datasets, chunks, and for each matrix in_sum2 and counts in
F32 of fitting sizes. With MODEL, each matrix of its blocks must have as many inputs as in_sum2, and those without one are named.
"""

import sys

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader


def main():
    imatrix = GGUFReader(sys.argv[1])
    text = lambda key: imatrix.fields[key].contents()
    assert text("general.type") == "imatrix", text("general.type")
    print(f"{text('imatrix.chunk_count')} chunks of {text('imatrix.chunk_size')} tokens, of {', '.join(text('imatrix.datasets'))}")
    tensors = {t.name: t for t in imatrix.tensors}
    means = {}
    for name, t in tensors.items():
        assert t.tensor_type == GGMLQuantizationType.F32, name
        if not name.endswith(".in_sum2"):
            assert name.endswith(".counts") and name.replace(".counts", ".in_sum2") in tensors, name
            continue
        counts = tensors[name.replace(".in_sum2", ".counts")]
        assert list(counts.shape) == [1, *t.shape[1:]], (name, counts.shape, t.shape)  # columns first
        n = np.array(counts.data, np.float64).reshape(-1, 1)
        sums = np.array(t.data, np.float64).reshape(len(n), -1)
        assert np.isfinite(sums).all() and (sums >= 0).all() and (n >= 0).all(), name
        means[name.removesuffix(".in_sum2")] = np.where(n > 0, sums / np.maximum(n, 1), 1)
    print(f"{len(means)} matrices, mean square of an input {np.mean([m.mean() for m in means.values()]):.4g}")
    if len(sys.argv) < 3:
        return
    without = []
    for t in GGUFReader(sys.argv[2]).tensors:
        if not t.name.startswith("blk.") or len(t.shape) < 2:
            continue
        if t.name not in means:
            without.append(t.name)
            continue
        experts, inputs = means[t.name].shape
        assert inputs == t.shape[0] and experts == (t.shape[2] if len(t.shape) > 2 else 1), (t.name, t.shape)
    print("without: " + (", ".join(without) or "none"))


if __name__ == "__main__":
    main()
