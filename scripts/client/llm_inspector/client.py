"""Inspector talks to the server, Run is one finished run."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from numpy.typing import NDArray

from .comparison import Comparison
from .learning import Gradients, Learner
from .problem import InspectorProblem
from .quantized import Quantized
from .sweep import Sweep
from .tensors import parse_safetensors

Json = Dict[str, Any]

#: Part of one axis: an index (3, -1), a slice(2, 5), or text as NumPy writes it ("2:5", ":4", "-8:").
Index = Union[int, slice, str]

SAFETENSORS = "application/octet-stream"
PARQUET = "application/vnd.apache.parquet"


class Inspector:
    """A running LLM Inspector.

    Args:
        url: where ``scripts/start`` said it is.
        token: needed only when the server is not bound to this machine alone.
        timeout: seconds to wait for the server's next word.

    Every method raises InspectorProblem, with the server's words, when something cannot be done. JSON comes back
    as the REST contract has it (``/docs`` on the server).
    """

    def __init__(
        self, url: str = "http://127.0.0.1:7070", token: Optional[str] = None, timeout: float = 600
    ) -> None:
        self.url = url.rstrip("/")
        self._token = token
        self._timeout = timeout
        host = urllib.parse.urlsplit(self.url).hostname
        local = host in ("127.0.0.1", "localhost", "::1")
        proxies = urllib.request.ProxyHandler({} if local else None)
        self._opener = urllib.request.build_opener(proxies)

    def __repr__(self) -> str:
        return f"Inspector({self.url!r})"

    def run(
        self,
        prompt: Optional[str] = None,
        *,
        tokens: Optional[Sequence[int]] = None,
        messages: Optional[Sequence[Mapping[str, str]]] = None,
        branch: Optional[Mapping[str, Any]] = None,
        model: Optional[str] = None,
        engine: Optional[str] = None,
        device: Optional[str] = None,
        precision: Optional[str] = None,
        precision_plan: Optional[Mapping[str, Any]] = None,
        kv_cache: Union[str, Mapping[str, str], None] = None,
        add_special_tokens: Optional[bool] = None,
        capture: Union[str, Sequence[str], None] = None,
        interventions: Sequence[Mapping[str, Any]] = (),
        max_new_tokens: Optional[int] = None,
        greedy: Optional[bool] = None,
        temperature: Optional[float] = None,
        top_k: Optional[int] = None,
        top_p: Optional[float] = None,
        min_p: Optional[float] = None,
        repetition_penalty: Optional[float] = None,
        presence_penalty: Optional[float] = None,
        frequency_penalty: Optional[float] = None,
        seed: Optional[int] = None,
        stop: Optional[Sequence[str]] = None,
        alternatives: Optional[int] = None,
        ignore_eos: Optional[bool] = None,
        name: Optional[str] = None,
        on_token: Optional[Callable[[Json], None]] = None,
        on_opening: Optional[Callable[[Json], None]] = None,
    ) -> "Run":
        """Runs a model and returns the finished run.

        Args:
            prompt: text; give exactly one of this, ``tokens``, ``messages`` and ``branch``.
            tokens: token ids instead of a text.
            messages: a conversation, ``[{"role": "user", "content": "Hello"}]``, which the model's own chat template
                writes as a text: ``Run.prompt``.
            branch: another run to go on from: ``{"run": run.id, "position": 7, "token": 42}``; its cache is reused while
                the server has it.
            model: a slug that ``models()`` lists; the default model when None.
            precision_plan: another precision for some modules: ``{"default": "int8", "overrides": [{"modules": "unembed",
                "precision": "fp16"}]}``; or weights decoded from fewer bits, on torch: ``{"simulate": [{"modules": "*",
                "scheme": "int3"}]}``.
            kv_cache: what keys and values are kept in: ``"int8"``, or ``{"key": "fp16", "value": "int8"}``.
            capture: hook names or globs (``"blocks.*.attn.hook_pattern"``). None: see ``Run.capture``.
            interventions: changes to make while it runs, such as
                ``{"hook": "blocks.1.attn.hook_z", "op": "zero", "heads": [3]}``.
            max_new_tokens: how many tokens to continue with; nothing is generated when this and the options after
                it are all None.
            on_token: called with each generated token as it is made; an exception in it cancels the run.
            on_opening: called now and then while the model is being opened, with ``done`` of ``of`` bytes of weights;
                not when it is open already. An exception in it cancels the run.

        The other arguments are those of POST /api/v1/runs; None is the server's default.
        """
        generate = _without_none(
            max_new_tokens=max_new_tokens,
            greedy=greedy,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            min_p=min_p,
            repetition_penalty=repetition_penalty,
            presence_penalty=presence_penalty,
            frequency_penalty=frequency_penalty,
            seed=seed,
            stop=None if stop is None else list(stop),
            alternatives=alternatives,
            ignore_eos=ignore_eos,
        )
        request = _without_none(
            model=model,
            engine=engine,
            device=device,
            precision=precision,
            precision_plan=None if precision_plan is None else dict(precision_plan),
            kv_cache={"key": kv_cache} if isinstance(kv_cache, str) else kv_cache,
            **({"branch": dict(branch)} if branch is not None else _text(prompt, tokens, messages)),
            add_special_tokens=add_special_tokens,
            capture=[capture] if isinstance(capture, str) else None if capture is None else list(capture),
            interventions=[dict(i) for i in interventions] or None,
            generate=generate or None,
            name=name,
        )
        return Run(self, self._post_run(request, on_token, on_opening), on_demand=capture is None)

    def get(self, run_id: str) -> "Run":
        """A run that was made before."""
        return Run(self, self._json("GET", _path("runs", run_id)), on_demand=False)

    def runs(self, limit: int = 50, before: Optional[str] = None, branch_of: Optional[str] = None) -> List[Json]:
        """Summaries of the newest runs, newest first; ``before`` a run's id for the next page.

        With ``branch_of``: the tree of runs that went on from that one, oldest first.
        """
        return self._json("GET", "runs" + _query(limit=limit, before=before, branch_of=branch_of))["runs"]

    def memory(self) -> Json:
        """The memory budget, what holds how much of it, and what the system measures of the server's process; bytes."""
        return self._json("GET", "memory")

    def active(self) -> List[Json]:
        """Work that waits or runs on the server now, in the order in which it is served: id, what, status, ahead, since."""
        return self._json("GET", "runs" + _query(limit=1))["active"]

    def cancel(self, id: str) -> None:
        """Cancels work that waits or runs; a run that has begun keeps what it has made."""
        self._json("POST", _path("runs", id, "cancel"))

    def models(self) -> List[Json]:
        """The models that the server knows."""
        return self._json("GET", "models")["models"]

    def model(self, slug: Optional[str] = None) -> Json:
        """Summary, spec and tokenizer of one model, the default one when None."""
        return self._json("GET", _path("models", self._slug(slug)))

    def hooks(self, model: Optional[str] = None) -> List[Json]:
        """Every hook point of a model: name, axes, shape, doc, and why not where it is not available."""
        return self._json("GET", _path("models", self._slug(model), "hooks"))["hooks"]

    def tensors(self, model: Optional[str] = None) -> List[Json]:
        """The weights as the files have them: name, dtype, format, shape, bytes, file, canonical weights."""
        return self._json("GET", _path("models", self._slug(model), "tensors"))["tensors"]

    def tensor(
        self, name: str, *, model: Optional[str] = None, rows: Optional[Index] = None, cols: Optional[Index] = None
    ) -> NDArray[Any]:
        """One weight as float32; ``rows`` and ``cols`` slice its first and its last axis.

        ``name`` is as ``tensors()`` has it, or canonical: ``blocks.0.attn.q.weight``, [out, in] in every family.
        """
        path = _path("models", self._slug(model), "tensors", name) + _query(rows=_index(rows), cols=_index(cols))
        return _only(self._bytes(path), name)

    def schemes(self) -> List[Json]:
        """The quantization schemes: name, definition, bits."""
        return self._json("GET", "schemes")["schemes"]

    def quantized(
        self,
        name: str,
        scheme: str,
        *,
        model: Optional[str] = None,
        rows: Optional[Index] = None,
        cols: Optional[Index] = None,
    ) -> Quantized:
        """Part of one weight under a scheme of ``schemes()``: codes, scales, zero points, decoded values, error.

        Args:
            name: as ``tensors()`` has it, or canonical: ``blocks.0.attn.q.weight``, [out, in] in every family.
            scheme: ``"stored"`` for the blocks in which a GGUF file has the weight.
        """
        path = _path("models", self._slug(model), "tensors", name)
        return Quantized.parse(self._bytes(path + _query(scheme=scheme, rows=_index(rows), cols=_index(cols))), name)

    def block(self, name: str, row: int, col: int, *, model: Optional[str] = None) -> Json:
        """The block of a GGUF file that holds the weight at [row, col]: codes, scales, mins, values."""
        return self._json("GET", _path("models", self._slug(model), "tensors", name, "block") + _query(row=row, col=col))

    def statistics(
        self,
        name: str,
        schemes: Sequence[str] = (),
        *,
        model: Optional[str] = None,
        imatrix: Optional[str] = None,
    ) -> Json:
        """How a weight's values lie, which channels stand out, and what each scheme (or only these) loses.

        Args:
            imatrix: weighs errors too (``error["weighted"]``), as in ``quantization``.
        """
        asked = [("scheme", s) for s in schemes] + ([] if imatrix is None else [("imatrix", imatrix)])
        query = "?" + urllib.parse.urlencode(asked) if asked else ""
        return self._json("GET", _path("models", self._slug(model), "tensors", name, "statistics") + query)

    def sizes(self, schemes: Sequence[str] = (), *, model: Optional[str] = None) -> Json:
        """What a whole model takes under each scheme (or only these), without reading a weight."""
        query = "?" + urllib.parse.urlencode([("scheme", s) for s in schemes]) if schemes else ""
        return self._json("GET", _path("models", self._slug(model), "sizes") + query)

    def lesson(
        self, run: Union[str, "Run"], chapters: Optional[Sequence[str]] = None, *, max_bytes: Optional[int] = None
    ) -> bytes:
        """A run as a lesson: a zip of the page with its numbers, which opens without a server.

        Takes as long as the chapters' questions do, a minute or more.

        Args:
            chapters: their numbers or folders, such as ``["8", "09-multi-head"]``; None for all.
            max_bytes: the most captures that are read again and put in.
        """
        named = None if chapters is None else [str(c) for c in chapters]
        body = _without_none(chapters=named, max_bytes=max_bytes)
        with self._open("POST", _path("runs", _run_id(run), "lesson"), body, "application/zip") as response:
            return self._read(response)

    def capture_statistics(self, run: str, hook: str, schemes: Sequence[str] = ()) -> Json:
        """How a run's captured value is spread: positions are rows, channels columns; outliers, and each scheme's loss."""
        query = "?" + urllib.parse.urlencode([("scheme", s) for s in schemes]) if schemes else ""
        return self._json("GET", _path("runs", run, "captures", hook, "statistics") + query)

    def quantization(self, scheme: str, *, model: Optional[str] = None, imatrix: Optional[str] = None) -> Json:
        """A whole model under a scheme: size and error of each weight, those that lose most first.

        Args:
            imatrix: weighs errors too (``error["weighted"]``: of the outputs, were inputs uncorrelated) by what each column
                read over a corpus: ``"newest"`` for the newest sweep of the model that kept ``imatrix``, a sweep's id, or an
                ``imatrix.gguf`` in the server's folder of corpora.
        """
        path = _path("models", self._slug(model), "quantization")
        return self._json("GET", path + _query(scheme=scheme, imatrix=imatrix))

    def gradients(
        self,
        prompt: Optional[str] = None,
        *,
        tokens: Optional[Sequence[int]] = None,
        messages: Optional[Sequence[Mapping[str, str]]] = None,
        model: Optional[str] = None,
        targets: Sequence[Mapping[str, Any]] = (),
        hooks: Union[str, Sequence[str]] = (),
        parameters: bool = True,
        add_special_tokens: Optional[bool] = None,
        device: Optional[str] = None,
    ) -> Gradients:
        """Runs a text, given as one of prompt, tokens and messages, forwards and backwards.

        Args:
            targets: what is summed up and differentiated, each ``{"token": 5, "pos": -1, "of": "nll" or "logit", "weight": 1}``;
                without any it is the mean nll of every next token.
            hooks: names or globs of the hooks whose gradient's norm is told; ``Gradients.at`` gives a whole gradient.
            parameters: whether to tell of each weight.
        """
        request = _without_none(
            **_text(prompt, tokens, messages),
            model=model,
            targets=[dict(t) for t in targets] or None,
            hooks=[hooks] if isinstance(hooks, str) else list(hooks),
            parameters=parameters,
            add_special_tokens=add_special_tokens,
            device=device,
        )
        return Gradients(self, request, self._json("POST", "gradients", request))

    def learner(self, model: Optional[str] = None, *, device: Optional[str] = None) -> Learner:
        """Opens a copy of a model that can be changed, update by update; close it, or use it in a with block."""
        return Learner(self, self._json("POST", "learners", _without_none(model=model, device=device)))

    def learners(self) -> List[Learner]:
        """The open learners."""
        return [Learner(self, info) for info in self._json("GET", "learners")["learners"]]

    def lessons(
        self,
        messages: Optional[Sequence[Mapping[str, str]]] = None,
        *,
        conversation: Optional[int] = None,
        preference: Optional[int] = None,
        model: Optional[str] = None,
    ) -> List[Json]:
        """Which tokens of a conversation post-training learns: each lesson has messages, lesson (tokens, counts) and learnt.

        Args:
            messages: user and assistant in turns, an answer last.
            conversation: the number of a training conversation instead.
            preference: the number of a training preference: two lessons, the better answer first.
        """
        given = None if messages is None else [dict(m) for m in messages]
        body = _without_none(messages=given, conversation=conversation, preference=preference, model=model)
        return self._json("POST", "lessons", body)["lessons"]

    def distances(
        self, a: Mapping[str, Any], b: Mapping[str, Any], *, hooks: Union[None, str, Sequence[str]] = None
    ) -> List[Json]:
        """How far two models lie apart inside as they read the same tokens: a row per hook, with relative_l2 and by_position.

        Args:
            a: the reference, as the arguments of ``run``; ``b`` reads its tokens unless it has as many of its own.
            hooks: names or globs; hook_embed and every block's hook_resid_post when None.
        """
        globs = [hooks] if isinstance(hooks, str) else hooks
        body = _without_none(a=dict(a), b=dict(b), hooks=None if globs is None else list(globs))
        return self._json("POST", "distances", body)["hooks"]

    def descend(
        self,
        surface: Union[str, Mapping[str, Any]],
        start: Tuple[float, float],
        optimizers: Sequence[Mapping[str, Any]],
        *,
        steps: Optional[int] = None,
        grid: Optional[Mapping[str, Any]] = None,
    ) -> Json:
        """The paths of optimizers down a surface of two numbers: ``paths``, and with a grid its ``axis`` and ``values``.

        Args:
            surface: ``"rosenbrock"`` or another function's name, ``{"quadratic": [a, b, c]}``, or a plane through a model's
                weights, ``{"loss": {"prompt": "Once upon a time", "seed": 1}}``.
            optimizers: each ``{"kind": "adam", "learning_rate": 0.1}``; kinds are sgd, momentum, adam and adamw.
            grid: where the surface itself is wanted, ``{"low": -2, "high": 2, "n": 41}``.
        """
        request = _without_none(
            surface={"function": surface} if isinstance(surface, str) else dict(surface),
            start=[float(x) for x in start],
            optimizers=[dict(o) for o in optimizers],
            steps=steps,
            grid=None if grid is None else dict(grid),
        )
        return self._json("POST", "optimizers", request)

    def _gradient(self, request: Json, hook: str) -> NDArray[Any]:
        with self._open("POST", "gradients", request, SAFETENSORS) as response:
            return _only(self._read(response), hook)

    def _learner_step(self, learner: str, step: Json) -> Json:
        text = _text(step.pop("prompt"), step.pop("tokens"), step.pop("messages"))
        return self._json("POST", _path("learners", learner, "steps"), _without_none(**text, **step))

    def _learner_undo(self, learner: str) -> Json:
        return self._json("POST", _path("learners", learner, "undo"))

    def _learner_close(self, learner: str) -> None:
        self._json("DELETE", _path("learners", learner))

    def curve(self, model: Optional[str] = None, *, points: Optional[int] = None) -> Json:
        """How a model was trained: columns step, tokens, lr, loss, val_loss, grad_norm, accuracy, val_accuracy.

        ``midtraining`` lists after how many updates another stage begins, on other documents.
        With ``points`` every look at held-out examples, every kept state, and of the other updates at most so many.
        """
        return self._json("GET", _path("models", self._slug(model), "curve") + _query(points=points))

    def forms(self, model: Optional[str] = None) -> Json:
        """In which engines and precisions a model would open here: ``forms``, rows of engine, precision and memory in bytes.

        ``layers`` says which mix positions in which way, ``active_parameters`` how many of a mixture's a token uses.
        Nothing is opened. A model that cannot be raises ``InspectorProblem``, which names the field in the way.
        """
        return self._json("GET", _path("models", self._slug(model), "forms"))

    def checkpoints(self, model: Optional[str] = None) -> List[Json]:
        """The states of a model that its training kept; the slug of each opens as a model."""
        return self._json("GET", _path("models", self._slug(model), "checkpoints"))["checkpoints"]

    def recipes(self) -> List[Json]:
        """The training recipes that ship with the models."""
        return self._json("GET", "recipes")["recipes"]

    def train(
        self,
        recipe: Union[str, Json],
        *,
        name: Optional[str] = None,
        steps: Optional[int] = None,
        learning_rate: Optional[float] = None,
        on_progress: Optional[Callable[[Json], None]] = None,
    ) -> Json:
        """Begins to train a model from a recipe: an object, or the text of a recipe's file. Gives the job.

        With on_progress it waits until the job ends, and hears of each update meanwhile.
        """
        given = {"config": recipe} if isinstance(recipe, str) else {"recipe": recipe}
        body = _without_none(name=name, steps=steps, learning_rate=learning_rate)
        job = self._json("POST", "training-jobs", {**given, **body})
        return job if on_progress is None else self.watch_training(job["id"], on_progress)

    def training_jobs(self) -> List[Json]:
        """Models that are being trained, and those that were."""
        return self._json("GET", "training-jobs")["jobs"]

    def training_job(self, job: str) -> Json:
        """How far a training job is."""
        return self._json("GET", _path("training-jobs", job))

    def training_curve(self, job: str) -> Json:
        """A job's updates until now, in the columns of a curve."""
        return self._json("GET", _path("training-jobs", job, "curve"))

    def watch_training(self, job: str, on_progress: Callable[[Json], None]) -> Json:
        """Hears of each update of a job until it ends; gives the job as it is then."""
        return self._watch(_path("training-jobs", job), on_progress)

    def stop_training(self, job: str) -> Json:
        """Ends a job after the update under way; it is saved and can be resumed."""
        return self._json("POST", _path("training-jobs", job, "stop"))

    def resume_training(self, job: str) -> Json:
        """Goes on with a job from its last saved state."""
        return self._json("POST", _path("training-jobs", job, "resume"))

    def delete_training(self, job: str) -> None:
        """Deletes a job's folder, and the model in it."""
        self._json("DELETE", _path("training-jobs", job))

    def sweep(
        self,
        corpus: Union[str, Json],
        *,
        model: Optional[str] = None,
        engine: Optional[str] = None,
        precision: Optional[str] = None,
        b: Optional[Json] = None,
        reduce: Optional[Sequence[str]] = None,
        hooks: Optional[Sequence[str]] = None,
        window: Optional[int] = None,
        documents: Optional[int] = None,
        name: Optional[str] = None,
    ) -> Sweep:
        """Begins to run a model over a corpus: what its neurons and heads do in general, its loss, b's divergence from it.

        Args:
            corpus: ``tales:train``, ``tales:held_out``, or a file or folder in ``corpora`` beside the server's runs; or an
                object with path, documents, field, id, paragraphs, skip_bad.
            b: the other side, as a run's request: ``{"engine": "onnx", "precision": "int8"}``.
            reduce: what is kept, such as loss, moments, top, histogram, imatrix, heads, router, lens.
            window: the most tokens that are read together.
        """
        texts = {"path": corpus} if isinstance(corpus, str) else dict(corpus)
        if documents is not None:
            texts["documents"] = documents
        a = _without_none(model=model, engine=engine, precision=precision)
        kept = None if reduce is None else list(reduce)
        read = None if hooks is None else list(hooks)
        rest = _without_none(b=b, reduce=kept, hooks=read, window=window, name=name)
        return Sweep(self, self._json("POST", "sweeps", {"a": a, "corpus": texts, **rest}))

    def evaluate(
        self,
        tasks: Union[str, Json],
        *,
        model: Optional[str] = None,
        engine: Optional[str] = None,
        precision: Optional[str] = None,
        limit: Optional[int] = None,
        name: Optional[str] = None,
        on_progress: Optional[Callable[[Json], None]] = None,
    ) -> Sweep:
        """Scores the continuations of a .jsonl of tasks, and waits for it: a sweep with ``info["evaluation"]`` and ``tasks()``.

        Args:
            tasks: a .jsonl in ``corpora`` beside the server's runs, a line ``{"context", "continuation"}`` or ``{"context",
                "choices", "answer"}``; or an object with path, documents, id, skip_bad.
            limit: the most tasks, from the first.

        Raises:
            InspectorProblem: where it fails, as for a line that is no task; finished parts are kept.
        """
        sweep = self.sweep(
            tasks, model=model, engine=engine, precision=precision, reduce=["loglikelihood"], documents=limit, name=name
        ).wait(on_progress)
        if "evaluation" not in sweep.info:
            raise InspectorProblem("the evaluation did not end", where=f"sweep {sweep.id}", found=sweep.info.get("trouble"))
        return sweep

    def sweeps(self) -> List[Sweep]:
        """The sweeps, the newest first."""
        return [Sweep(self, s) for s in self._json("GET", "sweeps")["sweeps"]]

    def _sweep(self, method: str, sweep: str, *path: str) -> Any:
        return self._json(method, _path("sweeps", sweep, *path))

    def _sweep_tensor(self, sweep: str, kind: str, name: str) -> NDArray[Any]:
        data = self._bytes(_path("sweeps", sweep, "results", kind) + "?" + urllib.parse.urlencode({"name": name}))
        return next(iter(parse_safetensors(data).values()))

    def _sweep_table(self, sweep: str, kind: str, name: str) -> bytes:
        path = _path("sweeps", sweep, "results", kind) + "?" + urllib.parse.urlencode({"name": name})
        return self._bytes(path, PARQUET)

    def _sweep_tokens(self, sweep: str, **query: Any) -> Json:
        return self._json("GET", _path("sweeps", sweep, "tokens") + _query(**query))

    def _sweep_imatrix(self, sweep: str) -> bytes:
        return self._bytes(_path("sweeps", sweep, "imatrix.gguf"))

    def _sweep_tasks(self, sweep: str) -> List[Json]:
        lines = self._bytes(_path("sweeps", sweep, "evaluation.jsonl")).decode().split("\n")
        return [json.loads(line) for line in lines if line]

    def _watch_sweep(self, sweep: str, on_progress: Callable[[Json], None]) -> Json:
        return self._watch(_path("sweeps", sweep), on_progress)

    def _watch(self, path: str, on_progress: Callable[[Json], None]) -> Json:
        with self._open("GET", path, None, "text/event-stream") as response:
            for event, data in self._stream(response):
                if event == "done":
                    return data
                if event == "error":
                    raise InspectorProblem.of(data)
                on_progress(data)
        return self._json("GET", path)

    def tokenize(self, text: str, *, model: Optional[str] = None, add_special_tokens: bool = True) -> List[Json]:
        """The tokens of a text: id, text, bytes, start, end, special."""
        body = _without_none(text=text, model=model, add_special_tokens=add_special_tokens)
        return self._json("POST", "tokenize", body)["tokens"]

    def tokenizations(
        self, text: str, tokenizers: Iterable[Union[str, Mapping[str, Any]]] = (), *, trace: bool = False
    ) -> List[Json]:
        """A text as several tokenizers split it, in columns: ids, starts, ends, and each distinct token's piece once.

        ``tokenizers``: tiktoken encodings by name (``"cl100k_base"``) or ``{"model": slug, "chat": True}``; the default
        model's alone when empty. ``trace`` tells every merge with its rank (``merges``), or the ways that a Unigram
        tokenizer chose from (``words``).
        """
        chosen = [{"encoding": t} if isinstance(t, str) else dict(t) for t in tokenizers]
        body = _without_none(text=text, trace=trace, **{"with": chosen or None})
        return self._json("POST", "tokenizations", body)["tokenizations"]

    def detokenize(self, tokens: Iterable[int], *, model: Optional[str] = None) -> str:
        """The text of token ids."""
        return self._json("POST", "detokenize", _without_none(tokens=[int(t) for t in tokens], model=model))["text"]

    def continuations(self, request: Mapping[str, Any], n: int = 10) -> List[Json]:
        """n texts drawn from where the request's tokens end: seed, text, tokens, logprob, finish_reason.

        ``request`` is that of POST /api/v1/runs: ``{"prompt": ..., "generate": {...}}`` or ``{"branch": {"run": id}}``.
        """
        return self._json("POST", "continuations", {"request": dict(request), "n": n})["continuations"]

    def logprobs(
        self,
        request: Mapping[str, Any],
        text: Optional[str] = None,
        *,
        tokens: Optional[Iterable[int]] = None,
        start: Optional[int] = None,
        top: Optional[int] = None,
    ) -> Json:
        """How probable ``text`` (or ``tokens``) is after the request's tokens, or these themselves: logprob, perplexity, tokens."""
        ids = None if tokens is None else [int(t) for t in tokens]
        body = _without_none(request=dict(request), text=text, tokens=ids, top=top, **{"from": start})
        return self._json("POST", "logprobs", body)

    def distribution(self, request: Mapping[str, Any], *, of: str = "probs", dtype: str = "f32") -> NDArray[Any]:
        """The next token's distribution under the request's generate options, or the model's logits, float32 or float16 [vocab]."""
        body = {"request": dict(request), "of": of, "dtype": dtype}
        with self._open("POST", "distribution", body, SAFETENSORS) as response:
            return _only(self._read(response), of)

    def lens(
        self,
        run: Union[str, "Run"],
        *,
        hook: Optional[str] = None,
        top: Optional[int] = None,
        positions: Optional[str] = None,
    ) -> List[Json]:
        """The logit lens of a run that captured ``hook`` (``hook_resid_post``) in every layer: one row per layer.

        ``positions`` is a slice (``-1``, ``3:7``), all when left out.
        """
        body = _without_none(run=_run_id(run), hook=hook, top=top, positions=positions)
        return self._json("POST", "lens", body)["rows"]

    def neuron(
        self,
        run: Union[str, "Run"],
        layer: int,
        neuron: int,
        *,
        pos: Optional[int] = None,
        token: Optional[int] = None,
        top: Optional[int] = None,
    ) -> Json:
        """One neuron at one position: sums (by input and by source), activation, post, and the tokens it raises and lowers."""
        body = _without_none(run=_run_id(run), layer=layer, neuron=neuron, pos=pos, token=token, top=top)
        return self._json("POST", "neuron", body)

    def neuron_activations(
        self,
        layer: int,
        neuron: int,
        text: str,
        *,
        model: Optional[str] = None,
        engine: Optional[str] = None,
        precision: Optional[str] = None,
        top: Optional[int] = None,
        around: Optional[int] = None,
    ) -> Json:
        """One neuron over a text: values, one per token, and its highest and lowest places in context."""
        body = _without_none(
            layer=layer, neuron=neuron, text=text, model=model, engine=engine, precision=precision, top=top, around=around
        )
        return self._json("POST", "neuron/activations", body)

    def feed_forward(
        self, run: Union[str, "Run"], layer: int, *, pos: Optional[int] = None, top: Optional[int] = None
    ) -> Json:
        """A feed-forward part at one position: its strongest neurons, and the share of its output that they make."""
        return self._json("POST", "feedforward", _without_none(run=_run_id(run), layer=layer, pos=pos, top=top))

    def evidence_unit(self, run: Union[str, "Run"], hook: str, unit: int) -> Json:
        """What a corpus says of one neuron, head or expert: from (sweep, corpus, tokens) and unit; {} where no sweep of the
        run's weights kept the hook. Of an example's window: the tokens around its value, with position among them."""
        return self._json("POST", "evidence/unit", {"run": _run_id(run), "hook": hook, "unit": unit})

    def evidence_loss(self, run: Union[str, "Run"]) -> Json:
        """What a corpus costs the run's model: from, loss (nats per token, by position), lens (by layer); {} without a sweep."""
        return self._json("POST", "evidence/loss", {"run": _run_id(run)})

    def evidence_heads(self, run: Union[str, "Run"]) -> Json:
        """What each head does over a corpus: from, layers (roles: a mean a head; entropy in nats); {} without a sweep."""
        return self._json("POST", "evidence/heads", {"run": _run_id(run)})

    def heads(self, run: Union[str, "Run"]) -> Json:
        """What each attention head does on a run's text: stripes, detect (TransformerLens's detect_head), entropy."""
        return self._json("POST", "heads", {"run": _run_id(run)})

    def heads_repeated(
        self,
        *,
        model: Optional[str] = None,
        engine: Optional[str] = None,
        precision: Optional[str] = None,
        seed: int = 0,
        length: Optional[int] = None,
    ) -> Json:
        """The same on ``length`` random tokens said twice."""
        body = _without_none(model=model, engine=engine, precision=precision, seed=seed, length=length)
        return self._json("POST", "heads/repeated", body)

    def head_effects(
        self,
        run: Union[str, "Run"],
        *,
        pos: Optional[int] = None,
        token: Optional[int] = None,
        against: Optional[int] = None,
    ) -> Json:
        """What every head, feed-forward part and the embedding add to one logit directly; they sum to it."""
        body = _without_none(run=_run_id(run), pos=pos, token=token, against=against)
        return self._json("POST", "heads/effects", body)

    def head_circuits(
        self,
        layer: int,
        head: int,
        *,
        model: Optional[str] = None,
        distance: Optional[int] = None,
        ids: Iterable[int] = (),
        words: Optional[bool] = None,
        top: Optional[int] = None,
    ) -> Json:
        """Which tokens a head's queries seek (QK), and what it writes on reading which (OV), from its weights alone."""
        body = _without_none(
            model=model, layer=layer, head=head, distance=distance, ids=list(ids) or None, words=words, top=top
        )
        return self._json("POST", "heads/circuits", body)

    def head_compositions(self, layer: int, head: int, *, model: Optional[str] = None) -> Json:
        """How much of what every earlier head writes this head could read."""
        return self._json("POST", "heads/compositions", _without_none(model=model, layer=layer, head=head))

    def positions(self, *, model: Optional[str] = None, length: Optional[int] = None, size: Optional[int] = None) -> Json:
        """How each layer hears of positions: RoPE's frequencies and scaling, or how alike learned vectors are."""
        query = _query(length=length, size=size)
        return self._json("GET", _path("models", self._slug(model), "positions") + query)

    def position_heads(self, run: Union[str, "Run"], *, most: Optional[int] = None) -> Json:
        """How far every head's mean score moves with the distance between query and key."""
        return self._json("POST", "positions/heads", _without_none(run=_run_id(run), most=most))

    def position_distances(
        self,
        run: Union[str, "Run"],
        layer: int,
        head: int,
        *,
        query: Optional[int] = None,
        key: Optional[int] = None,
        most: Optional[int] = None,
    ) -> Json:
        """One query and one key, and all of a text in the mean, put at other distances."""
        body = _without_none(run=_run_id(run), layer=layer, head=head, query=query, key=key, most=most)
        return self._json("POST", "positions/distances", body)

    def position_shift(self, run: Union[str, "Run"], by: int, *, layer: Optional[int] = None) -> Json:
        """The whole prompt read ``by`` positions further on: how far scores and prediction move."""
        return self._json("POST", "positions/shift", _without_none(run=_run_id(run), by=by, layer=layer))

    def direction(
        self,
        positive: Sequence[Union[str, Sequence[int]]],
        negative: Sequence[Union[str, Sequence[int]]],
        hook: str,
        *,
        pos: int = -1,
        model: Optional[str] = None,
        engine: Optional[str] = None,
        device: Optional[str] = None,
        precision: Optional[str] = None,
    ) -> Json:
        """The mean vector of the positive texts at a hook's position less that of the negative ones.

        Its ``values`` steer a run: ``interventions=[{"hook": hook, "op": "add_along", "values": d["values"], "value": 0.4}]``.
        ``positive`` and ``negative`` are each text's component along it. A text may be given as token ids.
        """
        body = _without_none(model=model, engine=engine, device=device, precision=precision, hook=hook, pos=pos)
        return self._json("POST", "directions", {**body, "positive": list(positive), "negative": list(negative)})

    def neighbours(
        self,
        plus: Iterable[int] = (),
        minus: Iterable[int] = (),
        *,
        vector: Optional[Mapping[str, Any]] = None,
        model: Optional[str] = None,
        table: Optional[str] = None,
        metric: Optional[str] = None,
        top: Optional[int] = None,
    ) -> Json:
        """The rows nearest to a sum of rows (ids ``plus`` less ids ``minus``) or to ``{"run": id, "hook": name, "pos": -1}``.

        ``table`` is "embed" or "unembed", ``metric`` "cosine" or "dot".
        """
        of = _without_none(plus=list(plus) or None, minus=list(minus) or None, vector=vector and dict(vector))
        body = _without_none(of=of, model=model, table=table, metric=metric, top=top)
        return self._json("POST", "embeddings/neighbours", body)

    def embeddings_map(
        self,
        ids: Iterable[int],
        *,
        vectors: Iterable[Mapping[str, Any]] = (),
        model: Optional[str] = None,
        table: Optional[str] = None,
    ) -> Json:
        """Principal components of up to 500 rows: shares of variance, points, and captured vectors in the same directions."""
        given = [dict(v) for v in vectors] or None
        body = _without_none(ids=list(ids), vectors=given, model=model, table=table)
        return self._json("POST", "embeddings/map", body)

    def embeddings_norms(
        self, *, model: Optional[str] = None, table: Optional[str] = None, bins: Optional[int] = None
    ) -> Json:
        """How long a table's rows are: min, max, mean, counts, longest, shortest."""
        return self._json("POST", "embeddings/norms", _without_none(model=model, table=table, bins=bins))

    def embeddings_waves(
        self,
        *,
        model: Optional[str] = None,
        table: Optional[str] = None,
        period: Optional[int] = None,
        planes: Optional[int] = None,
    ) -> Json:
        """How often a table's first ``period`` rows go round while the numbers they stand for go round once: shares, places."""
        body = _without_none(model=model, table=table, period=period, planes=planes)
        return self._json("POST", "embeddings/waves", body)

    def clock(self, model: Optional[str] = None, *, second: Optional[int] = None, top: Optional[int] = None) -> Json:
        """What a model does that was taught a + b modulo p: its answers as a goes round, and the neurons that go round too."""
        return self._json("POST", "clock", _without_none(model=model, second=second, top=top))

    def cost(
        self,
        request: Optional[Mapping[str, Any]] = None,
        *,
        past: Optional[int] = None,
        tokens: Optional[int] = None,
        contexts: Optional[Sequence[int]] = None,
    ) -> Json:
        """What each part of reading ``tokens`` positions after ``past`` takes: parameters, FLOPs, bytes; the cache by layer.

        ``request`` names model, engine, precision and ``kv_cache``. Nothing is run.
        """
        wanted = _without_none(request=request, past=past, tokens=tokens, contexts=contexts)
        return self._json("POST", "cost", wanted)

    def timeline(
        self, request: Mapping[str, Any], *, positions: Optional[int] = None, repeats: Optional[int] = None
    ) -> Json:
        """How long each part of a prompt's, and of a token's, work takes: measured, on torch."""
        return self._json("POST", "timeline", _without_none(request=request, positions=positions, repeats=repeats))

    def benchmark(
        self,
        request: Mapping[str, Any],
        contexts: Optional[Sequence[int]] = None,
        *,
        new_tokens: Optional[int] = None,
        without_cache: Optional[bool] = None,
        on_measured: Optional[Callable[[Json], None]] = None,
    ) -> Json:
        """Times the model at several lengths: a prompt in one pass, then tokens with their past in the cache, and without.

        ``on_measured`` is called with each length's point as it comes; an exception in it cancels the benchmark.
        """
        wanted = _without_none(
            request=request, contexts=contexts, new_tokens=new_tokens, without_cache=without_cache
        )
        listen = on_measured or (lambda point: None)
        return self._post_job("benchmarks", wanted, {"measured": listen})

    def norms(self, run: Union[str, "Run"]) -> List[Json]:
        """L2 norm at each position of every captured value that is d_model wide: one row per hook."""
        return self._json("POST", "norms", {"run": _run_id(run)})["rows"]

    def compare(
        self,
        a: Optional[Mapping[str, Any]] = None,
        b: Optional[Mapping[str, Any]] = None,
        *,
        text: Optional[str] = None,
        text_tokens: Optional[Sequence[int]] = None,
        corpus: Optional[Union[str, Mapping[str, Any]]] = None,
        sensitivity: Optional[Mapping[str, Any]] = None,
        name: Optional[str] = None,
        on_progress: Optional[Callable[[Json], None]] = None,
        **options: Any,
    ) -> Comparison:
        """Runs two requests side by side and measures how far B lies from A.

        Args:
            a: the reference, as the arguments of ``run``: ``{"prompt": "The cat sat", "precision": "fp32"}``.
            b: the other side; what it does not say of model, device and prompt is as in A.
            text: what KL divergence and perplexity are measured over; None: over the prompt only.
            corpus: over whose documents the divergence is taken, with its intervals, as in ``sweep``: ``tales:held_out``, or
                an object with path, documents, field, id, paragraphs, skip_bad. The answer is in ``Comparison.corpus``.
            sensitivity: which modules the low precision hurts: direction, by, modules, budget_bytes, tokens; ``{}`` for
                all defaults. The answer is in ``Comparison.sensitivity``.
            on_progress: called with phase, done, total and note; an exception in it cancels the comparison.
            options: those of POST /api/v1/comparisons: hooks, split, top, window, stride, cost, decode_tokens, repeats,
                floor (``"batches"``, ``"engine"``, ``"none"``), factor.
        """
        texts = {"path": corpus} if isinstance(corpus, str) else corpus
        request = _without_none(
            a=dict(a or {}),
            b=dict(b or {}),
            text=text,
            corpus=None if texts is None else dict(texts),
            text_tokens=None if text_tokens is None else [int(t) for t in text_tokens],
            options=options or None,
            sensitivity=None if sensitivity is None else dict(sensitivity),
            name=name,
        )
        # Always as a stream: its heartbeat keeps a long comparison from timing out.
        listen = on_progress or (lambda progress: None)
        return Comparison(self, self._post_job("comparisons", request, {"progress": listen}))

    def analyse(
        self,
        kind: str,
        clean: Union[None, str, Mapping[str, Any]] = None,
        corrupt: Union[None, str, Mapping[str, Any]] = None,
        *,
        metric: Union[None, str, Mapping[str, Any]] = None,
        on_progress: Optional[Callable[[Json], None]] = None,
        **options: Any,
    ) -> Json:
        """Finds what caused an answer, or fits a lens, a probe or a subspace to a model's values.

        Args:
            kind: of two runs ``patch`` (a value of one run given to the other, place by place), ``attribution`` (that, estimated
                by one gradient), ``path``, ``edges`` (a circuit), ``restore`` (values given back to the same model quantized); of
                one run ``qk`` (an attention score taken apart), ``lens``; of many prompts ``probe``, ``interchange``.
            clean: the run whose answer is explained: a prompt, or the arguments of ``run``. Of probe and interchange its model,
                engine and precision alone.
            corrupt: the run that answers otherwise, of as many tokens; what it leaves out is as in ``clean``.
            metric: ``"kl"``, or an object with name, answers, against, answer_ids, against_ids, pos; the difference of the
                two runs' own answers' logits by default.
            on_progress: called with phase, done and total; an exception in it cancels the analysis.
            options: those of POST /api/v1/analyses: direction, points, by, layers, positions, cells, receivers,
                convention, steps, measured, edges, keep, signed, examples, corpus, rank, c, skip, seed, name.

        Returns:
            ``scores`` (a grid a hook point, row-major), ``measured``, ``graph``, ``restored``, with ``metric``; or ``score``,
            ``lens``, ``probes``, ``subspace``. With ``convention`` and ``invariants``.
        """
        request = _without_none(
            kind=kind,
            clean=None if clean is None else _as_run(clean),
            corrupt=None if corrupt is None else _as_run(corrupt),
            metric={"name": metric} if isinstance(metric, str) else None if metric is None else dict(metric),
            **options,
        )
        return self._post_job("analyses", request, {"progress": on_progress or (lambda progress: None)})

    def analyses(self, limit: int = 50) -> List[Json]:
        """The analyses that are kept, newest first."""
        return self._json("GET", "analyses" + _query(limit=limit))["analyses"]

    def analysis(self, analysis_id: str) -> Json:
        """An analysis that was made before."""
        return self._json("GET", _path("analyses", analysis_id))

    def comparison(self, comparison_id: str) -> Comparison:
        """A comparison that was made before."""
        return Comparison(self, self._json("GET", _path("comparisons", comparison_id)))

    def comparisons(self, limit: int = 50, before: Optional[str] = None) -> List[Json]:
        """Summaries of the newest comparisons, newest first; ``before`` an id for the next page."""
        return self._json("GET", "comparisons" + _query(limit=limit, before=before))["comparisons"]

    def _comparison_tensor(self, comparison_id: str, path: List[str], name: str, **query: Any) -> NDArray[Any]:
        return _only(self._bytes(_path("comparisons", comparison_id, *path) + _query(**query)), name)

    def _comparison_tokens(self, comparison_id: str, part: str, start: int) -> List[Json]:
        query = urllib.parse.urlencode({"part": part, "from": start, "limit": 10_000})
        return self._json("GET", _path("comparisons", comparison_id, "tokens") + "?" + query)["tokens"]

    def _comparison_report(self, comparison_id: str) -> str:
        path = _path("comparisons", comparison_id, "report.html")
        with self._open("GET", path, None, "text/html") as response:
            return self._read(response).decode("utf-8")

    def _comparison_flips(self, comparison_id: str, part: str) -> str:
        path = _path("comparisons", comparison_id, "flips.csv") + _query(part=part)
        with self._open("GET", path, None, "text/csv") as response:
            return self._read(response).decode("utf-8")

    def _comparison_delete(self, comparison_id: str) -> None:
        self._json("DELETE", _path("comparisons", comparison_id))

    def health(self) -> Json:
        """Whether the server is well: status, version, default_model, queue."""
        return self._json("GET", "health")

    def _slug(self, model: Optional[str]) -> str:
        if model is not None:
            return model
        default = self._json("GET", "models").get("default")
        if default is None:
            raise InspectorProblem("the server has no default model", instead="name one of models()")
        return str(default)

    def _post_run(
        self,
        request: Json,
        on_token: Optional[Callable[[Json], None]] = None,
        on_opening: Optional[Callable[[Json], None]] = None,
    ) -> Json:
        # Always as a stream: its heartbeat keeps a model that takes minutes to open from timing out.
        ignored: Callable[[Json], None] = lambda event: None
        return self._post_job("runs", request, {"token": on_token or ignored, "opening": on_opening or ignored})

    def _post_job(self, path: str, request: Json, on_event: Mapping[str, Callable[[Json], None]]) -> Json:
        """Posts something that takes its time; with listeners as a stream that tells them of its events."""
        if not on_event:
            return self._json("POST", path, request)
        with self._open("POST", path, request, "text/event-stream") as response:
            for event, data in self._stream(response):
                if event in on_event:
                    on_event[event](data)
                elif event == "done":
                    return data
                elif event == "error":
                    raise InspectorProblem.of(data)
        raise InspectorProblem(
            "the stream ended before it was done", f"POST {self.url}/api/v1/{path}", instead="see the server's log"
        )

    def _json(self, method: str, path: str, body: Optional[Json] = None) -> Any:
        with self._open(method, path, body, "application/json") as response:
            data = self._read(response)
        return json.loads(data) if data else None

    def _bytes(self, path: str, accept: str = SAFETENSORS) -> bytes:
        with self._open("GET", path, None, accept) as response:
            return self._read(response)

    def _open(self, method: str, path: str, body: Optional[Json], accept: str) -> HTTPResponse:
        url = f"{self.url}/api/v1/{path}"
        headers = {"Accept": accept}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(url, data, headers, method=method)
        with self._connected():
            try:
                return self._opener.open(request, timeout=self._timeout)
            except urllib.error.HTTPError as e:
                with e:
                    raise InspectorProblem.of_response(e.code, e.read(), url, e.headers.get("Retry-After")) from None

    def _read(self, response: HTTPResponse) -> bytes:
        with self._connected():
            return response.read()

    def _stream(self, response: HTTPResponse) -> Iterator[Tuple[str, Json]]:
        with self._connected():
            yield from _events(response)

    @contextmanager
    def _connected(self) -> Iterator[None]:
        try:
            yield
        except (OSError, HTTPException) as e:
            raise InspectorProblem(
                "no LLM Inspector answers",
                self.url,
                found=str(getattr(e, "reason", None) or e or type(e).__name__),
                instead="start one with scripts/start",
            ) from None


