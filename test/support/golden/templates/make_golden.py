"""Makes prompts.json: what Python's Jinja, set up as transformers does it, gives for the templates of llama.cpp's tree,
and for those beside this file: the default model's, which is not in the tree.

    python3 -m venv /tmp/golden
    /tmp/golden/bin/pip install jinja2==3.1.6
    /tmp/golden/bin/python test/support/golden/templates/make_golden.py

With a template's file name and a conversation's name it prints that prompt. A prompt is kept as the beginning of its
SHA-256, or as null where the reference refuses it; `strftime_now` gives its format. Templates differ in what they take,
so each is tried in the ways of src/format/template/template.ts, one after the other.
"""

import hashlib
import json
import pathlib
import re
import sys

import jinja2
import jinja2.ext
import jinja2.sandbox

here = pathlib.Path(__file__).parent
templates = here / "../../../../llama.cpp/source/models/templates"
given = json.loads((here / "conversations.json").read_text(encoding="utf-8"))

ATTEMPTS = [{}, {"text": True}, {"merge": True}, {"text": True, "merge": True}, {"empty": True}]


class GenerationTag(jinja2.ext.Extension):
    """`{% generation %}` of transformers: its content."""

    tags = {"generation"}

    def parse(self, parser):
        next(parser.stream)
        return parser.parse_statements(["name:endgeneration"], drop_needle=True)


def environment():
    """As transformers.utils.chat_template_utils does it."""
    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[GenerationTag, jinja2.ext.loopcontrols]
    )

    def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    env.filters["tojson"] = tojson
    # Jinja's own gives a string that escapes what is added to it: functionary's tools would come out as HTML.
    env.filters["safe"] = str
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda form: form
    return env


def message_of(message, messages, index, text):
    result = {"role": message["role"], "content": message["content"]}
    if message["role"] == "tool":
        calls = [call for earlier in messages[:index] for call in earlier.get("toolCalls", [])]
        result["name"] = next(call["name"] for call in calls if call["id"] == message["toolCallId"])
        result["tool_call_id"] = message["toolCallId"]
    if "toolCalls" in message:
        result["tool_calls"] = [
            {
                "id": call["id"],
                "type": "function",
                "function": {
                    "name": call["name"],
                    "arguments": call["arguments"] if text else json.loads(call["arguments"]),
                },
            }
            for call in message["toolCalls"]
        ]
    return result


def variables(conversation, text=False, merge=False, empty=False):
    """None where the attempt changes nothing."""
    messages = conversation["messages"]
    tools = given["tools"][conversation["tools"]] if "tools" in conversation else []
    if text and not any("toolCalls" in message for message in messages):
        return None
    if empty and tools:
        return None
    if merge:
        if [message["role"] for message in messages[:2]] != ["system", "user"]:
            return None
        first = {**messages[1], "content": messages[0]["content"] + "\n\n" + messages[1]["content"]}
        messages = [first, *messages[2:]]
    definitions = [{"type": "function", "function": tool} for tool in tools]
    return {
        "messages": [message_of(message, messages, index, text) for index, message in enumerate(messages)],
        "tools": definitions if tools or empty else None,
        "documents": None,
        "add_generation_prompt": conversation.get("addGenerationPrompt", True),
        "bos_token": "",
        "eos_token": "</s>",
    }


def render(source, conversation):
    """The prompt, or what the first attempt failed with."""
    failure = None
    for attempt in ATTEMPTS:
        given_variables = variables(conversation, **attempt)
        if given_variables is None:
            continue
        try:
            return environment().from_string(source).render(**given_variables), None
        except Exception as error:
            failure = failure or f"{type(error).__name__}: {error}"
    return None, failure


def knows_tools(source):
    return re.search(r"\btools\b", re.sub(r"\{#.*?#\}", "", source, flags=re.S)) is not None


def main():
    wanted = sys.argv[1:]
    prompts = {}
    for file in sorted([*templates.glob("*.jinja"), *here.glob("*.jinja")], key=lambda file: file.name):
        source = file.read_text(encoding="utf-8")
        if wanted and file.name != wanted[0]:
            continue
        prompts[file.name] = {}
        for conversation in given["conversations"]:
            # Where a template knows no tools, they are written by Caduceus.
            if "tools" in conversation and not knows_tools(source):
                continue
            prompt, failure = render(source, conversation)
            if wanted[1:] == [conversation["name"]]:
                sys.stdout.write(prompt if prompt is not None else failure)
            elif failure is not None:
                print(f"{file.name}, {conversation['name']}: {failure}", file=sys.stderr)
            prompts[file.name][conversation["name"]] = (
                None if prompt is None else hashlib.sha256(prompt.encode()).hexdigest()[:16]
            )
    if not wanted:
        text = json.dumps(prompts, indent=2, ensure_ascii=False) + "\n"
        (here / "prompts.json").write_text(text, encoding="utf-8")


main()
