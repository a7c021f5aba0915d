"""The client against a running server, whose address is in INSPECTOR_URL. The model needs a tokenizer.

scripts/test starts such a server; by hand:
    scripts/start --model DIR & INSPECTOR_URL=http://127.0.0.1:7070 python -m unittest discover scripts/client
"""

import base64
import gzip
import io
import json
import os
import unittest
import uuid
import zipfile

import numpy as np

from llm_inspector import Inspector, InspectorProblem

PATTERN = "blocks.0.attn.hook_pattern"
PROMPT = "Once upon a time"


def setUpModule():
    global inspector, model
    if "INSPECTOR_URL" not in os.environ:
        raise RuntimeError("INSPECTOR_URL is not set: run `scripts/test client`, or start a server and set it")
    inspector = Inspector(os.environ["INSPECTOR_URL"], os.environ.get("INSPECTOR_TOKEN"))
    model = inspector.model()


class Weights(unittest.TestCase):
    def test_codes_scales_and_zero_points_give_the_decoded_values(self):
        name = "blocks.0.mlp.in.weight"
        q = inspector.quantized(name, "int4-g32-asym", rows=slice(1, 4))
        self.assertEqual(q.codes.shape, (3, q.shape[1]))
        group = np.arange(q.shape[1]) // q.group_size
        zeros = q.zero_points.astype(np.int32)[:, group]
        np.testing.assert_array_equal(q.decoded, q.scales[:, group] * (q.codes - zeros).astype(np.float32))
        np.testing.assert_array_equal(q.error, q.decoded - q.values)
        self.assertLessEqual(np.abs(q.error / q.scales[:, group]).max(), 0.5001)
        part = inspector.quantized(name, "int4-g32-asym", rows="1:4", cols=slice(30, 40))
        np.testing.assert_array_equal(part.codes, q.codes[:, 30:40])
        self.assertEqual(part.first_group, 0)

    def test_a_symmetric_scheme_is_what_numpy_makes_of_the_definition(self):
        q = inspector.quantized("blocks.0.attn.q.weight", "int8")
        scale = np.abs(q.values).max(1, keepdims=True) / np.float32(127)
        np.testing.assert_array_equal(q.scales, scale)
        np.testing.assert_array_equal(q.codes, np.rint(q.values / scale).astype(np.int8))

    def test_a_whole_model_and_one_weight(self):
        report = inspector.quantization("int8")
        worst = report["weights"][0]
        one = inspector.statistics(worst["name"], ["int8"])
        self.assertEqual(one["schemes"][0]["error"], worst["error"])
        self.assertEqual(len(inspector.statistics(worst["name"])["schemes"]), len(inspector.schemes()))
        self.assertTrue(all(t["format"] for t in inspector.tensors()))
        with self.assertRaises(InspectorProblem) as caught:
            inspector.block(worst["tensor"], 0, 0)
        self.assertEqual(caught.exception.status, 422)

    def test_a_run_of_simulated_weights_and_what_its_values_are_like(self):
        sizes = inspector.sizes(["int8", "int2"])
        self.assertGreater(sizes["schemes"][0]["bytes"], sizes["schemes"][1]["bytes"])
        plan = {"simulate": [{"modules": "*", "scheme": "int2"}]}
        run = inspector.run("the cat", capture="blocks.0.hook_resid_post", precision_plan=plan)
        self.assertIn("decoded from int2", run.manifest["engine"]["arithmetic"])
        stream = run.capture("blocks.0.hook_resid_post")[0]
        told = inspector.capture_statistics(run.id, "blocks.0.hook_resid_post", ["int8-tensor"])
        np.testing.assert_array_equal(np.float32(told["columns"]["profile"]), np.abs(stream).max(0))


