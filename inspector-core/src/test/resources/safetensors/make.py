"""Makes numbers.safetensors: what PyTorch reads from every number format, and what it rounds float32 to."""
import torch
from safetensors.torch import save_file

g = torch.Generator().manual_seed(1)
out = {}


def codes(name, bits, dtype):
    """The raw codes as `dtype`, and their values as float64."""
    x = bits.view(dtype)
    out[name] = x.clone()
    out[name + ".value"] = x.to(torch.float64).clone()


def some16():
    edges = [0, 1, 0x3FF, 0x400, 0x3C00, 0x7BFF, 0x7C00, 0x7F7F, 0x7F80, 0x0080, 0x007F]
    edges += [e | 0x8000 for e in edges]
    r = torch.randint(0, 65536, (2048 - len(edges),), generator=g)
    return torch.cat([torch.tensor(edges), r]).to(torch.uint16)


codes("F16", some16(), torch.float16)
codes("BF16", some16(), torch.bfloat16)
all8 = torch.arange(256).to(torch.uint8)
codes("F8_E4M3", all8, torch.float8_e4m3fn)
codes("F8_E5M2", all8, torch.float8_e5m2)
codes("F32", torch.randn(64, generator=g), torch.float32)
codes("F64", torch.randn(64, generator=g, dtype=torch.float64), torch.float64)
for name, dtype in [("I64", torch.int64), ("I32", torch.int32), ("I16", torch.int16), ("I8", torch.int8)]:
    info = torch.iinfo(dtype)
    codes(name, torch.tensor([0, 1, -1, info.min, info.max, 42], dtype=dtype), dtype)
codes("U8", all8.clone(), torch.uint8)
codes("BOOL", torch.tensor([0, 1, 1, 0], dtype=torch.uint8), torch.bool)

# Rounding: normal numbers, exact ties of both formats, subnormals, overflow, specials.
r = torch.randint(0, 2**16, (2048,), generator=g)
ties16 = (torch.randint(0x38000, 0x47800, (512,), generator=g) << 12).to(torch.int64)
tiesb = (torch.randint(0, 2**17, (512,), generator=g) << 15).to(torch.int64)
small = torch.randint(0x33000000, 0x38900000, (512,), generator=g)
edge = torch.tensor([0x33000000, 0x33000001, 0x387FFFFF, 0x38800000, 0x477FE000, 0x477FEFFF, 0x477FF000,
                     0x7F7FFFFF, 0x7F800000, 0x7F7F8000, 0x7F7F7FFF, 0, 0x80000000, 0xFF800000])
bits = torch.cat([torch.randint(0, 2**32, (1024,), generator=g), ties16, tiesb, small, edge])
bits = bits[~((bits & 0x7FFFFFFF) > 0x7F800000)]
f = bits.to(torch.uint32).view(torch.float32)
out["round.F32"] = f
out["round.F16"] = f.to(torch.float16)
out["round.BF16"] = f.to(torch.bfloat16)
out["scalar"] = torch.tensor(1.5)
out["empty"] = torch.zeros(3, 0, 2)
save_file(out, "numbers.safetensors", metadata={"made by": "make.py", "ünïcode": "→ 日本語"})
