"""Makes inspector-core/src/test/resources/heads.json: what TransformerLens says of the heads of two tiny goldens.

detect_head's scores on repeated random tokens and on some others, every part's direct effect on a logit, and composition
scores, of golden/hf/gpt2 and golden/hf/llama.

Run: python scripts/golden/make_heads.py   (needs torch, transformers and transformer_lens 4)
"""
import importlib.metadata
import json
import pathlib
import tempfile

import tokenizers
import torch
import transformers
from transformer_lens.head_detector import detect_head
from transformer_lens.model_bridge import TransformerBridge

RESOURCES = pathlib.Path(__file__).resolve().parents[2] / "inspector-core/src/test/resources"
NAMES = ["previous_token", "duplicate_token", "induction"]
FIRST = [1, 17, 60, 33, 8, 91, 45, 12]
TEXTS = {"repeated": FIRST + FIRST, "some": [1, 5, 9, 2, 9, 7, 5, 9, 11, 3]}


def unused() -> transformers.PreTrainedTokenizerFast:
    """The bridge wants a tokenizer; nothing is ever put to it but ids."""
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"<s>": 0, "</s>": 1, "<unk>": 2}, unk_token="<unk>"))
    made = transformers.PreTrainedTokenizerFast(tokenizer_object=words, bos_token="<s>", eos_token="</s>", pad_token="</s>")
    folder = tempfile.mkdtemp()
    made.save_pretrained(folder)
    return transformers.AutoTokenizer.from_pretrained(folder)


def of(folder: pathlib.Path) -> dict:
    torch.manual_seed(0)
    hf, plain = (  # the bridge changes its own in place
        transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
        for _ in range(2)
    )
    model = TransformerBridge.boot_transformers(str(folder), hf_model=hf, tokenizer=unused(), dtype=torch.float32)
    model.enable_compatibility_mode(no_processing=True)
    texts = {}
    for name, ids in TEXTS.items():
        tokens = torch.tensor([ids])
        model.to_tokens = lambda seq: seq  # ids are given
        with torch.no_grad():
            logits, cache = model.run_with_cache(tokens, remove_batch_dim=False)
        patterns = {("pattern", i, "attn"): cache["pattern", i][0] for i in range(model.cfg.n_layers)}
        detect = {}
        for head in NAMES:
            for measure in ("mul", "abs"):
                scores = detect_head(model, tokens, f"{head}_head", cache=patterns, error_measure=measure)
                detect[f"{head}/{measure}"] = [[float(x) for x in row] for row in scores]
        # Every part of the residual stream at the last position, through the final norm with its scale frozen.
        target = int(logits[0, -1].argmax())
        unembed = plain.get_output_embeddings().weight[target]
        final = plain.base_model.ln_f if hasattr(plain.base_model, "ln_f") else plain.base_model.norm
        last = cache["resid_post", model.cfg.n_layers - 1][0, -1]
        layer_norm = isinstance(final, torch.nn.LayerNorm)
        scale = torch.sqrt(
            (last - last.mean()).pow(2).mean() + final.eps if layer_norm else last.pow(2).mean() + final.variance_epsilon
        )

        def effect(x):
            return float(((x - x.mean() if layer_norm else x) / scale * final.weight) @ unembed)

        heads, rests, mlps = [], [], []
        for i in range(model.cfg.n_layers):
            z = cache["z", i][0, -1]
            w = model.blocks[i].attn.W_O  # [head, d_head, d_model]
            results = torch.einsum("hd,hdm->hm", z.reshape(w.shape[0], w.shape[1]), w)
            heads.append([effect(r) for r in results])
            rests.append(effect(cache["attn_out", i][0, -1] - results.sum(0)))
            mlps.append(effect(cache["mlp_out", i][0, -1]))
        embed = effect(cache["resid_pre", 0][0, -1])
        constant = float(final.bias @ unembed) if layer_norm else 0.0
        total = embed + sum(map(sum, heads)) + sum(rests) + sum(mlps) + constant
        logit = float(logits[0, -1, target])
        assert abs(total - logit) < 1e-4, (total, logit)
        texts[name] = dict(ids=ids, detect=detect, target=target, logit=logit, embed=embed, heads=heads, mlps=mlps,
                           rests=rests, constant=constant)
    composition = {m: model.all_composition_scores(m).scores.tolist() for m in "QKV"}
    return dict(texts=texts, composition=composition)


if __name__ == "__main__":
    with torch.no_grad():
        models = {name: of(RESOURCES / "golden/hf" / name) for name in ("gpt2", "llama")}
    out = dict(transformer_lens=importlib.metadata.version("transformer_lens"), models=models)
    text = json.dumps(out, indent=None, separators=(",", ":"))
    (RESOURCES / "heads.json").write_text(text + "\n")
    print(len(text), {n: {t: (v["target"], v["logit"]) for t, v in m["texts"].items()} for n, m in models.items()})