class Learning(unittest.TestCase):
    def test_gradients_are_those_of_the_number_that_was_asked_for(self):
        token = inspector.tokenize("in")[-1]["id"]
        g = inspector.gradients(PROMPT, targets=[{"token": token, "of": "logit"}], hooks=["hook_embed", "logits"])
        self.assertEqual([t["token"]["id"] for t in g.targets], [token])
        logits = inspector.run(PROMPT, capture="logits").capture("logits")
        self.assertAlmostEqual(g.value, float(logits[0, -1, token]), places=4)
        one = np.zeros_like(logits)
        one[0, -1, token] = 1
        np.testing.assert_allclose(g.at("logits"), one, atol=1e-6)  # a logit depends on itself alone
        told = {h["hook"]: h for h in g.hooks}["hook_embed"]
        by_position = np.linalg.norm(g["hook_embed"][0], axis=-1)  # [pos]
        np.testing.assert_allclose(told["by_position"], by_position, rtol=1e-4)
        self.assertEqual(len(g.tokens), len(by_position))
        self.assertTrue(all(p["norm"] <= p["max_abs"] * np.sqrt(np.prod(p["shape"])) * 1.001 for p in g.parameters))
        self.assertFalse(inspector.gradients(PROMPT, parameters=False).parameters)

    def test_a_learner_learns_and_takes_it_back(self):
        with inspector.learner() as learner:
            self.assertIn(learner.id, [other.id for other in inspector.learners()])
            nll = inspector.gradients(PROMPT).value
            first = learner.step(PROMPT, optimizer="adamw", learning_rate=0.01, steps=3, max_norm=1)
            self.assertAlmostEqual(first["loss_before"], nll, places=4)
            self.assertLess(first["loss_after"], first["loss_before"])
            self.assertEqual(learner.updates, 3)
            undone = 0
            while learner.info["undoable"]:
                learner.undo()
                undone += 1
            self.assertGreaterEqual(undone, 1)
            with self.assertRaises(InspectorProblem) as caught:
                learner.undo()
            self.assertEqual(caught.exception.status, 409)
            again = learner.step(tokens=inspector.run(PROMPT).ids, learning_rate=0.01)
            self.assertAlmostEqual(again["loss_before"], first["loss_before"], places=6)
        self.assertNotIn(learner.id, [other.id for other in inspector.learners()])

    def test_a_preference_is_learnt_and_taken_back(self):
        with inspector.learner() as learner:
            first = learner.info["weights_sha256"]
            pair = {"chosen": {"text": " and"}, "rejected": {"text": " the"}, "beta": 0.5}
            step = learner.step(PROMPT, preference=pair, optimizer="sgd", learning_rate=0.01)
            change = step["preference"]
            self.assertEqual(change["margin_before"], 0)
            self.assertGreater(change["margin_after"], 0)
            scored = inspector.logprobs({"prompt": PROMPT}, " and")["logprob"]
            self.assertAlmostEqual(change["chosen"]["reference"], scored, places=3)
            self.assertNotEqual(learner.info["weights_sha256"], first)
            learner.undo()
            self.assertEqual(learner.info["weights_sha256"], first)

    def test_distances_between_a_model_and_itself_are_none(self):
        rows = inspector.distances({"prompt": PROMPT}, {}, hooks="blocks.*.hook_resid_post")
        self.assertTrue(rows)
        self.assertTrue(all(row["relative_l2"] == 0 for row in rows))

    def test_optimizers_go_down_a_surface_as_their_formulas_say(self):
        surface, start = {"quadratic": [1, 0, 2]}, (1.0, -1.0)
        d = inspector.descend(surface, start, [{"kind": "sgd", "learning_rate": 0.1}], steps=3, grid={"low": -1, "high": 1, "n": 3})
        points = d["paths"][0]["points"]
        x, y = start
        for point in points:
            self.assertAlmostEqual(point["x"], x, places=6)
            self.assertAlmostEqual(point["y"], y, places=6)
            self.assertAlmostEqual(point["value"], x * x + 2 * y * y, places=6)
            x, y = x - 0.1 * 2 * x, y - 0.1 * 4 * y
        self.assertEqual(d["axis"], [-1, 0, 1])
        self.assertEqual(d["values"], [[3, 2, 3], [1, 0, 1], [3, 2, 3]])
        down = inspector.descend({"loss": {"prompt": PROMPT}}, (0, 0), [{"kind": "adam", "learning_rate": 0.05}], steps=5)
        values = [p["value"] for p in down["paths"][0]["points"]]
        self.assertLess(values[-1], values[0])

    def test_a_sweep_says_what_holds_over_a_corpus(self):
        hook = "blocks.0.mlp.hook_post"
        sweep = inspector.sweep(
            "tales:held_out", documents=4, window=32, reduce=["loss", "moments", "top", "imatrix"], b={"engine": "onnx"}
        )
        heard = []
        sweep.wait(heard.append)
        self.assertEqual(sweep.info["state"], "finished", sweep.info)
        self.assertLessEqual({p["phase"] for p in heard}, {"reading", "opening", "running", "merging"})
        self.assertEqual(sweep.info["sweep"]["documents"], 4)
        self.assertLess(sweep.info["divergence"]["mean_kld"]["value"], 1e-6)
        self.assertLessEqual(sweep.info["loss"]["low"], sweep.info["loss"]["loss"])
        means = sweep.tensor("moments", hook + "/mean")
        unit = sweep.unit(hook, 3)
        self.assertAlmostEqual(unit["mean"], float(means[3]))
        self.assertAlmostEqual(unit["high"][0]["value"], unit["max"], places=5)
        run = inspector.run(PROMPT)
        said = inspector.evidence_unit(run, hook, 3)
        self.assertEqual(said["from"]["sweep"], sweep.id)
        self.assertEqual(said["unit"]["mean"], unit["mean"])
        self.assertEqual(inspector.evidence_loss(run)["loss"], sweep.info["loss"])
        self.assertEqual(inspector.evidence_heads(run), {})
        self.assertEqual(sweep.imatrix()[:4], b"GGUF")
        table = sweep.parquet("moments", hook)
        self.assertEqual((table[:4], table[-4:]), (b"PAR1", b"PAR1"))
        sums, counts = sweep.tensor("loss", "token/sum"), sweep.tensor("loss", "token/count")
        costly = sweep.tokens("mean", least=3)
        self.assertAlmostEqual(costly["sum"], float(sums.sum()), places=6)
        ids = np.flatnonzero(counts >= 3)
        self.assertEqual(costly["tokens"][0]["token"]["id"], ids[np.argmax(sums[ids] / counts[ids])])
        self.assertEqual(costly["frequent"], len(ids))
        name = "blocks.0.mlp.out.weight"
        weighed = inspector.statistics(name, ["int4"], imatrix=sweep.id)
        report = inspector.quantization("int4", imatrix="newest")
        row = next(w for w in report["weights"] if w["name"] == name)
        self.assertEqual(row["error"], weighed["schemes"][0]["error"])
        self.assertEqual(report["importance"]["source"], "sweep " + sweep.id)
        q = inspector.quantized(name, "int4")
        at = hook + "/"
        means = sweep.tensor("imatrix", at + "sum2")[0] / sweep.tensor("imatrix", at + "count")[0]
        w = q.values.astype(np.float64)
        noise = (means * (w - q.decoded) ** 2).sum()
        self.assertAlmostEqual(row["error"]["weighted"]["relative"], float(np.sqrt(noise / (means * w * w).sum())), places=9)
        self.assertRaises(InspectorProblem, sweep.frame, "moments", "hook_embed")
        frame = sweep.frame("moments", hook)
        self.assertEqual(len(frame["mean"]), len(means))
        self.assertIn(sweep.id, [s.id for s in inspector.sweeps()])
        sweep.delete()
        self.assertNotIn(sweep.id, [s.id for s in inspector.sweeps()])

    def test_an_evaluation_has_accuracies_and_a_line_for_each_task(self):
        said = inspector.evaluate("tasks.jsonl", limit=24)
        tasks = said.tasks()
        rows = tasks if isinstance(tasks, list) else tasks.to_dict("records")
        choices = [t for t in rows if t.get("answer") == t.get("answer") and t.get("answer") is not None]
        evaluation = said.info["evaluation"]
        self.assertEqual(len(rows), evaluation["choices"]["lines"] + evaluation["continuations"]["lines"])
        right = [t["by_logprob"] == t["answer"] for t in choices]
        self.assertAlmostEqual(evaluation["choices"]["acc"]["value"], sum(right) / len(right))
        logprobs = [t["logprob"][0] for t in rows if len(t["logprob"]) == 1]
        self.assertAlmostEqual(evaluation["continuations"]["logprob"]["value"], sum(logprobs) / len(logprobs))
        said.delete()
        self.assertRaises(InspectorProblem, inspector.evaluate, "none.jsonl")

    def test_a_job_trains_a_model(self):
        shape = {"d_model": 16, "n_layers": 1, "n_heads": 2, "n_kv_heads": 2, "d_mlp": 16, "context": 4}
        recipe = {"task": "modular_addition", "name": "sums", "modulus": 7, "steps": 40, "learning_rate": 0.01, "model": shape}
        heard = []
        job = inspector.train(recipe, name=f"sums-{uuid.uuid4().hex[:8]}", on_progress=heard.append)
        self.assertEqual(job["state"], "finished", job)
        self.assertEqual(inspector.training_job(job["id"])["step"], 40)
        curve = inspector.training_curve(job["id"])
        self.assertEqual(curve["step"], list(range(41)))
        self.assertLess(curve["loss"][-1], curve["loss"][1])
        self.assertIn(job["id"], [j["id"] for j in inspector.training_jobs()])
        self.assertTrue(set(curve["step"]).issuperset(p["row"]["step"] for p in heard))
        self.assertGreater(len(heard), 0)
        thin = inspector.curve(job["id"], points=2)
        self.assertEqual((thin["step"][0], thin["step"][-1]), (0, 40))
        clock = inspector.clock(job["id"], second=3)
        answers = inspector.run(tokens=[5, 3, 7], model=job["id"], capture="blocks.0.mlp.hook_post", max_new_tokens=1)
        self.assertEqual(clock["right"], sum(c == (a + 3) % 7 for a, c in enumerate(clock["answers"])))
        purest = clock["strongest"][0]
        self.assertAlmostEqual(
            purest["values"][5], float(answers.capture("blocks.0.mlp.hook_post")[0, 2, purest["neuron"]]), places=5
        )
        self.assertEqual(inspector.embeddings_waves(model=job["id"])["period"], 7)
        inspector.delete_training(job["id"])
        self.assertNotIn(job["id"], [j["id"] for j in inspector.training_jobs()])


