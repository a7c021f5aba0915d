"""Comparison is one finished twin run: how far B lies from A, hook by hook, token by token, and at what cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Tuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .client import Inspector

Json = Dict[str, Any]


@dataclass(frozen=True)
class Estimate:
    """A value and its standard error, None when one position alone gives none.

    Attributes:
        interval: low and high of the 95 % interval, taken in log space, of a perplexity or a ratio of two; else None.
    """

    value: float
    error: Optional[float]
    interval: Optional[Tuple[float, float]] = None

    def __str__(self) -> str:
        if self.interval is not None:
            return f"{self.value:.6g} ({self.interval[0]:.4g} to {self.interval[1]:.4g})"
        return f"{self.value:.6g}" + ("" if self.error is None else f" ± {self.error:.2g}")


@dataclass(frozen=True)
class First:
    """The first hook in data order, and in it the first position, whose relative L2 is past the threshold."""

    threshold: float
    hook: Optional[str]
    position: Optional[int]
    relative_l2: Optional[float]


@dataclass(frozen=True)
class FirstBad:
    """The first hook in data order whose own error stands above ``factor`` times the noise floor; None: nothing does.

    Attributes:
        basis: ``made``: of what B makes itself on A's inputs; ``total``: of all the error, where the two cannot be told apart.
        distance: relative L2 at ``position``.
        distance_all: relative L2 over all positions, by which the hook was found.
        floor: relative L2 of A from itself at this hook, at least 2**-24.
    """

    factor: float
    basis: str
    hook: Optional[str]
    position: Optional[int]
    distance: Optional[float]
    distance_all: Optional[float]
    floor: Optional[float]


@dataclass(frozen=True)
class ModuleError:
    """A module's error relative to the length of A's output: made in it, inherited from its input, and both.

    The two vectors add up exactly; ``cosine`` is that of the angle between them.
    """

    module: str
    output: str
    total: float
    made: float
    inherited: float
    cosine: Optional[float]


@dataclass(frozen=True)
class Measures:
    """How far B's distributions lie from A's, with llama.cpp's names and formulas; A is its base.

    The positions are not llama.cpp's: it scores the second half of each chunk, this every token once. Figures differ.

    Attributes:
        positions: distributions compared.
        kld, delta_p: percentiles by per cent, 0 to 100.
        scored: positions whose true next token is known; perplexity and Δp are over these, None when there are none.
    """

    positions: int
    mean_kld: Estimate
    kld: Mapping[float, float]
    same_top: Estimate
    top_overlap: Estimate
    k: int
    scored: int
    ppl_a: Optional[Estimate]
    ppl_b: Optional[Estimate]
    ppl_correlation: Optional[float]
    ln_ppl_ratio: Optional[Estimate]
    ppl_ratio: Optional[Estimate]
    ppl_difference: Optional[Estimate]
    mean_delta_p: Optional[Estimate]
    rms_delta_p: Optional[Estimate]
    delta_p: Mapping[float, float]


@dataclass(frozen=True)
class SensitiveModule:
    """One module changed alone.

    Attributes:
        kld: KL(A || this), nats.
        effect: KL divergence recovered by restoring it, or added by lowering it.
        bytes: that restoring it costs, or lowering it saves.
        effect_per_byte: None where it costs or saves nothing.
        predicted: KL(A || A with this module of B), nats, as one backward pass of A predicts it; None where there
            are no gradients.
    """

    module: str
    matrices: List[str]
    kld: Estimate
    effect: Estimate
    bytes: int
    effect_per_byte: Optional[float]
    predicted: Optional[float]


@dataclass(frozen=True)
class MixedPlan:
    """What is suggested for a budget, run and measured.

    Attributes:
        precision_plan: for a run: ``inspector.run(..., engine="onnx", precision_plan=plan.precision_plan)``.
        modules: those that were changed.
        bytes: its weights.
        expected_kld: KL(A || plan) if effects added up.
        measures: what it really is.
        llama_quantize: arguments of llama-quantize that keep high what the plan keeps high.
        llm_compressor_ignore: the same as ``ignore`` of llm-compressor's modifiers.
    """

    precision_plan: Json
    modules: List[str]
    bytes: int
    expected_kld: float
    measures: Measures
    llama_quantize: List[str]
    llm_compressor_ignore: List[str]


@dataclass(frozen=True)
class Sensitivity:
    """What each module is worth to the low precision, those with most effect a byte first.

    Attributes:
        start: of the side that modules were changed from: B when restoring, A when lowering.
        start_bytes: its weights.
        end_bytes: the weights when all the modules are changed.
        rank_correlation: Spearman's, of the modules' effect and predicted; None where nothing was predicted.
        predicted_why: why nothing was predicted.
        plan: None without a budget.
    """

    options: Json
    positions: int
    start: Measures
    start_bytes: int
    end_bytes: int
    modules: List[SensitiveModule]
    rank_correlation: Optional[float]
    predicted_why: Optional[str]
    plan: Optional[MixedPlan]


@dataclass(frozen=True)
class ComparedTokens:
    """What both sides said next, one row per position.

    Attributes:
        position: of the token read last, int [n].
        kl: KL(A || B) in nats, float [n].
        prob_a, prob_b: what each gives to the token that really follows, NaN where none does, float [n].
        same_top: whether both find the same token most probable, bool [n].
        rows: all there is, as the REST contract has it.
    """

    position: NDArray[np.int64]
    kl: NDArray[np.float64]
    prob_a: NDArray[np.float64]
    prob_b: NDArray[np.float64]
    same_top: NDArray[np.bool_]
    rows: List[Json]

    @property
    def turns(self) -> List[Json]:
        """The rows where B would have said something else."""
        return [row for row in self.rows if not row["same_top"]]


@dataclass(frozen=True)
class Cell:
    """One hook at one position: both sides and B - A, without the axes batch and position."""

    a: NDArray[Any]
    b: NDArray[Any]
    difference: NDArray[Any]


class Comparison:
    """One finished comparison.

    Attributes:
        manifest: all that is known of it but its numbers by position, as GET /api/v1/comparisons/{id} has it.
    """

    def __init__(self, inspector: "Inspector", manifest: Json) -> None:
        self.manifest = manifest
        self._inspector = inspector

    @property
    def id(self) -> str:
        return str(self.manifest["id"])

    @property
    def prompt(self) -> Optional[Measures]:
        """Measures over the prompt; None without one."""
        return _measures(self.manifest.get("prompt"))

    @property
    def text(self) -> Optional[Measures]:
        """Measures over the text; None without one."""
        return _measures((self.manifest.get("text") or {}).get("measures"))

    @property
    def firsts(self) -> List[First]:
        """Where the sides part, for rising thresholds; the first of them is 0: any difference."""
        return [
            First(f["threshold"], f.get("hook"), f.get("position"), f.get("relative_l2"))
            for f in self.manifest["firsts"]
        ]

    @property
    def first_bad(self) -> Optional[FirstBad]:
        """Where B first goes wrong by itself; None without a prompt."""
        bad = self.manifest.get("first_bad")
        if bad is None:
            return None
        return FirstBad(
            bad["factor"],
            bad["basis"],
            bad.get("hook"),
            bad.get("position"),
            bad.get("distance"),
            bad.get("distance_all"),
            bad.get("floor"),
        )

    @property
    def floor(self) -> Optional[Measures]:
        """How far A lies from itself over the text, else over the prompt: digits below it mean nothing."""
        floor = self.manifest.get("floor") or {}
        return _measures(floor.get("text") or floor.get("prompt"))

    @property
    def hooks(self) -> List[Json]:
        """Every compared hook over all positions: cosine, relative_l2, max_abs, sqnr, worst_position, made, floor."""
        return list(self.manifest["hooks"])

    @property
    def modules(self) -> List[ModuleError]:
        """Errors of modules, made and inherited; empty when they were not split."""
        inf = float("inf")
        return [
            ModuleError(
                m["module"],
                m["output"],
                m.get("total", inf),
                m.get("made", inf),
                m.get("inherited", inf),
                m.get("cosine"),
            )
            for m in self.manifest.get("modules") or []
        ]

    @property
    def activations(self) -> List[Json]:
        """Outliers of what A's matrices read: layer, feeds, max_abs, position, channel, rms, kurtosis, top_share, top_channels,
        channels; empty where they cannot be had."""
        return list(self.manifest.get("activations", []))

    @property
    def corpus(self) -> Optional[Json]:
        """What holds over the corpus: documents, windows, window, read, bad_lines, divergence (mean_kld, reverse_kld, delta_nll,
        same_top, each with value, low and high of its 95 % interval; worst documents); None without one."""
        return self.manifest.get("corpus")

    @property
    def sensitivity(self) -> Optional[Sensitivity]:
        """What each module is worth; None when it was not asked for."""
        json = self.manifest.get("sensitivity")
        if json is None:
            return None
        return Sensitivity(
            json["options"],
            json["positions"],
            _known(json["start"]),
            json["start_bytes"],
            json["end_bytes"],
            [
                SensitiveModule(
                    m["module"],
                    m["matrices"],
                    _sure(m["kld"]),
                    _sure(m["effect"]),
                    m["bytes"],
                    m.get("effect_per_byte"),
                    m.get("predicted"),
                )
                for m in json["modules"]
            ],
            json.get("rank_correlation"),
            json.get("predicted_why"),
            _plan(json.get("plan")),
        )

    def divergence(self, point: str, metric: str = "relative_l2") -> NDArray[Any]:
        """A heatmap of a hook point such as ``"hook_resid_post"``: [layer, pos].

        Args:
            metric: ``relative_l2``, ``cosine``, ``max_abs``, ``sqnr``; or ``head`` for [layer, head, pos],
                Jensen-Shannon in nats for patterns and relative L2 for others.
        """
        return self._inspector._comparison_tensor(self.id, ["divergence"], metric, point=point, metric=metric)

    def cell(self, hook: str, pos: int = -1) -> Cell:
        """Both sides' values of one hook at one position; they are made again on the server."""
        a, b, difference = (
            self._inspector._comparison_tensor(self.id, ["cells", hook], side, pos=pos, side=side)
            for side in ("a", "b", "difference")
        )
        return Cell(a, b, difference)

    def tokens(self, part: Optional[str] = None) -> ComparedTokens:
        """Token by token over the ``"text"`` or the ``"prompt"``; None: the text when there is one."""
        part = part or ("text" if self.manifest.get("text") else "prompt")
        rows: List[Json] = []
        while True:
            page = self._inspector._comparison_tokens(self.id, part, len(rows))
            rows += page
            if not page:
                break
        nan = float("nan")
        return ComparedTokens(
            np.array([r["position"] for r in rows], np.int64),
            np.array([r["kl"] for r in rows], np.float64),
            np.array([r.get("prob_a", nan) for r in rows], np.float64),
            np.array([r.get("prob_b", nan) for r in rows], np.float64),
            np.array([r["same_top"] for r in rows], np.bool_),
            rows,
        )

    def flips_csv(self, part: Optional[str] = None) -> str:
        """Where B finds another token most probable, with what was read before, as CSV; of the text when there is one."""
        return self._inspector._comparison_flips(self.id, part or ("text" if self.manifest.get("text") else "prompt"))

    def report(self) -> str:
        """The comparison as one HTML page that needs nothing else."""
        return self._inspector._comparison_report(self.id)

    def delete(self) -> None:
        """Deletes the comparison from the server."""
        self._inspector._comparison_delete(self.id)

    def __repr__(self) -> str:
        a, b = (self.manifest[s]["engine"]["precision"] for s in ("a", "b"))
        measures = self.text or self.prompt
        kld = "" if measures is None else f", mean KLD {measures.mean_kld}"
        return f"<Comparison {self.id} {a} against {b}{kld}>"


