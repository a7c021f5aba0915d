#!/usr/bin/env python3
"""Makes the chat templates that the tests use, and what transformers writes with them.

    python scripts/golden/make_chat.py inspector-core/src/test/resources/chat

FAMILY/    tokenizer_config.json (or chat_template.jinja) with a template of our own in the manner of that family, and
           golden.json: conversations, with and without the generation prompt, and the text or the error
jinja.json small templates that each try one thing of Jinja2's, and templates of random whitespace

The clock of strftime_now stands at 2025-11-25 09:05:07. Needs: transformers, tokenizers, jinja2.
"""

import datetime
import json
import random
import sys
from pathlib import Path

import transformers.utils.chat_template_utils as chat
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2025, 11, 25, 9, 5, 7)


chat.datetime = Clock

CHATML = """{%- if tools %}
{{- '<|im_start|>system\\n# Tools\\n' }}
{%- for tool in tools %}
{{- "\\n" }}{{- tool | tojson }}
{%- endfor %}
{{- '<|im_end|>\\n' }}
{%- elif messages[0]['role'] != 'system' %}
{{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system") or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {{- '<|im_start|>' + message.role }}
        {%- if message.content %}
            {{- '\\n' + message.content }}
        {%- endif %}
        {%- for tool_call in message.tool_calls %}
            {%- if tool_call.function is defined %}
                {%- set tool_call = tool_call.function %}
            {%- endif %}
            {{- '\\n<tool_call>\\n{"name": "' }}{{- tool_call.name }}{{- '", "arguments": ' }}{{- tool_call.arguments | tojson }}{{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\\n<tool_response>\\n' }}{{- message.content }}{{- '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}
            {{- '<|im_end|>\\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""

SIMPLE = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are small and helpful<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

LLAMA3 = """{{- bos_token }}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{%- if not tools is defined %}
    {%- set tools = none %}
{%- endif %}

{#- The system message, or an empty one. #}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if tools is not none %}
    {{- "Environment: ipython\\n" }}
{%- endif %}
{{- "Today Date: " + date_string + "\\n\\n" }}
{%- if tools is not none %}
    {%- for t in tools %}
        {{- t | tojson(indent=4) }}
        {{- "\\n\\n" }}
    {%- endfor %}
{%- endif %}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}
            {{- raise_exception("This model only supports single tool-calls at once!") }}
        {%- endif %}
        {%- set tool_call = message.tool_calls[0].function %}
        {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}
        {{- '{"name": "' + tool_call.name + '", ' }}
        {{- '"parameters": ' }}
        {{- tool_call.arguments | tojson }}
        {{- "}" }}
        {{- "<|eot_id|>" }}
    {%- elif message.role == "tool" or message.role == "ipython" %}
        {{- "<|start_header_id|>ipython<|end_header_id|>\\n\\n" }}
        {%- if message.content is mapping or message.content is iterable %}
            {{- message.content | tojson }}
        {%- else %}
            {{- message.content }}
        {%- endif %}
        {{- "<|eot_id|>" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""

GEMMA2 = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}"
    "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}"
)

GEMMA3 = """{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {%- if messages[0]['content'] is string -%}
        {%- set first_user_prefix = messages[0]['content'] + '\\n\\n' -%}
    {%- else -%}
        {%- set first_user_prefix = messages[0]['content'][0]['text'] + '\\n\\n' -%}
    {%- endif -%}
    {%- set loop_messages = messages[1:] -%}
{%- else -%}
    {%- set first_user_prefix = "" -%}
    {%- set loop_messages = messages -%}
{%- endif -%}
{%- for message in loop_messages -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
        {{ raise_exception("Conversation roles must alternate user/assistant/user/assistant/...") }}
    {%- endif -%}
    {%- if (message['role'] == 'assistant') -%}
        {%- set role = "model" -%}
    {%- else -%}
        {%- set role = message['role'] -%}
    {%- endif -%}
    {{ '<start_of_turn>' + role + '\\n' + (first_user_prefix if loop.first else "") }}
    {%- if message['content'] is string -%}
        {{ message['content'] | trim }}
    {%- elif message['content'] is iterable -%}
        {%- for item in message['content'] -%}
            {%- if item['type'] == 'image' -%}
                {{ '<start_of_image>' }}
            {%- elif item['type'] == 'text' -%}
                {{ item['text'] | trim }}
            {%- endif -%}
        {%- endfor -%}
    {%- else -%}
        {{ raise_exception("Invalid content type") }}
    {%- endif -%}
    {{ '<end_of_turn>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{'<start_of_turn>model\\n'}}
{%- endif -%}
"""

ZEPHYR = (
    "{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\n' + message['content'] + eos_token }}\n"
    "{% elif message['role'] == 'system' %}\n{{ '<|system|>\n' + message['content'] + eos_token }}\n"
    "{% elif message['role'] == 'assistant' %}\n{{ '<|assistant|>\n'  + message['content'] + eos_token }}\n{% endif %}\n"
    "{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}"
)

