#!/usr/bin/env python3
"""Renders the published Jinja templates of Hermes 2 Pro (Llama 3) and Hermes 3 over conversations.json.

They are read from the pinned llama.cpp source tree, whose folder is the one argument (default llama.cpp/source).
Needs jinja2 (written with 3.1.6). The environment is the one of transformers' apply_chat_template: trimmed blocks, loop
controls, and a `tojson` that neither sorts keys nor escapes for HTML. Tests compare our prompts with these texts after
the corrections of corrections.json, so run it again only when the pin moves.
"""
import json
import pathlib
import sys

import jinja2

here = pathlib.Path(__file__).parent
source = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "llama.cpp/source")
environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
environment.filters["tojson"] = lambda value, indent=None: json.dumps(value, ensure_ascii=False, indent=indent)

templates = {
    "tool_use": "NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use.jinja",
    "hermes3": "NousResearch-Hermes-3-Llama-3.1-8B-tool_use.jinja",
}
conversations = json.loads((here / "conversations.json").read_text())
for variant, name in templates.items():
    template = environment.from_string((source / "models" / "templates" / name).read_text())
    for case, conversation in conversations.items():
        text = template.render(**conversation, bos_token="", add_generation_prompt=True)
        (here / f"{variant}.{case}.txt").write_text(text)
