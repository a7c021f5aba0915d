"""What needs no server: bytes to arrays, events, problems."""

import json
import os
import tempfile
import threading
import unittest
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np

from llm_inspector import Inspector, InspectorProblem, load, parse_safetensors
from llm_inspector.client import _events, _index, _path, _query


def safetensors(**tensors):
    """Bytes of (dtype, shape, raw bytes) tensors."""
    header, data = {"__metadata__": {"by": "test"}}, b""
    for name, (dtype, shape, raw) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


class Safetensors(unittest.TestCase):
    def test_every_number_format_keeps_its_values(self):
        for dtype, numpy_dtype in [
            ("F64", "<f8"),
            ("F32", "<f4"),
            ("F16", "<f2"),
            ("I64", "<i8"),
            ("I32", "<i4"),
            ("I16", "<i2"),
            ("I8", "|i1"),
            ("U8", "|u1"),
            ("BOOL", "|b1"),
        ]:
            with self.subTest(dtype):
                values = np.array([[0, 1, 2], [3, 4, 5]]).astype(numpy_dtype)
                got = parse_safetensors(safetensors(x=(dtype, [2, 3], values.tobytes())))["x"]
                self.assertEqual(got.dtype, values.dtype)
                np.testing.assert_array_equal(got, values)

    def test_bf16_becomes_float32_without_loss(self):
        # 1.0, -2.5, the largest finite value, the smallest subnormal, -inf, nan
        raw = np.array([0x3F80, 0xC020, 0x7F7F, 0x0001, 0xFF80, 0x7FC0], "<u2").tobytes()
        got = parse_safetensors(safetensors(x=("BF16", [6], raw)))["x"]
        self.assertEqual(got.dtype, np.float32)
        np.testing.assert_array_equal(
            got, np.array([1, -2.5, 3.3895313892515355e38, 9.183549615799121e-41, -np.inf, np.nan], np.float32)
        )

    def test_f16_keeps_infinity_and_subnormals(self):
        raw = np.array([0x7C00, 0xFC00, 0x0001, 0x3C00], "<u2").tobytes()
        got = parse_safetensors(safetensors(x=("F16", [4], raw)))["x"]
        np.testing.assert_array_equal(got, np.array([np.inf, -np.inf, 5.960464477539063e-08, 1], np.float16))

    def test_scalars_and_empty_tensors(self):
        got = parse_safetensors(safetensors(a=("F32", [], np.float32(7).tobytes()), b=("F32", [0, 4], b"")))
        self.assertEqual(got["a"].shape, ())
        self.assertEqual(float(got["a"]), 7)
        self.assertEqual(got["b"].shape, (0, 4))

    def test_unaligned_data_is_read_and_the_array_is_writable(self):
        values = np.arange(5, dtype="<f4")
        got = parse_safetensors(safetensors(odd=("U8", [1], b"\x01"), x=("F32", [5], values.tobytes())))["x"]
        np.testing.assert_array_equal(got, values)
        got[0] = 9
        self.assertTrue(got.flags.aligned)

    def test_half_a_file_is_refused(self):
        whole = safetensors(x=("F32", [4], np.zeros(4, "<f4").tobytes()))
        for data in (b"", whole[:5], whole[:20], whole[:-1]):
            with self.subTest(len(data)), self.assertRaises(InspectorProblem) as caught:
                parse_safetensors(data, "half.safetensors")
            self.assertIn("half.safetensors", str(caught.exception))

    def test_an_unknown_number_format_is_named(self):
        with self.assertRaises(InspectorProblem) as caught:
            parse_safetensors(safetensors(x=("F8_E4M3", [1], b"\0")))
        self.assertEqual(caught.exception.found, "F8_E4M3")

    def test_a_file_is_loaded(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "run.safetensors")
            with open(path, "wb") as file:
                file.write(safetensors(logits=("F32", [1, 2], np.array([1, 2], "<f4").tobytes())))
            np.testing.assert_array_equal(load(path)["logits"], [[1, 2]])


