"""An admin in another language: the whole job over a client that is generated from the protos alone.

Arguments: the admin API's address, the token file, the upstream's base URL, a key that the upstream takes.
"""

import sys

import grpc
from google.protobuf.field_mask_pb2 import FieldMask
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from grpc_status import rpc_status

import protos
from checks import checked

protos.generate()

from keyplane.admin.v1 import (  # noqa: E402
    caller_key_service_pb2 as caller_keys,
    caller_key_service_pb2_grpc as caller_keys_grpc,
    credential_service_pb2 as credentials,
    credential_service_pb2_grpc as credentials_grpc,
    environment_service_pb2 as environments,
    environment_service_pb2_grpc as environments_grpc,
    fleet_service_pb2 as fleet,
    fleet_service_pb2_grpc as fleet_grpc,
    model_service_pb2 as models,
    model_service_pb2_grpc as models_grpc,
    project_service_pb2 as projects,
    project_service_pb2_grpc as projects_grpc,
    provider_service_pb2 as providers,
    provider_service_pb2_grpc as providers_grpc,
    system_service_pb2 as system,
    system_service_pb2_grpc as system_grpc,
)

PROJECT = "projects/python"
ENVIRONMENT = f"{PROJECT}/environments/production"
PROVIDER = f"{PROJECT}/providers/upstream"
CREDENTIAL = f"{PROVIDER}/credentials/main"


class Admin:
    """The services, with the token on every request."""

    def __init__(self, address: str, token: str):
        self.channel = grpc.insecure_channel(address)
        self.metadata = (("authorization", f"Bearer {token}"),)
        self.projects = projects_grpc.ProjectServiceStub(self.channel)
        self.environments = environments_grpc.EnvironmentServiceStub(self.channel)
        self.providers = providers_grpc.ProviderServiceStub(self.channel)
        self.credentials = credentials_grpc.CredentialServiceStub(self.channel)
        self.models = models_grpc.ModelServiceStub(self.channel)
        self.caller_keys = caller_keys_grpc.CallerKeyServiceStub(self.channel)
        self.fleet = fleet_grpc.FleetServiceStub(self.channel)
        self.system = system_grpc.SystemServiceStub(self.channel)

    def call(self, rpc, request, timeout: float = 20):
        """One request."""
        return rpc(request, metadata=self.metadata, timeout=timeout)

    def refused(self, rpc, request):
        """One request that has to be refused: its code, reason and the fields at fault."""
        try:
            self.call(rpc, request)
        except grpc.RpcError as error:
            reason, fields = "", []
            status = rpc_status.from_call(error)
            for detail in status.details if status else []:
                if detail.Is(ErrorInfo.DESCRIPTOR):
                    info = ErrorInfo()
                    detail.Unpack(info)
                    assert info.domain == "keyplane", info
                    reason = info.reason
                if detail.Is(BadRequest.DESCRIPTOR):
                    bad = BadRequest()
                    detail.Unpack(bad)
                    fields = [violation.field for violation in bad.field_violations]
            return error.code(), reason, fields
        raise AssertionError(f"{request} was not refused")


def build(admin: Admin, base_url: str, key: str) -> None:
    """Everything that a first request needs."""
    project = projects.Project(display_name="Python")
    project = admin.call(admin.projects.CreateProject, projects.CreateProjectRequest(project_id="python", project=project))
    assert project.name == PROJECT and project.uid.startswith("prj_") and project.generation == 1, project
    admin.call(
        admin.environments.CreateEnvironment,
        environments.CreateEnvironmentRequest(
            parent=PROJECT, environment_id="production", environment=environments.Environment()
        ),
    )
    provider = providers.Provider(
        display_name="Upstream",
        vendor="upstream",
        adapter=providers.ADAPTER_OPENAI,
        base_url=base_url + "/chat/completions/",
        environments=[ENVIRONMENT],
        exposed_models=[providers.ExposedModel(upstream_model="gpt-4o")],
    )
    request = providers.CreateProviderRequest(parent=PROJECT, provider_id="upstream", provider=provider)
    made = admin.call(admin.providers.CreateProvider, request)
    assert made.base_url == base_url, made.base_url
    checked("a pasted endpoint path is taken off the base URL")
    credential = credentials.Credential(value=credentials.CredentialValue(api_key=key))
    request = credentials.CreateCredentialRequest(parent=PROVIDER, credential_id="main", credential=credential)
    made = admin.call(admin.credentials.CreateCredential, request)
    assert made.state == credentials.CREDENTIAL_STATE_ACTIVE and not made.HasField("value"), made
    assert made.masked_value == f"{key[:4]}...{key[-3:]}", made.masked_value
    checked("a credential is validated, and its value never answered")
    target = models.Target(provider=PROVIDER, upstream_model="gpt-4o")
    admin.call(
        admin.models.CreateModel,
        models.CreateModelRequest(parent=PROJECT, model_id="chat/best", model=models.Model(targets=[target])),
    )
    caller_key = caller_keys.CallerKey(environment=ENVIRONMENT, allowed_models=["chat/*"])
    request = caller_keys.CreateCallerKeyRequest(parent=PROJECT, caller_key_id="app", caller_key=caller_key)
    made = admin.call(admin.caller_keys.CreateCallerKey, request)
    assert made.plaintext.startswith("kp_") and len(made.plaintext) == 52, len(made.plaintext)
    got = admin.call(admin.caller_keys.GetCallerKey, caller_keys.GetCallerKeyRequest(name=made.name))
    assert got.plaintext == "", "a plaintext was shown twice"
    checked("a caller key is shown once")


