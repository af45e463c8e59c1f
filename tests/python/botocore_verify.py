"""Amazon's own client against a request that a proxy signed: it computes the same signature, and would have asked at the same path.

Argument: a JSON file with the request as it arrived (`method`, `host`, `target`, `headers`, `body`), the pair that signed it, its region, and
the model that was asked for.
"""

import base64
import json
import sys

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.credentials import Credentials

from checks import checked


def parts(authorization: str) -> dict:
    """What stands in an authorization of SigV4."""
    scheme, _, rest = authorization.partition(" ")
    assert scheme == "AWS4-HMAC-SHA256", scheme
    return dict(part.strip().split("=", 1) for part in rest.split(","))


def verify(seen: dict, credentials: Credentials) -> None:
    """Signs the same request again."""
    found = parts(seen["headers"]["authorization"])
    request = AWSRequest(
        method=seen["method"], url=f"http://{seen['host']}{seen['target']}", data=base64.b64decode(seen["body"])
    )
    for name in found["SignedHeaders"].split(";"):
        request.headers[name] = seen["headers"][name]
    request.context["timestamp"] = seen["headers"]["x-amz-date"]
    signer = SigV4Auth(credentials, "bedrock", seen["region"])
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    assert signature == found["Signature"], f"botocore signs {signature} over\n{canonical}\nand not {found}"
    scope = f"{credentials.access_key}/{signer.credential_scope(request)}"
    assert found["Credential"] == scope, (found["Credential"], scope)
    if credentials.token:
        assert seen["headers"]["x-amz-security-token"] == credentials.token
        assert "x-amz-security-token" in found["SignedHeaders"].split(";"), found
    checked(f"botocore signs {seen['method']} {seen['target']} alike")


def path_of_botocore(seen: dict, credentials: Credentials) -> str:
    """Where botocore itself would ask."""
    session = botocore.session.get_session()
    session.set_credentials(credentials.access_key, credentials.secret_key, credentials.token)
    client = session.create_client(
        "bedrock-runtime", region_name=seen["region"], endpoint_url=f"http://{seen['host']}"
    )
    asked = []

    def answer(request, **_):
        asked.append(request.url)
        body = json.dumps({"output": {"message": {"role": "assistant", "content": []}}, "stopReason": "end_turn"})

        class Raw:
            """A body, as urllib3 would give it."""

            def stream(self, *_args, **_kwargs):
                yield body.encode()

        return AWSResponse(request.url, 200, {"content-type": "application/json"}, Raw())

    client.meta.events.register("before-send.bedrock-runtime.Converse", answer)
    client.converse(modelId=seen["model"], messages=[{"role": "user", "content": [{"text": "hi"}]}])
    return asked[0].removeprefix(f"http://{seen['host']}")


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        requests = json.load(file)
    for seen in requests:
        credentials = Credentials(seen["access_key_id"], seen["secret_access_key"], seen["session_token"] or None)
        verify(seen, credentials)
        own = path_of_botocore(seen, credentials)
        assert own == seen["target"], f"botocore asks at {own}, the proxy at {seen['target']}"
        checked("botocore asks at the same path")


if __name__ == "__main__":
    main()