class Runs(unittest.TestCase):
    def test_one_line_gives_an_attention_pattern(self):
        pattern = inspector.run(PROMPT).capture(PATTERN)
        self.assertIsInstance(pattern, np.ndarray)
        positions = len(inspector.tokenize(PROMPT))
        heads = model["spec"]["layers"][0]["attention"]["n_heads"]
        self.assertEqual(pattern.shape, (1, heads, positions, positions))
        np.testing.assert_allclose(pattern.sum(-1), 1, atol=1e-5)
        self.assertEqual(np.abs(np.triu(pattern[0, 0], 1)).max(), 0, "no query may look ahead")

    def test_capturing_on_demand_sees_the_run_that_was_made(self):
        request = dict(max_new_tokens=4, temperature=1.5, top_k=20)
        run = inspector.run(PROMPT, **request)
        pattern = run.capture(PATTERN)
        self.assertEqual(pattern.shape[-1], len(run.tokens) - 1, "all positions that were fed to the model")
        same = inspector.run(
            PROMPT, capture=[PATTERN], seed=run.manifest["generation"].get("seed"), **request
        )
        self.assertEqual(same.ids, run.ids)
        np.testing.assert_array_equal(pattern, same.capture(PATTERN))
        self.assertEqual([e["hooks"] for e in run.recaptures], [[PATTERN]])

    def test_a_run_is_extended_and_says_so(self):
        run = inspector.run(PROMPT, capture=["logits"])
        whole = "blocks.*.attn.hook_pattern"
        plan = run.recapture(whole, positions=-1, dry_run=True)
        self.assertIn(PATTERN, plan["hooks"])
        self.assertEqual(run.recaptures, [])
        with self.assertRaises(InspectorProblem) as caught:
            run.recapture(whole, max_bytes=plan["bytes"] - 1)
        self.assertEqual(caught.exception.status, 413)
        added = run.recapture(whole, positions=-1)
        self.assertEqual(added["hooks"], plan["hooks"])
        self.assertEqual(added["agreement"]["of"], "logits")
        self.assertLess(added["agreement"]["max_abs_difference"], 1e-3)
        reads = run.reads()
        row = run.capture(PATTERN, query=reads["query"])
        first = next(h for h in reads["heads"] if h["layer"] == 0 and h["head"] == 0)
        self.assertAlmostEqual(first["first"], float(row[0, 0, 0, 0]), places=6)
        np.testing.assert_array_equal(row, run.capture(PATTERN), "what there is")
        self.assertEqual(run.recapture(PATTERN)["number"], 2)
        np.testing.assert_allclose(run.capture(PATTERN)[:, :, -1:], row, atol=1e-6)

    def test_one_edge_is_knocked_out_and_the_prediction_moves(self):
        before = inspector.run(PROMPT, capture=["logits", PATTERN])
        query = before.prompt_length - 1
        edge = {"hook": "blocks.0.attn.hook_attn_scores", "op": "mask", "heads": [0], "positions": [query], "keys": [1]}
        after = inspector.run(PROMPT, capture=["logits", PATTERN], interventions=[edge])
        was, now = (r.capture(PATTERN, head=0, query=query)[0, 0, 0] for r in (before, after))
        expected = np.where(np.arange(len(was)) == 1, 0, was / (1 - was[1]))
        np.testing.assert_allclose(now, expected, atol=1e-6)
        shift = before.shift(after, top=5)
        self.assertGreater(shift["kl"], 0)
        moved = shift["moved"][0]
        logits = after.capture("logits", pos=query)[0, 0].astype(np.float64)
        probs = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
        self.assertAlmostEqual(moved["after_prob"], probs[moved["id"]], places=6)

    def test_a_hook_that_was_not_listed_is_refused(self):
        run = inspector.run(PROMPT, capture=["logits"])
        with self.assertRaises(InspectorProblem) as caught:
            run.capture(PATTERN)
        self.assertEqual(caught.exception.status, 404)
        self.assertIn(PATTERN, str(caught.exception))
        with self.assertRaises(InspectorProblem):
            inspector.get(run.id).capture(PATTERN)

    def test_an_unknown_hook_names_the_closest(self):
        with self.assertRaises(InspectorProblem) as caught:
            inspector.run(PROMPT, capture="blocks.0.attn.hook_patern")
        self.assertEqual(caught.exception.status, 400)
        self.assertIn(PATTERN, caught.exception.instead)

    def test_tokens_instead_of_a_prompt_give_the_same_values(self):
        run = inspector.run(PROMPT, capture="logits")
        same = inspector.run(tokens=run.ids, capture="logits")
        np.testing.assert_array_equal(run.capture("logits"), same.capture("logits"))

    def test_messages_are_written_by_the_models_chat_template(self):
        run = inspector.run(messages=[{"role": "user", "content": PROMPT}], capture=["logits"], max_new_tokens=2)
        self.assertIn(PROMPT, run.prompt)
        self.assertEqual(run.text, run.prompt + run.generated)
        same = inspector.run(run.prompt, add_special_tokens=False, capture=["logits"], max_new_tokens=2)
        self.assertEqual(same.ids, run.ids)
        self.assertEqual(inspector.run(tokens=run.ids).prompt, "")

    def test_slices_are_parts_of_the_whole(self):
        run = inspector.run(PROMPT, capture=[PATTERN, "logits", "blocks.0.attn.hook_q"])
        pattern, logits, q = (run.capture(h) for h in (PATTERN, "logits", "blocks.0.attn.hook_q"))
        np.testing.assert_array_equal(run.capture(PATTERN, head=1, query=-1), pattern[:, 1:2, -1:])
        np.testing.assert_array_equal(run.capture(PATTERN, query=slice(1, 3), key="1:"), pattern[:, :, 1:3, 1:])
        np.testing.assert_array_equal(run.capture("logits", pos=-1), logits[:, -1:])
        np.testing.assert_array_equal(run.capture("logits", pos=0, feature=slice(5, 9)), logits[:, :1, 5:9])
        np.testing.assert_array_equal(run.capture("blocks.0.attn.hook_q", head=0, feature=":4"), q[:, :, :1, :4])

    def test_an_axis_that_a_hook_lacks_is_refused(self):
        run = inspector.run(PROMPT, capture="logits")
        for wrong in (dict(head=0), dict(pos=999)):
            with self.subTest(wrong), self.assertRaises(InspectorProblem) as caught:
                run.capture("logits", **wrong)
            self.assertEqual(caught.exception.status, 400)

    def test_every_capture_is_as_the_manifest_says(self):
        run = inspector.run(PROMPT, capture="*")
        seen = dict(run.items())
        self.assertEqual(list(seen), run.hooks)
        for entry in run.captures:
            self.assertEqual(list(seen[entry["hook"]].shape), entry["shape"], entry["hook"])
        layer = "blocks.0."
        np.testing.assert_allclose(
            seen[layer + "hook_resid_pre"] + seen[layer + "hook_attn_out"] + seen[layer + "hook_mlp_out"],
            seen[layer + "hook_resid_post"],
            atol=1e-4,
        )

    def test_a_direction_steers(self):
        d = inspector.direction([PROMPT, [5, 6, 7]], [[8, 9]], "blocks.0.hook_resid_post")
        self.assertEqual(2, len(d["positive"]))
        self.assertGreater(min(d["norm"], d["mean_norm"]), 0)
        change = {"hook": d["hook"], "op": "scale_along", "values": d["values"], "value": 0}
        run = inspector.run(PROMPT, capture=[d["hook"]], interventions=[change])
        component = run.capture(d["hook"])[0] @ d["values"]
        self.assertLess(abs(component).max() / d["norm"], 1e-3 * d["mean_norm"])

    def test_an_intervention_changes_what_comes_after_it(self):
        hook = "blocks.0.attn.hook_z"
        plain = inspector.run(PROMPT, capture=[hook, "logits"])
        cut = inspector.run(PROMPT, capture=[hook, "logits"], interventions=[{"hook": hook, "op": "zero", "heads": [1]}])
        self.assertEqual(np.abs(cut.capture(hook, head=1)).max(), 0)
        np.testing.assert_array_equal(cut.capture(hook, head=0), plain.capture(hook, head=0))
        self.assertGreater(np.abs(cut.capture("logits") - plain.capture("logits")).max(), 0)

    def test_tokens_stream_as_they_are_made(self):
        seen = []
        run = inspector.run(PROMPT, max_new_tokens=5, greedy=True, ignore_eos=True, on_token=seen.append)
        self.assertEqual([s["token"]["id"] for s in seen], run.ids[run.prompt_length :])
        self.assertEqual(len(seen), 5)
        self.assertEqual("".join(s["text"] for s in seen), run.generated)
        self.assertEqual(run.ids, inspector.run(PROMPT, max_new_tokens=5, greedy=True, ignore_eos=True).ids)

    def test_a_problem_in_a_stream_is_raised(self):
        with self.assertRaises(InspectorProblem) as caught:
            inspector.run(tokens=[10**6], max_new_tokens=2, on_token=print)
        self.assertEqual(caught.exception.status, 400)

    def test_runs_are_kept_listed_and_deleted(self):
        run = inspector.run(PROMPT, capture="logits", name="from Python")
        again = inspector.get(run.id)
        self.assertEqual(again.manifest, run.manifest)
        np.testing.assert_array_equal(again["logits"], run["logits"])
        self.assertEqual(inspector.runs(limit=1)[0]["id"], run.id)
        self.assertNotIn(run.id, [work["id"] for work in inspector.active()])
        memory = inspector.memory()
        self.assertLess(memory["held"], memory["budget"])
        self.assertEqual(memory["held"], sum(holder["bytes"] for holder in memory["holders"]))
        with self.assertRaises(InspectorProblem) as caught:
            inspector.cancel(run.id)
        self.assertEqual(caught.exception.status, 409)
        run.delete()
        with self.assertRaises(InspectorProblem) as caught:
            inspector.get(run.id)
        self.assertEqual(caught.exception.status, 404)

    def test_a_run_is_sent_as_a_lesson(self):
        run = inspector.run(PROMPT)
        with zipfile.ZipFile(io.BytesIO(inspector.lesson(run, [8]))) as lesson:
            self.assertIn("lesson/index.html", lesson.namelist())
            about = lesson.read("lesson/lesson.js").decode()
            self.assertEqual(json.loads(about[about.index("{") : -2])["chapters"], ["08-attention-qkv"])
            packed = lesson.read("lesson/data/run.json.gz.js").decode().split('"')[3]
        recorded = json.loads(gzip.decompress(base64.b64decode(packed)))
        self.assertEqual(recorded["manifest"]["id"], run.id)
        self.assertIn(PATTERN, recorded["files"])
        with self.assertRaises(InspectorProblem) as caught:
            inspector.lesson(run, ["99"])
        self.assertIn("there is no such chapter", str(caught.exception))


