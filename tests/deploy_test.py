#!/usr/bin/env python3
"""What deploy/ ships, held to what it says: the overlays are rendered (by kubectl too, where there is
one, with the same result), every field must be one that the API has, the checks that kube-linter has
on by default pass and find mutants, alerts name metrics that exist, flags are hearth's, the unit and
the container are what they promise. Usage: tests/deploy_test.py BINARY REPO. Needs python3-yaml."""

import copy
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import yaml

from command import BINARY, REPO, hearth
from recorded import run_script

DEPLOY = REPO / "deploy"
OVERLAYS = sorted((DEPLOY / "kubernetes/overlays").iterdir())

# Lists of objects that a strategic merge matches by this member, as the API declares them.
MERGE_KEYS = {"containers": "name", "initContainers": "name", "env": "name", "volumes": "name",
              "volumeMounts": "mountPath", "ports": "containerPort"}
CLUSTER_WIDE = {"Namespace"}


def merge(base, patch, member=""):
    """A strategic merge of the kinds that are used here."""
    if isinstance(base, dict) and isinstance(patch, dict):
        return {name: merge(base[name], patch[name], name) if name in base and name in patch
                else copy.deepcopy(patch.get(name, base.get(name)))
                for name in [*base, *(n for n in patch if n not in base)]}
    if isinstance(base, list) and isinstance(patch, list) and member in MERGE_KEYS:
        key = MERGE_KEYS[member]
        changed = {item[key]: item for item in patch}
        known = [merge(item, changed.pop(item[key], {})) for item in base]
        return [copy.deepcopy(item) for item in changed.values()] + known
    return copy.deepcopy(patch)


def load(path: pathlib.Path) -> list[dict]:
    return [item for item in yaml.safe_load_all(path.read_text()) if item]


def render(folder: pathlib.Path, items: list[dict] | None = None) -> list[dict]:
    """What `kubectl kustomize` gives, for the few words that our kustomizations use."""
    (words,) = load(folder / "kustomization.yaml")
    unknown = set(words) - {"apiVersion", "kind", "namespace", "resources", "components", "patches",
                            "images"}
    assert not unknown, f"{folder}: {unknown}"
    items = list(items or [])
    for name in words.get("resources", []):
        path = folder / name
        items += render(path) if path.is_dir() else load(path)
    for name in words.get("components", []):
        items = render(folder / name, items)
    for patch in words.get("patches", []):
        (change,) = load(folder / patch["path"])
        matching = [i for i, item in enumerate(items) if identity(item) == identity(change)]
        assert len(matching) == 1, f"{patch}: patches {len(matching)} resources"
        items[matching[0]] = merge(items[matching[0]], change)
    for item in items:
        if "namespace" in words and item["kind"] not in CLUSTER_WIDE:
            item["metadata"]["namespace"] = words["namespace"]
        for image in words.get("images", []):
            for container in containers_of(item):
                name, _, _ = container["image"].partition(":")
                if name == image["name"]:
                    container["image"] = f"{name}:{image['newTag']}"
    return items


def identity(item):
    return item["kind"], item["metadata"]["name"]


def pod_of(item) -> dict:
    return item.get("spec", {}).get("template", {}).get("spec", {}) if item["kind"] == "Deployment" else {}


def containers_of(item) -> list[dict]:
    return pod_of(item).get("containers", []) + pod_of(item).get("initContainers", [])


# The fields that the API of Kubernetes 1.30 has, of what we use: `field` or `field!` (required) to its
# form. A list stands for a list of its element, "name*" for any name.
META = {"name!": str, "namespace": str, "labels": {"*": str}, "annotations": {"*": str}}
SELECTOR = {"matchLabels": {"*": str}}
PROBE = {"httpGet!": {"path!": str, "port!": str},
         "periodSeconds!": int, "timeoutSeconds": int, "failureThreshold!": int}