def change(admin: Admin) -> None:
    """Masks, etags, request ids, pages."""
    got = admin.call(admin.providers.GetProvider, providers.GetProviderRequest(name=PROVIDER))
    stale = got.etag
    request = providers.UpdateProviderRequest(
        provider=providers.Provider(name=PROVIDER, display_name="Renamed", etag=stale),
        update_mask=FieldMask(paths=["display_name"]),
    )
    changed = admin.call(admin.providers.UpdateProvider, request)
    assert (changed.display_name, changed.vendor, changed.generation) == ("Renamed", "upstream", 2), changed
    code, reason, _ = admin.refused(admin.providers.UpdateProvider, request)
    assert (code, reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH"), (code, reason)
    checked("a stale etag is ABORTED with its reason")
    request = environments.CreateEnvironmentRequest(
        parent=PROJECT, environment=environments.Environment(display_name="Staging"), request_id="once"
    )
    first = admin.call(admin.environments.CreateEnvironment, request)
    assert admin.call(admin.environments.CreateEnvironment, request) == first
    checked("a repeated request_id answers the same")
    names, token = [], ""
    while True:
        request = environments.ListEnvironmentsRequest(parent=PROJECT, page_size=1, page_token=token)
        page = admin.call(admin.environments.ListEnvironments, request)
        names += [environment.name for environment in page.environments]
        token = page.next_page_token
        if not token:
            break
    assert names == sorted(names) and len(names) == 2, names
    checked("pages hold everything once, in order")


def err(admin: Admin, base_url: str) -> None:
    """Rich errors."""
    bad = providers.Provider(
        vendor="No Vendor",
        adapter=providers.ADAPTER_OPENAI,
        base_url="ftp://host",
        environments=[f"{PROJECT}/environments/none"],
    )
    request = providers.CreateProviderRequest(parent=PROJECT, provider_id="No", provider=bad)
    code, _, fields = admin.refused(admin.providers.CreateProvider, request)
    assert code == grpc.StatusCode.INVALID_ARGUMENT, code
    for field in ("provider_id", "display_name", "vendor", "base_url", "environments"):
        assert any(field in fault for fault in fields), (field, fields)
    checked("every field at fault is named at once")
    value = credentials.CredentialValue(api_key="sk-nobody-knows-this")
    request = credentials.CreateCredentialRequest(
        parent=PROVIDER, credential_id="bad", credential=credentials.Credential(value=value)
    )
    code, reason, _ = admin.refused(admin.credentials.CreateCredential, request)
    assert (code, reason) == (grpc.StatusCode.FAILED_PRECONDITION, "CREDENTIAL_REJECTED"), (code, reason)
    checked("a credential that the provider refuses is refused")
    code, reason, _ = admin.refused(admin.projects.GetProject, projects.GetProjectRequest(name="projects/nowhere"))
    assert (code, reason) == (grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND"), (code, reason)


def finish(admin: Admin) -> None:
    """Checks, the rollout, deletes."""
    credential = admin.call(admin.credentials.CheckCredential, credentials.CheckCredentialRequest(name=CREDENTIAL))
    assert credential.state == credentials.CREDENTIAL_STATE_ACTIVE and credential.HasField("last_check_time"), credential
    rollout = admin.call(admin.fleet.WaitForRollout, fleet.WaitForRolloutRequest())
    assert rollout.complete and len(rollout.acknowledged) == 1, rollout
    checked("the fleet has it")
    status = admin.call(admin.system.GetStatus, system.GetStatusRequest())
    assert status.connected_proxies == 1 and status.sealed_reason == "", status
    request = providers.DeleteProviderRequest(name=PROVIDER)
    code, reason, _ = admin.refused(admin.providers.DeleteProvider, request)
    assert (code, reason) == (grpc.StatusCode.FAILED_PRECONDITION, "HAS_DEPENDENTS"), (code, reason)
    request = providers.DeleteProviderRequest(name=PROVIDER, validate_only=True, force=True)
    would = admin.call(admin.providers.DeleteProvider, request)
    assert would.revision == 0 and any(item.kind == "Model" for item in would.dependents), would
    deleted = admin.call(admin.providers.DeleteProvider, providers.DeleteProviderRequest(name=PROVIDER, force=True))
    assert deleted.revision > 0, deleted
    code, _, _ = admin.refused(admin.credentials.GetCredential, credentials.GetCredentialRequest(name=CREDENTIAL))
    assert code == grpc.StatusCode.NOT_FOUND, code
    checked("a provider goes with its credentials, and says first what depends on it")


def main() -> None:
    address, token_file, base_url, key = sys.argv[1:]
    with open(token_file, encoding="ascii") as file:
        admin = Admin(address, file.read().strip())
    build(admin, base_url, key)
    change(admin)
    err(admin, base_url)
    finish(admin)


if __name__ == "__main__":
    main()