class Models(unittest.TestCase):
    def test_the_default_model_is_listed_and_well(self):
        self.assertEqual(inspector.health()["status"], "ok")
        self.assertIn(model["summary"]["slug"], [m["slug"] for m in inspector.models()])

    def test_hooks_are_described(self):
        hooks = {h["name"]: h for h in inspector.hooks()}
        self.assertEqual(hooks["blocks.{i}.attn.hook_pattern"]["axes"], ["batch", "head", "query", "key"])

    def test_weights_are_read_whole_and_in_part(self):
        entry = next(t for t in inspector.tensors() if len(t["shape"]) == 2)
        whole = inspector.tensor(entry["name"])
        self.assertEqual(list(whole.shape), entry["shape"])
        self.assertEqual(whole.dtype, np.float32)
        np.testing.assert_array_equal(inspector.tensor(entry["name"], rows="1:3", cols=slice(0, 4)), whole[1:3, :4])

    def test_text_becomes_tokens_and_text_again(self):
        text = "Once upon a time there was a naïve café ☕"
        tokens = inspector.tokenize(text, add_special_tokens=False)
        self.assertEqual(inspector.detokenize(t["id"] for t in tokens).strip(), text)

    def test_tokenizers_side_by_side(self):
        own, other = inspector.tokenizations(PROMPT, [{}, "o200k_base"], trace=True)
        self.assertEqual(own["ids"], [t["id"] for t in inspector.tokenize(PROMPT)])
        pieces = {p["id"]: p["text"] for p in other["pieces"]}
        self.assertEqual("".join(pieces[i] for i in other["ids"]), PROMPT)
        ends = [word["tokens"] for word in other["merges"]]
        self.assertEqual([t["id"] for tokens in ends for t in tokens], other["ids"])

    def test_an_unknown_model_is_refused(self):
        with self.assertRaises(InspectorProblem) as caught:
            inspector.run("x", model="no-such-model")
        self.assertEqual(caught.exception.status, 404)


