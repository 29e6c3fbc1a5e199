"""
What the APIs of Kubernetes, Gatekeeper and Kyverno take, as far as our recipes go.

Written from their references; a field that is not here is one that no recipe uses, or a
misspelt one.
"""

TEXT = {"type": "string", "minLength": 1}
TEXTS = {"type": "array", "items": TEXT, "minItems": 1}
NAME = {"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"}
URL = {"type": "string", "pattern": "^https://[^?#@]+$"}


def shape(required, **optional):
    """An object with these fields and no others."""
    return {
        "type": "object",
        "properties": {**required, **optional},
        "required": list(required),
        "additionalProperties": False,
    }


def listed(of):
    return {"type": "array", "items": of, "minItems": 1}


def document(version, kind, **fields):
    return shape(
        {
            "apiVersion": {"const": version},
            "kind": {"const": kind},
            "metadata": shape({"name": NAME}),
            **fields,
        }
    )


LABELS = shape(
    {
        "matchLabels": {
            "type": "object",
            "additionalProperties": {
                "type": "string",
                "pattern": "^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$",
            },
        }
    }
)
WEBHOOK = shape(
    {
        # A domain of three parts or more, as the API server demands.
        "name": {"type": "string", "pattern": r"^[a-z0-9-]+(\.[a-z0-9-]+){2,}$"},
        "admissionReviewVersions": {"type": "array", "contains": {"const": "v1"}},
        "sideEffects": {"enum": ["None", "NoneOnDryRun"]},
        "clientConfig": shape({"url": URL}, caBundle=TEXT),
        "rules": listed(
            shape(
                {
                    "apiGroups": TEXTS,
                    "apiVersions": TEXTS,
                    "operations": listed({"enum": ["CREATE", "UPDATE"]}),
                    "resources": TEXTS,
                },
                scope={"enum": ["Namespaced", "Cluster", "*"]},
            )
        ),
    },
    failurePolicy={"const": "Fail"},
    timeoutSeconds={"type": "integer", "minimum": 1, "maximum": 30},
    namespaceSelector=LABELS,
    matchConditions=listed(shape({"name": NAME, "expression": TEXT})),
)
TEMPLATE = shape(
    {
        "crd": shape({"spec": shape({"names": shape({"kind": TEXT})})}),
        "targets": listed(
            shape({"target": {"const": "admission.k8s.gatekeeper.sh"}, "rego": TEXT})
        ),
    }
)
CALL = shape(
    {
        "method": {"const": "POST"},
        "service": shape({"url": URL}, caBundle=TEXT),
        "data": listed(shape({"key": TEXT, "value": TEXT})),
        "default": shape({"mode": {"const": "enforce"}, "message": TEXT}),
    }
)
CONDITION = shape({"key": TEXT, "operator": {"const": "NotEquals"}, "value": TEXT})
RULE = shape(
    {
        "name": NAME,
        "match": shape(
            {
                "any": listed(
                    shape(
                        {
                            "resources": shape(
                                {"kinds": TEXTS, "operations": TEXTS},
                                namespaceSelector=LABELS,
                            )
                        }
                    )
                )
            }
        ),
        "context": listed(shape({"name": NAME, "apiCall": CALL})),
        "validate": shape(
            {
                "message": TEXT,
                "deny": shape({"conditions": shape({"any": listed(CONDITION)})}),
            }
        ),
    }
)
SCHEMAS = {
    "kubernetes": [
        document(
            "admissionregistration.k8s.io/v1",
            "ValidatingWebhookConfiguration",
            webhooks=listed(WEBHOOK),
        )
    ],
    "gatekeeper": [
        document(
            "externaldata.gatekeeper.sh/v1beta1",
            "Provider",
            spec=shape(
                {"url": URL, "timeout": {"type": "integer", "minimum": 1}},
                caBundle=TEXT,
            ),
        ),
        document("templates.gatekeeper.sh/v1", "ConstraintTemplate", spec=TEMPLATE),
        document(
            "constraints.gatekeeper.sh/v1beta1",
            "BreakglassGate",
            spec=shape(
                {
                    "match": shape(
                        {"kinds": listed(shape({"apiGroups": TEXTS, "kinds": TEXTS}))},
                        namespaceSelector=LABELS,
                    )
                }
            ),
        ),
    ],
    "kyverno": [
        document(
            "kyverno.io/v1",
            "ClusterPolicy",
            spec=shape(
                {
                    "background": {"const": False},
                    "validationFailureAction": {"const": "Enforce"},
                    "rules": listed(RULE),
                }
            ),
        )
    ],
}
