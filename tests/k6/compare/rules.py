"""Rules: when two figures agree.

A rule is `"same"`, or a value that both have to have, or an object:
`{"within": 3 or "5%", "because": …}` for figures in which timing has a part, with `"value"` if both have to be near one;
`{"k6": …, "throng": …, "because": …}` for what is known to differ.
Of two VU curves one may be a second longer, or `"lengths"` seconds.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Judged:
    """Whether a figure agrees, and the rule in words."""

    agrees: bool
    rule: str


def judge(figure, rule, k6, throng):
    """Applies a rule to both figures."""
    rule = members(rule)
    if "k6" in rule:
        text = f"differs: {rule['k6']} and {rule['throng']}, {rule['because']}"
        return Judged(k6 == rule["k6"] and throng == rule["throng"], text)
    within = rule.get("within", 0)
    lengths = rule.get("lengths", 1) if figure == "vus" else 0
    agrees = near(k6, throng, within, lengths)
    text = "exact" if within == 0 else f"within {within}: {rule['because']}"
    if "value" in rule:
        value = rule["value"]
        agrees = agrees and near(k6, value, within, lengths) and near(throng, value, within, lengths)
        text = f"{shown(value)} {text}"
    return Judged(agrees, text)


def members(rule):
    """A rule as an object."""
    if isinstance(rule, dict):
        return rule
    return {} if rule == "same" else {"value": rule}


def near(one, other, within, lengths):
    if isinstance(one, list) and isinstance(other, list):
        alike = all(near(*pair, within, lengths) for pair in zip(one, other))
        is_seen = bool(one) == bool(other) or within != 0
        return alike and is_seen and abs(len(one) - len(other)) <= lengths
    if within == 0 or not all(isinstance(value, (int, float)) for value in (one, other)):
        return one == other
    if isinstance(within, str):
        within = float(within.rstrip("%")) / 100 * max(abs(one), abs(other))
    return abs(one - other) <= within


def shown(value):
    """A figure in a few characters."""
    if isinstance(value, dict):
        return f"{sum(value.values())} of {len(value)} hold" if value else "none"
    if isinstance(value, list):
        return " ".join(shown(element) for element in value) or "none"
    if isinstance(value, float):
        return f"{value:.4g}"
    return "–" if value is None else str(value)