QUANTITIES = {"cpu": str, "memory": str, "nvidia.com/gpu": str, "storage": str}
CONTAINER = {
    "name!": str, "image!": str, "args": [str], "command": [str], "workingDir": str,
    "env": [{"name!": str, "value!": str}],
    "ports": [{"name!": str, "containerPort!": int, "protocol": str}],
    "startupProbe": PROBE, "livenessProbe": PROBE, "readinessProbe": PROBE,
    "lifecycle": {"preStop": {"exec": {"command!": [str]}}},
    "resources!": {"requests!": QUANTITIES, "limits!": QUANTITIES},
    "securityContext!": {"allowPrivilegeEscalation!": bool, "privileged!": bool,
                         "readOnlyRootFilesystem!": bool, "capabilities!": {"drop!": [str]}},
    "volumeMounts": [{"name!": str, "mountPath!": str, "readOnly": bool}]}
TERM = {"topologyKey!": str, "labelSelector!": SELECTOR}
POD = {
    "serviceAccountName!": str, "automountServiceAccountToken": bool,
    "enableServiceLinks!": bool, "terminationGracePeriodSeconds": int,
    "securityContext!": {"runAsNonRoot!": bool, "runAsUser!": int, "runAsGroup": int, "fsGroup": int,
                         "seccompProfile!": {"type!": str}},
    "affinity": {"podAntiAffinity": {
        "preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight!": int, "podAffinityTerm!": TERM}],
        "requiredDuringSchedulingIgnoredDuringExecution": [TERM]}},
    "topologySpreadConstraints": [{"maxSkew!": int, "topologyKey!": str, "whenUnsatisfiable!": str,
                                   "labelSelector!": SELECTOR}],
    "tolerations": [{"key": str, "operator": str, "effect": str}],
    "initContainers": [CONTAINER], "containers!": [CONTAINER],
    "volumes": [{"name!": str, "secret": {"secretName!": str, "defaultMode": int},
                 "emptyDir": {"sizeLimit": str},
                 "persistentVolumeClaim": {"claimName!": str, "readOnly": bool}}]}
