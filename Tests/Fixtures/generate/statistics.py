"""Worked values for StatisticsTests, from scipy, statsmodels and numpy. Writes ../statistics.json."""
import itertools
import json
import pathlib

import numpy as np
from scipy import optimize, special, stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

random = np.random.default_rng(20261121)


def constrained_score(pairs, gains, losses, threshold):
    """The score statistic with the likelihood maximised by search, not by the formula under test."""
    same = pairs - gains - losses
    low, high = max(0.0, -threshold), (1 - threshold) / 2

    def negative(q):
        terms = [(gains, q + threshold), (losses, q), (same, 1 - 2 * q - threshold)]
        return -sum(special.xlogy(k, max(p, 0)) for k, p in terms)

    grid = np.linspace(low, high, 20001)
    best = grid[np.argmin([negative(q) for q in grid])]
    step = grid[1] - grid[0]
    found = optimize.minimize_scalar(
        negative, bounds=(max(low, best - step), min(high, best + step)), method="bounded", options={"xatol": 1e-13})
    q = min([found.x, low, high], key=negative)
    return (gains - losses - pairs * threshold) / np.sqrt(pairs * (2 * q + threshold * (1 - threshold)))


def exact_power(pairs, gain, discordance, level):
    up, down = (discordance + gain) / 2, (discordance - gain) / 2
    power = 0.0
    for gains in range(pairs + 1):
        for losses in range(pairs + 1 - gains):
            if stats.binom.sf(gains - 1, gains + losses, 0.5) <= level:
                power += stats.multinomial.pmf([gains, losses, pairs - gains - losses], pairs, [up, down, 1 - up - down])
    return power


