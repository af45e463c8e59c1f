"""A proxy in another language: enrolls, says hello, takes a snapshot and deltas, acknowledges, resumes, and reports, over a client that
is generated from the protos alone. Its digest agrees with the control plane's at every step.

Arguments: the admin API's address, the token file, the sync listener's address, a project, an environment's id.
"""

import os
import queue
import ssl
import sys

import grpc
from blake3 import blake3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import protos
from checks import checked

protos.generate()

from keyplane.admin.v1 import (  # noqa: E402
    caller_key_service_pb2 as caller_keys,
    caller_key_service_pb2_grpc as caller_keys_grpc,
    fleet_service_pb2 as fleet,
    fleet_service_pb2_grpc as fleet_grpc,
)
from keyplane.sync.v1 import (  # noqa: E402
    config_pb2 as config,
    evidence_pb2 as evidence,
    sync_service_pb2 as sync,
    sync_service_pb2_grpc as sync_grpc,
)

OPTIONS = (("grpc.ssl_target_name_override", "control.keyplane.internal"),)
TIMEOUT = 30


def digest(state: dict) -> bytes:
    """The sum, without the carry out, of the resources' hashes as little-endian 256-bit numbers."""
    total = 0
    for (kind, name), (version, put) in state.items():
        name = name.encode()
        text = kind.to_bytes(4, "little") + len(name).to_bytes(4, "little") + name
        text += version.to_bytes(8, "little") + len(put).to_bytes(4, "little") + put
        total += int.from_bytes(blake3(text).digest(), "little")
    return (total % 2**256).to_bytes(32, "little")


def enroll(address: str, ca: bytes, token: str) -> tuple[str, grpc.ChannelCredentials]:
    """Joins the fleet; answers the proxy's name, and credentials with its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    with grpc.secure_channel(address, grpc.ssl_channel_credentials(ca), OPTIONS) as channel:
        request = sync.EnrollRequest(
            join_token=token, node_id="python", csr=csr.public_bytes(serialization.Encoding.DER)
        )
        answer = sync_grpc.SyncServiceStub(channel).Enroll(request, timeout=TIMEOUT)
    chain = "".join(ssl.DER_cert_to_PEM_cert(der) for der in answer.certificate_chain).encode()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return answer.proxy, grpc.ssl_channel_credentials(ca, private, chain)


class Session:
    """One stream, and the state that it keeps."""

    def __init__(self, channel, held=()):
        self.state, self.positions, self.proofs, self.seen = {}, {}, {}, []
        self.frames = queue.Queue()
        hello = sync.Hello(protocol_min=1, protocol_max=1, boot_id=os.urandom(16), build="python", held=held)
        self.frames.put(sync.ProxyFrame(hello=hello))
        self.stream = sync_grpc.SyncServiceStub(channel).Sync(iter(self.frames.get, None), timeout=TIMEOUT)

    def next(self) -> str:
        """Takes a frame, applies it, and acknowledges what it completes."""
        frame = next(self.stream)
        kind = frame.WhichOneof("frame")
        self.seen.append(kind)
        content = getattr(frame, kind)
        if kind == "snapshot_begin":
            self.state[content.environment] = {}
        elif kind in ("snapshot_chunk", "delta"):
            state = self.state.setdefault(content.environment, {})
            for change in content.changes:
                if change.WhichOneof("change") == "put":
                    state[change.kind, change.name] = (change.version, change.put)
                else:
                    state.pop((change.kind, change.name), None)
        if kind in ("snapshot_end", "delta"):
            own = digest(self.state[content.environment])
            assert own == content.position.digest, f"the digest differs after {kind}"
            self.positions[content.environment] = content.position
            self.proofs[content.environment] = content.proof
            applied = sync.Applied(environment=content.environment, position=content.position)
            self.frames.put(sync.ProxyFrame(applied=applied))
        return kind

    def reach(self, environment: str, revision: int) -> None:
        """Takes frames until the environment is that far."""
        while environment not in self.positions or self.positions[environment].revision < revision:
            self.next()

    def held(self) -> list:
        """What a later hello says."""
        return [
            sync.Held(environment=name, position=position, proof=self.proofs[name])
            for name, position in self.positions.items()
        ]


def main() -> None:
    admin_address, token_file, sync_address, project, environment_id = sys.argv[1:]
    environment = f"{project}/environments/{environment_id}"
    with open(token_file, encoding="ascii") as file:
        metadata = (("authorization", f"Bearer {file.read().strip()}"),)
    admin = grpc.insecure_channel(admin_address)
    fleet_stub, keys_stub = fleet_grpc.FleetServiceStub(admin), caller_keys_grpc.CallerKeyServiceStub(admin)

    def make_key(key_id: str) -> int:
        request = caller_keys.CreateCallerKeyRequest(
            parent=project, caller_key_id=key_id, caller_key=caller_keys.CallerKey(environment=environment)
        )
        return keys_stub.CreateCallerKey(request, metadata=metadata, timeout=TIMEOUT).revision

    request = fleet.CreateJoinTokenRequest(join_token=fleet.JoinToken(environments=[environment], display_name="Python"))
    token = fleet_stub.CreateJoinToken(request, metadata=metadata, timeout=TIMEOUT)
    proxy, credentials = enroll(sync_address, token.ca_certificate.encode(), token.plaintext)
    assert proxy.startswith("proxies/"), proxy
    checked(f"enrolled as {proxy}")

    first = make_key("before")
    channel = grpc.secure_channel(sync_address, credentials, OPTIONS)
    session = Session(channel)
    session.reach(environment, first)
    assert session.seen[0] == "welcome" and "snapshot_end" in session.seen, session.seen
    kinds = {kind for kind, _ in session.state[environment]}
    assert {config.KIND_PROVIDER, config.KIND_CREDENTIAL, config.KIND_MODEL, config.KIND_CALLER_KEY} <= kinds, kinds
    checked("a snapshot came, and its digest agrees")

    session.seen.clear()
    second = make_key("after")
    session.reach(environment, second)
    assert "delta" in session.seen and "snapshot_begin" not in session.seen, session.seen
    checked("a delta came, and its digest agrees")
    rollout = fleet_stub.WaitForRollout(
        fleet.WaitForRolloutRequest(revision=second), metadata=metadata, timeout=TIMEOUT
    )
    assert rollout.complete and [one.proxy for one in rollout.acknowledged] == [proxy], rollout
    checked("the acknowledgement is known to the admin API")

    state, held = session.state, session.held()
    session.stream.cancel()
    session = Session(channel, held)
    session.state = state
    third = make_key("later")
    session.reach(environment, third)
    assert "snapshot_begin" not in session.seen, session.seen
    checked("a second stream resumed without a snapshot, and its digest agrees")

    finding = evidence.CredentialEvidence(
        credential=next(name for kind, name in state[environment] if kind == config.KIND_CREDENTIAL),
        value_version=1,
        upstream_model="gpt-4o",
        finding=evidence.FINDING_SERVED,
        count=1,
        upstream_status=200,
    )
    batch = evidence.Batch(boot_id=os.urandom(16), sequence=1, credential_evidence=[finding])
    batches = queue.Queue()
    batches.put(batch)
    reports = sync_grpc.SyncServiceStub(channel).Report(iter(batches.get, None), timeout=TIMEOUT)
    assert next(reports).sequence == 1
    checked("a report is taken")
    batches.put(None)
    reports.cancel()
    session.frames.put(None)
    session.stream.cancel()


if __name__ == "__main__":
    main()