class Neurons(unittest.TestCase):
    def test_a_neuron_is_the_sum_of_what_it_reads(self):
        run = inspector.run(PROMPT, capture=["blocks.0.mlp.hook_pre", "blocks.0.mlp.hook_post"])
        n = inspector.neuron(run, 0, 3, top=5)
        total = n["sums"][0]["sum"]
        listed = sum(i["contribution"] for i in total["inputs"])
        self.assertAlmostEqual(total["bias"] + listed + total["others"], total["z"], places=4)
        self.assertAlmostEqual(total["z"], float(run.capture("blocks.0.mlp.hook_pre")[0, n["pos"], 3]), places=4)
        over = inspector.neuron_activations(0, 3, PROMPT)
        np.testing.assert_allclose(over["values"], run.capture("blocks.0.mlp.hook_post")[0, :, 3], atol=1e-4)
        part = inspector.feed_forward(run, 0, top=1000)
        self.assertAlmostEqual(part["strongest"][-1]["share"], 1, places=3)

    def test_forms_say_what_would_open_and_in_how_much_memory(self):
        forms = inspector.forms()["forms"]
        named = {(f["engine"], f["precision"]) for f in forms}
        self.assertLessEqual({("torch", "fp16"), ("onnx", "int4_32")}, named)
        self.assertTrue(all(f["bytes"] >= 0 and f["fits"] for f in forms))

    def test_neighbours_and_maps(self):
        near = inspector.neighbours([5, 9], [7], top=3)
        self.assertEqual(near["left_out"], [5, 7, 9])
        self.assertEqual(len(near["neighbours"]), 3)
        placed = inspector.embeddings_map([5, 7, 9, 11])
        self.assertLessEqual(sum(placed["shares"]), 1 + 1e-9)
        counts = inspector.embeddings_norms(bins=8)
        self.assertEqual(sum(counts["counts"]), counts["rows"])
        waves = inspector.embeddings_waves(period=12, planes=1)["waves"]
        self.assertAlmostEqual(sum(w["share"] for w in waves), 1, places=6)