def bootstrap(candidate, baseline, weights, relative, level, resamples=200_000):
    n = len(candidate)
    weights = np.ones(n) if weights is None else weights

    def contrast(index):
        w = weights[index]
        c, b = (w * candidate[index]).sum(-1) / w.sum(-1), (w * baseline[index]).sum(-1) / w.sum(-1)
        return c / b - 1 if relative else c - b

    estimate = contrast(np.arange(n))
    c, b = np.average(candidate, weights=weights), np.average(baseline, weights=weights)
    share = n * weights / weights.sum()
    parts = share * ((candidate - c) / b - (baseline - b) * c / b**2) if relative else share * (candidate - c - baseline + b)
    error = np.sqrt((parts**2).sum() / (n - 1) / n)
    drawn, distances = [], []
    for _ in range(resamples // 2000):
        index = random.integers(0, n, (2000, n))
        drawn.append(contrast(index))
        distances.append(parts[index].mean(-1) / np.sqrt(parts[index].var(-1) / (n - 1)))
    drawn, distances = np.concatenate(drawn), np.concatenate(distances)
    student = stats.t.isf(level, n - 1)
    return {
        "candidate": candidate.tolist(), "baseline": baseline.tolist(), "relative": relative, "level": level,
        "weights": weights.tolist(), "estimate": estimate, "error": error,
        "lower": min(np.quantile(drawn, level), estimate - max(np.quantile(distances, 1 - level), student) * error),
        "upper": max(np.quantile(drawn, 1 - level), estimate + max(-np.quantile(distances, level), student) * error),
    }


cases = {}
cases["normal"] = [{"x": x, "upper": stats.norm.sf(x)} for x in (-8, -3, -0.7, 0, 1e-9, 0.3, 1.6448536269514722, 4, 9, 37)]
cases["normalDeviations"] = [
    {"x": stats.norm.isf(p), "upper": p} for p in (1e-300, 1e-20, 1e-6, 0.001, 0.02425, 0.05, 0.3, 0.5, 0.8, 0.999999)]
cases["student"] = [
    {"x": t, "freedom": v, "upper": stats.t.sf(t, v)}
    for t in (-2.5, 0, 0.01, 1.1, 3, 12, 80) for v in (1, 2, 3.7, 19, 200, 1e5)]
cases["chiSquared"] = [
    {"x": x, "freedom": v, "upper": stats.chi2.sf(x, v)} for x in (0.01, 0.9, 3.84, 25, 140) for v in (1, 2, 7, 76, 900)]
cases["beta"] = [
    {"x": x, "a": a, "b": b, "value": special.betainc(a, b, x)}
    for x, a, b in ((0.3, 0.5, 2), (0.999, 30, 0.5), (1e-9, 1, 7), (0.5, 500, 500), (0.02, 3, 400), (0.51, 5e5, 5e5), (0.9, 2.5, 1.5))]
cases["logGamma"] = [{"x": x, "value": special.gammaln(x)} for x in (1e-5, 0.5, 1, 2, 3.3, 9.99, 10, 171, 1e6, 1e12)]
cases["binomial"] = [
    {"k": k, "n": n, "share": p, "mass": stats.binom.pmf(k, n, p), "atLeast": stats.binom.sf(k - 1, n, p),
     "atMost": stats.binom.cdf(k, n, p),
     "lower": proportion_confint(k, n, 0.1, "beta")[0], "upper": proportion_confint(k, n, 0.1, "beta")[1]}
    for k, n, p in ((0, 20, 0.1), (20, 20, 0.9), (3, 20, 0.1), (190, 200, 0.9), (7, 3000, 0.005), (1503, 3000, 0.5))]
cases["mcnemar"] = [
    {"gains": b, "losses": c, "gainExact": stats.binom.sf(b - 1, b + c, 0.5),
     "gainMid": stats.binom.sf(b - 1, b + c, 0.5) - stats.binom.pmf(b, b + c, 0.5) / 2,
     "twoSided": mcnemar([[10, b], [c, 10]], exact=True).pvalue}
    for b, c in ((0, 0), (1, 0), (5, 0), (3, 9), (10, 10), (60, 41), (400, 500))]
cases["pairedShares"] = []
for pairs, gains, losses in ((20, 0, 0), (50, 5, 0), (44, 12, 2), (200, 20, 10), (200, 0, 4), (1000, 90, 60)):
    scores = [{"threshold": t, "score": constrained_score(pairs, gains, losses, t)} for t in (-0.3, -0.05, -0.01, 0.02, 0.05, 0.4)]
    lower = optimize.brentq(lambda t: constrained_score(pairs, gains, losses, t) - stats.norm.isf(0.05), -0.9, 0.9, xtol=1e-7)
    cases["pairedShares"].append({"pairs": pairs, "gains": gains, "losses": losses, "scores": scores, "lower": lower})
cases["holm"] = [
    {"values": v, "adjusted": multipletests(v, method="holm")[1].tolist()}
    for v in ([0.01, 0.04, 0.03, 0.005], [0.5], [0.02, 0.02, 0.02], [1.0, 0.9, 0.0001, 0.06, 0.013])]
cases["kolmogorovSmirnov"] = []
for m, n, shift in ((5, 7, 1.5), (30, 40, 0.2), (200, 150, 0.3), (900, 1100, 0.05), (12, 12, 3)):
    a, b = np.round(random.normal(size=m), 6), np.round(random.normal(shift, size=n), 6)
    found = stats.ks_2samp(a, b, method="exact")
    cases["kolmogorovSmirnov"].append({"a": a.tolist(), "b": b.tolist(), "statistic": found.statistic, "p": found.pvalue})
cases["chiSquaredCounts"] = [
    {"a": a, "b": b, "statistic": r.statistic, "p": r.pvalue}
    for a, b in (([30, 50, 20], [45, 40, 35]), ([100, 120, 80, 9], [90, 131, 70, 18]), ([500, 20], [400, 60]))
    for r in [stats.chi2_contingency([a, b], correction=False)]]
cases["permutation"] = []
for a, b in (([2.1, 3.3, 4.0, 5.2], [1.0, 2.0, 2.2, 0.4, 3.1]), ([1, 1, 0, 1, 1], [0, 0, 1, 0, 0])):
    exact = stats.permutation_test((a, b), lambda x, y: np.mean(x) - np.mean(y), alternative="greater", n_resamples=np.inf)
    ranks = stats.mannwhitneyu(a, b)
    cases["permutation"].append({
        "a": a, "b": b, "mean": exact.statistic, "p": exact.pvalue, "superiority": ranks.statistic / len(a) / len(b)})
cases["power"] = [
    {"pairs": n, "gain": g, "discordance": d, "power": exact_power(n, g, d, 0.05)}
    for n, g, d in ((40, 0.2, 0.3), (40, 0.05, 0.4), (60, 0.1, 0.1), (30, 0.0, 0.5))]
skewed = random.exponential(size=30) ** 1.5
cases["bootstrap"] = [
    bootstrap(np.round(random.normal(0.1, 1, 40), 6), np.round(random.normal(0, 1, 40), 6), None, False, 0.05),
    bootstrap(np.round(-skewed, 6), np.zeros(30), None, False, 0.05),
    bootstrap(np.round(random.uniform(1, 3, 60), 6), np.round(random.uniform(1, 4, 60), 6),
              random.integers(1, 40, 60).astype(float), False, 0.025),
    bootstrap(np.round(random.gamma(4, 20, 50), 6), np.round(random.gamma(4, 30, 50), 6), None, True, 0.05),
]
a, b = np.array([2.0, 3.5, 1.0, 4.2, 3.3]), np.array([1.0, 2.5, 2.0, 0.7])
pooled = np.sqrt((a.var(ddof=1) * 4 + b.var(ddof=1) * 3) / 7)
cases["effect"] = {
    "a": a.tolist(), "b": b.tolist(), "d": (a.mean() - b.mean()) / pooled * (1 - 3 / (4 * 7 - 1)),
    "z": a.mean() / a.std(ddof=1), "h": 2 * np.arcsin(np.sqrt(0.8)) - 2 * np.arcsin(np.sqrt(0.75))}

path = pathlib.Path(__file__).parent.parent / "statistics.json"
path.write_text(json.dumps(cases, indent=1, default=float) + "\n")
print(path, {name: len(rows) for name, rows in cases.items()})
