"""A sweep: a model over a corpus, and what holds there in general."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional

from numpy.typing import NDArray

from .problem import InspectorProblem

if TYPE_CHECKING:
    from .client import Inspector

Json = Dict[str, Any]


class Sweep:
    """A sweep over a corpus, under way or ended.

    Attributes:
        info: id, state (running, stopping, stopped, finished, failed), request, parts, of, results; once its corpus is
            read sweep (documents, windows, tokens, engine); once it is merged loss (with low and high of its 95 %
            interval over documents) and, of two sides, divergence (mean_kld, reverse_kld, delta_nll, same_top, worst);
            of tasks evaluation (choices: acc, acc_norm, acc_bytes; continuations: logprob, perplexity, greedy).
    """

    def __init__(self, inspector: "Inspector", info: Json) -> None:
        self.info = info
        self._inspector = inspector

    @property
    def id(self) -> str:
        return str(self.info["id"])

    def __repr__(self) -> str:
        return f"<Sweep {self.id}, {self.info['state']}, {self.info['parts']} of {self.info['of']} parts>"

    def refresh(self) -> "Sweep":
        """Asks how far it is."""
        self.info = self._inspector._sweep("GET", self.id)
        return self

    def wait(self, on_progress: Optional[Callable[[Json], None]] = None) -> "Sweep":
        """Waits until it ends, and hears of each batch: phase, shards, of, windows, tokens_per_second, seconds_left."""
        self.info = self._inspector._watch_sweep(self.id, on_progress or (lambda progress: None))
        return self

    def stop(self) -> "Sweep":
        """Ends it after the batch under way; finished parts are kept."""
        self.info = self._inspector._sweep("POST", self.id, "stop")
        return self

    def resume(self) -> "Sweep":
        """Goes on with it; parts that are there are not computed again."""
        self.info = self._inspector._sweep("POST", self.id, "resume")
        return self

    def delete(self) -> None:
        """Deletes it and its results; one under way has to be stopped first."""
        self._inspector._sweep("DELETE", self.id)

    def results(self) -> List[Json]:
        """Every tensor that it kept: kind (the reducer), name, dtype, shape."""
        return list(self._inspector._sweep("GET", self.id, "results")["results"])

    def tensor(self, kind: str, name: str) -> NDArray[Any]:
        """One of them, such as tensor("moments", "blocks.0.mlp.hook_post/mean"), [channel]."""
        return self._inspector._sweep_tensor(self.id, kind, name)

    def parquet(self, kind: str, name: str) -> bytes:
        """A table as a .parquet file's bytes: one tensor, or all whose names begin with name and a slash as its columns, such as
        parquet("loss", "window"), a row a window, or parquet("moments", "blocks.0.mlp.hook_post"), a row a channel."""
        return self._inspector._sweep_table(self.id, kind, name)

    def unit(self, hook: str, unit: int) -> Json:
        """A neuron of mlp.hook_post, a head of attn.hook_result, an expert of mlp.hook_expert_gates.

        As far as the sweep kept it: count, mean, std, min, max, firing, histogram, and high and low, the windows in which
        it is largest and smallest: value, window, position, document, tokens.
        """
        return self._inspector._sweep("GET", self.id, "units", hook, str(unit))

    def tokens(self, by: str = "total", order: str = "most", *, least: int = 1, limit: int = 20) -> Json:
        """Which tokens cost most, of a sweep with the reducer loss: kinds, frequent, count, sum, and tokens: each token with its
        count, sum and mean (nats) and share of the whole loss.

        Args:
            by: "total", what all tokens with an id cost together, or "mean", what one of them costs.
            order: "most" or "least" first.
            least: occurrences of a token that is listed.
        """
        return self._inspector._sweep_tokens(self.id, by=by, order=order, least=least, limit=limit)

    def imatrix(self) -> bytes:
        """The importance matrix that llama-quantize reads, a GGUF file's bytes; of a sweep with the reducer imatrix."""
        return self._inspector._sweep_imatrix(self.id)

    def tasks(self) -> Any:
        """What the model says of each task of an evaluation: a pandas DataFrame where pandas is there, else a dict a task.

        id, and a list by choice of logprob (nats), tokens and greedy; with choices answer, by_logprob, by_characters, by_bytes.
        """
        tasks = self._inspector._sweep_tasks(self.id)
        try:
            import pandas
        except ImportError:
            return tasks
        return pandas.DataFrame(tasks)

    def frame(self, kind: str, hook: str) -> Any:
        """What a reducer kept of a hook by channel: a pandas DataFrame where pandas is there, else arrays by name."""
        columns = {
            r["name"][len(hook) + 1 :]: self.tensor(kind, r["name"])
            for r in self.results()
            if r["kind"] == kind and r["name"].startswith(hook + "/") and len(r["shape"]) == 1
        }
        if not columns:
            raise InspectorProblem("the sweep kept nothing of this hook", where=f"{kind}: {hook}")
        lengths = [len(c) for c in columns.values()]
        columns = {name: c for name, c in columns.items() if len(c) == max(lengths)}
        try:
            import pandas
        except ImportError:
            return columns
        return pandas.DataFrame(columns)