class Serving(unittest.TestCase):
    def test_a_runs_cache_takes_the_bytes_of_the_formula(self):
        run = inspector.run(PROMPT)
        held = run.manifest["kv_cache"]
        cost = inspector.cost(past=held["positions"] - 1, contexts=[held["positions"]])
        self.assertEqual([layer["kept_bytes"] for layer in cost["cache"]], held["layers"])
        self.assertEqual(cost["contexts"][0]["kept_bytes"], held["bytes"])

    def test_a_cache_of_fewer_bits_is_part_of_the_run(self):
        whole = inspector.run(PROMPT).manifest["kv_cache"]
        few = inspector.run(PROMPT, kv_cache="int8").manifest
        self.assertEqual(few["kv_cache"]["formats"], {"key": "int8", "value": "int8"})
        self.assertLess(few["kv_cache"]["bytes"], whole["bytes"] / 2)
        with self.assertRaises(InspectorProblem):
            inspector.run(PROMPT, kv_cache="int3")

    def test_tokens_are_the_same_with_and_without_a_cache(self):
        heard = []
        made = inspector.benchmark({"prompt": PROMPT}, [4, 12], new_tokens=2, on_measured=heard.append)
        self.assertEqual([m["point"] for m in heard], made["points"])
        self.assertTrue(all(point["same_tokens"] for point in made["points"]))

    def test_a_timeline_has_a_time_for_every_layer(self):
        times = inspector.timeline({"prompt": PROMPT}, repeats=2)
        layers = {part["layer"] for part in times["decode"]["parts"] if "layer" in part}
        self.assertEqual(layers, set(range(len(model["spec"]["layers"]))))


