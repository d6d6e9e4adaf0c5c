"""R's brnn beside BayesianMLPRegressor on the same rows: λ, γ, the noise, and the fit.

    python tests/brnn_r.py

needs R with brnn, and is no part of the tests.  brnn re-estimates α and β by Gauss–Newton and
Levenberg–Marquardt (Foresee and Hagan 1997, as MATLAB's trainbr does), with the biases of hidden
units in the prior and none at the output; here λ is searched and biases are free.  λ = α/β for
n = "train".  Both see x and y scaled to [-1, 1], as brnn does by itself.
"""

import subprocess
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from pyl2 import BayesianMLPRegressor

UNITS, STARTS = 5, 5
R_CODE = """
library(brnn)
read <- function() as.matrix(read.csv(file("stdin"), header = FALSE))
data <- read()
for (seed in 1:{starts}) {{
    set.seed(seed)
    sink(tempfile())
    fit <- brnn(data[, 1, drop = FALSE], data[, 2], neurons = {units}, normalize = FALSE,
                epochs = 1000)
    sink()
    new <- matrix(seq(-1, 1, length.out = 201))
    cat(fit$alpha, fit$beta, fit$gamma, predict(fit, new), "\\n", sep = " ")
}}
cat("#", R.version.string, "brnn", format(packageVersion("brnn")), "\\n")
"""


def problem():
    """Return 60 points of a noisy sine, both columns within [-1, 1], and the truth on a grid."""
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(-1, 1, 60))
    y = np.sin(4 * x) + rng.normal(0, 0.15, 60)
    low, high = y.min(), y.max()
    grid = np.linspace(-1, 1, 201)

    def scaled(values):
        return 2 * (values - low) / (high - low) - 1

    x[[0, -1]] = -1, 1
    return x, scaled(y), grid, scaled(np.sin(4 * grid)), 0.15 * 2 / (high - low)


def by_brnn(x, y):
    """What brnn finds from each start: α, β, γ and the predictions on the grid."""
    rows = "\n".join(f"{a!r},{b!r}" for a, b in zip(x.tolist(), y.tolist(), strict=True))
    code = R_CODE.format(starts=STARTS, units=UNITS)
    done = subprocess.run(
        ["Rscript", "-e", code], input=rows, text=True, check=True, capture_output=True
    )
    *lines, version = [line for line in done.stdout.splitlines() if line.strip()]
    return [np.array(line.split(), float) for line in lines[-STARTS:]], version


def main():
    x, y, grid, truth, noise = problem()
    print(f"sd of the noise: {noise:.3f}\n{'':14}λ         γ     sd of noise   RMSE to the truth")

    def told(name, l2, gamma, sd, mean):
        error = np.sqrt(np.mean((mean - truth) ** 2))
        print(f"{name:12} {l2:8.3g} {gamma:8.2f} {sd:12.3f} {error:14.3f}")

    found, version = by_brnn(x, y)
    for seed, (alpha, beta, gamma, *mean) in enumerate(found):
        told(f"brnn {seed}", alpha / beta, gamma, (2 * beta) ** -0.5, np.array(mean))
    warnings.simplefilter("ignore", ConvergenceWarning)
    for seed in range(STARTS):
        model = BayesianMLPRegressor(UNITS, solver="lm", normalize_y=False, random_state=seed)
        model.fit(x[:, None], y)
        sd = model.noise_variance_**0.5
        told(
            f"pyl2 {seed}",
            model.alpha_,
            model.n_effective_params_,
            sd,
            model.predict(grid[:, None]),
        )
    print(version)


if __name__ == "__main__":
    main()
