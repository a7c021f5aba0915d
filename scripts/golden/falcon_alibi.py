#!/usr/bin/env python3
"""Makes the golden of a Falcon with ALiBi, by make_families.py with one mistake of the reference taken out.

Run:  python falcon_alibi.py MAKE_FAMILIES.py OUT_DIR SEED_OFFSET [field=value ...]     (needs torch, transformers, safetensors)
transformers 5.24's eager attention adds ALiBi twice: in FalconAttention, and once more in the mask that FalconModel makes. Its
SDPA attention, which is what it takes unless it is told otherwise, has it once, as Falcon-RW was trained. Here the mask of the
eager form holds nothing but what may be seen; that the logits are then those of SDPA is asserted.
"""
import importlib.util, json, os, sys
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM
from transformers.models.falcon import modeling_falcon as falcon

spec = importlib.util.spec_from_file_location("make_families", sys.argv[1])
make = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make)
forward = falcon.FalconAttention.forward


def once(self, hidden_states, alibi, attention_mask, *args, **kwargs):
    if alibi is not None and self.config._attn_implementation == "eager":
        attention_mask = torch.where(attention_mask < -1e30, attention_mask, 0.0)
    return forward(self, hidden_states, alibi, attention_mask, *args, **kwargs)


falcon.FalconAttention.forward = once
for pair in sys.argv[4:]:
    field, value = pair.split("=")
    make.F["falcon_rw"][1][field] = json.loads(value)
out, offset = sys.argv[2], sys.argv[3]
sys.argv = ["make_families.py", out, offset, "falcon_rw"]
make.main()
folder = os.path.join(out, "falcon_rw")
golden = load_file(folder + "/golden.safetensors")
sdpa = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="sdpa", dtype=torch.float32).eval()
with torch.no_grad():
    difference = float((sdpa(golden["input_ids"], use_cache=False).logits - golden["logits"]).abs().max())
assert difference < 1e-4, difference
print("SDPA's logits differ by", difference)
