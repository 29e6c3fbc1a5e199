"""What makes a cluster or a policy engine ask: files to apply, in its own language."""

import re
from collections.abc import Mapping
from typing import Final

from breakglass.states import GateKind

KUBERNETES: Final = """\
# Who may read this object reads the token: RBAC must not let everybody.
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata:
  name: "breakglass-%(name)s"
webhooks:
  - name: gate.breakglass.example
    admissionReviewVersions: [v1]
    sideEffects: NoneOnDryRun
    failurePolicy: Fail
    timeoutSeconds: 5
    clientConfig:
      url: %(base)s/api/v1/kubernetes/admission/BREAKGLASS_TOKEN
      # caBundle: the portal's CA in base64, where it is not a public one
    namespaceSelector:
      matchLabels: {breakglass-gate: "%(name)s"}
    rules:
      - apiGroups: [apps, batch]
        apiVersions: [v1]
        operations: [CREATE, UPDATE]
        resources: [deployments, statefulsets, daemonsets, cronjobs, jobs]
        scope: Namespaced
    matchConditions:
      - name: something-is-deployed
        expression: request.operation == 'CREATE' || object.spec != oldObject.spec
      # One more, for objects that your own policy allows: those ask nobody.
"""
GATEKEEPER: Final = """\
# Who may read this object reads the token: RBAC must not let everybody.
apiVersion: externaldata.gatekeeper.sh/v1beta1
kind: Provider
metadata:
  name: breakglass
spec:
  url: %(base)s/api/v1/gatekeeper/BREAKGLASS_TOKEN
  timeout: 2
  caBundle: THE_CA_IN_BASE64
---
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata:
  name: breakglassgate
spec:
  crd:
    spec:
      names: {kind: BreakglassGate}
  targets:
    - target: admission.k8s.gatekeeper.sh
      rego: |
        package breakglassgate

        metadata := input.review.object.metadata
        labels := object.get(metadata, "labels", {})
        service := object.get(labels, "app.kubernetes.io/name", "")
        annotations := object.get(metadata, "annotations", {})
        branch := object.get(annotations, "breakglass/branch", "")

        # The last part is a digest. Left empty, a bypass of one artefact is no yes.
        parts := ["%(gate)s", service, branch, ""]
        key := concat("|", [urlquery.encode(part) | part := parts[_]])
        answer := external_data({"provider": "breakglass", "keys": [key]})

        bypassed {
          answer.status_code == 200
          answer.system_error == ""
          count(answer.errors) == 0
          response := answer.responses[_]
          response[0] == key
          response[1].mode == "bypass"
        }

        default said = "breakglass gave no answer."

        said = text {
          text := answer.responses[_][1].message
        }

        violation[{"msg": msg}] {
          not bypassed
          msg := concat("", ["The gate holds. ", said])
        }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: BreakglassGate
metadata:
  name: "%(name)s"
spec:
  match:
    namespaceSelector:
      matchLabels: {breakglass-gate: "%(name)s"}
    kinds:
      - apiGroups: [apps]
        kinds: [Deployment, StatefulSet, DaemonSet]
"""
KYVERNO: Final = """\
# Who may read this object reads the token: RBAC must not let everybody.
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata:
  name: "breakglass-%(name)s"
spec:
  background: false
  validationFailureAction: Enforce
  rules:
    - name: ask-breakglass
      match:
        any:
          - resources:
              kinds: [Deployment, StatefulSet, DaemonSet]
              operations: [CREATE, UPDATE]
              namespaceSelector:
                matchLabels: {breakglass-gate: "%(name)s"}
      context:
        - name: answer
          apiCall:
            method: POST
            service:
              url: %(base)s/api/v1/kyverno/BREAKGLASS_TOKEN
            data:
              - key: service
                value: >-
                  {{ request.object.metadata.labels."app.kubernetes.io/name" || '' }}
              - key: images
                value: >-
                  {{ request.object.spec.template.spec.[initContainers,
                  containers][].image }}
            default: {mode: enforce, message: breakglass gave no answer.}
      validate:
        message: "The gate holds. {{ answer.message }}"
        deny:
          conditions:
            any:
              - key: "{{ answer.mode }}"
                operator: NotEquals
                value: bypass
"""
OPA: Final = """\
# Add `bypassed` to the rules that allow a deploy; its input has service, branch and
# deploy_id. A dry run: a policy may be evaluated at any time. Never set force_cache.
package breakglass

import rego.v1

answer := http.send({
	"method": "POST",
	"url": "%(base)s/api/v1/decisions",
	"headers": {
		"Content-Type": "application/json",
		"Authorization": concat(" ", ["Bearer", opa.runtime().env.BREAKGLASS_TOKEN]),
	},
	"body": {
		"gate": "%(gate)s",
		"service": object.get(input, "service", "%(service)s"),
		"branch": object.get(input, "branch", ""),
		"deploy_id": input.deploy_id,
		"dry_run": true,
	},
	"timeout": "2s",
	"raise_error": false,
})

default bypassed := false

bypassed if {
	answer.status_code == 200
	answer.body.decision == "bypass"
	time.parse_rfc3339_ns(answer.body.expires_at) > time.now_ns()
}
"""

TEXTS: Final[Mapping[GateKind, str]] = {
    GateKind.KUBERNETES: KUBERNETES,
    GateKind.GATEKEEPER: GATEKEEPER,
    GateKind.KYVERNO: KYVERNO,
    GateKind.OPA: OPA,
}

_ODD: Final = re.compile(r"[^a-z0-9]+")
_NAME_MAX: Final = 40


def filled(kind: GateKind, *, words: Mapping[str, str]) -> str:
    """
    Returns the files of one kind; `words` are the base, the gate and the service.

    Kubernetes allows fewer characters in names and labels than a gate's name has.
    """
    name = _ODD.sub("-", words["gate"].lower())[:_NAME_MAX].strip("-") or "gate"
    return TEXTS[kind] % {**words, "name": name}
