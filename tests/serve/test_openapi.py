"""What /openapi.json says of the service, and that it is true."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import httpx

from serve import encode, openapi_v2, parameters
from serve.keys import is_open
from serve.settings import Settings


def test_openapi_describes_bodies_answers_and_errors(client: httpx.Client) -> None:
    segment = client.get("/openapi.json").json()["paths"]["/segment"]["post"]
    assert {"image/jpeg", "image/png", "image/webp", "multipart/form-data"} <= set(
        segment["requestBody"]["content"]
    )
    assert "upright" in segment["description"]
    problems = {"400", "404", "406", "408", "413", "415", "429", "500", "503"}
    assert set(segment["responses"]) == {"200", *problems}
    assert all("Retry-After" in segment["responses"][code]["headers"] for code in ("429", "503"))
    assert "image/png" in segment["responses"]["200"]["content"]
    assert "Server-Timing" in segment["responses"]["200"]["headers"]
    assert "application/problem+json" in segment["responses"]["413"]["content"]


def test_openapi_names_the_models_that_are_served(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    asked = {
        path: each["schema"]["enum"]
        for path, methods in paths.items()
        for method in methods.values()
        for each in method.get("parameters", ())
        if each["in"] == "path"
    }
    names = [each["name"] for each in client.get("/models").json()["models"]]
    assert set(asked) == {path for path in paths if "{name}" in path}
    assert all(each == names for each in asked.values())


def test_openapi_names_every_parameter_and_format(client: httpx.Client) -> None:
    segment = client.get("/openapi.json").json()["paths"]["/segment"]["post"]
    told = {each["name"]: each for each in segment["parameters"]}
    assert told["format"]["schema"]["enum"] == list(encode.names())
    for name in encode.names():
        assert f"`{name}`: " in segment["description"]
        assert set(parameters.names(encode.load(name).Options)) <= told.keys()
        assert encode.load(name).MEDIA_TYPE in segment["responses"]["200"]["content"]
    assert {"classes", "window", "confidence"} <= told.keys()
    assert all(each["in"] == "query" and each["description"] for each in told.values())
    assert told["tolerance"]["schema"] == {
        "type": "number", "minimum": 0, "maximum": 100, "default": 0.0,
    }  # fmt: skip
    assert "json" in segment["responses"]["200"]["content"]["application/json"]["examples"]


def test_the_example_of_an_inference_is_one(client: httpx.Client) -> None:
    name = client.get("/models").json()["models"][0]["name"]
    answer = client.post(f"/v2/models/{name}/infer", json=openapi_v2.QUESTION)
    assert answer.status_code == 200
    told, shown = answer.json(), openapi_v2.ANSWER
    assert told.keys() == shown.keys()
    (mask,), (example,) = told["outputs"], shown["outputs"]
    assert mask.keys() == example.keys()
    assert {**mask, "data": 0} == {**example, "data": 0}


def test_openapi_tells_of_the_errors_of_every_route(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    told = {path: set(one["responses"]) for path, each in paths.items() for one in each.values()}
    always = {"200", "500"}
    assert all(always <= codes for codes in told.values())
    assert told["/metrics"] == told["/models"] == always
    assert told["/readyz"] == told["/v2/health/ready"] == {*always, "503"}
    assert told["/models/{name}/contract"] == told["/v2/models/{name}"] == {*always, "404"}
    inference = {"400", "404", "408", "413", "415", "429", "503"}
    assert told["/v2/models/{name}/infer"] == {*always, *inference}
    # The form that FastAPI would answer them in.
    assert not any("422" in codes for codes in told.values())
    error = paths["/v2/models/{name}/infer"]["post"]["responses"]["429"]
    assert error["content"]["application/json"]["schema"]["required"] == ["error"]
    assert "Retry-After" in error["headers"]


def test_openapi_asks_for_a_key_where_the_server_does(
    model: Path, toy: SimpleNamespace, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    keys.write_text("first-key-0123456789\n")
    keys.chmod(0o600)
    with toy.running(Settings(models=(model,), api_key_file=keys)) as client:
        mine = {"X-API-Key": "first-key-0123456789"}
        described = client.get("/openapi.json", headers=mine).json()
        refused = {path: client.get(path) for path in ("/models", "/v2")}
    for path, methods in described["paths"].items():
        for one in methods.values():
            assert ("401" in one["responses"]) == ("security" in one) == (not is_open(path))
    assert set(described["components"]["securitySchemes"]) == {"bearer", "key"}
    for path, answer in refused.items():
        told = described["paths"][path]["get"]["responses"]["401"]
        assert answer.status_code == 401
        ((kind, content),) = told["content"].items()
        assert answer.headers["content-type"] == kind
        assert set(content["schema"]["required"]) <= set(answer.json())
        assert set(told["headers"]) == {"WWW-Authenticate"}
        assert "www-authenticate" in answer.headers
