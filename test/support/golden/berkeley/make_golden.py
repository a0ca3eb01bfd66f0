"""Judges mutated calls with the leaderboard's own checker, for src/evaluation/berkeley/ast_checker.ts to be compared with.

    python3 make_golden.py WHEEL_FOLDER                 cases of our own -> verdicts.json beside this file (committed)
    python3 make_golden.py WHEEL_FOLDER --data OUT      the published data -> OUT (never committed); then
    CADUCEUS_BERKELEY_VERDICTS=OUT npx vitest run test/unit/evaluation/ast_checker.test.ts

WHEEL_FOLDER is bfcl-eval 2026.3.23, unpacked. What its checker imports besides itself (model lists, parsers of other
languages) is replaced by stand-ins, since none of it takes part in judging Python calls.
"""
import copy, json, pathlib, random, sys, types

wheel = pathlib.Path(sys.argv[1])
sys.path.insert(0, str(wheel))


def stand_in(name, **members):
    module = types.ModuleType(name)
    module.__dict__.update(members)
    sys.modules[name] = module


settings = types.SimpleNamespace(underscore_to_dot=False)
stand_in("bfcl_eval.constants.model_config", MODEL_CONFIG_MAPPING={"model": settings})
stand_in("bfcl_eval.eval_checker.ast_eval.type_convertor.java_type_converter", java_type_converter=None)
stand_in("bfcl_eval.eval_checker.ast_eval.type_convertor.js_type_converter", js_type_converter=None)
from bfcl_eval.constants.enums import Language  # noqa: E402
from bfcl_eval.eval_checker.ast_eval.ast_checker import ast_checker  # noqa: E402

chance = random.Random(6)


def judge(category, functions, calls, answers):
    output = [{call["name"]: call["arguments"]} for call in copy.deepcopy(calls)]
    try:
        verdict = ast_checker(functions, output, answers, Language.PYTHON, category, "model")
    except Exception:
        return [False, "checker_crash"]
    return [True, None] if verdict["valid"] else [False, verdict["error_type"]]


def pick_argument(values, described):
    """One of the possible values, or nothing where the parameter may be left out."""
    chosen = chance.choice(values)
    if chosen == "" and described.get("type") != "string":
        return None
    if isinstance(chosen, dict) and all(isinstance(options, list) for options in chosen.values()):
        picked = {key: pick_argument(options, {}) for key, options in chosen.items()}
        return {key: value[0] for key, value in picked.items() if value is not None},
    if isinstance(chosen, list) and any(isinstance(item, dict) for item in chosen):
        return [pick_argument([item], {})[0] if isinstance(item, dict) else item for item in chosen],
    return (None,) if chosen == "" and chance.random() < 0.5 else (chosen,)


def right_calls(functions, answers):
    calls = []
    for answer in answers:
        (name, parameters), = answer.items()
        described = next(f for f in functions if f["name"] == name)["parameters"]["properties"]
        picked = {key: pick_argument(values, described.get(key, {})) for key, values in parameters.items()}
        calls.append({"name": name, "arguments": {key: value[0] for key, value in picked.items() if value is not None and value[0] is not None}})
    return calls


def other_value(value):
    """Something near it: another type, another spelling, another value."""
    odd = [None, True, False, 0, 1, -3, 2.5, 4.0, "", "x", [], {}, ["a"], [1, 2.0], [[1]], {"a": 1}, [{"a": 1}]]
    near = [chance.choice(odd)]
    if isinstance(value, bool):
        near += [int(value), str(value), not value]
    elif isinstance(value, int):
        near += [float(value), value + 1, str(value), bool(value), [value]]
    elif isinstance(value, float):
        near += [int(value), value + 0.5, str(value), value * 1.0]
    elif isinstance(value, str):
        near += [value.upper(), value.lower(), value.replace(" ", ""), value.replace(",", ""), value + ".", f" {value}_", value.replace('"', "'"), value + "s", [value]]
    elif isinstance(value, list):
        near += [value[::-1], value[:-1], value + value[:1], [str(item) for item in value], value and value[0], tuple(value) and value]
        near += [[other_value(item) if chance.random() < 0.5 else item for item in value]]
    elif isinstance(value, dict):
        near += [dict(list(value.items())[:-1]), {**value, "more": 1}, {key: other_value(member) for key, member in value.items()}, list(value.values())]
    return chance.choice(near)


def mutate(calls):
    calls = copy.deepcopy(calls)
    for _ in range(chance.choice([1, 1, 1, 2])):
        way = chance.choice(["value"] * 8 + ["drop", "add", "name", "less", "more", "order", "swap"])
        if not calls:
            return calls
        call = chance.choice(calls)
        arguments = call["arguments"]
        keys = list(arguments)
        if way == "value" and keys:
            key = chance.choice(keys)
            arguments[key] = other_value(arguments[key])
        elif way == "drop" and keys:
            del arguments[chance.choice(keys)]
        elif way == "add":
            arguments["surplus"] = 1
        elif way == "name":
            call["name"] = call["name"].replace(".", "_") if "." in call["name"] else call["name"] + "s"
        elif way == "less":
            calls.remove(call)
        elif way == "more":
            calls.append(copy.deepcopy(call))
        elif way == "order":
            chance.shuffle(calls)
        elif way == "swap" and len(calls) > 1:
            first, second = chance.sample(calls, 2)
            first["arguments"], second["arguments"] = second["arguments"], first["arguments"]
    return calls


def rows(category, path):
    questions = [json.loads(line) for line in open(path / f"BFCL_v4_{category}.json")]
    answers = [json.loads(line) for line in open(path / "possible_answer" / f"BFCL_v4_{category}.json")]
    for question, answer in zip(questions, answers):
        assert question["id"] == answer["id"]
        yield {"category": category, "functions": question["function"], "answers": answer["ground_truth"]}


def with_verdicts(case, mutations):
    right = right_calls(case["functions"], case["answers"])
    tried = [right, *[mutate(right_calls(case["functions"], case["answers"])) for _ in range(mutations)]]
    return {**case, "replies": [[calls, *judge(case["category"], case["functions"], calls, case["answers"])] for calls in tried]}


here = pathlib.Path(__file__).parent
if "--data" in sys.argv:
    data = wheel / "bfcl_eval" / "data"
    cases = [row for category in ["simple_python", "multiple", "parallel", "parallel_multiple"] for row in rows(category, data)]
    out, mutations = pathlib.Path(sys.argv[3]), 12
else:
    cases = json.loads((here / "cases.json").read_text())
    out, mutations = here / "verdicts.json", 24
judged = [with_verdicts(case, mutations) for case in cases]
lines = ",\n".join(json.dumps(case) for case in judged)
out.write_text(f"[\n{lines}\n]\n")
verdicts = [reply[1:] for case in judged for reply in case["replies"]]
kinds = {}
for is_valid, kind in verdicts:
    kinds[kind or "valid"] = kinds.get(kind or "valid", 0) + 1
print(len(judged), "cases,", len(verdicts), "replies,", sum(v for v, _ in verdicts), "valid", json.dumps(kinds, indent=1))