class Requests(unittest.TestCase):
    def test_indices_are_written_as_the_server_reads_them(self):
        for index, text in [
            (3, "3"),
            (-1, "-1"),
            (np.int64(2), "2"),
            (slice(2, 5), "2:5"),
            (slice(None, 4), ":4"),
            (slice(-8, None), "-8:"),
            ("2:5", "2:5"),
            (None, None),
        ]:
            self.assertEqual(_index(index), text)
        with self.assertRaises(InspectorProblem):
            _index(slice(0, 8, 2))

    def test_paths_and_queries_are_escaped(self):
        self.assertEqual(_path("models", "a/b?", "tensors"), "models/a%2Fb%3F/tensors")
        self.assertEqual(_query(pos="2:5", head=None), "?pos=2%3A5")
        self.assertEqual(_query(pos=None), "")


class Events(unittest.TestCase):
    def test_events_come_with_their_names_and_data(self):
        lines = [
            b"event: queued\n", b'data: {"ahead":0}\n', b"\n",
            b": still here\n", b"\n",
            b"event: token\r\n", b'data: {"text":"\xc3\xa9",\r\n', b'data: "prob":0.5}\r\n', b"\r\n",
            b"event: cut off\n", b"data: {",
        ]  # fmt: skip
        self.assertEqual(
            list(_events(lines)), [("queued", {"ahead": 0}), ("token", {"text": "é", "prob": 0.5})]
        )


class Opening(unittest.TestCase):
    def test_a_run_says_how_far_its_model_is(self):
        manifest = {"id": "a", "captures": []}
        events = [("queued", {"id": "a", "ahead": 0}), ("opening", {"done": 1, "of": 4}), ("opening", {"done": 4, "of": 4})]
        lines = "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in [*events, ("done", manifest)])

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                self.wfile.write(lines.encode())

            def log_message(self, *args):
                pass

        server = HTTPServer(("127.0.0.1", 0), Answer)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            seen = []
            inspector = Inspector(f"http://127.0.0.1:{server.server_port}")
            self.assertEqual(inspector.run("x", capture=[], on_opening=seen.append).manifest, manifest)
            self.assertEqual(seen, [{"done": 1, "of": 4}, {"done": 4, "of": 4}])
            self.assertEqual(inspector.run("x", capture=[]).manifest, manifest)
        finally:
            server.shutdown()
            server.server_close()


class Problems(unittest.TestCase):
    def test_the_servers_words_are_kept(self):
        body = {
            "type": "/problems/invalid",
            "title": "no hook has this name",
            "what": "no hook has this name",
            "status": 400,
            "detail": "no hook has this name (hook_x); closest: hook_embed",
            "where": "hook_x",
            "instead": "closest: hook_embed",
        }
        problem = InspectorProblem.of_response(400, json.dumps(body).encode(), "http://x")
        self.assertEqual(str(problem), body["detail"])
        self.assertEqual(
            (problem.what, problem.where, problem.expected, problem.found, problem.instead),
            ("no hook has this name", "hook_x", None, None, "closest: hook_embed"),
        )
        self.assertEqual((problem.status, problem.kind), (400, "invalid"))

    def test_busy_says_when_to_come_back(self):
        problem = InspectorProblem.of_response(429, b'{"title":"busy"}', "http://x", "3")
        self.assertEqual((problem.status, problem.retry_after, problem.what), (429, 3.0, "busy"))

    def test_an_answer_of_something_else_is_called_that(self):
        problem = InspectorProblem.of_response(502, b"<html>Bad gateway</html>", "http://x")
        self.assertIn("Bad gateway", str(problem))
        self.assertEqual(problem.status, 502)

    def test_no_server_is_a_problem_that_says_what_to_do(self):
        with self.assertRaises(InspectorProblem) as caught:
            Inspector("http://127.0.0.1:9").health()
        self.assertIn("scripts/start", str(caught.exception))
        self.assertIsNone(caught.exception.status)


if __name__ == "__main__":
    unittest.main()