KINDS = {
    "Namespace": ("v1", {}),
    "ServiceAccount": ("v1", {"automountServiceAccountToken": bool}),
    "Deployment": ("apps/v1", {"spec!": {
        "replicas!": int, "revisionHistoryLimit": int,
        "strategy!": {"type!": str, "rollingUpdate": {"maxSurge": int, "maxUnavailable": int}},
        "selector!": SELECTOR, "template!": {"metadata!": {"labels!": {"*": str}}, "spec!": POD}}}),
    "Service": ("v1", {"spec!": {"type": str, "selector!": {"*": str}, "ports!": [
        {"name!": str, "port!": int, "targetPort!": str, "protocol": str}]}}),
    "PodDisruptionBudget": ("policy/v1", {"spec!": {
        "maxUnavailable": int, "minAvailable": int, "unhealthyPodEvictionPolicy!": str,
        "selector!": SELECTOR}}),
    "NetworkPolicy": ("networking.k8s.io/v1", {"spec!": {
        "podSelector!": SELECTOR, "policyTypes!": [str], "egress": [{}],
        "ingress": [{"from!": [{"namespaceSelector": SELECTOR, "podSelector": SELECTOR}],
                     "ports!": [{"protocol": str, "port!": str}]}]}}),
    "PersistentVolumeClaim": ("v1", {"spec!": {"accessModes!": [str],
                                               "resources!": {"requests!": QUANTITIES}}}),
    "HorizontalPodAutoscaler": ("autoscaling/v2", {"spec!": {
        "scaleTargetRef!": {"apiVersion!": str, "kind!": str, "name!": str},
        "minReplicas!": int, "maxReplicas!": int,
        "metrics!": [{"type!": str, "pods!": {"metric!": {"name!": str}, "target!": {
            "type!": str, "averageValue!": str}}}],
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": int}}}}),
}


def wrong_fields(value, form, at="") -> list[str]:
    if isinstance(form, type):
        fits = isinstance(value, form) and (form is bool or not isinstance(value, bool))
        return [] if fits else [f"{at}: expected {form.__name__}, found {value!r}"]
    if isinstance(form, list):
        if not isinstance(value, list):
            return [f"{at}: expected a list"]
        return [w for i, item in enumerate(value) for w in wrong_fields(item, form[0], f"{at}[{i}]")]
    if not isinstance(value, dict):
        return [f"{at}: expected fields"]
    known = {name.rstrip("!"): below for name, below in form.items()}
    wrong = [f"{at}: {name} is missing" for name in form
             if name.endswith("!") and name[:-1] not in value]
    for name, below in value.items():
        if name in known or "*" in known:
            wrong += wrong_fields(below, known.get(name, known.get("*")), f"{at}.{name}")
        else:
            wrong.append(f"{at}: there is no field {name}")
    return wrong


def wrong_schema(items) -> list[str]:
    wrong = []
    for item in items:
        if item.get("kind") not in KINDS:
            wrong.append(f"unknown kind {item.get('kind')}")
            continue
        version, form = KINDS[item["kind"]]
        if item.get("apiVersion") != version:
            wrong.append(f"{item['kind']}: expected {version}, found {item.get('apiVersion')}")
        form = {"apiVersion!": str, "kind!": str, "metadata!": META, **form}
        wrong += wrong_fields(item, form, item["kind"])
    return wrong


def lint_container(item, container, ports) -> list[str]:
    rights = container.get("securityContext", {})
    names = [e["name"] for e in container.get("env", [])]
    resources = container.get("resources", {})
    tag = container.get("image", "").rpartition(":")[2] if ":" in container.get("image", "") else ""
    rules = {
        "privilege-escalation": rights.get("allowPrivilegeEscalation", True),
        "privileged": rights.get("privileged", False),
        "no-read-only-root-fs": not rights.get("readOnlyRootFilesystem"),
        "drop-net-raw": not {"ALL", "NET_RAW"} & set(rights.get("capabilities", {}).get("drop", [])),
        "latest-tag": tag in ("", "latest"),
        "duplicate-env-var": len(names) != len(set(names)),
        "env-var-secret": any(re.search("secret|password|token|key", n, re.I) for n in names),
        "unset-cpu-requirements": "cpu" not in resources.get("requests", {}),
        "unset-memory-requirements": not all("memory" in resources.get(k, {})
                                             for k in ("requests", "limits")),
        "ssh-port": any(p["containerPort"] == 22 for p in container.get("ports", [])),
    }
    if container in pod_of(item)["containers"]:
        for probe in ("startup", "liveness", "readiness"):
            port = container.get(f"{probe}Probe", {}).get("httpGet", {}).get("port")
            rules[f"no-{probe}-probe"] = port is None
            rules[f"{probe}-port"] = port is not None and port not in ports
    return [name for name, found in rules.items() if found]


def lint_deployment(item, accounts) -> list[str]:
    pod, spec = pod_of(item), item["spec"]
    labels = spec["template"]["metadata"].get("labels", {})
    context = pod.get("securityContext", {})
    ports = [p["name"] for c in pod["containers"] for p in c.get("ports", [])]
    volumes = [v["name"] for v in pod.get("volumes", [])]
    mounts = [m["name"] for c in containers_of(item) for m in c.get("volumeMounts", [])]
    rules = {
        "host-ipc": pod.get("hostIPC"), "host-pid": pod.get("hostPID"),
        "host-network": pod.get("hostNetwork"),
        "sensitive-host-mounts, docker-sock": any("hostPath" in v for v in pod.get("volumes", [])),
        "unsafe-sysctls": context.get("sysctls"),
        "run-as-non-root": not context.get("runAsNonRoot") or not context.get("runAsUser"),
        "mismatching-selector": not spec["selector"].get("matchLabels", {}).items() <= labels.items(),
        "no-anti-affinity": spec["replicas"] > 1 and "podAntiAffinity" not in pod.get("affinity", {}),
        "non-existent-service-account": pod.get("serviceAccountName") not in accounts,
        "no-rolling-update-strategy": spec.get("strategy", {}).get("type") != "RollingUpdate",
        "unknown-volume": set(mounts) - set(volumes),
        "unused-volume": set(volumes) - set(mounts),
    }
    found = [name for name, it in rules.items() if it]
    return found + [rule for c in containers_of(item) for rule in lint_container(item, c, ports)]


def lint(items) -> list[str]:
    """Rules of kube-linter that are on by default (of the kinds that we have), and a few others."""
    deployments = [item for item in items if item["kind"] == "Deployment"]
    accounts = [item["metadata"]["name"] for item in items if item["kind"] == "ServiceAccount"]
    labels = [d["spec"]["template"]["metadata"].get("labels", {}) for d in deployments]
    found = [rule for d in deployments for rule in lint_deployment(d, accounts)]

    def chosen(selector):
        return [d for d, own in zip(deployments, labels) if selector and selector.items() <= own.items()]
    for item in items:
        spec = item.get("spec", {})
        if item["kind"] == "Service":
            targets = chosen(spec["selector"])
            found += [] if targets else ["dangling-service"]
            names = [p["name"] for d in targets for c in containers_of(d) for p in c.get("ports", [])]
            found += ["invalid-target-ports" for p in spec["ports"] if p["targetPort"] not in names]
        if item["kind"] == "PodDisruptionBudget":
            targets = chosen(spec["selector"].get("matchLabels"))
            found += [] if targets else ["dangling-pdb"]
            found += ["pdb-max-unavailable"] if spec.get("maxUnavailable") == 0 else []
            found += ["pdb-min-available" for d in targets
                      if spec.get("minAvailable", 0) >= d["spec"]["replicas"]]
            if spec.get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
                found.append("pdb-unhealthy-pod-eviction-policy")
        if item["kind"] == "HorizontalPodAutoscaler":
            if spec["scaleTargetRef"]["name"] not in [d["metadata"]["name"] for d in deployments]:
                found.append("dangling-horizontalpodautoscaler")
            found += ["hpa-minimum-replicas"] if spec["minReplicas"] < 3 else []
    policies = [i["spec"]["podSelector"].get("matchLabels", {}) for i in items
                if i["kind"] == "NetworkPolicy"]
    found += ["non-isolated-pod" for own in labels
              if not any(policy.items() <= own.items() for policy in policies)]
    return found


def metric_names() -> set[str]:
    source = (REPO / "src/hearth/serve/metrics.cc").read_text()
    made = re.findall(r'(counters|gauges|gauge|histogram)\(\s*"(hearth_\w+)"', source)
    return {name + ("_bucket" if kind == "histogram" else "") for kind, name in made}


class Kubernetes(unittest.TestCase):
    def test_fields_and_checks(self):
        self.assertGreaterEqual(len(OVERLAYS), 3)
        for folder in [DEPLOY / "kubernetes/base", *OVERLAYS]:
            with self.subTest(folder.name):
                items = render(folder)
                self.assertEqual(wrong_schema(items), [])
                self.assertEqual(lint(items), [])

    @unittest.skipUnless(shutil.which("kubectl"), "no kubectl")
    def test_kubectl_renders_the_same(self):
        for folder in OVERLAYS:
            told = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True)
            if "unknown field" in told.stderr or "apiVersion should be" in told.stderr:
                self.skipTest("a kubectl of before kustomize 4")
            self.assertEqual(told.returncode, 0, told.stderr)
            theirs = {identity(i): i for i in yaml.safe_load_all(told.stdout)}
            self.assertEqual({identity(i): i for i in render(folder)}, theirs, folder.name)

    def test_the_arguments_are_hearths(self):
        shown = hearth("serve", "--help").stdout
        known = set(re.findall(r"--[a-z-]+", shown))
        for folder in OVERLAYS:
            (item,) = [i for i in render(folder) if i["kind"] == "Deployment"]
            (container,) = pod_of(item)["containers"]
            flags = {a.partition("=")[0]: a.partition("=")[2] for a in container["args"][1:]}
            self.assertEqual(set(flags) - known, set())
            stop = 10 + int(flags["--drain-seconds"])
            self.assertGreater(pod_of(item)["terminationGracePeriodSeconds"], stop)
            self.assertEqual(int(flags["--port"]), container["ports"][0]["containerPort"])
            self.assertIs(pod_of(item)["enableServiceLinks"], False)  # HEARTH_PORT=tcp://...
            self.assertIn("--api-keys", flags)

    def test_mutants_are_found(self):
        base = render(DEPLOY / "kubernetes/overlays/multi-replica")

        def of(items, kind):
            return next(i for i in items if i["kind"] == kind)

        def server(items):
            return next(c for c in pod_of(of(items, "Deployment"))["containers"])
        mutants = {
            "a typo in a probe": lambda i: server(i).update(redinessProbe=server(i).pop("readinessProbe")),
            "a port in words and digits": lambda i: server(i)["ports"][0].update(containerPort="9471"),
            "a probe of another port": lambda i: server(i)["livenessProbe"]["httpGet"].update(port="web"),
            "a service of another port": lambda i: of(i, "Service")["spec"]["ports"][0].update(targetPort="web"),
            "a service of nobody": lambda i: of(i, "Service")["spec"].update(selector={"app": "x"}),
            "a selector of nobody": lambda i: of(i, "Deployment")["spec"]["selector"].update(matchLabels={"a": "b"}),
            "a budget of none": lambda i: of(i, "PodDisruptionBudget")["spec"].update(maxUnavailable=0),
            "a budget of all": lambda i: of(i, "PodDisruptionBudget")["spec"].update(minAvailable=3),
            "a budget that waits for the sick": lambda i: of(i, "PodDisruptionBudget")["spec"].update(unhealthyPodEvictionPolicy="IfHealthyBudget"),
            "root": lambda i: pod_of(of(i, "Deployment"))["securityContext"].update(runAsUser=0),
            "a root that may be written": lambda i: server(i)["securityContext"].update(readOnlyRootFilesystem=False),
            "privileges": lambda i: server(i)["securityContext"].update(privileged=True),
            "escalation": lambda i: server(i)["securityContext"].pop("allowPrivilegeEscalation"),
            "capabilities": lambda i: server(i)["securityContext"].update(capabilities={"drop": []}),
            "latest": lambda i: server(i).update(image="hearth:latest"),
            "no tag": lambda i: server(i).update(image="hearth"),
            "no limit of memory": lambda i: server(i)["resources"]["limits"].pop("memory"),
            "no request of CPU": lambda i: server(i)["resources"]["requests"].pop("cpu"),
            "a key in the environment": lambda i: server(i).update(env=[{"name": "API_KEY", "value": "x"}]),
            "the host's network": lambda i: pod_of(of(i, "Deployment")).update(hostNetwork=True),
            "the host's files": lambda i: pod_of(of(i, "Deployment"))["volumes"].append({"name": "h", "hostPath": {"path": "/"}}),
            "no account": lambda i: i.remove(of(i, "ServiceAccount")),
            "no network policy": lambda i: i.remove(of(i, "NetworkPolicy")),
            "all on one machine": lambda i: pod_of(of(i, "Deployment")).pop("affinity"),
            "a scaler of nobody": lambda i: of(i, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"].update(name="x"),
            "a volume that isn't there": lambda i: pod_of(of(i, "Deployment"))["volumes"].pop(),
            "an API of long ago": lambda i: of(i, "PodDisruptionBudget").update(apiVersion="policy/v1beta1"),
        }
        for name, mutate in mutants.items():
            items = copy.deepcopy(base)
            mutate(items)
            self.assertTrue(wrong_schema(items) or lint(items), name)

    def test_the_scaler_counts_a_metric_that_exists(self):
        (scaler,) = load(DEPLOY / "kubernetes/overlays/multi-replica/autoscaler.yaml")
        for metric in scaler["spec"]["metrics"]:
            self.assertIn(metric["pods"]["metric"]["name"], metric_names())


class Alerts(unittest.TestCase):
    def test_they_name_metrics_that_exist(self):
        (rules,) = load(DEPLOY / "prometheus/hearth-rules.yaml")
        alerts = [rule for group in rules["groups"] for rule in group["rules"]]
        self.assertGreaterEqual(len(alerts), 8)
        for rule in alerts:
            self.assertEqual(set(rule) - {"alert", "expr", "for", "labels", "annotations"}, set())
            self.assertIn(rule["labels"]["severity"], ("info", "warning", "critical"))
            self.assertIn("summary", rule["annotations"])
            named = set(re.findall(r"\bhearth_\w+", rule["expr"]))
            self.assertTrue(named or "up{" in rule["expr"], rule["alert"])
            self.assertEqual(named - metric_names(), set(), rule["alert"])


class Unit(unittest.TestCase):
    text = (DEPLOY / "systemd/hearth.service").read_text()

    @unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd")
    def test_systemd_knows_every_word(self):
        with tempfile.TemporaryDirectory() as folder:
            unit = pathlib.Path(folder, "hearth.service")
            unit.write_text(self.text.replace("/usr/bin/hearth", BINARY))
            told = subprocess.run(["systemd-analyze", "verify", "--man=no", unit],
                                  capture_output=True, text=True)
            self.assertEqual((told.returncode, told.stderr), (0, ""))
            safe = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=20",
                                   unit], capture_output=True, text=True)
            self.assertEqual(safe.returncode, 0, safe.stdout[-300:])

    def test_it_ends_after_its_answers(self):
        drain = int(re.search(r"--drain-seconds (\d+)", self.text)[1])
        self.assertGreater(int(re.search(r"TimeoutStopSec=(\d+)", self.text)[1]), drain)


class Container(unittest.TestCase):
    text = (DEPLOY / "container/Containerfile").read_text()

    def test_no_root_and_no_moving_base(self):
        last = self.text[self.text.rindex("\nFROM"):]
        self.assertRegex(last, r"\nUSER [1-9]\d*:[1-9]\d*\n")
        self.assertLess(last.index("USER"), last.index("ENTRYPOINT"))
        for image in re.findall(r"ARG \w+_IMAGE=(\S+)", self.text):
            self.assertRegex(image, r"^debian:12")
        self.assertNotRegex(self.text, r"\nADD |curl |wget|latest")

    @unittest.skipUnless(shutil.which("dpkg-query") and shutil.which("ldd"), "no Debian")
    def test_it_installs_what_the_binary_needs(self):
        """Each library belongs to a package of the list, or to one that such a package depends on."""
        listed = set(re.findall(r"^      ([a-z][a-z0-9+.-]+) \\$", self.text, re.M))
        needed = subprocess.run(["readelf", "-d", BINARY], capture_output=True, text=True, check=True)
        libraries = re.findall(r"NEEDED.*\[(.+?)\]", needed.stdout)
        paths = dict(re.findall(r"(\S+) => (/\S+)", subprocess.run(
            ["ldd", BINARY], capture_output=True, text=True, check=True).stdout))
        self.assertTrue(libraries)
        reached, todo = set(), list(listed)
        while todo:
            package = todo.pop()
            if package in reached:
                continue
            reached.add(package)
            told = subprocess.run(["dpkg-query", "-W", "-f", "${Depends}", package],
                                  capture_output=True, text=True).stdout
            todo += re.findall(r"(?:^|, )([a-z0-9][a-z0-9+.-]+)", told)
        for library in libraries:
            if library not in paths:
                continue  # the loader itself
            owner = ""
            for path in (paths[library], "/usr" + paths[library],
                         str(pathlib.Path(paths[library]).resolve())):
                owner = owner or subprocess.run(["dpkg-query", "-S", path], capture_output=True,
                                                text=True).stdout.partition(":")[0]
            self.assertIn(owner, reached, f"{library} of {paths[library]}")


if __name__ == "__main__":
    sys.exit(run_script("deploy"))
