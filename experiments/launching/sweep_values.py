"""The parameters of a W&B sweep and sample values to check: all of a list, the ends and the middle of a range.

Distributions follow the documentation of W&B ("Sweep configuration options").
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from idf.errors import did_you_mean

DEVIATIONS = 2.0
"""Standard deviations from the mean at which a normal distribution is checked."""


@dataclass(frozen=True)
class Parameter:
    """One parameter.

    Args:
        name: a setting or group of ``train.py``.
        samples: the values to check: all of a list, or the smallest, middle and largest of a range.
        continuous: drawn from a range.
    """

    name: str
    samples: tuple[Any, ...]
    continuous: bool = False


def read_parameters(tree: object) -> tuple[list[Parameter], list[str]]:
    """Return the parameters of a sweep's ``parameters:``, and the problems of those that cannot be used."""
    if not isinstance(tree, Mapping) or not tree:
        return [], ["parameters is missing: write parameters: {seed: {values: [0, 1, 2]}}"]
    parameters: list[Parameter] = []
    problems: list[str] = []
    for name, spec in tree.items():
        found: list[str] = []
        parameter = _read(str(name), spec, found)
        problems += [f"parameters.{name}: {problem}" for problem in found]
        if parameter is not None and not found:
            parameters.append(parameter)
    return parameters, problems


KEYS = ("value", "values", "min", "max", "distribution", "probabilities", "mu", "sigma", "q", "parameters")


def _read(name: str, spec: object, problems: list[str]) -> Parameter | None:
    if not isinstance(spec, Mapping):
        problems.append(f"write value: {spec!r}, or values: [...], or min: and max:")
        return None
    problems += [f"unknown key {key}{did_you_mean(str(key), KEYS)}" for key in spec if key not in KEYS]
    if "parameters" in spec:
        problems.append(f"W&B passes nested parameters as one dictionary; write {name}.NAME with dots instead")
        return None
    given = [
        *_listed(spec.get("values")),
        *(spec[key] for key in ("value", "min", "max", "mu", "sigma", "q") if key in spec),
    ]
    for value in given:
        if isinstance(value, str) and re.fullmatch(r"[+-]?\d+[eE][+-]?\d+", value):
            mantissa, _, exponent = value.lower().partition("e")
            problems.append(
                f"YAML reads {value} as text; write {mantissa}.0e{exponent if exponent[0] in '+-' else '+' + exponent}"
            )
    if any(problem.startswith("YAML reads") for problem in problems):
        return None
    distribution = spec.get("distribution")
    if "value" in spec or distribution == "constant":
        return Parameter(name, (spec.get("value"),))
    if "values" in spec or distribution in ("categorical", "categorical_w_probabilities"):
        return _categorical(name, spec, problems)
    return _range(name, spec, problems)


def _listed(values: object) -> list[Any]:
    return list(values) if isinstance(values, list) else []


def _categorical(name: str, spec: Mapping[str, Any], problems: list[str]) -> Parameter | None:
    values = spec.get("values")
    if not isinstance(values, list) or not values:
        problems.append(f"values must be a list, not {values!r}")
        return None
    shares = spec.get("probabilities")
    if shares is not None and (
        not isinstance(shares, list) or len(shares) != len(values) or abs(sum(shares) - 1) > 1e-6
    ):
        problems.append("probabilities must have one entry per value and sum to 1")
    return Parameter(name, tuple(values))


def _range(name: str, spec: Mapping[str, Any], problems: list[str]) -> Parameter | None:
    low, high = spec.get("min"), spec.get("max")
    whole = isinstance(low, int) and isinstance(high, int)
    distribution = str(spec.get("distribution") or ("int_uniform" if whole else "uniform"))
    if distribution not in _SAMPLES:
        problems.append(f"unknown distribution {distribution}{did_you_mean(distribution, _SAMPLES)}")
        return None
    needs, samples = _SAMPLES[distribution]
    missing = [key for key in needs if not _is_number(spec.get(key))]
    if missing:
        problems.append(f"{distribution} needs numbers for {' and '.join(missing)}")
        return None
    if "min" in needs and spec["min"] >= spec["max"]:
        problems.append(f"min: {low} is not below max: {high}")
        return None
    try:
        values = samples(spec)
    except (ValueError, OverflowError):
        problems.append(
            f"{distribution} cannot be drawn from {low} to {high}; log_uniform_values expects values, log_uniform exponents"
        )
        return None
    return Parameter(name, tuple(dict.fromkeys(_rounded(values, spec))), continuous=True)


def _rounded(values: list[Any], spec: Mapping[str, Any]) -> list[Any]:
    step = spec.get("q", 1) if str(spec.get("distribution", "")).startswith("q_") else None
    if step is None:
        return values
    return [round(value / step) * step for value in values]


def _uniform(spec: Mapping[str, Any]) -> list[Any]:
    low, high = float(spec["min"]), float(spec["max"])
    return [
        low,
        (low + high) / 2 + 1e-9 * (high - low),
        high,
    ]  # not exactly the middle: an integer setting would accept a whole number


def _int_uniform(spec: Mapping[str, Any]) -> list[Any]:
    low, high = int(spec["min"]), int(spec["max"])
    return [low, (low + high) // 2, high]


def _exponents(spec: Mapping[str, Any]) -> list[Any]:
    low, high = float(spec["min"]), float(spec["max"])
    return [math.exp(low), math.exp((low + high) / 2), math.exp(high)]


def _log_values(spec: Mapping[str, Any]) -> list[Any]:
    low, high = float(spec["min"]), float(spec["max"])
    return [low, math.exp((math.log(low) + math.log(high)) / 2), high]


def _normal(spec: Mapping[str, Any]) -> list[Any]:
    mean, deviation = float(spec.get("mu", 0)), float(spec.get("sigma", 1))
    return [mean - DEVIATIONS * deviation, mean, mean + DEVIATIONS * deviation]


def _log_normal(spec: Mapping[str, Any]) -> list[Any]:
    return [math.exp(value) for value in _normal(spec)]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_ENDS = ("min", "max")
_SAMPLES: dict[str, tuple[tuple[str, ...], Callable[[Mapping[str, Any]], list[Any]]]] = {
    "uniform": (_ENDS, _uniform),
    "q_uniform": (_ENDS, _uniform),
    "int_uniform": (_ENDS, _int_uniform),
    "log_uniform": (_ENDS, _exponents),
    "log_uniform_values": (_ENDS, _log_values),
    "q_log_uniform": (_ENDS, _exponents),
    "q_log_uniform_values": (_ENDS, _log_values),
    "inv_log_uniform": (_ENDS, _exponents),
    "inv_log_uniform_values": (_ENDS, _log_values),
    "normal": ((), _normal),
    "q_normal": ((), _normal),
    "log_normal": ((), _log_normal),
    "q_log_normal": ((), _log_normal),
}
