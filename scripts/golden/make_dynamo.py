"""Exports the odd goldens as torch.onnx does with dynamo, where names say nothing of what a value is.

    python make_dynamo.py OUT        (inspector-core/src/test/resources/golden/dynamo)

Needs torch 2.15, transformers 5.24, onnx and onnxscript 0.7. OUT/FAMILY/ has model.onnx and the odd golden's config.json; what
transformers computes for it is that golden's. The odd Llama is missing: its RoPE depends on the length, which dynamo refuses.
Attention is PyTorch's fused one, but of Gemma 3 and SmolLM 3 it is transformers' own; Qwen 3 is of opset 23, where attention and
norms are single operators.
"""

import shutil
import sys
from pathlib import Path

import onnx
import torch
from transformers import AutoModelForCausalLM, DynamicCache

ODD = Path(__file__).parents[2] / "inspector-core/src/test/resources/golden/odd"
FAMILIES = ["gemma3", "gpt2", "gpt_neox", "olmo2", "phi3", "qwen3", "smollm3"]
EAGER = {"gemma3", "smollm3"}
OPSET = {"qwen3": 23}


class WithPast(torch.nn.Module):
    """A model whose keys and values are a list of tensors."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, position_ids, past):
        cache = DynamicCache()
        for i in range(len(past) // 2):
            cache.update(past[2 * i], past[2 * i + 1], i)
        out = self.model(input_ids=input_ids, attention_mask=attention_mask, position_ids=position_ids, past_key_values=cache, use_cache=True)
        return (out.logits, *(t for layer in out.past_key_values.layers for t in (layer.keys, layer.values)))


def export(family, folder):
    attention = "eager" if family in EAGER else "sdpa"
    model = AutoModelForCausalLM.from_pretrained(ODD / family, dtype=torch.float32, attn_implementation=attention)
    c = model.config
    heads = getattr(c, "num_key_value_heads", None) or c.num_attention_heads
    width = getattr(c, "head_dim", None) or c.hidden_size // c.num_attention_heads
    past = [torch.zeros(2, heads, 5, width) for _ in range(2 * c.num_hidden_layers)]
    names = [f"{i}.{part}" for i in range(c.num_hidden_layers) for part in ("key", "value")]
    tokens = {0: "batch_size", 1: "sequence_length"}
    program = torch.onnx.export(
        WithPast(model).eval(),
        (torch.ones(2, 3, dtype=torch.int64), torch.ones(2, 8, dtype=torch.int64), torch.arange(5, 8).repeat(2, 1), past),
        dynamo=True, opset_version=OPSET.get(family), external_data=False, verbose=False,
        dynamic_shapes=(tokens, {0: "batch_size", 1: "total_length"}, tokens, [{0: "batch_size", 2: "past_length"}] * len(past)),
        input_names=["input_ids", "attention_mask", "position_ids", *(f"past_key_values.{n}" for n in names)],
        output_names=["logits", *(f"present.{n}" for n in names)])
    proto = program.model_proto
    for part in [proto, proto.graph, *proto.graph.node, *proto.graph.input, *proto.graph.output, *proto.graph.initializer]:
        part.ClearField("metadata_props")  # where in Python each came from: most of the file
    del proto.graph.value_info[:]
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(proto, folder / "model.onnx")
    shutil.copy(ODD / family / "config.json", folder)


if __name__ == "__main__":
    for family in FAMILIES:
        export(family, Path(sys.argv[1]) / family)
