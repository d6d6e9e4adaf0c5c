"""Networks as one C99 header that needs the mathematics of the standard library alone."""

from __future__ import annotations

import os
import re
import textwrap
from itertools import pairwise
from string import Template
from typing import Any

import numpy as np

from pyl2._common import files
from pyl2._common.validation import Array, shown
from pyl2.export.functions import Spec, function
from pyl2.export.layers import Layers, Model

_HEADER = Template("""\
/* $about
   Made by pyl2.  C99; needs math.h alone, allocates nothing, keeps no state.
$offers */
#ifndef ${NAME}_H
#define ${NAME}_H

#include <math.h>

#define ${NAME}_INPUTS $inputs
#define ${NAME}_OUTPUTS $outputs
$constants
/* z (m) = x (n) W (n, m) + b (m) */
static inline void ${name}_layer(const $real *W, const $real *b, long n, long m, const $real *x,
                                 $real *restrict z)
{
    for (long j = 0; j < m; j++) z[j] = b[j];
    for (long i = 0; i < n; i++)
        for (long j = 0; j < m; j++) z[j] += x[i] * W[i * m + j];
}
$functions
/* The outputs of one network. */
static inline void ${name}_network(const $real *params, const $real *x, $real *y)
{
$body
}
$predict
#endif
""")

_FUNCTION = Template("""
static inline $real ${name}_$function($real x)
{
    return $expression;
}
""")

_SOFTMAX = Template("""
static inline void ${name}_softmax($real *z, long n)
{
    $real most = z[0], sum = 0;
    for (long j = 1; j < n; j++)
        if (z[j] > most) most = z[j];
    for (long j = 0; j < n; j++) sum += z[j] = $exp(z[j] - most);
    for (long j = 0; j < n; j++) z[j] /= sum;
}
""")

_ONE = Template("""
static inline void ${name}_predict(const $real x[$inputs], $real y[$outputs])
{
    ${name}_network(${name}_params[0], x, y);
}
""")

_MEAN = Template("""
/* The mean of the networks by their shares. */
static inline void ${name}_predict(const $real x[$inputs], $real y[$outputs])
{
    $real own[$outputs];
    for (long j = 0; j < $outputs; j++) y[j] = 0;
    for (long k = 0; k < $members; k++) {
        ${name}_network(${name}_params[k], x, own);
        for (long j = 0; j < $outputs; j++) y[j] += ${name}_shares[k] * own[j];
    }
}
""")

_STD = Template("""
/* The mean, and the standard deviation of targets about it. */
static inline void ${name}_predict_std(const $real x[$inputs], $real y[$outputs],
                                       $real std[$outputs])
{
    $real own[$outputs];
    ${name}_predict(x, y);
    for (long j = 0; j < $outputs; j++) std[j] = ${name}_noise[j];
    for (long k = 0; k < $members; k++) {
        ${name}_network(${name}_params[k], x, own);
        for (long j = 0; j < $outputs; j++)
            std[j] += ${name}_shares[k] * (own[j] - y[j]) * (own[j] - y[j]);
    }
    for (long j = 0; j < $outputs; j++) std[j] = $sqrt(std[j]);
}
""")

_CLASS_OF_ONE = Template("""
/* The index of the class in ${name}_classes. */
static inline long ${name}_class(const $real x[$inputs])
{
    $real y[1];
    ${name}_predict(x, y);
    return y[0] > $half;
}
""")

_CLASS = Template("""
/* The index of the class in ${name}_classes: the most probable one. */
static inline long ${name}_class(const $real x[$inputs])
{
    $real y[$outputs];
    long found = 0;
    ${name}_predict(x, y);
    for (long j = 1; j < $outputs; j++)
        if (y[j] > y[found]) found = j;
    return found;
}
""")

_REAL = {"float32": "float", "float64": "double"}
_CALLS = re.compile(r"\b(exp|expm1|log1p|tanh|erf|fabs|sqrt)\b")
_NUMBERS = re.compile(r"\b\d+\.\d+(e[+-]?\d+)?\b")
_WIDTH = 110


def to_c(model: Model, path: files.PathLike | None = None, name: str | None = None) -> str | None:
    """Return a model as the text of a C header, or write it to a file.

    Raises
    ------
    ValueError
        If a parameter is not finite, or the name is none of C's.
    """
    text = _text(model, _name(path) if name is None else _checked(name))
    if path is None:
        return text
    files.replace(path, text.encode())
    return None


def _text(model: Model, name: str) -> str:
    first = model.first
    many = len(model.members) > 1 or model.noise is not None
    words: dict[str, Any] = {
        "name": name,
        "NAME": name.upper(),
        "real": _REAL[first.dtype.name],
        "inputs": first.sizes[0],
        "outputs": first.sizes[-1],
        "members": len(model.members),
        "exp": _in(first.dtype, "exp"),
        "sqrt": _in(first.dtype, "sqrt"),
        "half": _in(first.dtype, "0.5"),
    }
    steps = [_MEAN if many else _ONE]
    if model.noise is not None:
        steps.append(_STD)
    if model.classes is not None:
        steps.append(_CLASS_OF_ONE if first.output == "logistic" else _CLASS)
    offers = [f"{name}_predict(x, y)"]
    offers += [f"{name}_predict_std(x, y, std)"] if model.noise is not None else []
    offers += [f"{name}_class(x)"] if model.classes is not None else []
    return _HEADER.substitute(
        words,
        about=_about(model),
        offers=f"   For one row of {first.sizes[0]} inputs: {', '.join(offers)}.",
        constants=_constants(model, words, many),
        functions=_functions(first, words),
        body=_body(first, words),
        predict="".join(step.substitute(words) for step in steps),
    )


