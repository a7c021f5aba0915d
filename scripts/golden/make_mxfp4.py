#!/usr/bin/env python3
"""Makes the golden of a gpt-oss whose experts are in MXFP4, as openai/gpt-oss-20b has them, by make_families.py.

Run:  python make_mxfp4.py MAKE_FAMILIES.py OUT_DIR SEED_OFFSET     (needs torch, transformers, accelerate, safetensors)
The experts of make_families.py's gpt_oss are rounded to MXFP4 (OCP Microscaling Formats 1.0: 32 weights share a power of two, each
has a sign, two bits of exponent and one of mantissa) before anything is computed with them; the model's file then has their
blocks and scales in the place of the values. That transformers itself reads the same experts, and logits, from it is asserted.
"""
import importlib.util, json, os, sys
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, Mxfp4Config

spec = importlib.util.spec_from_file_location("make_families", sys.argv[1])
make = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make)
LEVELS = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6])
make.F["gpt_oss"][1]["intermediate_size"] = 64  # whole groups of 32
plain = make.build


def codes(w):
    """[expert, out, in] to codes of 4 bits [expert, out, group, 32] and the powers of two [expert, out, group]."""
    w = w.float().reshape(*w.shape[:-1], -1, 32)
    power = torch.floor(torch.log2(w.abs().amax(-1))) - 2  # the largest level is 6, of which the exponent is 2
    level = (w.abs() / torch.exp2(power)[..., None]).clamp(max=6)
    code = (level[..., None] - LEVELS).abs().argmin(-1)
    return torch.where(w < 0, code + 8, code), power


def values(code, power):
    return (torch.cat([LEVELS, -LEVELS])[code] * torch.exp2(power)[..., None]).flatten(-2)


def build(name, held):
    m = plain(name, held)
    with torch.no_grad():
        for layer in m.model.layers:
            for p in (layer.mlp.experts.gate_up_proj, layer.mlp.experts.down_proj):
                p.copy_(values(*codes(p.transpose(1, 2))).transpose(1, 2))
    return m


make.build = build
out, offset = sys.argv[2], sys.argv[3]
sys.argv = ["make_families.py", out, offset, "gpt_oss"]
make.main()
folder = os.path.join(out, "gpt_oss_mxfp4")
os.rename(os.path.join(out, "gpt_oss"), folder)
packed = {}
for name, t in load_file(folder + "/model.safetensors").items():
    if not name.endswith(("experts.gate_up_proj", "experts.down_proj")):
        packed[name] = t
        continue
    code, power = codes(t.transpose(1, 2))
    assert torch.equal(values(code, power), t.transpose(1, 2)), name  # rounding again changes nothing
    packed[name + "_blocks"] = (code[..., 0::2] | (code[..., 1::2] << 4)).to(torch.uint8).contiguous()
    packed[name + "_scales"] = (power + 127).to(torch.uint8).contiguous()
save_file(packed, folder + "/model.safetensors", metadata={"format": "pt"})
config = json.load(open(folder + "/config.json"))
config["quantization_config"] = {
    "modules_to_not_convert": ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"],
    "quant_method": "mxfp4",
}
json.dump(config, open(folder + "/config.json", "w"), indent=2)
golden = load_file(folder + "/golden.safetensors")
theirs = AutoModelForCausalLM.from_pretrained(
    folder, attn_implementation="eager", experts_implementation="eager", dtype=torch.float32, quantization_config=Mxfp4Config(dequantize=True)
).eval()
own = theirs.model.layers[1].mlp.experts.gate_up_proj
code, power = codes(own.detach().transpose(1, 2))
name = "model.layers.1.mlp.experts.gate_up_proj"
assert torch.equal((code[..., 0::2] | (code[..., 1::2] << 4)).to(torch.uint8), packed[name + "_blocks"]), "other experts"
assert torch.equal((power + 127).to(torch.uint8), packed[name + "_scales"]), "other scales"
with torch.no_grad():
    difference = float((theirs.float()(golden["input_ids"], use_cache=False).logits - golden["logits"]).abs().max())
assert difference < 1e-4, difference
print("the packed file's logits differ by", difference)