class Run:
    """One finished run: what went in, what came out, and the values seen on the way.

    Attributes:
        manifest: all that is known of it but its tensors, as GET /api/v1/runs/{id} has it.
    """

    def __init__(self, inspector: Inspector, manifest: Json, on_demand: bool) -> None:
        self.manifest = manifest
        self._inspector = inspector
        self._on_demand = on_demand

    @property
    def id(self) -> str:
        return str(self.manifest["id"])

    @property
    def prompt(self) -> str:
        """The text that was tokenized, with what a chat template wrote around messages; empty for tokens."""
        return str(self.manifest.get("prompt", ""))

    @property
    def text(self) -> str:
        """The prompt and its continuation."""
        return str(self.manifest.get("text", ""))

    @property
    def tokens(self) -> List[Json]:
        """The prompt's tokens and then the generated ones: id, text, bytes, start, end, special."""
        return list(self.manifest["tokens"])

    @property
    def ids(self) -> List[int]:
        """The same as token ids."""
        return [int(token["id"]) for token in self.manifest["tokens"]]

    @property
    def prompt_length(self) -> int:
        """How many of ``tokens`` are the prompt's."""
        return int(self.manifest["prompt_length"])

    @property
    def generated(self) -> str:
        """The continuation alone; empty when nothing was generated."""
        return str((self.manifest.get("generation") or {}).get("text", ""))

    @property
    def steps(self) -> List[Json]:
        """One entry a generated token: its probability and the alternatives to it."""
        return list((self.manifest.get("generation") or {}).get("steps", []))

    @property
    def captures(self) -> List[Json]:
        """What was captured: hook, dtype, shape, axes, bytes."""
        return list(self.manifest.get("captures") or [])

    @property
    def hooks(self) -> List[str]:
        """The names of what was captured, as data flows."""
        return [str(entry["hook"]) for entry in self.captures]

    def capture(
        self,
        hook: str,
        *,
        pos: Optional[Index] = None,
        head: Optional[Index] = None,
        query: Optional[Index] = None,
        key: Optional[Index] = None,
        feature: Optional[Index] = None,
        state: Optional[Index] = None,
        form: Optional[Index] = None,
    ) -> NDArray[Any]:
        """The values seen at one hook, with its axes in the hook's order; an indexed axis stays, with size 1.

        Positions are the prompt's and those of every generated token but the last, which was never fed back. Only
        the slice asked for is sent: ``run.capture("logits", pos=-1)`` is one row.

        A run made with a ``capture`` list has those hooks and no others, until it is extended. A run made without one
        captures on demand: the first time a hook is asked for, ``recapture`` reads the run's own tokens again for it.
        Name the hooks in ``capture`` when you want more than a few.

        Args:
            feature: a vector's elements: d_head, d_model, d_mlp or vocab.
            state: the d_state axis of a recurrence's state, keys and queries.
            form: the forms of a residual stream that has several.

        Raises:
            InspectorProblem: the run did not capture this hook, no such hook exists, or the slice is outside it.
        """
        if self._on_demand and not any(e["hook"] == hook and "positions" not in e for e in self.captures):
            self.recapture(hook)
        query_string = _query(
            pos=_index(pos),
            head=_index(head),
            query=_index(query),
            key=_index(key),
            feature=_index(feature),
            state=_index(state),
            form=_index(form),
        )
        path = _path("runs", self.id, "captures", hook) + query_string
        return _only(self._inspector._bytes(path), hook)

    def patterns(self, size: Optional[int] = None) -> NDArray[Any]:
        """Every head's attention pattern made small, [layer, head, query, key], of the layers that have heads: the largest weight under each cell.

        The run need not have captured them; ``size`` is the most cells per side, 32 unless given.
        """
        path = _path("runs", self.id, "patterns") + _query(size=None if size is None else str(size))
        return _only(self._inspector._bytes(path), "patterns")

    def pattern(
        self,
        layer: int,
        head: int,
        *,
        query: Optional[Index] = None,
        key: Optional[Index] = None,
        size: Optional[int] = None,
    ) -> NDArray[Any]:
        """A stretch of one head's pattern, [query, key], made small where it has more than ``size`` (256) values per side."""
        query_string = _query(query=_index(query), key=_index(key), size=None if size is None else str(size))
        path = _path("runs", self.id, "patterns", str(layer), str(head)) + query_string
        return _only(self._inspector._bytes(path), "pattern")

    def effective(self, layer: int, *, head: Optional[Index] = None, query: Optional[Index] = None) -> Json:
        """Effective attention of a recurrent layer, and how long its heads remember.

        ``values`` are the weights [head, query, key] with which the values at ``of`` add up to what is read from the
        state; they may be negative. ``half_lives`` are in tokens, one a head, None where nothing decays. A layer with
        attention is refused: its weights are the hook ``attn.hook_pattern``.
        """
        path = _path("runs", self.id, "effective", str(layer)) + _query(head=_index(head), query=_index(query))
        return self._inspector._json("GET", path)

    def recapture(
        self,
        capture: Union[str, Sequence[str]],
        *,
        positions: Optional[Index] = None,
        max_bytes: Optional[int] = None,
        dry_run: bool = False,
    ) -> Json:
        """Has the run's own tokens read again for hooks that it lacks, and adds them to it.

        The engine, device, precision and interventions are the run's. What it has already is not read again.

        Args:
            capture: hook names or globs.
            positions: whose values are kept, of those that the run read; all when None.
            max_bytes: refuse to keep more; the server's capture budget when None.
            dry_run: only say what would be read: ``hooks`` and ``bytes``.

        Returns:
            The last entry of ``recaptures``: when it was read again, in which form, and whether the logits agree; what
            would be read, for a dry run.
        """
        request = _without_none(
            capture=[capture] if isinstance(capture, str) else list(capture),
            positions=_index(positions),
            max_bytes=max_bytes,
            dry_run=dry_run or None,
        )
        answer = self._inspector._json("POST", _path("runs", self.id, "captures"), request)
        if dry_run:
            return answer
        self.manifest = answer
        return self.recaptures[-1] if self.recaptures else {}

    @property
    def recaptures(self) -> List[Json]:
        """Later readings of the run's tokens, for hooks that it lacked."""
        return list(self.manifest.get("recaptures") or [])

    def reads(self, query: Optional[int] = None) -> Json:
        """What one query reads through each attention head, the most telling first; the prompt's last when None."""
        return self._inspector._json("POST", "reads", _without_none(run=self.id, query=query))

    def shift(self, after: Union[str, "Run"], *, pos: Optional[int] = None, top: Optional[int] = None) -> Json:
        """How the prediction at a position (the prompt's last when None) moved from this run to one with a change.

        Both must have captured ``logits``. Gives ``kl`` and the lists ``top``, ``after_top`` and ``moved``.
        """
        return self._inspector._json("POST", "shift", _without_none(run=self.id, after=_run_id(after), pos=pos, top=top))

    def __getitem__(self, hook: str) -> NDArray[Any]:
        return self.capture(hook)

    def items(self) -> Iterator[Tuple[str, NDArray[Any]]]:
        """Every captured hook with its values, one fetched at a time."""
        for hook in self.hooks:
            yield hook, self.capture(hook)

    def lens(
        self, *, hook: Optional[str] = None, top: Optional[int] = None, positions: Optional[str] = None
    ) -> List[Json]:
        """See ``Inspector.lens``."""
        return self._inspector.lens(self, hook=hook, top=top, positions=positions)

    def norms(self) -> List[Json]:
        """See ``Inspector.norms``."""
        return self._inspector.norms(self)

    def delete(self) -> None:
        """Deletes the run from the server."""
        self._inspector._json("DELETE", _path("runs", self.id))

    def __repr__(self) -> str:
        text = self.text if len(self.text) <= 60 else self.text[:59] + "…"
        return f"<Run {self.id} {text!r}, {len(self.captures)} captures>"