MISTRAL = """{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{%- set ns = namespace() %}
{%- set ns.index = 0 %}
{%- for message in loop_messages %}
    {%- if not (message.role == "tool" or (message.tool_calls is defined and message.tool_calls is not none)) %}
        {%- if (message["role"] == "user") != (ns.index % 2 == 0) %}
            {{- raise_exception("After the optional system message, conversation roles must alternate user/assistant/user/assistant/...") }}
        {%- endif %}
        {%- set ns.index = ns.index + 1 %}
    {%- endif %}
{%- endfor %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- elif message["role"] == "assistant" %}
        {{- " " + message["content"]|trim + eos_token}}
    {%- else %}
        {{- raise_exception("Only user and assistant roles are supported, with the exception of an initial optional system message!") }}
    {%- endif %}
{%- endfor %}
"""

LLAMA2 = (
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}"
    "{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}"
    "{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if loop.index0 == 0 and system_message != false %}"
    "{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}"
    "{% else %}{% set content = message['content'] %}{% endif %}"
    "{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ ' '  + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"
)

PHI3 = (
    "{% for message in messages %}{% if message['role'] == 'system' %}{{'<|system|>\n' + message['content'] + '<|end|>\n'}}"
    "{% elif message['role'] == 'user' %}{{'<|user|>\n' + message['content'] + '<|end|>\n'}}"
    "{% elif message['role'] == 'assistant' %}{{'<|assistant|>\n' + message['content'] + '<|end|>\n'}}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}"
)

THINKING = """{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step_tool = false %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is string %}
        {%- set content = message.content %}
    {%- else %}
        {%- set content = '' %}
    {%- endif %}
    {%- if message.role == "assistant" %}
        {%- set reasoning_content = '' %}
        {%- if message.reasoning_content is string %}
            {%- set reasoning_content = message.reasoning_content %}
        {%- elif '</think>' in content %}
            {%- set reasoning_content = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {%- if loop.index0 > ns.last_query_index and (loop.last or (not loop.last and reasoning_content)) %}
            {{- '<|im_start|>' + message.role + '\\n<think>\\n' + reasoning_content.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}
        {%- else %}
            {{- '<|im_start|>' + message.role + '\\n' + content }}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- else %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}
"""

MACROS = """{%- macro type_of(p, fallback="any") -%}
    {%- if p.type is defined and p.type == "array" -%}
        list[{{ type_of(p.get("items", {}), fallback=fallback) }}]
    {%- else -%}
        {{- {"string": "str", "integer": "int", "number": "float"}.get(p.type, fallback) }}
    {%- endif -%}
{%- endmacro -%}
{%- for tool in tools or [] %}
def {{ tool.function.name }}(
{%- for name, p in tool.function.parameters.properties.items() %}{{ name }}: {{ type_of(p) }}{{ ", " if not loop.last }}{%- endfor -%}
): {{ tool.function.description | default("", true) | capitalize }}
{% endfor %}
{%- for m in messages if m.role != "system" %}
{%- if m.role not in ["user", "assistant"] %}{% continue %}{% endif %}
{%- if loop.index > 6 %}{% break %}{% endif %}
{%- generation %}{{ loop.index }}/{{ loop.length }} {{ m.role }}: {{ m.content }}{% endgeneration %}

{% else %}nothing{% endfor %}
{%- set last = messages | last %}{% set users = messages | selectattr("role", "equalto", "user") | map(attribute="content") | list %}
{{ users | length }} {{ users | join("; ") }} {{ last.role ~ ":" ~ loop is defined }}
"""

FAMILIES = {
    "chatml": (CHATML, {"eos_token": "<|im_end|>"}),
    "smol": (SIMPLE, {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>"}),
    "llama3": (LLAMA3, {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"}),
    "llama2": (LLAMA2, {"bos_token": "<s>", "eos_token": "</s>"}),
    "gemma2": (GEMMA2, {"bos_token": "<bos>", "eos_token": "<eos>"}),
    "gemma3": (GEMMA3, {"bos_token": "<bos>", "eos_token": "<eos>"}),
    "zephyr": (ZEPHYR, {"bos_token": "<s>", "eos_token": {"__type": "AddedToken", "content": "</s>", "special": True}}),
    "mistral": (MISTRAL, {"bos_token": "<s>", "eos_token": "</s>"}),
    "phi3": (PHI3, {"bos_token": "<s>", "eos_token": "<|endoftext|>"}),
    "thinking": (THINKING, {"eos_token": "<|im_end|>"}),
    "macros": (MACROS, {}),
}


def m(role, content, **more):
    return {"role": role, "content": content, **more}


TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "the \u00abweather\u00bb of <a> 'city'",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "days": {"type": "array", "items": {"type": "integer"}}, "x": {}},
                "required": ["city"],
            },
        },
    }
]
CALL = {"type": "function", "function": {"name": "weather", "arguments": {"city": "Z\u00fcrich", "days": [1, 2.5, True, None]}}}

