"""Writes listing.txt: the cache as huggingface_hub leaves it after a snapshot_download from TestHub. See README.md."""

import os
import sys
import tempfile
from pathlib import Path

cache = Path(tempfile.mkdtemp())
os.environ.update(HF_HUB_CACHE=str(cache), HF_ENDPOINT=sys.argv[1], HF_HUB_DISABLE_TELEMETRY="1")

from huggingface_hub import snapshot_download  # noqa: E402  (reads the environment when it is imported)

snapshot_download(
    "tiny/llama",
    allow_patterns=["config.json", "generation_config.json", "token*.json", "special_tokens_map.json", "*.jinja", "model.safetensors"],
    ignore_patterns=["onnx/*"],
)

lines = []
for path in cache.rglob("*"):
    name = path.relative_to(cache).as_posix()
    if ".locks" in name or "/trees" in name:
        continue
    if path.is_symlink():
        lines.append(f"{name} -> {os.readlink(path)}")
    elif "/refs/" in name and path.is_file():
        lines.append(f"{name} = {path.read_text()}")
    elif path.is_file():
        lines.append(f"{name} {path.stat().st_size}")
Path(__file__).with_name("listing.txt").write_text("\n".join(sorted(lines)) + "\n")
