"""Writes the .parquet files that ParquetGoldenTest reads, with pyarrow; expected.json has their rows.

usage: make_parquet.py FOLDER      (inspector-core/src/test/resources/golden/parquet; pip install pyarrow==26.0.1)
"""

import json
import pathlib
import sys

import pyarrow as pa
import pyarrow.parquet as pq

WORDS = "the cat sat on a mat and looked at café, naïve, 東京, Ελλάδα, 🙂 and \n a line".split(" ")


def text(i):
    """A text that comes from its number alone: some are the same, one is empty, some are long."""
    if i == 7:
        return ""
    return " ".join(WORDS[(i * 7 + j * (i % 5 + 1)) % len(WORDS)] for j in range(i % 23 + 1))


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    rows = [text(i) for i in range(120)]
    missing = [None if i % 5 == 2 or 40 <= i < 60 else t for i, t in enumerate(rows)]
    names = [f"doc-{i:04d}" for i in range(120)]
    large = [["x", 70_000], ["é", 40_000], ["short", 1]]
    named = {"rows": rows, "missing": missing, "none": [None] * 30, "empty": [], "few": rows[:6], "fewer": rows[:3] + [None]}
    named["large"] = [piece * times for piece, times in large]
    expected = {}

    def write(name, of, ids=None, required=False, strings=None, **options):
        texts, strings = named[of], strings or pa.string()
        columns, fields = [pa.array(texts, strings)], [pa.field("text", strings, nullable=not required)]
        if ids is not None:
            columns.append(pa.array(ids))
            fields.append(pa.field("id", columns[-1].type))
        # Columns before the text, so that its number among the leaves is not its number among the columns.
        before = pa.array([{"a": i, "b": [str(i)]} for i in range(len(texts))])
        table = pa.Table.from_arrays([before, *columns], schema=pa.schema([pa.field("meta", before.type), *fields]))
        pq.write_table(table, folder / f"{name}.parquet", **options)
        expected[name] = {"texts": of, "ids": None if ids is None else [str(i) for i in ids]}

    plain = {"use_dictionary": False, "compression": "none"}
    for codec in ("none", "snappy", "gzip", "zstd", "lz4"):
        write(f"{codec}-v1", "rows", compression=codec)
        write(f"{codec}-v2", "missing", compression=codec, data_page_version="2.0")
    write("plain-v1", "missing", **plain)
    write("plain-required", "rows", required=True, **plain)
    write("delta-length", "missing", column_encoding={"text": "DELTA_LENGTH_BYTE_ARRAY"}, **plain)
    write("delta-bytes", "missing", column_encoding={"text": "DELTA_BYTE_ARRAY"}, data_page_version="2.0", **plain)
    write("groups", "missing", ids=names, compression="zstd", row_group_size=50, data_page_size=256, write_batch_size=8)
    write("checksums", "rows", compression="snappy", write_page_checksum=True, data_page_size=512, write_batch_size=16)
    write("numbered", "rows", ids=[2**40 - i * i for i in range(120)], compression="gzip", row_group_size=70)
    write("numbered-delta", "rows", ids=[(-3) ** (i % 20) for i in range(120)], column_encoding={"id": "DELTA_BINARY_PACKED"}, **plain)
    write("large-strings", "large", strings=pa.large_string(), compression="zstd")
    write("missing", "none", compression="snappy")
    write("none-at-all", "empty", compression="snappy")
    write("tiny", "few", ids=list(range(6)), compression="snappy", data_page_version="2.0", store_schema=False)
    write("tiny-plain", "fewer", compression="none", store_schema=False)

    odd = pa.table({"text": [1.5, 2.5], "tokens": [[1, 2], [3]], "flag": [True, False], "body": ["a", "b"]})
    pq.write_table(odd, folder / "odd.parquet", compression="brotli")
    said = json.dumps({"texts": named | {"large": large}, "files": expected}, ensure_ascii=False, sort_keys=True)
    (folder / "expected.json").write_text(said + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