CONVERSATIONS = [
    {"messages": [m("user", "Hello")]},
    {"messages": [m("user", "  Hello \n"), m("assistant", "\n Hi! "), m("user", "Bye")]},
    {"messages": [m("system", " Be brief.\n"), m("user", "Hello"), m("assistant", "Hi"), m("user", "Bye"), m("assistant", "Bye.")]},
    {"messages": [m("system", "Only a system message")]},
    {"messages": [m("user", "one"), m("user", "two")]},
    {"messages": [m("assistant", "I begin")]},
    {"messages": [m("user", "x"), m("narrator", "a role that nobody knows")]},
    {"messages": [m("user", "{{ 1 + 1 }} {% if true %} {# c #} <|im_end|> </s> \\n ' \" false")]},
    {"messages": [m("user", "false"), m("assistant", "0"), m("user", "none")]},
    {"messages": [m("user", "")]},
    {"messages": [m("user", "\u00e9 \u65e5\u672c \U0001f600 \u00a0nbsp\u00a0")]},
    {"messages": [m("user", "think"), m("assistant", "<think>\nhm\n\n</think>\n\nyes"), m("user", "again"), m("assistant", "<think>so</think>no")]},
    {"messages": [m("user", "think"), m("assistant", "yes", reasoning_content="hm\n")], "more": {"enable_thinking": False}},
    {"messages": [m("user", "think"), m("assistant", "yes", reasoning="old name")], "more": {"enable_thinking": True}},
    {"messages": [m("user", "Weather?")], "more": {"tools": TOOLS}},
    {
        "messages": [
            m("user", "Weather?"),
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            m("tool", "sunny", name="weather"),
            m("tool", '{"t": 3}'),
            m("assistant", "It is sunny."),
        ],
        "more": {"tools": TOOLS},
    },
    {"messages": [{"role": "assistant", "content": "two", "tool_calls": [CALL, CALL]}]},
    {"messages": [m("user", [{"type": "text", "text": " parts "}, {"type": "image"}])]},
    {"messages": [m("user", "dated")], "more": {"date_string": "1 Jan 2000"}},
    {"messages": [m("user", str(i)) if i % 2 == 0 else m("assistant", str(i)) for i in range(15)]},
    {"messages": [{"role": "user"}]},
]

PROBES = json.loads(Path(__file__).with_name("jinja_probes.json").read_text())


def whitespace(rng):
    """A template whose marks stand in random whitespace."""

    def space():
        return "".join(rng.choice([" ", "\n", "  ", "x", "\n", "\t", "y\n", "\r\n"]) for _ in range(rng.randint(0, 4)))

    def sign(end=False):
        return rng.choice(["", "", "-", "" if end else "+"])

    def part(depth):
        out = space()
        for _ in range(rng.randint(1, 3)):
            kind = rng.randint(0, 3 if depth < 2 else 1)
            if kind == 0:
                out += "{{" + rng.choice(["", "-"]) + " 'v' " + sign(True) + "}}"
            elif kind == 1:
                out += "{#" + sign() + " c " + rng.choice(["", "-", "+"]) + "#}"
            elif kind == 2:
                end = rng.choice(["", "-", "+"])
                out += "{%" + sign() + " if true " + end + "%}" + part(depth + 1) + "{%" + sign() + " endif " + sign(True) + "%}"
            else:
                out += "{%" + sign() + " for i in [1,2] %}" + part(depth + 1) + "{%" + sign() + " endfor " + sign(True) + "%}"
            out += space()
        return out

    return part(0)


def rendered(render):
    try:
        return {"text": render()}
    except Exception as e:  # whatever Jinja2 raises is the golden
        return {"error": str(e), "raised": type(e).__name__ == "TemplateError"}


def main(out):
    for family, (template, tokens) in FAMILIES.items():
        folder = out / family
        folder.mkdir(parents=True, exist_ok=True)
        config = dict(tokens)
        # Half of them in the newer way, in a file of its own.
        if family in ("gemma3", "thinking", "macros", "mistral"):
            (folder / "chat_template.jinja").write_text(template)
        else:
            config["chat_template"] = template
        (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1, ensure_ascii=False) + "\n")
        strings = {k: v["content"] if isinstance(v, dict) else v for k, v in tokens.items()}
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()), chat_template=template, **strings)
        cases = []
        for c in CONVERSATIONS:
            for generate in (False, True):
                text = rendered(
                    lambda: tokenizer.apply_chat_template(
                        c["messages"], add_generation_prompt=generate, tokenize=False, **c.get("more", {})
                    )
                )
                cases.append({**c, "add_generation_prompt": generate, **text})
        golden = {"transformers": __import__("transformers").__version__, "cases": cases}
        (folder / "golden.json").write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n")

    rng = random.Random(3)
    messages = CONVERSATIONS[2]["messages"]
    variables = {"bos_token": "<s>", "eos_token": "</s>"}
    cases = []
    for template in PROBES + [whitespace(rng) for _ in range(300)]:
        text = rendered(lambda: chat.render_jinja_template([messages], chat_template=template, add_generation_prompt=True, **variables)[0][0])
        cases.append({"template": template, **text})
    jinja = {"messages": messages, "variables": variables, "cases": cases}
    (out / "jinja.json").write_text(json.dumps(jinja, indent=0, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