def _estimate(json: Optional[Json]) -> Optional[Estimate]:
    return None if json is None else _sure(json)


def _sure(json: Json) -> Estimate:
    ends = json.get("interval")
    return Estimate(json["value"], json.get("error"), None if ends is None else (ends["low"], ends["high"]))


def _plan(json: Optional[Json]) -> Optional[MixedPlan]:
    if json is None:
        return None
    export = json.get("export", {})
    return MixedPlan(
        json["precision_plan"],
        json["modules"],
        json["bytes"],
        json["expected_kld"],
        _known(json["measures"]),
        export.get("llama_quantize", []),
        export.get("llm_compressor_ignore", []),
    )


def _measures(json: Optional[Json]) -> Optional[Measures]:
    return None if json is None else _known(json)


def _known(json: Json) -> Measures:
    return Measures(
        positions=json["positions"],
        mean_kld=_sure(json["mean_kld"]),
        kld={p["percent"]: p["value"] for p in json["kld"]},
        same_top=_sure(json["same_top"]),
        top_overlap=_sure(json["top_overlap"]),
        k=json["k"],
        scored=json["scored"],
        ppl_a=_estimate(json.get("ppl_a")),
        ppl_b=_estimate(json.get("ppl_b")),
        ppl_correlation=json.get("ppl_correlation"),
        ln_ppl_ratio=_estimate(json.get("ln_ppl_ratio")),
        ppl_ratio=_estimate(json.get("ppl_ratio")),
        ppl_difference=_estimate(json.get("ppl_difference")),
        mean_delta_p=_estimate(json.get("mean_delta_p")),
        rms_delta_p=_estimate(json.get("rms_delta_p")),
        delta_p={p["percent"]: p["value"] for p in json.get("delta_p") or []},
    )