class Heads(unittest.TestCase):
    def test_all_heads_at_once(self):
        run = inspector.run(PROMPT, capture=["logits", "blocks.0.attn.hook_pattern"])
        heads = inspector.heads(run)["heads"]
        self.assertEqual(len(heads), run.patterns(4).shape[0] * run.patterns(4).shape[1])
        np.testing.assert_array_equal(run.pattern(0, 1, query=-1)[0], run.capture("blocks.0.attn.hook_pattern")[0, 1, -1])
        effects = inspector.head_effects(run)
        self.assertAlmostEqual(sum(p["effect"] for p in effects["parts"]), effects["sum"], places=4)
        self.assertAlmostEqual(effects["logit"], float(run.capture("logits", pos=effects["pos"])[0, 0].max()), places=4)
        twice = inspector.heads_repeated(length=10)
        self.assertEqual(twice["tokens"][-10:], twice["tokens"][-20:-10])
        circuits = inspector.head_circuits(0, 1, ids=[5], top=3)
        self.assertEqual(len(circuits["of"][0]["seeks"]), 3)
        self.assertEqual(inspector.head_compositions(0, 0)["from"], [])

    def test_a_recurrence_as_attention(self):
        run = inspector.run(tokens=[5, 9, 2, 7], model="tiny-bamba", capture=["logits", "blocks.0.ssm.*"])
        told = run.effective(0, head=1, query=-1)
        weights = np.array(told["values"])
        self.assertEqual(weights.shape, (1, 1, 4))
        read = (weights[0, 0][:, None] * run.capture(told["of"])[0, :, 1]).sum(0)
        np.testing.assert_allclose(read, run.capture("blocks.0.ssm.hook_y")[0, -1, 1], rtol=1e-3, atol=1e-6)
        self.assertEqual(len(told["half_lives"]), run.capture(told["of"]).shape[2])


class Positions(unittest.TestCase):
    def test_scores_at_other_distances(self):
        slug = model["summary"]["slug"]
        schemes = inspector.positions(model=slug)
        self.assertEqual(sum(len(s["layers"]) for s in schemes["schemes"]), len(model["spec"]["layers"]))
        run = inspector.run(PROMPT)
        d = inspector.position_distances(run, 0, 0, most=20)
        self.assertLess(d["agreement"], 1e-3)
        if schemes["schemes"][0]["kind"] == "rope":
            self.assertLess(inspector.position_shift(run, 5)["max_difference"], 1e-3)
            self.assertGreater(inspector.position_heads(run)["heads"][0]["range"], 0)


class Sampling(unittest.TestCase):
    def test_a_branch_reuses_the_cache_and_says_what_the_run_says(self):
        run = inspector.run(PROMPT, max_new_tokens=6)
        ids = [t["id"] for t in run.tokens]
        cut = len(ids) - 3
        branch = inspector.run(branch={"run": run.id, "position": cut}, max_new_tokens=3)
        self.assertEqual([t["id"] for t in branch.tokens], ids)
        self.assertEqual(branch.manifest["timings"]["reused_positions"], cut - 1)

    def test_drawn_texts_follow_the_distribution(self):
        generate = {"temperature": 1.0, "seed": 5, "max_new_tokens": 2}
        request = {"prompt": PROMPT, "generate": generate}
        texts = inspector.continuations(request, 4)
        self.assertEqual(texts, inspector.continuations(request, 4))
        alone = inspector.run(PROMPT, temperature=1.0, seed=texts[2]["seed"], max_new_tokens=2)
        self.assertEqual([t["id"] for t in texts[2]["tokens"]], [t["id"] for t in alone.tokens[-2:]])
        probs = inspector.distribution(request)
        self.assertAlmostEqual(float(probs.sum()), 1, places=4)
        self.assertEqual(inspector.distribution(request, dtype="f16").dtype, np.float16)
        first = texts[0]["tokens"][0]["id"]
        scored = inspector.logprobs({"prompt": PROMPT}, tokens=[first])
        self.assertAlmostEqual(np.exp(scored["logprob"]), float(probs[first]), places=4)


class Analyses(unittest.TestCase):
    def test_the_lens_ends_at_the_models_own_output(self):
        run = inspector.run(PROMPT, capture=["blocks.*.hook_resid_post", "logits"])
        row = run.lens(top=3)[-1]
        for cell in row["cells"]:
            self.assertEqual(cell["top"][0]["id"], int(run.capture("logits", pos=cell["pos"]).argmax()))
            self.assertEqual(cell["final_token_rank"], 0)

    def test_norms_are_those_of_the_captures(self):
        run = inspector.run(PROMPT, capture="blocks.*.hook_resid_post")
        for row in run.norms():
            norms = np.linalg.norm(run.capture(row["hook"])[0], axis=-1)
            np.testing.assert_allclose(row["norms"], norms, rtol=1e-5)


