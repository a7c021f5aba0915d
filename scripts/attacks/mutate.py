"""Mutations of files: of bytes, of JSON, and of the tags and lengths inside safetensors, GGUF and ONNX."""

import copy
import json
import re
import struct

#: Numbers that overflow something, as JSON texts.
NUMBERS = ["0", "-1", "1", "1e308", "1e999", "-1e999", "2147483648", "9223372036854775808", "-9223372036854775808"]
NUMBERS += ["4294967295", "0.5", "1e-320", "123456789012345678901234567890", "65536", "3"]
INTEGERS = [0, 1, -1, 2, 255, 2**15, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**62, 2**63 - 1, 2**63, 2**64 - 1]
OTHERS = [None, True, False, "", "x", [], {}, [[]], {"a": 1}, [0], ["a", 1, None], "\u0000", "\ud83d\ude00", "a" * 5000]
RAW = "\ue000"  # a string that begins so is written as it stands, without quotes
AGAIN = "\ue001"  # left out of what is written: a key that ends so is there twice


def of_bytes(rng, data, others):
    """Bytes changed without regard to what they mean."""
    data = bytearray(data)
    kind = rng.choice(["flip", "flips", "truncate", "extend", "number", "splice", "zero", "repeat", "insert"])
    at = place(rng, len(data))
    if kind == "flip":
        data[at] ^= 1 << rng.randrange(8)
    elif kind == "flips":
        for _ in range(rng.randrange(2, 40)):
            data[place(rng, len(data))] ^= 1 << rng.randrange(8)
    elif kind == "truncate":
        del data[at:]
    elif kind == "extend":
        data += rng.choice([b"\0", b"\xff", b" ", b"{", bytes(rng.randrange(256) for _ in range(16))]) * rng.choice([1, 64, 5000])
    elif kind == "number":
        width = rng.choice([1, 2, 4, 8])
        data[at : at + width] = (rng.choice(INTEGERS) % (1 << 8 * width)).to_bytes(width, "little")
    elif kind == "splice":
        other = rng.choice(others)
        data = data[:at] + bytearray(other)[rng.choice([at, place(rng, len(other))]) :]
    elif kind == "zero":
        data[at : at + rng.choice([1, 16, 512])] = bytes(rng.choice([1, 16, 512]))
    elif kind == "repeat":
        data[at:at] = data[at : at + rng.randrange(1, 400)] * rng.choice([1, 2, 50])
    else:
        data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 9)))
    return bytes(data), kind


def place(rng, length):
    """A position, as often as not near the beginning, where heads and lengths are."""
    if length < 2:
        return 0
    return rng.randrange(min(length, rng.choice([16, 64, 512, 4096, length, length, length])))


def paths(value, path=()):
    """The ways to every value inside a JSON value."""
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from paths(child, path + (key,))


def of_json(rng, value, others, extra=()):
    """The text of a JSON document of which one value, or a few, are changed."""
    value = copy.deepcopy(value)
    kinds = [change(rng, value, others, extra) for _ in range(rng.choice([1, 1, 1, 2, 3]))]
    text = json.dumps(value, ensure_ascii=rng.random() < 0.5)
    text = re.sub(r'"(?:\ue000|\\ue000)([^"]*)"', r"\1", text)
    text = re.sub(r"\ue001|\\ue001", "", text)
    return text.encode("utf-8", "surrogatepass"), "+".join(kinds)


def change(rng, value, others, extra):
    ways = [p for p in paths(value) if p]
    if not ways:
        return "none"
    # Shallow values decide more than the ten thousandth entry of a vocabulary.
    depth = rng.choice(sorted({len(p) for p in ways}))
    path = rng.choice([p for p in ways if len(p) == depth])
    parent = value
    for key in path[:-1]:
        parent = parent[key]
    key = path[-1]
    kind = rng.choice(["number", "number", "number", "type", "remove", "nest", "duplicate", "rename", "splice", "text", "long"])
    if kind == "number":
        parent[key] = RAW + rng.choice(NUMBERS)
    elif kind == "type":
        parent[key] = copy.deepcopy(rng.choice(OTHERS))
    elif kind == "remove":
        del parent[key]
    elif kind == "nest":
        depth = rng.choice([5, 200, 20000])
        parent[key] = RAW + rng.choice(["[" * depth + "]" * depth, "[" * depth])
    elif kind == "duplicate" and isinstance(parent, dict):
        parent[str(key) + AGAIN] = copy.deepcopy(rng.choice(OTHERS[:11]))
    elif kind == "rename" and isinstance(parent, dict):
        parent[rng.choice([str(key) + "x", "", "__proto__", "../x"])] = parent.pop(key)
    elif kind == "splice":
        other = rng.choice(others)
        way = rng.choice(list(paths(other)))
        for step in way:
            other = other[step]
        parent[key] = copy.deepcopy(other)
    elif kind == "text" and extra:
        parent[key] = rng.choice(extra)
    elif kind == "long":
        parent[key] = [parent[key]] * rng.choice([2, 1000]) if rng.random() < 0.5 else {str(i): parent[key] for i in range(300)}
        if len(json.dumps(parent[key])) > 300_000:
            parent[key] = []
    else:
        parent[key] = None
    return kind


def document(rng, data, others, extra=()):
    """A JSON file changed as JSON (three of four) or as bytes."""
    if rng.random() < 0.25:
        return of_bytes(rng, data, others)
    return of_json(rng, json.loads(data), [json.loads(o) for o in others], extra)


