"""Reads GGUF files in llama.cpp and compares its logits with the goldens'.

    python scripts/golden/gguf_in_llama_cpp.py FILE:GOLDEN ...

FILE is a .gguf, GOLDEN the folder of golden.safetensors or that file. Needs llama-cpp-python (LLAMA_CPP_LIB_PATH for another build of
the library) and safetensors. Per file one line: the largest difference of a logit from transformers' over the prompt, the largest of
transformers' logits, the first position of a difference above 0.05, positions at which the likeliest token differs, and how many of the
golden's greedy tokens are the likeliest.
The cache is F32 and attention is computed in full, as here. A file that llama.cpp refuses is reported with what it says.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np


def golden(path):
    from safetensors.numpy import load_file

    path = Path(path)
    return load_file(path / "golden.safetensors" if path.is_dir() else path)


def logits(file, tokens, vocab_size):
    import llama_cpp as lib

    said = []
    level = {"error": 4}

    @lib.llama_log_callback
    def log(at, text, _):
        if at >= level["error"] or b"error" in text:
            said.append(text.decode("utf-8", "replace").strip())

    lib.llama_log_set(log, None)
    lib.llama_backend_init()
    params = lib.llama_model_default_params()
    params.n_gpu_layers = 0
    model = lib.llama_model_load_from_file(str(file).encode(), params)
    if not model:
        raise ValueError(" ".join(said)[:300])
    context = lib.llama_context_default_params()
    context.n_ctx = context.n_batch = context.n_ubatch = 256
    context.n_threads = context.n_threads_batch = 1
    context.type_k = context.type_v = 0  # F32
    context.flash_attn_type = 0  # off
    ctx = lib.llama_init_from_model(model, context)
    if not ctx:
        raise ValueError(" ".join(said)[:300])
    rows = lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(model))
    if rows != vocab_size:
        raise ValueError(f"{rows} tokens in the vocabulary, {vocab_size} logits in the golden")
    batch = lib.llama_batch_init(len(tokens), 0, 1)
    batch.n_tokens = len(tokens)
    for i, token in enumerate(tokens):
        batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.seq_id[i][0], batch.logits[i] = token, i, 1, 0, 1
    status = lib.llama_decode(ctx, batch)
    if status:
        raise ValueError(f"llama_decode answers {status} " + " ".join(said)[:300])
    out = np.ctypeslib.as_array(lib.llama_get_logits(ctx), (len(tokens), rows)).copy()
    return out


def report(file, path):
    g = golden(path)
    prompt = g["input_ids"].reshape(-1).astype(int).tolist()
    greedy = g["greedy_ids"].reshape(-1).astype(int).tolist()
    theirs = g["logits"].reshape(len(prompt), -1)
    ours = logits(file, prompt + greedy[:-1], theirs.shape[1])
    difference = np.abs(ours[: len(prompt)] - theirs)
    other = int((ours[: len(prompt)].argmax(1) != theirs.argmax(1)).sum())
    close = difference.max(1) < 0.05
    until = len(prompt) if close.all() else int(close.argmin())
    same = int((ours[len(prompt) - 1 :].argmax(1) == np.array(greedy)).sum())
    most = f"{difference.max():.2e} of {np.abs(theirs).max():.2f}, within 0.05 to position {until} of {len(prompt)}"
    return f"{most}, {other} likeliest tokens differ, greedy {same} of {len(greedy)}"


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--one":
        print(report(*sys.argv[2].rsplit(":", 1)))
        return
    for pair in sys.argv[1:]:
        # llama.cpp ends its process where an assertion fails.
        quiet = {**os.environ, "GGML_NO_BACKTRACE": "1"}
        done = subprocess.run([sys.executable, __file__, "--one", pair], capture_output=True, text=True, env=quiet)
        lines = (done.stdout if done.returncode == 0 else done.stderr + done.stdout).strip().splitlines()
        said = [line for line in lines if "GGML_ASSERT" in line or "fatal error" in line] or lines[-1:] or [f"exit status {done.returncode}"]
        print(Path(pair.rsplit(":", 1)[0]).stem, "|", said[0], flush=True)


if __name__ == "__main__":
    main()
