"""How each task is called: a case, as arrays, in the form of your course; the outputs in one form for all courses."""

from functions import function

NAMES = "W", "b", "s", "u", "v"


def task1(its, c, variant):
    f, names = function(c), [name for name in NAMES if name in c]
    sign = -1 if variant["sign"] == "descent" else 1
    if variant["params"] == "list":
        grads = its.numeric_gradient(
            lambda ws: f(dict(zip(names, ws, strict=True)))[0], [c[name] for name in names], h(c)
        )
        grads = dict(zip(names, grads, strict=True))
    else:
        grads = its.numeric_gradient(lambda params: f(params)[0], {name: c[name] for name in names}, h(c))
    return {f"d{name}": sign * grads[name] for name in names}


def h(c):
    return float(c["h"])


def task2(its, c, variant):
    f, names = function(c), [name for name in NAMES if name in c]
    sign = -1 if variant["sign"] == "descent" else 1
    listed = variant["params"] == "list"

    def shown(params):
        loss, grads = f(dict(zip(names, params, strict=True)) if listed else params)
        grads = {name: sign * g for name, g in grads.items()}
        return loss, [grads[name] for name in names] if listed else grads

    params = [c[name] for name in names] if listed else {name: c[name] for name in names}
    says = (its.is_wrong if variant["verdict"] == "is_wrong" else its.is_right)(shown, params)
    if str(says) not in ("True", "False"):
        raise TypeError(f"return True or False, not {type(says).__name__}")
    return {"is_right": int(bool(says) != (variant["verdict"] == "is_wrong"))}
