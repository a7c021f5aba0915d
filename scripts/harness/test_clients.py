"""OpenAI's own package and LangChain's client against a live server."""

import json
import os
import unittest
import urllib.request

import openai
from langchain_core.messages import AIMessage, HumanMessage
from langchain_openai import ChatOpenAI, OpenAI, OpenAIEmbeddings

server = os.environ["INSPECTOR_URL"]
address = f"{server}/v1"
say = {"role": "user", "content": "Tell me a story."}


def kept(run):
    """The run that an answer names."""
    with urllib.request.urlopen(f"{server}/api/v1/runs/{run}") as answer:
        return json.load(answer)


class OpenAiPackageTest(unittest.TestCase):
    client = openai.OpenAI(base_url=address, api_key="none", max_retries=0)

    def complete(self, **more):
        asked = {"model": "tales-4m", "prompt": "Once upon a time", "max_tokens": 6, "temperature": 0, **more}
        return self.client.completions.create(**asked)

    def converse(self, **more):
        asked = {"model": "tales-4m-instruct", "messages": [say], "max_tokens": 6, "temperature": 0, **more}
        return self.client.chat.completions.create(**asked)

    def test_models(self):
        ids = [m.id for m in self.client.models.list()]
        self.assertIn("tales-4m", ids)
        self.assertEqual(self.client.models.retrieve("tales-4m").object, "model")

    def test_completions(self):
        answer = self.complete(echo=True, logprobs=2)
        choice = answer.choices[0]
        self.assertTrue(choice.text.startswith("Once upon a time"))
        self.assertIsNone(choice.logprobs.token_logprobs[0])
        self.assertEqual(len(choice.logprobs.tokens), answer.usage.total_tokens)
        self.assertEqual(choice.finish_reason, "length")
        self.assertEqual(kept(choice.run)["text"], choice.text)
        for engine in ("torch", "onnx"):
            again = self.complete(model=f"tales-4m@{engine}").choices[0]
            self.assertEqual("Once upon a time" + again.text, choice.text)
            self.assertEqual(kept(again.run)["engine"]["name"], engine)

    def test_many_choices(self):
        answer = self.complete(prompt=["Once upon", [5, 6, 7]], n=2, temperature=1, seed=3)
        self.assertEqual([c.index for c in answer.choices], [0, 1, 2, 3])

    def test_nothing_is_made(self):
        answer = self.complete(max_tokens=0, echo=True, logprobs=1)
        self.assertEqual(answer.choices[0].text, "Once upon a time")
        self.assertEqual(answer.usage.completion_tokens, 0)

    def test_streams(self):
        whole = self.complete().choices[0].text
        parts = list(self.complete(stream=True, stream_options={"include_usage": True}))
        self.assertEqual("".join(c.text for p in parts for c in p.choices), whole)
        self.assertEqual(parts[-1].usage.completion_tokens, 6)
        spoken = self.converse().choices[0].message.content
        deltas = [c.delta for p in self.converse(stream=True) for c in p.choices]
        self.assertEqual("".join(d.content or "" for d in deltas), spoken)
        self.assertEqual(deltas[0].role, "assistant")

    def test_conversations(self):
        choice = self.converse(logprobs=True, top_logprobs=2).choices[0]
        first = choice.logprobs.content[0]
        self.assertEqual(first.logprob, max(t.logprob for t in first.top_logprobs))
        self.assertTrue(choice.message.content.startswith(first.token))
        self.assertEqual(kept(choice.run)["request"]["messages"], [say])

    def test_embeddings(self):
        read = self.client.embeddings.create(model="tales-4m", input=["a cat", "a dog"])  # asks for base64
        plain = self.client.embeddings.create(model="tales-4m", input="a dog", encoding_format="float")
        self.assertEqual(len(read.data[0].embedding), 256)
        for a, b in zip(read.data[1].embedding, plain.data[0].embedding):
            self.assertAlmostEqual(a, b, places=6)

    def test_errors(self):
        with self.assertRaises(openai.NotFoundError) as lost:
            self.complete(model="nowhere")
        self.assertEqual(lost.exception.type, "invalid_request_error")
        with self.assertRaises(openai.BadRequestError) as hot:
            self.complete(temperature=-3)
        self.assertIn("temperature", hot.exception.message)
        with self.assertRaises(openai.UnprocessableEntityError) as biased:
            self.complete(logit_bias={"5": 1})
        self.assertEqual(biased.exception.param, "logit_bias")
        with self.assertRaises(openai.APIStatusError) as long:
            self.complete(prompt=[[1] * 100_000])
        self.assertEqual(long.exception.status_code, 413)
        with self.assertRaises(openai.APIStatusError):
            list(self.complete(model="nowhere", stream=True))
        with self.assertRaises(openai.UnprocessableEntityError) as tools:
            self.converse(tools=[{"type": "function", "function": {"name": "look", "parameters": {}}}])
        self.assertEqual(tools.exception.param, "tools")


class LangChainTest(unittest.TestCase):
    settings = {"base_url": address, "api_key": "none", "temperature": 0, "max_tokens": 6, "max_retries": 0}

    def test_chat(self):
        chat = ChatOpenAI(model="tales-4m-instruct", **self.settings)
        answer = chat.invoke([HumanMessage("Tell me a story.")])
        self.assertIsInstance(answer, AIMessage)
        self.assertEqual("".join(p.content for p in chat.stream("Tell me a story.")), answer.content)
        self.assertEqual(answer.usage_metadata["output_tokens"], 6)

    def test_completion(self):
        text = OpenAI(model="tales-4m", **self.settings).invoke("Once upon a time")
        self.assertTrue(text.startswith(","), text)

    def test_embeddings(self):
        vectors = OpenAIEmbeddings(model="tales-4m", base_url=address, api_key="none",
                                   check_embedding_ctx_length=False).embed_documents(["a cat", "a dog"])
        self.assertEqual([len(v) for v in vectors], [256, 256])


if __name__ == "__main__":
    unittest.main()
