"""Snippets to copy: what makes a pipeline ask, filled with the gate's own values."""

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import dedent, indent
from typing import Final

from django.utils.translation import gettext as _

from breakglass.states import GateKind
from portal.http.gates import cluster_recipes

EXAMPLE_SERVICE: Final = "checkout"

# No backslash but at the end of a line: a Jenkinsfile would read it first.
_ASK: Final = """\
answer=$(echo 'header = "Authorization: Bearer '"$BREAKGLASS_TOKEN"'"' |
  curl -q --config - --silent --show-error --fail --max-time 5 \\
    --header 'Content-Type: application/json' --data '{"gate": "%(gate)s",
      "service": "'"$SERVICE"'", "branch": "'"$BRANCH"'",
      "deploy_id": "'"$DEPLOY_ID"'"}' '%(url)s') || answer=''
case $answer in
  '{"decision":"bypass",'*) echo "Bypassed, on record: $answer" ;;
  *) echo "The gate holds. ${answer:-breakglass gave no clear answer.}" >&2; exit 1 ;;
esac
"""
_SHELL: Final = """\
#!/bin/sh
set -eu
./policy-check && exit 0   # your own check; only its exit status counts
SERVICE=%(service)s
BRANCH=$(git branch --show-current)
DEPLOY_ID=deploy-$(date +%%s)-$$
"""
_GITHUB: Final = """\
- name: Policy check
  id: policy
  continue-on-error: true
  run: ./policy-check   # your own check; only its exit status counts
- name: Ask breakglass
  if: steps.policy.outcome == 'failure'
  env:
    BREAKGLASS_TOKEN: ${{ secrets.BREAKGLASS_TOKEN }}
    SERVICE: %(service)s
    BRANCH: ${{ github.head_ref || github.ref_name }}
    DEPLOY_ID: gha-${{ github.run_id }}-${{ github.run_attempt }}
  run: |
"""
_GITLAB: Final = """\
policy-gate:
  stage: deploy
  variables:
    SERVICE: %(service)s
  script:
    - |
      ./policy-check && exit 0   # your own check; only its exit status counts
      BRANCH=$CI_COMMIT_REF_NAME
      DEPLOY_ID=gitlab-$CI_PIPELINE_ID-$CI_JOB_ID
"""
_JENKINS: Final = """\
stage('Policy gate') {
  environment {
    BREAKGLASS_TOKEN = credentials('breakglass-token')
    SERVICE = '%(service)s'
  }
  steps {
    sh '''
      ./policy-check && exit 0   # your own check; only its exit status counts
      BRANCH=${BRANCH_NAME:-}
      DEPLOY_ID=jenkins-$(date +%%s)-$BUILD_NUMBER
"""
_ARGO: Final = """\
apiVersion: batch/v1
kind: Job
metadata:
  generateName: policy-gate-
  annotations:
    argocd.argoproj.io/hook: PreSync
    argocd.argoproj.io/hook-delete-policy: BeforeHookCreation
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: policy-gate
          image: registry.example/policy-check   # your check, with sh and curl
          env:
            - name: BREAKGLASS_TOKEN
              valueFrom: {secretKeyRef: {name: breakglass, key: token}}
            - name: SERVICE
              value: %(service)s
            - name: BRANCH
              value: ""
            - name: DEPLOY_ID
              valueFrom: {fieldRef: {fieldPath: metadata.uid}}
          command: [sh, -c]
          args:
            - |
              ./policy-check && exit 0   # only its exit status counts
"""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to copy, where it goes, and where the token is kept."""

    text: str
    where: str
    secret: str


def recipe(*, kind: str, base_url: str, gate: str, service: str = "") -> Recipe:
    """Returns the snippet for one kind of gate; it never holds a token."""
    words = {
        "gate": gate,
        "service": service or EXAMPLE_SERVICE,
        "url": f"{base_url}/api/v1/decisions",
    }
    ask = _ASK % words
    match GateKind(kind):
        case GateKind.GITHUB_ACTIONS:
            return Recipe(
                _GITHUB.replace("%(service)s", words["service"]) + indent(ask, " " * 4),
                _("Into the steps of the job that deploys, before the deploy."),
                _("Store it as the secret BREAKGLASS_TOKEN of the environment."),
            )
        case GateKind.GITLAB_CI:
            return Recipe(
                _GITLAB % words + indent(ask, " " * 6),
                _("Into .gitlab-ci.yml, as a job that the deploy needs."),
                _("Store it as the masked, protected CI/CD variable BREAKGLASS_TOKEN."),
            )
        case GateKind.JENKINS:
            return Recipe(
                _JENKINS % words + indent(ask, " " * 6) + "    '''\n  }\n}\n",
                _("Into the Jenkinsfile, as the stage before the deploy."),
                _("Store it as the “secret text” credential breakglass-token."),
            )
        case GateKind.ARGO_CD:
            return Recipe(
                _ARGO % words + indent(ask, " " * 14),
                _("Beside the manifests of the application: it runs before each sync."),
                _("Store it as the key “token” of the Secret “breakglass”."),
            )
        case GateKind.SHELL:
            return Recipe(
                _SHELL % words + ask,
                _("Before whatever deploys; it ends with 0 when the deploy may go on."),
                _("Store it as the environment variable BREAKGLASS_TOKEN."),
            )
        case other:
            return _of_cluster(other, words={**words, "base": base_url})


def _of_cluster(kind: GateKind, *, words: Mapping[str, str]) -> Recipe:
    text = cluster_recipes.filled(kind, words=words)
    if kind is GateKind.OPA:
        return Recipe(
            text,
            _("Beside the policy that allows deploys."),
            _("Give the token to OPA as the environment variable BREAKGLASS_TOKEN."),
        )
    return Recipe(
        text,
        _("Apply it to the cluster, and label the namespaces that the gate guards."),
        _("Put the token in place of BREAKGLASS_TOKEN, and only in the cluster."),
    )


def dry_run_call(*, base_url: str, gate: str, service: str = "") -> str:
    """Returns a call that asks without opening or recording anything: a dry run."""
    return dedent(f"""\
        curl -sS {base_url}/api/v1/decisions \\
          -H "Authorization: Bearer $BREAKGLASS_TOKEN" \\
          -H "Content-Type: application/json" \\
          -d '{{"gate": "{gate}", "service": "{service or EXAMPLE_SERVICE}",
               "deploy_id": "test-call", "dry_run": true}}'
        """)


def end_call(*, base_url: str) -> str:
    """Returns the call that reports how a deploy ended."""
    return dedent(f"""\
        curl -sS -X PATCH {base_url}/api/v1/deploys/$DEPLOY_ID \\
          -H "Authorization: Bearer $BREAKGLASS_TOKEN" \\
          -H "Content-Type: application/json" -d '{{"state": "succeeded"}}'
        """)
