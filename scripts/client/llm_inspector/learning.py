"""What training does, by hand: gradients, and a copy of a model that learns update by update."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Sequence

from numpy.typing import NDArray

if TYPE_CHECKING:
    from .client import Inspector

Json = Dict[str, Any]


class Gradients:
    """How a number made of the outputs depends on a model's values and weights.

    Attributes:
        value: the number: the sum of the targets' weighted values, or the mean nll of every next token, in nats.
        tokens: what was run: id, text, bytes, start, end, special.
        targets: each with pos, token, of, weight and its own value; empty for the mean nll.
        hooks: each with hook, axes, shape, norm, max_abs and, where it has positions, by_position.
        parameters: each weight with name, shape, norm, max_abs and weight_norm.
    """

    def __init__(self, inspector: "Inspector", request: Json, answer: Json) -> None:
        self.value = float(answer["value"])
        self.tokens: List[Json] = answer["tokens"]
        self.targets: List[Json] = answer["targets"]
        self.hooks: List[Json] = answer["hooks"]
        self.parameters: List[Json] = answer["parameters"]
        self._inspector = inspector
        self._request = request

    def at(self, hook: str) -> NDArray[Any]:
        """The gradient at one hook as float32, with the hook's axes; the same request runs once more for it."""
        return self._inspector._gradient(dict(self._request, hooks=[hook], parameters=False), hook)

    def __getitem__(self, hook: str) -> NDArray[Any]:
        return self.at(hook)

    def __repr__(self) -> str:
        return f"<Gradients of {self.value:.4f}, {len(self.hooks)} hooks, {len(self.parameters)} weights>"


class Learner:
    """A copy of a model on the server that learns what it is given, update by update. Closed at the end of a with block.

    Attributes:
        info: id, model, parameters (how many numbers), step, undoable (how many updates can be taken back).
    """

    def __init__(self, inspector: "Inspector", info: Json) -> None:
        self.info = info
        self._inspector = inspector

    @property
    def id(self) -> str:
        return str(self.info["id"])

    @property
    def updates(self) -> int:
        """How many updates it has made, those taken back not counted."""
        return int(self.info["step"])

    def step(
        self,
        prompt: Optional[str] = None,
        *,
        tokens: Optional[Sequence[int]] = None,
        messages: Optional[Sequence[Mapping[str, str]]] = None,
        optimizer: Optional[str] = None,
        learning_rate: Optional[float] = None,
        steps: Optional[int] = None,
        preference: Optional[Mapping[str, Any]] = None,
        **options: Any,
    ) -> Json:
        """Learns the next tokens of a text, given as one of prompt, tokens and messages, with one update or several.

        Args:
            optimizer: ``sgd``, ``momentum``, ``adam`` or ``adamw``.
            preference: two answers to the prompt, to learn which is better (DPO) instead of the prompt itself:
                ``{"chosen": {"text": ...}, "rejected": {"text": ...}, "beta": 0.1}``, each with ``tokens`` instead of a text.
            options: add_special_tokens, momentum, beta1, beta2, eps, weight_decay, max_norm; ``from_``, the first position
                whose token is learnt (-1: the last token only); ``watch``, texts (``prompt`` or ``tokens``, ``from``)
                whose loss is told before and after.

        Returns:
            loss_before, loss_after, grad_norm, step, undoable, weights_sha256, each weight's grad_norm, update_norm and
            weight_norm, and of a preference both answers' log probabilities and rewards, before and after.
        """
        given = dict(
            prompt=prompt, tokens=tokens, messages=messages, optimizer=optimizer, learning_rate=learning_rate, steps=steps
        )
        if preference is not None:
            options["preference"] = dict(preference)
        if "from_" in options:
            options["from"] = options.pop("from_")
        answer = self._inspector._learner_step(self.id, dict(given, **options))
        self.info = dict(self.info, step=answer["step"], undoable=answer["undoable"], weights_sha256=answer["weights_sha256"])
        return answer

    def undo(self) -> None:
        """Takes the last update back: weights and optimizer are bit for bit as before it."""
        self.info = self._inspector._learner_undo(self.id)

    def close(self) -> None:
        """Closes it; what it learnt is lost."""
        self._inspector._learner_close(self.id)

    def __enter__(self) -> "Learner":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Learner {self.id} of {self.info['model']}, {self.updates} updates>"