def _events(lines: Iterable[bytes]) -> Iterator[Tuple[str, Json]]:
    """Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) with JSON data."""
    event = "message"
    data: List[str] = []
    for raw in lines:
        line = raw.decode("utf-8").rstrip("\r\n")
        if not line:
            if data:
                yield event, json.loads("\n".join(data))
            event, data = "message", []
        elif not line.startswith(":"):
            field, _, value = line.partition(":")
            value = value[1:] if value.startswith(" ") else value
            if field == "event":
                event = value
            elif field == "data":
                data.append(value)


def _index(index: Optional[Index]) -> Optional[str]:
    """As the server reads it: 3, -1, 2:5, :4, -8:."""
    if index is None or isinstance(index, str):
        return index
    if isinstance(index, slice):
        if index.step not in (None, 1):
            raise InspectorProblem("a capture is sliced in steps of 1", expected="step 1", found=str(index.step))
        start = "" if index.start is None else int(index.start)
        stop = "" if index.stop is None else int(index.stop)
        return f"{start}:{stop}"
    return str(int(index))


def _path(*parts: str) -> str:
    return "/".join(urllib.parse.quote(part, safe="") for part in parts)


def _query(**parameters: Any) -> str:
    given = _without_none(**parameters)
    return "?" + urllib.parse.urlencode(given) if given else ""


def _text(
    prompt: Optional[str], tokens: Optional[Sequence[int]], messages: Optional[Sequence[Mapping[str, str]]]
) -> Json:
    """A text as the server takes it; which of the three may be there, it says itself."""
    return _without_none(
        prompt=prompt,
        tokens=None if tokens is None else [int(t) for t in tokens],
        messages=None if messages is None else [dict(m) for m in messages],
    )


def _as_run(run: Union[str, Mapping[str, Any]]) -> Json:
    return {"prompt": run} if isinstance(run, str) else dict(run)


def _without_none(**values: Any) -> Json:
    return {name: value for name, value in values.items() if value is not None}


def _only(data: bytes, name: str) -> NDArray[Any]:
    tensors = parse_safetensors(data, name)
    if name not in tensors:
        raise InspectorProblem("the server sent another tensor", expected=name, found=", ".join(tensors))
    return tensors[name]


def _run_id(run: Union[str, Run]) -> str:
    return run.id if isinstance(run, Run) else run
