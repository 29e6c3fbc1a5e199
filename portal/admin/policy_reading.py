"""A version of a policy for reading: in words, checked, and tried out."""

from typing import Any

from django.http import HttpRequest

from breakglass.errors import PolicyViolation
from breakglass.models import Policy
from breakglass.queries import policies as queries
from breakglass.queries import trials
from breakglass.services import policies
from portal.admin.policy_tiers import is_draft
from portal.forms.gates import TierWords, group_names, in_words
from portal.forms.policies import terms_in_words
from portal.forms.policy_trials import PREFIX, TrialForm
from portal.http.errors import sentence


def reading(policy: Policy) -> dict[str, Any]:
    """Returns its tiers in words, its findings and the number it has or would get."""
    rules = queries.as_rules(policy=policy)
    names = group_names(policy)
    words: list[TierWords] = [in_words(tier, names=names) for tier in rules.tiers]
    findings = policies.check(policy=policy) if is_draft(policy) else ()
    latest = queries.current_version(tenant=policy.tenant)
    return {
        "tiers": words,
        "findings": findings,
        "blocked": any(finding.level == "error" for finding in findings),
        "is_draft": is_draft(policy),
        "next_version": (latest or 0) + 1,
    }


def trying(request: HttpRequest, policy: Policy) -> dict[str, Any]:
    """Returns the "Try it" form, and what this very version makes of what it asks."""
    asked = request.GET if f"{PREFIX}-gate" in request.GET else None
    form = TrialForm(asked, tenant=policy.tenant)
    context: dict[str, Any] = {"try_form": form}
    if not form.is_valid():
        return context
    try:
        found = trials.trial(
            policy=policy,
            gate=form.cleaned_data["gate"],
            scope=form.scope,
            impact=form.cleaned_data["impact"],
            requester=form.cleaned_data["requester"],
        )
    except PolicyViolation as error:
        return {**context, "trial_refused": sentence(error)}
    return {**context, "trial": found, "trial_terms": terms_in_words(found.tier)}
