"""What Python clients get of the server, unchanged as pip installs them.

Usage: clients.py NAME URL. Asserts what it gets, and ends with 0 where all of it is right.
"""

import json
import os
import sys

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

QUESTION = [{"role": "user", "content": "How warm is it in Paris?"}]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTION = {"type": "function", "function": {"name": "get_weather", "description": "Weather", "parameters": PARAMETERS}}
ANSWER = "It is 21 degrees."
ANNA = {"name": "Anna", "age": 31}


def openai_client(url):
    from openai import OpenAI

    return OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)


def openai_chat(url):
    client = openai_client(url)
    first = client.chat.completions.create(model="hermes", messages=QUESTION, tools=[FUNCTION])
    [call] = first.choices[0].message.tool_calls
    assert json.loads(call.function.arguments) == {"city": "Paris"}, call
    history = [*QUESTION, first.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "21"}]
    with client.chat.completions.stream(model="hermes", messages=history, tools=[FUNCTION]) as stream:
        texts = [event.delta for event in stream if event.type == "content.delta"]
        assert stream.get_final_completion().choices[0].message.content == ANSWER
    assert "".join(texts) == ANSWER, texts


def openai_responses(url):
    client = openai_client(url)
    tool = {"type": "function", "name": "get_weather", "parameters": PARAMETERS, "strict": False}
    first = client.responses.create(model="hermes", input=QUESTION, tools=[tool])
    [call] = [item for item in first.output if item.type == "function_call"]
    assert json.loads(call.arguments) == {"city": "Paris"}, call
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "21"}
    with client.responses.stream(
        model="hermes", previous_response_id=first.id, input=[result], tools=[tool]
    ) as stream:
        texts = [event.delta for event in stream if event.type == "response.output_text.delta"]
        assert stream.get_final_response().output_text == ANSWER
    assert "".join(texts) == ANSWER, texts


def openai_parse(url):
    from pydantic import BaseModel, Field

    class Person(BaseModel):
        name: str = Field(max_length=12)
        age: int = Field(ge=0, le=120)

    client = openai_client(url)
    messages = [{"role": "user", "content": "Anna is 31."}]
    chat = client.chat.completions.parse(model="smollm2", messages=messages, response_format=Person)
    assert isinstance(chat.choices[0].message.parsed, Person), chat
    response = client.responses.parse(model="smollm2", input=messages, text_format=Person)
    assert isinstance(response.output_parsed, Person), response


def anthropic(url):
    from anthropic import Anthropic

    client = Anthropic(base_url=url, api_key="none", max_retries=0)
    tool = {"name": "get_weather", "description": "Weather", "input_schema": PARAMETERS}
    params = {"model": "hermes", "max_tokens": 200, "tools": [tool], "system": "Be brief."}
    counted = client.messages.count_tokens(messages=QUESTION, **{k: v for k, v in params.items() if k != "max_tokens"})
    first = client.messages.create(messages=QUESTION, **params)
    assert counted.input_tokens == first.usage.input_tokens + first.usage.cache_read_input_tokens
    [call] = [block for block in first.content if block.type == "tool_use"]
    assert (call.input, first.stop_reason) == ({"city": "Paris"}, "tool_use"), first
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "21"}
    history = [*QUESTION, {"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    with client.messages.stream(messages=history, **params) as stream:
        texts = list(stream.text_stream)
        assert stream.get_final_message().stop_reason == "end_turn"
    assert "".join(texts) == ANSWER, texts


def ollama(url):
    from ollama import Client, ResponseError

    client = Client(host=url)
    first = client.chat(model="hermes", messages=QUESTION, tools=[FUNCTION])
    [call] = first.message.tool_calls
    assert (call.function.name, call.function.arguments) == ("get_weather", {"city": "Paris"}), call
    history = [*QUESTION, first.message, {"role": "tool", "tool_name": "get_weather", "content": "21"}]
    chunks = list(client.chat(model="hermes", messages=history, tools=[FUNCTION], stream=True))
    assert "".join(chunk.message.content for chunk in chunks) == ANSWER and chunks[-1].done, chunks
    assert client.generate(model="hermes", prompt="Hi").response == ANSWER
    assert [model.model for model in client.list().models] == ["hermes"]
    assert "completion" in client.show("hermes").capabilities
    try:
        client.chat(model="other", messages=QUESTION)
    except ResponseError as error:
        assert error.status_code == 404, error
    else:
        raise AssertionError("an unknown model was answered")


def instructor_mode(mode):
    def program(url):
        import instructor
        from typing import Iterable
        from pydantic import BaseModel, Field

        class Person(BaseModel):
            """A person"""

            name: str = Field(max_length=12)
            age: int = Field(ge=0, le=120)

        client = instructor.from_openai(openai_client(url), mode=instructor.Mode[mode])
        params = {"model": "hermes", "max_retries": 0}
        messages = [{"role": "user", "content": "Anna is 31, Bob is 32."}]
        if mode == "RESPONSES_TOOLS":
            person = client.responses.create(input=messages, response_model=Person, **params)
            assert person.model_dump() == ANNA, person
        elif mode == "PARALLEL_TOOLS":
            people = list(client.create(messages=messages, response_model=Iterable[Person], **params))
            assert [one.model_dump() for one in people] == [ANNA, {"name": "Bob", "age": 32}], people
        elif mode == "JSON_SCHEMA":
            person = client.create(messages=messages, response_model=Person, **{**params, "model": "smollm2"})
            assert isinstance(person, Person), person
        else:
            person = client.create(messages=messages, response_model=Person, **params)
            assert person.model_dump() == ANNA, person

    return program


def litellm(url):
    from litellm import completion, responses

    for model, base in [
        ("openai/hermes", f"{url}/v1"),
        ("anthropic/hermes", url),
        ("ollama_chat/hermes", url),
    ]:
        params = {"model": model, "api_base": base, "api_key": "none", "max_tokens": 200}
        first = completion(messages=QUESTION, tools=[FUNCTION], **params)
        [call] = first.choices[0].message.tool_calls
        assert json.loads(call.function.arguments) == {"city": "Paris"}, (model, call)
        chunks = completion(messages=QUESTION, stream=True, **params)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        assert text == ANSWER, (model, text)
    response = responses(model="openai/hermes", input="Hi", api_base=f"{url}/v1", api_key="none")
    assert response.output[-1].content[0].text == ANSWER, response


PROGRAMS = {
    "openai_chat": openai_chat,
    "openai_responses": openai_responses,
    "openai_parse": openai_parse,
    "anthropic": anthropic,
    "ollama": ollama,
    "litellm": litellm,
    **{
        f"instructor_{mode}": instructor_mode(mode)
        for mode in ["TOOLS", "TOOLS_STRICT", "PARALLEL_TOOLS", "JSON_SCHEMA", "RESPONSES_TOOLS"]
    },
}

name, url = sys.argv[1:]
PROGRAMS[name](url)
