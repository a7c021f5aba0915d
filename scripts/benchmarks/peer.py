"""A peer of EngineBench: the same measurements of the same model on another program, as the same JSON.

usage: peer.py llama_cpp|transformers --model PATH --threads N --what load,prefill,decode

Prefill and decode are as in EngineBench: N tokens into an empty KV cache, logits of the last position; one more token,
greedily, after a prompt of 16. llama.cpp is called through the low-level interface of llama-cpp-python, which adds a
function call to each step.
"""

import argparse
import json
import time

PROMPT, DECODED, REPETITIONS = 16, 32, 7
SEQUENCES, WARM_UP = 4, 3  # of DECODED tokens each, after so many seconds


class LlamaCpp:
    def __init__(self, path, threads):
        import llama_cpp
        import numpy

        self.api, self.numpy = llama_cpp, numpy
        self.version = f"llama-cpp-python {llama_cpp.__version__}"
        silent = llama_cpp.llama_log_callback(lambda level, text, data: None)
        llama_cpp.llama_log_set(silent, None)
        self.keep = silent
        llama_cpp.llama_backend_init()
        self.system = llama_cpp.llama_print_system_info().decode()
        started = time.perf_counter()
        self.model = llama_cpp.llama_model_load_from_file(path.encode(), llama_cpp.llama_model_default_params())
        assert self.model, f"llama.cpp did not open {path}"
        c = llama_cpp.llama_context_default_params()
        c.n_ctx = c.n_batch = c.n_ubatch = 1024
        c.n_threads = c.n_threads_batch = threads
        self.context = llama_cpp.llama_init_from_model(self.model, c)
        assert self.context, f"llama.cpp made no context for {path}"
        self.vocab = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(self.model))
        self.load_ms = (time.perf_counter() - started) * 1000

    def clear(self):
        self.api.llama_memory_clear(self.api.llama_get_memory(self.context), True)

    def append(self, ids):
        """The most probable next token."""
        tokens = (self.api.llama_token * len(ids))(*ids)
        code = self.api.llama_decode(self.context, self.api.llama_batch_get_one(tokens, len(ids)))
        assert code == 0, f"llama_decode said {code}"
        logits = self.api.llama_get_logits_ith(self.context, -1)
        return int(self.numpy.ctypeslib.as_array(logits, (self.vocab,)).argmax())


class Transformers:
    def __init__(self, path, threads):
        import torch
        import transformers

        transformers.utils.logging.set_verbosity_error()
        self.torch = torch
        self.version = f"transformers {transformers.__version__}, PyTorch {torch.__version__}"
        self.system = ""
        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)
        started = time.perf_counter()
        self.model = transformers.AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()
        self.load_ms = (time.perf_counter() - started) * 1000
        self.vocab = self.model.config.vocab_size
        self.clear()

    def clear(self):
        self.cache = None

    def append(self, ids):
        out = self.model(self.torch.tensor([ids]), past_key_values=self.cache, use_cache=True, logits_to_keep=1)
        self.cache = out.past_key_values
        return int(out.logits[0, -1].argmax())


def timed(call):
    started = time.perf_counter()
    result = call()
    return result, (time.perf_counter() - started) * 1000


def prefill(peer, ids):
    peer.clear()
    return timed(lambda: peer.append(ids))[1]


def sequence(peer, ids):
    peer.clear()
    token, times, greedy = peer.append(ids[:PROMPT]), [], []
    for _ in range(DECODED):
        greedy.append(token)
        token, ms = timed(lambda: peer.append([token]))
        times.append(ms)
    return times, greedy


def decode(peer, ids):
    warm = time.perf_counter() + WARM_UP
    cold, greedy = sequence(peer, ids)
    while time.perf_counter() < warm:
        sequence(peer, ids)
    times = [ms for _ in range(SEQUENCES) for ms in sequence(peer, ids)[0]]
    return cold, times, greedy


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=["llama_cpp", "transformers"])
    parser.add_argument("--model", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--what", required=True)
    args = parser.parse_args()
    peer = {"llama_cpp": LlamaCpp, "transformers": Transformers}[args.peer](args.model, args.threads)
    _, first = timed(lambda: peer.append([1]))
    ids = [i * 7919 % peer.vocab for i in range(128)]
    result = {"version": peer.version, "system": peer.system, "load_ms": peer.load_ms}
    result["first_token_ms"] = peer.load_ms + first
    if "prefill" in args.what.split(","):
        result["prefill_128_ms"] = [prefill(peer, ids[:128]) for _ in range(1 + REPETITIONS)][1:]
    if "decode" in args.what.split(","):
        result["decode_cold_ms"], result["decode_ms"], result["greedy"] = decode(peer, ids)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
