"""R's nnet and glmnet beside pyl2 with the converted λ: how far apart the minima are.

    python tests/convert_r.py

needs R with nnet and glmnet (on Debian r-base-core, r-cran-nnet, r-cran-glmnet) and is no part of
the tests; it fails where weights differ by more than 1e-5.
"""

import subprocess
import tempfile
from pathlib import Path

import numpy as np
import reference

from pyl2 import Backprop, Network, convert_l2

ROWS, RATE, TOLERANCE = 60, 0.05, 1e-5  # RATE is λ/n
R_CODE = """
read <- function(name) as.matrix(read.csv(file.path(folder, name), header = FALSE))
put <- function(value, name)
    write.table(format(as.matrix(value), digits = 17), file.path(folder, name), sep = ",",
                row.names = FALSE, col.names = FALSE, quote = FALSE)
x <- read("x")
y <- read("y")
classes <- read("classes")[, 1]

# A vector of decays spares the biases, which come first of each unit.
fitted <- function(y, decay, name, ...) {
    decays <- c(rep(c(0, rep(decay, 5)), 4), rep(c(0, rep(decay, 4)), ncol(y)))
    net <- nnet::nnet(x, y, size = 4, decay = decays, maxit = 1e5, abstol = 0, reltol = 0,
                      trace = FALSE, ...)
    put(net$wts, name)
}
set.seed(1)
fitted(y, decay_half, "nnet", linout = TRUE)
fitted(nnet::class.ind(classes), decay_cross_entropy, "nnet, softmax", softmax = TRUE)

shrunk <- function(y, lambda, name, standardize = FALSE, ...) {
    fit <- glmnet::glmnet(x, y, alpha = 0, lambda = lambda, standardize = standardize,
                          thresh = 1e-22, maxit = 1e7, ...)
    beta <- if (is.list(fit$beta)) do.call(cbind, lapply(fit$beta, as.matrix)) else fit$beta
    put(beta, name)
}
sd_y <- sqrt(mean((y - mean(y))^2))
shrunk(y / sd_y, lambda, "glmnet, y of sd 1")
shrunk(y, lambda * sd_y, "glmnet, lambda * sd(y)")
shrunk(y, lambda * sd_y, "glmnet, x standardized", TRUE)
shrunk(factor(classes), lambda, "glmnet, multinomial", family = "multinomial")
cat(R.version.string, "nnet", format(packageVersion("nnet")),
    "glmnet", format(packageVersion("glmnet")), "\\n")
"""


def problem():
    """Rows, a target of a scale of its own, and classes."""
    _, x, _, _ = reference.make_problem(reference.Net((5, 1)), ROWS)
    rng = np.random.default_rng(0)
    y = 3 * np.sin(x[:, :1]) + x[:, 1:2] + 0.5 * rng.normal(size=(ROWS, 1)) + 2
    return x, y, np.argmax(x[:, :3] + rng.normal(size=(ROWS, 3)), axis=1)


def fitted_by_r(**data):
    """What R writes, by its name."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = [f"folder <- '{folder.as_posix()}'"]
        for loss in ("half", "cross_entropy"):
            decay = convert_l2(RATE, ("l2", 1), "nnet", n_items=ROWS, loss=loss)
            lines.append(f"decay_{loss} <- {decay!r}")
        lines.append(f"lambda <- {convert_l2(RATE, ('l2', 1), 'glmnet')!r}")
        for key, value in data.items():
            np.savetxt(folder / key, value, "%.17g", delimiter=",")
        subprocess.run(["Rscript", "-"], input="\n".join(lines) + R_CODE, text=True, check=True)
        files = [path for path in folder.iterdir() if path.name not in data]
        return {path.name: np.loadtxt(path, delimiter=",", ndmin=2) for path in files}


def minimum(network, x, y):
    Backprop(network, "lbfgs", l2=RATE, n=1).train(x, y, 20_000)
    return network.weights


def from_nnet(wts, outputs, output):
    """A network of nnet's parameters: unit for unit its bias and its incoming weights."""
    network = Network((5, 4, outputs), hidden="logistic", output=output)
    for layer, part in enumerate((wts[:24].reshape(4, 6), wts[24:].reshape(outputs, 5))):
        network.biases[layer][:], network.weights[layer][:] = part[:, 0], part[:, 1:].T
    return network


def compare_nnet(name, theirs, x, y, outputs, output):
    """Disturb nnet's minimum, of the many that there are, and look whether ours is the same."""
    network = from_nnet(theirs, outputs, output)
    expected = [w.copy() for w in network.weights]
    network.params += 0.02 * np.random.default_rng(0).normal(size=network.params.size)
    disturbed = apart(expected, network.weights)
    return tell(f"{name} (start {disturbed:.0e} off)", expected, minimum(network, x, y))


def apart(some, others):
    return max(abs(a - b).max() for a, b in zip(some, others, strict=True))


def tell(name, theirs, ours):
    """Print how far the minima are apart, and return it."""
    found = apart(theirs, ours)
    largest = max(abs(w).max() for w in ours)
    print(f"{name:32} largest weight {largest:.4f}, apart {found:.1e}")
    return found


def main():
    """Compare all, and fail where the minima are apart."""
    x, y, classes = problem()
    r = fitted_by_r(x=x, y=y, classes=classes)
    scale = x.std(axis=0)

    def linear(x, y):
        return minimum(Network((5, 1), seed=0), x, y)[0]

    softmax = minimum(Network((5, 3), output="softmax", seed=0), x, classes)[0]
    glmnet = {
        "glmnet, y of sd 1": linear(x, y / y.std()),
        "glmnet, lambda * sd(y)": linear(x, y),
        "glmnet, x standardized": linear(x / scale, y) / scale[:, None],
        "glmnet, multinomial": softmax,
    }
    found = [
        compare_nnet("nnet", r["nnet"].ravel(), x, y, 1, "identity"),
        compare_nnet("nnet, softmax", r["nnet, softmax"].ravel(), x, classes, 3, "softmax"),
        *(tell(name, [r[name]], [ours]) for name, ours in glmnet.items()),
    ]
    if max(found) > TOLERANCE:
        raise SystemExit("the minima are not the same")


if __name__ == "__main__":
    main()