def _about(model: Model) -> str:
    first = model.first
    layers = "-".join(map(str, first.sizes))
    functions = ", ".join(dict.fromkeys(map(_shown, first.functions)))
    who = "A network" if len(model.members) == 1 else f"The mean of {len(model.members)} networks"
    return f"{who}, {layers}: {functions}."


def _shown(spec: Spec) -> str:
    return spec if isinstance(spec, str) else f"{spec[0]} {spec[1]:g}"


def _constants(model: Model, words: dict[str, Any], many: bool) -> str:
    name, real = words["name"], words["real"]
    params = np.array([member.params for member in model.members])
    if not np.isfinite(params).all():
        raise ValueError("non-finite parameters cannot be written in C")
    rows = ",\n".join(f"{{\n{_numbers(row)}\n}}" for row in params)
    shape = f"[{len(params)}][{params.shape[1]}]"
    parts = [f"static const {real} {name}_params{shape} = {{\n{rows}\n}};"]
    vectors = {"shares": np.array(model.shares, model.first.dtype)} if many else {}
    if model.noise is not None:
        vectors["noise"] = model.noise.astype(model.first.dtype)
    for own, values in vectors.items():
        parts.append(
            f"static const {real} {name}_{own}[{len(values)}] = {{\n{_numbers(values)}\n}};"
        )
    if model.classes is not None:
        texts = ", ".join(_literal(one) for one in np.asarray(model.classes).tolist())
        wrapped = textwrap.fill(texts, _WIDTH, initial_indent="    ", subsequent_indent="    ")
        shape = f"[{len(model.classes)}]"
        parts.append(f"/* The classes as text. */\nstatic const char *const {name}_classes{shape}")
        parts[-1] += f" = {{\n{wrapped}\n}};"
    return "\n" + "\n".join(parts) + "\n"


def _literal(value: Any) -> str:
    """Return a class as a literal of C in UTF-8; what C could misread stands in octal."""
    bytes_ = str(value).encode("utf-8", "surrogatepass")
    plain = (
        chr(one) if 32 <= one < 127 and one not in b'"\\?' else f"\\{one:03o}" for one in bytes_
    )
    return f'"{"".join(plain)}"'


def _numbers(values: Array) -> str:
    """Return numbers that read back as the same bits, some in a line."""
    suffix = "f" if values.dtype == np.float32 else ""
    texts = (f"{np.format_float_scientific(value, trim='0')}{suffix}" for value in values)
    return textwrap.fill(", ".join(texts), _WIDTH, initial_indent="    ", subsequent_indent="    ")


def _in(dtype: np.dtype[Any], expression: str) -> str:
    """Return an expression of double in the network's type."""
    if dtype == np.float64:
        return expression
    return _NUMBERS.sub(r"\g<0>f", _CALLS.sub(r"\1f", expression))


def _function_names(network: Layers) -> dict[Spec, str]:
    """Return what the functions of layers are called; softmax aside, and identity needs none."""
    specs = [one for one in dict.fromkeys(network.functions) if one not in ("softmax", "identity")]
    found: dict[Spec, str] = {}
    for spec in specs:
        name = spec if isinstance(spec, str) else spec[0]
        found[spec] = name if name not in found.values() else f"{name}_{len(found)}"
    return found


def _functions(network: Layers, words: dict[str, Any]) -> str:
    found = []
    for spec, own in _function_names(network).items():
        row, numbers = function(spec)
        expression = _in(network.dtype, row.c.format(*map(repr, numbers)))
        comment = f"\n/* {_shown(spec)} */"
        found.append(comment + _FUNCTION.substitute(words, function=own, expression=expression))
    if network.output == "softmax":
        found.append(_SOFTMAX.substitute(words))
    return "".join(found)


def _body(network: Layers, words: dict[str, Any]) -> str:
    """Return the statements of a pass forward, two buffers in turn."""
    sizes, names = network.sizes, _function_names(network)
    hidden = sizes[1:-1]
    lines = []
    buffers = ["a", "b"][: len(hidden)]
    if hidden:
        declared = ", ".join(f"{buffer}[{max(hidden)}]" for buffer in buffers)
        lines.append(f"{words['real']} {declared};")
    weight, bias = 0, sum(n * m for n, m in pairwise(sizes))
    x = "x"
    for layer, ((n, m), spec) in enumerate(zip(pairwise(sizes), network.functions, strict=True)):
        z = "y" if layer == len(hidden) else buffers[layer % 2]
        own = f"{words['name']}_layer"
        lines.append(f"{own}(params + {weight}, params + {bias}, {n}, {m}, {x}, {z});")
        if spec == "softmax":
            lines.append(f"{words['name']}_softmax({z}, {m});")
        elif spec != "identity":
            call = f"{words['name']}_{names[spec]}({z}[j])"
            lines.append(f"for (long j = 0; j < {m}; j++) {z}[j] = {call};")
        weight, bias, x = weight + n * m, bias + m, z
    return "\n".join(f"    {line}" for line in lines)


def _name(path: files.PathLike | None) -> str:
    """Return a name for what a header defines, by the file's."""
    if path is None:
        return "model"
    stem = os.path.basename(files.file_name(path)).partition(".")[0]
    found = re.sub(r"\W", "_", stem, flags=re.ASCII)
    return found if found[:1].isalpha() else f"model_{found}"


def _checked(name: Any) -> str:
    if not (isinstance(name, str) and re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII)):
        raise ValueError(f"name must be a valid C identifier, such as model, got {shown(name)}")
    return name
