"""A version of a policy for reading: in words, checked, and tried out."""

from typing import Any

from django.http import HttpRequest

from breakglass.errors import PolicyViolation
from breakglass.models import Policy, User
from breakglass.queries import policies as queries
from breakglass.queries.requests import trials
from breakglass.rules.policy_changes import changes
from breakglass.services.tenancy import policies, proposals
from portal.admin.policy_tiers import is_draft
from portal.forms.gates import TierWords, group_names, in_words
from portal.forms.policies import terms_in_words
from portal.forms.policy_changes import change_in_words
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


def differing(policy: Policy) -> dict[str, Any]:
    """Returns what publishing this draft would change, against the current version."""
    latest = queries.current(tenant=policy.tenant)
    names = group_names(policy) | (group_names(latest) if latest else {})
    found = changes(
        before=queries.as_rules(policy=latest) if latest else None,
        after=queries.as_rules(policy=policy),
    )
    return {
        "changes": [change_in_words(one, names=names) for one in found],
        "current_version": latest.version if latest else None,
    }


def proposing(policy: Policy, viewer: User) -> dict[str, Any]:
    """Returns how far a draft is that two admins have to agree on, for one of them."""
    if not policy.tenant.policy_needs_second_admin:
        return {}
    stands = proposals.stands(policy=policy)
    return {
        "needs_another": True,
        "is_void": policy.proposed_by is not None and not stands,
        "waits_for_another": stands and policy.proposed_by == viewer,
        "may_confirm": stands and policy.proposed_by != viewer,
        "proposal": proposals.digest_of(policy=policy).hex(),
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
