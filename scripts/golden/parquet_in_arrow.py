"""Reads tables that the server wrote in pyarrow, and says what they have: `sweep.parquet(...)`, or GET /sweeps/{id}/results/{kind}.

    python scripts/golden/parquet_in_arrow.py FILE.parquet... [--same FILE.safetensors PREFIX]

Needs pyarrow. With --same, numpy and safetensors too: every column of the last table must be the tensor PREFIX/COLUMN.
"""

import sys

import pyarrow.parquet as pq


def main():
    files, _, same = " ".join(sys.argv[1:]).partition(" --same ")
    for file in files.split(" "):
        table = pq.read_table(file)
        print(f"{file}: {table.num_rows} rows of " + ", ".join(f"{f.name} ({f.type})" for f in table.schema))
    if not same:
        return
    import numpy as np
    from safetensors.numpy import load_file

    path, prefix = same.split(" ")
    tensors = load_file(path)
    for name in table.column_names:
        tensor, _, place = name.rpartition("_")
        wide = f"{prefix}/{name}" not in tensors
        expected = tensors[f"{prefix}/{tensor if wide else name}"]
        expected = expected[:, int(place)] if wide else expected
        np.testing.assert_array_equal(table[name].to_numpy(), expected)
    print(f"{len(table.column_names)} columns are the tensors of {path}")


if __name__ == "__main__":
    main()
