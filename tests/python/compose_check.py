"""Checks docker-compose.yml: every service of ours is as confined as it can be, and what it mounts is declared."""

import sys

import yaml

PLANES = ("control", "proxy-1", "proxy-2")


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        compose = yaml.safe_load(file)
    services = compose["services"]
    for name, service in services.items():
        assert service["read_only"] is True, f"{name}: the root is not read-only"
        assert service["cap_drop"] == ["ALL"], f"{name}: capabilities"
        assert "no-new-privileges:true" in service["security_opt"], f"{name}: privileges"
        assert service["user"] == "65532:65532", f"{name}: user"
        for variable in service.get("environment", {}):
            assert not variable.endswith(("_KEY", "_TOKEN", "_SECRET")), f"{name}: {variable} is a secret in the environment"
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in compose["volumes"], f"{name}: {source} is not declared"
    for name in PLANES:
        test = services[name]["healthcheck"]["test"]
        assert test[0] == "CMD", f"{name}: the health check needs a shell"
    for name in PLANES[1:]:
        joins = [volume for volume in services[name]["volumes"] if volume.endswith(":ro")]
        assert joins, f"{name}: the join token's volume is not read-only"
        assert services[name]["depends_on"]["control"], f"{name}: starts without a control plane"
    print(f"{len(services)} services are confined")


if __name__ == "__main__":
    main()
