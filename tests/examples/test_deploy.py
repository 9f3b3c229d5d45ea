"""examples/deploy: each file is checked by the tool that it is for, where there is one, and against the service."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from serve.settings import PREFIX, Settings
from tests.support.ramp_app import Reader, make_app

DEPLOY = Path(__file__).parents[2] / "examples/deploy"
NGINX = os.environ.get("UNIPOSE_NGINX") or shutil.which("nginx")
SYSTEMD = shutil.which("systemd-analyze")
MANIFESTS = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))
PROBE = {
    "httpGet": {"path": str, "port": str}, "periodSeconds": int, "timeoutSeconds": int, "failureThreshold": int,
}  # fmt: skip
# Kubernetes' fields that the manifests use, by their place; those in lists are at the list's. A dict is any such field.
FIELDS = {
    "metadata": {"name": str, "labels": dict},
    "Deployment": {"replicas": int, "selector": {"matchLabels": dict}, "template": {
        "metadata": {"labels": dict},
        "spec": {
            "automountServiceAccountToken": bool, "terminationGracePeriodSeconds": int,
            "securityContext": {"runAsNonRoot": bool, "runAsUser": int, "seccompProfile": {"type": str}},
            "containers": {
                "name": str, "image": str, "ports": {"name": str, "containerPort": int},
                "env": {"name": str, "value": str, "valueFrom": {"secretKeyRef": {"name": str, "key": str}}},
                "startupProbe": PROBE, "readinessProbe": PROBE, "livenessProbe": PROBE,
                "lifecycle": {"preStop": {"sleep": {"seconds": int}}},
                "resources": {"requests": dict, "limits": dict},
                "securityContext": {
                    "allowPrivilegeEscalation": bool, "readOnlyRootFilesystem": bool, "capabilities": {"drop": str},
                },
                "volumeMounts": {"name": str, "mountPath": str},
            },
            "volumes": {"name": str, "emptyDir": {"sizeLimit": str}},
        },
    }, "strategy": {"rollingUpdate": {"maxUnavailable": int, "maxSurge": int}}},
    "Service": {"selector": dict, "ports": {"name": str, "port": int, "targetPort": str}},
}  # fmt: skip


def assert_settings(names):
    assert names
    assert {name.removeprefix(PREFIX).lower() for name in names} <= Settings.model_fields.keys()


def test_nginx_takes_its_configuration(tmp_path):
    if not NGINX:
        pytest.skip("needs nginx: `apt-get install nginx`, or UNIPOSE_NGINX set to its path")
    text = (DEPLOY / "nginx.conf").read_text().replace("/run/nginx.pid", f"{tmp_path}/nginx.pid")
    for name in ("/etc/ssl/certs/pose.example.com.pem", "/etc/ssl/private/pose.example.com.key"):
        assert name in text
        text = text.replace(name, str(tmp_path / Path(name).name))
    subject = ["-subj", "/CN=pose.example.com", "-keyout", str(tmp_path / "pose.example.com.key")]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject, "-out"]
    subprocess.run([*command, str(tmp_path / "pose.example.com.pem")], check=True, capture_output=True)
    kept = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = "".join(f"{name}_temp_path {tmp_path}/{name};" for name in kept)  # not those of the machine
    folders += f"access_log {tmp_path}/access.log;"
    (tmp_path / "nginx.conf").write_text(text.replace("http {", f"http {{ {folders}", 1))
    command = [NGINX, "-t", "-p", str(tmp_path), "-e", "stderr", "-c", str(tmp_path / "nginx.conf")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and "warn" not in done.stderr, done.stderr


def test_nginx_lets_through_what_the_service_takes():
    text = (DEPLOY / "nginx.conf").read_text()
    settings = Settings()
    assert int(re.search(r"client_max_body_size (\d+)m;", text)[1]) * 2**20 > settings.max_batch_bytes
    assert int(re.search(r"proxy_read_timeout (\d+)s;", text)[1]) > settings.video_seconds
    assert int(re.search(r"keepalive_timeout (\d+)s;", text)[1]) < settings.header_seconds


def test_systemd_takes_the_unit(tmp_path):
    if not SYSTEMD:
        pytest.skip("needs systemd-analyze")
    text = (DEPLOY / "unipose.service").read_text()
    assert "/opt/unipose/bin/python" in text
    unit = tmp_path / "unipose.service"
    unit.write_text(text.replace("ExecStart=/opt/unipose/bin/python", f"ExecStart={sys.executable}"))
    done = subprocess.run([SYSTEMD, "verify", "--man=no", str(unit)], capture_output=True, text=True)
    assert done.returncode == 0 and "unipose.service" not in done.stderr, done.stderr


def test_the_unit_sets_what_there_is():
    text = (DEPLOY / "unipose.service").read_text()
    assert_settings(re.findall(r"\b(UNIPOSE_\w+)=", text))
    stop = int(re.search(r"TimeoutStopSec=(\d+)", text)[1])
    assert stop > Settings().stop_seconds + 5


def fields_that_are_wrong(value, allowed, place):
    if isinstance(value, list):
        return [wrong for one in value for wrong in fields_that_are_wrong(one, allowed, place)]
    if not isinstance(allowed, dict):
        return [] if type(value) is allowed else [f"{place} is {value!r}, not {allowed.__name__}"]
    if not isinstance(value, dict):
        return [f"{place} is {value!r}"]
    return [
        wrong
        for name, inner in value.items()
        for wrong in (
            fields_that_are_wrong(inner, allowed[name], f"{place}.{name}") if name in allowed else [f"{place}.{name}"]
        )
    ]


@pytest.mark.parametrize("manifest", MANIFESTS, ids=[one["kind"] for one in MANIFESTS])
def test_kubernetes_has_such_fields(manifest):
    assert manifest.keys() == {"apiVersion", "kind", "metadata", "spec"}
    assert manifest["apiVersion"] == {"Deployment": "apps/v1", "Service": "v1"}[manifest["kind"]]
    assert fields_that_are_wrong(manifest["metadata"], FIELDS["metadata"], "metadata") == []
    assert fields_that_are_wrong(manifest["spec"], FIELDS[manifest["kind"]], "spec") == []


def test_a_wrong_field_would_be_seen():
    allowed = FIELDS["Deployment"]
    assert fields_that_are_wrong({"replicas": "2"}, allowed, "spec") == ["spec.replicas is '2', not int"]
    assert fields_that_are_wrong({"template": {"spec": {"containers": [{"nam": 1}]}}}, allowed, "spec") == [
        "spec.template.spec.containers.nam"
    ]


def test_the_manifest_fits_the_service(spec):
    deployment, service = MANIFESTS
    pod = deployment["spec"]["template"]
    [container] = pod["spec"]["containers"]
    labels = pod["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == service["spec"]["selector"] == labels
    assert container["ports"][0]["containerPort"] == Settings.model_fields["port"].default
    assert service["spec"]["ports"][0]["targetPort"] == container["ports"][0]["name"]
    paths = make_app(Reader(spec)).openapi()["paths"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert "get" in paths[container[probe]["httpGet"]["path"]]
    assert_settings([one["name"] for one in container["env"]])
    mounted = {one["name"] for one in container["volumeMounts"]}
    assert mounted == {one["name"] for one in pod["spec"]["volumes"]}
    given = {one["name"]: one.get("value") for one in container["env"]}
    most = 34 * int(given["UNIPOSE_PIXEL_BUDGET"]) + 3 * int(given["UNIPOSE_BODY_BUDGET"])
    assert most < 0.6 * 2**30 * int(container["resources"]["limits"]["memory"].removesuffix("Gi"))
    sleep = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["spec"]["terminationGracePeriodSeconds"] > sleep + Settings().stop_seconds + 5