def safetensors(rng, data, others):
    """Half of them in the header as JSON, the rest in its length, or in any byte."""
    length = struct.unpack("<Q", data[:8])[0]
    header, body = data[8 : 8 + length], data[8 + length :]
    way = rng.random()
    if way < 0.45:
        heads = [o[8 : 8 + struct.unpack("<Q", o[:8])[0]] for o in others]
        changed, kind = document(rng, header, heads)
        told = len(changed) if rng.random() < 0.9 else rng.choice(INTEGERS) % 2**64
        return struct.pack("<Q", told) + changed + body, "header " + kind
    if way < 0.52:
        return struct.pack("<Q", rng.choice(INTEGERS + [length - 1, length + 1, len(data)]) % 2**64) + data[8:], "header length"
    if way < 0.75:
        values = bytearray(body)
        for _ in range(rng.choice([1, 50, 2000])):
            at = 4 * rng.randrange(len(values) // 4)
            values[at : at + 4] = struct.pack("<f", rng.choice([float("nan"), float("inf"), -float("inf"), 3e38, 1e-45, -0.0]))
        return data[: 8 + length] + bytes(values), "values"
    return of_bytes(rng, data, others)


def gguf(rng, data, others):
    """Half of them a number inside the metadata, the rest any byte."""
    if rng.random() < 0.5:
        return of_bytes(rng, data, others)
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 5])):
        at = rng.choice([4 * rng.randrange(6), rng.randrange(600), rng.randrange(min(len(data), 16000))])
        width = rng.choice([4, 8])
        changed[at : at + width] = (rng.choice(INTEGERS + [rng.randrange(40)]) % (1 << 8 * width)).to_bytes(width, "little")
    return bytes(changed[: len(data)]), "metadata number"


class Message:
    """A protobuf message as its fields: (number, wire type, value), where a value may be a message again."""

    def __init__(self, fields):
        self.fields = fields

    @staticmethod
    def parse(data, depth=0):
        """The message, or None where these bytes are none."""
        at, fields = 0, []
        while at < len(data):
            tag, at = varint(data, at)
            if tag is None or not 0 < tag >> 3 < 64:
                return None
            wire = tag & 7
            if wire == 0:
                value, at = varint(data, at)
            elif wire in (1, 5):
                value, at = data[at : at + (8 if wire == 1 else 4)], at + (8 if wire == 1 else 4)
            elif wire == 2:
                size, at = varint(data, at)
                if size is None or at + size > len(data):
                    return None
                value, at = data[at : at + size], at + size
                inner = Message.parse(value, depth + 1) if 2 <= size and depth < 7 and size != 4 else None
                value = inner if inner is not None and inner.bytes() == value else value
            else:
                return None
            if value is None or at > len(data):
                return None
            fields.append([tag >> 3, wire, value])
        return Message(fields)

    def bytes(self):
        out = bytearray()
        for number, wire, value in self.fields:
            out += written(number << 3 | wire)
            if wire == 0:
                out += written(value)
            elif wire == 2:
                content = value.bytes() if isinstance(value, Message) else value
                out += written(len(content)) + content
            else:
                out += value
        return bytes(out)

    def all(self):
        """Every field of every message inside, with the fields that it is one of."""
        for field in self.fields:
            yield self.fields, field
            if isinstance(field[2], Message):
                yield from field[2].all()


def varint(data, at):
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            return None, at
        value |= (data[at] & 127) << shift
        at += 1
        if data[at - 1] < 128:
            return value, at
    return None, at


def written(value):
    out = bytearray()
    value %= 2**64
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def onnx(rng, data, others):
    """Half of them a field of the graph changed, removed, copied or moved; the rest any byte."""
    if rng.random() < 0.4:
        return of_bytes(rng, data, others)
    model = Message.parse(data)
    kinds = []
    for _ in range(rng.choice([1, 1, 2, 4])):
        fields = list(model.all())
        siblings, field = rng.choice(fields)
        kind = rng.choice(["number", "number", "bytes", "remove", "copy", "swap", "tag", "nest"])
        if kind == "number":
            siblings, field = rng.choice([(s, f) for s, f in fields if f[1] == 0] or [(siblings, field)])
            if field[1] == 0:
                field[2] = rng.choice(INTEGERS + [rng.randrange(30)])
        elif kind == "bytes" and field[1] == 2:
            content = field[2].bytes() if isinstance(field[2], Message) else field[2]
            field[2] = of_bytes(rng, content, [content])[0] if content else b"x"
        elif kind == "remove":
            siblings.remove(field)
        elif kind == "copy":
            siblings.insert(rng.randrange(len(siblings) + 1), copy.deepcopy(field))
        elif kind == "swap":
            other = rng.choice(fields)[1]
            if field[1] == other[1] == 2 and not isinstance(field[2], Message) and not isinstance(other[2], Message):
                field[2], other[2] = other[2], field[2]
        elif kind == "tag":
            field[0] = rng.randrange(1, 30)
        elif kind == "nest" and isinstance(field[2], Message):
            content = field[2].bytes()
            for _ in range(rng.choice([3, 400])):
                content = written(field[0] << 3 | 2) + written(len(content)) + content
            if len(content) < 1 << 20:
                field[2] = content
        kinds.append(kind)
    return model.bytes(), "graph " + "+".join(kinds)
