"""Python client of LLM Inspector: run a language model, get every intermediate value as a numpy array.

>>> from llm_inspector import Inspector
>>> pattern = Inspector().run("Once upon a time").capture("blocks.0.attn.hook_pattern")
>>> pattern.shape                                     # [batch, head, query, key]
(1, 8, 5, 5)
"""

from .client import Index, Inspector, Run
from .comparison import (
    Cell,
    ComparedTokens,
    Comparison,
    Estimate,
    First,
    FirstBad,
    Measures,
    MixedPlan,
    ModuleError,
    SensitiveModule,
    Sensitivity,
)
from .learning import Gradients, Learner
from .problem import InspectorProblem
from .quantized import Quantized
from .sweep import Sweep
from .tensors import load, parse_safetensors

__all__ = [
    "Cell",
    "ComparedTokens",
    "Comparison",
    "Estimate",
    "First",
    "FirstBad",
    "Gradients",
    "Index",
    "Inspector",
    "InspectorProblem",
    "Learner",
    "Measures",
    "MixedPlan",
    "ModuleError",
    "Quantized",
    "Run",
    "SensitiveModule",
    "Sensitivity",
    "Sweep",
    "load",
    "parse_safetensors",
]
__version__ = "0.1.0"