class Comparisons(unittest.TestCase):
    CUT = {"hook": "blocks.1.attn.hook_z", "op": "zero", "heads": [0]}

    def test_identical_sides_differ_by_nothing(self):
        same = inspector.compare({"prompt": PROMPT}, text=PROMPT + ", and then again " + PROMPT, cost=False)
        self.assertEqual(same.text.mean_kld.value, 0)
        self.assertEqual(same.text.ppl_ratio.value, 1)
        low, high = same.text.ppl_a.interval
        self.assertTrue(0 < low < same.text.ppl_a.value < high)
        self.assertIsNone(same.text.mean_kld.interval)
        self.assertTrue(all(first.hook is None for first in same.firsts))
        self.assertIsNone(same.first_bad.hook)
        self.assertLess(same.floor.mean_kld.value, 1e-6)
        self.assertEqual(np.abs(same.divergence("hook_resid_post")).max(), 0)
        self.assertEqual(same.tokens().turns, [])
        self.assertTrue(np.isfinite(same.tokens("text").prob_a).all())
        self.assertEqual(inspector.comparison(same.id).manifest, same.manifest)
        same.delete()

    def test_a_cut_head_is_found(self):
        phases = []
        cut = inspector.compare(
            {"prompt": PROMPT}, {"interventions": [self.CUT]}, on_progress=lambda p: phases.append(p["phase"])
        )
        self.assertIn("hooks", phases)
        self.assertEqual(cut.firsts[0].hook, "blocks.1.attn.hook_z")
        self.assertEqual(cut.first_bad.hook, "blocks.1.attn.hook_z")
        whole = cut.divergence("attn.hook_z")[1]
        self.assertAlmostEqual(cut.first_bad.distance, whole[cut.first_bad.position], places=6)
        heads = cut.divergence("attn.hook_z", "head")
        self.assertEqual(heads[0].max(), 0)
        self.assertEqual(heads[1, 0].min(), 1)
        cell = cut.cell("blocks.1.attn.hook_z", 0)
        np.testing.assert_array_equal(cell.b[0], 0)
        np.testing.assert_array_equal(cell.difference, cell.b - cell.a)
        made = {m.module: m.made for m in cut.modules}
        self.assertGreater(made["blocks.1.attn"], 0)
        self.assertEqual(made["blocks.0.mlp"], 0)
        self.assertGreater(cut.prompt.mean_kld.value, 0)
        self.assertIn("blocks.1.attn.hook_z", cut.report())
        self.assertIn(cut.id, [c["id"] for c in inspector.comparisons()])
        cut.delete()

    def test_an_analysis_finds_what_caused_an_answer(self):
        tokens = [t["id"] for t in inspector.tokenize(PROMPT)]
        other = tokens[:-1] + [tokens[0] if tokens[-1] != tokens[0] else tokens[-2]]
        phases = []
        patch = inspector.analyse(
            "patch", {"tokens": tokens}, {"tokens": other}, metric="kl", on_progress=lambda p: phases.append(p["phase"])
        )
        self.assertIn("rows", phases)
        self.assertTrue(all(i["holds"] for i in patch["invariants"]))
        stream = next(s for s in patch["scores"] if s["point"] == "hook_resid_pre")
        effects = np.array(stream["effects"], float).reshape(stream["shape"])
        # The one token that differs is all the difference before the first layer.
        self.assertAlmostEqual(effects[0, -1], 1, places=3)
        np.testing.assert_allclose(effects[0, :-1], 0, atol=1e-3)
        self.assertEqual(inspector.analysis(patch["id"]), patch)
        self.assertEqual(inspector.analyses()[0]["id"], patch["id"])
        given = inspector.analyse("restore", PROMPT, {"engine": "onnx", "precision": "int4_32"})
        self.assertTrue(given["restored"]["mended"])

    def test_a_corpus_gives_an_interval(self):
        low = {"engine": "onnx", "precision": "int8"}
        over = inspector.compare({"engine": "onnx"}, low, corpus={"path": "tales:held_out", "documents": 4}, cost=False)
        kld = over.corpus["divergence"]["mean_kld"]
        self.assertTrue(0 < kld["low"] <= kld["value"] <= kld["high"])
        self.assertEqual((over.corpus["documents"], kld["documents"]), (4, 4))
        self.assertIn(over.corpus["divergence"]["worst"][0]["document"], over.report())
        over.delete()

    def test_modules_are_ranked_and_a_plan_is_suggested(self):
        high, low = {"prompt": PROMPT, "engine": "onnx"}, {"engine": "onnx", "precision": "int4_32"}
        twins = inspector.compare(high, low, sensitivity={"budget_bytes": 1 << 40}, cost=False, split=False)
        found = twins.sensitivity
        per_byte = [m.effect_per_byte for m in found.modules]
        self.assertEqual(per_byte, sorted(per_byte, reverse=True))
        self.assertEqual(found.start.mean_kld, twins.prompt.mean_kld)
        self.assertLess(found.plan.measures.mean_kld.value, found.start.mean_kld.value)
        inspector.run(PROMPT, engine="onnx", precision_plan=found.plan.precision_plan)
        self.assertTrue(all(m.predicted > 0 for m in found.modules))
        self.assertEqual(twins.activations[-1]["feeds"], "unembed")
        self.assertGreater(twins.activations[0]["max_abs"], twins.activations[0]["rms"])
        self.assertLessEqual(abs(found.rank_correlation), 1)
        self.assertEqual(found.plan.llama_quantize[::2], ["--tensor-type"] * len(found.plan.llm_compressor_ignore))
        twins.delete()

    def test_prompts_of_two_lengths_are_refused(self):
        with self.assertRaises(InspectorProblem) as caught:
            inspector.compare({"tokens": [1, 2, 3]}, {"tokens": [1, 2]})
        self.assertEqual(caught.exception.status, 400)


if __name__ == "__main__":
    unittest.main()
